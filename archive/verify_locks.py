"""What the object store itself must show of a contact, for `tallenne verify`: its legal hold and its lock.

The database decides and the store mirrors it a moment later, by jobs. What may still be on its way is no finding.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

from archive.custody import RELOCK, Services
from archive.domain.findings import Finding
from archive.domain.interactions import Part
from archive.objects.wire import ObjectMissing
from archive.store import agreement, holds, jobs, policies
from archive.store.agreement import Held

# What failed to be mirrored at once is tried again within the hour.
MIRRORED_WITHIN = timedelta(hours=1)
# A store may keep the end of a lock in whole seconds.
_ROUNDING = timedelta(seconds=1)
_AT_ONCE = 8


async def verify_holds(services: Services, now: datetime) -> AsyncIterator[Finding]:
    """Every object of every contact under hold that the store does not hold, or does not lock until its date.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached.

    """
    after: UUID | None = None
    while True:
        async with services.db.read() as tx:
            several = await agreement.held_contacts(tx, after)
            parts = await agreement.parts_of(tx, [held.interaction_id for held in several])
        if not several:
            return
        held = {one.interaction_id: one for one in several}
        for start in range(0, len(parts), _AT_ONCE):
            together = parts[start : start + _AT_ONCE]
            looks = (_look(services, part, held[part.interaction_id], now) for part in together)
            for finding in await asyncio.gather(*looks):
                if finding is not None:
                    yield finding
        after = several[-1].interaction_id


async def _look(services: Services, part: Part, held: Held, now: datetime) -> Finding | None:
    try:
        shown = await services.bucket.head(part.object_key, part.version_id)
    except ObjectMissing:
        return None  # found where rows and objects are compared
    if not shown.legal_hold and not _on_its_way(part, held, now) and await _is_held(services, part):
        return Finding(kind="hold-not-on-object", where=place(part))
    if await is_locked_too_short(services, part, now):
        return Finding(kind="lock-too-short", where=place(part))
    return None


def _on_its_way(part: Part, held: Held, now: datetime) -> bool:
    """Whether the hold may not have reached the object yet: either of them is new."""
    recent = now - MIRRORED_WITHIN
    is_new_hold = not held.mirrored and held.since > recent
    is_new_part = part.created_at > held.since and part.created_at > recent
    return is_new_hold or is_new_part


async def _is_held(services: Services, part: Part) -> bool:
    """Whether it still is: it may have been released lawfully while it was looked at."""
    async with services.db.read() as tx:
        return bool(await holds.active_on(tx, [part.interaction_id]))


async def is_locked_too_short(services: Services, part: Part, now: datetime) -> bool:
    """Whether a part's object may be deleted before its contact's date, and no job is on its way to lock it.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached.

    """
    async with services.db.read() as tx:
        until = (await policies.dates_of(tx, [part.interaction_id])).get(part.interaction_id)
    if until is None or until <= now or await _locked_until(services, part, until):
        return False
    async with services.db.read() as tx:
        waiting = (await jobs.queue_depth(tx)).get(RELOCK, 0)
    # No job left after the first look: if one was for this date, it has been done, and shows at the second.
    return not waiting and not await _locked_until(services, part, until)


async def _locked_until(services: Services, part: Part, until: datetime) -> bool:
    try:
        locked = (await services.bucket.head(part.object_key, part.version_id)).retain_until
    except ObjectMissing:
        return True  # found where rows and objects are compared
    return locked is not None and locked >= until - _ROUNDING


def place(part: Part) -> str:
    """Where a part is, for a finding."""
    return f"interaction {part.interaction_id} part {part.id} ({part.kind})"
