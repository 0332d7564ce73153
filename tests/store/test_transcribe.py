"""Speech to text with the real Whisper base: what is kept of a call, and what happens when the recogniser is ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archive.custody import Services
from archive.domain.interactions import PartKind
from archive.domain.transcripts import TextState
from archive.store import jobs, transcripts
from archive.worker import Worker
from ingest import transcription
from ingest.jobs import BURIALS
from ingest.transcribe import Recording, TranscribeError, Transcriber
from ingest.transcribe.whisper import Whisper
from tests.hearing import derive, found, hearing, queued, spoken, transcript_of, until
from tests.house import new_company

LATER = timedelta(minutes=5)


@pytest.fixture
async def hearer(fresh_services: Services) -> Services:
    return hearing(fresh_services)


@pytest.fixture(scope="session")
async def whisper(services: Services) -> AsyncIterator[Whisper]:
    async with Whisper(hearing(services).settings, yielding=False) as made:
        yield made


async def waiting(services: Services, company: str, **said: Any) -> tuple[UUID, dict[str, str]]:
    """A spoken call that waits for its transcript, and the payload of its job."""
    contact = await spoken(services, company, **said)
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
    kept = await found(hearer, contact)
    assert (kept.text_state, kept.facts.language) == (TextState.WAITING, "fi")
    assert [p for p, _ in await queued(hearer, "search.index")] == [
        {"interaction": str(contact), "company": kept.facts.company}
    ]


async def test_it_may_run_twice_and_is_made_anew_only_when_asked_for(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    await transcription.transcribe(hearer, whisper, payload)
    first = (await found(hearer, contact)).part(PartKind.TRANSCRIPT)
    await transcription.transcribe(hearer, whisper, payload)
    assert (await found(hearer, contact)).part(PartKind.TRANSCRIPT) == first
    again = payload | {"since": (datetime.now(UTC) + LATER).isoformat()}
    await transcription.transcribe(hearer, whisper, again)
    kept = await found(hearer, contact)
    assert [part.kind for part in kept.parts].count(PartKind.TRANSCRIPT) == 1
    assert kept.part(PartKind.TRANSCRIPT) != first


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


async def test_what_is_known_of_a_transcript_is_written_beside_it(hearer: Services, whisper: Whisper) -> None:
    contact, payload = await waiting(hearer, await new_company(hearer))
    await transcription.transcribe(hearer, whisper, payload)
    async with hearer.db.begin() as tx:
        made = await transcripts.made(tx, contact)
        paces = await transcripts.paces(tx, datetime.now(UTC))
    assert made is not None
    assert (made.model, made.language_found) == ("whisper-base", True)
    assert made.words == sum(len(one.words) for one in (await transcript_of(hearer, contact)).segments)
    assert [pace.model for pace in paces] == ["whisper-base"]
    assert paces[0].recorded_s == pytest.approx(made.audio_s, rel=0.6)


def test_the_recogniser_is_given_nothing_and_cannot_reach_out(whisper: Whisper) -> None:
    assert whisper.pid is not None
    process = Path(f"/proc/{whisper.pid}")
    assert b"TALLENNE" not in (process / "environ").read_bytes()
    limits = {line[:26].strip(): line[26:].split()[0] for line in (process / "limits").read_text().splitlines()}
    assert (limits["Max open files"], limits["Max file size"]) == ("0", "0")
    assert int(limits["Max data size"]) < 2 * 1024**3
