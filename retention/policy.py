"""What is to be done with one contact now: keep it, hold it, or destroy it, and why.

Pure: rules, holds and the moment come in as values. Which rule wins and what date it gives is
`archive.domain.retention`; carrying a verdict out is `retention.disposal`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from uuid import UUID

from archive.domain.retention import Explanation, Rule, choose, explain, retain_until


class Verdict(StrEnum):
    """What is to be done with a contact."""

    KEEP = "keep"
    HOLD = "hold"
    DESTROY = "destroy"


class Reason(StrEnum):
    """Why the verdict is what it is."""

    NO_POLICY = "no-policy"
    EVENT_AWAITED = "event-awaited"
    NOT_YET = "not-yet"
    ON_HOLD = "on-hold"
    DUE = "due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What retention needs to know of a contact; nothing of it is personal."""

    id: UUID
    company: str
    channel: str
    category: str | None
    ended_at: datetime

    def __post_init__(self) -> None:
        if self.ended_at.tzinfo is None:
            raise ValueError("the end of a contact needs its zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOn:
    """A hold on one contact. It is in force from its placing until it is released."""

    hold_id: UUID
    interaction_id: UUID
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one contact, with its rule, its date and its reason."""

    verdict: Verdict
    reason: Reason
    retain_until: datetime | None
    explanation: Explanation
    holds: tuple[UUID, ...] = ()

    @property
    def policy(self) -> str | None:
        """The name of the rule that won."""
        return self.explanation.policy

    @property
    def keep(self) -> str | None:
        """The rule's period, such as P24M."""
        return None if self.explanation.keep is None else str(self.explanation.keep)


def decide(record: Record, rules: Iterable[Rule], holds: Iterable[HoldOn], now: datetime, *, zone: tzinfo) -> Decision:
    """Judge one contact at `now`, which must be aware; `zone` is where months begin and end.

    A hold in force outweighs every rule. Without a rule, or before the event that starts its period, nothing is
    destroyed. At the very moment of `retain_until` a contact is due.
    """
    if now.tzinfo is None:
        raise ValueError("now needs its zone")
    rule = choose(rules, company=record.company, channel=record.channel, category=record.category)
    until = retain_until(rule, record.ended_at, zone)
    active = tuple(hold.hold_id for hold in holds if hold.interaction_id == record.id and hold.released_at is None)
    verdict, reason = _judge(rule, until, now, held=bool(active))
    return Decision(
        verdict=verdict,
        reason=reason,
        retain_until=until,
        explanation=explain(rule, until),
        holds=active,
    )


def _judge(rule: Rule | None, until: datetime | None, now: datetime, *, held: bool) -> tuple[Verdict, Reason]:
    if held:
        return Verdict.HOLD, Reason.ON_HOLD
    if rule is None:
        return Verdict.KEEP, Reason.NO_POLICY
    if until is None:
        return Verdict.KEEP, Reason.EVENT_AWAITED
    return (Verdict.DESTROY, Reason.DUE) if until <= now else (Verdict.KEEP, Reason.NOT_YET)
