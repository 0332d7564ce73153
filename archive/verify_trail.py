"""The trail's part of `tallenne verify`: the chain, the anchors, and whether the tables are what the trail tells.

The chain shows whether the trail was changed; then the trail shows whether anything else was: what it says was kept
and never destroyed must be there, and a hold that it says was placed and never released must be in force.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from archive import sealer
from archive.custody import Services
from archive.domain.access import Action
from archive.domain.findings import Finding
from archive.domain.trail import SealedEvent, TrailEvent, first_break
from archive.errors import Damaged
from archive.sealer import Anchor
from archive.store import agreement, trail

_ANCHORS = 256


async def verify_trail(services: Services) -> tuple[int, list[Finding]]:
    """Walk the trail from its beginning; how many sealed events are sound, and what was found.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached.

    """
    seq, chain = 0, b""
    breaks, found = list[Finding](), list[Finding]()
    async with services.db.begin() as tx:
        last_seq, last_chain, _ = await trail.head(tx)
        async for batch in trail.walk(tx):
            if not breaks:
                broken, seq, chain = first_break(batch, services.mac, seq=seq, chain=chain)
                if broken is not None:
                    event = f" event {broken.event_id}" if broken.event_id else ""
                    breaks.append(Finding(kind=f"trail-event-{broken.kind}", where=f"number {broken.seq}{event}"))
            # What follows a break is compared all the same: it must not hide the rest.
            found += await _untrue(tx, [one.event for one in batch])
        if not breaks and seq < last_seq:
            breaks.append(Finding(kind="trail-event-missing", where=f"number {seq + 1}"))
        elif not breaks and seq == last_seq and chain != last_chain:
            breaks.append(Finding(kind="trail-head-changed", where=f"number {seq}"))
        found += await _unsealed(services, tx)
        breaks += await _anchors(services, tx)
    return seq, breaks + found


async def _unsealed(services: Services, tx: AsyncConnection) -> list[Finding]:
    """The events that the sealer has not reached: whether they are ours, and true."""
    waiting = await trail.unsealed(tx)
    strange = [one for one in waiting if not _is_ours(services, one)]
    found = [Finding(kind="trail-event-inserted", where=f"event {one.event.id}") for one in strange]
    return found + await _untrue(tx, [one.event for one in waiting if one not in strange])


def _is_ours(services: Services, one: SealedEvent) -> bool:
    return services.mac(one.event.canonical()) == one.mac


async def _untrue(tx: AsyncConnection, events: Sequence[TrailEvent]) -> list[Finding]:
    """What these events tell of and the tables do not have."""
    found = []
    if kept := _contacts(events, Action.RECORDING_KEPT, Action.CHAT_KEPT):
        missing = await agreement.missing_among(tx, kept)
        found += [Finding(kind="contact-missing", where=f"interaction {one}") for one in missing]
    if destroyed := _contacts(events, Action.INTERACTION_DESTROYED):
        bare = await agreement.without_tombstone(tx, destroyed)
        found += [Finding(kind="tombstone-missing", where=f"interaction {one}") for one in bare]
    if placed := _placed(events):
        ended = await agreement.ended_untold(tx, placed)
        found += [
            Finding(kind="hold-ended-untold", where=f"hold {one} interaction {contact}") for one, contact in ended
        ]
    return found


def _contacts(events: Sequence[TrailEvent], *actions: Action) -> list[UUID]:
    return [one.interaction_id for one in events if one.action in actions and one.interaction_id is not None]


def _placed(events: Sequence[TrailEvent]) -> list[tuple[UUID, UUID]]:
    """The holds that were placed, each with a contact that it is on."""
    placed = []
    for one in events:
        if one.action == Action.HOLD_PLACED and one.interaction_id is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # a forged event, which is found by its MAC
                placed.append((UUID(one.detail["hold"]), one.interaction_id))
    return placed


async def _anchors(services: Services, tx: AsyncConnection) -> list[Finding]:
    """The first anchor that the chain does not agree with, or that cannot be believed."""
    try:
        async for batch in _batches(services):
            chains = await trail.chains_at(tx, [anchor.seq for anchor in batch])
            for anchor in batch:
                if chains.get(anchor.seq) != anchor.chain:
                    return [Finding(kind="trail-differs-from-anchor", where=f"number {anchor.seq}")]
    except Damaged as error:
        return [Finding(kind="anchor-damaged", where=str(error))]
    return []


async def _batches(services: Services) -> AsyncIterator[list[Anchor]]:
    batch = []
    async for anchor in sealer.anchors(services):
        batch.append(anchor)
        if len(batch) == _ANCHORS:
            yield batch
            batch = []
    yield batch
