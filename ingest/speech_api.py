"""The API of speech: asking for a transcript, what is transcribed, a company's words, how long the backlog will take.

Handlers parse, call and answer. What is done is `ingest.speech`.
"""

from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from archive.domain.access import Permission
from archive.domain.customers import Company
from archive.domain.filters import Text
from archive.domain.transcripts import Mode, SpeechRule
from archive.web import kit
from archive.web.routes import Route
from ingest import speech


class RuleBody(BaseModel):
    """One rule; what is left out or null is any."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode
    company: Company | None = None
    queue: Text | None = None
    category: Text | None = None


class RulesBody(BaseModel):
    """Every rule of the actor's companies."""

    model_config = ConfigDict(extra="forbid")

    rules: list[RuleBody]


class CompanyQuery(BaseModel):
    """Whose words."""

    model_config = ConfigDict(extra="forbid")

    company: Company


class VocabularyBody(BaseModel):
    """The company's words, the most important first."""

    model_config = ConfigDict(extra="forbid")

    words: list[Annotated[str, Field(max_length=200)]] = Field(max_length=2_000)


async def post_transcription(request: web.Request) -> web.StreamResponse:
    """Ask for a transcript; it is made later."""
    state = await speech.ask(kit.services(request), kit.actor(request), kit.path_id(request), kit.now())
    return kit.json_answer({"state": state.value}, status=202)


async def get_rules(request: web.Request) -> web.StreamResponse:
    """The rules that concern the actor."""
    return kit.json_answer(_rules(await speech.rules(kit.services(request), kit.actor(request))))


async def put_rules(request: web.Request) -> web.StreamResponse:
    """Put rules in place of the actor's."""
    body = await kit.body(request, RulesBody)
    wanted = [SpeechRule(**rule.model_dump()) for rule in body.rules]
    services, actor = kit.services(request), kit.actor(request)
    await speech.set_rules(services, actor, wanted, kit.now())
    return kit.json_answer(_rules(await speech.rules(services, actor)))


def _rules(rules: list[SpeechRule]) -> dict[str, Any]:
    shown = [
        {"mode": one.mode.value, "company": one.company, "queue": one.queue, "category": one.category} for one in rules
    ]
    return {"items": shown, "next": None}


async def get_vocabulary(request: web.Request) -> web.StreamResponse:
    """A company's words."""
    company = kit.query(request, CompanyQuery).company
    words = await speech.vocabulary(kit.services(request), kit.actor(request), company)
    return kit.json_answer({"company": company, "words": words})


async def put_vocabulary(request: web.Request) -> web.StreamResponse:
    """Put words in place of a company's."""
    company, body = kit.query(request, CompanyQuery).company, await kit.body(request, VocabularyBody)
    words = await speech.set_vocabulary(kit.services(request), kit.actor(request), company, body.words, kit.now())
    return kit.json_answer({"company": company, "words": words})


async def get_backlog(request: web.Request) -> web.StreamResponse:
    """What waits, and how long it will take at the rate seen."""
    found = await speech.backlog(kit.services(request), kit.actor(request).companies, kit.now())
    return kit.json_answer(
        {
            "model": found.model,
            "waiting": found.waiting,
            "waiting_s": round(found.waiting_s, 1),
            "models": [
                {
                    "model": one.model,
                    "current": one.current,
                    "seen": one.seen,
                    "rate": None if one.rate is None else round(one.rate, 2),
                    "expected_s": None if one.expected_s is None else round(one.expected_s),
                }
                for one in found.forecasts
            ],
        }
    )


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/interactions/{id}/transcription",
        handler=post_transcription,
        permission=Permission.SPEECH_ASK,
        summary="Ask for a transcript of a recording, or for a new one",
        status=202,
        answers=((409, "Speech is off here, or the contact has no recording that can be heard"),),
    ),
    Route(
        method="GET",
        path="/api/v1/speech/rules",
        handler=get_rules,
        permission=Permission.SETTINGS_READ,
        summary="What is transcribed, by company, queue and category",
    ),
    Route(
        method="PUT",
        path="/api/v1/speech/rules",
        handler=put_rules,
        permission=Permission.SETTINGS_WRITE,
        summary="Say what is transcribed, in place of every rule before",
        body=RulesBody,
    ),
    Route(
        method="GET",
        path="/api/v1/speech/vocabulary",
        handler=get_vocabulary,
        permission=Permission.SETTINGS_READ,
        summary="The words that a company's calls are likely to hold",
        query=CompanyQuery,
    ),
    Route(
        method="PUT",
        path="/api/v1/speech/vocabulary",
        handler=put_vocabulary,
        permission=Permission.SETTINGS_WRITE,
        summary="Say which words a company's calls are likely to hold",
        query=CompanyQuery,
        body=VocabularyBody,
    ),
    Route(
        method="GET",
        path="/api/v1/speech/backlog",
        handler=get_backlog,
        permission=Permission.SETTINGS_READ,
        summary="How many recordings wait for their transcript, and how long that will take",
    ),
)
