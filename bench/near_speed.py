"""Near hits over many contacts: a page of them against the bare SQL of its candidates, in turns, in one run.

    python -m bench.near_speed [--rows 1000000] [--rounds 60] [--dir DIR]

Contacts are 16 passages each, drawn from 60,000 of `bench.near.others` (everyday Finnish, misheard), over 24 months in
two companies; their rows hold the shingles alone, since nothing else is asked. Words of ours are asked by base form:
most are in no contact, so a page means a walk through every month, the longest there is. "Bare" is the same statements
by asyncpg on one connection, months of the page only; what is added is comparing the candidates. With --dir the rows
are kept and used again. It prints milliseconds and never asserts.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from uuid_utils.compat import uuid7

from archive import embedded, embedded_database
from archive.domain.filters import Filters
from archive.processes import start, stop
from archive.store.migrate import migrate
from bench.near.others import contacts, sentences
from search import buckets, index_words, morphology, near, sounds, terms
from search.query import read
from search.rows import is_known
from search.sounds import MARK, Said

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 730
COMPANIES = ("energia", "verkko")
PASSAGES, POOL = 16, 60_000
LIMIT = 50
CHUNK = 5_000
FACTS = (
    "id", "company", "channel", "direction", "started_at", "ended_at", "source", "external_id", "received_at",
    "receipt", "text_state",
)  # fmt: skip
INDEX = "ix_search_rows_terms"


def pool() -> list[tuple[str, tuple[str, ...]]]:
    """Passages as lines, each with its shingles."""
    analyser = morphology.analyser()
    heard = (text for one in contacts(POOL // 10) for _, text in one.passages)
    lines = (
        sounds.line(Said(text=token.plain, is_known=is_known(token)) for token in analyser.tokens(text, "fi"))
        for text in islice(heard, POOL)
    )
    return [(line, tuple(set(sounds.shingles(line)))) for line in lines]


def made(rows: int) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
    """The rows of interactions, search_rows and search_texts, some at a time, oldest first."""
    chance, lines = random.Random(1), pool()
    for begin in range(0, rows, CHUNK):
        facts, words, texts = [], [], []
        for number in range(begin, min(begin + CHUNK, rows)):
            at = NEWEST - timedelta(days=DAYS * (1 - number / rows))
            id_, company = uuid7(), COMPANIES[chance.random() < 0.3]
            drawn = chance.choices(lines, k=PASSAGES)
            place = buckets.bucket(company, at)
            found = {shingle for _, some in drawn for shingle in some}
            facts.append((id_, company, "call", "inbound", at, at, "pbx", str(number), at, "{}", "done"))
            vector = " ".join(f"'{place}{MARK}{shingle}'" for shingle in sorted(found))
            words.append((id_, company, at, place, vector, "made-up", at))
            texts.append((id_, company, b"", sounds.PASSAGE.join(line for line, _ in drawn)))
        yield facts, words, texts


async def fill(admin_url: str, rows: int) -> None:
    """Make the rows; the index is made afterwards."""
    connection = await asyncpg.connect(admin_url, timeout=30)
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute("SET maintenance_work_mem = '512MB'")
        await connection.execute(
            "INSERT INTO companies (code, name, business_id, kind) VALUES ('energia', 'E', '1', 'retail'),"
            " ('verkko', 'V', '2', 'network')"
        )
        how = await connection.fetchval("SELECT pg_get_indexdef($1::regclass)", INDEX)
        await connection.execute(f"DROP INDEX {INDEX}")
        for facts, words, texts in made(rows):
            await connection.copy_records_to_table("interactions", records=facts, columns=FACTS)
            columns = [list(column) for column in zip(*words, strict=True)]
            await connection.execute(
                "INSERT INTO search_rows SELECT a, b, c, d, e::tsvector, f, g FROM unnest($1::uuid[], $2::text[],"
                " $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::timestamptz[]) AS r (a, b, c, d, e, f, g)",
                *columns,
            )
            await connection.copy_records_to_table(
                "search_texts", records=texts, columns=["interaction_id", "company", "segments", "sounds"]
            )
        begun = time.monotonic()
        await connection.execute(how)
        print(f"index made in {time.monotonic() - begun:.0f} s", flush=True)
        await connection.execute("VACUUM ANALYZE")
        size = await connection.fetchval("SELECT pg_relation_size($1::regclass)", INDEX)
        lines = await connection.fetchval(
            "SELECT avg(length(sounds)) FROM (SELECT sounds FROM search_texts LIMIT 999) t"
        )
        print(f"index {size / rows:.0f} bytes a contact, lines {lines:.0f}", flush=True)
    finally:
        await connection.close()


async def bare(tx: asyncpg.Connection, seen: list[tuple[str, tuple[Any, ...]]]) -> float:
    """Seconds that the statements of a page take by themselves."""
    begun = time.perf_counter()
    for statement, values in seen:
        await tx.fetch(statement, *values)
    return time.perf_counter() - begun


async def run(folder: Path, rows: int, rounds: int) -> None:
    """Fill, measure, print."""
    prepared = await embedded.prepare(folder)
    process = await start(prepared.database.part)
    try:
        await embedded_database.make_database(prepared.database.admin_url, prepared.secrets)
        await migrate(prepared.database.url)
        if not (folder / "filled").exists():
            await fill(prepared.database.admin_url.replace("/postgres?", f"/{embedded_database.NAME}?"), rows)
            (folder / "filled").touch()
        await measure(prepared.database.url, rounds)
    finally:
        await stop(prepared.database.part, process)


async def measure(url: str, rounds: int) -> None:
    """A page for each of some words, each in turn with its statements."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    analyser = morphology.analyser()
    asked = list(dict.fromkeys(one.word.lower() for one in sentences()))
    pages, alone, ends, hits = [], [], 0, 0
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def note(_connection: object, _cursor: object, statement: str, values: tuple[Any, ...], *_: object) -> None:
        if "t.sounds" in statement:
            seen.append((statement, values))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with engine.connect() as tx:
        raw: Any = (await tx.get_raw_connection()).driver_connection
        for word in random.Random(2).sample(asked, rounds):
            query = read(word)
            wanted = terms.terms(query, analyser)
            look = await index_words.look_for(tx, wanted.template(Filters()), Filters(), None)
            words = near.words_of(wanted, query.words, analyser)
            assert look is not None
            if not words[0].sought.shingles:
                continue
            for is_kept in (False, True):  # the first warms up the database's pages
                seen.clear()
                begun = time.perf_counter()
                found = await near.near(tx, look, wanted, words, need=LIMIT)
                took = time.perf_counter() - begun
                if is_kept:
                    pages.append(took)
                    hits += len(found.hits)
                    ends += found.reached is not None and len(found.hits) < LIMIT
            alone.append(await bare(raw, seen))
            await tx.rollback()
    await engine.dispose()
    print(f"{len(pages)} words; {hits} hits; {ends} pages ended with time")
    for name, figures in (("page of near hits", pages), ("its statements", alone)):
        print(f"{name:20} p50 {median(figures) * 1e3:7.1f} ms   p95 {quantiles(figures, n=20)[-1] * 1e3:7.1f} ms")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--dir", type=Path)
    asked = parser.parse_args()
    if asked.dir is not None:
        asyncio.run(run(asked.dir, asked.rows, asked.rounds))
        return
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        asyncio.run(run(Path(folder), asked.rows, asked.rounds))


if __name__ == "__main__":
    main()
