"""Holding contacts and letting them go again; what is held is never destroyed.

The database decides. The legal hold of the object store mirrors it, so that even someone with the store's own keys is
stopped; a mirror that lags is put right by a job and never lets anything be destroyed.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.filters import Filters
from archive.domain.interactions import State
from archive.errors import Conflict, Destroyed, Invalid, NotFound, StoreUnavailable
from archive.store import destruction, jobs, trail
from archive.store import holds as store
from archive.store.holds import Found, Hold
from retention import mirror

MIRROR = "retention.mirror"
MOST_CONTACTS = 100_000
# So few are mirrored before the answer; more wait for the job.
INLINE = 20


async def place(services: Services, actor: Actor, *, reason: str, ids: Sequence[UUID], now: datetime) -> Hold:
    """Hold contacts of one company. When this returns, none of them can be destroyed until it is released.

    Raises:
        NotFound: a contact is none that the actor may know of.
        Destroyed: a contact has been destroyed or is being destroyed; no hold is placed.
        Invalid: none or too many contacts, or contacts of several companies.

    """
    wanted = sorted(set(ids))
    if not 0 < len(wanted) <= MOST_CONTACTS:
        raise Invalid.of("ids", f"name between one and {MOST_CONTACTS} contacts")
    async with services.db.begin() as tx:
        found = await store.lock_contacts(tx, actor.companies, wanted)
        await _must_be_kept(tx, actor, wanted, found)
        hold_id = await _place(services, tx, actor, reason=reason, field="ids", found=found, now=now, search=None)
    return await _placed(services, actor, hold_id, wanted)


async def place_by_search(services: Services, actor: Actor, *, reason: str, filters: Filters, now: datetime) -> Hold:
    """Hold every kept contact of one company that fits a search now; contacts that come later are not held.

    Raises:
        Invalid: nothing fits, too much fits, or contacts of several companies do.

    """
    async with services.db.begin() as tx:
        found = await store.lock_matching(tx, actor.scope(filters.company), filters, MOST_CONTACTS + 1)
        if not 0 < len(found) <= MOST_CONTACTS:
            wrong = "nothing fits this search" if not found else f"more than {MOST_CONTACTS} contacts fit this search"
            raise Invalid.of("search", wrong)
        hold_id = await _place(services, tx, actor, reason=reason, field="search", found=found, now=now, search=filters)
    return await _placed(services, actor, hold_id, [one.id for one in found])


async def _must_be_kept(tx: AsyncConnection, actor: Actor, wanted: Sequence[UUID], found: Sequence[Found]) -> None:
    missing = set(wanted) - {one.id for one in found}
    if missing and await destruction.any_destroyed(tx, actor.companies, sorted(missing)):
        raise Destroyed("a contact was destroyed; no hold was placed")
    if missing:
        raise NotFound("a contact is not known; no hold was placed")
    if any(one.state != State.KEPT for one in found):
        raise Destroyed("a contact is being destroyed; no hold was placed")


async def _place(
    services: Services,
    tx: AsyncConnection,
    actor: Actor,
    *,
    reason: str,
    field: str,
    found: Sequence[Found],
    now: datetime,
    search: Filters | None,
) -> UUID:
    """Write a hold on contacts whose rows are locked, with its events and the job that mirrors it."""
    company, *others = sorted({one.company for one in found})
    if others:
        raise Invalid.of(field, "a hold is for the contacts of one company")
    hold_id, ids = uuid7(), [one.id for one in found]
    await store.place(tx, hold_id, company=company, ids=ids, reason=reason, by=actor.id, now=now)
    if search is not None:
        detail = {"hold": str(hold_id), "contacts": len(ids), "search": search.told(services.veil)}
        await services.record(tx, actor, Action.HOLD_PLACED, now=now, companies=[company], detail=detail)
    await _record(services, tx, actor, Action.HOLD_PLACED, hold_id=hold_id, company=company, ids=ids, now=now)
    await jobs.enqueue(tx, MIRROR, {"hold": str(hold_id)})
    return hold_id


async def _placed(services: Services, actor: Actor, hold_id: UUID, ids: Sequence[UUID]) -> Hold:
    if len(ids) <= INLINE:
        await _mirror_now(services, ids)
    return await get(services, actor, hold_id)


async def release(services: Services, actor: Actor, hold_id: UUID, *, reason: str, now: datetime) -> Hold:
    """End a hold. Its contacts go by their policies again, unless another hold is on them.

    Raises:
        NotFound: there is no such hold for the actor's companies.
        Conflict: it was released before.

    """
    async with services.db.begin() as tx:
        hold = await store.get(tx, actor.companies, hold_id)
        if hold is None:
            raise NotFound
        ids = await store.release(tx, hold_id, reason=reason, by=actor.id, now=now)
        if ids is None:
            raise Conflict("this hold was released before")
        await _record(
            services, tx, actor, Action.HOLD_RELEASED, hold_id=hold_id, company=hold.company, ids=ids, now=now
        )
        await jobs.enqueue(tx, MIRROR, {"hold": str(hold_id)})
    if len(ids) <= INLINE:
        await _mirror_now(services, ids)
    return await get(services, actor, hold_id)


async def get(services: Services, actor: Actor, hold_id: UUID) -> Hold:
    """One hold.

    Raises:
        NotFound: there is no such hold for the actor's companies.

    """
    async with services.db.begin() as tx:
        hold = await store.get(tx, actor.companies, hold_id)
    if hold is None:
        raise NotFound
    return hold


async def contacts(
    services: Services, actor: Actor, hold_id: UUID, *, after: UUID | None, limit: int
) -> tuple[Hold, list[UUID], UUID | None]:
    """One hold, a page of its contacts in order of id, and the last of that page when there are more.

    Raises:
        NotFound: there is no such hold for the actor's companies.

    """
    async with services.db.read() as tx:
        hold = await store.get(tx, actor.companies, hold_id)
        if hold is None:
            raise NotFound
        ids = await store.contacts_of(tx, hold_id, after, limit + 1)
    return hold, ids[:limit], ids[limit - 1] if len(ids) > limit else None


async def mirror_hold(services: Services, payload: dict[str, str]) -> None:
    """Job: let the objects of a hold's contacts show whether they are held."""
    hold_id, after = UUID(payload["hold"]), None
    while True:
        async with services.db.begin() as tx:
            ids = await store.contacts_of(tx, hold_id, after)
        if not ids:
            return
        await mirror.show(services, ids)
        after = ids[-1]


async def _mirror_now(services: Services, ids: Sequence[UUID]) -> None:
    try:
        await mirror.show(services, ids)
    except StoreUnavailable:
        # The hold stands all the same, and the job that was queued with it comes by again.
        return


async def _record(
    services: Services,
    tx: AsyncConnection,
    actor: Actor,
    action: Action,
    *,
    hold_id: UUID,
    company: str,
    ids: Sequence[UUID],
    now: datetime,
) -> None:
    """One event for each contact, so that its own history tells of the hold; the reason stays with the hold."""
    for start in range(0, len(ids), 1000):
        events = [
            services.event(
                actor, action, now=now, companies=[company], interaction_id=one, detail={"hold": str(hold_id)}
            )
            for one in ids[start : start + 1000]
        ]
        await trail.record_many(tx, events, services.mac)
