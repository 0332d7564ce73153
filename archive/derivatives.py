"""What is made from a contact and kept beside it as parts of its own: a waveform, a transcript.

How bytes are sealed and sent is `archive.custody`; what is made of them is the walls' matter.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive import custody
from archive.custody import MIRROR, RELOCK, Services
from archive.domain.interactions import Part
from archive.store import holds, jobs
from archive.store import interactions as store
from archive.store.unit_of_work import CommitUnknown

Also = Callable[[AsyncConnection, Part], Awaitable[None]]
"""What else is to be written of a new part; its contact is locked by then, and kept."""


async def add(
    services: Services,
    *,
    interaction_id: UUID,
    received_at: datetime,
    kind: str,
    media_type: str,
    data: bytes,
    now: datetime,
    also: Also | None = None,
) -> Part | None:
    """Keep bytes that were made from a contact, sealed with its identity; replaces an earlier one of the same kind.

    What is replaced stays whole until the new part is, and `also` is done in the transaction that changes them: its
    rows are there when, and only when, the part is. None when the contact is gone or is being destroyed by now. The
    object is locked no longer than its contact; a hold or a date that came while it was sent reaches it by the job that
    mirrors it.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached; nothing is kept.
        CommitUnknown: it may be kept or not; if it is not, the sweep removes its object.

    """
    async with services.db.begin() as tx:
        found = await store.get(tx, interaction_id, None)
        if found is None:
            return None
        identity = await custody.identity_of(services, tx, interaction_id)
        held = (await holds.active_on(tx, [interaction_id])).get(interaction_id, ())
    company = found.facts.company
    key = custody.object_key(company, interaction_id, uuid7(), received_at)
    until = custody.lock_until(found.retain_until, now)
    upload = custody.Upload(services.bucket, key, identity, until, legal_hold=bool(held))
    try:
        await upload.write(data)
        part = await upload.finish(
            interaction_id=interaction_id, company=company, kind=kind, media_type=media_type, now=now
        )
        replaced = await _swap_part(services, part, held=held, retain_until=found.retain_until, also=also)
    except CommitUnknown:
        raise  # the row may be there: its object must not be taken away
    except BaseException:
        await upload.abort()
        raise
    if replaced is None:
        await upload.abort()
        return None
    await _discard(services, replaced)
    return part


async def _discard(services: Services, replaced: Sequence[Part]) -> None:
    """Delete derivatives that others took the place of; a hold is on the contact, and its newer part carries it."""
    refused = await services.bucket.delete_versions([(old.object_key, old.version_id) for old in replaced], bypass=True)
    for one in refused:
        if one.version_id is not None:
            await services.bucket.set_legal_hold(one.key, one.version_id, on=False)
    again = [(one.key, one.version_id) for one in refused]
    await services.bucket.delete_versions(again, bypass=True)


async def _swap_part(
    services: Services, part: Part, *, held: Sequence[UUID], retain_until: datetime | None, also: Also | None
) -> list[Part] | None:
    """Write the part's row in place of earlier ones of its kind; None when its contact is no longer kept.

    `held` and `retain_until` are what its object was sent with. What changed since could not reach an object without a
    row, so it is queued again here; what changes from here on waits for this transaction and finds the row.
    """
    async with services.db.begin() as tx:
        await store.lock(tx, part.interaction_id)
        found = await store.get(tx, part.interaction_id, None)
        if found is None:
            return None
        replaced = [old for old in found.parts if old.kind == part.kind]
        for old in replaced:
            await store.remove_part(tx, old.id)
        await store.add_part(tx, part)
        if also is not None:
            await also(tx, part)
        now_held = (await holds.active_on(tx, [part.interaction_id], lock=True)).get(part.interaction_id, ())
        changed = sorted(set(held) ^ set(now_held))
        await jobs.enqueue_many(tx, MIRROR, [{"hold": str(one)} for one in changed])
        if found.retain_until != retain_until:
            await jobs.enqueue(tx, RELOCK, {"ids": str(part.interaction_id)})
        return replaced
