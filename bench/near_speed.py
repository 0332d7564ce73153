"""Near hits over many contacts: a page of them against the bare SQL of its candidates, in turns, in one run.

    python -m bench.near_speed [--rows 1000000] [--rounds 60] [--dir DIR]

Contacts are 16 passages each, drawn from 60,000 of `bench.near.others` (everyday Finnish, misheard, by how often words
are said where the package `wordfreq` is installed), over 24 months in two companies; their rows hold the shingles
alone, since nothing else is asked. Words of ours are asked by base form; most are in few contacts or none, so a page
means a walk through every month, the longest there is.

"Bare" is what a careful person would write by hand, by asyncpg on one connection. Of the candidates alone: one
statement that takes them from the index, newest first down to the last hit of the page, with the lines that are
compared. Of the page: the same, and PostgreSQL itself picks those that sound alike, by `word_similarity` of pg_trgm,
which is what SQL has for it (its default limit of 0.6; it finds others than we do, but does the same work). Both are
told beforehand, outside the time that is taken, how many months suffice and which runs of sounds are common. With --dir
the rows are kept and used again. It prints milliseconds and never asserts.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from uuid_utils.compat import uuid7

from archive import embedded, embedded_database
from archive.domain.filters import Filters
from archive.processes import start, stop
from archive.store.migrate import migrate
from bench.near.others import contacts, sentences
from bench.search import line
from search import buckets, index_words, morphology, near, near_query, sounds, terms
from search.cursor import Spot
from search.index_words import Look
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


# The contacts come by the index, and their lines by their keys; OFFSET 0 leaves no choice of another way.
_BARE = """
    SELECT h.interaction_id, h.started_at, t.sounds FROM (
        SELECT h.interaction_id, h.started_at FROM unnest($1::text[], $2::text[]) b (query, company)
        CROSS JOIN LATERAL (
            SELECT r.interaction_id, r.started_at FROM (
                SELECT interaction_id, started_at, company FROM search_rows WHERE terms @@ b.query::tsquery OFFSET 0
            ) r
            WHERE r.company = b.company AND (r.started_at, r.interaction_id) >= ($3, $4)
        ) h ORDER BY h.started_at DESC, h.interaction_id DESC
    ) h JOIN search_texts t ON t.interaction_id = h.interaction_id
    ORDER BY h.started_at DESC, h.interaction_id DESC
"""
_ALIKE = f"""
    SELECT c.interaction_id, c.started_at FROM ({_BARE} OFFSET 0) c
    WHERE EXISTS (
        SELECT FROM unnest($5::text[]) k (sounds)
        WHERE word_similarity(k.sounds, translate(lower(c.sounds), 'äöybdg ', 'aouptk')) >= 0.6
    ) LIMIT {LIMIT + 1}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Seconds of something: by the clock, and those that both processes were at work, whoever else was."""

    clock: float
    work: float


class Watch:
    """Takes the time of what this process and one of the database's do."""

    def __init__(self, server_pid: int) -> None:
        self._server = Path(f"/proc/{server_pid}/schedstat")
        self._begun, self._worked = time.perf_counter(), self._work()

    def took(self) -> Took:
        """Since it was made."""
        return Took(clock=time.perf_counter() - self._begun, work=self._work() - self._worked)

    def _work(self) -> float:
        return time.process_time() + int(self._server.read_text("ascii").split()[0]) / 1e9


async def bare(
    raw: asyncpg.Connection, template: str, look: Look, last: Spot, keys: Sequence[str]
) -> tuple[Took, Took, int]:
    """What the candidates of a page take by themselves, down to its last hit; what PostgreSQL takes to pick; how many.

    `keys` are the sounds of what is asked for.
    """
    pairs = [(month, code) for month in buckets.months(last[0], look.until) for code in look.companies]
    queries = [template.replace(terms.BUCKET, buckets.bucket_in(month, code)) for month, code in pairs]
    codes = [code for _, code in pairs]
    watch = Watch(raw.get_server_pid())
    found = await raw.fetch(_BARE, queries, codes, *last)
    fetched = watch.took()
    await raw.execute("SET LOCAL statement_timeout = 0")
    watch = Watch(raw.get_server_pid())
    await raw.fetch(_ALIKE, queries, codes, *last, list(keys))
    picked = watch.took()
    await raw.execute(f"SET LOCAL statement_timeout = {index_words.STEP_MS}")
    return fetched, picked, len(found)


async def run(folder: Path, rows: int, rounds: int) -> None:
    """Fill, measure, print."""
    prepared = await embedded.prepare(folder)
    process = await start(prepared.database.part)
    try:
        await embedded_database.make_database(prepared.database.admin_url, prepared.secrets)
        await migrate(prepared.database.url)
        admin = await asyncpg.connect(
            prepared.database.admin_url.replace("/postgres?", f"/{embedded_database.NAME}?"), timeout=30
        )
        await admin.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        await admin.close()
        if not (folder / "filled").exists():
            await fill(prepared.database.admin_url.replace("/postgres?", f"/{embedded_database.NAME}?"), rows)
            (folder / "filled").touch()
        await measure(prepared.database.url, rounds)
    finally:
        await stop(prepared.database.part, process)


async def measure(url: str, rounds: int) -> None:
    """A page for each of some words, each in turn with its bare statement."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    asked = list(dict.fromkeys(one.word.lower() for one in sentences()))
    pages: list[Took] = []
    alone: list[Took] = []
    picked: list[Took] = []
    counts, ends, hits = [], 0, 0
    async with engine.connect() as tx:
        for word in random.Random(2).sample(asked, min(rounds, len(asked))):
            query = read(word)
            wanted = terms.terms(query, morphology.analyser())
            look = await index_words.look_for(tx, wanted.template(Filters()), Filters(), None)
            words = near.words_of(wanted, query.words, morphology.analyser())
            assert look is not None
            common = await near.common_runs(tx, look, words)
            template = near_query.template(wanted, Filters(), words, common)
            if template is not None:
                page = await near.near(tx, look, wanted, words, need=LIMIT)  # warms up the database's pages
                is_full = len(page.hits) == LIMIT
                last = page.hits[-1].spot if is_full else page.reached or (look.since, UUID(int=0))
                raw: Any = (await tx.get_raw_connection()).driver_connection
                keys = {heard for word in words for _, heard, _ in word.sought.keys}
                took, took_picking, count = await bare(raw, template, look, last, sorted(keys))
                watch = Watch(raw.get_server_pid())
                again = await near.near(tx, look, wanted, words, need=LIMIT)
                pages.append(watch.took())
                alone.append(took)
                picked.append(took_picking)
                counts.append(count)
                hits += len(again.hits)
                ends += again.reached is not None and len(again.hits) < LIMIT
            await tx.rollback()
    await engine.dispose()
    print(f"{len(pages)} words; {hits} hits; {ends} pages ended with time")
    print(f"candidates of a page  p50 {median(counts):7.0f}   p95 {quantiles(counts, n=20)[-1]:7.0f}")
    print(f"{'ms':40} {'bare p50':>8} {'page p50':>8} {'bare p95':>8} {'page p95':>8} {'added':>8}")
    for name, others in (("the page in SQL", picked), ("its candidates alone", alone)):
        print(line(f"{name}, by the clock", [one.clock for one in pages], [one.clock for one in others]))
        print(line(f"{name}, at work", [one.work for one in pages], [one.work for one in others]))


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
