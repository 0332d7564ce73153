"""Misheard words: how many of 200 are found in 400 sentences by two voices, among other contacts, and how many wrongly.

    python -m bench.near_words [--others 10000] [--dir DIR]

The sentences were spoken over a telephone's band and recognised by Whisper base (`bench.near.hear`); the others are
everyday Finnish misheard in the same way (`bench.near.others`). All are written into a PostgreSQL of its own as the job
`search.index` writes them and searched as a person's query is, by base form. Plain: sure hits. Tolerant: near hits too.

A near hit is right when the word was said in its contact, by the dictionary's analysis of what was said or as a part of
a longer word. Precision is printed twice: over all near hits, and with our sentences alone as right ones (as if nobody
else ever said the word). All of it twice: as it is, and with the sounds counted as common that would be so among
1,000,000 contacts (`search.near_query`). It prints and never asserts.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from archive import embedded, embedded_database
from archive.domain.filters import Filters
from archive.processes import start, stop
from archive.store.migrate import migrate
from archive.store.tables import companies
from bench.near.others import contacts, sentences, words_in
from search import index_words, morphology, near, sound_keys, terms
from search.query import read
from search.sounds import letters, sound
from tests.searching import Talk, keep, talk

COMPANY = "near"
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
EVERY = 1_000_000
AS_OF_MANY = 4
"""Of the 430 contacts of a month so many are as many as `near.COMMON` of the 41,700 of 1,000,000 in two years."""
MIN_INSIDE = 7
"""A key with so many sounds tells by itself that a longer word has the asked one in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was said in a contact: its terms, its sounds, and the word it is there for (empty: none of ours)."""

    terms: frozenset[str]
    sounds: str
    word: str

    def has(self, word: str, asked: Iterable[str], keys: Iterable[str]) -> bool:
        """Whether the word was said."""
        return (
            word == self.word
            or not self.terms.isdisjoint(asked)
            or any(sound(key) in self.sounds for key in keys if len(key) >= MIN_INSIDE)
        )


def talks(others: int) -> Iterator[tuple[Talk, Truth]]:
    """Ours and the others, in one order of time that mixes them."""
    made = [([one.said], [one.heard], one.word) for one in sentences()]
    made += [([p[0] for p in one.passages], [p[1] for p in one.passages], "") for one in contacts(others)]
    for place, (said, heard, word) in enumerate(made):
        at = NEWEST - timedelta(minutes=100 * (place * 7919 % len(made)))
        yield talk(COMPANY, *heard, started_at=at), truth(said, word)


def truth(said: list[str], word: str) -> Truth:
    """What was said, understood."""
    found = (token.terms for one in said for token in morphology.analyser().tokens(one, "fi"))
    whole = " ".join(sound(letters(word)) for one in said for word in words_in(one))
    return Truth(terms=frozenset(term for terms_ in found for term in terms_), sounds=whole, word=word)


@dataclass(slots=True)
class Tally:
    """What was found of everything that was asked, where runs that so many contacts of a month have are common."""

    common: int
    pairs: int = 0
    sure: int = 0
    near: int = 0
    others_right: int = 0
    wrong: int = 0
    short: int = 0


async def ask(tx: AsyncConnection, word: str, said: dict[UUID, Truth], tally: Tally) -> float:
    """Ask for one word and count; the seconds that the near hits took."""
    analyser, query = morphology.analyser(), read(word.lower())
    wanted = terms.terms(query, analyser)
    look = await index_words.look_for(tx, wanted.template(Filters()), Filters(), frozenset([COMPANY]))
    assert look is not None
    sure = {one for _, one in (await index_words.newest(tx, look, need=EVERY, count_to=0)).spots}
    words = near.words_of(wanted, query.words, analyser)
    begun = time.perf_counter()
    page = await near.near(tx, look, wanted, words, need=EVERY, common=tally.common)
    hits, took = list(page.hits), time.perf_counter() - begun
    while page.reached is not None:
        page = await near.near(tx, look, wanted, words, need=EVERY, after=page.reached, common=tally.common)
        hits += page.hits
    asked, keys = set(wanted.words[0]), sound_keys.keys([word.lower()])
    tally.short += not words[0].sought.shingles
    tally.pairs += sum(one.word == word for one in said.values())
    tally.sure += sum(said[one].word == word for one in sure)
    for hit in hits:
        one = said[hit.interaction_id]
        if one.word == word:
            tally.near += 1
        elif one.has(word, asked, keys):
            tally.others_right += 1
        else:
            tally.wrong += 1
    return took


async def run(folder: Path, others: int) -> None:
    """Fill, ask, print."""
    prepared = await embedded.prepare(folder, durable=False)
    process = await start(prepared.database.part)
    try:
        await embedded_database.make_database(prepared.database.admin_url, prepared.secrets)
        await migrate(prepared.database.url)
        engine = create_async_engine(prepared.database.url.replace("postgresql://", "postgresql+asyncpg://"))
        said: dict[UUID, Truth] = {}
        async with engine.begin() as tx:
            await tx.execute(companies.insert().values(code=COMPANY, name="Near", business_id="1", kind="retail"))
            all_ = talks(others)
            while some := list(islice(all_, 200)):
                await keep(tx, *(one for one, _ in some))
                said |= {one.id: told for one, told in some}
        async with engine.connect() as connection:
            await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))
        asked = [word for word in dict.fromkeys(one.word for one in said.values()) if word]
        for name, common in (("as it is", near.COMMON), ("as with 1,000,000 contacts", AS_OF_MANY)):
            tally, took = Tally(common=common), []
            for word in asked:
                async with engine.begin() as tx:
                    took.append(await ask(tx, word, said, tally))
            print(f"-- {name}")
            report(tally, took, others)
        await engine.dispose()
    finally:
        await stop(prepared.database.part, process)


def report(tally: Tally, took: list[float], others: int) -> None:
    """The figures."""
    right, ours = tally.near + tally.others_right, tally.near
    print(f"{tally.pairs} spoken words of ours, among {others:,} other contacts; {tally.short} words are too short")
    print(f"recall   plain {tally.sure / tally.pairs:.3f}   tolerant {(tally.sure + tally.near) / tally.pairs:.3f}")
    print(f"near hits: {tally.near} ours, {tally.others_right} right in others, {tally.wrong} wrong")
    print(f"precision   {right / max(right + tally.wrong, 1):.3f}   ours alone {ours / max(ours + tally.wrong, 1):.3f}")
    print(f"near query  p50 {median(took) * 1e3:.1f} ms   p95 {quantiles(took, n=20)[-1] * 1e3:.1f} ms")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=int, default=10_000)
    parser.add_argument("--dir", type=Path)
    asked = parser.parse_args()
    if asked.dir is not None:
        asyncio.run(run(asked.dir, asked.others))
        return
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        asyncio.run(run(Path(folder), asked.others))


if __name__ == "__main__":
    main()
