"""The API of transcripts: the words of a recording as JSON, plain text or WebVTT.

Thin: who may open them, what is masked and what goes on the trail is `archive.viewing_text`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict

from archive import viewing_text
from archive.domain import captions
from archive.domain.access import Permission
from archive.domain.captions import Wording
from archive.domain.transcripts import Doubt, Transcript
from archive.web import kit
from archive.web.interactions import purpose_of
from archive.web.kit import N_
from archive.web.routes import Route

SPEAKERS: Mapping[str, str] = {
    "agent": N_("Agent"),
    "customer": N_("Customer"),
    "third_party": N_("Third party"),
    "": N_("Speaker"),
}
LEFT_OUT: Mapping[Doubt, str] = {
    Doubt.LOW_CONFIDENCE: N_("left out: hardly understood"),
    Doubt.LOOP: N_("left out: the same words over and over"),
    Doubt.PHANTOM: N_("left out: a phrase that the recogniser is known to invent"),
    Doubt.SILENCE: N_("left out: words where nobody speaks"),
}
UNSURE = N_("heard unsurely")
_TYPES = {"text": "text/plain", "vtt": "text/vtt"}
_ENDINGS = {"text": "txt", "vtt": "vtt", "json": "json"}


class TranscriptQuery(BaseModel):
    """In which form; without one, the header Accept decides between JSON, text/plain and text/vtt."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "text", "vtt"] | None = None


class WordAnswer(BaseModel):
    """One word, its times in seconds, the recogniser's confidence from 0 to 1."""

    start_s: float
    end_s: float
    text: str
    confidence: float


class SegmentAnswer(BaseModel):
    """Some words of one speaker in a row; `speaker` is a role, or empty when the channel says nothing of it."""

    start_s: float
    end_s: float
    speaker: str
    text: str
    words: list[WordAnswer]
    doubts: list[Doubt]


class DroppedAnswer(BaseModel):
    """Where recognised text was left out, and why."""

    start_s: float
    end_s: float
    speaker: str
    doubt: Doubt


class TranscriptAnswer(BaseModel):
    """What was said in a recording, masked."""

    language: str
    model: str
    duration_s: float
    segments: list[SegmentAnswer]
    dropped: list[DroppedAnswer]


async def get_transcript(request: web.Request) -> web.StreamResponse:
    """The words of a recording; that they were opened is on the trail before the first byte leaves."""
    asked = kit.query(request, TranscriptQuery)
    interaction_id = kit.path_id(request)
    purpose = await purpose_of(request, interaction_id)
    transcript = await viewing_text.open_transcript(
        kit.services(request), kit.actor(request), interaction_id, purpose, kit.now()
    )
    form = asked.format or _accepted(request)
    headers = {hdrs.CACHE_CONTROL: "private, no-store", "X-Content-Type-Options": "nosniff"}
    if asked.format is not None:
        # The name of a file that is handed on tells of nobody.
        name = f"transcript-{interaction_id}.{_ENDINGS[form]}"
        headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{name}"'
    answer = _answer(request, transcript, form, headers)
    answer.enable_compression()
    return answer


def wording(request: web.Request) -> Wording:
    """The words around a transcript in the reader's language."""
    return Wording(
        speakers={role: kit.say(request, name) for role, name in SPEAKERS.items()},
        left_out={doubt: kit.say(request, told) for doubt, told in LEFT_OUT.items()},
        unsure=kit.say(request, UNSURE),
    )


def _accepted(request: web.Request) -> str:
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return next((form for form, media_type in _TYPES.items() if media_type in accepted), "json")


def _answer(request: web.Request, transcript: Transcript, form: str, headers: dict[str, str]) -> web.Response:
    if form == "json":
        return kit.json_answer(document(transcript), headers=headers)
    write = captions.as_webvtt if form == "vtt" else captions.as_text
    text = write(transcript, wording(request))
    return web.Response(text=text, content_type=_TYPES[form], charset="utf-8", headers=headers)


def document(transcript: Transcript) -> dict[str, Any]:
    """A transcript as the contract's JSON."""
    return asdict(transcript)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/interactions/{id}/transcript",
        handler=get_transcript,
        permission=Permission.CONTENT_OPEN,
        summary="What was said, masked, as JSON, text or WebVTT; needs the header Purpose",
        query=TranscriptQuery,
        answer=TranscriptAnswer,
        answers=(
            (403, "Purpose missing or not the role's"),
            (404, "No such contact, or no transcript of it yet; the detail says why"),
            (410, "It was lawfully destroyed"),
        ),
    ),
)
