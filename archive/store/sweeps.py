"""What each sweep of the object store removed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.store.tables import sweeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One sweep: orphan objects removed, their bytes, unfinished uploads dropped."""

    at: datetime
    orphans: int
    orphan_bytes: int
    uploads: int


async def record(tx: AsyncConnection, sweep: Sweep) -> None:
    """Write down a sweep that has been done."""
    await tx.execute(
        insert(sweeps).values(
            id=uuid7(), at=sweep.at, orphans=sweep.orphans, orphan_bytes=sweep.orphan_bytes, uploads=sweep.uploads
        )
    )


async def last(tx: AsyncConnection) -> Sweep | None:
    """The latest sweep; None before the first."""
    columns = (sweeps.c.at, sweeps.c.orphans, sweeps.c.orphan_bytes, sweeps.c.uploads)
    row = (await tx.execute(select(*columns).order_by(sweeps.c.at.desc()).limit(1))).mappings().one_or_none()
    return None if row is None else Sweep(**row)


async def since(tx: AsyncConnection, start: datetime) -> Sweep:
    """What was removed since a moment, added up."""
    row = (
        await tx.execute(
            select(
                func.coalesce(func.sum(sweeps.c.orphans), 0).label("orphans"),
                func.coalesce(func.sum(sweeps.c.orphan_bytes), 0).label("orphan_bytes"),
                func.coalesce(func.sum(sweeps.c.uploads), 0).label("uploads"),
            ).where(sweeps.c.at >= start)
        )
    ).one()
    return Sweep(at=start, orphans=int(row.orphans), orphan_bytes=int(row.orphan_bytes), uploads=int(row.uploads))
