"""Opening what was said in a recording: for a stated purpose, masked, and on the trail before a word of it leaves.

Looking at the record and the sound is `archive.viewing`; how a transcript is made is `ingest.transcribe`.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from archive import viewing_part
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.interactions import Interaction, PartKind
from archive.domain.transcript_mask import without_secrets
from archive.domain.transcripts import TextState, Transcript, from_json
from archive.objects.wire import ObjectMissing
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
        data = await viewing_part.read(services, found)
    except ObjectMissing:
        # Its object is deleted as soon as a newer transcript took its place, or the contact is destroyed.
        before, found = found, await _find(services, actor, interaction_id)
        if found.part.id == before.part.id:
            raise
        data = await viewing_part.read(services, found)
    # A call of two hours has 18,000 words: reading and masking them is not for the event loop.
    transcript = await asyncio.to_thread(lambda: without_secrets(from_json(data)))
    await viewing_part.commit_look(services, actor, found, Action.TRANSCRIPT_OPENED, purpose=purpose, now=now)
    return transcript


async def _find(services: Services, actor: Actor, interaction_id: UUID) -> Openable:
    return await viewing_part.find(services, actor, interaction_id, PartKind.TRANSCRIPT, _why_none)


def _why_none(contact: Interaction) -> str:
    """Why a contact has no transcript; the reason is a code of the archive's own and tells of nobody."""
    if contact.recording is None:
        return "This contact has no recording."
    told = _NONE_YET.get(contact.text_state, _NONE_YET[TextState.WAITING])
    return f"{told} ({contact.text_reason})" if contact.text_reason else told
