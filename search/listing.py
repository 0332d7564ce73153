"""A page of the contacts in which words were said: the sure hits in their order, then the near ones, with snippets.

What is looked for is `search.terms`, statements are `search.index_words` and `search.index`; the place where a page
ends becomes a cursor in `search.cursor`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.errors import Damaged
from search import index, index_words, near, snippets
from search.cursor import Place, Ranked, Spot, Total
from search.index import TOTAL_CAP, Hit
from search.index_words import TOP, Look, Newest, order
from search.near import Near
from search.query import Asked
from search.snippets import Snippet
from search.terms import Terms
from search.words import Analyser

RANKED_CAP = 1_000
"""So many of the newest hits are put in order of relevance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which page of which search; `scope` None is every company, without `after` it is the first page."""

    asked: Asked
    scope: frozenset[str] | None
    limit: int
    after: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of hits; `place` is where the next goes on, None on the last. `near` only sound like the words."""

    hits: tuple[Hit, ...]
    total: Total
    place: Place | None
    snippets: Mapping[UUID, tuple[Snippet, ...]] = field(default_factory=dict)
    near: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some sure hits in their order, whether there are more, and the place of the last."""

    spots: tuple[Spot, ...]
    total: Total
    place: Place | None


async def page(tx: AsyncConnection, wanted: Wanted, terms: Terms, analyser: Analyser) -> Listed:
    """A page of a search for words: the sure hits, and the near ones when those are through.

    Raises:
        TooWide: it would take longer than a person waits.

    """
    filters = wanted.asked.filters
    look = await index_words.look_for(tx, terms.template(filters), filters, wanted.scope)
    if look is None:
        return Listed(hits=(), total=Total(value=0, is_capped=False), place=None)
    part = await _sure(tx, wanted, look, terms)
    found = Near(hits=(), reached=None)
    if part.place is None and wanted.asked.near:
        found = await _near(tx, wanted, look, terms, analyser, need=max(wanted.limit - len(part.spots), 1))
    alike = {one.interaction_id: one for one in found.hits[: wanted.limit - len(part.spots)]}
    shown = await index.said(tx, [*(one for _, one in part.spots), *alike], wanted.scope)
    cut: dict[UUID, tuple[Snippet, ...]] = {}
    for one, (_, row) in shown.items():
        with suppress(Damaged):  # shown without snippets rather than not at all
            cut[one] = ()
            made = (
                snippets.cut_near(row, alike[one].likes, terms, analyser)
                if one in alike
                else snippets.cut(row, terms, analyser)
            )
            if made is None:
                del cut[one]
            else:
                cut[one] = made
    hits = tuple(shown[one][0] for one in (*(one for _, one in part.spots), *alike) if one in cut)
    lost = sum(one not in cut for _, one in part.spots)  # no hits after all
    total = replace(part.total, value=max(part.total.value - lost, 0))
    place = part.place or _near_place(found, len(alike), total)
    return Listed(hits=hits, total=total, place=place, snippets=cut, near=frozenset(alike) & cut.keys())


async def _sure(tx: AsyncConnection, wanted: Wanted, look: Look, terms: Terms) -> _Part:
    if wanted.after is not None and wanted.after.is_near:
        return _Part(spots=(), total=wanted.after.total, place=None)
    return await (_ranked(tx, wanted, look, terms) if wanted.asked.is_ranked else _newest(tx, wanted, look))


async def _near(
    tx: AsyncConnection, wanted: Wanted, look: Look, terms: Terms, analyser: Analyser, *, need: int
) -> Near:
    after = wanted.after.spot if wanted.after is not None and wanted.after.is_near else None
    words = near.words_of(terms, wanted.asked.query.words, analyser)
    return await near.near(tx, look, terms, words, need=need, after=after)


def _near_place(found: Near, shown: int, total: Total) -> Place | None:
    """Where the near hits go on: from their newest, when a full page of sure hits came before."""
    spot = TOP if found.hits and not shown else found.reached
    return None if spot is None else Place(started_at=spot[0], id=spot[1], total=total, is_near=True)


async def _newest(tx: AsyncConnection, wanted: Wanted, look: Look) -> _Part:
    after = wanted.after
    count_to = TOTAL_CAP + 1 if after is None else 0
    found = await index_words.newest(
        tx, look, need=wanted.limit + 1, count_to=count_to, after=after.spot if after else None
    )
    total = after.total if after else _total(found)
    spots = found.spots[: wanted.limit]
    last = spots[-1] if len(found.spots) > wanted.limit else found.reached
    place = None if last is None else Place(started_at=last[0], id=last[1], total=total)
    return _Part(spots=spots, total=total, place=place)


async def _ranked(tx: AsyncConnection, wanted: Wanted, look: Look, terms: Terms) -> _Part:
    """The newest hits, the best first; every page puts the same ones in order again."""
    before = wanted.after.ranked if wanted.after else None
    end: Spot | None  # where the next hits to be put in order begin, if time was up before they were all found
    if before is None:
        after, count_to = (wanted.after.spot, 0) if wanted.after else (None, TOTAL_CAP + 1)
        found = await index_words.newest(tx, look, need=RANKED_CAP, count_to=count_to, after=after)
        candidates, total = found.spots[:RANKED_CAP], wanted.after.total if wanted.after else _total(found)
        end = found.reached
    else:
        candidates = await _between(tx, look, before)
        total = wanted.after.total if wanted.after else Total(value=0, is_capped=False)
        end = before.oldest if total.is_capped else None
    scored = await index_words.scores(tx, terms.ranking(), [one for _, one in candidates])
    ordered = sorted(
        ((scored[spot[1]], spot) for spot in candidates if spot[1] in scored), key=_best_first, reverse=True
    )
    if wanted.after and before:
        place = _best_first((before.score, wanted.after.spot))
        ordered = [one for one in ordered if _best_first(one) < place]
    shown = ordered[: wanted.limit]
    following = None
    if len(ordered) > wanted.limit:
        score, last = shown[-1]
        ranked = Ranked(
            score=score,
            newest=before.newest if before else candidates[0],
            oldest=before.oldest if before else candidates[-1],
        )
        following = Place(started_at=last[0], id=last[1], total=total, ranked=ranked)
    elif end is not None and len(candidates) < RANKED_CAP:
        following = Place(started_at=end[0], id=end[1], total=total)
    return _Part(spots=tuple(spot for _, spot in shown), total=total, place=following)


async def _between(tx: AsyncConnection, look: Look, before: Ranked) -> tuple[Spot, ...]:
    """The hits from the newest to the oldest that the first page put in order, and what came between since."""
    after = (before.newest[0], UUID(int=min(before.newest[1].int + 1, 2**128 - 1)))
    look = replace(look, since=max(look.since, before.oldest[0]))
    found = await index_words.newest(tx, look, need=2 * RANKED_CAP, count_to=0, after=after)
    oldest = order(before.oldest)
    return tuple(spot for spot in found.spots if order(spot) >= oldest)


def _best_first(one: tuple[float, Spot]) -> tuple[float, datetime, int]:
    score, spot = one
    return score, *order(spot)


def _total(found: Newest) -> Total:
    is_capped = found.count > TOTAL_CAP or found.reached is not None
    return Total(value=min(found.count, TOTAL_CAP), is_capped=is_capped)
