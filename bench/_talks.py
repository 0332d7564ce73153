"""Made-up contacts with words, straight into the tables: for `bench.words`.

Words: everyday talk, words of this trade in those endings of Finnish that the analyser knows them in, and further down
their compounds, made-up names and numbers; the analyser of this machine says which terms each form has, once. A contact
is 150 words in ten passages, drawn by Zipf's law (the word of rank r with weight 1/r) over all forms. Contacts are
spread evenly over 24 months in two companies (7 to 3), with agents, queues and customers of whom a few have many. They
are written in the order of time, as they arrive, by binary COPY, with the indexes of the tables made afterwards.
"""

import itertools
import random
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from search import buckets, morphology, pairs, rows, sounds, texts
from search.buckets import Fact
from search.sounds import Said
from search.texts import Passage

COMPANIES = ("energia", "verkko")
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 730
WORDS, PASSAGE_WORDS, PASSAGE_S = 150, 15, 6.0
AGENTS, QUEUES = 200, 12
FORMS = 60_000
CHUNK = 2_000
TABLES = ("interactions", "search_rows", "search_texts", "links", "parties")
_MARK = "{}~"  # where the bucket goes; no term has these characters, and no positions these bytes in a row
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)

_COMMON = (
    "ja on se että en ei mutta kun niin tämä joo no sitten nyt tässä siitä olen olisi vain kyllä hyvä minä te oli siis "
    "meillä mitä jos voi asia ole sen joka vielä kai tai ihan sieltä täällä teillä voin kiitos hei päivää eli juuri"
)
_TRADE = (
    "lasku sähkölasku hinta sopimus sähkösopimus maksu perusmaksu siirto mittari lukema kulutus vika katko korvaus "
    "hyvitys eräpäivä muistutus perintä osamaksu muutto osoite liittymä sulake pääsulake tariffi tarjous alennus "
    "kampanja lupaus päivitys tili viitenumero yhteys asentaja käynti aika tunti viikko kuukausi vuosi talvi kesä "
    "lämpö kaukolämpö paneeli akku auto latauspiste kaapeli muuntaja verkko alue kunta talo kerrostalo asunto mökki "
    "avain lupa valitus kysymys vastaus puhelu viesti sähköposti kirje paperi kone ohje virhe tieto tunnus salasana"
)
ENDINGS = ("", "n", "lle", "sta", "ssa", "a", "lla", "lta", "ksi", "t", "ni", "kin", "ko", "ssani", "stanne")
_SYLLABLES = "ka ki ko la lo mi na no pa pe ra ri sa so ta ti to va vi jo ha ke le ru si te tu ve"
COMMON, TRADE, SYLLABLES = (text.split() for text in (_COMMON, _TRADE, _SYLLABLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Forms by rank, and of each the places of its terms in `terms`, what pairs know it by, and what is said."""

    forms: tuple[str, ...]
    terms: tuple[str, ...]
    of_form: tuple[tuple[int, ...], ...]
    keys: tuple[tuple[str, ...], ...]
    said: tuple[Said, ...]

    def draw(self, rng: np.random.Generator, contacts: int) -> np.ndarray[Any, Any]:
        """So many contacts' words, as ranks."""
        weights = 1.0 / np.arange(1, len(self.forms) + 1)
        edges = np.cumsum(weights / weights.sum())
        return np.minimum(np.searchsorted(edges, rng.random((contacts, WORDS))), len(self.forms) - 1)


def vocabulary(seed: int = 1) -> Vocabulary:
    """The same words for the same seed and analyser."""
    rng = random.Random(seed)
    analyser = morphology.analyser()
    inflected = [form for base in TRADE for form in _forms(base) if base in analyser.tokens(form, "fi")[0].terms]
    pairs = [first + second for first in TRADE for second in TRADE if first != second]
    compounds = [form for pair in rng.sample(pairs, FORMS // 60) for form in _forms(pair)[:5]]
    names = [form for _ in range(FORMS // 20) for form in _forms("".join(rng.choices(SYLLABLES, k=4)))[:5]]
    digits = [str(rng.randrange(1_000, 1_000_000)) for _ in range(FORMS)]
    rare = [*compounds, *names, *digits]
    rng.shuffle(inflected)
    rng.shuffle(rare)
    forms = list(dict.fromkeys([*COMMON, *inflected, *rare]))[:FORMS]
    numbers: dict[str, int] = {}
    of_form, keys, said = [], [], []
    for form in forms:
        (token,) = analyser.tokens(form, "fi")
        of_form.append(tuple(numbers.setdefault(term, len(numbers)) for term in token.terms))
        keys.append(token.keys)
        said.append(Said(text=token.plain, is_known=rows.is_known(token)))
    return Vocabulary(
        forms=tuple(forms), terms=tuple(numbers), of_form=tuple(of_form), keys=tuple(keys), said=tuple(said)
    )


def _forms(base: str) -> list[str]:
    """The base with every ending, in the vowels that fit it."""
    is_front = not set(base) & set("aou")
    return [base + (ending.replace("a", "ä").replace("o", "ö") if is_front else ending) for ending in ENDINGS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A made-up contact's facts."""

    id: UUID
    company: str
    started_at: datetime
    agent: int
    queue: int
    customer: int

    @property
    def facts(self) -> dict[Fact, str]:
        """The facts that the index holds."""
        return {
            Fact.AGENT_ID: f"A{self.agent}",
            Fact.AGENT_NAME: f"Agentti {self.agent}",
            Fact.QUEUE: f"queue-{self.queue}",
            Fact.CHANNEL: "call",
            Fact.DIRECTION: "inbound",
        }


def contact(rng: random.Random, started_at: datetime, customers: int) -> Contact:
    """One contact of this moment."""
    milliseconds = int(started_at.timestamp() * 1000)
    random_bits = rng.getrandbits(74)
    id_ = milliseconds << 80 | 0x7 << 76 | (random_bits >> 62) << 64 | 0b10 << 62 | random_bits & (1 << 62) - 1
    return Contact(
        id=UUID(int=id_),
        company=COMPANIES[rng.random() >= 0.7],
        started_at=started_at,
        agent=1 + int(rng.random() ** 1.5 * AGENTS),
        queue=1 + int(rng.random() ** 3 * QUEUES),
        customer=1 + int(rng.random() ** 1.2 * customers),
    )


def _passages(drawn: Sequence[int]) -> list[Sequence[int]]:
    return [drawn[first : first + PASSAGE_WORDS] for first in range(0, len(drawn), PASSAGE_WORDS)]


class Writer:
    """Makes of contacts and drawn words the bytes of their rows."""

    def __init__(self, words: Vocabulary, analyser: str) -> None:
        self._words = words
        self._analyser = analyser.encode()
        self._lexemes = [f"{_MARK}{term}".encode() + b"\0" for term in words.terms]
        self._once = [struct.pack(">HH", 1, at) for at in range(WORDS * 2)]
        self._terms = tuple(words.of_form)

    def terms(self, one: Contact, drawn: Sequence[int]) -> bytes:
        """The tsvector as `tsvectorrecv` takes it (which puts it in order): PostgreSQL, tsvector.c."""
        found: dict[int, list[int]] = {}
        for number, form in enumerate(drawn):
            for term in self._terms[form]:
                found.setdefault(term, []).append(number + number // PASSAGE_WORDS + 1)
        lexemes, once = self._lexemes, self._once
        parts = [
            lexemes[term] + (once[at[0]] if len(at) == 1 else struct.pack(f">{len(at) + 1}H", len(at), *at))
            for term, at in found.items()
        ]
        marks = {buckets.fact(_MARK, kind, value) for kind, value in one.facts.items()}
        for said in _passages(drawn):
            marks.update(_MARK + pair for pair in pairs.of(self._words.keys[form] for form in said))
        marks.update(_MARK + sounds.MARK + shingle for shingle in self.heard(drawn).shingles)
        parts += [mark.encode() + b"\0\0\0" for mark in marks]
        place = buckets.bucket(one.company, one.started_at).encode()
        return struct.pack(">i", len(parts)) + b"".join(parts).replace(_MARK.encode(), place)

    def heard(self, drawn: Sequence[int]) -> sounds.Sounds:
        """How it sounds."""
        return sounds.of([[self._words.said[form] for form in said] for said in _passages(drawn)])

    def segments(self, drawn: Sequence[int]) -> bytes:
        """The packed passages."""
        forms = self._words.forms
        step = int(10 * PASSAGE_S / PASSAGE_WORDS)
        made = []
        for number, said in enumerate(_passages(drawn)):
            made.append(
                Passage(
                    kind="transcript",
                    text=" ".join(forms[form] for form in said),
                    speaker=("agent", "customer")[number % 2],
                    start_s=number * PASSAGE_S,
                    end_s=(number + 1) * PASSAGE_S,
                    first=1 + number * (PASSAGE_WORDS + 1),
                    steps=(0, *[step] * (PASSAGE_WORDS - 1)),
                )
            )
        return texts.pack(made)

    def row(self, one: Contact, drawn: Sequence[int]) -> bytes:
        """The row of `search_rows`, as binary COPY takes it: id, company, started_at, bucket, terms, analyser, at."""
        at = struct.pack(">q", int((one.started_at - _EPOCH) / timedelta(microseconds=1)))
        place = buckets.bucket(one.company, one.started_at).encode()
        fields = (one.id.bytes, one.company.encode(), at, place, self.terms(one, drawn), self._analyser, at)
        return struct.pack(">h", len(fields)) + b"".join(struct.pack(">i", len(field)) + field for field in fields)


async def fill(admin_url: str, rows: int, seed: int = 1) -> None:
    """Make the rows."""
    words = vocabulary(seed)
    writer = Writer(words, morphology.analyser().name)
    rng, drawer = random.Random(seed), np.random.default_rng(seed)
    customers = max(1_000, rows // 10)
    connection = await asyncpg.connect(admin_url, timeout=30)
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2")
        await connection.execute(
            "INSERT INTO companies (code, name, business_id, kind) VALUES ('energia', 'E', '1', 'retail'), "
            "('verkko', 'V', '2', 'network')"
        )
        indexes = await connection.fetch(_INDEXES, list(TABLES))
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        began = time.monotonic()
        for first in range(0, rows, CHUNK):
            count = min(CHUNK, rows - first)
            drawn = words.draw(drawer, count).tolist()
            made = [contact(rng, _moment(first + n, rows, rng), customers) for n in range(count)]
            await _copy(connection, writer, made, drawn)
            if first and first % 100_000 == 0:
                print(f"  {first:,} in {time.monotonic() - began:.0f} s", flush=True)
        for index in indexes:
            await connection.execute(index["made"])
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


_INDEXES = """
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS made
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(SELECT t::regclass FROM unnest($1::text[]) t)
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""


def _moment(place: int, rows: int, rng: random.Random) -> datetime:
    """Evenly over the days, a little out of order."""
    share = (place + rng.random() * 20) / (rows + 20)
    return NEWEST - timedelta(days=DAYS) + timedelta(seconds=round(share * DAYS * 86_400, 3))


async def _copy(
    connection: asyncpg.Connection, writer: Writer, made: Sequence[Contact], drawn: Sequence[Sequence[int]]
) -> None:
    contacts = list(zip(made, drawn, strict=True))
    await connection.copy_to_table(
        "search_rows",
        source=BytesIO(_HEAD + b"".join(itertools.starmap(writer.row, contacts)) + b"\xff\xff"),
        columns=["interaction_id", "company", "started_at", "bucket", "terms", "analyser", "indexed_at"],
        format="binary",
    )
    for table, columns, records in _others(writer, contacts):
        await connection.copy_records_to_table(table, records=records, columns=columns)


def _others(
    writer: Writer, made: Sequence[tuple[Contact, Sequence[int]]]
) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """The rows of the other tables."""
    yield (
        "search_texts",
        ["interaction_id", "company", "segments", "sounds"],
        [(one.id, one.company, writer.segments(drawn), writer.heard(drawn).text) for one, drawn in made],
    )
    yield (
        "interactions",
        [
            "id", "company", "channel", "direction", "started_at", "ended_at", "duration_s", "source", "external_id",
            "queue", "agent_id", "agent_name", "language", "attributes", "received_at", "receipt", "derive_state",
            "text_state",
        ],
        [
            (
                one.id, one.company, "call", "inbound", one.started_at, one.started_at, 60.0, "pbx", one.id.hex,
                f"queue-{one.queue}", f"A{one.agent}", f"Agentti {one.agent}", "fi", "{}", one.started_at, "{}", "done",
                "done",
            )
            for one, _ in made
        ],
    )  # fmt: skip
    yield (
        "links",
        ["interaction_id", "company", "customer_number", "status", "evidence", "made_at"],
        [(one.id, one.company, str(one.customer), "linked", ["phone"], one.started_at) for one, _ in made],
    )
    yield (
        "parties",
        ["interaction_id", "ordinal", "company", "role", "phone"],
        [(one.id, 0, one.company, "customer", f"+35840{one.customer:07}") for one, _ in made],
    )
