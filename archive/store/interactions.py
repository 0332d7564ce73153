"""Statements over interactions, their parts, parties and keys.

Depositing is one statement for all the rows of a contact, because it stands on the hottest path of the house. Links are
`archive.store.links`, holds `archive.store.holds`, destruction `archive.store.disposals`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    delete,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.interactions import (
    Channel,
    DeriveState,
    Direction,
    Facts,
    Interaction,
    Part,
    Party,
    State,
)
from archive.store import jobs
from archive.store.tables import interaction_keys, interactions, parties, parts, tombstones

# Rows in the order of their unique key: two batches of the same pushes then wait for one another instead of locking up.
_DEPOSIT = """
    WITH kept AS (
        INSERT INTO interactions (
            id, company, channel, direction, started_at, ended_at, duration_s, source, external_id, call_id, queue,
            category, agent_id, agent_name, language, subject, channel_roles, given_customer_number,
            given_metering_point, attributes, received_at, retain_until, policy, receipt)
        SELECT r.id, r.company, r.channel, r.direction, r.started_at, r.ended_at, r.duration_s, r.source,
               r.external_id, r.call_id, r.queue, r.category, r.agent_id, r.agent_name, r.language, r.subject,
               r.channel_roles, r.given_customer_number, r.given_metering_point, r.attributes, r.received_at,
               r.retain_until, r.policy, r.receipt
        FROM jsonb_populate_recordset(NULL::interactions, $1::jsonb) AS r
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
    """All that is written of a new contact at once; the dicts are rows of the tables of the same name."""

    interaction: Interaction
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
    """Write a new contact with its key, parts, parties, links and trail event; False when its id is taken."""
    return bool(await deposit_many(await jobs.raw(tx), [new]))


async def deposit_many(connection: asyncpg.Connection, many: Sequence[Deposit]) -> set[UUID]:
    """Write new contacts, each whole, in one statement; the ids of those whose place was not taken."""
    rows = (
        [_interaction_row(new.interaction) for new in many],
        [_of(new, {"key_id": new.key_id, "wrapped": new.wrapped}) for new in many],
        [_of(new, _part_row(part)) for new in many for part in new.interaction.parts],
        [_of(new, _party_row(i, party)) for new in many for i, party in enumerate(new.interaction.facts.parties)],
        [_of(new, row) for new in many for row in new.links],
        [_of(new, row) for new in many for row in new.link_events],
        [_of(new, new.event) for new in many],
    )
    kept = await connection.fetch(_DEPOSIT, *(orjson.dumps(table).decode() for table in rows))
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
    LEFT JOIN parts p ON p.interaction_id = i.id AND p.kind = 'recording'
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


async def get(tx: AsyncConnection, interaction_id: UUID, companies: frozenset[str] | None) -> Interaction | None:
    """A contact with its parties and parts, if these companies have it and it is not being destroyed."""
    row = (
        (
            await tx.execute(
                select(interactions).where(
                    interactions.c.id == interaction_id,
                    interactions.c.state == State.KEPT,
                    within(interactions.c.company, companies),
                )
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    people = await tx.execute(
        select(parties).where(parties.c.interaction_id == interaction_id).order_by(parties.c.ordinal)
    )
    bytes_kept = await tx.execute(select(parts).where(parts.c.interaction_id == interaction_id).order_by(parts.c.id))
    found = _interaction(row)
    facts = replace(found.facts, parties=tuple(_party(person) for person in people.mappings()))
    return replace(found, facts=facts, parts=tuple(_part(part) for part in bytes_kept.mappings()))


async def is_tombstone(tx: AsyncConnection, interaction_id: UUID, companies: frozenset[str] | None) -> bool:
    """Whether one of these companies had this contact and destroyed it lawfully."""
    gone = await tx.scalar(
        select(tombstones.c.interaction_id).where(
            tombstones.c.interaction_id == interaction_id, within(tombstones.c.company, companies)
        )
    )
    if gone is not None:
        return True
    going = await tx.scalar(
        select(interactions.c.id).where(
            interactions.c.id == interaction_id,
            interactions.c.state == State.DESTROYING,
            within(interactions.c.company, companies),
        )
    )
    return going is not None


async def legs(tx: AsyncConnection, company: str, call_id: str) -> list[Interaction]:
    """Every leg of one transferred call, in order of their start; parties and parts are left out."""
    rows = await tx.execute(
        select(interactions)
        .where(interactions.c.company == company, interactions.c.call_id == call_id, interactions.c.state == State.KEPT)
        .order_by(interactions.c.started_at, interactions.c.id)
        .limit(50)
    )
    return [_interaction(row) for row in rows.mappings()]


async def wrapped_key(tx: AsyncConnection, interaction_id: UUID) -> tuple[str, bytes] | None:
    """The id of the wrapping key and the wrapped identity of a contact; None when it has been destroyed."""
    row = (
        await tx.execute(
            select(interaction_keys.c.key_id, interaction_keys.c.wrapped).where(
                interaction_keys.c.interaction_id == interaction_id
            )
        )
    ).one_or_none()
    return None if row is None else (row.key_id, bytes(row.wrapped))


async def lock(tx: AsyncConnection, interaction_id: UUID) -> State | None:
    """Take a contact's row for this transaction; its state, or None when there is none."""
    state = await tx.scalar(select(interactions.c.state).where(interactions.c.id == interaction_id).with_for_update())
    return None if state is None else State(state)


async def add_part(tx: AsyncConnection, part: Part) -> None:
    """Write a derivative's row; the contact must have been locked and found KEPT in this transaction."""
    await tx.execute(
        insert(parts).values(
            id=part.id,
            interaction_id=part.interaction_id,
            company=part.company,
            kind=part.kind,
            media_type=part.media_type,
            size_bytes=part.size_bytes,
            sealed_size_bytes=part.sealed_size_bytes,
            sha256=part.sha256,
            sealed_sha256=part.sealed_sha256,
            object_key=part.object_key,
            version_id=part.version_id,
            header=part.header,
            created_at=part.created_at,
        )
    )


async def remove_part(tx: AsyncConnection, part_id: UUID) -> None:
    """Forget a derivative that is being replaced."""
    await tx.execute(delete(parts).where(parts.c.id == part_id))


async def set_derived(
    tx: AsyncConnection, interaction_id: UUID, state: DeriveState, media: Mapping[str, Any] | None
) -> None:
    """Write what was read from the bytes, or that it could not be."""
    values: dict[str, Any] = {"derive_state": state}
    if media is not None:
        values["media"] = dict(media)
    await tx.execute(update(interactions).where(interactions.c.id == interaction_id).values(**values))


async def set_end(
    tx: AsyncConnection, interaction_id: UUID, *, duration_s: float, ended_at: datetime, retain_until: datetime | None
) -> None:
    """Write an end that was measured where the door had given none, and the date that follows from it."""
    await tx.execute(
        update(interactions)
        .where(interactions.c.id == interaction_id)
        .values(duration_s=duration_s, ended_at=ended_at, retain_until=retain_until)
    )


async def versions_known(tx: AsyncConnection, keys: Iterable[str]) -> dict[str, str]:
    """Of these object keys, those that belong to a part, with the version that does."""
    rows = await tx.execute(select(parts.c.object_key, parts.c.version_id).where(parts.c.object_key.in_(list(keys))))
    return {row.object_key: row.version_id for row in rows}


async def parts_by_key(tx: AsyncConnection, prefix: str, after: str | None = None, limit: int = 1000) -> list[Part]:
    """The parts whose objects lie under a prefix, in order of their keys as bytes, a batch at a time."""
    key = parts.c.object_key.collate("C")
    wanted = [key > (after or prefix), key < prefix + "\uffff"]
    rows = await tx.execute(select(parts).where(*wanted).order_by(key).limit(limit))
    return [_part(row) for row in rows.mappings()]


def within(column: ColumnElement[str], companies: frozenset[str] | None) -> ColumnElement[bool]:
    """The condition that a row belongs to one of these companies; None is every company."""
    return true() if companies is None else column.in_(sorted(companies))


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
        "receipt": interaction.receipt,
    }


def _part_row(part: Part) -> dict[str, Any]:
    return _jsonable({name: getattr(part, name) for name in _PART_FIELDS})


_PART_FIELDS = (
    "id", "kind", "media_type", "size_bytes", "sealed_size_bytes", "sha256", "sealed_sha256", "object_key",
    "version_id", "header", "created_at",
)  # fmt: skip


def _party_row(ordinal: int, party: Party) -> dict[str, Any]:
    return {"ordinal": ordinal, "role": party.role, "name": party.name, "phone": party.phone, "email": party.email}


def _party(row: RowMapping) -> Party:
    return Party(role=row["role"], name=row["name"], phone=row["phone"], email=row["email"])


def _part(row: RowMapping) -> Part:
    values = {name: row[name] for name in (*_PART_FIELDS, "interaction_id", "company")}
    for name in ("sha256", "sealed_sha256", "header"):
        values[name] = bytes(values[name])
    return Part(**values)


_FACT_FIELDS = (
    "company", "started_at", "ended_at", "source", "external_id", "duration_s", "call_id", "queue", "category",
    "agent_id", "agent_name", "language", "subject", "given_customer_number", "given_metering_point", "attributes",
)  # fmt: skip


def _interaction(row: RowMapping) -> Interaction:
    facts = Facts(
        **{name: row[name] for name in _FACT_FIELDS},
        channel=Channel(row["channel"]),
        direction=Direction(row["direction"]),
        channel_roles=tuple(row["channel_roles"]),
    )
    return Interaction(
        id=row["id"],
        facts=facts,
        state=State(row["state"]),
        received_at=row["received_at"],
        retain_until=row["retain_until"],
        policy=row["policy"],
        derive_state=DeriveState(row["derive_state"]),
        media=row["media"],
        receipt=row["receipt"],
    )
