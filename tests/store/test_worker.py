"""The worker's shell: tries again, buries, drains, puts back, and takes over from the dead."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import asyncpg
import pytest
import structlog
from pgqueuer.errors import FailingListenerError
from pgqueuer.qm import QueueManager

from archive.custody import Services
from archive.errors import Damaged
from archive.store import jobs
from archive.worker import ATTEMPTS, Handler, Worker, reason_of

Payload = dict[str, str]


class Jobs:
    """A handler that notes its calls and does what it is given to do."""

    def __init__(self, act: Callable[[Payload, int], Awaitable[None]]) -> None:
        self.calls: list[Payload] = []
        self._act = act

    async def __call__(self, _: Services, payload: Payload) -> None:
        """Run one job."""
        self.calls.append(payload)
        await self._act(payload, len(self.calls))


def worker_of(services: Services, handler: Handler, **patience: float) -> Worker:
    told: dict[str, Any] = {"first_delay_s": 0.01, "heartbeat_s": 2.0, "drain_s": 0.5} | patience
    return Worker(services=services, handlers={"job": handler}, **told)


async def enqueue(services: Services, *names: str) -> None:
    async with services.db.begin() as tx:
        await jobs.enqueue_many(tx, "job", [{"name": name} for name in names])


async def until(true: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.05)


async def depth(services: Services) -> int:
    async with services.db.begin() as tx:
        return (await jobs.queue_depth(tx)).get("job", 0)


async def ended(services: Services) -> bool:
    return await depth(services) == 0


class Working:
    """A worker that runs for the length of a block."""

    def __init__(self, worker: Worker) -> None:
        self.told = asyncio.Event()
        self.task = asyncio.create_task(worker.run(self.told))

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tell it to stop and wait."""
        self.told.set()
        await asyncio.wait_for(self.task, 20)


async def nothing(_payload: Payload, _call: int) -> None:
    """Succeed."""


async def test_each_job_is_done_once_by_several_workers(fresh_services: Services) -> None:
    handler = Jobs(nothing)
    await enqueue(fresh_services, *(str(n) for n in range(40)))
    async with Working(worker_of(fresh_services, handler)), Working(worker_of(fresh_services, handler)):
        await until(lambda: ended(fresh_services))
    assert sorted(call["name"] for call in handler.calls) == sorted(str(n) for n in range(40))


async def test_a_job_that_failed_is_tried_again(fresh_services: Services) -> None:
    async def act(_: Payload, call: int) -> None:
        if call < 3:
            raise Damaged

    handler = Jobs(act)
    await enqueue(fresh_services, "a")
    async with Working(worker_of(fresh_services, handler)):
        await until(lambda: ended(fresh_services))
    assert len(handler.calls) == 3
    async with fresh_services.db.begin() as tx:
        assert await jobs.count_dead(tx, None) == 0


async def test_a_job_that_always_fails_is_buried_and_does_not_stop_others(fresh_services: Services) -> None:
    async def act(payload: Payload, _: int) -> None:
        if payload["name"] == "bad":
            raise ValueError("Aino Esimerkki 010190-900A")

    handler = Jobs(act)
    await enqueue(fresh_services, "bad", "good")
    async with Working(worker_of(fresh_services, handler)):
        await until(lambda: ended(fresh_services))
    assert [call["name"] for call in handler.calls].count("bad") == ATTEMPTS
    async with fresh_services.db.begin() as tx:
        (letter,) = await jobs.list_dead(tx, None)
    assert letter.payload == {"name": "bad"}
    assert letter.attempts == ATTEMPTS
    assert letter.reason.startswith("ValueError")


async def test_nothing_personal_of_a_failure_is_written_down(
    fresh_services: Services, fresh_env: dict[str, str]
) -> None:
    async def act(_: Payload, __: int) -> None:
        raise ValueError("Aino Esimerkki 010190-900A")

    await enqueue(fresh_services, "bad")
    async with Working(worker_of(fresh_services, Jobs(act))):
        await until(lambda: ended(fresh_services))
    connection = await asyncpg.connect(fresh_env["TALLENNE_DATABASE_URL"])
    try:
        written = [str(row[0]) for row in await connection.fetch("SELECT traceback FROM pgqueuer_log")]
    finally:
        await connection.close()
    assert any("failed" in text for text in written)
    assert not any("Esimerkki" in text or "900A" in text for text in written)


