"""Speech to text with the real Whisper base: what is kept of a call, and what happens when the recogniser is ended."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from archive.custody import Services
from archive.domain.interactions import PartKind
from archive.domain.transcripts import Segment, TextState, Transcript
from archive.store import jobs, transcripts
from archive.worker import Worker
from ingest import transcription
from ingest.jobs import BURIALS
from ingest.media import MediaType
from ingest.transcribe import Heard, Recording, TranscribeError, Transcriber
from ingest.transcribe import whisper as whisper_module
from ingest.transcribe.off import Off
from ingest.transcribe.whisper import Whisper
from tests.hearing import clip, derive, found, hearing, mixed, queued, spoken, transcript_of, until, wav_of
from tests.house import new_company
from tests.noises import SOUNDS

LATER = timedelta(minutes=5)


@pytest.fixture
async def hearer(fresh_services: Services) -> Services:
    return hearing(fresh_services)


@pytest.fixture(scope="session")
async def whisper(services: Services) -> AsyncIterator[Whisper]:
    async with Whisper(hearing(services).settings, yielding=False) as made:
        yield made


async def waiting(
    services: Services, company: str, audio: bytes | None = None, **said: Any
) -> tuple[UUID, dict[str, str]]:
    """A spoken call that waits for its transcript, and the payload of its job."""
    contact = await spoken(services, company, audio, **said)
    await derive(services, contact)
    payload = next(p for p, _ in await queued(services, "transcribe") if p["interaction"] == str(contact))
    return contact, payload


async def test_a_call_becomes_text_with_speakers_times_and_confidence(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    await transcription.transcribe(hearer, whisper, payload)
    said = await transcript_of(hearer, contact)
    assert (said.language, said.model) == ("fi", "whisper-base")
    assert {segment.speaker for segment in said.segments} == {"agent", "customer"}
    words = [word for segment in said.segments for word in segment.words]
    assert len(words) > 10
    assert all(0 <= word.start_s <= word.end_s <= said.duration_s + 0.5 for word in words)
    assert all(0 <= word.confidence <= 1 for word in words)
    assert [segment.start_s for segment in said.segments] == sorted(segment.start_s for segment in said.segments)
    await known_beside_it(hearer, contact, len(words))
    kept = await found(hearer, contact)
    assert (kept.text_state, kept.facts.language) == (TextState.WAITING, "fi")
    assert [p for p, _ in await queued(hearer, "search.index")] == [
        {"interaction": str(contact), "company": kept.facts.company}
    ]


async def known_beside_it(services: Services, contact: UUID, words: int) -> None:
    """What can be told of a transcript without opening it."""
    async with services.db.begin() as tx:
        made = await transcripts.made(tx, contact)
        (pace,) = await transcripts.paces(tx, datetime.now(UTC))
    assert made is not None
    assert (made.model, made.language_found, made.words) == ("whisper-base", True, words)
    assert (pace.model, pace.count) == ("whisper-base", 1)
    assert pace.recorded_s == pytest.approx(12, abs=0.1)
    assert pace.elapsed_s == pytest.approx(made.took_s, rel=0.01)


async def test_it_may_run_twice_and_is_made_anew_only_when_asked_for(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    quick = Meanwhile(hearer, "SELECT 1")
    await transcription.transcribe(hearer, quick, payload)
    first = (await found(hearer, contact)).part(PartKind.TRANSCRIPT)
    await transcription.transcribe(hearer, quick, payload)
    assert (await found(hearer, contact)).part(PartKind.TRANSCRIPT) == first
    again = payload | {"since": (datetime.now(UTC) + LATER).isoformat()}
    await transcription.transcribe(hearer, quick, again)
    kept = await found(hearer, contact)
    assert [part.kind for part in kept.parts].count(PartKind.TRANSCRIPT) == 1
    assert kept.part(PartKind.TRANSCRIPT) != first


async def ask(services: Services, contact: UUID, company: str, at: datetime) -> None:
    async with services.db.begin() as tx:
        await transcripts.ask(tx, contact, company, asked_by="user:r", asked_at=at)


async def is_asked(services: Services, contact: UUID) -> bool:
    async with services.db.begin() as tx:
        return await transcripts.asked_at(tx, contact) is not None


async def test_a_transcript_of_a_host_whose_clock_is_ahead_answers_who_asks_after_it(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    quick, ahead = Meanwhile(hearer, "SELECT 1"), datetime.now(UTC) + LATER
    await transcription.transcribe(hearer, quick, payload | {"since": ahead.isoformat()})
    first = (await found(hearer, contact)).part(PartKind.TRANSCRIPT)
    asked_at = datetime.now(UTC)
    await ask(hearer, contact, payload["company"], asked_at)
    await transcription.transcribe(hearer, quick, payload | {"since": asked_at.isoformat()})
    assert (await found(hearer, contact)).part(PartKind.TRANSCRIPT) == first
    assert not await is_asked(hearer, contact)


async def test_a_job_that_is_queued_does_what_was_asked_for_after_it(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    quick = Meanwhile(hearer, "SELECT 1")
    await transcription.transcribe(hearer, quick, payload)
    first = (await found(hearer, contact)).part(PartKind.TRANSCRIPT)
    await ask(hearer, contact, payload["company"], datetime.now(UTC) + LATER)
    for _ in range(2):
        await transcription.transcribe(hearer, quick, payload)
        assert not await is_asked(hearer, contact)
    second = (await found(hearer, contact)).part(PartKind.TRANSCRIPT)
    assert second not in (first, None)
    made = [p["interaction"] for p, _ in await queued(hearer, "search.index")]
    assert made == [str(contact)] * 2


async def test_what_was_asked_for_while_its_own_job_ran_is_heard_once(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    again = payload | {"since": datetime.now(UTC).isoformat()}
    await asyncio.gather(*(transcription.transcribe(hearer, whisper, job) for job in (payload, again)))
    assert [p["interaction"] for p, _ in await queued(hearer, "search.index")] == [str(contact)]


async def test_a_recogniser_that_is_killed_is_tried_again(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    work = asyncio.create_task(transcription.transcribe(hearer, whisper, payload))
    await until(lambda: _runs(whisper))
    assert whisper.pid is not None
    os.kill(whisper.pid, signal.SIGKILL)
    with pytest.raises(TranscribeError) as failed:
        await work
    assert failed.value.why == "killed"
    await transcription.transcribe(hearer, whisper, payload)
    assert (await transcript_of(hearer, contact)).segments


async def _runs(whisper: Whisper) -> bool:
    return whisper.pid is not None


class Failing:
    """A recogniser that never has enough memory."""

    model: str | None = "whisper-base"

    async def transcribe(self, recording: Recording) -> None:
        del recording
        raise TranscribeError("memory")


async def test_what_always_fails_ends_visibly(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    failing: Transcriber = Failing()  # type: ignore[assignment]

    async def handler(services: Services, job: dict[str, str]) -> None:
        await transcription.transcribe(services, failing, job)

    told = asyncio.Event()
    worker = Worker(
        services=hearer, handlers={"transcribe": handler}, burials=BURIALS, at_once=2, batch=1, first_delay_s=0.01
    )
    task = asyncio.create_task(worker.run(told))
    await until(lambda: _failed(hearer, contact))
    told.set()
    await task
    async with hearer.db.begin() as tx:
        (letter,) = await jobs.list_dead(tx, None)
    assert letter.reason == "speech-failed: Recognising needed more memory than it may have."
    assert (await found(hearer, contact)).text_reason == "memory"
    assert letter.payload == payload


async def _failed(services: Services, contact: UUID) -> bool:
    return (await found(services, contact)).text_state is TextState.FAILED


def test_the_recogniser_is_given_nothing_and_cannot_reach_out(whisper: Whisper) -> None:
    assert whisper.pid is not None
    process = Path(f"/proc/{whisper.pid}")
    assert b"TALLENNE" not in (process / "environ").read_bytes()
    limits = {line[:26].strip(): line[26:].split()[0] for line in (process / "limits").read_text().splitlines()}
    assert (limits["Max open files"], limits["Max file size"]) == ("0", "0")
    assert int(limits["Max data size"]) < 3 * 1024**3


async def test_where_nobody_speaks_there_is_no_text_and_that_is_known(hearer: Services, whisper: Whisper) -> None:
    quiet = np.concatenate([make(8) for make in SOUNDS.values()])
    company = await new_company(hearer)
    contact, payload = await waiting(hearer, company, audio=wav_of(quiet), channels=[])
    await transcription.transcribe(hearer, whisper, payload)
    said = await transcript_of(hearer, contact)
    assert not said.segments
    assert said.duration_s == pytest.approx(40, abs=0.1)
    assert str(contact) in [p["interaction"] for p, _ in await queued(hearer, "search.index")]


async def test_a_mono_call_is_heard_and_its_speaker_unknown(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer), audio=mixed(), channels=[])
    await transcription.transcribe(hearer, whisper, payload)
    said = await transcript_of(hearer, contact)
    assert said.segments
    assert {segment.speaker for segment in said.segments} == {""}


class Meanwhile:
    """A recogniser during whose work something happens."""

    model: str | None = "whisper-base"

    def __init__(self, services: Services, statement: str) -> None:
        self._services = services
        self._statement = statement

    async def transcribe(self, recording: Recording) -> Heard:
        del recording
        async with self._services.db.begin() as tx:
            await tx.execute(text(self._statement))
        segment = Segment(start_s=0.0, end_s=1.0, speaker="agent", text="Hei.")
        said = Transcript(language="fi", model="whisper-base", duration_s=1.0, segments=(segment,))
        return Heard(transcript=said, audio_s=1.0, took_s=0.1)


async def test_a_contact_that_is_destroyed_meanwhile_leaves_nothing_behind(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    meanwhile = Meanwhile(hearer, f"UPDATE interactions SET state = 'destroying' WHERE id = '{contact}'")
    await transcription.transcribe(hearer, meanwhile, payload)
    async with hearer.db.begin() as tx:
        assert await transcripts.made(tx, contact) is None
        left = await tx.execute(text("SELECT kind FROM parts WHERE interaction_id = :id"), {"id": contact})
        assert {row.kind for row in left} == {PartKind.RECORDING, PartKind.PEAKS}
    assert await queued(hearer, "search.index") == []


async def test_the_old_transcript_is_whole_until_the_new_one_is(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    await transcription.transcribe(hearer, Meanwhile(hearer, "SELECT 1"), payload)
    again = payload | {"since": (datetime.now(UTC) + LATER).isoformat()}
    with pytest.raises(DBAPIError):
        await transcription.transcribe(hearer, Meanwhile(hearer, "SELECT 1/0"), again)
    assert [one.text for one in (await transcript_of(hearer, contact)).segments] == ["Hei."]
    assert (await found(hearer, contact)).text_state is TextState.WAITING


async def test_without_a_model_what_waits_is_off_and_says_why(hearer: Services) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    silent = hearing(hearer, speech_model="")
    await transcription.transcribe(silent, Off(), payload)
    kept = await found(hearer, contact)
    assert (kept.text_state, kept.text_reason) == (TextState.OFF, "speech-off")
    async with hearer.db.begin() as tx:  # as the queue does with a job that is done
        await tx.execute(text("DELETE FROM pgqueuer WHERE entrypoint = 'transcribe'"))
    for _ in range(2):
        await transcription.catch_up(hearer, {"lost": "yes"})
        assert (await found(hearer, contact)).text_state is TextState.WAITING
        assert [p["interaction"] for p, _ in await queued(hearer, "transcribe")] == [str(contact)]


PLAYED = """
import json, os, struct, time
def answer(said):
    data = json.dumps(said).encode()
    os.write(1, struct.pack('>cI', b'F', len(data)) + data)
{does}
time.sleep(0.2)
"""


def nothing() -> Recording:
    """A recording for those who do not listen."""

    async def read(start: int, stop: int) -> bytes:
        return clip()[start:stop]

    return Recording(read=read, size_bytes=len(clip()), media_type=MediaType.WAV, duration_s=0.0)


RECOGNISERS = {
    "dies": ("import os; os.kill(os.getpid(), 9)", "no-model"),
    "no-model": ("import hashlib; answer({'failed': 'no-model'})", "no-model"),
    "rubbish": ("answer({'ready': 'cpu'}); os.write(1, b'X' * 5)", "killed"),
    "nonsense": ("answer({'ready': 'cpu'}); answer({'segments': 3})", "nonsense"),
    "memory": ("answer({'ready': 'cpu'}); answer({'failed': 'memory'})", "memory"),
    "stuck": ("answer({'ready': 'cpu'}); time.sleep(60)", "time"),
}


@pytest.mark.parametrize(("does", "why"), RECOGNISERS.values(), ids=RECOGNISERS.keys())
async def test_what_a_recogniser_does_wrong_is_no_harm(
    hearer: Services, does: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side of the talk is played by a script; a call that lasts no time has no patience."""
    monkeypatch.setattr(whisper_module, "LEAST_S", 2.0)
    script = PLAYED.format(does=does)
    async with Whisper(hearer.settings, (sys.executable, "-I", "-c", script)) as playing:
        with pytest.raises(TranscribeError) as failed:
            await playing.transcribe(nothing())
        assert failed.value.why == why
        assert playing.pid is None


async def test_a_recogniser_without_work_is_ended_and_started_when_there_is_some(hearer: Services) -> None:
    said = {"language": "fi", "duration_s": 1.0, "audio_s": 1.0, "took_s": 0.1, "segments": [], "dropped": []}
    script = PLAYED.format(does=f"answer({{'ready': 'cpu'}}); answer({said}); time.sleep(60)")
    async with Whisper(hearer.settings, (sys.executable, "-I", "-c", script), idle_s=0.2) as resting:
        for _ in range(2):
            assert (await resting.transcribe(nothing())).transcript.language == "fi"
            await until(lambda: _rests(resting))


async def _rests(whisper: Whisper) -> bool:
    return whisper.pid is None
