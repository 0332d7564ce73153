"""The trail: who did what, when and for which purpose, and the chain that shows whether it was changed.

An event's MAC is made when it is written, with a key that the database does not have; the chain is made by the sealer:
chain(n) = HMAC(chain(n-1), mac(n)), by the same key. So a changed or inserted event fails its MAC, a removed one leaves
a gap in the numbers, and nobody without the key can number and link the rest anew. See docs/internals/guarantees.md, 8.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from archive.domain.interactions import must_be_aware

Mac = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEvent:
    """One thing done. `companies` None means that it concerns no company's contacts in particular."""

    id: UUID
    at: datetime
    companies: tuple[str, ...] | None
    actor_id: str
    actor_name: str
    role: str | None
    action: str
    interaction_id: UUID | None = None
    purpose: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        must_be_aware(self.at)

    def canonical(self) -> bytes:
        """The bytes that the MAC is made of: compact JSON of every field, keys sorted, times in UTC microseconds."""
        return orjson.dumps(
            {
                "id": str(self.id),
                "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "companies": None if self.companies is None else sorted(self.companies),
                "actor": [self.actor_id, self.actor_name, self.role],
                "action": self.action,
                "interaction": None if self.interaction_id is None else str(self.interaction_id),
                "purpose": self.purpose,
                "detail": self.detail,
            },
            option=orjson.OPT_SORT_KEYS,
        )


VEIL = "hash:"
"""How a value of `detail` begins that is a keyed hash of what may tell of a person."""

_VEILED_CHARS = 16


def veiled(keyed_hash: bytes) -> str:
    """What stands in `detail` for a text with this keyed hash."""
    return VEIL + keyed_hash.hex()[:_VEILED_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """An event as it lies in the database; `seq` and `chain` are None until the sealer has come by."""

    event: TrailEvent
    mac: bytes
    seq: int | None
    chain: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where the trail is not what was written."""

    kind: str  # changed | missing | inserted | cut
    seq: int | None
    event_id: UUID | None


def link(keyed: Mac, previous: bytes, mac: bytes) -> bytes:
    """The next value of the chain; the text in front keeps it from ever being the MAC of an event, which is JSON."""
    return keyed(f"chain:{previous.hex()}:{mac.hex()}".encode())


def first_break(
    events: Iterable[SealedEvent], mac: Mac, *, seq: int = 0, chain: bytes = b""
) -> tuple[Break | None, int, bytes]:
    """Walk sealed events in order of `seq`, beginning after `seq`; return the first break and where the walk ended."""
    for sealed in events:
        assert sealed.seq is not None
        event_id = sealed.event.id
        genuine = mac(sealed.event.canonical()) == sealed.mac
        if sealed.seq != seq + 1:
            return Break(kind="missing", seq=seq + 1, event_id=None), seq, chain
        expected = link(mac, chain, sealed.mac)
        if not genuine:
            kind = "changed" if sealed.chain == expected else "inserted"
            return Break(kind=kind, seq=sealed.seq, event_id=event_id), seq, chain
        if sealed.chain != expected:
            return Break(kind="changed", seq=sealed.seq, event_id=event_id), seq, chain
        seq, chain = sealed.seq, expected
    return None, seq, chain
