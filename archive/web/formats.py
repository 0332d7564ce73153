"""How times, durations, numbers and sizes are written in each language.

All functions are pure. Times come in as aware datetimes and are shown in the installation's time zone.
"""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from archive.web.i18n import Language

_THIS_YEAR = {Language.FI: "ccc d.M. HH.mm", Language.SV: "ccc d.M HH.mm", Language.EN: "ccc d MMM HH:mm"}
_OTHER_YEAR = {Language.FI: "d.M.yyyy HH.mm", Language.SV: "d.M.yyyy HH.mm", Language.EN: "d MMM yyyy HH:mm"}
_DAY = {Language.FI: "d.M.yyyy", Language.SV: "d.M.yyyy", Language.EN: "d MMM yyyy"}
_CLOCK = {Language.FI: "HH.mm", Language.SV: "HH.mm", Language.EN: "HH:mm"}
_EXACT = {
    Language.FI: "cccc d. MMMM yyyy 'klo' HH.mm.ss z",
    Language.SV: "cccc 'den' d MMMM yyyy 'kl.' HH.mm.ss z",
    Language.EN: "cccc d MMMM yyyy HH:mm:ss z",
}
_UNITS = {
    Language.FI: ("t", "kt", "Mt", "Gt"),
    Language.SV: ("B", "kB", "MB", "GB"),
    Language.EN: ("B", "kB", "MB", "GB"),
}
_MINUTE_S = 60
_HOUR_S = 3600
_STEP = 1000
_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """The ways of writing of one language in one time zone."""

    language: Language
    zone: ZoneInfo

    def _written(self, moment: datetime, pattern: str) -> str:
        return str(format_datetime(moment, pattern, tzinfo=self.zone, locale=self.language.locale))

    def when(self, moment: datetime) -> str:
        """A time as short as can be: `ti 24.11. 09.15`, with the year instead of the weekday in other years."""
        this_year = moment.astimezone(self.zone).year == datetime.now(self.zone).year
        return self._written(moment, (_THIS_YEAR if this_year else _OTHER_YEAR)[self.language])

    def exact(self, moment: datetime) -> str:
        """The whole time with seconds and zone, for a title."""
        return self._written(moment, _EXACT[self.language])

    def time(self, moment: datetime | None) -> Markup:
        """A `<time>` element: short text, exact title, machine-readable value; a dash for no time."""
        if moment is None:
            return Markup('<span class="muted">–</span>')
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(), self.exact(moment), self.when(moment)
        )

    def day_text(self, moment: date | datetime) -> str:
        """A date alone: `24.11.2026`."""
        local = moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment
        return str(format_date(local, _DAY[self.language], locale=self.language.locale))

    def day(self, moment: date | datetime | None) -> Markup:
        """A date alone as a `<time>` element; a dash for none."""
        if moment is None:
            return Markup('<span class="muted">–</span>')
        local = moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment
        return Markup('<time datetime="{}">{}</time>').format(local.isoformat(), self.day_text(local))

    def clock(self, moment: datetime) -> Markup:
        """The time of day alone, `09.15`, as a `<time>` element with the exact time in its title."""
        written = self._written(moment, _CLOCK[self.language])
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(), self.exact(moment), written
        )

    def weekday(self, moment: datetime) -> Markup:
        """A whole day with its weekday, as a `<time>` element: `tiistai 24. marraskuuta 2026`."""
        day = moment.astimezone(self.zone).date()
        return Markup('<time datetime="{}">{}</time>').format(
            day.isoformat(), format_date(day, "full", locale=self.language.locale)
        )

    def duration(self, seconds: float | None) -> str:
        """`m.ss`, or `h.mm.ss` from an hour on; a dash for none. English writes colons."""
        if seconds is None:
            return "–"
        whole = round(seconds)
        mark = ":" if self.language is Language.EN else "."
        hours, rest = divmod(whole, _HOUR_S)
        minutes, left = divmod(rest, _MINUTE_S)
        return f"{hours}{mark}{minutes:02}{mark}{left:02}" if hours else f"{minutes}{mark}{left:02}"

    def number(self, value: float | None) -> str:
        """A number with the language's group and decimal marks; a dash for none."""
        return "–" if value is None else str(format_decimal(value, locale=self.language.locale))

    def percent(self, share: float) -> str:
        """A share of 0 to 1 as a percentage."""
        return str(format_percent(share, locale=self.language.locale))

    def size(self, size_bytes: int) -> str:
        """Bytes in thousands, with one decimal from kilobytes on."""
        value, place = float(size_bytes), 0
        units = _UNITS[self.language]
        while value >= _STEP and place < len(units) - 1:
            value, place = value / _STEP, place + 1
        pattern = "#,##0.#" if place else "#,##0"
        return f"{format_decimal(value, pattern, locale=self.language.locale)}\N{NO-BREAK SPACE}{units[place]}"

    @staticmethod
    def digest(text: str, shown: int = _DIGEST_SHOWN) -> Markup:
        """An id or digest in monospace, shortened, with the whole in its title."""
        short = text if len(text) <= shown else f"{text[:shown]}…"
        return Markup('<code class="digest" title="{}">{}</code>').format(escape(text), short)
