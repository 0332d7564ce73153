"""Search by facts over many contacts: GET /search against the bare SQL of the same search, in turns, in one run.

    python -m bench.search [--rows 1000000] [--rounds 60] [--dir DIR]

Rows are made by SQL in an embedded PostgreSQL of its own (kept and used again with --dir). The server is a process of
its own; "bare" is the same statements by asyncpg on one connection, without HTTP, trail or JSON. Page 200 is reached by
following cursors. It prints milliseconds and never asserts.
"""

import argparse
import asyncio
import multiprocessing
import random
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import ClientSession, web

from archive import accounts, embedded, embedded_database
from archive.custody import open_services
from archive.domain.access import HOUSE, Role
from archive.domain.filters import Filters
from archive.domain.interactions import Direction
from archive.processes import start, stop
from archive.settings import Settings
from archive.store.migrate import migrate
from search.cursor import Place, Total
from search.index import Ask

LIMIT = 50
LATE_PAGE = 200
AGENTS, QUEUES, CATEGORIES, CUSTOMERS = 200, 12, 20, 100_000
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 1_000

ROWS = """
    INSERT INTO companies (code, name, business_id, kind) VALUES
        ('energia', 'Esimerkki Energia', '1', 'retail'), ('verkko', 'Esimerkki Verkko', '2', 'network');
    INSERT INTO customers (company, number, name, kind, profile, digest, created_at, updated_at)
    SELECT c, n::text, 'Asiakas ' || n, 'natural', '{}', '\\x00', now(), now()
    FROM generate_series(1, {customers}) n, unnest(ARRAY['energia', 'verkko']) c;
    INSERT INTO interactions (id, company, channel, direction, started_at, ended_at, duration_s, source, external_id,
                              queue, category, agent_id, agent_name, state, received_at, derive_state, receipt)
    SELECT uuidv7(at - now()), CASE WHEN r1 < 0.7 THEN 'energia' ELSE 'verkko' END, 'call',
           CASE WHEN r2 < 0.8 THEN 'inbound' ELSE 'outbound' END, at, at + make_interval(secs => s), s, 'pbx', n::text,
           'queue-' || (1 + floor(power(r3, 3) * {queues})), 'category-' || (1 + floor(power(r4, 2) * {categories})),
           'A' || a, 'Agentti ' || a, 'kept', at,
           CASE WHEN r5 < 0.001 THEN 'failed' WHEN r5 < 0.002 THEN 'waiting' ELSE 'done' END, '{}'
    FROM (SELECT n, TIMESTAMPTZ '{newest}' - random() * INTERVAL '{days} days' AS at, random() AS r1, random() AS r2,
                 random() AS r3, random() AS r4, random() AS r5, 10 - 180 * ln(1 - random()) AS s,
                 1 + floor(random() * {agents})::int AS a
          FROM generate_series(1, {rows}) n) AS made;
    INSERT INTO parties (interaction_id, ordinal, company, role, phone)
    SELECT id, 0, company, 'customer', '+35840' || lpad((1 + external_id::int % {customers})::text, 7, '0')
    FROM interactions
    UNION ALL SELECT id, 1, company, 'agent', '+358501111111' FROM interactions;
    INSERT INTO links (interaction_id, company, customer_number, status, evidence, made_at)
    SELECT id, company, (1 + external_id::int % {customers})::text, 'linked', ARRAY['phone'], received_at
    FROM interactions WHERE external_id::int % 5 <> 0;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A kind of search: how its values are drawn."""

    name: str
    draw: Callable[[random.Random], Filters]


def month(rng: random.Random) -> dict[str, Any]:
    """A month somewhere in the data."""
    since = NEWEST - timedelta(days=rng.randrange(30, DAYS))
    return {"since": since, "until": since + timedelta(days=30)}


def agent(rng: random.Random) -> str:
    """An agent's id."""
    return f"A{rng.randint(1, AGENTS)}"


def queue(rng: random.Random) -> str:
    """A queue; the last are rare."""
    return f"queue-{rng.randint(1, QUEUES)}"


