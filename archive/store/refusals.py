"""How many pushes were refused, by hour, source and reason; nothing is kept of what was refused."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.store.tables import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """So many pushes of a source were refused for one reason within an hour."""

    hour: datetime
    source: str
    code: str
    count: int


async def count(tx: AsyncConnection, *, source: str, code: str, now: datetime) -> None:
    """Count one refusal."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    await tx.execute(
        upsert(refusals)
        .values(hour=hour, source=source, code=code, count=1)
        .on_conflict_do_update(index_elements=["hour", "source", "code"], set_={"count": refusals.c.count + 1})
    )


async def since(tx: AsyncConnection, start: datetime) -> list[Refused]:
    """What was refused since a moment, by hour, source and reason."""
    rows = await tx.execute(
        select(refusals).where(refusals.c.hour >= start).order_by(refusals.c.hour, refusals.c.source, refusals.c.code)
    )
    return [Refused(**row) for row in rows.mappings()]
