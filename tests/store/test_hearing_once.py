"""That a recording is transcribed once, however many jobs and workers there are for it."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.domain.interactions import PartKind
from archive.domain.transcripts import Segment, Transcript
from archive.store import jobs, transcripts
from ingest import speech, transcription
from ingest.transcribe import Heard, Recording, UnheardError
from tests.conftest import settings_of
from tests.faults.speech import recognisers
from tests.hearing import derive, found, hearing, queued, spoken, transcript_of, until
from tests.house import new_company

LOCKS = "FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
LOCKS += " WHERE datname = current_database())"


async def scalar(services: Services, statement: str) -> int:
    async with services.db.begin() as tx:
        return int((await tx.execute(text(statement))).scalar() or 0)


async def waiting(services: Services) -> tuple[UUID, dict[str, str]]:
    """A spoken call that waits for its transcript, and the payload of its job; there is no other in this database."""
    contact = await spoken(services, await new_company(services))
    await derive(services, contact)
    ((payload, _),) = await queued(services, "transcribe")
    return contact, payload


async def indexings(services: Services) -> int:
    """How often a transcript was kept: each time the job that indexes it was queued, done by now or not."""
    return await scalar(
        services,
        "SELECT count(DISTINCT job_id) FROM pgqueuer_log WHERE entrypoint = 'search.index' AND status = 'queued'",
    )


# ------------------------------------------------------------------- two processes


@asynccontextmanager
async def working(environment: dict[str, str]) -> AsyncIterator[Services]:
    """The services of an installation that transcribes with Whisper base."""
    services = open_services(settings_of(environment))
    try:
        yield services
    finally:
        await services.close()


@contextmanager
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A whole worker, another of which takes its jobs three seconds after its heart has stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.speech", "--work"], env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_two_workers_hear_a_recording_once_though_each_has_a_job_for_it(fresh_env: dict[str, str]) -> None:
    environment = fresh_env | {"TALLENNE_SPEECH_MODEL": "base"}
    async with working(environment) as services:
        contact, _ = await waiting(services)
        with worker(environment) as first:
            await until(lambda: _hears(first.pid))
            first.send_signal(signal.SIGSTOP)
            await ask(services, contact)
            with worker(environment) as second:
                # The one that was asked for, and the first one's own: its heart does not beat.
                await until(lambda: _two_put_off(services), within_s=120)
                assert recognisers(second.pid) == []
                assert await indexings(services) == 0
                first.send_signal(signal.SIGCONT)
                await until(lambda: _made(services, contact), within_s=180)
                await until(lambda: _nothing_left(services))
        assert await indexings(services) == 1
        kept = await found(services, contact)
        assert [part.kind for part in kept.parts].count(PartKind.TRANSCRIPT) == 1
        async with services.db.begin() as tx:
            assert await transcripts.asked_at(tx, contact) is None


async def _hears(pid: int) -> bool:
    return recognisers(pid) != []


async def _claimed(services: Services) -> bool:
    return await scalar(services, f"SELECT count(*) {LOCKS}") > 0


async def _two_put_off(services: Services) -> bool:
    put_off = "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'transcribe' AND execute_after > now()"
    return await scalar(services, f"{put_off} AND status = 'queued'") == 2


async def _nothing_left(services: Services) -> bool:
    """Whether every job is done; those that were put off are not waited for."""
    await scalar(services, "UPDATE pgqueuer SET execute_after = now() WHERE status = 'queued' RETURNING 1")
    return await scalar(services, "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'transcribe'") == 0


async def _made(services: Services, contact: UUID) -> bool:
    async with services.db.begin() as tx:
        return await transcripts.made(tx, contact) is not None


async def ask(services: Services, contact: UUID) -> None:
    company = (await found(services, contact)).facts.company
    actor = Actor(id="user:r", name="r@example.com", role=Role.REVIEWER, companies=frozenset({company}))
    await speech.ask(services, actor, contact, datetime.now(UTC))


# ---------------------------------------------------------------------- a lost claim


class Overtaken:
    """A recogniser whose worker loses its claim, with the connection that holds it, and another is done before it."""

    model: str | None = "whisper-base"

    def __init__(self, services: Services, payload: dict[str, str], *, hears: bool = True) -> None:
        """`hears` is whether it understands the recording itself; the other one does."""
        self._services = services
        self._payload = payload
        self._hears = hears
        self._heard = 0

    async def transcribe(self, recording: Recording) -> Heard:
        del recording
        self._heard += 1
        said = f"The {self._heard}."
        if self._heard == 1:
            await scalar(self._services, f"SELECT count(pg_terminate_backend(pid)) {LOCKS}")
            await until(lambda: _free(self._services))
            await transcription.transcribe(self._services, self, self._payload)
            if not self._hears:
                raise UnheardError("undecodable")
        segment = Segment(start_s=0.0, end_s=1.0, speaker="agent", text=said)
        transcript = Transcript(language="fi", model="whisper-base", duration_s=1.0, segments=(segment,))
        return Heard(transcript=transcript, audio_s=1.0, took_s=0.1)


async def _free(services: Services) -> bool:
    return not await _claimed(services)


async def test_who_lost_the_claim_and_comes_second_keeps_nothing(fresh_services: Services) -> None:
    services = hearing(fresh_services)
    contact, payload = await waiting(services)
    await transcription.transcribe(services, Overtaken(services, payload), payload)
    assert [one.text for one in (await transcript_of(services, contact)).segments] == ["The 2."]
    assert await indexings(services) == 1


async def test_who_lost_the_claim_and_understands_nothing_buries_no_job(fresh_services: Services) -> None:
    services = hearing(fresh_services)
    contact, payload = await waiting(services)
    await transcription.transcribe(services, Overtaken(services, payload, hears=False), payload)
    assert [one.text for one in (await transcript_of(services, contact)).segments] == ["The 2."]
    async with services.db.begin() as tx:
        assert await jobs.list_dead(tx, None) == []


async def test_whoever_dies_leaves_no_claim_behind(fresh_env: dict[str, str]) -> None:
    environment = fresh_env | {"TALLENNE_SPEECH_MODEL": "base"}
    async with working(environment) as services:
        await waiting(services)
        with worker(environment) as first:
            await until(lambda: _claimed(services))
            first.kill()
            await until(lambda: _free(services), within_s=5)
        assert await indexings(services) == 0


@pytest.mark.parametrize("destroyed", [False, True], ids=["kept", "destroyed"])
async def test_what_is_put_off_keeps_its_place_unless_its_contact_has_gone(
    fresh_services: Services, *, destroyed: bool
) -> None:
    services = hearing(fresh_services)
    contact, payload = await waiting(services)
    async with transcripts.alone(services.settings, contact):
        if destroyed:
            await scalar(services, "UPDATE interactions SET state = 'destroying' RETURNING 1")
        await transcription.transcribe(services, Overtaken(services, payload), payload)
    (own, *again) = await queued(services, "transcribe")
    assert again == ([] if destroyed else [own])
    assert await indexings(services) == 0
