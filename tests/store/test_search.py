"""Searching by facts on the real database: pages served in order by an index, companies apart."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.filters import Filters
from archive.domain.interactions import Channel
from archive.store.arrays import within
from archive.store.selection import conditions
from archive.store.tables import companies, interactions
from search import index
from search.cursor import Place, Total
from search.index import Ask

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


async def fill(tx: AsyncConnection, count: int = 60) -> tuple[str, str]:
    """Two companies whose contacts alternate in time; their codes."""
    codes = (f"a{uuid7().hex}", f"b{uuid7().hex}")
    for code in codes:
        await tx.execute(companies.insert().values(code=code, name=code, business_id="1", kind="retail"))
    rows: list[dict[str, Any]] = [
        {
            "id": uuid7(), "company": codes[n % 2], "channel": "call", "direction": "inbound", "source": "pbx",
            "started_at": BEGIN + timedelta(minutes=n // 4), "ended_at": BEGIN, "external_id": str(n),
            "queue": f"q{n % 3}", "category": f"c{n % 3}", "agent_id": f"A{n % 5}", "agent_name": f"Nimi {n % 5}",
            "duration_s": n, "received_at": BEGIN, "receipt": {},
            "derive_state": ("done", "waiting", "failed")[n % 3],
        }
        for n in range(count)
    ]  # fmt: skip
    await tx.execute(interactions.insert(), rows)
    return codes


def ask(filters: Filters, *codes: str, after: Place | None = None, limit: int = 5) -> Ask:
    return Ask(filters=filters, scope=frozenset(codes), limit=limit, after=after)


async def plan(tx: AsyncConnection, asked: Ask) -> str:
    sql, values = asked.page()
    await tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
    await tx.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    await tx.exec_driver_sql("SET LOCAL enable_sort = off")
    return "\n".join(str(row[0]) for row in await tx.exec_driver_sql(f"EXPLAIN (COSTS OFF) {sql}", values))


@pytest.mark.parametrize(
    ("filters", "lists"),
    [
        (Filters(), 1),
        (Filters(channel=Channel.CALL, since=BEGIN), 1),
        (Filters(queue="q1"), 1),
        (Filters(category="c1"), 1),
        (Filters(agent="A1"), 2),
    ],
)
@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_page_is_read_from_indexes_in_order(
    tx: AsyncConnection, filters: Filters, lists: int, goes_on: bool
) -> None:
    codes = await fill(tx)
    place = Place(started_at=BEGIN + timedelta(minutes=7), id=UUID(int=0), total=Total(value=0, is_capped=False))
    told = await plan(tx, ask(filters, *codes, after=place if goes_on else None))
    assert told.count("Index Scan Backward using ix_interactions_") == lists, told
    assert "Seq Scan on interactions" not in told


async def test_pages_of_two_companies_are_merged_in_time(tx: AsyncConnection) -> None:
    codes = await fill(tx)
    seen: list[tuple[datetime, UUID]] = []
    after = None
    while True:
        page = await index.page(tx, ask(Filters(queue="q1"), *codes, after=after, limit=7))
        seen += [(hit.started_at, hit.id) for hit in page.hits]
        assert page.total == Total(value=20, is_capped=False)
        if not page.has_more:
            break
        after = Place(started_at=seen[-1][0], id=seen[-1][1], total=page.total)
    assert len(seen) == len(set(seen)) == 20
    assert seen == sorted(seen, reverse=True)


async def test_a_search_reaches_no_further_than_its_companies(tx: AsyncConnection) -> None:
    first, second = await fill(tx)
    for filters in (Filters(), Filters(agent="nimi 1"), Filters(company=first), Filters(queue="q0")):
        page = await index.page(tx, ask(filters, first, limit=500))
        assert {hit.company for hit in page.hits} == {first}
    assert (await index.page(tx, ask(Filters(company=second), first))).hits == ()
    assert (await index.page(tx, ask(Filters()))).hits == ()


async def test_holds_by_search_select_what_a_search_finds(tx: AsyncConnection) -> None:
    codes = await fill(tx)
    for filters in (
        Filters(agent="nimi 1", min_duration_s=20), Filters(agent="A1"), Filters(queue="q2", company=codes[0]),
        Filters(since=BEGIN + timedelta(minutes=3), until=BEGIN + timedelta(minutes=9)), Filters(phone="+358"),
    ):  # fmt: skip
        chosen = await tx.scalars(
            interactions.select()
            .with_only_columns(interactions.c.id)
            .where(within(interactions.c.company, frozenset(codes)), *conditions(filters))
        )
        page = await index.page(tx, ask(filters, *codes, limit=500))
        assert set(chosen) == {hit.id for hit in page.hits}
