"""Timers on the real database: one leader of many, taking over, catching up, and the nightly disposal."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import delete, select, update

from archive.custody import Services, open_services
from archive.domain.access import HOUSE
from archive.errors import StoreUnavailable
from archive.settings import Settings
from archive.store import disposals
from archive.store import timers as store
from archive.store.tables import timer_runs, trail_events
from retention import disposal, schedule
from retention.timers import Timer, dispose_of_what_is_due, first_run, mirror_holds, tidy_sessions, timers
from tests.keeping import keep, new_company, new_rule, rule_of

EVERY_DAY = CronTrigger(hour=3, minute=15, timezone="Europe/Helsinki")


@pytest.fixture
async def services(fresh_settings: Settings) -> AsyncIterator[Services]:
    opened = open_services(fresh_settings)
    yield opened
    await opened.close()


class Counted:
    """A timer's work that counts, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures

    async def __call__(self, services: Services, now: datetime) -> None:
        del services, now
        self.count += 1
        if self.count <= self.failures:
            raise StoreUnavailable


def often(work: Counted, seconds: float = 0.1, name: str = "often") -> Timer:
    return Timer(name=name, trigger=IntervalTrigger(seconds=seconds), work=work)


@asynccontextmanager
async def leading(services: Services, *several: Timer) -> AsyncIterator[None]:
    told = asyncio.Event()
    task = asyncio.create_task(schedule.run(services, told, several))
    try:
        yield
    finally:
        told.set()
        await asyncio.wait_for(task, 10)


async def until(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


async def test_of_two_one_leads_and_the_other_takes_over(services: Services) -> None:
    first, second = Counted(), Counted()
    told = asyncio.Event()
    leader = asyncio.create_task(schedule.run(services, told, [often(first)]))
    await until(lambda: first.count > 2)
    async with leading(services, often(second)):
        await asyncio.sleep(0.5)
        assert second.count == 0
        told.set()
        await asyncio.wait_for(leader, 10)
        await until(lambda: second.count > 0)


_LEADER = """
import asyncio
from archive.custody import open_services
from archive.settings import load
from retention import schedule

async def main() -> None:
    services = open_services(load())
    await schedule.run(services, asyncio.Event(), ())

asyncio.run(main())
"""


async def test_a_leader_that_is_killed_is_followed(services: Services, fresh_env: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LEADER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=fresh_env
    )
    assert process.stdout is not None
    assert b"timers_leading" in await process.stdout.readline()
    work = Counted()
    async with leading(services, often(work)):
        await asyncio.sleep(0.5)
        assert work.count == 0
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await until(lambda: work.count > 0)


async def test_a_missed_time_is_caught_up_once(services: Services) -> None:
    work = Counted()
    nightly = Timer(name="nightly", trigger=EVERY_DAY, work=work)
    async with leading(services, nightly):
        await asyncio.sleep(0.5)
    assert work.count == 0, "nothing before its first day was missed"
    three_days_ago = datetime.now(UTC) - timedelta(days=3)
    async with services.db.begin() as tx:
        await tx.execute(update(timer_runs).values(started_at=three_days_ago, finished_at=three_days_ago))
    async with leading(services, nightly):
        await until(lambda: work.count == 1)
    async with leading(services, nightly):
        await asyncio.sleep(0.3)
    assert work.count == 1
    async with services.db.read() as tx:
        last = (await store.last_runs(tx))["nightly"]
    assert last.failure is None
    assert last.finished_at is not None


async def test_one_that_died_with_its_leader_is_done_again(services: Services) -> None:
    work = Counted()
    nightly = Timer(name="nightly", trigger=EVERY_DAY, work=work)
    async with services.db.begin() as tx:
        await store.introduce(tx, "nightly", datetime.now(UTC))
        await store.begin(tx, "nightly", datetime.now(UTC))
    async with leading(services, nightly):
        await until(lambda: work.count == 1)


async def test_a_failure_is_written_down_and_tried_again_soon(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "AGAIN", timedelta(milliseconds=100))
    work = Counted(failures=1)
    nightly = Timer(name="nightly", trigger=EVERY_DAY, work=work)
    async with services.db.begin() as tx:
        await store.introduce(tx, "nightly", datetime.now(UTC))
        await store.end(tx, "nightly", datetime.now(UTC), "store-unavailable")
    async with leading(services, nightly):
        await until(lambda: work.count == 2)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        # 03:15 in Helsinki is 01:15 UTC in winter and 00:15 in summer.
        ("2026-11-23T01:15", "2026-11-23T12:00", "2026-11-24T01:15"),
        ("2026-11-22T01:15", "2026-11-23T12:00", "2026-11-23T12:00"),
        ("2026-07-01T00:15", "2026-07-01T08:00", "2026-07-02T00:15"),
        # In the night when the clock skips from 3 to 4, the run is not lost.
        ("2026-03-28T01:15", "2026-03-29T12:00", "2026-03-29T12:00"),
    ],
)
def test_when_a_timer_runs_first(last: str, now: str, expected: str) -> None:
    async def work(services: Services, now: datetime) -> None:
        del services, now

    timer = Timer(name="nightly", trigger=EVERY_DAY, work=work)
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, now, expected)]
    assert first_run(timer, moments[0], moments[1]) == moments[2]


async def test_the_nightly_disposal_is_one_for_each_company_that_has_something_to_destroy(services: Services) -> None:
    one, other, idle = [await new_company(services) for _ in range(3)]
    for company in (one, other, idle):
        await new_rule(services, rule_of(company))
    for company in (one, other):
        await keep(services, company, 2)
    await dispose_of_what_is_due(services, datetime.now(UTC))
    async with services.db.read() as tx:
        begun = await disposals.page(tx, None)
    assert {run.companies for run in begun} == {(one,), (other,)}
    assert {run.requested_by for run in begun} == {HOUSE.id}
    # The next night queues again what nobody finished, and makes no second one for the same contacts.
    for run in begun:
        ended = await disposal.carry_out(services, run.id)
        assert ended.counts["destroyed"] == 2
    await dispose_of_what_is_due(services, datetime.now(UTC))
    async with services.db.read() as tx:
        assert len(await disposals.page(tx, None)) == 2


def test_the_chain_is_written_outside_every_minute(services: Services) -> None:
    (anchor,) = [timer for timer in timers(services.settings) if timer.name == "trail-anchor"]
    began = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert first_run(anchor, began, began) - began <= timedelta(minutes=1)


async def test_every_timer_of_the_house_does_its_work(services: Services) -> None:
    await keep(services, await new_company(services))
    for timer in timers(services.settings):
        await timer.work(services, datetime.now(UTC))
    async with services.db.read() as tx:
        unsealed = await tx.execute(select(trail_events.c.id).where(trail_events.c.seq.is_(None)))
        # The sweep and the anchor may have written after the sealing, nothing else.
        assert len(unsealed.all()) <= 2
    await tidy_sessions(services, datetime.now(UTC))
    await mirror_holds(services, datetime.now(UTC))
    async with services.db.begin() as tx:
        await tx.execute(delete(timer_runs))
