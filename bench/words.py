"""Search for words: GET /search against the bare SQL of the same search, in turns, in one run.

    python -m bench.words [--rows 1000000] [--rounds 60] [--dir DIR]

Contacts are made by `bench._talks` in an embedded PostgreSQL of its own (kept and used again with --dir). The server is
a process of its own. "Bare" is what a careful person would write by hand over the same tables and indexes, by asyncpg
on one connection, without HTTP, trail, coverage or JSON: the page with its facts, the total up to 1,001, and the texts
that snippets are cut from. It is told beforehand, outside the time that is taken, how many months suffice and whether
to read the newest rows one by one or to ask the index. At the end: p95 alone, and again while 50 contacts a second are
indexed. It prints milliseconds and never asserts.
"""

import asyncio
import multiprocessing
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import ClientSession

from archive import accounts
from archive.custody import open_services
from archive.domain.access import HOUSE, Role
from archive.domain.filters import Filters
from bench import _talks
from bench._talks import COMPANIES, DAYS, NEWEST, Vocabulary
from bench._writer import write_steadily
from bench.search import Api, command, database, line, query_of, serve, until_ready
from search import buckets, morphology, query, terms

LIMIT = 50
CAP = 1_001
LATE_PAGE = 100
DENSE = 0.05
RATE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of search: how its words and filters are drawn."""

    name: str
    draw: Callable[[random.Random, Vocabulary], tuple[str, Filters]]
    is_late: bool = False


def ranked(first: int, last: int) -> Callable[[random.Random, Vocabulary], str]:
    """A word of these ranks that is no number."""

    def draw(rng: random.Random, words: Vocabulary) -> str:
        while True:
            form = words.forms[rng.randrange(first, last)]
            if not form.isdigit():
                return form

    return draw


common, middling, rare = ranked(5, 60), ranked(200, 1_200), ranked(30_000, 60_000)


def customer(rng: random.Random, rows: int) -> Filters:
    """Some customer; a few have many contacts."""
    return Filters(customer=str(1 + int(rng.random() ** 1.2 * max(1_000, rows // 10))))


def agents_month(rng: random.Random) -> Filters:
    """An agent's month."""
    since = NEWEST - timedelta(days=rng.randrange(30, DAYS))
    return Filters(agent=f"A{1 + int(rng.random() ** 1.5 * 200)}", since=since, until=since + timedelta(days=30))


def kinds(rows: int) -> tuple[Kind, ...]:
    """The kinds of the speed list that words alone can ask."""
    return (
        Kind(name="common word", draw=lambda rng, words: (common(rng, words), Filters())),
        Kind(name="rare word", draw=lambda rng, words: (rare(rng, words), Filters())),
        Kind(name="two words", draw=lambda rng, words: (f"{common(rng, words)} {middling(rng, words)}", Filters())),
        Kind(name="phrase", draw=lambda rng, words: (f'"{common(rng, words)} {middling(rng, words)}"', Filters())),
        Kind(name="word + customer", draw=lambda rng, words: (common(rng, words), customer(rng, rows))),
        Kind(name="word + agent + month", draw=lambda rng, words: (common(rng, words), agents_month(rng))),
        Kind(name=f"page {LATE_PAGE}", draw=lambda rng, words: (common(rng, words), Filters()), is_late=True),
    )


# -------------------------------------------------------------- by hand

