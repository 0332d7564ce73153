"""Letting objects show what the database has decided: legal holds and lock dates of the parts of contacts.

Nothing here decides. Writing to the object store takes no database lock, so what was written is compared with the
database once more, and written again when that changed meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from archive.custody import Services
from archive.objects.wire import ObjectMissing
from archive.store import destruction, holds, policies
from archive.store.destruction import Kept

_ROUNDS = 5
_AT_ONCE = 16


async def show(services: Services, ids: Sequence[UUID]) -> None:
    """Put the legal hold on the objects of held contacts and take it off the others.

    Raises:
        StoreUnavailable: the object store cannot be reached; the job tries again.

    """
    left = set(ids)
    for _ in range(_ROUNDS):
        async with services.db.begin() as tx:
            held = set(await holds.active_on(tx, sorted(left)))
            objects = await destruction.objects_of(tx, sorted(left))
        await _each(_show_one(services, part, on=part.interaction_id in held) for part in objects)
        async with services.db.begin() as tx:
            now_held = set(await holds.active_on(tx, sorted(left)))
            settled = {one for one in left if (one in held) == (one in now_held)}
            await holds.set_mirrored(tx, sorted(settled))
        left -= settled
        if not left:
            return


async def lock(services: Services, ids: Sequence[UUID], now: datetime) -> None:
    """Lengthen the locks of the objects of contacts to the dates that their rows carry.

    A lock is never shortened, because S3 refuses that; a disposal passes over the rest of it.

    Raises:
        StoreUnavailable: the object store cannot be reached; the job tries again.

    """
    async with services.db.begin() as tx:
        dates = await policies.dates_of(tx, ids)
        objects = await destruction.objects_of(tx, sorted(dates))
    wanted = ((part, dates[part.interaction_id]) for part in objects)
    await _each(_lock_one(services, part, until) for part, until in wanted if until is not None and until > now)


async def _show_one(services: Services, part: Kept, *, on: bool) -> None:
    try:
        await services.bucket.set_legal_hold(part.object_key, part.version_id, on=on)
    except ObjectMissing:
        # A missing object is found and told by `tallenne verify`; the hold on its row stands.
        return


async def _lock_one(services: Services, part: Kept, until: datetime) -> None:
    try:
        locked = await services.bucket.head(part.object_key, part.version_id)
        if locked.retain_until is None or locked.retain_until < until:
            await services.bucket.set_retention(part.object_key, part.version_id, until)
    except ObjectMissing:
        return


async def _each(tasks: Iterable[Awaitable[None]]) -> None:
    """Await them, so many at once; the first failure ends the rest."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(task: Awaitable[None]) -> None:
        async with gate:
            await task

    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))
    except ExceptionGroup as several:
        # What stopped one has stopped the others; the caller asks for the one kind.
        raise several.exceptions[0] from None
