"""Contacts indexed at a steady rate while something else is measured: run in a process of its own, by `bench.words`.

Each contact is analysed, made into its row and written in a transaction with its texts, as the job `search.index` does;
opening and masking its sealed parts are left out, for they cost the database nothing.
"""

import asyncio
import random
import time
from multiprocessing.synchronize import Event
from typing import Any

import asyncpg
import numpy as np

from bench import _talks
from bench._talks import NEWEST, PASSAGE_S, PASSAGE_WORDS, WORDS, Contact, Vocabulary
from search import buckets, morphology, rows, texts
from search.texts import Passage

_INTERACTION = """
    INSERT INTO interactions (id, company, channel, direction, started_at, ended_at, duration_s, source, external_id,
                              agent_id, agent_name, language, attributes, received_at, receipt, text_state)
    VALUES ($1::uuid, $2, 'call', 'inbound', $3::timestamptz, $3::timestamptz, 60, 'bench', $1::uuid::text, $4, $5,
            'fi', '{}', $3::timestamptz, '{}', 'done')
"""
_ROW = """
    INSERT INTO search_rows (interaction_id, company, started_at, bucket, terms, analyser, indexed_at)
    VALUES ($1, $2, $3, $4, $5::text::tsvector, $6, now())
"""
_TEXTS = "INSERT INTO search_texts (interaction_id, company, segments) VALUES ($1, $2, $3)"


def write_steadily(url: str, rate: float, events: tuple[Event, Event], reached: Any, seed: int = 0) -> None:
    """Index so many contacts a second, `reached` is how many it has been; one of `events` says begun, one ends it."""
    asyncio.run(_write(url, rate, events, reached, seed))


async def _write(url: str, rate: float, events: tuple[Event, Event], reached: Any, seed: int) -> None:
    begun, told = events
    words = _talks.vocabulary()
    rng, drawer = random.Random(), np.random.default_rng([seed, 7])  # ids of their own in rows that are used again
    connection = await asyncpg.connect(url, timeout=30)
    try:
        began, done = time.monotonic(), 0
        while not told.is_set():
            for drawn in words.draw(drawer, 10).tolist():
                await _index(connection, words, _talks.contact(rng, NEWEST, 1_000), drawn)
                done += 1
            took = time.monotonic() - began
            reached.value = done / took
            begun.set()
            await asyncio.sleep(max(0.0, done / rate - took))
    finally:
        await connection.close()


async def _index(connection: asyncpg.Connection, words: Vocabulary, one: Contact, drawn: list[int]) -> None:
    said = [
        Passage(
            kind="transcript",
            text=" ".join(words.forms[form] for form in drawn[at : at + PASSAGE_WORDS]),
            speaker="agent",
            start_s=at / PASSAGE_WORDS * PASSAGE_S,
        )
        for at in range(0, WORDS, PASSAGE_WORDS)
    ]
    place = buckets.bucket(one.company, one.started_at)
    analyser = morphology.analyser()
    made = rows.make(place, said, one.facts, analyser, "fi")
    async with connection.transaction():
        await connection.execute(
            _INTERACTION, one.id, one.company, one.started_at, f"A{one.agent}", f"Agentti {one.agent}"
        )
        await connection.execute(_ROW, one.id, one.company, one.started_at, place, made.terms, analyser.name)
        await connection.execute(_TEXTS, one.id, one.company, texts.pack(made.passages))
