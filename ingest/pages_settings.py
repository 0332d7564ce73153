"""Settings of speech: what is transcribed and how far the backlog has come, and each company's own words.

What the rules and words do is `ingest.speech`; the frame of the settings is the floor's.
"""

from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from archive.domain import customers
from archive.domain.access import Permission
from archive.domain.companies import Company
from archive.domain.filters import Absent, Text
from archive.domain.transcripts import Mode, SpeechRule
from archive.errors import Complaint, Invalid
from archive.store import accounts
from archive.web import kit
from archive.web.kit import N_
from archive.web.routes import Handler, Route
from ingest import speech
from ingest.speech import MAX_WORD_CHARS, MAX_WORDS, Backlog

_FORM = ConfigDict(extra="forbid", hide_input_in_errors=True)
_MAX_TEXT = 4 * MAX_WORDS * (MAX_WORD_CHARS + 2)  # who pastes too much is told how much there may be


class RuleForm(BaseModel):
    """A rule; a blank company, queue or category is any."""

    model_config = _FORM
    company: Annotated[Text | None, Absent] = None
    queue: Annotated[Text | None, Absent] = None
    category: Annotated[Text | None, Absent] = None
    mode: Mode

    @property
    def rule(self) -> SpeechRule:
        """The rule that was written."""
        return SpeechRule(mode=self.mode, company=self.company, queue=self.queue, category=self.category)


class WordsForm(BaseModel):
    """A company's own words, one a line."""

    model_config = _FORM
    company: customers.Company
    words: Annotated[str, StringConstraints(max_length=_MAX_TEXT)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPage:
    """The backlog, the rules as they rank, and what the form was sent with."""

    backlog: Backlog
    rules: tuple[SpeechRule, ...]
    typed: dict[str, str]
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyPage:
    """Each company that the actor covers with its words as lines of text; `wrong` is the company complained about."""

    vocabularies: tuple[tuple[Company, str], ...]
    max_words: int
    wrong: str
    complaints: tuple[Complaint, ...]


async def speech_page(request: web.Request) -> web.StreamResponse:
    """Show what is transcribed, and how long what waits will take."""
    return await _speech(request)


async def _speech(
    request: web.Request, typed: dict[str, str] | None = None, complaints: tuple[Complaint, ...] = ()
) -> web.Response:
    services, actor = kit.services(request), kit.actor(request)
    page = SpeechPage(
        backlog=await speech.backlog(services, actor.companies, kit.now()),
        rules=tuple(sorted(await speech.rules(services, actor), key=_rank)),
        typed=typed or {},
        complaints=complaints,
    )
    return await kit.page(request, "ingest/settings_speech.html", page, status=Invalid.status if complaints else 200)


def _rank(rule: SpeechRule) -> tuple[bool, bool, bool, str]:
    """The most specific first, as they decide."""
    return rule.category is None, rule.queue is None, rule.company is None, rule.company or ""


async def add_rule(request: web.Request) -> web.StreamResponse:
    """Put a rule beside the others, or in the place of the one for the same contacts."""
    try:
        form = await kit.body(request, RuleForm)
        await speech.put_rule(kit.services(request), kit.actor(request), form.rule, kit.now())
    except Invalid as error:
        sent = {name: str(value) for name, value in (await request.post()).items() if name != "csrf"}
        return await _speech(request, sent, _told(error))
    return kit.go(request, "/settings/speech", N_("The rule holds from now on."))


async def remove_rule(request: web.Request) -> web.StreamResponse:
    """Take a rule away."""
    try:
        form = await kit.body(request, RuleForm)
        await speech.drop_rule(kit.services(request), kit.actor(request), form.rule, kit.now())
    except Invalid as error:
        return await _speech(request, None, _told(error))
    return kit.go(request, "/settings/speech", N_("The rule was removed."))


def _told(error: Invalid) -> tuple[Complaint, ...]:
    """The complaints without the place in a list that the form does not show."""
    return tuple(Complaint(field="", message=one.message) for one in error.complaints)


# ---------------------------------------------------------------- vocabulary


async def vocabulary_page(request: web.Request) -> web.StreamResponse:
    """Show each company's own words."""
    return await _vocabulary(request)


async def _vocabulary(
    request: web.Request, wrong: WordsForm | None = None, complaints: tuple[Complaint, ...] = ()
) -> web.Response:
    services, actor = kit.services(request), kit.actor(request)
    async with services.db.read() as tx:
        listed = await accounts.list_companies(tx, actor.companies)
    found = []
    for company in listed:
        if wrong is not None and company.code == wrong.company:
            found.append((company, wrong.words))
        else:
            found.append((company, "\n".join(await speech.vocabulary(services, actor, company.code))))
    code = wrong.company if wrong else ""
    page = VocabularyPage(vocabularies=tuple(found), max_words=MAX_WORDS, wrong=code, complaints=complaints)
    return await kit.page(
        request, "ingest/settings_vocabulary.html", page, status=Invalid.status if complaints else 200
    )


async def set_vocabulary(request: web.Request) -> web.StreamResponse:
    """Put the lines in the place of a company's words."""
    form = await kit.body(request, WordsForm)
    try:
        await speech.set_vocabulary(
            kit.services(request), kit.actor(request), form.company, form.words.splitlines(), kit.now()
        )
    except Invalid as error:
        return await _vocabulary(request, form, _told(error))
    return kit.go(request, "/settings/vocabulary", N_("The words are listened for from the next recording on."))


def _route(method: str, path: str, handler: Handler, summary: str, body: type[BaseModel] | None = None) -> Route:
    permission = Permission.SETTINGS_READ if method == "GET" else Permission.SETTINGS_WRITE
    return Route(
        method=method, path=path, handler=handler, permission=permission, summary=summary, surface="page", body=body
    )


ROUTES = (
    _route("GET", "/settings/speech", speech_page, "What is transcribed, and the backlog"),
    _route("POST", "/settings/speech", add_rule, "Say what is transcribed", RuleForm),
    _route("POST", "/settings/speech/remove", remove_rule, "Remove a rule about transcribing", RuleForm),
    _route("GET", "/settings/vocabulary", vocabulary_page, "The companies' own words"),
    _route("POST", "/settings/vocabulary", set_vocabulary, "Set a company's own words", WordsForm),
)