async def test_a_dead_letter_can_be_tried_again(fresh_services: Services) -> None:
    healed = False

    async def act(_: Payload, __: int) -> None:
        if not healed:
            raise Damaged

    await enqueue(fresh_services, "a")
    async with Working(worker_of(fresh_services, Jobs(act))):
        await until(lambda: ended(fresh_services))
        healed = True
        async with fresh_services.db.begin() as tx:
            (letter,) = await jobs.list_dead(tx, None)
            assert letter.reason == "damaged: What the store gave back is not what was kept."
            await jobs.retry_dead(tx, letter.id, None, datetime.now(UTC))
        await until(lambda: ended(fresh_services))
    async with fresh_services.db.begin() as tx:
        assert await jobs.count_dead(tx, None) == 0


async def test_a_running_job_may_end_when_the_worker_is_told_to_stop(fresh_services: Services) -> None:
    began, done = asyncio.Event(), asyncio.Event()

    async def act(_: Payload, __: int) -> None:
        began.set()
        await asyncio.sleep(0.3)
        done.set()

    await enqueue(fresh_services, "a")
    async with Working(worker_of(fresh_services, Jobs(act), drain_s=5)):
        await asyncio.wait_for(began.wait(), 10)
    assert done.is_set()
    assert await ended(fresh_services)


async def test_a_job_that_takes_too_long_is_put_back_for_another(fresh_services: Services) -> None:
    began = asyncio.Event()

    async def act(_: Payload, call: int) -> None:
        began.set()
        if call == 1:
            await asyncio.sleep(60)

    handler = Jobs(act)
    await enqueue(fresh_services, "a")
    async with Working(worker_of(fresh_services, handler, drain_s=0.2)):
        await asyncio.wait_for(began.wait(), 10)
    assert await depth(fresh_services) == 1
    async with Working(worker_of(fresh_services, handler)):
        await until(lambda: ended(fresh_services))
    assert len(handler.calls) == 2


async def test_the_jobs_of_a_killed_worker_are_taken_over(fresh_services: Services) -> None:
    began, over = asyncio.Event(), asyncio.Event()

    async def act(_: Payload, call: int) -> None:
        began.set()
        if call == 1:
            await over.wait()

    handler = Jobs(act)
    await enqueue(fresh_services, "a")
    killed = Working(worker_of(fresh_services, handler))
    await asyncio.wait_for(began.wait(), 10)
    # As a killed process would leave it: picked by someone who beats no more.
    connection = await asyncpg.connect(fresh_services.settings.database_url.get_secret_value())
    try:
        async with Working(worker_of(fresh_services, handler)):
            statement = "UPDATE pgqueuer SET heartbeat = now() - $1::interval WHERE status = 'picked'"
            await connection.execute(statement, timedelta(minutes=5))
            await until(lambda: _called_twice(handler))
    finally:
        await connection.close()
        over.set()
        await killed.__aexit__()


async def _called_twice(handler: Jobs) -> bool:
    return len(handler.calls) == 2


async def test_a_lost_database_is_waited_for(fresh_services: Services) -> None:
    handler = Jobs(nothing)
    async with Working(worker_of(fresh_services, handler)):
        await enqueue(fresh_services, "before")
        await until(lambda: ended(fresh_services))
        connection = await asyncpg.connect(fresh_services.settings.database_url.get_secret_value())
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        await fresh_services.db.engine.dispose()
        await enqueue(fresh_services, "after")
        await until(lambda: ended(fresh_services))
    assert [call["name"] for call in handler.calls] == ["before", "after"]


@pytest.mark.parametrize("text", ["Aino Esimerkki", "010190-900A"])
def test_a_reason_never_repeats_the_text_of_a_foreign_error(text: str) -> None:
    assert text not in reason_of(ValueError(text))


async def test_a_listener_that_hears_nothing_stops_nobody(
    fresh_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library probes at once what it has not begun to listen to: on a slow start the probe is lost."""
    probed = asyncio.Event()

    async def unheard(_: QueueManager, **_patience: timedelta) -> None:
        probed.set()
        raise FailingListenerError

    monkeypatch.setattr(QueueManager, "listener_healthy", unheard)
    handler = Jobs(nothing)
    with structlog.testing.capture_logs() as logged:
        async with Working(worker_of(fresh_services, handler)):
            await asyncio.wait_for(probed.wait(), 10)
            await enqueue(fresh_services, "after")
            await until(lambda: ended(fresh_services))
    assert [call["name"] for call in handler.calls] == ["after"]
    assert [line for line in logged if line["event"] == "worker_interrupted"] == []
