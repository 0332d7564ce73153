"""The API of searching: `GET /search` of the contract. What a search does is `search.finding`."""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from archive.domain.access import Permission
from archive.domain.interactions import Channel, Direction
from archive.web import kit
from archive.web.routes import Route
from search import finding
from search.facets import Facets
from search.finding import Found
from search.index import Hit
from search.query import SearchRequest
from search.snippets import Snippet


class AgentAnswer(BaseModel):
    """The employee who spoke."""

    id: str | None
    name: str | None


class CustomerAnswer(BaseModel):
    """The customer whom the contact is linked to; the first, when there are several."""

    customer_number: str
    name: str | None


class SnippetAnswer(BaseModel):
    """Some text around words that were asked for."""

    html: str = Field(description="escaped text; the words that were found stand in `<mark>`")
    part: str = Field(description="what was read: transcript, message or subject")
    start_s: float | None = Field(description="when the first of the words was said, in seconds from the start")
    speaker: str = Field(description="agent, customer or third_party; empty when nobody knows")
    end_s: float | None
    at: str | None = Field(description="when it was written, where it was")
    kind: Literal["sure", "near"]


class HitAnswer(BaseModel):
    """One contact in a list; `match` is near when it only sounds like the words, and null where none were asked."""

    id: UUID
    channel: Channel
    company: str
    direction: Direction
    started_at: datetime
    duration_s: float | None
    agent: AgentAnswer | None
    customer: CustomerAnswer | None
    subject: str | None
    queue: str | None
    category: str | None
    on_hold: bool
    snippets: list[SnippetAnswer]
    match: Literal["sure", "near"] | None


class TotalAnswer(BaseModel):
    """How many contacts fit; `gte` means at least so many."""

    value: int
    relation: Literal["eq", "gte"]


class CoverageAnswer(BaseModel):
    """Of the contacts that these filters could find, how many are searched by their words, and why the others are not.

    `waiting` ones will be, `failed` ones need a person, `off` ones are not transcribed because the operator wants it
    so; `reasons` counts by code. `gte`: at least so many. `outdated` ones are searched by older rules for words.
    """

    searchable: int
    waiting: int
    failed: int
    off: int
    reasons: dict[str, int]
    relation: Literal["eq", "gte"]
    outdated: int


class UnderstoodAnswer(BaseModel):
    """A word of `q` and the forms that it is looked for by."""

    word: str
    forms: list[str]


class FacetAnswer(BaseModel):
    """A value, and how many of the newest hits have it; `name` is the agent's."""

    value: str
    count: int
    name: str | None


class FacetsAnswer(BaseModel):
    """How the newest hits, a thousand at most, spread over facts; `gte` when there are more hits than that."""

    channel: list[FacetAnswer]
    queue: list[FacetAnswer]
    agent: list[FacetAnswer]
    month: list[FacetAnswer]
    relation: Literal["eq", "gte"]


class SearchAnswer(BaseModel):
    """A page of hits, newest first or by relevance; hits that only sound like the words come last."""

    items: list[HitAnswer]
    next: str | None = Field(description="the cursor of the next page, null on the last")
    total: TotalAnswer
    coverage: CoverageAnswer
    understood: list[UnderstoodAnswer]
    facets: FacetsAnswer | None = Field(description="only with `facets=1`")


async def search(request: web.Request) -> web.Response:
    """Find contacts by facts and by what was said, within the companies of whoever asks."""
    asked = kit.query(request, SearchRequest)
    found = await finding.find(kit.services(request), kit.actor(request), asked, datetime.now(UTC))
    return kit.json_answer(shown(found))


def shown(found: Found) -> dict[str, Any]:
    """The answer's JSON: the fields of `SearchAnswer`."""
    return {
        "items": [_shown(hit, found) for hit in found.hits],
        "next": found.next_cursor,
        "total": {"value": found.total.value, "relation": "gte" if found.total.is_capped else "eq"},
        "coverage": found.coverage,
        "understood": found.understood,
        "facets": None if found.facets is None else _counted(found.facets),
    }


def _counted(facets: Facets) -> dict[str, Any]:
    return {
        "channel": facets.channel,
        "queue": facets.queue,
        "agent": facets.agent,
        "month": facets.month,
        "relation": "gte" if facets.is_capped else "eq",
    }


def _shown(hit: Hit, found: Found) -> dict[str, Any]:
    has_agent = hit.agent_id is not None or hit.agent_name is not None
    linked = hit.customer_number is not None
    return {
        "id": hit.id,
        "channel": hit.channel,
        "company": hit.company,
        "direction": hit.direction,
        "started_at": hit.started_at,
        "duration_s": hit.duration_s,
        "agent": {"id": hit.agent_id, "name": hit.agent_name} if has_agent else None,
        "customer": {"customer_number": hit.customer_number, "name": hit.customer_name} if linked else None,
        "subject": hit.subject,
        "queue": hit.queue,
        "category": hit.category,
        "on_hold": hit.on_hold,
        "snippets": [_cut(snippet) for snippet in found.snippets.get(hit.id, ())],
        "match": ("near" if hit.id in found.near else "sure") if found.asked.query.has_words else None,
    }


def _cut(snippet: Snippet) -> dict[str, Any]:
    return {
        "html": snippet.html,
        "part": snippet.part,
        "start_s": snippet.start_s,
        "speaker": snippet.speaker,
        "end_s": snippet.end_s,
        "at": snippet.at,
        "kind": snippet.kind,
    }


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/search",
        handler=search,
        permission=Permission.SEARCH,
        summary="Find contacts by facts and words",
        query=SearchRequest,
        answer=SearchAnswer,
        answers=((422, "A filter is wrong, `q` cannot be understood, or it takes too long (`too-wide`)."),),
    ),
)
