"""Near hits: contacts in which what was asked for was not written down, but something that sounds like it.

Candidates come from the same rows as sure hits: `search.sounds` lists each contact under short runs of sounds beside
its words, by company and month. Months are walked from the newest on, more of them at a time where there is little;
the lines of the candidates are fetched in growing portions and compared with what is asked (`search.likeness`), and the
walk ends with a page or when its time is up; then it says how far it came, and the next page goes on there. A near hit
is never a sure one, and obeys every filter. What the index is asked is `search.near_query`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.filters import Filters
from archive.store.tables import search_texts
from search import index_statements as sql
from search import likeness, near_query, sound_keys
from search.buckets import begins, month_of, months
from search.cursor import Spot
from search.index_words import KEYED, Look, fetch, undone
from search.likeness import Like
from search.near_query import Word
from search.terms import Terms
from search.words import Analyser

__all__ = ["Near", "NearHit", "Word", "common_runs", "likes_of", "near", "words_of"]

MOST = 5_000
"""After so many candidates the page ends, whatever was found: so it takes no longer when the archive grows."""
PATIENCE_S = 1.0
"""After so long no further candidates are asked for, however few there were."""
COMMON = 400
"""A run that so many contacts of one month have is common."""
MANY = 2_500
"""With fewer in the months before, twice as many months are looked at next; with very few, four times."""
FIRST, PORTION = 96, 1_024
"""So many candidates are fetched with their lines at first and at most, the newest first."""
SLICE = 48
"""After comparing so many, everything else gets its turn: half a millisecond."""

_TOP_ID, _BOTTOM_ID = UUID(int=2**128 - 1), UUID(int=0)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearHit:
    """A contact and where in it the words may have been said: at least one place, in order."""

    interaction_id: UUID
    started_at: datetime
    likes: tuple[Like, ...]

    @property
    def spot(self) -> Spot:
        """Its place in the order of time."""
        return self.started_at, self.interaction_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The newest near hits, newest first. `reached` is where the next page goes on; None when there are no others."""

    hits: tuple[NearHit, ...]
    reached: Spot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A contact that may be one: which of the words it surely has, in their order, and its lines."""

    spot: Spot
    sure: Sequence[bool]
    text: str


def words_of(asked: Terms, typed: Iterable[str], analyser: Analyser) -> tuple[Word, ...]:
    """The words of a query for near hits: `typed` as they were typed, `asked` what they became."""
    made: dict[tuple[str, ...], Word] = {}
    for one in typed:
        for found in analyser.query(one):
            # Its base forms, where a dictionary knows it; else it is a name and its own base form.
            bases = tuple(form for form in found.understood if form != found.plain) or (found.plain,)
            made[found.any_of] = Word(any_of=found.any_of, sought=likeness.sought(sound_keys.keys(bases)))
    return tuple(made[word] for word in asked.words if word in made)


async def near(
    tx: AsyncConnection,
    look: Look,
    asked: Terms,
    words: Sequence[Word],
    *,
    need: int,
    after: Spot | None = None,
    patience_s: float = PATIENCE_S,
    common: int = COMMON,
    most: int = MOST,
) -> Near:
    """The newest near hits, up to `need`, older than `after`; fewer after `most` candidates or when time is up.

    `Near.reached` tells then where to go on. `look` is that of the sure hits, `words` what `words_of` made, `common`
    that of `common_runs`. Needs the transaction of `index_words.look_for`. When a statement takes too long, what was
    asked of the database is undone and the page ends with what was compared; the next goes on behind that.
    """
    if not any(word.sought.shingles for word in words):
        return Near(hits=(), reached=None)
    walk = _Walk(tx, look, asked, tuple(words), need=need, after=after, patience_s=patience_s, common=common, most=most)
    found = None
    async with undone(tx):
        found = await walk.whole()
    return found or Near(hits=tuple(walk.hits), reached=walk.beyond)


async def common_runs(tx: AsyncConnection, look: Look, words: Iterable[Word], common: int = COMMON) -> frozenset[str]:
    """The runs of the long words that so many contacts have in the last whole month of what is looked through."""
    runs = list(dict.fromkeys(run for word in words for key in word.long_runs for run in key))
    if not runs:
        return frozenset()
    newest = look.until - _TICK
    month = max(month_of(look.since), month_of(begins(month_of(newest)) - _TICK))
    queries = [near_query.counted(run, look.filters) for run in runs]
    places = look.buckets([month])
    rows = await fetch(tx, _COMMON, runs, queries, places["buckets"], places["codes"], common)
    return frozenset(row["run"] for row in rows)


async def likes_of(tx: AsyncConnection, interaction_id: UUID, words: Sequence[Word]) -> tuple[Like, ...]:
    """Where in one contact something sounds like the words."""
    text = await tx.scalar(select(search_texts.c.sounds).where(search_texts.c.interaction_id == interaction_id))
    return tuple(like for word in words for like in likeness.likest(text or "", word.sought))


class _Walk:
    """One way through the months, the newest first."""

    def __init__(
        self,
        tx: AsyncConnection,
        look: Look,
        asked: Terms,
        words: tuple[Word, ...],
        *,
        need: int,
        after: Spot | None,
        patience_s: float,
        common: int,
        most: int,
    ) -> None:
        self._tx, self._look, self._asked, self._words, self._need = tx, look, asked, words, need
        self._single = len(words) == 1 and not asked.phrases
        self._sure = [] if self._single else [word.sure for word in words]
        self._after: Spot = after or (_LATEST, _TOP_ID)
        self._until_s, self._common, self._most = monotonic() + patience_s, common, most
        self._template = ""
        self._seen = 0
        self.hits: list[NearHit] = []
        self.beyond = self._after  # where to go on when a statement takes too long: everything newer was compared

    async def whole(self) -> Near:
        """Go on until there is enough, time is up, or nothing is left."""
        ids, common, spots = None, frozenset[str](), None
        # Each of these only saves work: the months hold the same hits, so one that takes too long is done without.
        async with undone(self._tx):
            ids = await self._keyed()
        if ids is None:
            async with undone(self._tx):
                common = await common_runs(self._tx, self._look, self._words, self._common)
        made = near_query.template(self._asked, self._look.filters, self._words, common)
        if made is None:
            return Near(hits=(), reached=None)
        self._template = made
        if ids is not None:
            async with undone(self._tx):
                spots = await self._spots(_KEYED, ids=ids, limit=KEYED)
        return await (self._months() if spots is None else self._among(spots))

    async def _keyed(self) -> list[UUID] | None:
        """The contacts of a customer or a phone, when they are few: they are looked up first."""
        filters: Filters = self._look.filters
        if filters.customer is None and filters.phone is None:
            return None
        statement = sql.PHONED if filters.customer is None else sql.LINKED
        value = filters.customer or filters.phone
        rows = await fetch(self._tx, statement, list(self._look.companies), value, KEYED + 1)
        return [row["interaction_id"] for row in rows] if len(rows) <= KEYED else None

    async def _among(self, spots: Sequence[Spot]) -> Near:
        self.beyond = self._behind(month_of(self._look.since))
        reached = await self._take(spots)
        return Near(hits=tuple(self.hits), reached=reached)

    async def _months(self) -> Near:
        at, last_id = self._after
        # After a page that ended with a whole month, that month has nothing more.
        newest = min(self._look.until, at - _TICK if last_id == _BOTTOM_ID else at)
        left = list(months(self._look.since, newest)) if self._look.since <= newest else []
        step = 1
        if left:  # a page gets on without its first month if that takes too long; a later one is the next page's first
            self.beyond = self._behind(left[0])
        while left:
            taken = left[:step]
            limit = self._most - self._seen
            spots = await self._spots(_CANDIDATES, **self._look.buckets(taken), limit=limit)
            reached = await self._take(spots)
            if reached is not None:
                return Near(hits=tuple(self.hits), reached=reached)
            self._after = self.beyond = spots[-1] if len(spots) == limit else self._behind(taken[-1])
            left = [month for month in left if self._behind(month) < self._after]
            if left and self._is_over():
                return Near(hits=tuple(self.hits), reached=self._after)
            step = step * (4 if len(spots) < FIRST else 2) if len(spots) < MANY else max(step // 2, 1)
        return Near(hits=tuple(self.hits), reached=None)

    async def _take(self, spots: Sequence[Spot]) -> Spot | None:
        """Compare these candidates in order; where the page ends, if it does before they do."""
        portion, at = FIRST, 0
        # Where a page must get on without some candidates, it does without these and not their whole month.
        self.beyond = max([self.beyond, *spots[:portion][-1:]])
        rows = await self._lines(spots[:portion])
        while at < len(spots):
            at += portion
            portion = min(2 * portion, PORTION)
            following = spots[at : at + portion]
            if following and self._is_far(len(rows)):  # fetched while these are compared
                found, ahead = await asyncio.gather(self._alike(rows), self._lines(following))
                await self._keep(found, spots[at - 1])
            else:
                await self._keep_until_enough(rows)
                ahead = []
            if len(self.hits) >= self._need:
                del self.hits[self._need :]
                return self.hits[-1].spot
            self._seen += len(rows)
            if following and self._is_over():
                return spots[at - 1]
            rows = ahead or await self._lines(following)
        return None

    def _is_over(self) -> bool:
        return self._seen >= self._most or monotonic() > self._until_s

    def _is_far(self, coming: int) -> bool:
        """Whether the page will not be full after so many more, as far as can be told from what was seen."""
        return self._seen > 0 and len(self.hits) * (1 + 2 * coming / self._seen) < self._need

    async def _spots(self, statement: str, **own: Any) -> list[Spot]:
        return [(row["started_at"], row["interaction_id"]) for row in await self._fetch(statement, **own)]

    async def _lines(self, spots: Sequence[Spot]) -> list[_Candidate]:
        """The candidates with their lines; those that are destroyed meanwhile are left out."""
        if not spots:
            return []
        ids = [one for _, one in spots]
        if self._single:
            rows = await fetch(self._tx, _LINES, ids)
        else:
            rows = await fetch(self._tx, _LINES_SURE, ids, self._sure)
        return [
            _Candidate(spot=spots[row["place"] - 1], sure=row["sure"], text=row["sounds"])
            for row in sorted(rows, key=itemgetter("place"))
        ]

    async def _alike(self, rows: Sequence[_Candidate]) -> list[NearHit]:
        found: list[NearHit] = []
        for at in range(0, len(rows), SLICE):
            found += _alike(rows[at : at + SLICE], self._words)
            await asyncio.sleep(0)
        return found

    async def _keep_until_enough(self, rows: Sequence[_Candidate]) -> None:
        """Compare and take what fits, in order, and no more than is needed."""
        found: list[NearHit] = []
        for at in range(0, len(rows), SLICE):
            compared = rows[at : at + SLICE]
            found += await self._alike(compared)
            if len(self.hits) + len(found) >= self._need or at + SLICE >= len(rows):
                await self._keep(found, compared[-1].spot)
                found = []
                if len(self.hits) >= self._need:
                    return

    async def _keep(self, found: Sequence[NearHit], compared: Spot) -> None:
        """Take those that every filter lets through; everything up to `compared` was looked at then."""
        if found:
            rows = await self._fetch(_FITTING, ids=[hit.interaction_id for hit in found])
            fitting = {row["id"] for row in rows}
            self.hits += [hit for hit in found if hit.interaction_id in fitting]
        self.beyond = compared

    def _behind(self, month: str) -> Spot:
        """The place behind everything of a month; the oldest one ends where what is looked through does."""
        return (self._look.since if month == month_of(self._look.since) else begins(month)), _BOTTOM_ID

    async def _fetch(self, statement: str, **own: Any) -> Sequence[Any]:
        made = sql.made(statement, self._look.shape)
        values = self._look.values | {"after_at": self._after[0], "after_id": self._after[1]}
        values |= {"template": self._template} | own
        return await fetch(self._tx, made.sql, *(values[name] for name in made.names))


def _alike(rows: Iterable[_Candidate], words: Sequence[Word]) -> list[NearHit]:
    """Those in which every word that is not surely there has something like it."""
    found = []
    for row in rows:
        likes: list[Like] = []
        for word, is_sure in zip(words, row.sure, strict=True):
            if is_sure:
                continue
            heard = likeness.likest(row.text, word.sought)
            if not heard:
                break
            likes += heard
        else:
            if likes:
                ordered = tuple(sorted(likes, key=lambda like: (like.passage, like.first)))
                found.append(NearHit(interaction_id=row.spot[1], started_at=row.spot[0], likes=ordered))
    return found


_COMMON = """
    SELECT s.run FROM unnest($1::text[], $2::text[]) AS s (run, query) CROSS JOIN LATERAL (
        SELECT count(*) AS contacts FROM (
            SELECT 1 FROM unnest($3::text[], $4::text[]) AS b (bucket, company) CROSS JOIN LATERAL (
                SELECT 1 FROM (
                    SELECT r.company FROM search_rows r
                    WHERE r.terms @@ replace(s.query, chr(1), b.bucket)::tsquery OFFSET 0
                ) r WHERE r.company = b.company LIMIT $5::integer
            ) f LIMIT $5::integer
        ) c
    ) n WHERE n.contacts >= $5::integer
