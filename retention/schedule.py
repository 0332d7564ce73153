"""Timers of many processes: one leads by an advisory lock, the others wait to take over when it dies.

What is done, and when, is `retention.timers`. APScheduler keeps the time within the leader; when each timer ran last is
in the database, so that a time that was missed (nobody ran, or the leader died) is caught up by the next leader.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from archive.custody import Services
from archive.errors import ArchiveError, StoreUnavailable
from archive.store import timers as store
from archive.store.timers import TimerRun
from retention.timers import Timer, first_run, timers

WAIT_S = 2.0
AGAIN = timedelta(minutes=5)
_CHECK_S = 1.0
_PATIENCE_S = 5.0
_DRAIN_S = 6.0

log = structlog.get_logger()


async def run(services: Services, told: asyncio.Event, every: Sequence[Timer] | None = None) -> None:
    """Lead or wait to lead, until told to stop. A database that cannot be reached is waited for."""
    wanted = timers(services.settings) if every is None else every
    while not told.is_set():
        try:
            await _lead_when_free(services, told, wanted)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, StoreUnavailable) as error:
            log.warning("timers_interrupted", error=type(error).__name__)
        await _pause(told, WAIT_S)


async def _lead_when_free(services: Services, told: asyncio.Event, wanted: Sequence[Timer]) -> None:
    """Take the lock if nobody has it, and lead for as long as this connection lives."""
    url = services.settings.database_url.get_secret_value()
    connection = await asyncpg.connect(url, timeout=_PATIENCE_S, command_timeout=_PATIENCE_S)
    try:
        if not await store.try_to_lead(connection):
            return
        log.info("timers_leading")
        await _lead(services, told, wanted, connection)
    finally:
        # The lock goes with the connection, however this ends.
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=1)
        log.info("timers_not_leading")


async def _lead(
    services: Services, told: asyncio.Event, wanted: Sequence[Timer], connection: asyncpg.Connection
) -> None:
    running: set[asyncio.Task[bool]] = set()
    scheduler = AsyncIOScheduler(timezone=ZoneInfo("UTC"))

    async def fire(timer: Timer) -> None:
        task = asyncio.create_task(_fire(services, timer))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.wait({task})
        if timer.remembered and not task.cancelled() and not task.result():
            # A night's work that failed does not wait for the next night.
            again = datetime.now(UTC) + AGAIN
            scheduler.add_job(
                fire, "date", run_date=again, args=[timer], id=f"{timer.name}-again", replace_existing=True
            )

    now = datetime.now(UTC)
    for timer, at in await _agenda(services, wanted, now):
        scheduler.add_job(
            fire,
            timer.trigger,
            args=[timer],
            id=timer.name,
            next_run_time=at,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        while not told.is_set():
            await connection.execute("SELECT 1")
            await _pause(told, _CHECK_S)
    finally:
        scheduler.shutdown(wait=False)
        await _end(running)


async def _agenda(services: Services, wanted: Sequence[Timer], now: datetime) -> list[tuple[Timer, datetime]]:
    """When each timer runs first under this leader."""
    async with services.db.begin() as tx:
        for timer in wanted:
            if timer.remembered:
                await store.introduce(tx, timer.name, now)
        last = await store.last_runs(tx)
    return [(timer, _first(timer, last.get(timer.name), now)) for timer in wanted]


def _first(timer: Timer, last: TimerRun | None, now: datetime) -> datetime:
    # One that was not ended died with its leader.
    if last is None or last.finished_at is None or last.failure is not None:
        return now
    return first_run(timer, last.started_at, now)


async def _fire(services: Services, timer: Timer) -> bool:
    """Run one timer, its beginning and end written down; what goes wrong is said. Returns whether it went well."""
    failure: str | None = "interrupted"
    try:
        if timer.remembered:
            async with services.db.begin() as tx:
                await store.begin(tx, timer.name, datetime.now(UTC))
        await timer.work(services, datetime.now(UTC))
        failure = None
    except ArchiveError as error:
        failure = error.code
    except Exception as error:  # noqa: BLE001  # one timer's mistake must not end the others
        failure = type(error).__name__
    finally:
        if failure is not None:
            log.warning("timer_failed", timer=timer.name, failure=failure)
        if timer.remembered:
            with contextlib.suppress(StoreUnavailable):
                async with services.db.begin() as tx:
                    await store.end(tx, timer.name, datetime.now(UTC), failure)
    return failure is None


async def _end(running: set[asyncio.Task[bool]]) -> None:
    """Stop what is being done; all of it can be begun again."""
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(set(running), timeout=_DRAIN_S)


async def _pause(told: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), seconds)
