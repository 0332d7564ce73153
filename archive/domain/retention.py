"""How long a contact is kept: periods, rules, the rule that wins, and the date it gives.

Pure values, needed by the receipt of a push as well as by disposal. Holds and today's date are not known here:
whether something goes *now* is decided in ``retention.policy``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final

from dateutil.relativedelta import relativedelta

_PERIOD = re.compile(
    r"P(?:(?P<weeks>\d{1,5})W|(?:(?P<years>\d{1,5})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<days>\d{1,5})D)?)"
)
_LONGEST = relativedelta(years=100)
_REFERENCE = datetime(2000, 1, 1, tzinfo=UTC)
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)


class Trigger(StrEnum):
    """The event from which a keep period is counted."""

    INTERACTION_END = "interaction_end"
    CASE_CLOSED = "case_closed"
    CONTRACT_END = "contract_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A length of calendar time. Months and years follow the calendar, not a count of days."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if min(self.years, self.months, self.weeks, self.days) < 0:
            raise ValueError("a keep period cannot be negative")
        if self.weeks and (self.years or self.months or self.days):
            raise ValueError("weeks stand alone in a keep period")
        if not any((self.years, self.months, self.weeks, self.days)):
            raise ValueError("a keep period cannot be empty")
        if self.after(_REFERENCE, UTC) > _REFERENCE + _LONGEST:
            raise ValueError("a keep period is at most 100 years")

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read the date part of an ISO 8601 duration, such as P24M, P2Y, P1Y6M, P6W or P90D.

        Source: ISO 8601-1:2019, 5.5.2.3 (weeks stand alone) and 5.5.2.2 (units from large to small).

        Raises:
            ValueError: the text is no such duration, is zero, or is longer than 100 years.
        """
        found = _PERIOD.fullmatch(text) if text.isascii() else None
        if found is None or text == "P":
            raise ValueError("a keep period is written like P24M, P2Y, P1Y6M, P6W or P90D")
        return cls(**{unit: int(count) for unit, count in found.groupdict(default="0").items()})

    def __str__(self) -> str:
        units = ((self.years, "Y"), (self.months, "M"), (self.weeks, "W"), (self.days, "D"))
        return "P" + "".join(f"{count}{letter}" for count, letter in units if count)

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The end of the period that starts at ``moment``: by the calendar of ``zone``, same local time of day, in UTC.

        A day the last month lacks becomes that month's last day (Regulation 1182/71, Article 3(2)(c)). Where clocks
        are changed at that time of day, the later reading is given, so that nothing ends an hour too early. Beyond
        the calendar's end the last day of year 9999 is given.
        """
        try:
            local = moment.astimezone(zone) + _step(self)
            return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        except (OverflowError, ValueError):
            return _END_OF_TIME


@lru_cache(maxsize=256)
def _step(period: Period) -> relativedelta:
    """A period as dateutil adds it; few rules date many contacts."""
    return relativedelta(years=period.years, months=period.months, weeks=period.weeks, days=period.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One retention policy. A selector that is None matches everything."""

    name: str
    company: str | None
    channel: str | None
    category: str | None
    keep: Period
    trigger: Trigger = Trigger.INTERACTION_END

    def matches(self, *, company: str, channel: str, category: str | None) -> bool:
        """Whether a contact with these facts is under this rule."""
        return (
            self.company in (None, company)
            and self.channel in (None, channel)
            and (self.category is None or self.category == category)
        )

    @property
    def selectors(self) -> tuple[str | None, str | None, str | None]:
        """What the rule asks of a contact: company, channel, category."""
        return (self.company, self.channel, self.category)

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """How specific the rule is; the greater rank wins.

        Category says most about why a contact is kept, so it outweighs channel, and channel outweighs company. Two
        rules can then only tie when their selectors are identical.
        """
        return (self.category is not None, self.channel is not None, self.company is not None)


