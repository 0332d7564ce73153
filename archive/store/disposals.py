"""Statements over disposals: the runs, what is due, and the forecast of what will be.

Nothing here decides what goes (see `retention.policy`). Marks, rows that go and tombstones are
`archive.store.destruction`.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, exists, func, insert, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.settings import Settings
from archive.store import claims
from archive.store.arrays import within
from archive.store.tables import disposal_items, disposals, interactions

_DISPOSAL_LOCK = 0x7A11D15


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """One run: planned, running or done. `companies` None is every company; `counts` are by outcome."""

    id: UUID
    status: str
    requested_by: str
    companies: tuple[str, ...] | None
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A contact whose date has come, with what a decision needs. `state` is kept, or destroying when it was marked."""

    id: UUID
    company: str
    channel: str
    category: str | None
    source: str
    external_id: str
    ended_at: datetime
    retain_until: datetime
    policy: str | None
    state: str


# ------------------------------------------------------------------- the run


async def create(tx: AsyncConnection, disposal: Disposal) -> None:
    """Write down that a disposal is to run."""
    companies = None if disposal.companies is None else list(disposal.companies)
    await tx.execute(
        insert(disposals).values(
            id=disposal.id,
            status=disposal.status,
            requested_by=disposal.requested_by,
            companies=companies,
            as_of=disposal.as_of,
            started_at=disposal.started_at,
            counts=dict(disposal.counts),
        )
    )


async def get(tx: AsyncConnection, companies: frozenset[str] | None, disposal_id: UUID) -> Disposal | None:
    """One disposal, if it is wholly within these companies."""
    rows = await tx.execute(_runs(companies).where(disposals.c.id == disposal_id))
    row = rows.mappings().one_or_none()
    return None if row is None else _disposal(row)


async def page(
    tx: AsyncConnection,
    companies: frozenset[str] | None,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Disposal]:
    """A page of disposals, newest first."""
    c = disposals.c
    earlier = true() if before is None else tuple_(c.started_at, c.id) < before
    rows = await tx.execute(_runs(companies).where(earlier).order_by(c.started_at.desc(), c.id.desc()).limit(limit))
    return [_disposal(row) for row in rows.mappings()]


async def unfinished(tx: AsyncConnection) -> list[UUID]:
    """Disposals that were asked for or begun and are not done, oldest first."""
    rows = await tx.execute(select(disposals.c.id).where(disposals.c.status != "done").order_by(disposals.c.started_at))
    return [row.id for row in rows]


async def set_running(tx: AsyncConnection, disposal_id: UUID) -> None:
    """Write down that a disposal has begun."""
    await tx.execute(
        update(disposals).where(disposals.c.id == disposal_id, disposals.c.status == "planned").values(status="running")
    )


def alone(settings: Settings, disposal_id: UUID) -> AbstractAsyncContextManager[bool]:
    """Be the only one at a disposal for as long as this block lasts; see `claims.alone`. Every step can be done twice.

    Raises:
        StoreUnavailable: the database cannot be reached.

    """
    return claims.alone(settings, _DISPOSAL_LOCK, disposal_id)


async def share(tx: AsyncConnection, disposal_id: UUID) -> bool:
    """Keep a disposal from ending before this transaction does; False when it has ended."""
    status = await tx.scalar(select(disposals.c.status).where(disposals.c.id == disposal_id).with_for_update(read=True))
    return status not in (None, "done")


async def lock(tx: AsyncConnection, disposal_id: UUID) -> bool:
    """Be the one to end a disposal; False when it has ended."""
    status = await tx.scalar(select(disposals.c.status).where(disposals.c.id == disposal_id).with_for_update())
    return status not in (None, "done")


async def finish(
    tx: AsyncConnection, disposal_id: UUID, *, counts: Mapping[str, int], certificate: Mapping[str, Any], now: datetime
) -> None:
    """End a disposal that this transaction has locked, with its certificate."""
    await tx.execute(
        update(disposals)
        .where(disposals.c.id == disposal_id)
        .values(status="done", finished_at=now, counts=dict(counts), certificate=dict(certificate))
    )


async def certificate(
    tx: AsyncConnection, companies: frozenset[str] | None, disposal_id: UUID
) -> Mapping[str, Any] | None:
    """The signed document of a finished disposal."""
    wanted = (disposals.c.id == disposal_id, _visible(companies))
    found: Mapping[str, Any] | None = await tx.scalar(select(disposals.c.certificate).where(*wanted))
    return found


# ------------------------------------------------------------------ what is due


async def due_batch(
    tx: AsyncConnection,
    companies: frozenset[str] | None,
    as_of: datetime,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    disposal_id: UUID | None = None,
) -> list[Due]:
    """The next contacts whose date has come by `as_of`, in order of date and id.

    A contact that another unfinished disposal has marked is left to that one.
    """
    c = interactions.c
    other = disposal_items.c
    elsewhere = exists().where(
        other.interaction_id == c.id,
        other.status == "marked",
        true() if disposal_id is None else other.disposal_id != disposal_id,
    )
    rows = await tx.execute(
        due_columns()
        .where(
            c.retain_until <= as_of,
            true() if after is None else tuple_(c.retain_until, c.id) > after,
            within(c.company, companies),
            or_(c.state == "kept", ~elsewhere),
        )
        .order_by(c.retain_until, c.id)
        .limit(limit)
    )
    return [due_of(row) for row in rows]


async def due_by_month(
    tx: AsyncConnection, companies: frozenset[str] | None, until: datetime, timezone: str
) -> list[tuple[str, str | None, int]]:
    """How many contacts fall due in each month (YYYY-MM) up to `until`, by policy, for a forecast."""
    c = interactions.c
    month = func.to_char(func.timezone(timezone, c.retain_until), "YYYY-MM").label("month")
    rows = await tx.execute(
        select(month, c.policy, func.count().label("n"))
        .where(c.retain_until < until, within(c.company, companies))
        .group_by(month, c.policy)
        .order_by(month, c.policy)
    )
    return [(row.month, row.policy, row.n) for row in rows]


def due_columns() -> Select[Any]:
    """The columns of a `Due`."""
    c = interactions.c
    return select(*(c[name] for name in _DUE))


_DUE = tuple(field.name for field in fields(Due))


def due_of(row: Row[Any]) -> Due:
    """A row of `due_columns`; there may be a million of them, so names are not looked up in each."""
    return Due(**dict(zip(_DUE, row, strict=True)))


def _runs(companies: frozenset[str] | None) -> Select[Any]:
    c = disposals.c
    return select(c.id, c.status, c.requested_by, c.companies, c.as_of, c.started_at, c.finished_at, c.counts).where(
        _visible(companies)
    )


def _visible(companies: frozenset[str] | None) -> Any:
    if companies is None:
        return true()
    # A run over every company (NULL) is seen only by those who may see every company.
    return and_(disposals.c.companies.is_not(None), disposals.c.companies.contained_by(sorted(companies)))


def _disposal(row: Mapping[Any, Any]) -> Disposal:
    companies = row["companies"]
    return Disposal(**{**row, "companies": None if companies is None else tuple(companies)})
