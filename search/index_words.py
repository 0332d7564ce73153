"""The SQL of searching words: the newest contacts whose row has the terms, month by month, and how well each fits.

What the index lists for a word is one company's month, so a search looks at months from the newest on and ends when it
has what it came for. A month with few hits is read whole. In one with many, either the newest rows are tried one by one
(a word that is nearly everywhere is found at once) or the index's hits are put in order: which of the two follows from
what a small sample held, and no statement here leaves the planner a choice between indexes (`OFFSET 0` keeps conditions
apart, `STEER` forbids the rest). Filters that are facts are lexemes too; the contact itself is looked at as well.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.filters import Filters
from archive.errors import Invalid
from archive.store.selection import asked_values
from search import index_statements as sql
from search.buckets import begins, bucket_in, month_of, months
from search.cursor import Spot
from search.snippets import Row

FULL = 1_001
"""A month with so many hits is not read whole."""
KEYED = 2_000
"""A customer or a phone with no more contacts than this is looked up first, and the words in its contacts."""
SAMPLE_ROWS = 128
SCAN_ROWS = 1_024
STEP_MS = 2_000
WHOLE_S = 4.5
"""No search takes longer."""
PATIENCE_S = 1.0
"""After so long no further month is begun: the page ends there, and the next goes on."""
COUNTING_S = 0.25
"""After so long a page that is full waits no longer for its total, which is then told as "at least"."""
SEVERAL_S = 0.5
"""Several months that take longer together are looked at one by one."""
QUICK_S = 0.1
"""As long as months are looked at within this, twice as many are taken each time."""
_CANCELLED = "57014"
_LIMIT = "SET LOCAL statement_timeout = {}"
_NARROW = "this takes too long: narrow it by a date, a company, an agent or one more word"
_TICK = timedelta(microseconds=1)
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)
TOP: Spot = (_LAST, UUID(int=2**128 - 1))
"""Before the newest contact."""


class TooWide(Invalid):
    """This search takes too long."""

    code = "too-wide"


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """What PostgreSQL broke off because it took too long, or what took `WHOLE_S` in all, becomes `TooWide`."""
    try:
        async with asyncio.timeout(WHOLE_S):
            yield
    except (asyncpg.QueryCanceledError, TimeoutError):
        raise TooWide.of("q", _NARROW) from None
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _CANCELLED:
            raise TooWide.of("q", _NARROW) from None
        raise


async def fetch(tx: AsyncConnection, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
    """The rows of a statement, by the driver itself: wrapping a thousand rows takes longer than finding them.

    A transaction must have begun on the connection, which the driver's wrapping does with its own first statement.
    """
    raw = (await tx.get_raw_connection()).driver_connection
    assert raw is not None
    found: Sequence[asyncpg.Record] = await raw.fetch(statement, *values)
    return found


@asynccontextmanager
async def undone(tx: AsyncConnection, limit_s: float | None = None) -> AsyncIterator[None]:
    """What is asked within by `fetch` is left, and undone, when a statement takes too long; the transaction goes on.

    Too long is what it is for the transaction, or `limit_s`.
    """
    raw = (await tx.get_raw_connection()).driver_connection
    assert raw is not None
    limited, before = (
        ("", "") if limit_s is None else (_LIMIT.format(max(int(limit_s * 1000), 1)), _LIMIT.format(STEP_MS))
    )
    await raw.execute(f"SAVEPOINT step; {limited}")
    try:
        yield
    except asyncpg.QueryCanceledError:
        await raw.execute("ROLLBACK TO step; RELEASE step")  # the limit before holds again
    else:
        await raw.execute(f"RELEASE step; {before}")


async def hurry(tx: AsyncConnection) -> None:
    """No statement of this transaction may take longer than `STEP_MS`."""
    await tx.exec_driver_sql(sql.HURRY, (str(STEP_MS),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is looked for: the `tsquery` of `search.terms`, the filters, and the companies of the actor."""

    template: str
    filters: Filters
    companies: tuple[str, ...]
    since: datetime
    until: datetime

    @property
    def shape(self) -> tuple[str, ...]:
        """The filters that a statement must ask of the contact itself, by name; see `index_statements.made`."""
        return tuple(sorted(asked_values(self.filters).keys() - {"company", "since", "until"}))

    def buckets(self, taken: Iterable[str]) -> dict[str, Any]:
        """The values of a statement's `{buckets}`: these months in each of the companies."""
        pairs = [(month, company) for month in taken for company in self.companies]
        return {
            "months": [month for month, _ in pairs],
            "codes": [company for _, company in pairs],
            "buckets": [bucket_in(month, company) for month, company in pairs],
        }

    @property
    def values(self) -> dict[str, Any]:
        """The values of every statement's parameters, but those of its own."""
        asked = asked_values(self.filters)
        return asked | {
            "template": self.template,
            "companies": self.companies,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest hits in order, and how many were seen; when time was up, no month before `reached` was looked at."""

    spots: tuple[Spot, ...]
    count: int
    reached: Spot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFacts:
    """What facets count of a contact."""

    channel: str
    queue: str | None
    agent_id: str | None
    agent_name: str | None
    started_at: datetime


async def look_for(tx: AsyncConnection, template: str, filters: Filters, scope: frozenset[str] | None) -> "Look | None":
    """What to look for within the actor's companies (None is every one); None when no row can be a hit.

    The rest of the transaction is bound to `STEER`.
    """
    await tx.exec_driver_sql(sql.STEER, (str(STEP_MS),))
    rows = await fetch(tx, sql.SPAN, None if scope is None else sorted(scope))
    wanted = [row for row in rows if row["first"] is not None and filters.company in {None, row["code"]}]
    if not wanted or filters.case is not None:  # no contact belongs to a case yet
        return None
    since = max(filters.since or _FIRST, min(row["first"] for row in wanted))
    until = min(filters.until or _LAST, max(row["last"] for row in wanted) + _TICK)
    if since >= until:
        return None
    codes = tuple(row["code"] for row in wanted)
    return Look(template=template, filters=filters, companies=codes, since=since, until=until)


async def newest(tx: AsyncConnection, look: Look, *, need: int, count_to: int, after: Spot | None = None) -> Newest:
    """The newest hits, at least `need` of them in order if there are so many, counted up to `count_to` at least.

    Raises:
        TooWide: it would take longer than a person waits.

    """
    walk = _Walk(tx, look, need=need, count_to=count_to, after=after or TOP)
    if look.filters.customer is not None or look.filters.phone is not None:
        keyed = await _keys(tx, look)
        if len(keyed) <= KEYED:
            await walk.keyed(keyed)
            return walk.found()
    return await walk.months()


async def among(tx: AsyncConnection, look: Look, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the contacts that are hits."""
    walk = _Walk(tx, look, need=0, count_to=0, after=TOP)
    await walk.keyed(tuple(ids))
    return {one for _, one in walk.spots}


async def scores(tx: AsyncConnection, template: str, ids: Sequence[UUID]) -> dict[UUID, float]:
    """How well each contact fits: how often the words stand in it and how near to one another."""
    rows = await fetch(tx, sql.SCORES, template, list(ids))
    return {row["interaction_id"]: float(row["score"]) for row in rows}


async def rows_of(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """What snippets of these contacts are cut from."""
    rows = await fetch(tx, sql.TEXTS, list(ids))
    return {
        one: Row(bucket=bucket, terms=terms, segments=segments, language=language)
        for one, bucket, terms, segments, language in rows
    }


async def facts_of(tx: AsyncConnection, ids: Sequence[UUID], scope: frozenset[str] | None) -> list[ContactFacts]:
    """What facets count of these contacts, those that are kept."""
    rows = await fetch(tx, sql.FACTS, list(ids), None if scope is None else sorted(scope))
    return [ContactFacts(**row) for row in rows]


async def plans(tx: AsyncConnection, look: Look) -> dict[str, str]:
    """How PostgreSQL would carry out each way of looking at the newest month; for those who look after its speed."""
    walk = _Walk(tx, look, need=1, count_to=1, after=TOP)
    ways = {"gather": sql.GATHER, "sorted": sql.SORTED, "scan": sql.SCAN, "count": sql.COUNT}
    return {name: await walk.plan(statement) for name, statement in ways.items()}


class _Walk:
    """One way through the months, the newest first."""

    def __init__(self, tx: AsyncConnection, look: Look, *, need: int, count_to: int, after: Spot) -> None:
        self._tx, self._look, self._need, self._count_to, self._after = tx, look, need, count_to, after
        # Trying a row reads its words: as dear as putting ten hits in order, but for phrases, whose hits are read too.
        self._dear = 1.0 if "<->" in look.template else 0.1
        self.spots: list[Spot] = []
        self.count = 0

    def found(self, reached: Spot | None = None) -> Newest:
        return Newest(spots=tuple(self.spots), count=self.count, reached=reached)

    async def keyed(self, ids: Sequence[UUID]) -> None:
        """All hits among these contacts."""
        rows = await self._rows(sql.KEYED, ids=list(ids))
        self.spots = sorted(((row["started_at"], row["interaction_id"]) for row in rows), key=order, reverse=True)
        self.count = len(self.spots)

    async def months(self) -> Newest:
        """Go on until there is enough or time is up; more and more months at a time, for rare words."""
        # Nothing of the very moment comes after the least of ids, so a page that goes on there begins a month before.
        newest_at = min(self._look.until, self._after[0] - (_TICK if self._after[1].int == 0 else timedelta()))
        left = list(months(self._look.since, newest_at)) if self._look.since <= newest_at else []
        step, done, began = 1, 0, monotonic()
        while left and len(self.spots) < self._need:
            if done and monotonic() - began > PATIENCE_S:
                return self.found(_begin(newest_at, done - 1))
            taken = left[:step]
            if not await self._take(taken):
                step = 1  # together they took too long
                continue
            left, done = left[len(taken) :], done + len(taken)
            step = min(2 * step if monotonic() - began < QUICK_S else 1, self._wanted(done))
        left = await self._count_on(left, COUNTING_S - (monotonic() - began))
        return self.found(_begin(newest_at, done - 1) if left and self.count < self._count_to else None)

    async def _count_on(self, left: list[str], limit_s: float) -> list[str]:
        """Count in the months that are left, ever more at a time, while there is time; those not counted are left."""
        until, step = monotonic() + limit_s, 2
        if not left or self.count >= self._count_to or limit_s <= 0:
            return left
        async with undone(self._tx, limit_s):
            while left and self.count < self._count_to and monotonic() < until:
                taken, limit = left[:step], self._count_to - self.count
                (row,) = await self._rows(sql.COUNT, **self._look.buckets(taken), limit=limit)
                self.count += row["hits"]
                left, step = left[len(taken) :], 2 * step
        return left

    def _wanted(self, done: int) -> int:
        """How many months more the page takes if they are like those that were looked at: one too many is dear."""
        missing = self._need - len(self.spots)
        return max(ceil(missing * done / self.count), 1) if self.count else 2 * done

    async def _take(self, taken: Sequence[str]) -> bool:
        """Take what the page needs of these months, and count them; False when that took too long for several."""
        own = self._look.buckets(taken) | {"limit": FULL, "need": self._need - len(self.spots)}
        rows: list[Any] = []
        if len(taken) == 1:
            rows += await self._rows(sql.GATHER, **own)
        else:
            took = []
            async with undone(self._tx, SEVERAL_S):
                took.append(await self._rows(sql.GATHER, **own))
            if not took:
                return False
            rows += took[0]
        found: dict[str, list[Spot]] = {month: [] for month in taken}
        counts: dict[tuple[str, str], int] = {}
        for month, company, count, started_at, one in rows:
            counts[month, company] = count
            if one is not None:
                found[month].append((started_at, one))
        full = {month for (month, _), count in counts.items() if count == FULL}
        for month in taken:
            if len(self.spots) < self._need:
                missing = self._need - len(self.spots)
                newest_first = sorted(found[month], key=order, reverse=True)[:missing]
                self.spots += await self._ordered(month, missing) if month in full else newest_first
        self.count += sum(counts.values())
        return True

    async def _ordered(self, month: str, need: int) -> list[Spot]:
        """The newest hits of a month that has many."""
        after = min(self.spots[-1] if self.spots else self._after, _end(month), key=order)
        tried = SAMPLE_ROWS
        while tried <= SCAN_ROWS:
            rows = await self._rows(sql.SCAN, rows=tried, after_at=after[0], after_id=after[1])
            hits = [(row["started_at"], row["interaction_id"]) for row in rows if row["is_hit"]]
            if len(hits) >= need:
                return hits[:need]
            tried = max(2 * tried, tried * need * 5 // (4 * max(len(hits), 1)))
            if tried > self._dear * len(hits) * _rest(rows, month):
                break
        return await self._sorted(month, need)

    async def _sorted(self, month: str, need: int) -> list[Spot]:
        """The same by putting the index's hits in order; those that fall away by what is no lexeme are made up for."""
        found: list[Spot] = []
        after, limit = self._after, need + SAMPLE_ROWS
        while True:
            rows = await self._rows(
                sql.SORTED, **self._look.buckets([month]), limit=limit, after_at=after[0], after_id=after[1]
            )
            found += [(row["started_at"], row["interaction_id"]) for row in rows if row["is_hit"]]
            if len(rows) < limit or len(found) >= need:
                return found[:need]
            after, limit = (rows[-1]["started_at"], rows[-1]["interaction_id"]), limit * 4

    async def plan(self, statement: str) -> str:
        explained = "EXPLAIN " + statement
        month = month_of(self._look.until - _TICK)
        rows = await self._rows(explained, **self._look.buckets([month]), limit=FULL, need=1, rows=SAMPLE_ROWS)
        return "\n".join(str(row[0]) for row in rows)

    async def _rows(self, statement: str, **own: Any) -> Sequence[Any]:
        made = sql.made(statement, self._look.shape)
        values = self._look.values | {"after_at": self._after[0], "after_id": self._after[1]} | own
        return await fetch(self._tx, made.sql, *(values[name] for name in made.names))


def _rest(rows: Sequence[asyncpg.Record], month: str) -> float:
    """How many times these rows, newest first, the rest of their month holds, if contacts come evenly."""
    if not rows:
        return 0.0
    newest: datetime = rows[0]["started_at"]
    oldest: datetime = rows[-1]["started_at"]
    return max((oldest - begins(month)).total_seconds(), 0.0) / max((newest - oldest).total_seconds(), 1.0)


def _end(month: str) -> Spot:
    """Before the newest contact of a month; the last month has no end."""
    if month == month_of(_LAST):
        return TOP
    return (begins(month) + timedelta(days=31)).replace(day=1), UUID(int=0)


def _begin(moment: datetime, months_before: int) -> Spot:
    """The first moment of the moment's month in UTC, or of one so many months before."""
    at = moment.astimezone(UTC)
    number = at.year * 12 + at.month - 1 - months_before
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC), UUID(int=0)


def order(spot: Spot) -> tuple[datetime, int]:
    """As PostgreSQL orders them: a uuid by its bytes."""
    return spot[0], spot[1].int


async def _keys(tx: AsyncConnection, look: Look) -> list[UUID]:
    """The contacts of the customer or the phone, but no more than one beyond `KEYED`."""
    asked = look.filters
    statement, value = (sql.LINKED, asked.customer) if asked.customer is not None else (sql.PHONED, asked.phone)
    rows = await fetch(tx, statement, list(look.companies), value, KEYED + 1)
    return [row["interaction_id"] for row in rows]
