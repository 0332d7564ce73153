"""Statements that compare what the trail tells with what the tables have, for `tallenne verify` and the sweep.

Each takes a batch and looks at one moment: what a row and its event are written in is one transaction, so a lawful
change can never be seen by half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, TableValuedAlias, Uuid, bindparam, column, exists, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.access import Action
from archive.domain.interactions import Part, PartKind
from archive.store.arrays import among
from archive.store.interactions import part_of
from archive.store.tables import hold_items, holds, interaction_keys, interactions, parts, tombstones, trail_events

_ORIGINALS = (PartKind.RECORDING.value, PartKind.MESSAGE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact's row, and whether what it cannot be without is there."""

    id: UUID
    has_original: bool
    has_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A contact under hold: since when, and whether its objects have been made to show it."""

    interaction_id: UUID
    since: datetime
    mirrored: bool


async def contacts(tx: AsyncConnection, after: UUID | None, limit: int = 2000) -> list[Contact]:
    """The next contacts of every company, in order of id."""
    c = interactions.c
    page = select(c.id).where(true() if after is None else c.id > after).order_by(c.id).limit(limit).subquery()
    original = exists().where(parts.c.interaction_id == page.c.id, parts.c.kind.in_(_ORIGINALS))
    key = exists().where(interaction_keys.c.interaction_id == page.c.id)
    rows = await tx.execute(select(page.c.id, original.label("original"), key.label("key")).order_by(page.c.id))
    return [Contact(id=row.id, has_original=row.original, has_key=row.key) for row in rows]


async def missing_among(tx: AsyncConnection, ids: Sequence[UUID]) -> list[UUID]:
    """Of contacts that were kept, those that have no row though no event tells of their destruction."""
    given = _given(ids)
    rows = await tx.execute(
        select(given.c.id)
        .where(
            ~exists().where(interactions.c.id == given.c.id),
            ~_told(given.c.id, Action.INTERACTION_DESTROYED),
        )
        .order_by(given.c.id)
    )
    return [row.id for row in rows]


async def without_tombstone(tx: AsyncConnection, ids: Sequence[UUID]) -> list[UUID]:
    """Of contacts that were destroyed, those that left no tombstone, so that they could be kept anew."""
    given = _given(ids)
    rows = await tx.execute(
        select(given.c.id).where(~exists().where(tombstones.c.interaction_id == given.c.id)).order_by(given.c.id)
    )
    return [row.id for row in rows]


async def lost_among(tx: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Of any ids, the contacts that by the trail were kept and never destroyed, and lack the row of what was pushed."""
    given = _given(ids)
    rows = await tx.execute(
        select(given.c.id).where(
            _told(given.c.id, Action.RECORDING_KEPT, Action.CHAT_KEPT),
            ~_told(given.c.id, Action.INTERACTION_DESTROYED),
            ~exists().where(parts.c.interaction_id == given.c.id, parts.c.kind.in_(_ORIGINALS)),
        )
    )
    return {row.id for row in rows}


def _given(ids: Sequence[UUID]) -> TableValuedAlias:
    array = func.unnest(bindparam(None, list(ids), type_=ARRAY(Uuid), unique=True))
    return array.table_valued(column("id", Uuid), name="given").render_derived()


def _told(contact: ColumnElement[UUID], *actions: Action) -> ColumnElement[bool]:
    """Whether an event of one of these kinds about a contact is on the trail."""
    c = trail_events.c
    return exists().where(c.interaction_id == contact, c.action.in_([action.value for action in actions]))


_ENDED = text(
    """
    SELECT given.hold, given.contact FROM unnest(:holds, :contacts) AS given (hold, contact)
    WHERE NOT EXISTS (
        SELECT FROM hold_items i JOIN holds h ON h.id = i.hold_id
        WHERE i.hold_id = given.hold AND i.interaction_id = given.contact
            AND i.released_at IS NULL AND h.released_at IS NULL)
    AND NOT EXISTS (
        SELECT FROM trail_events e
        WHERE e.interaction_id = given.contact AND e.action = :released AND e.detail ->> 'hold' = given.hold::text)
    ORDER BY given.hold, given.contact
    """
).bindparams(bindparam("holds", type_=ARRAY(Uuid)), bindparam("contacts", type_=ARRAY(Uuid)))


async def ended_untold(tx: AsyncConnection, placed: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Of holds on contacts (hold, contact) that were placed, those no longer in force though no event released them."""
    values = {
        "holds": [hold for hold, _ in placed],
        "contacts": [contact for _, contact in placed],
        "released": Action.HOLD_RELEASED.value,
    }
    return [(row.hold, row.contact) for row in await tx.execute(_ENDED, values)]


async def held_contacts(tx: AsyncConnection, after: UUID | None, limit: int = 500) -> list[Held]:
    """The next contacts under hold, in order of id."""
    c = hold_items.c
    rows = await tx.execute(
        select(c.interaction_id, func.min(holds.c.placed_at).label("since"), func.bool_or(c.mirrored).label("mirrored"))
        .join(holds, holds.c.id == c.hold_id)
        .where(c.released_at.is_(None), true() if after is None else c.interaction_id > after)
        .group_by(c.interaction_id)
        .order_by(c.interaction_id)
        .limit(limit)
    )
    return [Held(interaction_id=row.interaction_id, since=row.since, mirrored=row.mirrored) for row in rows]


async def parts_of(tx: AsyncConnection, ids: Sequence[UUID]) -> list[Part]:
    """Every part of these contacts."""
    rows = await tx.execute(select(parts).where(among(parts.c.interaction_id, ids)).order_by(parts.c.object_key))
    return [part_of(row) for row in rows.mappings()]