def choose(rules: Iterable[Rule], *, company: str, channel: str, category: str | None) -> Rule | None:
    """The most specific rule that matches, or None: without a rule a contact is kept without a date."""
    matching = [rule for rule in rules if rule.matches(company=company, channel=channel, category=category)]
    return max(matching, key=lambda rule: (rule.rank, rule.name), default=None)


def tied_with(rule: Rule, others: Iterable[Rule]) -> Rule | None:
    """The rule of another name that no contact could tell from this one, if there is one."""
    return next((other for other in others if other.name != rule.name and other.selectors == rule.selectors), None)


def retain_until(
    rule: Rule | None,
    ended_at: datetime,
    zone: tzinfo,
    *,
    case_closed_at: datetime | None = None,
    contract_ended_at: datetime | None = None,
) -> datetime | None:
    """The first moment at which the contact may be destroyed, in UTC; ``zone`` is where its calendar is read.

    None means kept without a date: no rule matches, or the event that starts the rule's period has not happened. A
    trigger never starts before the contact itself has ended.
    """
    if ended_at.tzinfo is None:
        raise ValueError("the end of a contact needs its zone")
    if rule is None:
        return None
    starts = {
        Trigger.INTERACTION_END: ended_at,
        Trigger.CASE_CLOSED: case_closed_at,
        Trigger.CONTRACT_END: contract_ended_at,
    }[rule.trigger]
    return None if starts is None else rule.keep.after(max(starts, ended_at), zone)


AWAITED: Final = (
    "The archive does not record this event yet: contacts under this policy are kept without a date until it is known."
)


def awaited(rule: Rule) -> str | None:
    """What is to be told of a rule whose period starts with an event that no contact has yet; pages translate it."""
    return None if rule.trigger is Trigger.INTERACTION_END else AWAITED


class Why(StrEnum):
    """The sentence that explains a date, in English with named places; pages translate it."""

    NO_POLICY = "No policy matches this contact: it is kept without a date until one does."
    COUNTED = "Policy %(policy)s keeps this contact for %(keep)s after it ended. It may be destroyed from %(until)s."
    CASE_COUNTED = (
        "Policy %(policy)s keeps this contact for %(keep)s after its case closed. It may be destroyed from %(until)s."
    )
    CONTRACT_COUNTED = (
        "Policy %(policy)s keeps this contact for %(keep)s after the contract ended. "
        "It may be destroyed from %(until)s."
    )
    CASE_OPEN = (
        "Policy %(policy)s keeps this contact for %(keep)s after its case closes. "
        "Until that is known, it is kept without a date."
    )
    CONTRACT_OPEN = (
        "Policy %(policy)s keeps this contact for %(keep)s after the contract ends. "
        "Until that is known, it is kept without a date."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a contact has its date: the sentence to translate and what to fill it with."""

    why: Why
    policy: str | None = None
    keep: Period | None = None
    until: datetime | None = None

    @property
    def english(self) -> str:
        """The sentence for answers of the API, with ISO 8601 values in it."""
        until = "" if self.until is None else self.until.isoformat(timespec="seconds").replace("+00:00", "Z")
        return self.why.value % {"policy": self.policy, "keep": self.keep, "until": until}


def explain(rule: Rule | None, until: datetime | None) -> Explanation:
    """The sentence that goes with the answer of :func:`retain_until` for the same rule."""
    if rule is None:
        return Explanation(why=Why.NO_POLICY)
    counted, waiting = {
        # A contact has always ended, so its own trigger never waits.
        Trigger.INTERACTION_END: (Why.COUNTED, Why.COUNTED),
        Trigger.CASE_CLOSED: (Why.CASE_COUNTED, Why.CASE_OPEN),
        Trigger.CONTRACT_END: (Why.CONTRACT_COUNTED, Why.CONTRACT_OPEN),
    }[rule.trigger]
    return Explanation(why=waiting if until is None else counted, policy=rule.name, keep=rule.keep, until=until)
