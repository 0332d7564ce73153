"""The API of the trail: append-only events, newest first. Reading the trail is itself on the trail."""

from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from archive.domain.access import Action, Permission
from archive.domain.filters import Cursor, Instant, Text, Who
from archive.domain.trail import SealedEvent
from archive.store import trail
from archive.web import kit
from archive.web.interactions import event_document
from archive.web.routes import Route


class TrailQuery(BaseModel):
    """What to look for; `from` is inclusive, `until` (also `to`) is not."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    actor: Who | None = None
    action: Text | None = None
    interaction: UUID | None = None
    since: Instant | None = Field(default=None, alias="from")
    until: Instant | None = Field(default=None, alias="to")
    cursor: Cursor | None = None
    limit: int = Field(default=50, ge=1, le=500)


async def get_trail(request: web.Request) -> web.StreamResponse:
    """A page of the trail."""
    asked = kit.query(request, TrailQuery)
    events, following = await read_page(request, asked)
    return kit.json_answer({"items": [event_document(event) for event in events], "next": following})


async def read_page(
    request: web.Request, asked: TrailQuery, companies: frozenset[str] | None = None
) -> tuple[list[SealedEvent], str | None]:
    """A page of events and the cursor of the next, as far as the actor's companies (or fewer) reach.

    Raises:
        Invalid: the cursor is not one that was given out.

    """
    actor, services = kit.actor(request), kit.services(request)
    scope = actor.companies if companies is None else companies
    async with services.db.begin() as tx:
        events = await trail.page(
            tx,
            scope,
            actor=asked.actor,
            action=asked.action,
            interaction_id=asked.interaction,
            since=asked.since,
            until=asked.until,
            before=kit.read_place(asked.cursor),
            limit=asked.limit + 1,
        )
        named = [name for name in ("actor", "action", "interaction", "since", "until") if getattr(asked, name)]
        await services.record(
            tx,
            actor,
            Action.TRAIL_SEEN,
            now=kit.now(),
            companies=None if scope is None else sorted(scope),
            interaction_id=asked.interaction,
            detail={"filters": named},
        )
    shown = events[: asked.limit]
    more = len(events) > asked.limit
    last = shown[-1].event if more else None
    return shown, None if last is None else kit.write_place(last.at, last.id)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/trail",
        handler=get_trail,
        permission=Permission.TRAIL_READ,
        summary="Who did what, when, for which purpose; sealed events carry their number",
        query=TrailQuery,
    ),
)
