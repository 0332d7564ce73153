"""What the intake page shows, made from what was counted: values and the geometry of the chart.

Pure. Reading the counts is `archive.store.arrivals`, HTTP is `ingest.pages`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from archive.store.arrivals import Arrivals, Swept
from archive.store.refusals import Refused

CHART_HEIGHT = 96
MAX_SERIES = 5
OTHERS = ""
"""The series into which the small sources beyond MAX_SERIES are put together; the page has a word for it."""

_SHADES = ("1", "0.68", "0.46", "0.3", "0.2", "0.12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of the installation's time zone: its bounds and hours, 23 to 25 of them."""

    day: date
    start: datetime
    end: datetime
    hours: tuple[datetime, ...]

    @classmethod
    def of(cls, day: date, zone: ZoneInfo) -> "Day":
        """The day of a date."""
        start, end = (datetime.combine(day + timedelta(days=n), time(), zone) for n in (0, 1))
        count = round((end.timestamp() - start.timestamp()) / 3600)
        hours = tuple(datetime.fromtimestamp(start.timestamp() + 3600 * n, zone) for n in range(count))
        return cls(day=day, start=start, end=end, hours=hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One source's part of a bar: where it stands, in pixels from the top."""

    source: str
    count: int
    y: float
    height: float
    shade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour: `x` and `width` are percentages of the chart."""

    hour: datetime
    label: str
    x: float
    width: float
    count: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Pushes by hour and source: bars stacked in the order of `series`, the busiest source at the bottom."""

    series: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    top: int
    total: int

    @property
    def busy(self) -> tuple[Bar, ...]:
        """The hours in which something came, for the table."""
        return tuple(bar for bar in self.bars if bar.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One source: how much was kept and when last, and what was refused by reason (empty where one may not know)."""

    source: str
    kept: int
    last_at: datetime | None
    refused: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One unsure link: a contact, a customer it may belong to, and the kinds of evidence."""

    interaction_id: UUID
    company: str
    channel: str
    started_at: datetime
    queue: str | None
    customer_number: str
    customer_name: str | None
    evidence: tuple[str, ...]
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One job that failed for good; `reason` is a message id where it is one of ours."""

    id: UUID
    work: str
    interaction_id: UUID | None
    company: str | None
    reason: str
    attempts: int
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePage:
    """Everything on the page.

    `refused` and `swept` are None for an actor who is not granted every company, `inbox` for one who may not decide
    about links.
    """

    day: date
    earlier_url: str
    later_url: str | None
    chart: Chart
    chart_height: int
    sources: tuple[SourceLine, ...]
    refused: int | None
    swept: Swept | None
    waiting: int
    failed: int
    unlinked: int
    unlinked_days: int
    inbox: tuple[Suggestion, ...] | None
    unsure: int
    letters: tuple[Letter, ...]
    letter_count: int


def chart(day: Day, arrivals: Sequence[Arrivals]) -> Chart:
    """The chart of a day."""
    by_source: Counter[str] = Counter()
    by_hour: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for one in arrivals:
        by_source[one.source] += one.count
        by_hour[one.hour.timestamp()][one.source] += one.count
    shown = [source for source, _ in by_source.most_common(MAX_SERIES)]
    series = shown + ([OTHERS] if len(by_source) > len(shown) else [])
    shades = dict(zip(series, _SHADES, strict=False))
    stacks = [_stack(by_hour[hour.timestamp()], shades) for hour in day.hours]
    top = max((sum(stack.values()) for stack in stacks), default=0)
    step = 100 / len(day.hours)
    bars = tuple(
        Bar(
            hour=hour,
            label=f"{hour:%H}",
            x=round(step * place + step * 0.12, 3),
            width=round(step * 0.76, 3),
            count=sum(stack.values()),
            blocks=_blocks(stack, shades, top),
        )
        for place, (hour, stack) in enumerate(zip(day.hours, stacks, strict=True))
    )
    return Chart(series=tuple(shades.items()), bars=bars, top=top, total=sum(by_source.values()))


def _stack(counts: Mapping[str, int], shades: Mapping[str, str]) -> dict[str, int]:
    stack: Counter[str] = Counter()
    for source, count in counts.items():
        stack[source if source in shades else OTHERS] += count
    return {source: stack[source] for source in shades if stack[source]}


def _blocks(stack: Mapping[str, int], shades: Mapping[str, str], top: int) -> tuple[Block, ...]:
    levels = [0]
    for count in stack.values():
        levels.append(levels[-1] + count)
    scale = CHART_HEIGHT / top if top else 0
    return tuple(
        Block(
            source=source,
            count=count,
            y=round(CHART_HEIGHT - high * scale, 2),
            height=round((high - low) * scale, 2),
            shade=shades[source],
        )
        for (source, count), (low, high) in zip(stack.items(), pairwise(levels), strict=True)
    )


def source_lines(
    arrivals: Iterable[Arrivals], last: Mapping[str, datetime], refused: Iterable[Refused]
) -> tuple[SourceLine, ...]:
    """Every source that sent something lately or was refused today, by name."""
    kept: Counter[str] = Counter()
    for one in arrivals:
        kept[one.source] += one.count
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for no in refused:
        reasons[no.source][no.code] += no.count
    return tuple(
        SourceLine(
            source=source,
            kept=kept[source],
            last_at=last.get(source),
            refused=tuple(sorted(reasons[source].items())),
        )
        for source in sorted({*kept, *last, *reasons})
    )