_FACTS = """
    SELECT i.id, i.channel, i.company, i.direction, i.started_at, i.duration_s, i.agent_id, i.agent_name, i.queue,
           i.category, i.subject, o.customer_number, o.name,
           EXISTS (SELECT 1 FROM hold_items h WHERE h.interaction_id = i.id AND h.released_at IS NULL) AS on_hold,
           t.segments, tsvectorsend(r.terms) AS terms
    FROM unnest($1::uuid[]) WITH ORDINALITY k (id, place) JOIN interactions i ON i.id = k.id
    JOIN search_texts t ON t.interaction_id = k.id JOIN search_rows r ON r.interaction_id = k.id
    LEFT JOIN LATERAL (
        SELECT l.customer_number, c.name FROM links l
        LEFT JOIN customers c ON c.company = l.company AND c.number = l.customer_number
        WHERE l.interaction_id = i.id AND l.status = 'linked' ORDER BY l.made_at LIMIT 1
    ) o ON true
    WHERE i.state = 'kept' ORDER BY k.place
"""
# OFFSET 0: otherwise the planner may take the index of dates, and read everything there is for a rare word.
_BY_INDEX = """
    SELECT h.interaction_id FROM unnest($1::text[], $2::text[]) b (query, company) CROSS JOIN LATERAL (
        SELECT r.interaction_id, r.started_at FROM (
            SELECT interaction_id, started_at, company FROM search_rows WHERE terms @@ b.query::tsquery OFFSET 0
        ) r
        WHERE r.company = b.company AND r.started_at >= $3 AND (r.started_at, r.interaction_id) < ($4, $5)
        ORDER BY r.started_at DESC, r.interaction_id DESC LIMIT $6
    ) h ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT $6
"""
_BY_DATE = """
    SELECT h.interaction_id FROM unnest($1::text[]) b (company) CROSS JOIN LATERAL (
        SELECT r.interaction_id, r.started_at FROM search_rows r
        WHERE r.company = b.company AND (r.started_at, r.interaction_id) < ($3, $4)
            AND r.terms @@ replace($2, chr(1), r.bucket)::tsquery
        ORDER BY r.started_at DESC, r.interaction_id DESC LIMIT $5
    ) h ORDER BY h.started_at DESC, h.interaction_id DESC LIMIT $5
"""
_COUNT = """
    SELECT count(*) FROM (
        SELECT 1 FROM unnest($1::text[], $2::text[]) b (query, company) CROSS JOIN LATERAL (
            SELECT 1 FROM (
                SELECT started_at, company FROM search_rows WHERE terms @@ b.query::tsquery OFFSET 0
            ) r
            WHERE r.company = b.company AND r.started_at >= $3 AND r.started_at < $4 LIMIT $5
        ) h LIMIT $5
    ) f
"""
_OF_CUSTOMER = """
    SELECT r.interaction_id FROM links l JOIN search_rows r ON r.interaction_id = l.interaction_id
    WHERE l.company = ANY($1::text[]) AND l.customer_number = $2 AND l.status = 'linked'
        AND r.terms @@ replace($3, chr(1), r.bucket)::tsquery
    ORDER BY r.started_at DESC, r.interaction_id DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a careful person would run: statements with their values, the first of which gives the ids of the page."""

    page: tuple[str, tuple[Any, ...]]
    count: tuple[str, tuple[Any, ...]] | None

    async def run(self, connection: asyncpg.Connection) -> float:
        """Seconds that it takes."""
        begun = time.perf_counter()
        found = await connection.fetch(self.page[0], *self.page[1])
        if self.count:
            await connection.fetchval(self.count[0], *self.count[1])
        await connection.fetch(_FACTS, [row[0] for row in found[:LIMIT]])
        return time.perf_counter() - begun


async def plan(
    connection: asyncpg.Connection, said: str, filters: Filters, after: tuple[datetime, UUID] | None = None
) -> Plan:
    """Find out, beforehand, what suffices."""
    template = terms.terms(query.read(said), morphology.analyser()).template(filters)
    if filters.customer is not None:
        return Plan(page=(_OF_CUSTOMER, (list(COMPANIES), filters.customer, template)), count=None)
    since = filters.since or NEWEST - timedelta(days=DAYS + 1)
    until = after[0] if after else (filters.until or NEWEST + timedelta(days=1))
    last = after[1] if after else UUID(int=0)
    every = buckets.months(since, until)
    enough_at = len(every)
    for number in range(1, len(every) + 1):
        pairs = _pairs(template, every[:number])
        if await connection.fetchval(_COUNT, *pairs, since, until, LIMIT + 1) > LIMIT:
            enough_at = number
            break
    page = (*_pairs(template, every[:enough_at]), since, until, last, LIMIT + 1)
    counted = None
    if not after:
        for number in range(enough_at, len(every) + 1):
            counted = (*_pairs(template, every[:number]), since, until, CAP)
            if await connection.fetchval(_COUNT, *counted) >= CAP:
                break
    chosen: tuple[str, tuple[Any, ...]] = (_BY_INDEX, page)
    if await _share(connection, template) > DENSE and filters == Filters():
        chosen = (_BY_DATE, (list(COMPANIES), template, until, last, LIMIT + 1))
    return Plan(page=chosen, count=(_COUNT, counted) if counted else None)


def _pairs(template: str, months: Sequence[str]) -> tuple[list[str], list[str]]:
    pairs = [(month, company) for month in months for company in COMPANIES]
    queries = [template.replace(terms.BUCKET, buckets.bucket_in(month, company)) for month, company in pairs]
    return queries, [company for _, company in pairs]