MIXES = (
    Mix(name="everything", draw=lambda _: Filters()),
    Mix(name="company + direction", draw=lambda _: Filters(company="verkko", direction=Direction.OUTBOUND)),
    Mix(name="agent id", draw=lambda rng: Filters(agent=agent(rng))),
    Mix(name="agent name", draw=lambda rng: Filters(agent=f"agentti {rng.randint(1, AGENTS)}")),
    Mix(name="queue + month", draw=lambda rng: Filters(queue=queue(rng), **month(rng))),
    Mix(name="customer", draw=lambda rng: Filters(customer=str(rng.randint(1, CUSTOMERS)))),
    Mix(name="phone", draw=lambda rng: Filters(phone=f"+35840{rng.randint(1, CUSTOMERS):07}")),
    Mix(
        name="category + long", draw=lambda rng: Filters(category=f"category-{rng.randint(1, 20)}", min_duration_s=600)
    ),
    Mix(name="queue + agent + day", draw=lambda rng: Filters(queue=queue(rng), agent=agent(rng), **month(rng))),
    Mix(name="longer than half an hour", draw=lambda _: Filters(min_duration_s=1800)),
)


async def fill(admin_url: str, rows: int) -> None:
    """Make the rows, without checking each reference (they are made from one another)."""
    connection = await asyncpg.connect(admin_url, timeout=30)
    values = {
        "rows": rows, "customers": CUSTOMERS, "queues": QUEUES, "categories": CATEGORIES, "agents": AGENTS,
        "days": DAYS, "newest": NEWEST.isoformat(),
    }  # fmt: skip
    script = ROWS.replace("'{}'", "'{{}}'").format(**values)
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off;" + script)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def database(
    folder: Path, rows: int, fill: Callable[[str, int], Awaitable[None]] = fill
) -> AsyncIterator[tuple[Settings, str]]:
    """The settings of a PostgreSQL with the rows, and the address that the owner uses."""
    prepared = await embedded.prepare(folder)
    process = await start(prepared.database.part)
    try:
        admin = prepared.database.admin_url
        await embedded_database.make_database(admin, prepared.secrets)
        await migrate(prepared.database.url)
        admin_url = admin.replace("/postgres?", f"/{embedded_database.NAME}?")
        fields = {name.removeprefix("TALLENNE_").lower(): value for name, value in prepared.environment().items()}
        settings = Settings.model_validate(fields | {"data": folder})
        if not (folder / "filled").exists():
            print(f"making {rows:,} contacts ...", flush=True)
            begun = time.monotonic()
            await fill(admin_url, rows)
            (folder / "filled").touch()
            print(f"  in {time.monotonic() - begun:.0f} s")
        yield settings, prepared.database.url
    finally:
        await stop(prepared.database.part, process)


def serve(settings: Settings, port: int) -> None:
    """The API in a process of its own."""
    from archive import app, logs  # noqa: PLC0415  # only the server's process needs the application

    logs.configure("warning")
    web.run_app(app.create_app(settings), host="127.0.0.1", port=port, print=None, access_log=None)


async def bare(connection: asyncpg.Connection, filters: Filters, after: Place | None = None) -> float:
    """Seconds that the statements of a search take by themselves."""
    ask = Ask(filters=filters, scope=None, limit=LIMIT, after=after)
    page, count = ask.page(), ask.count()
    begun = time.perf_counter()
    rows = await connection.fetch(page[0], *page[1])
    if after is None and len(rows) > LIMIT:
        await connection.fetchval(count[0], *count[1])
    return time.perf_counter() - begun


