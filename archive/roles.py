"""How a role's process lives: one event loop, stopped by a signal or by the death of whoever started it.

`tallenne api` is here whole; what a worker and the timers do is `archive.worker` and `retention.schedule`.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Mapping

import structlog
import uvloop
from aiohttp import web

from archive import app, logs
from archive.custody import Services, open_services
from archive.errors import Misconfigured
from archive.settings import Settings
from archive.worker import Handler, Worker
from ingest import jobs as ingest_jobs
from retention import jobs as retention_jobs
from retention import schedule
from search import jobs as search_jobs

Role = Callable[[Settings, asyncio.Event], Awaitable[None]]

SHUTDOWN_S = 6.0
"""So long requests in flight may take after the listener closed; then they are dropped and nothing of them is kept."""

WORKER_NICE = 15
"""How far the worker steps back (nice); beside busy neighbours it gets a few hundredths, and its decoders less."""

TRANSCRIBER_HEARTBEAT_S = 60.0
"""A recogniser takes every processor it is given; its worker may be slow to say that it lives."""

READ_BYTES = 256 * 1024
"""So much of a body may wait unread before its sender is stopped."""

GC_THRESHOLD = 20_000
_BACKLOG = 1024
_PARENT_POLL_S = 0.5

_log = structlog.get_logger()


def run(role: Role, settings: Settings, parent: int | None = None) -> None:
    """Run a role to its end; `parent` is the process without which it is not to live on."""
    logs.configure(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_live(role, settings, parent))


async def _live(role: Role, settings: Settings, parent: int | None) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    watching = asyncio.create_task(_watch(parent, told)) if parent else None
    try:
        await role(settings, told)
    finally:
        if watching:
            watching.cancel()


async def _watch(parent: int, told: asyncio.Event) -> None:
    """A supervisor that was killed cannot tell us to stop; a new one must not find us still working."""
    while os.getppid() == parent:  # noqa: ASYNC110  # the system tells nobody that a parent died
        await asyncio.sleep(_PARENT_POLL_S)
    told.set()


async def api(settings: Settings, told: asyncio.Event) -> None:
    """Serve API and pages. Several processes may share one port; the kernel spreads the connections."""
    runner = web.AppRunner(
        app.create_app(settings), access_log=None, shutdown_timeout=SHUTDOWN_S, read_bufsize=READ_BYTES
    )
    await runner.setup()
    # What was made by now lives as long as the process; the collector need not walk it for every few hundred pushes.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    try:
        site = web.TCPSite(runner, settings.host, settings.port, reuse_port=True, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise Misconfigured(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
        _log.info("api_serving", host=settings.host, port=settings.port)
        await told.wait()
    finally:
        await runner.cleanup()


async def timers(settings: Settings, told: asyncio.Event) -> None:
    """Do what is due by the clock, while this is the leader."""
    services = open_services(settings)
    try:
        await schedule.run(services, told)
    finally:
        await services.close()


async def worker(settings: Settings, told: asyncio.Event) -> None:
    """Do the jobs of every wall, and make way for those who push and listen: what is derived can wait, they cannot."""
    os.nice(WORKER_NICE)
    services = open_services(settings)
    try:
        async with ingest_jobs.deriving() as deriving, ingest_jobs.transcribing(services) as transcribing:
            # Apart from the others: a hold that is to reach the bucket must not wait behind the decoding of long calls,
            # and nothing behind the hearing of them.
            workers = [
                Worker(services=services, handlers=deriving, at_once=ingest_jobs.DERIVED_AT_ONCE),
                Worker(services=services, handlers=ingest_jobs.HANDLERS | retention_jobs.HANDLERS),
                _indexer(services),
            ]
            if transcribing:
                workers.append(_transcriber(services, transcribing))
            await asyncio.gather(*(one.run(told) for one in workers))
    finally:
        await services.close()


def _transcriber(services: Services, handlers: Mapping[str, Handler]) -> Worker:
    return Worker(
        services=services,
        handlers=handlers,
        burials=ingest_jobs.BURIALS,
        at_once=ingest_jobs.TRANSCRIBED_AT_ONCE,
        batch=1,
        heartbeat_s=TRANSCRIBER_HEARTBEAT_S,
    )


def _indexer(services: Services) -> Worker:
    return Worker(
        services=services,
        handlers=search_jobs.HANDLERS,
        burials=search_jobs.BURIALS,
        at_once=search_jobs.INDEXED_AT_ONCE,
        batch=search_jobs.INDEX_BATCH,
    )
