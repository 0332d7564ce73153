"""Statements that destroy: the marks, the rows that go, the tombstones that stay, and looking for what is left.

Every function takes a batch, so that no transaction is long and none waits for the object store. Objects in the bucket
are not touched here; the runs themselves are `archive.store.disposals`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.store.arrays import among, within
from archive.store.disposals import Due, due_columns, due_of
from archive.store.tables import (
    disposal_items,
    interaction_keys,
    interactions,
    metadata,
    parts,
    search_rows,
    search_texts,
    tombstones,
)

# What names a contact but is proof rather than content, and stays.
PROOF = frozenset({"trail_events", "hold_items", "disposal_items", "tombstones"})
# Every other table with a contact's id in it loses its rows, so a table added later cannot be forgotten. Children come
# first, so that no foreign key is in the way.
CONTENT = tuple(
    table for table in reversed(metadata.sorted_tables) if "interaction_id" in table.c and table.name not in PROOF
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A contact as it was decided upon: the policy's name, its rule in words (P24M) and the date."""

    interaction_id: UUID
    company: str
    policy: str
    rule: str
    retain_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A contact of a disposal, as it was marked: the rule in words, and the digests of its parts."""

    interaction_id: UUID
    company: str
    status: str
    policy: str
    rule: str
    retain_until: datetime
    digests: Sequence[Mapping[str, Any]]
    destroyed_at: datetime | None


_ITEM = tuple(field.name for field in fields(Item))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grave:
    """What stays of a destroyed contact: a keyed hash of what it was called, and the id it had."""

    identity_hash: bytes
    interaction_id: UUID
    company: str


def identity_hash(keyed_hash: Callable[[str, str], bytes], company: str, source: str, external_id: str) -> bytes:
    """What a tombstone remembers of a contact's name: a keyed hash, so that a later push of it is recognised."""
    return keyed_hash("identity", f"{company}\0{source}\0{external_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where one part of a contact lies in the bucket."""

    interaction_id: UUID
    object_key: str
    version_id: str


async def objects_of(tx: AsyncConnection, ids: Sequence[UUID]) -> list[Kept]:
    """Where the parts of contacts lie."""
    c = parts.c
    rows = await tx.execute(
        select(c.interaction_id, c.object_key, c.version_id).where(among(c.interaction_id, ids)).order_by(c.object_key)
    )
    return [Kept(**row) for row in rows.mappings()]


async def lock_due(tx: AsyncConnection, ids: Sequence[UUID]) -> list[Due]:
    """The same contacts as they are now, their rows locked in order of id; those without a date are left out."""
    c = interactions.c
    rows = await tx.execute(
        due_columns().where(among(c.id, ids), c.retain_until.is_not(None)).order_by(c.id).with_for_update()
    )
    return [due_of(row) for row in rows]


async def any_destroyed(tx: AsyncConnection, companies: frozenset[str] | None, ids: Sequence[UUID]) -> bool:
    """Whether one of these companies' contacts among the ids was destroyed."""
    c = tombstones.c
    found = await tx.scalar(
        select(c.interaction_id).where(among(c.interaction_id, ids), within(c.company, companies)).limit(1)
    )
    return found is not None


async def earlier(tx: AsyncConnection, disposal_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Judged]:
    """How marked contacts were judged before, for those that are this disposal's to destroy.

    They are where it marked them itself, or where one failed to destroy them and no other disposal has them marked now.
    The rows of the contacts are locked, so no two disposals take the same.
    """
    c, other = disposal_items.c, disposal_items.alias("other")
    elsewhere = exists().where(
        other.c.interaction_id == c.interaction_id, other.c.status == "marked", other.c.disposal_id != disposal_id
    )
    rows = await tx.execute(
        select(c.interaction_id, c.company, c.policy, c.rule, c.retain_until)
        .where(
            among(c.interaction_id, ids),
            or_(c.status == "failed", and_(c.status == "marked", c.disposal_id == disposal_id)),
            ~elsewhere,
        )
        .order_by(c.disposal_id)
    )
    return {row["interaction_id"]: Judged(**row) for row in rows.mappings()}


async def mark(tx: AsyncConnection, disposal_id: UUID, doomed: Sequence[Judged]) -> None:
    """Mark contacts whose rows this transaction has locked for destruction. From here on there is no way back.

    Their words leave the index at once, and what snippets are cut from: searching counts on every row being of a
    contact that is kept, and nothing that was said is left to read while the bytes wait to be destroyed.
    """
    if not doomed:
        return
    ids = [one.interaction_id for one in doomed]
    await tx.execute(update(interactions).where(among(interactions.c.id, ids)).values(state="destroying"))
    for words in (search_rows, search_texts):
        await tx.execute(delete(words).where(among(words.c.interaction_id, ids)))
    await _write_items(tx, disposal_id, doomed, "marked")


async def note_held(tx: AsyncConnection, disposal_id: UUID, held: Sequence[Judged]) -> None:
    """Write down which contacts were due but held."""
    await _write_items(tx, disposal_id, held, "held")


async def items_with(tx: AsyncConnection, disposal_id: UUID, status: str, after: UUID | None, limit: int) -> list[Item]:
    """The next contacts of a disposal with a status, in order of id."""
    later = true() if after is None else disposal_items.c.interaction_id > after
    return await _items(tx, disposal_id, status, later, limit)


async def marked_among(tx: AsyncConnection, disposal_id: UUID, ids: Sequence[UUID]) -> list[Item]:
    """Those of the contacts that this disposal has marked."""
    return await _items(tx, disposal_id, "marked", among(disposal_items.c.interaction_id, ids), len(ids))


async def _items(
    tx: AsyncConnection, disposal_id: UUID, status: str, wanted: ColumnElement[bool], limit: int
) -> list[Item]:
    c = disposal_items.c
    rows = await tx.execute(
        select(*(c[name] for name in _ITEM))
        .where(c.disposal_id == disposal_id, c.status == status, wanted)
        .order_by(c.interaction_id)
        .limit(limit)
    )
    return [Item(**dict(zip(_ITEM, row, strict=True))) for row in rows]


async def count_items(tx: AsyncConnection, disposal_id: UUID) -> dict[str, int]:
    """How many contacts of a disposal have each status."""
    c = disposal_items.c
    rows = await tx.execute(
        select(c.status, func.count().label("n")).where(c.disposal_id == disposal_id).group_by(c.status)
    )
    return {row.status: row.n for row in rows}


_AT_WORK = text(
    """
    SELECT DISTINCT i.interaction_id
    FROM pgqueuer q
    JOIN disposal_items i ON i.interaction_id::text = convert_from(q.payload, 'UTF8')::jsonb ->> 'interaction'
    WHERE i.disposal_id = :disposal_id AND i.status = 'destroyed'
    """
).bindparams(bindparam("disposal_id", type_=Uuid))


async def at_work(tx: AsyncConnection, disposal_id: UUID) -> set[UUID]:
    """The destroyed contacts of a disposal for which a job is still queued or running."""
    return set(await tx.scalars(_AT_WORK, {"disposal_id": disposal_id}))


async def names_of(tx: AsyncConnection, ids: Sequence[UUID]) -> list[tuple[UUID, str, str, str]]:
    """What marked contacts are called: id, company, source and external id. Those already gone are left out."""
    c = interactions.c
    rows = await tx.execute(
        select(c.id, c.company, c.source, c.external_id)
        .where(among(c.id, ids), c.state == "destroying")
        .order_by(c.id)  # every lock on several contacts is taken in this order
        .with_for_update()
    )
    return [(row.id, row.company, row.source, row.external_id) for row in rows]


async def bury(
    tx: AsyncConnection,
    disposal_id: UUID,
    graves: Sequence[Grave],
    *,
    now: datetime,
) -> None:
    """Remove every row of contacts whose objects are gone, leave tombstones, and call them destroyed."""
    if not graves:
        return
    ids = [grave.interaction_id for grave in graves]
    for table in CONTENT:
        await tx.execute(delete(table).where(among(table.c.interaction_id, ids)))
    await tx.execute(delete(interactions).where(among(interactions.c.id, ids)))
    stones = [
        {
            "identity_hash": grave.identity_hash,
            "interaction_id": grave.interaction_id,
            "company": grave.company,
            "disposal_id": disposal_id,
            "destroyed_at": now,
        }
        for grave in graves
    ]
    await tx.execute(insert(tombstones), stones)
    c = disposal_items.c
    await tx.execute(
        update(disposal_items)
        .where(c.disposal_id == disposal_id, among(c.interaction_id, ids))
        .values(status="destroyed", destroyed_at=now, failure=None)
    )


async def fail(tx: AsyncConnection, disposal_id: UUID, ids: Sequence[UUID], failure: str) -> None:
    """Write down that contacts could not be destroyed now; they stay marked in their own row, so the next run tries."""
    c = disposal_items.c
    await tx.execute(
        update(disposal_items)
        .where(c.disposal_id == disposal_id, among(c.interaction_id, ids), c.status == "marked")
        .values(status="failed", failure=failure)
    )


async def fail_destroyed(tx: AsyncConnection, disposal_id: UUID, found: Mapping[UUID, Mapping[str, int]]) -> None:
    """Write down of contacts whose rows are gone that something of them was still there at the end, and how much."""
    c = disposal_items.c
    for contact, checks in found.items():
        await tx.execute(
            update(disposal_items)
            .where(c.disposal_id == disposal_id, c.interaction_id == contact, c.status == "destroyed")
            .values(status="failed", failure="found-at-the-end", checks=dict(checks))
        )


async def settle(tx: AsyncConnection, disposal_id: UUID, ids: Sequence[UUID]) -> None:
    """Write down how contacts ended that were marked and that this disposal did not find any more when it buried them.

    With a tombstone they were destroyed by another disposal, whose certificate has them; without one they failed.
    """
    c = disposal_items.c
    buried = exists().where(tombstones.c.interaction_id == c.interaction_id)
    await tx.execute(
        update(disposal_items)
        .where(c.disposal_id == disposal_id, among(c.interaction_id, ids), c.status == "marked")
        .values(
            status=case((buried, "destroyed-elsewhere"), else_="failed"),
            failure=case((buried, None), else_="row-missing"),
        )
    )


async def look(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[str, dict[UUID, int]]:
    """Look for what is left of contacts: wrapped keys, and rows in any other table with content, by contact."""
    left: dict[str, Counter[UUID]] = {"wrapped_keys": Counter(), "rows": Counter()}
    for table, column in ((interactions, interactions.c.id), *((one, one.c.interaction_id) for one in CONTENT)):
        rows = await tx.execute(select(column, func.count()).where(among(column, ids)).group_by(column))
        kind = "wrapped_keys" if table is interaction_keys else "rows"
        left[kind].update({row[0]: row[1] for row in rows})
    return {kind: dict(counts) for kind, counts in left.items()}


# The digests are gathered by the database: they need not travel for being written down. Where the objects lie is kept
# with them to finish after an interruption; it does not go into the certificate. An outcome that is final, or a mark,
# is never taken back.
_WRITE_ITEMS = text(
    """
    INSERT INTO disposal_items (disposal_id, interaction_id, company, status, policy, rule, retain_until, digests)
    SELECT :disposal_id, j.contact, j.company, :status, j.policy, j.rule, j.until, COALESCE(
        (SELECT jsonb_agg(jsonb_build_object(
            'part', p.id, 'kind', p.kind, 'size_bytes', p.size_bytes, 'sha256', encode(p.sha256, 'hex'),
            'sealed_sha256', encode(p.sealed_sha256, 'hex'), 'object_key', p.object_key, 'version_id', p.version_id)
            ORDER BY p.id)
         FROM parts p WHERE p.interaction_id = j.contact), '[]'::jsonb)
    FROM unnest(:contacts, :companies, :policies, :rules, :untils) AS j (contact, company, policy, rule, until)
    ON CONFLICT (disposal_id, interaction_id) DO UPDATE SET status = excluded.status, digests = excluded.digests
    WHERE disposal_items.status IN ('held', 'failed')
    """
).bindparams(
    bindparam("disposal_id", type_=Uuid),
    bindparam("status", type_=Text),
    bindparam("contacts", type_=ARRAY(Uuid)),
    bindparam("companies", type_=ARRAY(Text)),
    bindparam("policies", type_=ARRAY(Text)),
    bindparam("rules", type_=ARRAY(Text)),
    bindparam("untils", type_=ARRAY(DateTime(timezone=True))),
)


async def _write_items(tx: AsyncConnection, disposal_id: UUID, judged: Sequence[Judged], status: str) -> None:
    if not judged:
        return
    columns = {
        "contacts": [one.interaction_id for one in judged],
        "companies": [one.company for one in judged],
        "policies": [one.policy for one in judged],
        "rules": [one.rule for one in judged],
        "untils": [one.retain_until for one in judged],
    }
    await tx.execute(_WRITE_ITEMS, {"disposal_id": disposal_id, "status": status, **columns})
