"""How much of what is kept can be found by its words: counted from the rows with every search, for the same filters.

`searchable` contacts have a row in the index, `waiting` ones will have one, `failed` ones need a person, and `off` ones
are not transcribed because the operator wants it so; `reasons` says why, by code. A contact is counted by `text_state`,
which is written in one transaction with its row; that the two agree is looked at by `tallenne verify`.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from weakref import WeakKeyDictionary

from archive.domain.filters import Filters
from archive.domain.transcripts import TextState
from archive.store.unit_of_work import Database
from search import coverage_sql
from search.coverage_sql import CAP

PATIENCE_S = 1.0
"""A search waits no longer for its coverage, which takes milliseconds unless a filter has no index."""

LIMIT_S = 5.0
"""No count takes longer."""

REST_FACTOR = 50.0
"""A total that was dear to count is counted again when so many times its cost have passed."""

_KNOWN_AT_MOST = 256
_ASIDE_AT_MOST = 8
_STALE_S = 600.0
_REST_S = 1.0
_OUTDATED_S = 5.0

Scope = frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Counts of contacts; with the relation `gte` there are at least so many, and more are being counted.

    `outdated` contacts are searchable, but by terms of another analyser than today's; it is of the companies, not of
    the filters, and stops at a thousand.
    """

    searchable: int = 0
    waiting: int = 0
    failed: int = 0
    off: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    relation: Literal["eq", "gte"] = "eq"
    outdated: int = 0


