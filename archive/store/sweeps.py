"""What each sweep of the object store removed, and when one last walked the whole bucket."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.store.tables import installation, sweeps

_WHOLE = "whole-sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One sweep: orphan objects removed, their bytes, unfinished uploads dropped."""

    at: datetime
    orphans: int
    orphan_bytes: int
    uploads: int


async def record(tx: AsyncConnection, sweep: Sweep, *, whole: bool = False) -> None:
    """Write down a sweep that has been done; `whole` is one that walked the bucket from end to end."""
    await tx.execute(
        insert(sweeps).values(
            id=uuid7(), at=sweep.at, orphans=sweep.orphans, orphan_bytes=sweep.orphan_bytes, uploads=sweep.uploads
        )
    )
    if whole:
        value = {"at": sweep.at.isoformat()}
        await tx.execute(
            upsert(installation)
            .values(key=_WHOLE, value=value)
            .on_conflict_do_update(index_elements=[installation.c.key], set_={"value": value})
        )


async def last(tx: AsyncConnection) -> Sweep | None:
    """The latest sweep; None before the first."""
    columns = (sweeps.c.at, sweeps.c.orphans, sweeps.c.orphan_bytes, sweeps.c.uploads)
    row = (await tx.execute(select(*columns).order_by(sweeps.c.at.desc()).limit(1))).mappings().one_or_none()
    return None if row is None else Sweep(**row)


async def last_whole(tx: AsyncConnection) -> datetime | None:
    """When the latest sweep of the whole bucket began that came to its end; None before the first."""
    value = await tx.scalar(select(installation.c.value).where(installation.c.key == _WHOLE))
    return None if value is None else datetime.fromisoformat(value["at"])
