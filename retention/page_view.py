"""What the pages of retention show, as values, and how they are made. Nothing here reads the database."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from archive.domain.access import HOUSE
from archive.domain.retention import Explanation, Period, Rule, Trigger, awaited
from archive.errors import Complaint
from archive.store.disposals import Disposal
from archive.store.holds import Hold
from archive.web.kit import N_
from retention.disposal import Preview, Sums
from retention.policy import Verdict

FORECAST_MONTHS = 18
TRIGGERS: dict[Trigger, str] = {
    Trigger.INTERACTION_END: N_("the contact ended"),
    Trigger.CASE_CLOSED: N_("its case closed"),
    Trigger.CONTRACT_END: N_("the contract ended"),
}
STATUSES: dict[str, str] = {"planned": N_("waiting"), "running": N_("running"), "done": N_("done")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A policy in the table; `keep` is the period in words, `trigger` and `note` are message ids."""

    name: str
    company: str | None
    channel: str | None
    category: str | None
    keep: str
    trigger: str
    note: str | None
    change_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the policy form: nothing yet, a policy that is changed, or what was refused just now."""

    name: str = ""
    company: str = ""
    channel: str = ""
    category: str = ""
    keep: str = "P24M"
    trigger: str = Trigger.INTERACTION_END.value
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of the forecast (its first day), and how many contacts fall due in it."""

    first: date
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySum:
    """The part of one policy in a preview."""

    policy: str
    destroyed: int
    held: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLine:
    """One contact of a preview, with the sentence that explains it."""

    id: UUID
    company: str
    policy: str
    retain_until: datetime
    is_held: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """A preview as the page shows it: numbers and sums with the first page of lines, `first_url` with the others."""

    day: date
    is_now: bool
    first_url: str | None
    destroyed: int
    held: int
    sums: tuple[PolicySum, ...]
    lines: tuple[DueLine, ...]
    next_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A disposal in the table; `status` is a message id."""

    id: UUID
    started_at: datetime
    status: str
    is_done: bool
    companies: tuple[str, ...] | None
    by_schedule: bool
    destroyed: int
    held: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPage:
    """The context of the retention page. None is what its user may not see."""

    policies: tuple[PolicyLine, ...]
    typed: Typed
    complaints: tuple[Complaint, ...]
    triggers: tuple[tuple[str, str], ...]
    months: tuple[Month, ...]
    overdue: int
    preview: PreviewView | None
    holds: tuple[Hold, ...] | None
    holds_next_url: str | None
    runs: tuple[Run, ...] | None
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPage:
    """The context of the page of one hold; `contacts` are a page of them, in order of id."""

    hold: Hold
    contacts: tuple[UUID, ...]
    is_first: bool
    next_url: str | None


def typed_of(rule: Rule) -> Typed:
    """The form filled with a policy."""
    return Typed(
        name=rule.name,
        company=rule.company or "",
        channel=rule.channel or "",
        category=rule.category or "",
        keep=str(rule.keep),
        trigger=rule.trigger.value,
        is_open=True,
    )


def months_of(counted: Iterable[tuple[str, str | None, int]], today: date) -> tuple[tuple[Month, ...], int]:
    """The forecast from (YYYY-MM, policy, count): this month and the next ones, and how many are due from before."""
    by_month: dict[str, int] = {}
    for month, _, count in counted:
        by_month[month] = by_month.get(month, 0) + count
    first = today.replace(day=1)
    overdue = sum(count for month, count in by_month.items() if month < f"{first:%Y-%m}")
    months = []
    for _ in range(FORECAST_MONTHS):
        count = by_month.get(f"{first:%Y-%m}", 0)
        months.append(Month(first=first, label=f"{first.month}/{first.year}", count=count))
        first = (first + timedelta(days=32)).replace(day=1)
    return tuple(months), overdue


def preview_of(
    seen: Preview,
    day: date,
    *,
    is_now: bool,
    explained: Callable[[Explanation], str],
    first_url: str,
    next_url: str | None,
) -> PreviewView:
    """A preview with its sentences translated."""
    counted = seen.sums or Sums()
    sums = tuple(
        PolicySum(policy=policy, destroyed=counted.destroyed[policy], held=counted.held[policy], first=first, last=last)
        for policy, (first, last) in sorted(counted.spans.items())
    )
    lines = tuple(
        DueLine(
            id=line.due.id,
            company=line.due.company,
            policy=line.decision.policy or "",
            retain_until=line.decision.retain_until or line.due.retain_until,
            is_held=line.decision.verdict is Verdict.HOLD,
            sentence=explained(line.decision.explanation),
        )
        for line in seen.lines
    )
    return PreviewView(
        day=day,
        is_now=is_now,
        first_url=first_url if seen.sums is None else None,
        destroyed=counted.destroyed.total(),
        held=counted.held.total(),
        sums=sums,
        lines=lines,
        next_url=next_url,
    )


def runs_of(found: Sequence[Disposal]) -> tuple[Run, ...]:
    """Disposals as lines of the table."""
    return tuple(
        Run(
            id=run.id,
            started_at=run.started_at,
            status=STATUSES[run.status],
            is_done=run.status == "done",
            companies=run.companies,
            by_schedule=run.requested_by == HOUSE.id,
            destroyed=run.counts.get("destroyed", 0),
            held=run.counts.get("held", 0),
            failed=run.counts.get("failed", 0),
        )
        for run in found
    )


def line_of(rule: Rule, *, say_period: Callable[[Period], str], change_url: str | None) -> PolicyLine:
    """A policy as a line of the table."""
    return PolicyLine(
        name=rule.name,
        company=rule.company,
        channel=rule.channel,
        category=rule.category,
        keep=say_period(rule.keep),
        trigger=TRIGGERS[rule.trigger],
        note=awaited(rule),
        change_url=change_url,
    )
