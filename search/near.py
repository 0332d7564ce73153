"""Near hits: contacts in which what was asked for was not written down, but something that sounds like it.

Candidates come from the same rows as sure hits: `search.sounds` lists each contact under short runs of sounds beside
its words, by company and month. Months are walked from the newest on, the lines of the candidates are compared with
what is asked (`search.likeness`), and the walk ends with a page or when its time is up; then it says how far it came,
and the next page goes on there. A near hit is never a sure one, and obeys every filter.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.filters import Filters
from archive.store.selection import asked_values
from archive.store.tables import search_texts
from search import index_statements as sql
from search import likeness, sound_keys
from search.buckets import begins, bucket_in, months
from search.cursor import Spot
from search.index_words import KEYED, Look, order
from search.likeness import Like, Sought
from search.terms import Terms
from search.words import Analyser

PATIENCE_S = 0.6
"""After so long no further candidates are asked for."""
ROWS = 1_500
"""So many candidates are compared at a time, the newest first."""

_CANCELLED = "57014"
_TOP_ID, _BOTTOM_ID = UUID(int=2**128 - 1), UUID(int=0)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that is asked for: what makes a contact sure to have it, and what it may sound like (nothing if short)."""

    any_of: tuple[str, ...]
    sought: Sought


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
    sure: tuple[bool, ...]
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
) -> Near:
    """The newest near hits, up to `need`, older than `after`; fewer when time is up, see `Near.reached`.

    `look` is that of the sure hits, `words` what `words_of` made. Needs the transaction of `index_words.look_for`. What
    it asks of the database is undone and the answer ends when a statement takes too long.
    """
    if not any(word.sought.shingles for word in words):
        return Near(hits=(), reached=None)
    walk = _Walk(tx, look, asked, tuple(words), need=need, after=after, patience_s=patience_s)
    try:
        async with tx.begin_nested():
            return await walk.months()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _CANCELLED:
            return Near(hits=tuple(walk.hits), reached=walk.beyond)
        raise


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
    ) -> None:
        self._tx, self._look, self._words, self._need = tx, look, words, need
        self._template = asked.near_template(look.filters, [word.sought.shingles for word in words])
        self._shape = tuple(sorted(asked_values(look.filters).keys() - {"company", "since", "until"}))
        self._single = len(words) == 1 and not asked.phrases
        self._after: Spot = after or (_LATEST, _TOP_ID)
        self._until_s = monotonic() + patience_s
        self.hits: list[NearHit] = []
        self.beyond: Spot | None = None  # where to go on when a statement of this month takes too long
        self._ids: list[UUID] | None = None

    async def months(self) -> Near:
        """Go on until there is enough, time is up, or no month is left."""
        await self._keyed()
        at, last_id = self._after
        # After a page that ended with a whole month, that month has nothing more.
        newest = min(self._look.until, at - _TICK if last_id == _BOTTOM_ID else at)
        left = months(self._look.since, newest) if self._look.since <= newest else ()
        left = left if self._ids is None else left[:1]
        for month in left:
            is_through, self.beyond = False, None if month == left[-1] else (begins(month), _BOTTOM_ID)
            while not is_through:
                rows = await self._candidates(month)
                if await self._compare(rows):
                    return Near(hits=tuple(self.hits), reached=self.hits[-1].spot)
                is_through = len(rows) < ROWS
                self._after = (begins(month), _BOTTOM_ID) if is_through else rows[-1].spot
                if monotonic() > self._until_s and not (is_through and month == left[-1]):
                    return Near(hits=tuple(self.hits), reached=self._after)
        return Near(hits=tuple(self.hits), reached=None)

    async def _keyed(self) -> None:
        """Look up the contacts of a customer or a phone first, when they are few."""
        filters: Filters = self._look.filters
        if filters.customer is None and filters.phone is None:
            return
        statement = sql.PHONED if filters.customer is None else sql.LINKED
        value = filters.customer or filters.phone
        found = await self._tx.exec_driver_sql(statement, (list(self._look.companies), value, KEYED + 1))
        ids = [row.interaction_id for row in found]
        self._ids = ids if len(ids) <= KEYED else None

    async def _candidates(self, month: str) -> list[_Candidate]:
        """The next candidates of a month in order."""
        own = {
            "template": self._template,
            "buckets": [bucket_in(month, company) for company in self._look.companies],
            "months": [month] * len(self._look.companies),
            "codes": list(self._look.companies),
            "ids": self._ids,
            "limit": ROWS,
            "words": [] if self._single else [Terms(words=(word.any_of,)).ranking() for word in self._words],
        }
        rows = await self._fetch(_CANDIDATES if self._ids is None else _KEYED, own)
        return [
            _Candidate(
                spot=(row.started_at, row.interaction_id),
                sure=(False,) if self._single else tuple(row.sure),
                text=row.sounds,
            )
            for row in rows
        ]

    async def _compare(self, rows: Sequence[_Candidate]) -> bool:
        """Take the near hits among the candidates; True when there are enough."""
        found = await asyncio.to_thread(_alike, rows, self._words) if rows else []
        if not found:
            return False
        fitting = {hit.interaction_id for hit in found}
        if self._ids is None:
            kept = await self._fetch(_FITTING, {"ids": list(fitting)})
            fitting = {row.id for row in kept}
        self.hits += [hit for hit in found if hit.interaction_id in fitting]
        if len(self.hits) < self._need:
            return False
        del self.hits[self._need :]
        return True

    async def _fetch(self, statement: str, own: dict[str, Any]) -> Sequence[Any]:
        made = sql.made(statement, self._shape)
        values = self._look.values | {"after_at": self._after[0], "after_id": self._after[1]} | own
        return (await self._tx.exec_driver_sql(made.sql, tuple(values[name] for name in made.names))).all()


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
    return sorted(found, key=lambda hit: order(hit.spot), reverse=True)


