"""Where the transcription of a recording stands, as a part of the contact's page that looks again until it is done.

How speech becomes text is `ingest.transcribe`; the words themselves are a page of the floor (`pages_transcript`).
"""

from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from archive.domain.access import Permission
from archive.domain.interactions import DeriveState, Interaction, PartKind
from archive.domain.transcripts import TextState
from archive.errors import NotFound
from archive.store import interactions
from archive.web import kit
from archive.web.kit import N_
from archive.web.routes import Route

# Codes of `text_reason` in words; a code without words is shown as it is.
REASONS = {
    "rule": N_("A rule of the settings says that such contacts are not transcribed."),
    "on-demand": N_("Such contacts are transcribed when somebody asks."),
    "off": N_("Transcription is off in this installation."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPart:
    """How far the words of a contact have come; `why` is a message id or a code, None where nothing is to be said."""

    interaction_id: UUID
    state: str
    is_decoded: bool
    is_there: bool
    why: str | None


async def speech(request: web.Request) -> web.StreamResponse:
    """Tell where the transcription stands; it says nothing of what was said, and so is no look at content.

    Raises:
        NotFound: there is no such contact for this actor.

    """
    interaction_id = kit.path_id(request)
    async with kit.services(request).db.read() as tx:
        contact = await interactions.get(tx, interaction_id, kit.actor(request).companies)
    if contact is None:
        raise NotFound
    return kit.html(await kit.render(request, "ingest/speech.html", _part(contact)))


def _part(contact: Interaction) -> SpeechPart:
    reason = contact.text_reason
    return SpeechPart(
        interaction_id=contact.id,
        state=contact.text_state.value,
        is_decoded=contact.derive_state is not DeriveState.WAITING,
        is_there=contact.part(PartKind.TRANSCRIPT) is not None,
        why=None if reason is None or contact.text_state is TextState.WAITING else REASONS.get(reason, reason),
    )


ROUTES = (
    Route(
        method="GET",
        path="/interactions/{id}/speech",
        handler=speech,
        permission=Permission.CONTENT_OPEN,
        summary="Where the transcription of a contact stands",
        surface="page",
    ),
)
