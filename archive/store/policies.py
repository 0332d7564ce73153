"""Statements over retention policies, and over the date and policy that each contact's row carries.

Which rule wins and what date it gives is `archive.domain.retention`; who may change a policy is `retention.rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, DateTime, Text, Uuid, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.retention import Period, Rule, Trigger
from archive.store.arrays import among
from archive.store.tables import companies, interactions, policies

_POLICIES_LOCK = 0x7A11E9C1


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule with who wrote it last (actor id) and when."""

    rule: Rule
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """Which contacts a change of policy may reach; None matches everything."""

    company: str | None
    channel: str | None
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What the date of a contact is made of, and the date and policy that its row has now."""

    id: UUID
    company: str
    channel: str
    category: str | None
    ended_at: datetime
    retain_until: datetime | None
    policy: str | None


async def share_rules(tx: AsyncConnection) -> None:
    """Let no policy change commit before this transaction ends; many may share."""
    await tx.execute(select(func.pg_advisory_xact_lock_shared(_POLICIES_LOCK)))


async def lock_rules(tx: AsyncConnection) -> None:
    """Be the only one who changes policies, after every transaction that shares them has ended."""
    await tx.execute(select(func.pg_advisory_xact_lock(_POLICIES_LOCK)))


async def all_policies(tx: AsyncConnection) -> list[Policy]:
    """Every policy of every company, by name and company: the whole set decides which one wins."""
    rows = await tx.execute(select(policies).order_by(policies.c.name, policies.c.company))
    return [_policy(row) for row in rows.mappings()]


async def rules(tx: AsyncConnection) -> list[Rule]:
    """Every rule, by name."""
    return [policy.rule for policy in await all_policies(tx)]


async def rules_on(connection: asyncpg.Connection) -> list[Rule]:
    """As `rules`, on the driver's own connection."""
    return [_rule(row) for row in await connection.fetch("SELECT * FROM policies ORDER BY name, company")]


async def put(tx: AsyncConnection, rule: Rule, *, written_by: str, written_at: datetime) -> None:
    """Write a policy, new or in place of the one that has its name in its company (or for every company)."""
    values = {
        "channel": rule.channel,
        "category": rule.category,
        "keep": str(rule.keep),
        "trigger": rule.trigger.value,
        "written_by": written_by,
        "written_at": written_at,
    }
    statement = insert(policies).values(name=rule.name, company=rule.company, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=[policies.c.name, policies.c.company], set_=values))


async def company_exists(tx: AsyncConnection, code: str) -> bool:
    """Whether there is a company of this code."""
    return await tx.scalar(select(companies.c.code).where(companies.c.code == code)) is not None


async def dated_batch(tx: AsyncConnection, selectors: Selectors, after: UUID | None, limit: int) -> list[Dated]:
    """The next kept contacts that the selectors match, in order of id, locked until the transaction ends.

    `after` is the last id of the batch before; None begins at the first.
    """
    c = interactions.c
    rows = await tx.execute(
        select(c.id, c.company, c.channel, c.category, c.ended_at, c.retain_until, c.policy)
        .where(c.state == "kept", true() if after is None else c.id > after, *_selected(selectors))
        .order_by(c.id)
        .limit(limit)
        .with_for_update()
    )
    return [Dated(**row) for row in rows.mappings()]


async def redate(tx: AsyncConnection, changed: Sequence[tuple[UUID, datetime | None, str | None]]) -> None:
    """Give contacts another date and policy, all in one statement."""
    if not changed:
        return
    ids, untils, names = zip(*changed, strict=True)
    arrays = func.unnest(
        bindparam("ids", list(ids), type_=ARRAY(Uuid)),
        bindparam("untils", list(untils), type_=ARRAY(DateTime(timezone=True))),
        bindparam("names", list(names), type_=ARRAY(Text)),
    )
    given = arrays.table_valued("id", "until", "name", name="given").render_derived()
    await tx.execute(
        update(interactions)
        .where(interactions.c.id == given.c.id)
        .values(retain_until=given.c.until, policy=given.c.name)
    )


async def dates_of(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """The dates that the rows of these contacts carry; those that are no longer kept are left out."""
    c = interactions.c
    rows = await tx.execute(select(c.id, c.retain_until).where(among(c.id, ids), c.state == "kept"))
    return {row.id: row.retain_until for row in rows}


def _selected(selectors: Selectors) -> list[ColumnElement[bool]]:
    c = interactions.c
    pairs = ((c.company, selectors.company), (c.channel, selectors.channel), (c.category, selectors.category))
    return [column == wanted for column, wanted in pairs if wanted is not None]


def _policy(row: RowMapping) -> Policy:
    return Policy(rule=_rule(row), written_by=row["written_by"], written_at=row["written_at"])


def _rule(row: RowMapping | asyncpg.Record) -> Rule:
    return Rule(
        name=row["name"],
        company=row["company"],
        channel=row["channel"],
        category=row["category"],
        keep=Period.parse(row["keep"]),
        trigger=Trigger(row["trigger"]),
    )
