"""Statements over interactions, their parts, parties and keys.

Depositing is one statement for all the rows of a contact, because it stands on the hottest path of the house. Links are
`archive.store.links`, holds `archive.store.holds`, destruction `archive.store.disposals`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    RowMapping,
    delete,
    insert,
    select,
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
from archive.domain.transcripts import TextState
from archive.store.arrays import within
from archive.store.tables import interaction_keys, interactions, parties, parts, tombstones


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
    return replace(found, facts=facts, parts=tuple(part_of(part) for part in bytes_kept.mappings()))


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


async def set_text(
    tx: AsyncConnection,
    interaction_id: UUID,
    state: TextState,
    *,
    reason: str | None = None,
    language: str | None = None,
) -> None:
    """Write how far the words of a contact have come; `reason` is a code; `language` is written where it is given."""
    values: dict[str, Any] = {"text_state": state, "text_reason": reason}
    if language is not None:
        values["language"] = language
    await tx.execute(update(interactions).where(interactions.c.id == interaction_id).values(values))


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
    return [part_of(row) for row in rows.mappings()]


PART_FIELDS = (
    "id", "kind", "media_type", "size_bytes", "sealed_size_bytes", "sha256", "sealed_sha256", "object_key",
    "version_id", "header", "created_at",
)  # fmt: skip


def _party(row: RowMapping) -> Party:
    return Party(role=row["role"], name=row["name"], phone=row["phone"], email=row["email"])


def part_of(row: Mapping[str, Any] | RowMapping) -> Part:
    """Read a row of `parts`."""
    values = {name: row[name] for name in (*PART_FIELDS, "interaction_id", "company")}
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
        text_state=TextState(row["text_state"]),
        text_reason=row["text_reason"],
        media=row["media"],
        receipt=row["receipt"],
    )