# Which of the words the row surely has, in their order.
_SURE = """
    ARRAY(
        SELECT r.terms @@ replace(w.word, chr(1), r.bucket)::tsquery
        FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS w (word, place) ORDER BY w.place
    ) AS sure
"""
_CANDIDATES = """
    SELECT h.interaction_id, h.started_at, t.sounds, {sure} FROM (
        SELECT f.interaction_id, f.started_at FROM {buckets} CROSS JOIN LATERAL (
            SELECT r.interaction_id, r.started_at, r.company FROM search_rows r
            WHERE r.terms @@ {query:b} OFFSET 0
        ) f
        WHERE f.company = b.company AND {range:f}
        ORDER BY f.started_at DESC, f.interaction_id DESC LIMIT CAST(:limit AS integer)
    ) h
    JOIN search_texts t ON t.interaction_id = h.interaction_id
    JOIN search_rows r ON r.interaction_id = h.interaction_id
    ORDER BY h.started_at DESC, h.interaction_id DESC
""".replace("{sure}", _SURE)
_KEYED = """
    SELECT r.interaction_id, r.started_at, t.sounds, {sure} FROM unnest(CAST(:ids AS uuid[])) AS k (id)
    JOIN search_rows r ON r.interaction_id = k.id
    JOIN search_texts t ON t.interaction_id = k.id
    JOIN interactions i ON i.id = k.id
    WHERE r.company = ANY(CAST(:companies AS text[])) AND i.company = r.company AND {range:r}
        AND {fits} AND r.terms @@ {query:r}
    ORDER BY r.started_at DESC, r.interaction_id DESC LIMIT CAST(:limit AS integer)
""".replace("{sure}", _SURE)
_FITTING = """
    SELECT i.id FROM unnest(CAST(:ids AS uuid[])) AS k (id) JOIN interactions i ON i.id = k.id
    WHERE i.company = ANY(CAST(:companies AS text[])) AND {fits}
"""
