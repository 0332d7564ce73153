"""Made-up transcripts for tests: words spread evenly over their segments, and kept like those that a model makes."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

from archive import derivatives
from archive.custody import Services
from archive.domain.interactions import PartKind
from archive.domain.transcripts import TRANSCRIPT_MEDIA_TYPE, Doubt, Dropped, Segment, Transcript, Word, to_json
from archive.objects.s3 import Bucket
from archive.settings import Settings
from tests.house import now


def segment(
    start_s: float,
    end_s: float,
    speaker: str,
    text: str,
    *,
    unsure: Sequence[str] = (),
    doubts: tuple[Doubt, ...] = (),
) -> Segment:
    """A segment whose words take the same time each; those named in `unsure` have a confidence of 0.3."""
    words = text.split()
    step = (end_s - start_s) / len(words)
    edges = [round(start_s + step * place, 3) for place in range(len(words) + 1)]
    return Segment(
        start_s=start_s,
        end_s=end_s,
        speaker=speaker,
        text=text,
        words=tuple(
            Word(start_s=start, end_s=end, text=word, confidence=0.3 if word in unsure else 0.9)
            for (start, end), word in zip(pairwise(edges), words, strict=True)
        ),
        doubts=doubts,
    )


def transcript(*segments: Segment, dropped: tuple[Dropped, ...] = ()) -> Transcript:
    """A transcript of these segments."""
    return Transcript(
        language="fi",
        model="base",
        duration_s=max((one.end_s for one in segments), default=0.0),
        segments=segments,
        dropped=dropped,
    )


async def keep_transcript(services: Services, contact: UUID | str, said: Transcript) -> None:
    """Keep a transcript as the part of a contact that it is."""
    part = await derivatives.add(
        services,
        interaction_id=UUID(str(contact)),
        received_at=now(),
        kind=PartKind.TRANSCRIPT,
        media_type=TRANSCRIPT_MEDIA_TYPE,
        data=to_json(said),
        now=now(),
    )
    assert part is not None


class Overtaken(Bucket):
    """The object store to somebody who is overtaken: before the first object is read, something else is done."""

    def __init__(self, settings: Settings, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(settings)
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def get_range(self, key: str, version_id: str, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """The bytes of an object, as the store has them by then."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        async for piece in super().get_range(key, version_id, first, last):
            yield piece


@asynccontextmanager
async def overtaken(services: Services, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[Services]:
    """The same services to whom `meanwhile` happens between looking a part up and reading it."""
    async with Overtaken(services.settings, meanwhile) as bucket:
        yield replace(services, bucket=bucket)
