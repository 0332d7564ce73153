"""What the answers about retention look like, as models; how they are made from values of the store and the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from archive.domain.retention import Trigger, awaited
from archive.store.disposals import Disposal
from archive.store.holds import Hold
from archive.store.policies import Policy
from retention.disposal import Line, Preview


class PolicyAnswer(BaseModel):
    """A policy. Selectors that are null match everything."""

    name: str
    company: str | None
    channel: str | None
    category: str | None
    keep: str
    trigger: Trigger
    written_by: str
    written_at: datetime
    note: str | None = Field(description="Said of a trigger that the archive does not record")


class PoliciesAnswer(BaseModel):
    """Every policy that concerns the actor's companies."""

    items: list[PolicyAnswer]
    next: None = None


class LineAnswer(BaseModel):
    """A contact that is due: what would be done with it, by which policy, and why in a sentence."""

    id: UUID
    company: str
    verdict: Literal["destroy", "hold"]
    policy: str | None
    keep: str | None
    retain_until: datetime | None
    reason: str
    sentence: str
    holds: list[UUID]


class PreviewAnswer(BaseModel):
    """What a disposal would do. `counts` are contacts to destroy by policy, `held_counts` those that are held.

    The numbers come with the first page; on those that a cursor asks for they are null.
    """

    as_of: datetime
    destroy: int | None
    held: int | None
    counts: dict[str, int] | None
    held_counts: dict[str, int] | None
    items: list[LineAnswer]
    next: str | None


class DisposalAnswer(BaseModel):
    """A disposal, and how its contacts have fared so far."""

    id: UUID
    status: Literal["planned", "running", "done"]
    destroyed: int
    held: int
    failed: int
    companies: list[str] | None = Field(description="null is every company")
    requested_by: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None


class DisposalsAnswer(BaseModel):
    """A page of disposals, newest first."""

    items: list[DisposalAnswer]
    next: str | None


class BegunAnswer(BaseModel):
    """The id of what was begun."""

    id: UUID


class PublicKeyAnswer(BaseModel):
    """The key that certificates are signed with: 32 bytes in hex, and the same in PEM."""

    algorithm: Literal["Ed25519"]
    public_key: str
    pem: str


class HoldAnswer(BaseModel):
    """A hold: on how many contacts it is or was, and on how many of them the object store does not show it yet."""

    id: UUID
    company: str
    reason: str
    interactions: int
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None
    release_reason: str | None
    unmirrored: int


class OneHoldAnswer(HoldAnswer):
    """A hold with a page of its contacts, in order of id."""

    ids: list[UUID]
    next: str | None


class HoldsAnswer(BaseModel):
    """A page of holds, newest first."""

    items: list[HoldAnswer]
    next: str | None


def policy_document(policy: Policy) -> dict[str, Any]:
    """The fields of `PolicyAnswer`."""
    rule = policy.rule
    return {
        "name": rule.name,
        "company": rule.company,
        "channel": rule.channel,
        "category": rule.category,
        "keep": str(rule.keep),
        "trigger": rule.trigger,
        "written_by": policy.written_by,
        "written_at": policy.written_at,
        "note": awaited(rule),
    }


def hold_document(hold: Hold) -> dict[str, Any]:
    """The fields of `HoldAnswer`."""
    return {name: getattr(hold, name) for name in HoldAnswer.model_fields}


def disposal_document(disposal: Disposal, counts: Mapping[str, int]) -> dict[str, Any]:
    """The fields of `DisposalAnswer`; `counts` are those so far."""
    return {
        "id": disposal.id,
        "status": disposal.status,
        **{outcome: counts.get(outcome, 0) for outcome in ("destroyed", "held", "failed")},
        "companies": disposal.companies,
        "requested_by": disposal.requested_by,
        "as_of": disposal.as_of,
        "started_at": disposal.started_at,
        "finished_at": disposal.finished_at,
    }


def preview_document(preview: Preview, following: str | None) -> dict[str, Any]:
    """The fields of `PreviewAnswer`."""
    sums = preview.sums
    return {
        "as_of": preview.as_of,
        "destroy": None if sums is None else sums.destroyed.total(),
        "held": None if sums is None else sums.held.total(),
        "counts": None if sums is None else dict(sums.destroyed),
        "held_counts": None if sums is None else dict(sums.held),
        "items": [_line(line) for line in preview.lines],
        "next": following,
    }


def _line(line: Line) -> dict[str, Any]:
    decision = line.decision
    return {
        "id": line.due.id,
        "company": line.due.company,
        "verdict": decision.verdict,
        "policy": decision.policy,
        "keep": decision.keep,
        "retain_until": decision.retain_until,
        "reason": decision.reason,
        "sentence": decision.explanation.english,
        "holds": decision.holds,
    }
