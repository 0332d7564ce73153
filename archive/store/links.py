"""Statements over links between contacts and customers: candidates, making, ending, the inbox, the history.

Whether somebody may do it, and the trail's event about it, are the caller's. Every statement carries the company.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, RowMapping, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.customers import KeyKind, MatchKey
from archive.domain.interactions import State
from archive.domain.links import BY_HAND, Link, LinkCandidate, LinkChange, LinkEvent, LinkStatus, Match
from archive.store.tables import customers, interactions, link_events, links

MAX_MATCHES = 500
INBOX_LIMIT = 100

_MATCHES = """
    SELECT t.n, k.customer_number, k.kind
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS t(n, company, kind, value)
    CROSS JOIN LATERAL (
        SELECT customer_number, kind FROM customer_keys k
        WHERE k.company = t.company AND k.kind = t.kind AND k.value = t.value LIMIT $5) k
"""

# Which kept contacts carry a trace of these customers. Only what the customer's own parties gave counts.
_TRACED = text("""
    WITH k AS (SELECT kind, value FROM customer_keys WHERE company = :company AND customer_number = ANY(:numbers)),
    hit AS (
        SELECT p.interaction_id AS id FROM k JOIN parties p ON p.company = :company AND p.phone = k.value
         WHERE k.kind = 'phone' AND p.role = 'customer'
        UNION
        SELECT p.interaction_id FROM k JOIN parties p ON p.company = :company AND p.email = k.value
         WHERE k.kind = 'email' AND p.role = 'customer'
        UNION
        SELECT i.id FROM k JOIN interactions i ON i.company = :company AND i.given_customer_number = k.value
         WHERE k.kind = 'customer_number'
        UNION
        SELECT i.id FROM k JOIN interactions i ON i.company = :company AND i.given_metering_point = k.value
         WHERE k.kind = 'metering_point')
    SELECT id FROM hit WHERE (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :most
""").bindparams(bindparam("numbers", type_=ARRAY(Text)))

_MATCHES_OF = text("""
    SELECT p.interaction_id AS id, k.customer_number, k.kind FROM parties p
      JOIN customer_keys k ON k.company = :company
       AND ((k.kind = 'phone' AND k.value = p.phone) OR (k.kind = 'email' AND k.value = p.email))
     WHERE p.interaction_id = ANY(:ids) AND p.company = :company AND p.role = 'customer'
    UNION
    SELECT i.id, k.customer_number, k.kind FROM interactions i
      JOIN customer_keys k ON k.company = :company
       AND ((k.kind = 'customer_number' AND k.value = i.given_customer_number)
         OR (k.kind = 'metering_point' AND k.value = i.given_metering_point))
     WHERE i.id = ANY(:ids) AND i.company = :company
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A contact with unsure links: what is known of it, and whom it might belong to."""

    interaction_id: UUID
    company: str
    channel: str
    started_at: datetime
    queue: str | None
    suggestions: tuple[Link, ...]


async def matches(connection: asyncpg.Connection, asked: Sequence[tuple[str, Sequence[MatchKey]]]) -> list[list[Match]]:
    """For each company and its traces, which customers have one of them; one round trip, none without traces."""
    found: list[list[Match]] = [[] for _ in asked]
    flat = [(n, company, key.kind.value, key.value) for n, (company, traces) in enumerate(asked) for key in traces]
    if not flat:
        return found
    for row in await connection.fetch(_MATCHES, *map(list, zip(*flat, strict=True)), MAX_MATCHES):
        found[row["n"]].append(Match(customer_number=row["customer_number"], kind=KeyKind(row["kind"])))
    return found


def rows(candidates: Iterable[LinkCandidate], now: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of `links` and `link_events` for a new contact, without its id and company."""
    made, told = [], []
    for one in candidates:
        shared = {"customer_number": one.customer_number, "evidence": list(one.evidence)}
        made.append({**shared, "status": one.status.value, "made_at": now})
        told.append({**shared, "id": uuid7(), "at": now, "what": one.status.value})
    return made, told


async def of_interaction(tx: AsyncConnection, company: str, interaction_id: UUID) -> list[Link]:
    """Every link of a contact, whatever its status, the live ones first."""
    return (await _of_many(tx, company, [interaction_id]))[interaction_id]


async def history(tx: AsyncConnection, company: str, interaction_id: UUID) -> list[LinkEvent]:
    """What happened to a contact's links, oldest first."""
    found = await tx.execute(
        select(link_events)
        .where(link_events.c.interaction_id == interaction_id, link_events.c.company == company)
        .order_by(link_events.c.at, link_events.c.id)
    )
    return [
        LinkEvent(
            customer_number=row["customer_number"],
            at=row["at"],
            what=LinkChange(row["what"]),
            by=row["by"],
            evidence=tuple(row["evidence"]),
            reason=row["reason"],
        )
        for row in found.mappings()
    ]


async def lock_contact(tx: AsyncConnection, interaction_id: UUID, scope: frozenset[str] | None) -> str | None:
    """Take a kept contact for this transaction, so that decisions about its links come one after another.

    Returns its company; None when these companies have no such contact, or it is being destroyed.
    """
    wanted = select(interactions.c.company).where(
        interactions.c.id == interaction_id, interactions.c.state == State.KEPT
    )
    if scope is not None:
        wanted = wanted.where(interactions.c.company.in_(sorted(scope)))
    return await tx.scalar(wanted.with_for_update())


async def set_by_hand(
    tx: AsyncConnection,
    link: Link | None,
    change: LinkChange,
    *,
    interaction_id: UUID,
    company: str,
    customer_number: str,
    by: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Write what a person decided about a pair, and its history; `link` is the pair as it was read, if it was there."""
    ends = change in {LinkChange.REFUSED, LinkChange.UNDONE}
    status = LinkStatus(change.value) if ends else LinkStatus.LINKED
    evidence = [BY_HAND] if link is None or change is LinkChange.LINKED else list(link.evidence)
    values: dict[str, Any] = {
        "status": status,
        "by_hand": True,
        "ended_by": by if ends else None,
        "ended_at": now if ends else None,
        "reason": reason,
    }
    if not ends:
        values |= {"evidence": evidence, "made_by": by, "made_at": now}
    new = {"evidence": evidence, "made_by": by, "made_at": now, **values}
    await tx.execute(
        insert(links)
        .values(interaction_id=interaction_id, company=company, customer_number=customer_number, **new)
        .on_conflict_do_update(index_elements=["interaction_id", "customer_number"], set_=values)
    )
    event = {"interaction_id": interaction_id, "company": company, "customer_number": customer_number, "at": now}
    await tx.execute(
        insert(link_events).values(id=uuid7(), what=change, by=by, evidence=evidence, reason=reason, **event)
    )


async def traced(
    tx: AsyncConnection, company: str, numbers: Sequence[str], after: UUID | None, limit: int
) -> list[UUID]:
    """Contacts that carry a trace of these customers, in order of their ids, beginning after one."""
    told = {"company": company, "numbers": list(numbers), "after": after, "most": limit}
    return list(await tx.scalars(_TRACED, told))


async def lock_kept(tx: AsyncConnection, company: str, ids: Sequence[UUID]) -> list[UUID]:
    """Keep these contacts from being destroyed during the transaction; those that are going already are left out."""
    wanted = select(interactions.c.id).where(
        interactions.c.id.in_(ids), interactions.c.company == company, interactions.c.state == State.KEPT
    )
    return list(await tx.scalars(wanted.order_by(interactions.c.id).with_for_update(read=True, key_share=True)))


async def matches_of(tx: AsyncConnection, company: str, ids: Sequence[UUID]) -> dict[UUID, list[Match]]:
    """All that speaks for any customer of the company in each of these contacts."""
    found: defaultdict[UUID, list[Match]] = defaultdict(list)
    for row in await tx.execute(_MATCHES_OF, {"company": company, "ids": list(ids)}):
        found[row.id].append(Match(customer_number=row.customer_number, kind=KeyKind(row.kind)))
    return found


async def links_of(tx: AsyncConnection, company: str, ids: Sequence[UUID]) -> Mapping[UUID, list[Link]]:
    """The links of many contacts."""
    return await _of_many(tx, company, ids)


async def add(tx: AsyncConnection, company: str, lacking: Mapping[UUID, Sequence[LinkCandidate]], now: datetime) -> int:
    """Make what is lacking, unless a person has decided in the meantime; return how many were made."""
    made, told = [], []
    for interaction_id, candidates in lacking.items():
        new, events = rows(candidates, now)
        made += [{**row, "interaction_id": interaction_id, "company": company} for row in new]
        told += [{**row, "interaction_id": interaction_id, "company": company} for row in events]
    if not made:
        return 0
    statement = insert(links).values(made)
    done = await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["interaction_id", "customer_number"],
            set_={"status": statement.excluded.status, "evidence": statement.excluded.evidence},
            where=(links.c.status == LinkStatus.SUGGESTED) & (statement.excluded.status == LinkStatus.LINKED),
        ).returning(links.c.interaction_id, links.c.customer_number)
    )
    pairs = {(row.interaction_id, row.customer_number) for row in done}
    events = [row for row in told if (row["interaction_id"], row["customer_number"]) in pairs]
    if events:
        await tx.execute(insert(link_events), events)
    return len(pairs)


async def inbox(tx: AsyncConnection, companies: Sequence[str], *, limit: int = INBOX_LIMIT) -> list[InboxItem]:
    """Contacts with unsure links in these companies, the longest waiting first."""
    oldest = (
        select(links.c.interaction_id, func.min(links.c.made_at).label("since"))
        .where(links.c.status == LinkStatus.SUGGESTED, links.c.company.in_(companies))
        .group_by(links.c.interaction_id)
        .order_by("since", links.c.interaction_id)
        .limit(limit)
        .subquery()
    )
    found = await tx.execute(
        select(interactions, oldest.c.since)
        .join(oldest, oldest.c.interaction_id == interactions.c.id)
        .where(interactions.c.state == State.KEPT)
        .order_by(oldest.c.since, interactions.c.id)
    )
    contacts = found.mappings().all()
    by_company: defaultdict[str, list[UUID]] = defaultdict(list)
    for row in contacts:
        by_company[row["company"]].append(row["id"])
    kept: dict[UUID, list[Link]] = {}
    for company, ids in by_company.items():
        kept |= await _of_many(tx, company, ids)
    return [_item(row, kept[row["id"]]) for row in contacts]


async def unsure(tx: AsyncConnection, companies: Sequence[str]) -> int:
    """How many contacts of these companies wait for somebody to say whose they are."""
    wanted = select(func.count(links.c.interaction_id.distinct()))
    found = await tx.scalar(wanted.where(links.c.status == LinkStatus.SUGGESTED, links.c.company.in_(companies)))
    return int(found or 0)


async def unlinked(tx: AsyncConnection, companies: Sequence[str], since: datetime) -> int:
    """How many contacts received since then belong to nobody yet, not even by suggestion."""
    live = select(links.c.interaction_id).where(
        links.c.interaction_id == interactions.c.id, links.c.status.in_([LinkStatus.LINKED, LinkStatus.SUGGESTED])
    )
    wanted = select(func.count()).select_from(interactions)
    found = await tx.scalar(
        wanted.where(
            interactions.c.company.in_(companies),
            interactions.c.received_at >= since,
            interactions.c.state == State.KEPT,
            ~live.exists(),
        )
    )
    return int(found or 0)


async def _of_many(tx: AsyncConnection, company: str, ids: Sequence[UUID]) -> dict[UUID, list[Link]]:
    found: dict[UUID, list[Link]] = {interaction_id: [] for interaction_id in ids}
    name = (customers.c.company == links.c.company) & (customers.c.number == links.c.customer_number)
    rows_ = await tx.execute(
        select(links, customers.c.name.label("customer_name"))
        .join(customers, name, isouter=True)
        .where(links.c.interaction_id.in_(ids), links.c.company == company)
        .order_by(links.c.ended_at.nulls_first(), links.c.made_at, links.c.customer_number)
    )
    for row in rows_.mappings():
        found[row["interaction_id"]].append(_link(row))
    return found


def _link(row: RowMapping) -> Link:
    return Link(
        interaction_id=row["interaction_id"],
        company=row["company"],
        customer_number=row["customer_number"],
        customer_name=row["customer_name"],
        status=LinkStatus(row["status"]),
        evidence=tuple(row["evidence"]),
        by_hand=row["by_hand"],
        made_by=row["made_by"],
        made_at=row["made_at"],
        ended_by=row["ended_by"],
        ended_at=row["ended_at"],
        reason=row["reason"],
    )


def _item(row: RowMapping, kept: Iterable[Link]) -> InboxItem:
    return InboxItem(
        interaction_id=row["id"],
        company=row["company"],
        channel=row["channel"],
        started_at=row["started_at"],
        queue=row["queue"],
        suggestions=tuple(link for link in kept if link.status is LinkStatus.SUGGESTED),
    )
