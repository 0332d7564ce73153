"""Where the transcription of a recording stands, as a part of the page of its contact, and the button that asks for it.

The part looks again until there is something to show.

How speech becomes text is `ingest.transcription`, asking `ingest.speech`; the words themselves are a page of the floor
(`archive.web.pages_transcript`).
"""

from dataclasses import dataclass
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from archive.domain.access import Permission
from archive.domain.interactions import DeriveState, Interaction, PartKind
from archive.domain.transcripts import TextState
from archive.errors import Conflict, NotFound
from archive.store import interactions, transcripts
from archive.web import kit
from archive.web.forms import BackForm
from archive.web.kit import N_
from archive.web.routes import Route
from ingest import speech
from ingest.transcription import OFF_BY_RULE, ON_DEMAND, SPEECH_OFF

# Codes of `text_reason` in words; of a code without words nothing more is said than that it failed.
REASONS = {
    ON_DEMAND: N_("Contacts like this one are transcribed when somebody asks."),
    OFF_BY_RULE: N_("A rule in the settings leaves contacts like this one out."),
    SPEECH_OFF: N_("No speech is turned into text in this installation."),
    "undecodable": N_("The recording cannot be decoded."),
    "time": N_("It took longer than it may."),
    "memory": N_("It needed more memory than it may have."),
    "no-model": N_("The speech model cannot be loaded."),
    "killed": N_("The recogniser was ended from outside, or crashed."),
    "nonsense": N_("The recogniser gave an answer that makes no sense."),
    "decoder-lost": N_("The decoder was ended from outside."),
    "damaged": N_("What is kept of it is damaged."),
    "index-failed": N_("Its words could not be made searchable."),
}
# Asking cannot help where these are why.
_FINAL = {OFF_BY_RULE, SPEECH_OFF, "undecodable"}
_ASKED = N_("Asked for; the words come to the page of the contact.")
_REFUSED = N_("This contact cannot be transcribed.")


class SpeechQuery(BaseModel):
    """Which transcript the page already shows, if any."""

    model_config = ConfigDict(extra="forbid")

    shown: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPart:
    """How far the words of a contact have come.

    `made` is the transcript that is there, `shown` the one that the page has. `why` is a message id. `ahead` counts the
    recordings that wait, this one among them, `expected_s` is how long those take at the rate seen.
    """

    interaction_id: UUID
    state: str
    is_decoded: bool
    is_asked: bool
    may_ask: bool
    made: UUID | None
    shown: UUID | None
    why: str | None
    ahead: int
    expected_s: float | None


async def standing(request: web.Request) -> web.StreamResponse:
    """Tell where the transcription stands; it says nothing of what was said, and so is no look at content.

    Raises:
        NotFound: there is no such contact for this actor.

    """
    asked = kit.query(request, SpeechQuery)
    services, actor, interaction_id = kit.services(request), kit.actor(request), kit.path_id(request)
    async with services.db.read() as tx:
        contact = await interactions.get(tx, interaction_id, actor.companies)
        if contact is None:
            raise NotFound
        is_asked = await transcripts.asked_at(tx, interaction_id) is not None
    made = contact.part(PartKind.TRANSCRIPT)
    backlog = None
    if made is None and contact.text_state is TextState.WAITING and not is_asked:
        backlog = await speech.recent_backlog(services, actor.companies, kit.now())
    part = SpeechPart(
        interaction_id=contact.id,
        state=contact.text_state.value,
        is_decoded=contact.derive_state is not DeriveState.WAITING,
        is_asked=is_asked,
        may_ask=actor.may(Permission.SPEECH_ASK) and not is_asked and _can_be_asked(contact),
        made=None if made is None else made.id,
        shown=asked.shown,
        why=REASONS.get(contact.text_reason or "") if contact.text_state is not TextState.WAITING else None,
        ahead=backlog.waiting if backlog else 0,
        expected_s=next((one.expected_s for one in backlog.forecasts if one.current), None) if backlog else None,
    )
    return kit.html(await kit.render(request, "ingest/speech.html", part))


def _can_be_asked(contact: Interaction) -> bool:
    is_heard = contact.recording is not None and contact.derive_state is not DeriveState.FAILED
    is_final = contact.text_state is not TextState.WAITING and contact.text_reason in _FINAL
    return is_heard and not is_final


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask for a transcript, before those that nobody asked for; again, where there is one.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    form, interaction_id = await kit.body(request, BackForm), kit.path_id(request)
    back = form.back or f"/interactions/{interaction_id}"
    try:
        await speech.ask(kit.services(request), kit.actor(request), interaction_id, kit.now())
    except Conflict:
        return kit.go(request, back, _REFUSED)
    return kit.go(request, back, _ASKED)


ROUTES = (
    Route(
        method="GET",
        path="/interactions/{id}/speech",
        handler=standing,
        permission=Permission.CONTENT_OPEN,
        summary="Where the transcription of a contact stands",
        surface="page",
        query=SpeechQuery,
    ),
    Route(
        method="POST",
        path="/interactions/{id}/transcribe",
        handler=ask,
        permission=Permission.SPEECH_ASK,
        summary="Ask for a transcript of a contact",
        surface="page",
        body=BackForm,
    ),
)