def query_of(filters: Filters) -> dict[str, str]:
    """The filters as a query string."""
    told = {"since": "from", "until": "to"}
    asked = {name: getattr(filters, name) for name in Filters.__dataclass_fields__}
    return {
        told.get(name, name): value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in asked.items()
        if value is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The server as a client sees it."""

    session: ClientSession
    address: str

    async def ask(self, query: dict[str, str]) -> tuple[float, dict[str, Any]]:
        """Seconds until the whole answer is here, and the answer."""
        begun = time.perf_counter()
        async with self.session.get(self.address, params=query) as answer:
            body = await answer.json()
            assert answer.status == 200, body
        return time.perf_counter() - begun, body


def line(name: str, over_http: list[float], by_itself: list[float]) -> str:
    """A row of the table: medians, 95th percentiles and what the API adds to the latter, in milliseconds."""
    http95, bare95 = quantiles(over_http, n=20)[-1] * 1e3, quantiles(by_itself, n=20)[-1] * 1e3
    http50, bare50 = median(over_http) * 1e3, median(by_itself) * 1e3
    return f"{name:34} {bare50:8.1f} {http50:8.1f} {bare95:8.1f} {http95:8.1f} {http95 - bare95:+8.1f}"


async def measure(api: Api, connection: asyncpg.Connection, rounds: int, seed: int) -> None:
    """Every mix on page 1, then two of them on page 200, each in turns with the bare statements."""
    head = f"{'ms':34} {'bare p50':>8} {'HTTP p50':>8} {'bare p95':>8} {'HTTP p95':>8} {'added':>8}"
    print(head)
    rng = random.Random(seed)
    every: tuple[list[float], list[float]] = ([], [])
    for mix in MIXES:
        over_http, by_itself = [], []
        for _ in range(rounds):
            filters = mix.draw(rng)
            by_itself.append(await bare(connection, filters))
            over_http.append((await api.ask(query_of(filters)))[0])
        every[0].extend(over_http)
        every[1].extend(by_itself)
        print(line(mix.name, over_http, by_itself), flush=True)
    print(line("all of page 1", *every))
    for name, filters in (("everything", Filters()), ("queue", Filters(queue="queue-1"))):
        await late(api, connection, rounds, name, filters)


async def late(api: Api, connection: asyncpg.Connection, rounds: int, name: str, filters: Filters) -> None:
    """Page 200 beside page 1, in turns."""
    query = query_of(filters)
    body: dict[str, Any] = {"next": ""}
    last: dict[str, Any] = {}
    for _ in range(LATE_PAGE - 1):
        _, body = await api.ask({**query, **({"cursor": body["next"]} if body["next"] else {})})
        last = body["items"][-1]
    after = Place(
        started_at=datetime.fromisoformat(last["started_at"]), id=UUID(last["id"]), total=Total(value=0, is_capped=True)
    )
    first: tuple[list[float], list[float]] = ([], [])
    far: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        first[0].append((await api.ask(query))[0])
        far[0].append((await api.ask({**query, "cursor": body["next"]}))[0])
        first[1].append(await bare(connection, filters))
        far[1].append(await bare(connection, filters, after))
    print(line(f"{name}, page 1", *first))
    print(line(f"{name}, page {LATE_PAGE}", *far), flush=True)


async def run(folder: Path, rows: int, rounds: int, seed: int) -> None:
    """Fill, serve, measure."""
    async with database(folder, rows) as (settings, url):
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
        try:
            async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
                api = Api(session=session, address=f"http://127.0.0.1:{port}/api/v1/search")
                await until_ready(api)
                await measure(api, connection, rounds, seed)
        finally:
            await connection.close()
            server.terminate()
            server.join(10)


async def until_ready(api: Api) -> None:
    """Wait for the server's first answer, and warm both sides up a little."""
    for _ in range(200):
        try:
            await api.ask({})
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


Run = Callable[[Path, int, int, int], Coroutine[Any, Any, None]]
"""What is measured: the folder of the services, rows, rounds, seed."""


def command(about: str | None, measure: Run) -> None:
    """Read the arguments and measure, in the folder that is named or in one that is gone afterwards."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", type=Path)
    asked = parser.parse_args()
    if asked.dir is not None:
        asyncio.run(measure(asked.dir, asked.rows, asked.rounds, asked.seed))
        return
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        asyncio.run(measure(Path(folder), asked.rows, asked.rounds, asked.seed))


if __name__ == "__main__":
    command(__doc__, run)
