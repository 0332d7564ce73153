"""One customer's contacts, newest first: the statement behind the timeline of the customer's page.

Searching is the wall `search`; this reads what is linked to one customer and nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.interactions import State
from archive.domain.links import LinkStatus
from archive.store.tables import hold_items, interactions, links


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contact on a customer's timeline."""

    id: UUID
    channel: str
    direction: str
    started_at: datetime
    duration_s: float | None
    agent_name: str | None
    queue: str | None
    category: str | None
    subject: str | None
    derive_state: str
    retain_until: datetime | None
    on_hold: bool


async def of_customer(
    tx: AsyncConnection,
    company: str,
    number: str,
    *,
    before: tuple[datetime, UUID] | None = None,
    held_only: bool = False,
    limit: int = 50,
) -> list[Entry]:
    """A page of the contacts that are linked to a customer; `before` is the last row of the page before."""
    c = interactions.c
    held = exists().where(hold_items.c.interaction_id == c.id, hold_items.c.released_at.is_(None))
    wanted: list[ColumnElement[bool]] = [
        links.c.company == company,
        links.c.customer_number == number,
        links.c.status == LinkStatus.LINKED,
        c.company == company,
        c.state == State.KEPT,
        true() if before is None else tuple_(c.started_at, c.id) < before,
    ]
    if held_only:
        wanted.append(held)
    shown = (
        *(c.id, c.channel, c.direction, c.started_at, c.duration_s, c.agent_name, c.queue, c.category, c.subject),
        *(c.derive_state, c.retain_until),
    )
    rows = await tx.execute(
        select(*shown, held.label("on_hold"))
        .join(links, links.c.interaction_id == c.id)
        .where(*wanted)
        .order_by(c.started_at.desc(), c.id.desc())
        .limit(limit)
    )
    return [Entry(**row) for row in rows.mappings()]
