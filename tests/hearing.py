"""What the tests of speech share: spoken calls pushed and understood, services with a speech model, a transcript."""

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import text

from archive import custody
from archive.custody import Services
from archive.demo.spoken import opus
from archive.domain.interactions import Interaction, PartKind
from archive.domain.transcripts import Transcript, from_json
from archive.store import interactions
from ingest import jobs as ingest_jobs
from ingest.decoder import take
from ingest.media import MediaType
from ingest.sound import RATE_HZ, Sound
from tests import intaking, noises

CALL = "price-rose-after-all"
"""The spoken call that is heard where any will do."""


def sound_of(call: str) -> bytes:
    """A spoken call as `ingest.sound` gives it: two channels in turn, 16 bits, RATE_HZ."""
    pieces: list[bytes] = []

    def make(rate_hz: int, channels: int) -> Sound:
        return Sound(rate_hz=rate_hz, channels=channels, write=lambda data, _: pieces.append(data))

    whole = opus(call)
    taker = take(io.BytesIO(whole), MediaType.OGG, len(whole), make).taker
    assert isinstance(taker, Sound)
    taker.finish()
    return b"".join(pieces)


def wav(calls: Sequence[str], seconds: float) -> bytes:
    """Spoken calls one after another, over and over, as a WAV of so many seconds."""
    frames, wanted = bytearray(), round(seconds * RATE_HZ) * 4
    for call in cycle(calls):
        frames += sound_of(call)
        if len(frames) >= wanted:
            break
    return _written(bytes(frames[:wanted]), channels=2, rate_hz=RATE_HZ)


def wav_of(sound: noises.Sound) -> bytes:
    """A sound of one channel, as `tests.noises` makes it, as a WAV."""
    return _written((sound * 32_767).astype(np.dtype("<i2")).tobytes(), channels=1, rate_hz=noises.RATE_HZ)


@cache
def mixed(call: str = CALL, seconds: float = 12.0) -> bytes:
    """The beginning of a spoken call with both speakers on its one channel."""
    both = np.frombuffer(sound_of(call), "<i2").reshape(-1, 2)[: round(seconds * RATE_HZ)].astype(np.int32)
    one = np.clip(both.sum(axis=1), -32_768, 32_767).astype(np.dtype("<i2"))
    return _written(one.tobytes(), channels=1, rate_hz=RATE_HZ)


def _written(frames: bytes, *, channels: int, rate_hz: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(frames)
    return out.getvalue()


@cache
def clip(call: str = CALL, seconds: float = 12.0) -> bytes:
    """The beginning of a spoken call as a WAV: both have said something by then, and it is soon heard."""
    return wav([call], seconds)


def hearing(services: Services, **settings: Any) -> Services:
    """The same services in an installation that transcribes with Whisper base."""
    told = {"speech_model": "base", **settings}
    return replace(services, settings=services.settings.model_copy(update=told))


async def spoken(services: Services, company: str, audio: bytes | None = None, **said: Any) -> UUID:
    """Push the beginning of a spoken call; it is not understood yet."""
    told = {"channels": ["agent", "customer"], **said}
    return UUID((await intaking.keep(services, company, audio or clip(), **told))["id"])


async def derive(services: Services, contact: UUID) -> None:
    """Do the job that understands a recording."""
    kept = await found(services, contact)
    assert kept.recording is not None
    async with ingest_jobs.deriving(calm_limit_s=0) as handlers:
        await handlers["derive"](services, {"interaction": str(contact), "part": str(kept.recording.id)})


async def found(services: Services, contact: UUID) -> Interaction:
    """The contact as it is now."""
    async with services.db.begin() as tx:
        kept = await interactions.get(tx, contact, None)
    assert kept is not None
    return kept


async def transcript_of(services: Services, contact: UUID) -> Transcript:
    """The transcript, opened."""
    part = (await found(services, contact)).part(PartKind.TRANSCRIPT)
    assert part is not None
    async with services.db.begin() as tx:
        identity = await custody.identity_of(services, tx, contact)
    return from_json(await custody.open_whole(services, identity, part))


async def until(true: Callable[[], Awaitable[bool]], within_s: float = 60) -> None:
    """Wait for something that nobody tells us of."""
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.05)


async def queued(services: Services, entrypoint: str) -> list[tuple[dict[str, str], int]]:
    """The payloads and priorities of the jobs of a name, in the order in which they would be taken."""
    async with services.db.begin() as tx:
        rows = await tx.execute(
            text("SELECT payload, priority FROM pgqueuer WHERE entrypoint = :name ORDER BY priority DESC, id"),
            {"name": entrypoint},
        )
        return [(orjson.loads(row.payload), row.priority) for row in rows]