Counts = list[tuple[str, str | None, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What a count found: all that fits, and what of it was not searchable; None when it took too long."""

    found: tuple[int, Counts] | None
    at_s: float
    cost_s: float

    @property
    def is_known(self) -> bool:
        """Whether it may still be told."""
        return self.found is not None and time.monotonic() - self.at_s < _STALE_S

    def is_fresh(self, rest_factor: float) -> bool:
        """Whether it need not be counted again yet."""
        return time.monotonic() - self.at_s < max(self.cost_s * rest_factor, _REST_S)


_Key = tuple[Scope, Filters]


class CoverageGauge:
    """Coverage for any filters and companies at the cost of reading a thousand rows, however many are kept.

    Up to a thousand contacts are counted at once and exactly. Where more fit, those that are not searchable are
    counted at once, a thousand of them at most, and the whole is counted aside, for one search at a time, and
    remembered for a while.
    """

    def __init__(self, db: Database, *, rest_factor: float = REST_FACTOR) -> None:
        self._db = db
        self._rest_factor = rest_factor
        self._wholes: OrderedDict[_Key, _Measured] = OrderedDict()
        self._slow: OrderedDict[_Key, None] = OrderedDict()
        self._outdated: OrderedDict[tuple[Scope, str], tuple[int, float]] = OrderedDict()
        self._tasks: dict[_Key, asyncio.Task[Any]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    async def read(self, scope: Scope, filters: Filters | None = None, analyser: str | None = None) -> Coverage:
        """The coverage of what these filters could find in these companies; `analyser` is today's.

        Raises:
            StoreUnavailable: the database cannot be reached.

        """
        found = await self._soon((scope, filters or Filters()))
        return replace(found, outdated=await self.outdated(scope, analyser)) if analyser else found

    @asynccontextmanager
    async def beside(
        self, scope: Scope, filters: Filters, analyser: str | None
    ) -> AsyncIterator[asyncio.Task[Coverage]]:
        """What `read` tells, read while the block runs; the block awaits it, or it is broken off at the end."""
        reading = asyncio.create_task(self.read(scope, filters, analyser))
        reading.add_done_callback(_look_at_end)
        try:
            yield reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def outdated(self, scope: Scope, analyser: str) -> int:
        """How many rows of these companies another analyser made, up to a thousand; at most some seconds old.

        Raises:
            StoreUnavailable: the database cannot be reached.

        """
        count, until_s = self._outdated.get((scope, analyser), (0, 0.0))
        if time.monotonic() > until_s:
            count = await self._fetchval(*coverage_sql.outdated(scope, analyser))
            self._outdated[scope, analyser] = (count, time.monotonic() + _OUTDATED_S)
            _trim(self._outdated)
        return count

    async def _soon(self, key: _Key) -> Coverage:
        """The coverage as it is now; where looking took too long, as it was counted aside."""
        if key not in self._slow:
            looking = asyncio.create_task(self._look(key))
            looking.add_done_callback(_look_at_end)
            try:
                await asyncio.wait({looking}, timeout=PATIENCE_S)
            except asyncio.CancelledError:
                looking.cancel()
                raise
            if looking.done():
                return looking.result()
            looking.cancel()
            self._slow[key] = None
            _trim(self._slow)
        whole = self._whole(key)
        return Coverage(relation="gte") if whole is None else _taken(*whole)

    async def _look(self, key: _Key) -> Coverage:
        whole = self._whole(key) if key in self._wholes else None
        some: Counts = []
        if whole is None or whole[0] <= CAP:
            some = await self._fetch(*coverage_sql.some(*key))
            if _sum(some) <= CAP:
                return of(some)
        elif _sum(whole[1]) > CAP:
            return _taken(*whole)
        behind = await self._fetch(*coverage_sql.behind(*key))
        whole = whole or self._whole(key)
        if whole is None:
            return replace(of(_larger(some, behind)), relation="gte")
        return _taken(whole[0], behind if _sum(behind) <= CAP else whole[1])

    def _whole(self, key: _Key) -> tuple[int, Counts] | None:
        """What was counted last of all that fits; counts again, aside, when that is old beside its cost."""
        known = self._wholes.get(key)
        is_due = known is None or not known.is_fresh(self._rest_factor)
        if is_due and key not in self._tasks and len(self._tasks) < _ASIDE_AT_MOST:
            task = self._tasks[key] = asyncio.create_task(self._count(key))
            task.add_done_callback(_look_at_end)
        return known.found if known is not None and known.is_known else None

    async def _count(self, key: _Key) -> None:
        begun = time.monotonic()
        found: tuple[int, Counts] | None = None
        try:
            async with self._one_at_a_time:
                begun = time.monotonic()
                total = await self._fetchval(*coverage_sql.total(*key))
                found = (total, await self._fetch(*coverage_sql.all_behind(*key)))
        finally:
            now = time.monotonic()
            self._wholes[key] = _Measured(found=found, at_s=now, cost_s=now - begun)
            self._wholes.move_to_end(key)
            _trim(self._wholes)
            if found is not None and now - begun < PATIENCE_S / 2:
                self._slow.pop(key, None)
            del self._tasks[key]

    async def _fetch(self, sql: str, values: Sequence[Any]) -> Counts:
        async with self._db.read_bare() as connection:
            rows = await connection.fetch(sql, *values, timeout=LIMIT_S)
        return [(row[0], row[1], row[2]) for row in rows]

    async def _fetchval(self, sql: str, values: Sequence[Any]) -> int:
        async with self._db.read_bare() as connection:
            return int(await connection.fetchval(sql, *values, timeout=LIMIT_S))


def of(counts: Iterable[tuple[str, str | None, int]]) -> Coverage:
    """The coverage that counts by state and reason make; contacts that fail or are off without a reason say so."""
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for state, reason, count in counts:
        states[state] += count
        if reason is not None and state != TextState.DONE:
            reasons[reason] += count
    return Coverage(
        searchable=states[TextState.DONE],
        waiting=states[TextState.WAITING],
        failed=states[TextState.FAILED],
        off=states[TextState.OFF],
        reasons=dict(sorted(reasons.items())),
    )


def _larger(one: Counts, other: Counts) -> Counts:
    """Of two counts that each stopped somewhere, what is known of each state and reason."""
    found: dict[tuple[str, str | None], int] = {}
    for state, reason, count in (*one, *other):
        found[state, reason] = max(found.get((state, reason), 0), count)
    return [(state, reason, count) for (state, reason), count in found.items()]


def _taken(total: int, behind: Counts) -> Coverage:
    """The coverage where so many fit, and these of them are not searchable."""
    return of([*behind, (TextState.DONE, None, max(total - _sum(behind), 0))])


def _sum(counts: Counts) -> int:
    return sum(count for _, _, count in counts)


def _trim(known: OrderedDict[Any, Any]) -> None:
    while len(known) > _KNOWN_AT_MOST:
        known.popitem(last=False)


_GAUGES: WeakKeyDictionary[Database, CoverageGauge] = WeakKeyDictionary()


def gauge(db: Database) -> CoverageGauge:
    """The one gauge of a database in this process; it goes when the database's pool goes."""
    return _GAUGES.setdefault(db, CoverageGauge(db))


def _look_at_end(task: asyncio.Task[Any]) -> None:
    """A count that nobody waited for may fail; a later search counts again."""
    if not task.cancelled():
        task.exception()
