"""The one place with search SQL: a page of hits, their total up to a cap, newest first.

For each company of the actor the newest hits are taken from an index in order, and the lists are merged: a page costs
the same wherever it is in the list and however many companies there are. Filters as conditions are
`archive.store.selection`; nothing leaves here but values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    and_,
    func,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.selectable import LateralFromClause

from archive.domain.filters import Filters
from archive.store.selection import LINKED, agent_conditions, conditions
from archive.store.tables import companies, customers, hold_items, interactions, links
from search.cursor import Place, Total

TOTAL_CAP = 1_000
_C = interactions.c
_SHOWN = (
    _C.id, _C.channel, _C.company, _C.direction, _C.started_at, _C.duration_s, _C.agent_id, _C.agent_name, _C.queue,
    _C.category, _C.subject, _C.derive_state,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One contact as a list shows it; `customer_number` is of one linked customer, if there is any."""

    id: UUID
    channel: str
    company: str
    direction: str
    started_at: datetime
    duration_s: float | None
    agent_id: str | None
    agent_name: str | None
    queue: str | None
    category: str | None
    subject: str | None
    derive_state: str
    customer_number: str | None
    customer_name: str | None
    on_hold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hits, newest first, and whether more follow."""

    hits: tuple[Hit, ...]
    has_more: bool
    total: Total


async def page(
    tx: AsyncConnection, filters: Filters, scope: frozenset[str] | None, *, limit: int, after: Place | None = None
) -> Page:
    """A page of hits in the companies of `scope` (None: every company) after a place; the first page counts."""
    rows = (await tx.execute(page_statement(filters, scope, limit=limit, after=after))).mappings().all()
    if after is not None:
        total = after.total
    elif len(rows) <= limit:
        total = Total(value=len(rows), is_capped=False)
    else:
        total = await _count(tx, filters, scope)
    return Page(hits=tuple(_hit(row) for row in rows[:limit]), has_more=len(rows) > limit, total=total)


def page_statement(
    filters: Filters, scope: frozenset[str] | None, *, limit: int, after: Place | None = None
) -> Select[Any]:
    """The statement of a page; it asks for one hit more than the page has, to know whether more follow."""
    beyond = () if after is None else (tuple_(_C.started_at, _C.id) < tuple_(after.started_at, after.id),)
    hits = _merged(filters, scope, _SHOWN, limit + 1, beyond)
    owner = _owner(hits)
    held = select(hold_items.c.hold_id).where(
        hold_items.c.interaction_id == hits.c.id,
        hold_items.c.company == hits.c.company,
        hold_items.c.released_at.is_(None),
    )
    return (
        select(hits, owner.c.customer_number, owner.c.customer_name, held.exists().label("on_hold"))
        .select_from(hits.outerjoin(owner, true()))
        .order_by(*_newest_first(hits.c))
    )


def count_statement(filters: Filters, scope: frozenset[str] | None) -> Select[Any]:
    """The statement that counts hits, but not further than one beyond the cap."""
    return select(func.count()).select_from(_merged(filters, scope, (_C.id,), TOTAL_CAP + 1))


async def _count(tx: AsyncConnection, filters: Filters, scope: frozenset[str] | None) -> Total:
    found = int(await tx.scalar(count_statement(filters, scope)) or 0)
    return Total(value=min(found, TOTAL_CAP), is_capped=found > TOTAL_CAP)


def _merged(
    filters: Filters,
    scope: frozenset[str] | None,
    columns: Sequence[ColumnElement[Any]],
    limit: int,
    beyond: Sequence[ColumnElement[bool]] | None = None,
) -> FromClause:
    """Per company, and for an agent per way of naming one, `limit` rows; merged, newest first unless `beyond` is None.

    Each list comes from an index in order, so that nothing is sorted but the few rows of the lists.
    """
    reach: ColumnElement[bool] = true() if scope is None else companies.c.code.in_(sorted(scope))
    if filters.company is not None:
        reach = and_(reach, companies.c.code == filters.company)
    wanted = [_C.company == companies.c.code, *conditions(replace(filters, company=None, agent=None)), *(beyond or ())]
    ways: tuple[ColumnElement[bool], ...] = (true(),)
    if filters.agent is not None:
        ways = agent_conditions(filters.agent)
    lists = []
    for way in ways:
        rows = select(*columns).where(*wanted, way).limit(limit)
        newest = (rows if beyond is None else rows.order_by(*_newest_first(_C))).correlate(companies).lateral()
        lists.append(select(newest).select_from(companies.join(newest, true())).where(reach))
    both = union_all(*lists).subquery() if len(lists) > 1 else lists[0].subquery()
    merged = select(both).limit(limit)
    return (merged if beyond is None else merged.order_by(*_newest_first(both.c))).subquery("hits")


def _newest_first(columns: ReadOnlyColumnCollection[str, Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return columns["started_at"].desc(), columns["id"].desc()


def _owner(hits: FromClause) -> LateralFromClause:
    """One customer that the contact is linked to: the first that was."""
    name = and_(customers.c.company == links.c.company, customers.c.number == links.c.customer_number)
    return (
        select(links.c.customer_number, customers.c.name.label("customer_name"))
        .select_from(links.outerjoin(customers, name))
        .where(
            links.c.interaction_id == hits.c.id,
            links.c.company == hits.c.company,
            links.c.status == LINKED,
        )
        .order_by(links.c.made_at, links.c.customer_number)
        .limit(1)
        .lateral("owner")
    )


def _hit(row: RowMapping) -> Hit:
    return Hit(**row)
