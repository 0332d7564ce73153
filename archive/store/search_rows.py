"""Statements over what is searched in: reading what a contact's row is made of, writing it, and comparing the two.

Many contacts at once, on the driver's own connection. What is written is made by `search.rows`; searching is
`search.index`, and how much is searchable `search.coverage`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from archive.domain.interactions import Part, PartKind, State, must_be_aware
from archive.domain.transcripts import TextState
from archive.store.interactions import part_of

INDEX = "search.index"
"""The job that writes a contact's words into the index; it takes `interaction` and `company`."""

TEXT_KINDS = (PartKind.TRANSCRIPT, PartKind.MESSAGE)
"""The parts that have words."""

_KINDS = [str(kind) for kind in TEXT_KINDS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a contact's row is made of: its facts, its wrapped key, and its parts that have words, oldest first."""

    id: UUID
    company: str
    started_at: datetime
    channel: str
    direction: str
    queue: str | None
    category: str | None
    agent_id: str | None
    agent_name: str | None
    language: str | None
    subject: str | None
    wrapped_key: tuple[str, bytes]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        must_be_aware(self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contact's row as it is to be written.

    `terms` is a tsvector's text, `segments` what `search.texts` packed, `sounds` the lines of `search.sounds`. `parts`
    are the ids of those that were read. A `reason` says that words are missing: the contact then counts as failed,
    though what is there can be found.
    """

    interaction_id: UUID
    company: str
    started_at: datetime
    bucket: str
    terms: str
    analyser: str
    segments: bytes
    sounds: str
    parts: frozenset[UUID]
    reason: str | None = None


async def read_many(connection: asyncpg.Connection, ids: Sequence[UUID]) -> list[Source | None]:
    """What these contacts' rows are made of; None for those that are gone, being destroyed, or without words."""
    found = {row["id"]: row for row in await connection.fetch(_READ, list(set(ids)))}
    parts: dict[UUID, list[Part]] = {}
    for row in await connection.fetch(_PARTS, list(found), _KINDS):
        parts.setdefault(row["interaction_id"], []).append(part_of(row))
    return [_source(found[one], parts[one]) if one in found and one in parts else None for one in ids]


def _source(row: asyncpg.Record, parts: Sequence[Part]) -> Source:
    values = dict(row)
    key = (values.pop("key_id"), bytes(values.pop("wrapped")))
    return Source(**values, wrapped_key=key, parts=tuple(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a kept contact and its row stand to one another; `made_by` and `made_at` are None where there is no row."""

    id: UUID
    company: str
    text_state: TextState
    has_text: bool
    has_passages: bool
    agrees: bool
    made_by: str | None
    made_at: datetime | None


async def walk(connection: asyncpg.Connection, after: UUID | None, limit: int = 2000) -> list[Standing]:
    """The next kept contacts of every company in order of id, each with its row."""
    rows = await connection.fetch(_WALK, after or UUID(int=0), limit, _KINDS)
    return [Standing(**{**row, "text_state": TextState(row["text_state"])}) for row in rows]


async def astray(connection: asyncpg.Connection, limit: int = 1000) -> list[UUID]:
    """Contacts that are marked for destruction and still have a row, which searching would count, or passages."""
    rows = await connection.fetch(_ASTRAY, limit)
    return [row["interaction_id"] for row in rows]


async def count_contacts(connection: asyncpg.Connection) -> int:
    """How many contacts there are about, as the planner knows it."""
    found = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'interactions'::regclass")
    return max(int(found or 0), 0)


async def states(connection: asyncpg.Connection) -> dict[TextState, int]:
    """How many contacts are how far with their words; reads an index of all of them."""
    counts = {TextState(row[0]): int(row[1]) for row in await connection.fetch(_BEHIND)}
    total = int(await connection.fetchval(_TOTAL))
    return dict.fromkeys(TextState, 0) | counts | {TextState.DONE: max(total - sum(counts.values()), 0)}


async def count_made_by_others(connection: asyncpg.Connection, analyser: str) -> int:
    """How many rows another analyser made; cheap where there are none."""
    return int(await connection.fetchval(_MADE_BY_OTHERS, analyser))


async def write_many(connection: asyncpg.Connection, rows: Sequence[Row]) -> list[bool]:
    """Write rows and that the contacts' words are searchable; True for each that was written, in order.

    Not written is what is no longer kept, and what was read from a part that another took the place of: whoever kept
    that one queued its job. The contacts are locked meanwhile, so that none is destroyed under its row.
    """
    by_id = {row.interaction_id: row for row in rows}
    ids = sorted(by_id)
    kept = {row["id"] for row in await connection.fetch(_LOCK, ids, str(State.KEPT))}
    parts: dict[UUID, set[UUID]] = {}
    for part in await connection.fetch(_PART_IDS, ids, _KINDS):
        parts.setdefault(part["interaction_id"], set()).add(part["id"])
    good = [by_id[one] for one in ids if one in kept and by_id[one].parts == frozenset(parts.get(one, ()))]
    if good:
        await _write(connection, good)
    written = {row.interaction_id for row in good}
    return [row.interaction_id in written for row in rows]


async def _write(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
    ids, companies = [row.interaction_id for row in rows], [row.company for row in rows]
    await connection.execute(
        _ROWS,
        ids,
        companies,
        [row.started_at for row in rows],
        [row.bucket for row in rows],
        [row.terms for row in rows],
        [row.analyser for row in rows],
        datetime.now(UTC),
    )
    await connection.execute(_TEXTS, ids, companies, [row.segments for row in rows], [row.sounds for row in rows])
    states = [str(TextState.DONE if row.reason is None else TextState.FAILED) for row in rows]
    await connection.execute(_STATES, ids, states, [row.reason for row in rows])


_READ = """
    SELECT i.id, i.company, i.started_at, i.channel, i.direction, i.queue, i.category, i.agent_id, i.agent_name,
           i.language, i.subject, k.key_id, k.wrapped
    FROM interactions i JOIN interaction_keys k ON k.interaction_id = i.id
    WHERE i.id = ANY($1::uuid[]) AND i.state = 'kept'
"""
_PARTS = "SELECT * FROM parts WHERE interaction_id = ANY($1::uuid[]) AND kind = ANY($2::text[]) ORDER BY id"
_WALK = """
    SELECT i.id, i.company, i.text_state, r.analyser AS made_by, r.indexed_at AS made_at,
           EXISTS (SELECT FROM parts p WHERE p.interaction_id = i.id AND p.kind = ANY($3::text[])) AS has_text,
           EXISTS (SELECT FROM search_texts t WHERE t.interaction_id = i.id) AS has_passages,
           COALESCE((r.company, r.started_at) = (i.company, i.started_at), TRUE) AS agrees
    FROM (SELECT id, company, started_at, text_state FROM interactions WHERE id > $1 AND state = 'kept'
          ORDER BY id LIMIT $2) i
    LEFT JOIN search_rows r ON r.interaction_id = i.id
    ORDER BY i.id
"""
_ASTRAY = """
    SELECT i.id AS interaction_id FROM interactions i
    WHERE i.state <> 'kept' AND (
        EXISTS (SELECT FROM search_rows r WHERE r.interaction_id = i.id)
        OR EXISTS (SELECT FROM search_texts t WHERE t.interaction_id = i.id)
    ) ORDER BY i.id LIMIT $1
"""
_BEHIND = """
    SELECT text_state, count(*) FROM interactions WHERE text_state <> 'done' AND state = 'kept' GROUP BY text_state
"""
_TOTAL = """
    SELECT (SELECT count(id) FROM interactions) - (SELECT count(id) FROM interactions WHERE state <> 'kept')
"""
_MADE_BY_OTHERS = """
    SELECT count(*) FROM companies c, LATERAL (
        SELECT FROM search_rows r WHERE r.company = c.code AND r.analyser < $1
        UNION ALL SELECT FROM search_rows r WHERE r.company = c.code AND r.analyser > $1) other
"""
# In the order of ids, like every lock on several contacts. The parts are read by a statement of their own: it sees what
# was committed while the locks were waited for.
_LOCK = "SELECT id FROM interactions WHERE id = ANY($1::uuid[]) AND state = $2 ORDER BY id FOR UPDATE"
_PART_IDS = "SELECT interaction_id, id FROM parts WHERE interaction_id = ANY($1::uuid[]) AND kind = ANY($2::text[])"
_ROWS = """
    INSERT INTO search_rows (interaction_id, company, started_at, bucket, terms, analyser, indexed_at)
    SELECT r.id, r.company, r.started_at, r.bucket, r.terms::tsvector, r.analyser, $7
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
         AS r (id, company, started_at, bucket, terms, analyser)
    ON CONFLICT (interaction_id) DO UPDATE SET
        company = excluded.company, started_at = excluded.started_at, bucket = excluded.bucket,
        terms = excluded.terms, analyser = excluded.analyser, indexed_at = excluded.indexed_at
"""
_TEXTS = """
    INSERT INTO search_texts (interaction_id, company, segments, sounds)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[])
    ON CONFLICT (interaction_id) DO UPDATE SET
        company = excluded.company, segments = excluded.segments, sounds = excluded.sounds
"""
# Changing the state writes every index of the contact's row anew, so it is left alone where it is right.
_STATES = """
    UPDATE interactions i SET text_state = r.state, text_reason = r.reason
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS r (id, state, reason)
    WHERE i.id = r.id AND (i.text_state, i.text_reason) IS DISTINCT FROM (r.state, r.reason)
"""
