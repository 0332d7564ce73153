"""Whom a contact belongs to: what speaks for it, and the rule that makes links and suggestions of it.

Pure. Finding the matches is `archive.store.links`; reading a push's traces is `ingest.linking`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from archive.domain.customers import KeyKind
from archive.domain.interactions import must_be_aware

BY_HAND = "by_hand"
MAX_SUGGESTIONS = 20
"""A switchboard's number may belong to hundreds of customers; nobody reads more suggestions than this."""

_STRENGTH: dict[str, int] = {kind: place for place, kind in enumerate(KeyKind)}


class LinkStatus(StrEnum):
    """What a link is now."""

    LINKED = "linked"
    SUGGESTED = "suggested"
    REFUSED = "refused"
    UNDONE = "undone"


class LinkChange(StrEnum):
    """What happened to a link; its history is a list of these."""

    LINKED = "linked"
    SUGGESTED = "suggested"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One customer of the contact's company who has one of its traces."""

    customer_number: str
    kind: KeyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCandidate:
    """A link to make: `linked` or `suggested`, with the kinds of evidence, strongest first."""

    customer_number: str
    status: LinkStatus
    evidence: tuple[str, ...]

    @property
    def strongest(self) -> str:
        """The one kind of evidence that a receipt names."""
        return self.evidence[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it is kept. `made_by` None is the house; `by_hand` means that a person has decided."""

    interaction_id: UUID
    company: str
    customer_number: str
    customer_name: str | None
    status: LinkStatus
    evidence: tuple[str, ...]
    by_hand: bool
    made_by: str | None
    made_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    reason: str | None

    def __post_init__(self) -> None:
        must_be_aware(self.made_at, self.ended_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvent:
    """One change in the history of a contact's links; `by` None is the house."""

    customer_number: str
    at: datetime
    what: LinkChange
    by: str | None
    evidence: tuple[str, ...]
    reason: str | None


def judge(matches: Iterable[Match]) -> tuple[LinkCandidate, ...]:
    """Make links or suggestions of what matched.

    A customer number that was given and is known says who it was, whoever's phone it came from: only that customer is
    linked. Otherwise one customer is linked, several are suggested (best supported first), none is nothing.
    """
    by_customer: defaultdict[str, set[KeyKind]] = defaultdict(set)
    for match in matches:
        by_customer[match.customer_number].add(match.kind)
    named = {number: kinds for number, kinds in by_customer.items() if KeyKind.CUSTOMER_NUMBER in kinds}
    found = named or by_customer
    status = LinkStatus.LINKED if len(found) == 1 else LinkStatus.SUGGESTED
    candidates = [
        LinkCandidate(customer_number=number, status=status, evidence=tuple(sorted(kinds, key=_STRENGTH.__getitem__)))
        for number, kinds in found.items()
    ]
    candidates.sort(key=lambda one: (-len(one.evidence), _STRENGTH[one.strongest], one.customer_number))
    return tuple(candidates[:MAX_SUGGESTIONS])


def amend(existing: Iterable[Link], candidates: Iterable[LinkCandidate]) -> tuple[LinkCandidate, ...]:
    """What a contact's links lack, now that customers have changed; nothing is ever taken away.

    A contact that a person has linked is left alone, and so is every pair that a person has refused or undone. Where
    the house has linked one customer already, a newcomer with the same trace is only suggested.
    """
    kept = {link.customer_number: link for link in existing}
    live = [link for link in kept.values() if link.status is LinkStatus.LINKED]
    if any(link.by_hand for link in live):
        return ()
    lacking = []
    for candidate in candidates:
        known = kept.get(candidate.customer_number)
        wanted = candidate
        if live and KeyKind.CUSTOMER_NUMBER not in candidate.evidence:
            wanted = LinkCandidate(
                customer_number=candidate.customer_number, status=LinkStatus.SUGGESTED, evidence=candidate.evidence
            )
        promoted = known is not None and known.status is LinkStatus.SUGGESTED and wanted.status is LinkStatus.LINKED
        if known is None or promoted:
            lacking.append(wanted)
    return tuple(lacking)
