"""Jobs `transcribe` and `speech.catch-up`: recordings on their way to becoming text.

A recording waits from the moment in which it was understood (`ingest.derive`), or in which a person asked for it
(`ingest.speech`); what is wanted at all, the rules say. When it is done, the sealed transcript, what is known of it and
the job that indexes it are there in one transaction. A job may run twice and leaves one transcript; a contact that was
destroyed meanwhile is left alone. How speech is recognised is `ingest.transcribe`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from archive import custody, derivatives
from archive.custody import Services
from archive.domain.interactions import Interaction, Part, PartKind
from archive.domain.transcripts import TRANSCRIPT_MEDIA_TYPE, Mode, TextState, mode_of, to_json
from archive.settings import Settings
from archive.store import interactions, jobs
from archive.store import transcripts as store
from archive.store.transcripts import Made
from ingest.content import INDEX
from ingest.media import MediaType
from ingest.transcribe import Heard, Recording, TranscribeError, Transcriber, UnheardError

TRANSCRIBE: Final = "transcribe"
"""The job that takes `interaction`, `company` and `since`: it has nothing to do where a transcript is newer."""

CATCH_UP: Final = "speech.catch-up"
"""The job that asks the rules again about recordings without a transcript, a batch at a time.

It takes `after`, or begins anew, and `lost` to leave alone those that a rule has turned off: then only what lost its
job is queued, or what came while no speech was recognised.
"""

ON_DEMAND: Final = "on-demand"
OFF_BY_RULE: Final = "off-by-rule"
SPEECH_OFF: Final = "speech-off"
UNDECODABLE: Final = "undecodable"

PUT_OFF_S: Final = 30.0
"""A job waits so long while another worker is at the same contact, and looks again."""

_BATCH: Final = 500
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_CLASS_BITS: Final = 24


class Urgency(IntEnum):
    """Which recordings come first; within each the newest."""

    NEWEST = 1
    ASKED_FOR = 2
    OPEN_COMPLAINT = 3


def priority(urgency: Urgency, started_at: datetime) -> int:
    """A job's priority; the queue takes the highest first.

    The urgency in the high bits, minutes since 2020 in the low ones: enough until 2051, and 31 bits in all.
    """
    minutes = int((started_at - _EPOCH).total_seconds() // 60)
    return (urgency << _CLASS_BITS) + min(max(minutes, 0), (1 << _CLASS_BITS) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What deciding about a recording needs to know of it."""

    id: UUID
    company: str
    queue: str | None
    category: str | None
    started_at: datetime

    @classmethod
    def of(cls, kept: Interaction) -> "Contact":
        """The same of a whole interaction."""
        facts = kept.facts
        return cls(
            id=kept.id,
            company=facts.company,
            queue=facts.queue,
            category=facts.category,
            started_at=facts.started_at,
        )


def why_off(settings: Settings, mode: Mode, *, asked: bool) -> str | None:
    """Why nobody wants a recording transcribed, as a code; None where it is wanted."""
    if not settings.speech_model:
        return SPEECH_OFF
    if mode is Mode.OFF:
        return OFF_BY_RULE
    return ON_DEMAND if mode is Mode.ON_DEMAND and not asked else None


async def mode_for(tx: AsyncConnection, contact: Contact) -> Mode:
    """What the rules say of a recording."""
    rules = await store.rules(tx)
    return mode_of(rules, company=contact.company, queue=contact.queue, category=contact.category)


async def plan(tx: AsyncConnection, settings: Settings, contact: Contact, now: datetime) -> None:
    """Have an understood recording wait for its transcript, or write down why it does not; its row is locked."""
    asked = await store.asked_at(tx, contact.id) is not None
    reason = why_off(settings, await mode_for(tx, contact), asked=asked)
    if reason is not None:
        await interactions.set_text(tx, contact.id, TextState.OFF, reason=reason)
        return
    await interactions.set_text(tx, contact.id, TextState.WAITING)
    await queue(tx, contact, Urgency.ASKED_FOR if asked else Urgency.NEWEST, now)


async def queue(tx: AsyncConnection, contact: Contact, urgency: Urgency, now: datetime) -> None:
    """Queue the transcribing of a recording."""
    payload = {"interaction": str(contact.id), "company": contact.company, "since": now.isoformat()}
    await jobs.enqueue(tx, TRANSCRIBE, payload, priority=priority(urgency, contact.started_at))


# ------------------------------------------------------------------ transcribing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    kept: Interaction
    part: Part
    recording: Recording
    language_found: bool
    since: datetime


async def transcribe(
    services: Services, transcriber: Transcriber, payload: Mapping[str, str], now: datetime | None = None
) -> None:
    """Transcribe the recording of the contact `interaction`, unless that has been done since it was queued.

    While another worker is at it, on whatever host, the job is put off: it may have been asked for while its own job
    runs, or be the same job of one whose heart beats late. Then it looks whether there is anything left to do.

    Raises:
        TranscribeError, StoreUnavailable, Damaged: not this time.

    """
    async with store.alone(services.settings, UUID(payload["interaction"])) as ours:
        if not ours:
            await _put_off(services, payload)
            return
        task = await _task(services, transcriber, payload)
        if task is None:
            return
        try:
            heard = await transcriber.transcribe(task.recording)
        except UnheardError as error:
            await _give_up(services, task, payload, error, now or datetime.now(UTC))
            return
        await _keep(services, task, heard, now or datetime.now(UTC))


async def _put_off(services: Services, payload: Mapping[str, str]) -> None:
    """Queue the same again for later: a try that was none is not to count as a failure."""
    async with services.db.begin() as tx:
        kept = await interactions.get(tx, UUID(payload["interaction"]), None)
        if kept is None:
            return
        urgency = Urgency.NEWEST if await store.asked_at(tx, kept.id) is None else Urgency.ASKED_FOR
        await jobs.enqueue(
            tx, TRANSCRIBE, payload, delay_s=PUT_OFF_S, priority=priority(urgency, kept.facts.started_at)
        )


