"""The job `derive` on the real database and object store: facts, waveform, damage, and what happens when it fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest

from archive import custody
from archive.custody import Services
from archive.domain.access import HOUSE
from archive.domain.interactions import DeriveState, Interaction
from archive.domain.retention import Period, Rule
from archive.store import interactions, policies
from archive.store.jobs import DeadLetter, list_dead
from archive.worker import Worker
from ingest import derive, jobs
from ingest.decoding import Decoders, Reason
from ingest.intake import receive, recording
from ingest.metadata import RecordingMetadata, judge
from tests.audio import call, made
from tests.keeping import new_company

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
async def company(services: Services) -> str:
    return await new_company(services)


def metadata(company: str, **more: Any) -> RecordingMetadata:
    said = {"company": company, "started_at": "2026-11-24T09:15:00+02:00", "direction": "inbound", **more}
    return judge(orjson.dumps(said), NOW)


async def pushed(services: Services, company: str, audio: bytes, **more: Any) -> dict[str, str]:
    """Push a recording; the payload of its job."""

    async def pieces() -> AsyncIterator[bytes]:
        yield audio

    push = recording("pbx", uuid4().hex, metadata(company, **more))
    receipt = (await receive(services, HOUSE, push, pieces(), NOW)).document
    kept = await found(services, UUID(receipt["id"]))
    assert kept.recording is not None
    return {"interaction": receipt["id"], "part": str(kept.recording.id)}


async def found(services: Services, interaction_id: UUID) -> Interaction:
    async with services.db.begin() as tx:
        kept = await interactions.get(tx, interaction_id, None)
    assert kept is not None
    return kept


async def derived(services: Services, payload: dict[str, str]) -> Interaction:
    async with jobs.deriving(calm_limit_s=0) as handlers:
        await handlers["derive"](services, payload)
    return await found(services, UUID(payload["interaction"]))


async def peaks_of(services: Services, kept: Interaction) -> dict[str, Any]:
    assert kept.peaks is not None
    async with services.db.begin() as tx:
        identity = await custody.identity_of(services, tx, kept.id)
    document: dict[str, Any] = orjson.loads(await custody.open_whole(services, identity, kept.peaks))
    return document


async def test_the_facts_and_the_waveform_of_a_recording_are_kept(services: Services, company: str) -> None:
    kept = await derived(services, await pushed(services, company, call(4), duration_s=4))
    assert kept.derive_state is DeriveState.DONE
    assert kept.media == {
        "media_type": "audio/wav",
        "codec": "pcm_s16le",
        "sample_rate_hz": 8_000,
        "channels": 2,
        "duration_s": 4.0,
        "silence_s": pytest.approx(1.2, abs=0.03),
        "damage": [],
    }
    peaks = await peaks_of(services, kept)
    assert (peaks["version"], peaks["duration_s"], peaks["bucket_s"]) == (1, 4.0, 0.01)
    assert [len(channel) for channel in peaks["peaks"]] == [400, 400]
    assert (
        peaks["silence"]
        == peaks["channel_silence"][1]
        == [[pytest.approx(1.4, abs=0.02), pytest.approx(2.6, abs=0.02)]]
    )


async def test_a_recording_of_many_chunks_is_read_range_by_range(services: Services, company: str) -> None:
    audio = made("mov", "pcm_s16le", rate=48_000, layout="stereo", seconds=20)
    kept = await derived(services, await pushed(services, company, audio))
    assert kept.media is not None
    assert kept.media["duration_s"] == 20.0
    assert kept.media["media_type"] == "audio/mp4"


async def test_it_may_run_twice_and_leaves_one_waveform(services: Services, company: str) -> None:
    payload = await pushed(services, company, call(3))
    first = await derived(services, payload)
    second = await derived(services, payload)
    assert first.media == second.media
    assert len(second.parts) == len(first.parts) == 2
    assert first.peaks is not None
    left = [one.key async for one in services.bucket.versions(f"{company}/")]
    assert sorted(left) == sorted(part.object_key for part in second.parts)


async def test_a_length_that_was_not_told_is_measured_and_moves_the_date(services: Services, company: str) -> None:
    rule = Rule(name=f"keep-{company}", company=company, channel="call", category=None, keep=Period(months=24))
    async with services.db.begin() as tx:
        await policies.put(tx, rule, written_by="test", written_at=NOW)
    told = await derived(services, await pushed(services, company, call(3), duration_s=90))
    measured = await derived(services, await pushed(services, company, call(3)))
    assert told.facts.duration_s == 90
    assert measured.facts.duration_s == 3.0
    assert measured.facts.ended_at - measured.facts.started_at == timedelta(seconds=3)
    assert measured.retain_until == rule.keep.after(measured.facts.ended_at, ZoneInfo("Europe/Helsinki"))


async def test_damage_is_marked_and_the_rest_is_there(services: Services, company: str) -> None:
    whole = made("flac", "flac", rate=16_000, seconds=30)
    spoilt = whole[:20_000] + bytes(3_000) + whole[23_000:]
    kept = await derived(services, await pushed(services, company, spoilt, duration_s=30))
    assert kept.derive_state is DeriveState.DONE
    assert kept.media is not None
    assert {entry["kind"] for entry in kept.media["damage"]} & {"errors", "gaps"}
    cut = await derived(services, await pushed(services, company, call(30)[:200_000], duration_s=30))
    assert cut.media is not None
    assert [entry["kind"] for entry in cut.media["damage"]][-2:] == ["cut", "shorter-than-told"]
    assert cut.media["duration_s"] == pytest.approx(6.25, abs=0.01)


async def letters(services: Services, company: str) -> list[DeadLetter]:
    async with services.db.begin() as tx:
        return await list_dead(tx, frozenset({company}))


async def test_a_file_that_cannot_be_decoded_is_marked_and_stays_findable(services: Services, company: str) -> None:
    payload = await pushed(services, company, made("ipod", "aac", rate=16_000)[:6_000])
    for _ in range(2):  # a job may run again when a worker dies before it can say that it is done
        kept = await derived(services, payload)
        assert kept.derive_state is DeriveState.FAILED
        assert kept.media == {"media_type": "audio/mp4", "damage": [{"kind": "undecodable", "reason": "unreadable"}]}
        assert kept.recording is not None
        (letter,) = await letters(services, company)
        assert (letter.entrypoint, letter.payload, letter.interaction_id) == ("derive", payload, kept.id)
        assert letter.reason == Reason.UNREADABLE


async def test_a_decoder_without_time_is_a_reason_and_can_be_tried_again(services: Services, company: str) -> None:
    payload = await pushed(services, company, call(3))
    hurried = replace(services, settings=services.settings.model_copy(update={"derive_timeout_s": 0.01}))
    assert (await derived(hurried, payload)).derive_state is DeriveState.FAILED
    (letter,) = await letters(services, company)
    assert letter.reason == Reason.TIME
    assert (await derived(services, payload)).derive_state is DeriveState.DONE


async def test_the_worker_survives_a_poisoned_file(services: Services, company: str) -> None:
    poisoned = await pushed(services, company, made("ipod", "aac", rate=16_000)[:6_000])
    whole = await pushed(services, company, call(3))
    told = asyncio.Event()
    async with jobs.deriving() as handlers:
        running = asyncio.create_task(Worker(services=services, handlers=handlers).run(told))
        try:
            for _ in range(600):
                await asyncio.sleep(0.1)
                good = await found(services, UUID(whole["interaction"]))
                if good.derive_state is not DeriveState.WAITING and await letters(services, company):
                    break
        finally:
            told.set()
            await running
    assert good.derive_state is DeriveState.DONE
    assert [letter.payload for letter in await letters(services, company)] == [{**poisoned, "company": company}]


async def test_a_contact_that_is_gone_is_left_alone(services: Services, company: str) -> None:
    payload = await pushed(services, company, call(3))
    async with Decoders() as decoders:
        await derive.derive(services, decoders, {"interaction": str(uuid4()), "part": str(uuid4())})
        await derive.derive(services, decoders, {**payload, "part": str(uuid4())})
    assert (await found(services, UUID(payload["interaction"]))).derive_state is DeriveState.WAITING


async def test_a_recording_past_its_date_is_still_derived(services: Services, company: str) -> None:
    rule = Rule(name=f"short-{company}", company=company, channel=None, category=None, keep=Period(days=1))
    async with services.db.begin() as tx:
        await policies.put(tx, rule, written_by="test", written_at=NOW)
    payload = await pushed(services, company, call(3), started_at="2024-01-01T09:00:00Z")
    assert (await derived(services, payload)).derive_state is DeriveState.DONE
