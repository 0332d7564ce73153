"""What came in, counted: kept by hour and source, what waits to be decoded, what the sweep took away.

Reading only, for the intake page and for `tallenne sources`. Refusals are `archive.store.refusals`, because nothing of
what was refused belongs to a company.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.interactions import DeriveState
from archive.store.arrays import within
from archive.store.tables import interactions, sweeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """So many contacts of a source were kept within the hour that begins at `hour`."""

    hour: datetime
    source: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the sweep removed: objects without a row, their sealed bytes, and uploads that were never finished."""

    orphans: int
    orphan_bytes: int
    uploads: int


async def by_hour(
    tx: AsyncConnection, companies: Iterable[str] | None, start: datetime, end: datetime, *, timezone: str
) -> list[Arrivals]:
    """What was kept from `start` up to but not including `end`, by the hours of a time zone and source."""
    received = interactions.c.received_at
    hour = func.date_trunc("hour", received, timezone).label("hour")
    rows = await tx.execute(
        select(hour, interactions.c.source, func.count().label("count"))
        .where(within(interactions.c.company, companies), received >= start, received < end)
        .group_by(hour, interactions.c.source)
        .order_by(hour, interactions.c.source)
    )
    return [Arrivals(**row) for row in rows.mappings()]


async def last_of_sources(tx: AsyncConnection, companies: Iterable[str] | None, since: datetime) -> dict[str, datetime]:
    """When each source that has sent anything since then was last kept from."""
    received = interactions.c.received_at
    rows = await tx.execute(
        select(interactions.c.source, func.max(received))
        .where(within(interactions.c.company, companies), received >= since)
        .group_by(interactions.c.source)
    )
    return {str(source): last_at for source, last_at in rows}


async def undecoded(tx: AsyncConnection, companies: Iterable[str] | None) -> dict[DeriveState, int]:
    """How many contacts wait to be decoded, and how many could not be."""
    state = interactions.c.derive_state
    rows = await tx.execute(
        select(state, func.count())
        .where(within(interactions.c.company, companies), state != DeriveState.DONE)
        .group_by(state)
    )
    found = {DeriveState(name): int(count) for name, count in rows}
    return {state: found.get(state, 0) for state in (DeriveState.WAITING, DeriveState.FAILED)}


async def swept(tx: AsyncConnection, start: datetime, end: datetime) -> Swept:
    """What was swept from `start` up to but not including `end`, of every company."""
    row = (
        await tx.execute(
            select(
                func.coalesce(func.sum(sweeps.c.orphans), 0),
                func.coalesce(func.sum(sweeps.c.orphan_bytes), 0),
                func.coalesce(func.sum(sweeps.c.uploads), 0),
            ).where(sweeps.c.at >= start, sweeps.c.at < end)
        )
    ).one()
    return Swept(orphans=int(row[0]), orphan_bytes=int(row[1]), uploads=int(row[2]))