async def _task(services: Services, transcriber: Transcriber, payload: Mapping[str, str]) -> _Task | None:
    """What is to be done; None where there is nothing, or where nobody wants it any more."""
    interaction_id, since = UUID(payload["interaction"]), datetime.fromisoformat(payload["since"])
    async with services.db.begin() as tx:
        await interactions.lock(tx, interaction_id)
        kept = await interactions.get(tx, interaction_id, None)
        made = await store.made(tx, interaction_id)
        asked_at = await store.asked_at(tx, interaction_id)
        if kept is None or kept.recording is None:
            return None
        since = max(since, asked_at or since)  # one who asks while a job is queued gets no other
        if made is not None and made.made_at >= since:
            # By the clock of the host that made it, which may be ahead of the one that was asked.
            await store.answered(tx, interaction_id)
            return None
        contact = Contact.of(kept)
        reason = why_off(services.settings, await mode_for(tx, contact), asked=asked_at is not None)
        if reason is not None or transcriber.model is None:
            if made is None:
                await interactions.set_text(tx, interaction_id, TextState.OFF, reason=reason or SPEECH_OFF)
            return None
        vocabulary = await store.vocabulary(tx, contact.company)
        identity = await custody.identity_of(services, tx, interaction_id)
    part = kept.recording

    async def read(start: int, stop: int) -> bytes:
        return b"".join([piece async for piece in custody.open_range(services, identity, part, start, stop)])

    media = kept.media or {}
    told = kept.facts.language if made is None or not made.language_found else None
    recording = Recording(
        read=read,
        size_bytes=part.size_bytes,
        media_type=MediaType(part.media_type),
        duration_s=float(media.get("duration_s") or kept.facts.duration_s or 0),
        channels=int(media.get("channels") or 1),
        roles=kept.facts.channel_roles,
        language=told,
        vocabulary=vocabulary,
    )
    return _Task(kept=kept, part=part, recording=recording, language_found=told is None, since=since)


class _OvertakenError(Exception):
    """Another worker has kept a transcript since this one was queued."""


async def _is_overtaken(tx: AsyncConnection, task: _Task) -> bool:
    """Whether what the task is to make has been made; the contact's row is locked."""
    made = await store.made(tx, task.kept.id)
    return made is not None and made.made_at >= task.since


async def _keep(services: Services, task: _Task, heard: Heard, now: datetime) -> None:
    """Keep a transcript, unless one came meanwhile: whose connection was lost has lost its claim as well."""
    transcript, facts = heard.transcript, task.kept.facts

    async def also(tx: AsyncConnection, _: Part) -> None:
        if await _is_overtaken(tx, task):
            raise _OvertakenError
        await store.put(
            tx,
            Made(
                interaction_id=task.kept.id,
                company=facts.company,
                language=transcript.language,
                language_found=task.language_found,
                model=transcript.model,
                audio_s=heard.audio_s,
                took_s=heard.took_s,
                words=sum(len(segment.words) for segment in transcript.segments),
                # Clocks of two hosts differ: a transcript is never older than the request that it answers.
                made_at=max(now, task.since),
            ),
        )
        await interactions.set_text(tx, task.kept.id, TextState.WAITING, language=transcript.language or None)
        await jobs.enqueue(tx, INDEX, {"interaction": str(task.kept.id), "company": facts.company})

    with suppress(_OvertakenError):
        await derivatives.add(
            services,
            interaction_id=task.kept.id,
            received_at=task.kept.received_at,
            kind=PartKind.TRANSCRIPT,
            media_type=TRANSCRIPT_MEDIA_TYPE,
            data=to_json(transcript),
            now=now,
            also=also,
        )


async def _give_up(
    services: Services, task: _Task, payload: Mapping[str, str], error: TranscribeError, now: datetime
) -> None:
    """Bury a job whose recording is to blame, once, and mark the contact; unless a transcript came meanwhile."""
    kept = task.kept
    async with services.db.begin() as tx:
        await interactions.lock(tx, kept.id)
        found = await interactions.get(tx, kept.id, None)
        if found is None or found.text_state is TextState.FAILED or await _is_overtaken(tx, task):
            return
        await store.give_up(tx, kept.id, error.why)
        await jobs.bury(tx, TRANSCRIBE, payload, company=kept.facts.company, reason=str(error), attempts=1, now=now)


async def buried(tx: AsyncConnection, payload: dict[str, str], error: Exception) -> None:
    """Mark the contact of a job that failed for good, in the transaction that buries the job."""
    why = error.why if isinstance(error, TranscribeError) else getattr(error, "code", "failed")
    await store.give_up(tx, UUID(payload["interaction"]), why)


# ------------------------------------------------------------------- catching up


async def catch_up(services: Services, payload: Mapping[str, str], now: datetime | None = None) -> None:
    """Ask the rules again about a batch of recordings that have no transcript, and queue the next batch."""
    after = UUID(payload["after"]) if payload.get("after") else None
    async with services.db.begin() as tx:
        found = await store.lock_unheard(tx, TRANSCRIBE, after, _BATCH, only=SPEECH_OFF if "lost" in payload else None)
        for one in found:
            contact = Contact(
                id=one.interaction_id,
                company=one.company,
                queue=one.queue,
                category=one.category,
                started_at=one.started_at,
            )
            await plan(tx, services.settings, contact, now or datetime.now(UTC))
        if found:
            await jobs.enqueue(tx, CATCH_UP, {**payload, "after": str(found[-1].interaction_id)})
