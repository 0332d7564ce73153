"""Statements over holds and the contacts they are on. The database is the authority; S3's legal hold is a mirror of it.

Placing takes the rows of the contacts FOR UPDATE, as marking them for destruction does, so one of the two comes first.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, insert, select, true, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.filters import Filters
from archive.store import selection
from archive.store.arrays import among, within
from archive.store.tables import hold_items, holds, interactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold of one company: why, by whom (actor ids), since when, and how it ended."""

    id: UUID
    company: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None
    release_reason: str | None
    interactions: int
    unmirrored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A contact that was locked to be held: its company and its state."""

    id: UUID
    company: str
    state: str


async def lock_contacts(tx: AsyncConnection, companies: frozenset[str] | None, ids: Sequence[UUID]) -> list[Found]:
    """Lock the rows of contacts, in order of id, as far as the companies reach."""
    c = interactions.c
    rows = await tx.execute(
        select(c.id, c.company, c.state)
        .where(among(c.id, ids), within(c.company, companies))
        .order_by(c.id)
        .with_for_update()
    )
    return [Found(id=row.id, company=row.company, state=row.state) for row in rows]


async def lock_matching(
    tx: AsyncConnection, companies: frozenset[str] | None, filters: Filters, limit: int
) -> list[Found]:
    """Lock the rows of kept contacts that fit a search, in order of id, `limit` at most."""
    c = interactions.c
    rows = await tx.execute(
        select(c.id, c.company, c.state)
        .where(*selection.conditions(filters), within(c.company, companies))
        .order_by(c.id)
        .limit(limit)
        .with_for_update()
    )
    return [Found(id=row.id, company=row.company, state=row.state) for row in rows]


async def place(
    tx: AsyncConnection, hold_id: UUID, *, company: str, ids: Sequence[UUID], reason: str, by: str, now: datetime
) -> None:
    """Write a hold on contacts whose rows this transaction has locked."""
    await tx.execute(insert(holds).values(id=hold_id, company=company, reason=reason, placed_by=by, placed_at=now))
    items = [{"hold_id": hold_id, "interaction_id": one, "company": company} for one in ids]
    await tx.execute(insert(hold_items), items)


async def release(tx: AsyncConnection, hold_id: UUID, *, reason: str, by: str, now: datetime) -> list[UUID] | None:
    """End a hold and return the contacts it was on; None when it had ended before."""
    ended = await tx.execute(
        update(holds)
        .where(holds.c.id == hold_id, holds.c.released_at.is_(None))
        .values(released_at=now, released_by=by, release_reason=reason)
    )
    if not ended.rowcount:
        return None
    rows = await tx.execute(
        update(hold_items)
        .where(hold_items.c.hold_id == hold_id, hold_items.c.released_at.is_(None))
        .values(released_at=now, mirrored=False)
        .returning(hold_items.c.interaction_id)
    )
    return [row.interaction_id for row in rows]


async def get(tx: AsyncConnection, companies: frozenset[str] | None, hold_id: UUID) -> Hold | None:
    """One hold, as far as the companies reach."""
    rows = await tx.execute(_counted().where(holds.c.id == hold_id, within(holds.c.company, companies)))
    row = rows.mappings().one_or_none()
    return None if row is None else _hold(row)


async def page(
    tx: AsyncConnection,
    companies: frozenset[str] | None,
    *,
    active: bool | None = None,
    interaction_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Hold]:
    """A page of holds, newest first. `active` picks those in force or those that ended, None takes both."""
    wanted = [within(holds.c.company, companies)]
    if active is not None:
        wanted.append(holds.c.released_at.is_(None) if active else holds.c.released_at.is_not(None))
    if interaction_id is not None:
        on_it = and_(hold_items.c.hold_id == holds.c.id, hold_items.c.interaction_id == interaction_id)
        wanted.append(exists().where(on_it))
    if before is not None:
        wanted.append(tuple_(holds.c.placed_at, holds.c.id) < before)
    rows = await tx.execute(
        _counted().where(*wanted).order_by(holds.c.placed_at.desc(), holds.c.id.desc()).limit(limit)
    )
    return [_hold(row) for row in rows.mappings()]


async def contacts_of(tx: AsyncConnection, hold_id: UUID, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """The contacts that a hold is or was on, in order of id, those that come after `after`."""
    c = hold_items.c
    later = true() if after is None else c.interaction_id > after
    rows = await tx.execute(
        select(c.interaction_id).where(c.hold_id == hold_id, later).order_by(c.interaction_id).limit(limit)
    )
    return [row.interaction_id for row in rows]


async def active_on(tx: AsyncConnection, ids: Sequence[UUID], *, lock: bool = False) -> dict[UUID, tuple[UUID, ...]]:
    """The holds in force on each of these contacts; contacts without one are left out.

    With `lock`, none of them can be released before this transaction ends.
    """
    c = hold_items.c
    wanted = (
        select(c.interaction_id, c.hold_id)
        .where(among(c.interaction_id, ids), c.released_at.is_(None))
        .order_by(c.hold_id)
    )
    rows = await tx.execute(wanted.with_for_update(read=True) if lock else wanted)
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        found[row.interaction_id].append(row.hold_id)
    return {contact: tuple(several) for contact, several in found.items()}


async def unmirrored(tx: AsyncConnection, after: UUID | None, limit: int) -> list[UUID]:
    """Contacts whose objects do not yet show whether they are held, in order of id."""
    c = hold_items.c
    later = true() if after is None else c.interaction_id > after
    rows = await tx.execute(
        select(c.interaction_id).where(~c.mirrored, later).distinct().order_by(c.interaction_id).limit(limit)
    )
    return [row.interaction_id for row in rows]


async def set_mirrored(tx: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Write down that the objects of these contacts now show what the database says."""
    await tx.execute(
        update(hold_items).where(among(hold_items.c.interaction_id, ids), ~hold_items.c.mirrored).values(mirrored=True)
    )


def _counted() -> Select[Any]:
    items = hold_items.c
    of_hold = items.hold_id == holds.c.id
    return select(
        holds,
        select(func.count()).where(of_hold).scalar_subquery().label("interactions"),
        select(func.count()).where(of_hold, ~items.mirrored).scalar_subquery().label("unmirrored"),
    )


def _hold(row: RowMapping) -> Hold:
    return Hold(**row)
