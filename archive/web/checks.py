"""What the settings' page of health looks at: the database, the object store, the queue, the trail's sealer, the disk.

Each check tries the thing itself and gives its figure. `tallenne doctor` looks deeper (it writes to see whether object
lock is enforced); this is what an administrator may look at every minute. Probes for machines are `archive.web.health`.
"""

import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text

from archive.custody import Services
from archive.domain.access import Actor
from archive.errors import ServiceError
from archive.store import jobs, trail
from archive.web.shell import N_

_FREE_SHARE = 0.05
_UNSEALED_MANY = 2000
_WAITING_MANY = 5000
_GB = 1000**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at: `name` and `said` are message ids, `figure` stands in `said` where it has %(figure)s."""

    name: str
    ok: bool
    said: str
    figure: str


async def look(services: Services, actor: Actor) -> tuple[Check, ...]:
    """Look at everything; a part that cannot be reached is a failed check, not a failed page."""
    found = [
        await _tried(N_("Database"), lambda: _database(services)),
        await _tried(N_("Object store"), lambda: _objects(services)),
        await _tried(N_("Jobs waiting"), lambda: _queue(services)),
        await _tried(N_("Failed jobs"), lambda: _dead(services, actor)),
        await _tried(N_("Trail"), lambda: _sealed(services)),
    ]
    return (*found, _disk(services))


async def _tried(name: str, check: Callable[[], Awaitable[tuple[bool, str, str]]]) -> Check:
    try:
        ok, said, figure = await check()
    except ServiceError:
        ok, said, figure = False, N_("Cannot be reached"), ""
    return Check(name=name, ok=ok, said=said, figure=figure)


def _ms(since_s: float) -> str:
    return f"{(time.monotonic() - since_s) * 1000:.0f} ms"


async def _database(services: Services) -> tuple[bool, str, str]:
    began = time.monotonic()
    async with services.db.begin() as tx:
        version = str(await tx.scalar(text("SHOW server_version"))).partition(" ")[0]
    return True, N_("Answers: %(figure)s"), f"PostgreSQL {version}, {_ms(began)}"


async def _objects(services: Services) -> tuple[bool, str, str]:
    began = time.monotonic()
    locked = await services.bucket.has_object_lock()
    said = (
        N_("Answers and has object lock: %(figure)s") if locked else N_("Answers, but WITHOUT object lock: %(figure)s")
    )
    return locked, said, f"{services.settings.s3_bucket}, {_ms(began)}"


async def _queue(services: Services) -> tuple[bool, str, str]:
    async with services.db.begin() as tx:
        waiting = sum((await jobs.queue_depth(tx)).values())
    return waiting < _WAITING_MANY, N_("%(figure)s waiting"), str(waiting)


async def _dead(services: Services, actor: Actor) -> tuple[bool, str, str]:
    async with services.db.begin() as tx:
        dead = await jobs.count_dead(tx, actor.companies)
    return dead == 0, N_("%(figure)s failed for good"), str(dead)


async def _sealed(services: Services) -> tuple[bool, str, str]:
    async with services.db.begin() as tx:
        seq, _, _ = await trail.head(tx)
        waiting = len(await trail.unsealed(tx))
    return waiting < _UNSEALED_MANY, N_("Sealed + waiting: %(figure)s"), f"{seq} + {waiting}"


def _disk(services: Services) -> Check:
    place = services.settings.data
    usage = shutil.disk_usage(place if place.exists() else ".")
    free = usage.free / usage.total > _FREE_SHARE
    return Check(name=N_("Disk"), ok=free, said=N_("%(figure)s free"), figure=f"{usage.free / _GB:.0f} GB")
