"""What a contact is: the interaction, its parties and parts, and its life as one table.

Values only. How they are stored is `archive.store.interactions`; how long they are kept is `archive.domain.retention`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from archive.domain.transcripts import TextState
from archive.errors import Conflict


class Channel(StrEnum):
    """By which way the contact came."""

    CALL = "call"
    EMAIL = "email"
    CHAT = "chat"


class Direction(StrEnum):
    """Who began the contact."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class PartKind(StrEnum):
    """What a kept byte string is of its contact."""

    RECORDING = "recording"
    PEAKS = "peaks"
    MESSAGE = "message"
    TRANSCRIPT = "transcript"


class DeriveState(StrEnum):
    """How far the facts that are read from the bytes have come."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


# The life of an interaction. A hold is no state: it stands beside the table and closes the way to MARK. There is no way
# back from DESTROYING, because objects may already be gone; an interrupted destruction is only ever finished.
#
#     ABSENT --deposit--> KEPT --mark--> DESTROYING --destroy--> DESTROYED (a tombstone, no row)


class State(StrEnum):
    """Where an interaction is in its life; only KEPT and DESTROYING are ever seen in a row."""

    ABSENT = "absent"
    KEPT = "kept"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"


class Event(StrEnum):
    """What may happen to an interaction."""

    DEPOSIT = "deposit"
    MARK = "mark"
    DESTROY = "destroy"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.ABSENT, Event.DEPOSIT): State.KEPT,
    (State.KEPT, Event.MARK): State.DESTROYING,
    (State.DESTROYING, Event.MARK): State.DESTROYING,
    (State.DESTROYING, Event.DESTROY): State.DESTROYED,
}


def advance(state: State, event: Event, *, held: bool = False) -> State:
    """The state after an event.

    Raises:
        Conflict: the event cannot happen in this state, or a hold forbids it.

    """
    if held and event is Event.MARK and state is State.KEPT:
        raise Conflict("the contact is held")
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Conflict(f"{event} cannot happen to a contact that is {state}") from None


def must_be_aware(*moments: datetime | None) -> None:
    """Refuse a moment without a zone: it could mean any of twenty-four hours.

    Raises:
        ValueError: a moment is naive.

    """
    if any(moment is not None and moment.tzinfo is None for moment in moments):
        raise ValueError("a moment needs its zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One who took part. `phone` is E.164 where it could be read, else as given; `email` is lower case."""

    role: str
    name: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kept byte string: digests of the plain and the sealed bytes, sizes, and where its object lies."""

    id: UUID
    interaction_id: UUID
    company: str
    kind: str
    media_type: str
    size_bytes: int
    sealed_size_bytes: int
    sha256: bytes
    sealed_sha256: bytes
    object_key: str
    version_id: str
    header: bytes
    created_at: datetime

    def __post_init__(self) -> None:
        must_be_aware(self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a door says of a contact; nothing here was worked out by us."""

    company: str
    channel: Channel
    direction: Direction
    started_at: datetime
    ended_at: datetime
    source: str
    external_id: str
    duration_s: float | None = None
    call_id: str | None = None
    queue: str | None = None
    category: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    language: str | None = None
    subject: str | None = None
    channel_roles: tuple[str, ...] = ()
    given_customer_number: str | None = None
    given_metering_point: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    parties: tuple[Party, ...] = ()

    def __post_init__(self) -> None:
        must_be_aware(self.started_at, self.ended_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One contact as it is kept. `media` is what was read from the bytes (see `ingest.derive`)."""

    id: UUID
    facts: Facts
    state: State
    received_at: datetime
    retain_until: datetime | None
    policy: str | None
    derive_state: DeriveState
    media: dict[str, Any] | None
    receipt: dict[str, Any]
    text_state: TextState = TextState.WAITING
    text_reason: str | None = None
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        must_be_aware(self.received_at, self.retain_until)

    @property
    def recording(self) -> Part | None:
        """The recorded call, if this contact has one."""
        return self.part(PartKind.RECORDING)

    @property
    def peaks(self) -> Part | None:
        """The waveform that was drawn from the recording, if it has been."""
        return self.part(PartKind.PEAKS)

    def part(self, kind: PartKind) -> Part | None:
        """The first part of a kind, if there is one."""
        return next((part for part in self.parts if part.kind == kind), None)
