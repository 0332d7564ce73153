"""The shell in which jobs run: pgqueuer takes them, the walls' handlers do them, what fails for good is buried.

Any number of workers on any number of hosts share one queue. A job that fails is tried again later and later; after
`ATTEMPTS` tries it lies in `dead_letters` with its reason. A worker that is killed stops beating, and another takes its
jobs `HEARTBEAT_S` later. What the jobs do is not here.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.errors import ArchiveError
from archive.store import jobs

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]
Burial = Callable[[AsyncConnection, dict[str, str], Exception], Awaitable[None]]
"""What else is written when a job of some name has failed for good, in the transaction of its dead letter."""

ATTEMPTS = 5
"""So many tries a job gets; between them it waits `FIRST_DELAY_S`, then four times as long each time."""

FIRST_DELAY_S = 5.0
POLL_S = 0.5
"""Idle workers ask this often for jobs; nothing tells them that one was queued."""

HEARTBEAT_S = 30.0
DRAIN_S = 6.0
"""So long a job may go on after the worker was told to stop; then it is put back for another."""

_BATCH = 2
_AT_ONCE = 4
_RECONNECT_S = (0.5, 10.0)
_HOUSEKEEPING_S = 60.0
_PLACES = {"archive", "ingest", "search", "retention"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker: what it works with, the handlers by entrypoint, how many jobs at once, its patience in seconds.

    It takes `batch` jobs out of the queue at a time, at most half of `at_once`.
    """

    services: Services
    handlers: Mapping[str, Handler]
    burials: Mapping[str, Burial] = field(default_factory=dict)
    at_once: int = _AT_ONCE
    batch: int = _BATCH
    first_delay_s: float = FIRST_DELAY_S
    heartbeat_s: float = HEARTBEAT_S
    drain_s: float = DRAIN_S

    async def run(self, told: asyncio.Event) -> None:
        """Work until told to stop, then let running jobs end or put them back. A lost database is waited for."""
        wait_s = _RECONNECT_S[0]
        while not told.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await self._work(told)
            except Exception as error:  # noqa: BLE001  # the worker loop outlives whatever ended its turn
                _log.warning("worker_interrupted", error=type(error).__name__, again_in_s=wait_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), wait_s)
            long_ago = asyncio.get_running_loop().time() - began > _HOUSEKEEPING_S
            wait_s = _RECONNECT_S[0] if long_ago else min(wait_s * 2, _RECONNECT_S[1])

    async def _work(self, told: asyncio.Event) -> None:
        """Work over one pool of connections, until told or until the database is lost."""
        url = self.services.settings.database_url.get_secret_value()
        pool = await asyncpg.create_pool(url, min_size=2, max_size=4, timeout=10, command_timeout=60, reset=_as_it_is)
        abandon = asyncio.Event()
        try:
            queue = PgQueuer.from_asyncpg_pool(pool)
            for name, handler in self.handlers.items():
                # Held, not deleted, should it ever fail outside of `_do`: housekeeping queues it again.
                queue.entrypoint(name, on_failure="hold")(self._entrypoint(name, handler, abandon))
            stopping = asyncio.create_task(self._stop_when_told(told, queue, abandon))
            tidying = asyncio.create_task(_keep_house(pool))
            try:
                await queue.qm.run(
                    dequeue_timeout=timedelta(seconds=POLL_S),
                    batch_size=self.batch,
                    max_concurrent_tasks=self.at_once,
                    heartbeat_timeout=timedelta(seconds=self.heartbeat_s),
                    # It probes a listener that may not listen yet, and a slow start would end us. Nobody notifies
                    # anyway; that the database is lost, the next look for jobs tells.
                    shutdown_on_listener_failure=False,
                )
            finally:
                stopping.cancel()
                tidying.cancel()
                await asyncio.gather(stopping, tidying, return_exceptions=True)
        finally:
            await _close(pool)

    async def _stop_when_told(self, told: asyncio.Event, queue: PgQueuer, abandon: asyncio.Event) -> None:
        await told.wait()
        queue.shutdown.set()
        await asyncio.sleep(self.drain_s)
        abandon.set()

    def _entrypoint(self, name: str, handler: Handler, abandon: asyncio.Event) -> Callable[[Job], Awaitable[None]]:
        async def run(job: Job) -> None:
            work = asyncio.ensure_future(self._do(name, handler, job))
            given_up = asyncio.create_task(abandon.wait())
            try:
                await asyncio.wait({work, given_up}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()
                    await asyncio.wait({work})
                delay_s = None if work.cancelled() else work.result()
            finally:
                given_up.cancel()
                work.cancel()
            if work.cancelled():
                raise RetryRequested(reason="the worker stopped")
            if delay_s is not None:
                # Raised here, far from the cause: pgqueuer would write down the cause's text, which may be personal.
                raise RetryRequested(delay=timedelta(seconds=delay_s), reason="failed")

        return run

    async def _do(self, name: str, handler: Handler, job: Job) -> float | None:
        """Run one job; returns how long to wait before the next try, None when there is none."""
        payload: dict[str, str] = orjson.loads(job.payload or b"{}")
        tries = job.attempts + 1
        try:
            await handler(self.services, payload)
        except Exception as error:  # noqa: BLE001  # a job that raises never stops the loop
            reason = reason_of(error)
            _log.warning("job_failed", job=name, tries=tries, reason=reason)
            if tries >= ATTEMPTS and await self._bury(name, payload, error, tries):
                return None
            return float(self.first_delay_s * 4 ** min(tries - 1, ATTEMPTS))
        return None

    async def _bury(self, name: str, payload: dict[str, str], failed: Exception, tries: int) -> bool:
        try:
            async with self.services.db.begin() as tx:
                if name in self.burials:
                    await self.burials[name](tx, payload, failed)
                await jobs.bury(
                    tx,
                    name,
                    payload,
                    company=payload.get("company"),
                    reason=reason_of(failed),
                    attempts=tries,
                    now=datetime.now(UTC),
                )
        except Exception as error:  # noqa: BLE001  # then it is tried again, and buried later
            _log.warning("job_not_buried", job=name, error=type(error).__name__)
            return False
        return True


def reason_of(error: Exception) -> str:
    """Why a job failed, free of personal data: our own errors' text, of others only their kind and place."""
    if isinstance(error, ArchiveError):
        return f"{error.code}: {error}"
    frames = [
        f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if _PLACES & set(Path(frame.filename).parts)
    ]
    return f"{type(error).__name__} at {frames[-1]}" if frames else type(error).__name__


async def _keep_house(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Queue again what pgqueuer parked while the database was away, and keep its log a week."""
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            await pool.execute(
                "UPDATE pgqueuer SET status = 'queued', execute_after = now(), queue_manager_id = NULL"
                " WHERE status = 'failed'"
            )
            await pool.execute("DELETE FROM pgqueuer_log WHERE aggregated AND created < now() - interval '7 days'")
        await asyncio.sleep(_HOUSEKEEPING_S)


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Pgqueuer leaves nothing behind on a connection; clearing up after each of its statements would cost another."""


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        await asyncio.wait_for(pool.close(), 2)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()
