"""Everything that is done by the clock: its name, when, and what is called. Who leads and catches up is `schedule`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from archive import sealer, sweep
from archive.accounts import ATTEMPT_WINDOW
from archive.custody import Services
from archive.domain.access import HOUSE
from archive.settings import Settings
from archive.store import accounts, disposals, holds, jobs
from retention import disposal, mirror
from retention.policy import Verdict

SEAL_S = 2
ANCHOR_S = 60
SWEEP_S = 900
TIDY_S = 3600
_MIRRORED_AT_ONCE = 500

Work = Callable[[Services, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """One thing that is done by the clock. `remembered` ones are caught up when their time was missed."""

    name: str
    trigger: BaseTrigger
    work: Work
    remembered: bool = True


def timers(settings: Settings) -> tuple[Timer, ...]:
    """Every timer of the house."""
    hour, minute = settings.retention_at.split(":")
    daily = CronTrigger(hour=hour, minute=minute, timezone=ZoneInfo(settings.timezone))
    return (
        Timer(name="trail-seal", trigger=IntervalTrigger(seconds=SEAL_S), work=seal_trail, remembered=False),
        Timer(name="trail-anchor", trigger=IntervalTrigger(seconds=ANCHOR_S), work=anchor_trail),
        Timer(name="orphan-sweep", trigger=IntervalTrigger(seconds=SWEEP_S), work=sweep_orphans),
        Timer(name="sessions-tidy", trigger=IntervalTrigger(seconds=TIDY_S), work=tidy_sessions),
        Timer(name="holds-mirror", trigger=IntervalTrigger(seconds=TIDY_S), work=mirror_holds),
        Timer(name="disposal", trigger=daily, work=dispose_of_what_is_due),
    )


async def seal_trail(services: Services, now: datetime) -> None:
    """Seal settled events of the trail into its chain."""
    await sealer.seal(services, now)


async def anchor_trail(services: Services, now: datetime) -> None:
    """Write the chain's value outside the database."""
    await sealer.anchor(services, now)


async def sweep_orphans(services: Services, now: datetime) -> None:
    """Remove objects and uploads that no row knows of."""
    await sweep.sweep(services, now)


async def tidy_sessions(services: Services, now: datetime) -> None:
    """Forget sessions, links and sign-in attempts that no longer count."""
    async with services.db.begin() as tx:
        await accounts.forget_old(tx, before=now - ATTEMPT_WINDOW, now=now)


async def mirror_holds(services: Services, now: datetime) -> None:  # noqa: ARG001  # as every timer is called
    """Let the objects of contacts show whether they are held, where an earlier try could not."""
    after: UUID | None = None
    while True:
        async with services.db.read() as tx:
            ids = await holds.unmirrored(tx, after, _MIRRORED_AT_ONCE)
        if not ids:
            return
        await mirror.show(services, ids)
        after = ids[-1]


async def dispose_of_what_is_due(services: Services, now: datetime) -> None:
    """Queue a disposal for each company that has something to destroy, and again each that was not finished.

    One for each company, because each is a controller of its own and keeps its own certificates.
    """
    async with services.db.begin() as tx:
        for unfinished in await disposals.unfinished(tx):
            await jobs.enqueue(tx, disposal.DISPOSE, {"disposal": str(unfinished)})
        codes = [company.code for company in await accounts.list_companies(tx, None)]
    for code in codes:
        if await _something_goes(services, frozenset({code}), now):
            await disposal.start(services, HOUSE, now, companies=frozenset({code}))


async def _something_goes(services: Services, companies: frozenset[str], now: datetime) -> bool:
    """Whether a run would destroy anything; contacts that are due but held alone make no certificate every night."""
    async for lines in disposal.plan(services, companies, now):
        if any(line.decision.verdict is Verdict.DESTROY for line in lines):
            return True
    return False


def first_run(timer: Timer, last: datetime, now: datetime) -> datetime:
    """When a timer runs next, given when it ran last: at once when a time was missed."""
    due = timer.trigger.get_next_fire_time(last, last + timedelta(microseconds=1))
    assert due is None or isinstance(due, datetime)
    return now if due is None or due <= now else due
