"""Opening what was said in a recording: for a stated purpose, masked, and on the trail before a word of it leaves.

Looking at the record and the sound is `archive.viewing`; how a transcript is made is `ingest.transcribe`.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.interactions import Interaction, PartKind
from archive.domain.transcript_mask import without_secrets
from archive.domain.transcripts import TextState, Transcript, from_json
from archive.errors import Destroyed, NotFound
from archive.objects.wire import ObjectMissing
from archive.store import hot, interactions
from archive.store.hot import Openable

_NONE_YET = {
    TextState.WAITING: "This recording is waiting to be transcribed.",
    TextState.OFF: "Nobody has asked for this recording to be transcribed.",
    TextState.FAILED: "This recording could not be transcribed.",
}


async def open_transcript(
    services: Services, actor: Actor, interaction_id: UUID, purpose: Purpose, now: datetime
) -> Transcript:
    """A recording's words without its secrets; that they were opened has been committed when this returns.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor, or no transcript of it yet; then the detail says why.
        Destroyed: it was lawfully destroyed.
        StoreUnavailable: the database or the object store cannot be reached.
        Damaged: the object is not what was kept.

    """
    purpose.must_suit(actor.role)
    found = await _find(services, actor, interaction_id)
    try:
        data = await _open(services, found)
    except ObjectMissing:
        # Its object is deleted as soon as a newer transcript took its place, or the contact is destroyed.
        before, found = found, await _find(services, actor, interaction_id)
        if found.part.id == before.part.id:
            raise
        data = await _open(services, found)
    # A call of two hours has 18,000 words: reading and masking them is not for the event loop.
    transcript = await asyncio.to_thread(lambda: without_secrets(from_json(data)))
    async with services.db.begin() as tx:
        await services.record(
            tx,
            actor,
            Action.TRANSCRIPT_OPENED,
            now=now,
            companies=[found.part.company],
            interaction_id=interaction_id,
            purpose=purpose,
        )
    return transcript


async def _find(services: Services, actor: Actor, interaction_id: UUID) -> Openable:
    async with services.db.read_bare() as connection:
        found = await hot.openable(connection, interaction_id, actor.companies, PartKind.TRANSCRIPT)
    if found is None:
        raise await _missing(services, actor, interaction_id)
    return found


async def _open(services: Services, found: Openable) -> bytes:
    identity = custody.unwrap(services, found.part.interaction_id, (found.key_id, found.wrapped))
    return await custody.open_whole(services, identity, found.part)


async def _missing(services: Services, actor: Actor, interaction_id: UUID) -> NotFound | Destroyed:
    async with services.db.read() as tx:
        contact = await interactions.get(tx, interaction_id, actor.companies)
        if contact is None:
            gone = await interactions.is_tombstone(tx, interaction_id, actor.companies)
            return Destroyed() if gone else NotFound()
    return NotFound(_why_none(contact))


def _why_none(contact: Interaction) -> str:
    """Why a contact has no transcript; the reason is a code of the archive's own and tells of nobody."""
    if contact.recording is None:
        return "This contact has no recording."
    told = _NONE_YET.get(contact.text_state, _NONE_YET[TextState.WAITING])
    return f"{told} ({contact.text_reason})" if contact.text_reason else told
