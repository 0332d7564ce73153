"""Statements over the trail: write an event, seal what is settled, read a page, walk the chain.

Sealing takes no lock on the hot path: only events of transactions older than every running one are sealed, so that no
earlier event can still appear. There is one sealer at a time (an advisory lock).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    RowMapping,
    and_,
    any_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.trail import Mac, SealedEvent, TrailEvent, link
from archive.store.tables import trail_events, trail_head

_SEALER_LOCK = 0x7A11E5EA
BATCH = 2000
_INSERT = insert(trail_events)


def row_of(event: TrailEvent, mac: Mac) -> dict[str, Any]:
    """The columns of an event, its MAC made."""
    return {
        "id": event.id,
        "at": event.at,
        "companies": None if event.companies is None else list(event.companies),
        "actor_id": event.actor_id,
        "actor_name": event.actor_name,
        "role": event.role,
        "action": event.action,
        "interaction_id": event.interaction_id,
        "purpose": event.purpose,
        "detail": event.detail,
        "mac": mac(event.canonical()),
    }


async def record(tx: AsyncConnection, event: TrailEvent, mac: Mac) -> None:
    """Write one event into the caller's transaction."""
    await tx.execute(_INSERT, row_of(event, mac))


async def record_many(tx: AsyncConnection, events: list[TrailEvent], mac: Mac) -> None:
    """Write many events in one statement."""
    if events:
        await tx.execute(_INSERT, [row_of(event, mac) for event in events])


async def seal(tx: AsyncConnection, mac: Mac, now: datetime) -> tuple[int, list[UUID]]:
    """Seal the next settled events into the chain: how many, and those left out because their MAC is not ours.

    Fewer than `BATCH` means that all that could be sealed was.
    """
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(_SEALER_LOCK))):
        return 0, []
    last = (await tx.execute(select(trail_head))).one()
    settled: ColumnElement[int] = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    # A restored database counts its transactions anew: an event "from the future" is an old one.
    future: ColumnElement[int] = literal_column("pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    rows = await tx.execute(
        select(trail_events)
        .where(trail_events.c.seq.is_(None), or_(trail_events.c.xid < settled, trail_events.c.xid > future))
        .order_by(trail_events.c.xid, trail_events.c.id)
        .limit(BATCH)
    )
    events = [_sealed(row) for row in rows.mappings()]
    foreign = [one.event.id for one in events if mac(one.event.canonical()) != one.mac]
    seq, chain, sealed = last.seq, bytes(last.chain), []
    for one in events:
        if one.event.id not in foreign:
            seq, chain = seq + 1, link(mac, chain, one.mac)
            sealed.append({"event": one.event.id, "n": seq, "value": chain})
    if sealed:
        await tx.execute(
            update(trail_events)
            .where(trail_events.c.id == bindparam("event"))
            .values(seq=bindparam("n"), chain=bindparam("value")),
            sealed,
        )
        await tx.execute(update(trail_head).values(seq=seq, chain=chain, sealed_at=now))
    return len(sealed), foreign


async def head(tx: AsyncConnection) -> tuple[int, bytes, int]:
    """The last number, the last value of the chain, and the last number that was anchored outside."""
    row = (await tx.execute(select(trail_head))).one()
    return row.seq, bytes(row.chain), row.anchored_seq


async def anchored(tx: AsyncConnection, seq: int) -> None:
    """Remember up to which number the chain has been written outside the database."""
    await tx.execute(update(trail_head).values(anchored_seq=func.greatest(trail_head.c.anchored_seq, seq)))


async def chains_at(tx: AsyncConnection, numbers: Sequence[int]) -> dict[int, bytes]:
    """The values of the chain at these numbers; one at which there is no event is left out."""
    c = trail_events.c
    wanted = bindparam(None, list(numbers), type_=ARRAY(BigInteger), unique=True)
    rows = await tx.execute(select(c.seq, c.chain).where(c.seq == any_(wanted), c.chain.is_not(None)))
    return {row.seq: bytes(row.chain) for row in rows}


async def walk(tx: AsyncConnection, after_seq: int = 0) -> AsyncIterator[list[SealedEvent]]:
    """Every sealed event in order of its number, in batches."""
    while True:
        rows = await tx.execute(
            select(trail_events).where(trail_events.c.seq > after_seq).order_by(trail_events.c.seq).limit(BATCH)
        )
        batch = [_sealed(row) for row in rows.mappings()]
        if not batch:
            return
        yield batch
        after_seq = batch[-1].seq or 0


async def unsealed(tx: AsyncConnection) -> list[SealedEvent]:
    """The events that the sealer has not reached, oldest first (at most a batch)."""
    rows = await tx.execute(
        select(trail_events)
        .where(trail_events.c.seq.is_(None))
        .order_by(trail_events.c.xid, trail_events.c.id)
        .limit(BATCH)
    )
    return [_sealed(row) for row in rows.mappings()]


async def page(
    tx: AsyncConnection,
    companies: frozenset[str] | None,
    *,
    actor: str | None = None,
    action: str | None = None,
    interaction_id: UUID | None = None,
    customer: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[SealedEvent]:
    """A page of events, newest first, as far as the companies reach; `before` is the last row of the page before.

    `customer` is veiled, as the events carry it.
    """
    c = trail_events.c
    wanted: list[ColumnElement[bool]] = [visible(companies)]
    if actor:
        wanted.append(or_(c.actor_id == actor, c.actor_name == actor))
    if action:
        wanted.append(or_(c.action == action, c.action.startswith(action + ":", autoescape=True)))
    if interaction_id:
        wanted.append(c.interaction_id == interaction_id)
    if customer:
        wanted.append(c.detail["customer"].astext == customer)
    if since:
        wanted.append(c.at >= since)
    if until:
        wanted.append(c.at < until)
    if before:
        wanted.append(tuple_(c.at, c.id) < before)
    rows = await tx.execute(select(trail_events).where(and_(*wanted)).order_by(c.at.desc(), c.id.desc()).limit(limit))
    return [_sealed(row) for row in rows.mappings()]


def visible(companies: frozenset[str] | None) -> ColumnElement[bool]:
    """Which events an actor of these companies may know of: those wholly within them."""
    if companies is None:
        return true()
    within: ColumnElement[bool] = trail_events.c.companies.contained_by(sorted(companies))
    return within


def _sealed(row: RowMapping) -> SealedEvent:
    event = TrailEvent(
        id=row["id"],
        at=row["at"],
        companies=None if row["companies"] is None else tuple(row["companies"]),
        actor_id=row["actor_id"],
        actor_name=row["actor_name"],
        role=row["role"],
        action=row["action"],
        interaction_id=row["interaction_id"],
        purpose=row["purpose"],
        detail=row["detail"],
    )
    chain = row["chain"]
    return SealedEvent(
        event=event, mac=bytes(row["mac"]), seq=row["seq"], chain=None if chain is None else bytes(chain)
    )
