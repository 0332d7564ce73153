"""The use case of searching: what was asked, within what the actor may see, on the trail before it leaves.

Reading the request is `search.query`, SQL is `search.index`. Both the API and the page search through here.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.filters import Filters
from search import cursor, index
from search.coverage import Coverage, gauge
from search.cursor import Place, Total
from search.index import Ask, Hit
from search.query import DEFAULT_LIMIT, SearchRequest

_LABEL = "search cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of an answer; `next_cursor` is None on the last."""

    filters: Filters
    hits: tuple[Hit, ...]
    total: Total
    next_cursor: str | None
    coverage: Coverage


async def find(services: Services, actor: Actor, asked: SearchRequest, now: datetime) -> Found:
    """Search within the companies of the actor; the search is on the trail when this returns.

    Raises:
        WordsNotSearchable, Invalid: see `SearchRequest.asked`; or the cursor belongs to another search.
        StoreUnavailable: the database cannot be reached.

    """
    filters = asked.asked(ZoneInfo(services.settings.timezone))
    scope = actor.scope(filters.company)

    def mac(text: str) -> bytes:
        return services.keyring.keyed_hash(_LABEL, text)

    after = cursor.read(asked.cursor, filters, scope, mac) if asked.cursor else None
    async with services.db.begin() as tx:
        ask = Ask(filters=filters, scope=scope, limit=asked.limit or DEFAULT_LIMIT, after=after)
        page = await index.page(tx, ask)
        detail = {**filters.told(services.veil), "hits": len(page.hits), "first_page": after is None}
        companies = None if scope is None else sorted(scope or actor.companies or ())
        await services.record(tx, actor, Action.SEARCHED, now=now, companies=companies, detail=detail)
    coverage = await gauge(services.db).read(scope)
    following = None
    if page.has_more:
        last = page.hits[-1]
        place = Place(started_at=last.started_at, id=last.id, total=page.total)
        following = cursor.write(place, filters, scope, mac)
    return Found(filters=filters, hits=page.hits, total=page.total, next_cursor=following, coverage=coverage)
