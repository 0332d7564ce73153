"""The search page, home of everyone who may search, and the preview of a hit beside the list.

The address bar holds the whole search. What a search does is `search.finding`; the preview is a look at a contact's
record like any other, through `archive.viewing`, and on the trail.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from archive import viewing
from archive.domain.access import Permission
from archive.domain.filters import FilterRequest
from archive.domain.interactions import Interaction
from archive.domain.links import Link, LinkStatus
from archive.errors import Complaint, Invalid
from archive.web import kit
from archive.web.kit import N_
from archive.web.routes import Route
from search import finding
from search.coverage import Coverage
from search.cursor import Total
from search.index import Hit
from search.query import FIELDS, SearchRequest

_NAMES = ("q", *(field.alias or name for name, field in FilterRequest.model_fields.items()))
_BAD = N_("A filter could not be read.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A search and its hits; `asked` has every filter's text by its name in the address."""

    asked: dict[str, str]
    is_filtered: bool
    hits: tuple[Hit, ...]
    total: Total
    coverage: Coverage
    next_url: str | None
    is_first: bool
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPart:
    """One contact's record in short; `suggested` counts the customers it might belong to."""

    contact: Interaction
    on_hold: bool
    links: tuple[Link, ...]
    suggested: int


async def search(request: web.Request) -> web.StreamResponse:
    """Show the newest contacts that fit the filters of the address, in the company in force."""
    try:
        asked = kit.query(request, SearchRequest)
        return await kit.page(request, "search/search.html", await _page(request, asked))
    except Invalid as error:
        context = _refused(request, error)
    # htmx leaves the old page in place when a part of it is refused, and then nobody would see why.
    status = 200 if kit.is_partial(request) else Invalid.status
    return await kit.page(request, "search/search.html", context, status=status)


async def preview(request: web.Request) -> web.StreamResponse:
    """Show a contact's record in short; that it was looked at is on the trail before it leaves.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    view = await viewing.look(kit.services(request), kit.actor(request), kit.path_id(request), kit.now())
    part = PreviewPart(
        contact=view.interaction,
        on_hold=view.on_hold,
        links=tuple(link for link in view.links if link.status is LinkStatus.LINKED),
        suggested=sum(link.status is LinkStatus.SUGGESTED for link in view.links),
    )
    return kit.html(await kit.render(request, "search/preview.html", part))


async def _page(request: web.Request, asked: SearchRequest) -> SearchPage:
    company = await kit.company(request)
    if asked.company is None and company is not None:
        asked = asked.model_copy(update={"company": company.code})
    found = await finding.find(kit.services(request), kit.actor(request), asked, kit.now())
    told = _told(request)
    # Fields of q stand in the form from here on, so that changing a filter keeps them.
    told |= {name: str(value) for name in FIELDS if (value := getattr(found.filters, name)) is not None}
    told |= {"q": found.asked.query.text}
    told = {name: value for name, value in told.items() if value}
    return SearchPage(
        asked=_form(told),
        is_filtered=bool(told.keys() - {"limit", "sort"}),
        hits=found.hits,
        total=found.total,
        coverage=found.coverage,
        next_url=f"/?{urlencode({**told, 'cursor': found.next_cursor})}" if found.next_cursor else None,
        is_first=asked.cursor is None,
        complaints=(),
    )


def _refused(request: web.Request, error: Invalid) -> SearchPage:
    return SearchPage(
        asked=_form(_told(request)),
        is_filtered=True,
        hits=(),
        total=Total(value=0, is_capped=False),
        coverage=Coverage(searchable=0, waiting=0, failed=0),
        next_url=None,
        is_first=True,
        complaints=error.complaints or (Complaint(field="", message=_BAD),),
    )


def _told(request: web.Request) -> dict[str, str]:
    """What the address asks, empty fields and the place in the list left out."""
    return {name: value for name, value in request.query.items() if value.strip() and name != "cursor"}


def _form(told: dict[str, str]) -> dict[str, str]:
    return {name: told.get(name, "") for name in _NAMES}


ROUTES = (
    Route(
        method="GET",
        path="/",
        handler=search,
        permission=Permission.SEARCH,
        summary="Search",
        surface="page",
        query=SearchRequest,
    ),
    Route(
        method="GET",
        path="/search/preview/{id}",
        handler=preview,
        permission=Permission.INTERACTION_READ,
        summary="A contact's record in short, for the list beside it",
        surface="page",
    ),
)
