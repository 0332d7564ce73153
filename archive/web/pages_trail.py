"""The page of the trail: who did what, when and for which purpose, with filters.

Reading is `archive.web.trail`, which the API shares; that the trail was read is itself written on it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from archive.domain.access import Action, Permission
from archive.domain.filters import Cursor, Day, Who
from archive.domain.trail import SealedEvent
from archive.web import kit, trail
from archive.web.routes import Route
from archive.web.trail import TrailQuery

_LIMIT = 100


class TrailPageQuery(BaseModel):
    """The filters as the form sends them: days are whole days in the installation's time zone."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    actor: Who | None = None
    action: Action | None = None
    interaction: UUID | None = None
    since: Day | None = Field(default=None, alias="from")
    until: Day | None = Field(default=None, alias="to")
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage:
    """A page of events, the filters as they were sent, and where the list goes on."""

    events: tuple[SealedEvent, ...]
    asked: TrailPageQuery
    actions: tuple[str, ...]
    is_filtered: bool
    next_url: str | None


async def trail_page(request: web.Request) -> web.StreamResponse:
    """Show the trail, newest first."""
    asked = kit.query(request, TrailPageQuery)
    in_force = await kit.company(request)
    scope = kit.actor(request).scope(None if in_force is None else in_force.code)
    events, following = await trail.read_page(request, _query(request, asked), scope)
    filters = asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"cursor"})
    context = TrailPage(
        events=tuple(events),
        asked=asked,
        actions=tuple(action.value for action in Action),
        is_filtered=bool(filters),
        next_url=None if following is None else f"/trail?{urlencode({**filters, 'cursor': following})}",
    )
    return await kit.page(request, "trail.html", context)


def _query(request: web.Request, asked: TrailPageQuery) -> TrailQuery:
    return TrailQuery(
        actor=asked.actor,
        action=asked.action,
        interaction=asked.interaction,
        since=_start_of(request, asked.since),
        # The day that is named last belongs to what is looked at.
        until=_start_of(request, None if asked.until is None else asked.until + timedelta(days=1)),
        cursor=asked.cursor,
        limit=_LIMIT,
    )


def _start_of(request: web.Request, day: date | None) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day, time.min, kit.formats(request).zone).astimezone(UTC)


ROUTES = (
    Route(
        method="GET",
        path="/trail",
        handler=trail_page,
        permission=Permission.TRAIL_READ,
        summary="The trail",
        surface="page",
        query=TrailPageQuery,
    ),
)
