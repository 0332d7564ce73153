"""The search page, home of everyone who may search: hits as one types, what was searched and what was not, facets.

The address bar holds the whole search. What a search does is `search.finding`; the preview of a hit beside the list is
`search.pages_preview`.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from archive.domain.access import Permission
from archive.domain.filters import FilterRequest
from archive.errors import Complaint, Invalid
from archive.web import kit
from archive.web.kit import N_
from archive.web.routes import Route
from search import finding
from search.coverage import Coverage
from search.cursor import Total
from search.facets import Facet
from search.finding import Found
from search.index import Hit
from search.query import FIELDS, SearchRequest
from search.snippets import Snippet
from search.terms import Understood

LEAD_S = 1.0
"""So long before the words a hit begins to play."""

_NAMES = ("q", "sort", "near", *(field.alias or name for name, field in FilterRequest.model_fields.items()))
_BAD = N_("A filter could not be read.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A hit, where it leads, and the best place at which its words were said; `is_near` only sounds like them."""

    hit: Hit
    url: str
    snippet: Snippet | None
    is_near: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A search and its hits; `asked` has every filter's text by its name in the address.

    `near_url` is the same search with near hits hidden, or shown where they are hidden; None where no word was asked.
    """

    asked: dict[str, str]
    is_filtered: bool
    has_words: bool
    rows: tuple[Row, ...]
    total: Total
    coverage: Coverage
    understood: tuple[Understood, ...]
    next_url: str | None
    near_url: str | None
    facets_url: str | None
    preview_query: str
    is_first: bool
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value of a facet: how it is called, how many hits have it, and the search that keeps to it."""

    value: str
    text: str
    count: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetsPart:
    """How the newest hits spread: by the facet's name the choices, most first; months, and their bars, in order."""

    facets: dict[str, tuple[Choice, ...]]
    months: tuple[Choice, ...]
    bars: tuple[tuple[str, int, int], ...]
    is_capped: bool


async def search(request: web.Request) -> web.StreamResponse:
    """Show the contacts that fit the address, in the company in force."""
    try:
        asked = kit.query(request, SearchRequest)
        return await kit.page(request, "search/search.html", await _page(request, asked))
    except Invalid as error:
        context = _refused(request, error)
    # htmx leaves the old page in place when a part of it is refused, and then nobody would see why.
    status = 200 if kit.is_partial(request) else Invalid.status
    return await kit.page(request, "search/search.html", context, status=status)


async def facets(request: web.Request) -> web.StreamResponse:
    """Show how the hits of a search spread over channels, queues, agents and months."""
    asked = await _within(request, kit.query(request, SearchRequest))
    asked = asked.model_copy(update={"facets": True, "cursor": None, "limit": 1})
    found = await finding.find(kit.services(request), kit.actor(request), asked, kit.now())
    assert found.facets is not None
    told = _told(request)
    months = tuple(_month(one, told) for one in reversed(found.facets.month))
    part = FacetsPart(
        facets={
            name: tuple(_choice(name, one, told) for one in getattr(found.facets, name))
            for name in ("channel", "queue", "agent")
        },
        months=months,
        bars=tuple((month.text, month.count, 0) for month in months),
        is_capped=found.facets.is_capped,
    )
    return kit.html(await kit.render(request, "search/facets.html", part))


async def _within(request: web.Request, asked: SearchRequest) -> SearchRequest:
    """The search in the company in force, unless it names one."""
    company = await kit.company(request)
    if asked.company is not None or company is None:
        return asked
    return asked.model_copy(update={"company": company.code})


async def _page(request: web.Request, asked: SearchRequest) -> SearchPage:
    asked = await _within(request, asked)
    found = await finding.find(kit.services(request), kit.actor(request), asked, kit.now())
    told = _told(request)
    # Fields of q stand in the form from here on, so that changing a filter keeps them.
    told |= {name: str(value) for name in FIELDS if (value := getattr(found.filters, name)) is not None}
    told = {name: value for name, value in (told | {"q": found.asked.query.text}).items() if value}
    has_words = found.asked.query.has_words
    others = {name: value for name, value in told.items() if name != "near"}
    toggled = others | ({} if asked.near is False else {"near": "0"})
    return SearchPage(
        asked=_form(told),
        is_filtered=bool(told.keys() - {"limit", "sort", "near"}),
        has_words=has_words,
        rows=tuple(_row(hit, found) for hit in found.hits),
        total=found.total,
        coverage=found.coverage,
        understood=found.understood,
        next_url=f"/?{urlencode({**told, 'cursor': found.next_cursor})}" if found.next_cursor else None,
        near_url=f"/?{urlencode(toggled)}" if has_words else None,
        facets_url=f"/search/facets?{urlencode(told)}" if found.total.value else None,
        preview_query=_words_of(found),
        is_first=asked.cursor is None,
        complaints=(),
    )


def _words_of(found: Found) -> str:
    """The words as the rest of an address, for what shows them in a contact."""
    if not found.asked.query.has_words:
        return ""
    return f"?{urlencode({'q': found.asked.query.text} | ({} if found.asked.near else {'near': '0'}))}"


def _row(hit: Hit, found: Found) -> Row:
    """A hit leads to the second before its words, so that their beginning is heard."""
    snippet = next(iter(found.snippets.get(hit.id, ())), None)
    moment = f"#t={max(0.0, snippet.start_s - LEAD_S):.1f}" if snippet and snippet.start_s is not None else ""
    url = f"/interactions/{hit.id}{_words_of(found)}{moment}"
    return Row(hit=hit, url=url, snippet=snippet, is_near=hit.id in found.near)


def _choice(name: str, one: Facet, told: Mapping[str, str]) -> Choice:
    url = f"/?{urlencode({**told, name: one.value})}"
    return Choice(value=one.value, text=one.name or one.value, count=one.count, url=url)


def _month(one: Facet, told: Mapping[str, str]) -> Choice:
    """The search within a month (2026-11); where it asks for a part of that month, that stays."""
    year, month = map(int, one.value.split("-"))
    days = {"from": f"{one.value}-01", "to": f"{one.value}-{monthrange(year, month)[1]}"}
    days |= {name: told[name] for name in days if told.get(name, "").startswith(one.value)}
    return Choice(value=one.value, text=f"{month}/{year}", count=one.count, url=f"/?{urlencode({**told, **days})}")


def _refused(request: web.Request, error: Invalid) -> SearchPage:
    nothing: dict[str, Any] = dict.fromkeys(("next_url", "near_url", "facets_url"))
    return SearchPage(
        asked=_form(_told(request)),
        is_filtered=True,
        has_words=False,
        rows=(),
        total=Total(value=0, is_capped=False),
        coverage=Coverage(),
        understood=(),
        preview_query="",
        is_first=True,
        complaints=error.complaints or (Complaint(field="", message=_BAD),),
        **nothing,
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
        path="/search/facets",
        handler=facets,
        permission=Permission.SEARCH,
        summary="How the hits of a search spread over facts",
        surface="page",
        query=SearchRequest,
    ),
)
