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
from search.finding import Found
from search.index import Hit
from search.query import SearchRequest


class AgentAnswer(BaseModel):
    """The employee who spoke."""

    id: str | None
    name: str | None


class CustomerAnswer(BaseModel):
    """The customer whom the contact is linked to; the first, when there are several."""

    customer_number: str
    name: str | None


class HitAnswer(BaseModel):
    """One contact in a list. `snippets` stay empty until words are searched."""

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
    snippets: list[dict[str, Any]]


class TotalAnswer(BaseModel):
    """How many contacts fit; `gte` means at least so many."""

    value: int
    relation: Literal["eq", "gte"]


class CoverageAnswer(BaseModel):
    """How many contacts can be found by every fact, wait for it, or failed to be read."""

    searchable: int
    waiting: int
    failed: int


class SearchAnswer(BaseModel):
    """A page of hits, newest first."""

    items: list[HitAnswer]
    next: str | None = Field(description="the cursor of the next page, null on the last")
    total: TotalAnswer
    coverage: CoverageAnswer


async def search(request: web.Request) -> web.Response:
    """Find contacts by facts, within the companies of whoever asks."""
    asked = kit.query(request, SearchRequest)
    found = await finding.find(kit.services(request), kit.actor(request), asked, datetime.now(UTC))
    return kit.json_answer(shown(found))


def shown(found: Found) -> dict[str, Any]:
    """The answer's JSON: the fields of `SearchAnswer`."""
    return {
        "items": [_shown(hit) for hit in found.hits],
        "next": found.next_cursor,
        "total": {"value": found.total.value, "relation": "gte" if found.total.is_capped else "eq"},
        "coverage": found.coverage,
    }


def _shown(hit: Hit) -> dict[str, Any]:
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
        "snippets": (),
    }


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/search",
        handler=search,
        permission=Permission.SEARCH,
        summary="Find contacts by facts",
        query=SearchRequest,
        answer=SearchAnswer,
        answers=((422, "A filter is wrong, or `q` has a word outside a field (`words-not-searchable`)."),),
    ),
)