"""
_CANDIDATES = """
    SELECT h.interaction_id, h.started_at FROM {buckets} CROSS JOIN LATERAL (
        SELECT f.interaction_id, f.started_at FROM (
            SELECT r.interaction_id, r.started_at, r.company FROM search_rows r
            WHERE r.terms @@ {query:b} OFFSET 0
        ) f
        WHERE f.company = b.company AND {range:f}
        ORDER BY f.started_at DESC, f.interaction_id DESC LIMIT CAST(:limit AS integer)
    ) h
    ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT CAST(:limit AS integer)
"""
_KEYED = """
    SELECT r.interaction_id, r.started_at FROM unnest(CAST(:ids AS uuid[])) AS k (id)
    JOIN search_rows r ON r.interaction_id = k.id
    JOIN interactions i ON i.id = k.id
    WHERE r.company = ANY(CAST(:companies AS text[])) AND i.company = r.company AND {range:r}
        AND {fits} AND r.terms @@ {query:r}
    ORDER BY r.started_at DESC, r.interaction_id DESC LIMIT CAST(:limit AS integer)
"""
_LINES = """
    SELECT k.place, t.sounds, ARRAY[false] AS sure FROM unnest($1::uuid[]) WITH ORDINALITY AS k (id, place)
    JOIN search_texts t ON t.interaction_id = k.id
"""
# Which of the words the row surely has, in their order.
_LINES_SURE = """
    SELECT k.place, t.sounds, ARRAY(
        SELECT r.terms @@ replace(w.word, chr(1), r.bucket)::tsquery
        FROM unnest($2::text[]) WITH ORDINALITY AS w (word, place) ORDER BY w.place
    ) AS sure
    FROM unnest($1::uuid[]) WITH ORDINALITY AS k (id, place)
    JOIN search_texts t ON t.interaction_id = k.id JOIN search_rows r ON r.interaction_id = k.id
"""
_FITTING = """
    SELECT i.id FROM unnest(CAST(:ids AS uuid[])) AS k (id) JOIN interactions i ON i.id = k.id
    WHERE i.company = ANY(CAST(:companies AS text[])) AND {fits}
"""
