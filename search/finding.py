"""The use case of searching: what was asked, within what the actor may see, on the trail before it leaves.

Reading the request is `search.query`, SQL is `search.index` (facts) and `search.index_words` (words). Both the API and
the page search through here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.filters import Filters
from archive.errors import StoreUnavailable
from search import cursor, facets, index, index_words, listing, morphology, terms
from search.coverage import Coverage, gauge
from search.cursor import Mac, Place, Total
from search.facets import Facets
from search.index import Ask, Hit
from search.listing import Listed, Wanted
from search.query import DEFAULT_LIMIT, Asked, SearchRequest
from search.snippets import Snippet
from search.terms import Terms, Understood
from search.words import Analyser

_LABEL = "search cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of an answer; `next_cursor` is None on the last.

    `snippets` are of the hits that have some; `near` are the hits that only sound like what was asked. `understood`
    tells which forms each word was looked for by. `facets` are there when they were asked for.
    """

    asked: Asked
    hits: tuple[Hit, ...]
    total: Total
    next_cursor: str | None
    coverage: Coverage
    snippets: Mapping[UUID, tuple[Snippet, ...]] = field(default_factory=dict)
    near: frozenset[UUID] = frozenset()
    understood: tuple[Understood, ...] = ()
    facets: Facets | None = None

    @property
    def filters(self) -> Filters:
        """The filters, those of `q` among them."""
        return self.asked.filters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What one search needs on its way: who asks for what, and where the page before ended."""

    asked: Asked
    scope: frozenset[str] | None
    limit: int
    after: Place | None
    words: tuple[Terms, Analyser] | None


async def find(services: Services, actor: Actor, asked: SearchRequest, now: datetime) -> Found:
    """Search within the companies of the actor; the search is on the trail when this returns.

    Raises:
        Invalid: see `SearchRequest.asked`; or the cursor belongs to another search.
        TooWide: it would take longer than a person waits.
        StoreUnavailable: the database cannot be reached.
        Misconfigured: the settings name an analyser that is not there.

    """
    zone = ZoneInfo(services.settings.timezone)
    search = await _read(services, actor, asked, zone)
    analyser = search.words[1].name if search.words else None
    # How much is searchable is read on a connection of its own, while the search goes on.
    async with gauge(services.db).beside(search.scope, search.asked.filters, analyser) as reading:
        async with services.db.begin() as tx:
            async with index_words.patience():
                listed = await _listed(tx, search)
                counted = await _facets(tx, search, zone) if asked.facets else None
            detail = {**search.asked.told(services.veil), "hits": len(listed.hits), "first_page": search.after is None}
            companies = None if search.scope is None else sorted(search.scope or actor.companies or ())
            await services.record(tx, actor, Action.SEARCHED, now=now, companies=companies, detail=detail)
        try:
            coverage = await reading
        except StoreUnavailable:
            coverage = Coverage(relation="gte")  # what was found is found
    place = listed.place
    return Found(
        asked=search.asked,
        hits=listed.hits,
        total=listed.total,
        next_cursor=cursor.write(place, search.asked, search.scope, _mac(services)) if place else None,
        coverage=coverage,
        snippets=listed.snippets,
        near=listed.near,
        understood=terms.understood(search.asked.query, search.words[1]) if search.words else (),
        facets=counted,
    )


def _mac(services: Services) -> Mac:
    return lambda text: services.keyring.keyed_hash(_LABEL, text)


async def _read(services: Services, actor: Actor, request: SearchRequest, zone: ZoneInfo) -> _Search:
    asked = request.asked(zone)
    scope = actor.scope(asked.filters.company)
    words = None
    if asked.query.has_words:
        # Loading a dictionary takes a second, and a query may be made to be long to understand.
        looked_for, analyser = await asyncio.to_thread(_understand, asked, services.settings.words_analyser)
        if any(looked_for.pairs) and await gauge(services.db).outdated(scope, analyser.name):
            looked_for = replace(looked_for, pairs=())  # rows of older rules may have none
        words = looked_for, analyser
    return _Search(
        asked=asked,
        scope=scope,
        limit=request.limit or DEFAULT_LIMIT,
        after=cursor.read(request.cursor, asked, scope, _mac(services)) if request.cursor else None,
        words=words,
    )


def _understand(asked: Asked, wanted: str) -> tuple[Terms, Analyser]:
    analyser = morphology.analyser(wanted)
    return terms.terms(asked.query, analyser), analyser


async def _facets(tx: AsyncConnection, search: _Search, zone: ZoneInfo) -> Facets:
    return await facets.count(tx, search.asked, search.scope, search.words, zone)


async def _listed(tx: AsyncConnection, search: _Search) -> Listed:
    if search.words is not None:
        wanted = Wanted(asked=search.asked, scope=search.scope, limit=search.limit, after=search.after)
        return await listing.page(tx, wanted, *search.words)
    await index_words.hurry(tx)
    ask = Ask(filters=search.asked.filters, scope=search.scope, limit=search.limit, after=search.after)
    page = await index.page(tx, ask)
    last = page.hits[-1] if page.has_more else None
    place = Place(started_at=last.started_at, id=last.id, total=page.total) if last else None
    return Listed(hits=page.hits, total=page.total, place=place)
