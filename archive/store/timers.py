"""Statements about timers: who leads, and when each ran last, so that a missed time can be caught up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.store.tables import timer_runs

_LEADER_LOCK = 0x7A11E71A


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRun:
    """When a timer ran last; `failure` is the kind of error that ended it, free of personal data."""

    name: str
    started_at: datetime
    finished_at: datetime | None
    failure: str | None


async def try_to_lead(connection: asyncpg.Connection) -> bool:
    """Take the leader's lock for the life of this connection; False when another process has it."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK))


async def last_runs(tx: AsyncConnection) -> Mapping[str, TimerRun]:
    """The last run of every timer, by name."""
    rows = await tx.execute(select(timer_runs))
    return {row["name"]: TimerRun(**row) for row in rows.mappings()}


async def introduce(tx: AsyncConnection, name: str, now: datetime) -> None:
    """Begin to count for a timer that is new here: nothing before this moment was missed."""
    values = {"name": name, "started_at": now, "finished_at": now}
    await tx.execute(insert(timer_runs).values(values).on_conflict_do_nothing())


async def begin(tx: AsyncConnection, name: str, now: datetime) -> None:
    """Write down that a timer begins."""
    await tx.execute(
        update(timer_runs).where(timer_runs.c.name == name).values(started_at=now, finished_at=None, failure=None)
    )


async def end(tx: AsyncConnection, name: str, now: datetime, failure: str | None) -> None:
    """Write down that a timer has ended, and how."""
    await tx.execute(update(timer_runs).where(timer_runs.c.name == name).values(finished_at=now, failure=failure))