async def _share(connection: asyncpg.Connection, template: str) -> float:
    """Which share of the newest contacts are hits."""
    found = await connection.fetchval(
        "SELECT avg((terms @@ replace($1, chr(1), bucket)::tsquery)::int) FROM "
        "(SELECT terms, bucket FROM search_rows WHERE company = 'energia' ORDER BY started_at DESC LIMIT 500) r",
        template,
    )
    return float(found)


# -------------------------------------------------------------- over HTTP


async def measure(api: Api, connection: asyncpg.Connection, rows: int, rounds: int, seed: int) -> None:
    """Every kind, in turns with the same by hand."""
    print(f"{'ms':34} {'bare p50':>8} {'HTTP p50':>8} {'bare p95':>8} {'HTTP p95':>8} {'added':>8}")
    words = _talks.vocabulary()
    rng = random.Random(seed)
    for kind in kinds(rows):
        over_http, by_hand = [], []
        for turn in range(rounds):
            said, filters = kind.draw(rng, words)
            asked = query_of(filters) | {"q": said, "near": "0"}
            after = None
            if kind.is_late:
                asked, after = await _late(api, asked)
            by_hand.append(await (await plan(connection, said, filters, after)).run(connection))
            took, body = await api.ask(asked)
            over_http.append(took)
            if turn == 0:
                print(f"  {kind.name}: {body['total']}, {len(body['items'])} shown", flush=True)
        print(line(kind.name, over_http, by_hand), flush=True)


async def _late(api: Api, asked: dict[str, str]) -> tuple[dict[str, str], tuple[datetime, UUID] | None]:
    """The query of a late page, and the last hit of the page before; the last page, when there are not so many."""
    now, last = asked, None
    for _ in range(LATE_PAGE - 1):
        _, body = await api.ask(now)
        if body["next"] is None:
            break
        now = {**asked, "cursor": body["next"]}
        last = (datetime.fromisoformat(body["items"][-1]["started_at"]), UUID(body["items"][-1]["id"]))
    return now, last


async def alone(api: Api, rows: int, rounds: int, seed: int) -> list[float]:
    """Seconds of every kind but the late page, one after the other."""
    words, rng = _talks.vocabulary(), random.Random(seed)
    taken = []
    for _ in range(rounds):
        for kind in kinds(rows):
            if not kind.is_late:
                said, filters = kind.draw(rng, words)
                taken.append((await api.ask(query_of(filters) | {"q": said, "near": "0"}))[0])
    return taken


async def while_indexing(api: Api, url: str, rows: int, rounds: int) -> None:
    """p95 without and with contacts being indexed, in turns."""
    quiet: list[float] = []
    busy: list[float] = []
    written = 0.0
    for turn in range(2):
        quiet += await alone(api, rows, rounds, turn)
        spawn = multiprocessing.get_context("spawn")
        begun, told, rate = spawn.Event(), spawn.Event(), spawn.Value("d", 0.0)
        writer = spawn.Process(target=write_steadily, args=(url, RATE, (begun, told), rate, turn), daemon=True)
        writer.start()
        await asyncio.to_thread(begun.wait)
        busy += await alone(api, rows, rounds, turn)
        told.set()
        writer.join(30)
        written = rate.value
    without, with_ = (quantiles(one, n=20)[-1] * 1e3 for one in (quiet, busy))
    print(f"p95 of all kinds {without:.1f}, while {written:.0f} contacts a second are indexed {with_:.1f}")
    print(f"  that is {with_ / without:.2f} times as long")


async def run(folder: Path, rows: int, rounds: int, seed: int) -> None:
    """Fill, serve, measure."""
    async with database(folder, rows, partial(_talks.fill, seed=seed)) as (settings, url):
        services = open_services(settings)
        token = await accounts.create_token(
            services, HOUSE, name="bench", role=Role.HANDLER, codes=None, now=datetime.now(UTC)
        )
        await services.close()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(settings, port), daemon=True)
        server.start()
        connection = await asyncpg.connect(url, timeout=30)
        await connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        try:
            async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
                api = Api(session=session, address=f"http://127.0.0.1:{port}/api/v1/search")
                await until_ready(api)
                await api.ask({"q": "lasku"})
                await measure(api, connection, rows, rounds, seed)
                await while_indexing(api, url, rows, max(rounds // 4, 5))
        finally:
            await connection.close()
            server.terminate()
            server.join(10)


if __name__ == "__main__":
    command(__doc__, run)
