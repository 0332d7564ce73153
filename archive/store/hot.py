"""Statements of the two hottest paths, on the driver's own connection: letting contacts in, and opening recordings.

Each does for many callers at once (`archive.store.together`) or in one round trip what would be a dozen. Everything
else about interactions is `archive.store.interactions`. Why and how much: docs/decisions/022-pushes-together.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.interactions import Interaction, Part, Party, State
from archive.store import jobs
from archive.store.interactions import PART_FIELDS, part_of

# Rows in the order of their unique key: two batches of the same pushes then wait for one another instead of locking up.
# A name that was destroyed after it was looked for stays destroyed. Its tombstone is written in the transaction that
# removes its row, so this statement sees one of the two; where it still sees the row, it does not wait for its place.
_DEPOSIT = """
    WITH kept AS (
        INSERT INTO interactions (
            id, company, channel, direction, started_at, ended_at, duration_s, source, external_id, call_id, queue,
            category, agent_id, agent_name, language, subject, channel_roles, given_customer_number,
            given_metering_point, attributes, received_at, retain_until, policy, derive_state, receipt)
        SELECT r.id, r.company, r.channel, r.direction, r.started_at, r.ended_at, r.duration_s, r.source,
               r.external_id, r.call_id, r.queue, r.category, r.agent_id, r.agent_name, r.language, r.subject,
               r.channel_roles, r.given_customer_number, r.given_metering_point, r.attributes, r.received_at,
               r.retain_until, r.policy, r.derive_state, r.receipt
        FROM jsonb_populate_recordset(NULL::interactions, $1::jsonb) AS r
        JOIN unnest($8::uuid[], $9::bytea[]) AS named (id, identity_hash) ON named.id = r.id
        WHERE NOT EXISTS (SELECT FROM tombstones t WHERE t.identity_hash = named.identity_hash)
          AND NOT EXISTS (SELECT FROM interactions i
                          WHERE (i.company, i.source, i.external_id) = (r.company, r.source, r.external_id))
        ORDER BY r.company, r.source, r.external_id
        ON CONFLICT (company, source, external_id) DO NOTHING
        RETURNING id, company),
    key AS (
        INSERT INTO interaction_keys (interaction_id, company, key_id, wrapped)
        SELECT kept.id, kept.company, k.key_id, k.wrapped
        FROM kept JOIN jsonb_populate_recordset(NULL::interaction_keys, $2::jsonb) AS k ON k.interaction_id = kept.id),
    part AS (
        INSERT INTO parts (id, interaction_id, company, kind, media_type, size_bytes, sealed_size_bytes, sha256,
                           sealed_sha256, object_key, version_id, header, created_at)
        SELECT p.id, kept.id, kept.company, p.kind, p.media_type, p.size_bytes, p.sealed_size_bytes, p.sha256,
               p.sealed_sha256, p.object_key, p.version_id, p.header, p.created_at
        FROM kept JOIN jsonb_populate_recordset(NULL::parts, $3::jsonb) AS p ON p.interaction_id = kept.id),
    party AS (
        INSERT INTO parties (interaction_id, ordinal, company, role, name, phone, email)
        SELECT kept.id, p.ordinal, kept.company, p.role, p.name, p.phone, p.email
        FROM kept JOIN jsonb_populate_recordset(NULL::parties, $4::jsonb) AS p ON p.interaction_id = kept.id),
    link AS (
        INSERT INTO links (interaction_id, company, customer_number, status, evidence, made_at)
        SELECT kept.id, kept.company, l.customer_number, l.status, l.evidence, l.made_at
        FROM kept JOIN jsonb_populate_recordset(NULL::links, $5::jsonb) AS l ON l.interaction_id = kept.id),
    link_event AS (
        INSERT INTO link_events (id, interaction_id, company, customer_number, at, what, evidence)
        SELECT e.id, kept.id, kept.company, e.customer_number, e.at, e.what, e.evidence
        FROM kept JOIN jsonb_populate_recordset(NULL::link_events, $6::jsonb) AS e ON e.interaction_id = kept.id),
    event AS (
        INSERT INTO trail_events (id, at, companies, actor_id, actor_name, role, action, interaction_id, purpose,
                                  detail, mac)
        SELECT t.id, t.at, t.companies, t.actor_id, t.actor_name, t.role, t.action, t.interaction_id, t.purpose,
               t.detail, t.mac
        FROM kept JOIN jsonb_populate_recordset(NULL::trail_events, $7::jsonb) AS t ON t.interaction_id = kept.id)
    SELECT id FROM kept
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """All that is written of a new contact at once; the dicts are rows of the tables of the same name.

    `identity_hash` is the keyed hash of its name, by which a tombstone would know it (see `Name`).
    """

    interaction: Interaction
    identity_hash: bytes
    key_id: str
    wrapped: bytes
    links: Sequence[Mapping[str, Any]]
    link_events: Sequence[Mapping[str, Any]]
    event: Mapping[str, Any]


class Name(NamedTuple):
    """What a push is known by: its company, the source and the source's id, and the keyed hash of the three."""

    company: str
    source: str
    external_id: str
    identity_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is already kept, or was destroyed, under a source's id."""

    interaction_id: UUID
    state: State
    sha256: bytes | None
    receipt: dict[str, Any]


async def deposit(tx: AsyncConnection, new: Deposit) -> bool:
    """Write a new contact with all that belongs to it; False when its name is taken or was destroyed."""
    return bool(await deposit_many(await jobs.raw(tx), [new]))


