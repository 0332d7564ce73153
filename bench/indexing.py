"""Indexing contacts whole, against bare INSERTs of the same ready-made rows, in turns, in one run.

    python -m bench.indexing [CONTACTS] [ROUNDS]

A contact is 150 Finnish words in ten segments, kept as a sealed transcript: drawn as in `bench._talks`, but where that
draws a number, nine times of ten a word in its place, since people say few. Ours: the row of the contact is read, the
part fetched, opened and checked, masked, analysed, packed and written with its passages and its state, 32 at a time;
once with the analyser's memory of word forms warm, once empty. Through the queue: the same as jobs that a worker takes.
Bare: the vectors, ready as text, one INSERT and commit after another into the same table with the same indexes, and 32
a transaction. Services of its own, as durable as those of `tallenne up`.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from sqlalchemy import text

from archive import embedded
from archive.custody import Services, open_services
from archive.store import jobs, search_rows
from archive.store.migrate import migrate
from archive.store.search_rows import INDEX, Row
from archive.worker import Worker
from bench import _talks
from search import indexing, morphology
from search import jobs as search_jobs
from tests.conftest import settings_of
from tests.keeping import keep, new_company
from tests.saying import keep_transcript, segment, transcript

FEWER = 0.9
AT_ONCE = search_jobs.INDEXED_AT_ONCE
_INSERT = """
    INSERT INTO search_rows (interaction_id, company, started_at, bucket, terms, analyser, indexed_at)
    VALUES ($1, $2, $3, $4, $5::text::tsvector, $6, now())
"""


async def contacts(services: Services, company: str, count: int) -> list[UUID]:
    """Keep contacts with transcripts."""
    ids = await keep(services, company, count)
    words = _talks.vocabulary()
    drawn = words.draw(np.random.default_rng(3), count)
    rng = random.Random(3)
    plain = [(form, 1 / rank) for rank, form in enumerate(words.forms, 1) if not form.isdigit()]
    instead = iter(rng.choices(*map(list, zip(*plain, strict=True)), k=count * _talks.WORDS))
    gate = asyncio.Semaphore(16)

    async def one(contact: UUID, ranks: Sequence[int]) -> None:
        drawn = (words.forms[rank] for rank in ranks)
        forms = [next(instead) if form.isdigit() and rng.random() < FEWER else form for form in drawn]
        pieces = [forms[at : at + _talks.PASSAGE_WORDS] for at in range(0, len(forms), _talks.PASSAGE_WORDS)]
        talk = transcript(*(segment(6.0 * n, 6.0 * n + 6, "agent", " ".join(said)) for n, said in enumerate(pieces)))
        async with gate:
            await keep_transcript(services, contact, talk)

    await asyncio.gather(*(one(contact, ranks) for contact, ranks in zip(ids, drawn, strict=True)))
    return ids


async def ready(services: Services, ids: Sequence[UUID]) -> list[Row]:
    """The rows of contacts, made and not written."""
    async with services.db.read_bare() as connection:
        sources = await search_rows.read_many(connection, ids)
    return [await indexing.made(services, source) for source in sources if source is not None]


async def bare(connection: asyncpg.Connection, rows: Sequence[Row], at_once: int) -> float:
    """The rate of plain INSERTs, so many a transaction."""
    insert = await connection.prepare(_INSERT)
    begun = time.perf_counter()
    for start in range(0, len(rows), at_once):
        async with connection.transaction():
            for row in rows[start : start + at_once]:
                await insert.fetch(row.interaction_id, row.company, row.started_at, row.bucket, row.terms, row.analyser)
    return len(rows) / (time.perf_counter() - begun)


async def ours(services: Services, ids: Sequence[UUID]) -> float:
    """The rate of the job, as many at once as a worker has."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(contact: UUID) -> None:
        async with gate:
            assert await indexing.index(services, {"interaction": str(contact)})

    begun = time.perf_counter()
    await asyncio.gather(*map(one, ids))
    return len(ids) / (time.perf_counter() - begun)


async def queued(services: Services, ids: Sequence[UUID]) -> float:
    """The rate of a worker that has all of them in its queue."""
    async with services.db.begin() as tx:
        await jobs.enqueue_many(tx, INDEX, [{"interaction": str(contact)} for contact in ids])
    told = asyncio.Event()
    worker = Worker(services=services, handlers=search_jobs.HANDLERS, at_once=AT_ONCE, batch=search_jobs.INDEX_BATCH)
    begun = time.perf_counter()
    working = asyncio.create_task(worker.run(told))
    while True:
        async with services.db.read_bare() as connection:
            if await connection.fetchval("SELECT count(*) FROM search_rows") == len(ids):
                break
        await asyncio.sleep(0.05)
    rate = len(ids) / (time.perf_counter() - begun)
    told.set()
    await working
    return rate


async def clear(services: Services) -> None:
    """As if nothing had been indexed."""
    async with services.db.begin() as tx:
        await tx.execute(text("TRUNCATE search_rows, search_texts"))
        await tx.execute(text("UPDATE interactions SET text_state = 'waiting' WHERE text_state <> 'waiting'"))
    async with services.db.read() as tx:
        await tx.execute(text("VACUUM ANALYZE interactions"))


async def forgetful(services: Services, ids: Sequence[UUID]) -> float:
    """The rate with an analyser that knows no form yet; loading it is not counted."""
    morphology.analyser.cache_clear()
    await asyncio.to_thread(morphology.analyser, services.settings.words_analyser)
    return await ours(services, ids)


async def measure(services: Services, url: str, count: int, rounds: int) -> None:
    """Print each rate, round by round, and the ratios to the INSERTs of one a transaction."""
    company = await new_company(services)
    print(f"making {count} contacts ...", flush=True)
    ids = await contacts(services, company, count)
    rows = await ready(services, ids)
    terms = statistics.mean(row.terms.count("':") for row in rows)
    print(f"{count} contacts, {terms:.0f} terms each, analyser {rows[0].analyser}")
    connection = await asyncpg.connect(url)
    sides: dict[str, Callable[[], Awaitable[float]]] = {
        "bare, 1 a transaction": lambda: bare(connection, rows, 1),
        f"bare, {AT_ONCE} a transaction": lambda: bare(connection, rows, AT_ONCE),
        "ours, warm": lambda: ours(services, ids),
        "ours, cold": lambda: forgetful(services, ids),
        "ours, through the queue": lambda: queued(services, ids),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            await clear(services)
            rates[name].append(await sides[name]())
        print(f"round {number + 1}: " + ", ".join(f"{name} {of[-1]:.0f}/s" for name, of in rates.items()), flush=True)
    await connection.close()
    for base in list(sides)[:2]:
        for name in list(sides)[2:]:
            ratios = [mine / theirs for mine, theirs in zip(rates[name], rates[base], strict=True)]
            told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"{name} / {base}: {told}")


async def main(count: int, rounds: int) -> None:
    """Measure on services of its own."""
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        prepared = await embedded.prepare(Path(folder))
        running = await embedded.start_all(prepared)
        try:
            await embedded.make_room(prepared)
            await migrate(prepared.database.url)
            services = open_services(settings_of(prepared.environment() | {"TALLENNE_DATA": folder}))
            await measure(services, prepared.database.url, count, rounds)
            await services.close()
        finally:
            await embedded.stop_all(running)


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in (sys.argv[1:] + ["1000", "5"][len(sys.argv) - 1 :])[:2])))
