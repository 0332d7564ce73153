"""Job `search.index`: the words of a contact, opened, masked, analysed and written as its row of the index.

Idempotent and restartable: a row replaces an earlier one, in one transaction with what snippets are cut from and that
the contact is searchable now. A contact that was destroyed meanwhile is left alone, and so is one whose transcript was
made anew: that has a job of its own. What many jobs ask of the database at one time is asked together. How a row is
made is `search.rows`, what is masked `archive.domain.sensitive`.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from archive import custody
from archive.custody import Services
from archive.domain.chats import read_messages
from archive.domain.interactions import PartKind, State
from archive.domain.sensitive import mask
from archive.domain.transcript_mask import text_of, without_secrets
from archive.domain.transcripts import TextState, from_json
from archive.errors import Damaged
from archive.store import interactions, jobs, search_rows
from archive.store.search_rows import INDEX, TEXT_KINDS, Row, Source
from search import morphology, rows, texts
from search.buckets import Fact, bucket
from search.texts import Passage

FAILED = "index-failed"
"""Why a contact is not searchable whose job failed for good."""

DAMAGED = "damaged"
"""Why a contact is not searchable whose text is not what was kept, or cannot be read."""

SUBJECT = "subject"

# Analysing holds Python's lock, so more threads would only stand in one another's way.
_ANALYSING = ThreadPoolExecutor(1, thread_name_prefix="words")


async def index(services: Services, payload: Mapping[str, str], now: datetime | None = None) -> bool:
    """Write the words of the contact `interaction` into the index; False where there was nothing to write.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached.
        Misconfigured: the analyser that the settings name is not there.

    """
    source = await services.db.single_together(search_rows.read_many, UUID(payload["interaction"]))
    if source is None:
        return False
    try:
        row = await made(services, source)
    except Damaged:
        await _bury(services, payload, source, now or datetime.now(UTC))
        return False
    return await services.db.begin_together(search_rows.write_many, row)


async def made(services: Services, source: Source) -> Row:
    """The row of a contact, made from its sealed parts.

    Raises:
        StoreUnavailable, Misconfigured: as `index` does.
        Damaged: a part is not what was kept, or cannot be read.

    """
    identity = custody.unwrap(services, source.id, source.wrapped_key)
    opened = [await custody.open_whole(services, identity, part) for part in source.parts]
    work = partial(row_of, source, opened, services.settings.words_analyser)
    return await asyncio.get_running_loop().run_in_executor(_ANALYSING, work)


def row_of(source: Source, opened: Sequence[bytes], wanted_analyser: str) -> Row:
    """The row of a contact from the plain bytes of its parts.

    Raises:
        Damaged, Misconfigured: as `made` does.

    """
    analyser = morphology.analyser(wanted_analyser)
    place = bucket(source.company, source.started_at)
    indexed = rows.make(place, list(_passages(source, opened)), _facts(source), analyser, source.language)
    return Row(
        interaction_id=source.id,
        company=source.company,
        started_at=source.started_at,
        bucket=place,
        terms=indexed.terms,
        analyser=analyser.name,
        segments=texts.pack(indexed.passages),
        sounds=indexed.sounds,
        parts=frozenset(part.id for part in source.parts),
        reason=indexed.reason,
    )


async def give_up(tx: AsyncConnection, payload: Mapping[str, str], reason: str = FAILED) -> bool:
    """Write that a contact's words will not be searchable; False where it says so already or is gone."""
    contact = UUID(payload["interaction"])
    if await interactions.lock(tx, contact) is not State.KEPT:
        return False
    found = await interactions.get(tx, contact, None)
    if found is None or found.text_state is TextState.FAILED:
        return False
    await interactions.set_text(tx, contact, TextState.FAILED, reason=reason)
    return True


async def _bury(services: Services, payload: Mapping[str, str], source: Source, now: datetime) -> None:
    """Bury the job at once, and once: the same bytes would fail the same way.

    Not where other parts took the place of those that were read: that their objects are deleted then is no damage, and
    whoever kept the new ones queued their job.
    """
    async with services.db.begin() as tx:
        await interactions.lock(tx, source.id)
        found = await interactions.get(tx, source.id, None)
        parts = () if found is None else found.parts
        if {part.id for part in parts if part.kind in TEXT_KINDS} != {part.id for part in source.parts}:
            return
        if await give_up(tx, payload, DAMAGED):
            reason = f"{Damaged.code}: {Damaged()}"
            await jobs.bury(tx, INDEX, payload, company=payload.get("company"), reason=reason, attempts=1, now=now)


def _facts(source: Source) -> dict[Fact, str | None]:
    return {
        Fact.AGENT_ID: source.agent_id,
        Fact.AGENT_NAME: source.agent_name,
        Fact.QUEUE: source.queue,
        Fact.CATEGORY: source.category,
        Fact.CHANNEL: source.channel,
        Fact.DIRECTION: source.direction,
    }


def _passages(source: Source, opened: Sequence[bytes]) -> Iterator[Passage]:
    """Everything that was said and written, masked, in order."""
    if source.subject:
        (subject,) = mask([source.subject]).texts
        yield Passage(kind=SUBJECT, text=_sound(subject))
    for part, data in zip(source.parts, opened, strict=True):
        yield from _of_transcript(data) if part.kind == PartKind.TRANSCRIPT else _of_chat(data)


def _of_transcript(data: bytes) -> Iterator[Passage]:
    for segment in without_secrets(from_json(data)).segments:
        yield Passage(
            kind=PartKind.TRANSCRIPT.value,
            text=_sound(text_of(segment)),
            speaker=segment.speaker,
            start_s=segment.start_s,
            end_s=segment.end_s,
            steps=texts.steps_of(segment.start_s, [(word.text, word.start_s) for word in segment.words]),
        )


def _of_chat(data: bytes) -> Iterator[Passage]:
    messages = read_messages(data)
    masked = mask([message.text for message in messages], speakers=[message.sender for message in messages])
    for message, text in zip(messages, masked.texts, strict=True):
        yield Passage(kind=PartKind.MESSAGE.value, text=_sound(text), speaker=message.role, at=message.at.isoformat())


def _sound(text: str) -> str:
    """The text with halves of characters, which JSON can bring and UTF-8 cannot hold, as question marks."""
    return text if text.isascii() else text.encode(errors="replace").decode()
