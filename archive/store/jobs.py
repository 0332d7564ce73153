"""Jobs on pgqueuer: put into the caller's transaction, so that a row and its job are kept or dropped together.

Running jobs is `archive.worker`; what they do belongs to the walls. What failed for good is a dead letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from pgqueuer.queries import Queries
from sqlalchemy import ColumnElement, false, func, or_, select, true, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.store.tables import dead_letters

Payload = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that failed for good: what it was to do, about what, and why it could not."""

    id: UUID
    entrypoint: str
    payload: dict[str, str]
    company: str | None
    interaction_id: UUID | None
    reason: str
    attempts: int
    failed_at: datetime
    retried_at: datetime | None


async def raw(tx: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection, inside this transaction.

    SQLAlchemy begins lazily: what is done on the raw connection before its first statement would not be rolled back.
    So one is run when none has been.
    """
    fairy = await tx.get_raw_connection()
    connection: asyncpg.Connection = fairy.driver_connection
    if not connection.is_in_transaction():
        await tx.exec_driver_sql("SELECT 1")
    return connection


async def enqueue(
    tx: AsyncConnection, entrypoint: str, payload: Payload, *, delay_s: float = 0, priority: int = 0
) -> None:
    """Queue one job; it exists when, and only when, this transaction commits."""
    await enqueue_many(tx, entrypoint, [payload], delay_s=delay_s, priority=priority)


async def enqueue_many(
    tx: AsyncConnection, entrypoint: str, payloads: Sequence[Payload], *, delay_s: float = 0, priority: int = 0
) -> None:
    """Queue one job for each payload, in one statement."""
    if payloads:
        await enqueue_on(await raw(tx), entrypoint, payloads, delay_s=delay_s, priority=priority)


async def enqueue_on(
    connection: asyncpg.Connection,
    entrypoint: str,
    payloads: Sequence[Payload],
    *,
    delay_s: float = 0,
    priority: int = 0,
) -> None:
    """As `enqueue_many`, on the driver's own connection, in the transaction that it is in."""
    queries = Queries.from_asyncpg_connection(connection)
    count = len(payloads)
    await queries.enqueue(
        [entrypoint] * count,
        [orjson.dumps(dict(payload)) for payload in payloads],
        [priority] * count,
        [timedelta(seconds=delay_s)] * count,
    )


async def bury(
    tx: AsyncConnection,
    entrypoint: str,
    payload: Payload,
    *,
    company: str | None,
    reason: str,
    attempts: int,
    now: datetime,
) -> UUID:
    """Write down a job that failed for good. `reason` must be free of personal data."""
    dead_id = uuid7()
    interaction = payload.get("interaction")
    await tx.execute(
        plain_insert(dead_letters).values(
            id=dead_id,
            entrypoint=entrypoint,
            payload=dict(payload),
            company=company,
            interaction_id=UUID(interaction) if interaction else None,
            reason=reason[:500],
            attempts=attempts,
            failed_at=now,
        )
    )
    return dead_id


def _visible(companies: frozenset[str] | None) -> ColumnElement[bool]:
    if companies is None:
        return true()
    return or_(dead_letters.c.company.in_(companies), false())


async def list_dead(tx: AsyncConnection, companies: frozenset[str] | None, limit: int = 100) -> list[DeadLetter]:
    """The dead letters that wait for a decision, newest first."""
    rows = await tx.execute(
        select(dead_letters)
        .where(dead_letters.c.retried_at.is_(None), _visible(companies))
        .order_by(dead_letters.c.failed_at.desc())
        .limit(limit)
    )
    return [DeadLetter(**row) for row in rows.mappings()]


async def count_dead(tx: AsyncConnection, companies: frozenset[str] | None) -> int:
    """How many dead letters wait for a decision."""
    found = await tx.scalar(
        select(func.count()).select_from(dead_letters).where(dead_letters.c.retried_at.is_(None), _visible(companies))
    )
    return int(found or 0)


async def retry_dead(
    tx: AsyncConnection, dead_id: UUID, companies: frozenset[str] | None, now: datetime
) -> DeadLetter | None:
    """Queue a dead letter's job again, once; None when there is no such letter for these companies."""
    row = (
        (
            await tx.execute(
                update(dead_letters)
                .where(dead_letters.c.id == dead_id, dead_letters.c.retried_at.is_(None), _visible(companies))
                .values(retried_at=now)
                .returning(*dead_letters.c)
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    letter = DeadLetter(**row)
    await enqueue(tx, letter.entrypoint, letter.payload)
    return letter


async def queue_depth(tx: AsyncConnection) -> dict[str, int]:
    """How many jobs wait or run, by entrypoint."""
    rows: Any = await tx.exec_driver_sql("SELECT entrypoint, count(*) FROM pgqueuer GROUP BY entrypoint")
    return {str(name): int(count) for name, count in rows}