async def deposit_many(connection: asyncpg.Connection, many: Sequence[Deposit]) -> set[UUID]:
    """Write new contacts, each whole, in one statement; the ids of those whose name was neither taken nor destroyed."""
    rows = (
        [_interaction_row(new.interaction) for new in many],
        [_of(new, {"key_id": new.key_id, "wrapped": new.wrapped}) for new in many],
        [_of(new, _part_row(part)) for new in many for part in new.interaction.parts],
        [_of(new, _party_row(i, party)) for new in many for i, party in enumerate(new.interaction.facts.parties)],
        [_of(new, row) for new in many for row in new.links],
        [_of(new, row) for new in many for row in new.link_events],
        [_of(new, new.event) for new in many],
    )
    ids, hashes = [new.interaction.id for new in many], [new.identity_hash for new in many]
    kept = await connection.fetch(_DEPOSIT, *(orjson.dumps(table).decode() for table in rows), ids, hashes)
    return {row["id"] for row in kept}


def _of(new: Deposit, row: Mapping[str, Any]) -> dict[str, Any]:
    return _jsonable({**row, "interaction_id": new.interaction.id})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look for a name found; `has_company`: whether its company exists."""

    known: Known | None
    has_company: bool


async def known(tx: AsyncConnection, name: Name) -> Known | None:
    """What the company already has, or lawfully destroyed, under the source's id."""
    return (await known_many(await jobs.raw(tx), [name]))[0].known


async def known_many(connection: asyncpg.Connection, names: Sequence[Name]) -> list[Found]:
    """What is already kept, or was destroyed, under each of these names; one round trip."""
    return [_found(row) for row in await connection.fetch(_KNOWN, *map(list, zip(*names, strict=True)))]


_KNOWN = """
    SELECT i.id, i.state, p.sha256, i.receipt, t.interaction_id AS gone,
           EXISTS (SELECT FROM companies c WHERE c.code = a.company) AS has_company
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
         AS a(company, source, external_id, identity_hash, n)
    LEFT JOIN interactions i USING (company, source, external_id)
    LEFT JOIN parts p ON p.interaction_id = i.id AND p.kind IN ('recording', 'message')
    LEFT JOIN tombstones t USING (identity_hash)
    ORDER BY a.n
"""


def _found(row: asyncpg.Record) -> Found:
    known = None
    if row["id"] is not None:
        # The pool's connections read jsonb themselves (SQLAlchemy sets that up).
        known = Known(interaction_id=row["id"], state=State(row["state"]), sha256=row["sha256"], receipt=row["receipt"])
    elif row["gone"] is not None:
        known = Known(interaction_id=row["gone"], state=State.DESTROYED, sha256=None, receipt={})
    return Found(known=known, has_company=row["has_company"])


def _jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON that jsonb_populate_record reads back: bytes as PostgreSQL's hex, the rest as orjson writes it."""
    return {key: "\\x" + value.hex() if isinstance(value, bytes) else value for key, value in row.items()}


def _interaction_row(interaction: Interaction) -> dict[str, Any]:
    facts = interaction.facts
    return {
        "id": interaction.id,
        "company": facts.company,
        "channel": facts.channel,
        "direction": facts.direction,
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "duration_s": facts.duration_s,
        "source": facts.source,
        "external_id": facts.external_id,
        "call_id": facts.call_id,
        "queue": facts.queue,
        "category": facts.category,
        "agent_id": facts.agent_id,
        "agent_name": facts.agent_name,
        "language": facts.language,
        "subject": facts.subject,
        "channel_roles": list(facts.channel_roles),
        "given_customer_number": facts.given_customer_number,
        "given_metering_point": facts.given_metering_point,
        "attributes": facts.attributes,
        "received_at": interaction.received_at,
        "retain_until": interaction.retain_until,
        "policy": interaction.policy,
        "derive_state": interaction.derive_state,
        "receipt": interaction.receipt,
    }


def _part_row(part: Part) -> dict[str, Any]:
    return _jsonable({name: getattr(part, name) for name in PART_FIELDS})


def _party_row(ordinal: int, party: Party) -> dict[str, Any]:
    return {"ordinal": ordinal, "role": party.role, "name": party.name, "phone": party.phone, "email": party.email}


_OPENABLE = """
    SELECT p.*, k.key_id, k.wrapped
    FROM interactions i
    JOIN interaction_keys k ON k.interaction_id = i.id
    JOIN parts p ON p.interaction_id = i.id AND p.kind = $3
    WHERE i.id = $1 AND i.state = 'kept' AND ($2::text[] IS NULL OR i.company = ANY ($2::text[]))
    LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openable:
    """A part and the wrapped identity that opens it."""

    part: Part
    key_id: str
    wrapped: bytes


async def openable(
    connection: asyncpg.Connection, interaction_id: UUID, companies: frozenset[str] | None, kind: str
) -> Openable | None:
    """The part of this kind of a kept contact of these companies, with its wrapped identity; one round trip."""
    scope = None if companies is None else sorted(companies)
    row = await connection.fetchrow(_OPENABLE, interaction_id, scope, kind)
    return None if row is None else Openable(part=part_of(row), key_id=row["key_id"], wrapped=row["wrapped"])


_EVENTS = """
    INSERT INTO trail_events (id, at, companies, actor_id, actor_name, role, action, interaction_id, purpose,
                              detail, mac)
    SELECT id, at, companies, actor_id, actor_name, role, action, interaction_id, purpose, detail, mac
    FROM jsonb_populate_recordset(NULL::trail_events, $1::jsonb)
"""


async def record_all(connection: asyncpg.Connection, rows: Sequence[Mapping[str, Any]]) -> list[None]:
    """Write trail events (rows of `archive.store.trail.row_of`) in one statement."""
    await connection.execute(_EVENTS, orjson.dumps([_jsonable(row) for row in rows]).decode())
    return [None] * len(rows)
