"""Coverage on the real database: at every step what plain SQL counts, with and without filters, and cheap when much."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from archive.domain.filters import Filters
from archive.domain.interactions import Channel, Direction
from archive.store.unit_of_work import Database
from search import coverage, coverage_sql
from search.coverage import Coverage, CoverageGauge

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)

ROWS = """
    INSERT INTO interactions (id, company, channel, direction, started_at, ended_at, duration_s, source, external_id,
                              queue, category, agent_id, agent_name, state, received_at, receipt, text_state,
                              text_reason)
    SELECT uuidv7(), :company, (ARRAY['call', 'chat'])[1 + n % 2], (ARRAY['inbound', 'outbound'])[1 + n % 2],
           b + n * INTERVAL '1 minute', b, n, 'pbx', n::text, 'q' || n % 3, 'c' || n % 4, 'A' || n % 5,
           'Nimi ' || n % 5, CASE WHEN n % 50 = 49 THEN 'destroying' ELSE 'kept' END, b, '{}',
           CASE WHEN n % 10 < CAST(:done AS int) THEN 'done' ELSE (ARRAY['waiting', 'failed', 'off'])[1 + n % 3] END,
           CASE WHEN n % 10 < CAST(:done AS int) THEN NULL ELSE (ARRAY[NULL, 'damaged', 'rule'])[1 + n % 3] END
    FROM generate_series(0, CAST(:count AS int) - 1) n, CAST(:begin AS timestamptz) b
"""
PARTIES = """
    INSERT INTO parties (interaction_id, ordinal, company, role, phone)
    SELECT id, 0, company, 'customer', '+35840' || external_id::int % 7 FROM interactions WHERE company = :company
"""
LINKS = """
    INSERT INTO links (interaction_id, company, customer_number, status, evidence, made_at)
    SELECT id, company, (external_id::int % 6)::text,
           CASE WHEN external_id::int % 2 = 0 THEN 'linked' ELSE 'undone' END, ARRAY['phone'], received_at
    FROM interactions WHERE company = :company
"""


async def filled(db: Database, count: int, done: int = 6) -> str:
    """A company with so many contacts, of every ten of which about `done` are searchable; its code."""
    company = f"v{uuid7().hex}"
    async with db.begin() as tx:
        await tx.execute(
            text("INSERT INTO companies (code, name, business_id, kind) VALUES (:c, :c, '1', 'retail')"), {"c": company}
        )
        values = {"company": company, "begin": BEGIN, "count": count, "done": done}
        await tx.execute(text(ROWS), values)
        await tx.execute(text(PARTIES), {"company": company})
        await tx.execute(text(LINKS), {"company": company})
    return company


async def counted(db: Database, companies: list[str], where: str = "true") -> Coverage:
    """What plain SQL finds, without anything that search uses."""
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    async with db.begin() as tx:
        rows = await tx.execute(
            text(f"SELECT * FROM interactions i WHERE company = ANY(:companies) AND state = 'kept' AND ({where})"),
            {"companies": companies},
        )
        for row in rows.mappings():
            states[row["text_state"]] = states.get(row["text_state"], 0) + 1
            if row["text_reason"] and row["text_state"] != "done":
                reasons[row["text_reason"]] = reasons.get(row["text_reason"], 0) + 1
    return Coverage(
        searchable=states.get("done", 0),
        waiting=states.get("waiting", 0),
        failed=states.get("failed", 0),
        off=states.get("off", 0),
        reasons=reasons,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Filters, and the same as plain SQL."""

    name: str
    filters: Filters
    where: str


LATER = BEGIN + timedelta(minutes=100)
CASES = (
    Case(name="nothing", filters=Filters(), where="true"),
    Case(name="channel", filters=Filters(channel=Channel.CHAT), where="channel = 'chat'"),
    Case(name="direction", filters=Filters(direction=Direction.INBOUND), where="direction = 'inbound'"),
    Case(name="queue", filters=Filters(queue="q1"), where="queue = 'q1'"),
    Case(name="category", filters=Filters(category="c3"), where="category = 'c3'"),
    Case(name="agent-id", filters=Filters(agent="A2"), where="agent_id = 'A2'"),
    Case(name="agent-name", filters=Filters(agent="nimi 2"), where="lower(agent_name) = 'nimi 2'"),
    Case(name="since", filters=Filters(since=LATER), where=f"started_at >= '{LATER.isoformat()}'"),
    Case(name="until", filters=Filters(until=LATER), where=f"started_at < '{LATER.isoformat()}'"),
    Case(name="longer", filters=Filters(min_duration_s=150), where="duration_s >= 150"),
    Case(
        name="phone",
        filters=Filters(phone="+358403"),
        where="EXISTS (SELECT FROM parties p WHERE p.interaction_id = i.id AND p.phone = '+358403')",
    ),
    Case(
        name="customer",
        filters=Filters(customer="4"),
        where="EXISTS (SELECT FROM links l WHERE l.interaction_id = i.id AND l.customer_number = '4'"
        " AND l.status = 'linked')",
    ),
    Case(
        name="several",
        filters=Filters(queue="q2", agent="A1", since=BEGIN, until=LATER),
        where=f"queue = 'q2' AND agent_id = 'A1' AND started_at < '{LATER.isoformat()}'",
    ),
    Case(name="none-fits", filters=Filters(queue="nowhere"), where="false"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("count", [300, 9_000], ids=["few", "many"])
async def test_coverage_is_what_plain_sql_counts(db: Database, few_and_many: Any, case: Case, count: int) -> None:
    company, other = few_and_many[count]
    gauge = CoverageGauge(db)
    for companies in ([company], [company, other]):
        wanted = await counted(db, companies, case.where)
        found = await settled(gauge, frozenset(companies), case.filters)
        assert found == wanted


@pytest.fixture(scope="module")
async def few_and_many(db: Database) -> dict[int, tuple[str, str]]:
    """Two companies of 300 contacts, and two of 9,000."""
    return {count: (await filled(db, count), await filled(db, count, done=3)) for count in (300, 9_000)}


async def settled(gauge: CoverageGauge, scope: frozenset[str], filters: Filters | None = None) -> Coverage:
    """The coverage once it is exact; whatever is said before says that it is not."""
    async with asyncio.timeout(20):
        while (found := await gauge.read(scope, filters)).relation != "eq":  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
    return found


async def test_what_is_searchable_now_is_counted_at_once(db: Database) -> None:
    company = await filled(db, 400, done=0)
    gauge = CoverageGauge(db)
    steps = (
        "text_state = 'done', text_reason = NULL WHERE company = :c AND external_id::int < 100",
        "text_state = 'failed', text_reason = 'index-failed' WHERE company = :c AND external_id::int BETWEEN 50 AND 70",
        "state = 'destroying' WHERE company = :c AND external_id::int % 7 = 0",
        "text_state = 'waiting', text_reason = NULL WHERE company = :c AND external_id::int > 300",
        "text_state = 'done', text_reason = NULL WHERE company = :c",
    )
    for step in steps:
        async with db.begin() as tx:
            await tx.execute(text(f"UPDATE interactions SET {step}"), {"c": company})
        found = await gauge.read(frozenset({company}))
        assert found == await counted(db, [company])
        assert found.relation == "eq"


async def test_of_many_what_waits_is_counted_at_once_and_only_the_whole_is_remembered(db: Database) -> None:
    company = await filled(db, 5_000, done=9)
    gauge = CoverageGauge(db, rest_factor=1e9)
    scope = frozenset({company})
    first = await gauge.read(scope)
    assert first.relation == "gte"
    assert 0 < first.searchable <= (await counted(db, [company])).searchable
    assert first.failed == (await counted(db, [company])).failed
    assert await settled(gauge, scope) == await counted(db, [company])
    async with db.begin() as tx:
        await tx.execute(
            text("UPDATE interactions SET text_state = 'done', text_reason = NULL WHERE company = :c"), {"c": company}
        )
    assert await gauge.read(scope) == await counted(db, [company])


async def test_where_everything_waits_nothing_is_called_searchable(db: Database) -> None:
    company = await filled(db, 5_000, done=0)
    first = await CoverageGauge(db).read(frozenset({company}))
    assert first.relation == "gte"
    assert first.searchable == 0
    assert min(first.waiting, first.failed, first.off) > 0
    assert first.reasons == {"damaged": first.failed, "rule": first.off}


async def test_another_company_is_not_counted(db: Database) -> None:
    mine, other = await filled(db, 20), await filled(db, 30)
    gauge = CoverageGauge(db)
    assert await gauge.read(frozenset({mine})) == await counted(db, [mine])
    assert await gauge.read(frozenset({mine}), Filters(company=other)) == Coverage()
    assert await gauge.read(frozenset()) == Coverage()


async def test_rows_of_another_analyser_are_noticed(db: Database) -> None:
    company = await filled(db, 30)
    async with db.begin() as tx:
        await tx.execute(
            text(
                "INSERT INTO search_rows (interaction_id, company, started_at, bucket, terms, analyser, indexed_at)"
                " SELECT id, company, started_at, 'x', '', 'rules-' || external_id::int % 3, now()"
                " FROM interactions WHERE company = :c"
            ),
            {"c": company},
        )
    scope = frozenset({company})
    assert (await CoverageGauge(db).read(scope, analyser="rules-1")).outdated == 20
    assert (await CoverageGauge(db).read(scope, analyser="rules-9")).outdated == 30
    assert (await CoverageGauge(db).read(frozenset(), analyser="rules-9")).outdated == 0


async def test_counting_reads_no_more_than_it_counts(db: Database) -> None:
    company = await filled(db, 9_000)
    for sql, values in (
        coverage_sql.some(frozenset({company}), Filters()),
        coverage_sql.behind(frozenset({company}), Filters()),
        coverage_sql.outdated(frozenset({company}), "rules-1"),
    ):
        async with db.read_bare() as connection:
            (told,) = await connection.fetchrow(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
        assert read_rows(told[0]["Plan"]) <= 3 * coverage_sql.CAP


def read_rows(plan: dict[str, Any]) -> float:
    """How many rows of contacts and of the index were read, thrown away ones included."""
    here = 0.0
    if plan.get("Relation Name") in {"interactions", "search_rows"}:
        here = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return here + sum(read_rows(child) for child in plan.get("Plans", ()))


async def test_a_filter_without_an_index_makes_nobody_wait_twice(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    company = await filled(db, 3_000)
    monkeypatch.setattr(coverage, "PATIENCE_S", 0.0)  # every look takes too long
    gauge = CoverageGauge(db)
    assert await gauge.read(frozenset({company})) == Coverage(relation="gte")
    assert await settled(gauge, frozenset({company})) == await counted(db, [company])


async def test_where_much_is_behind_nothing_is_counted_twice_in_a_row(db: Database) -> None:
    company = await filled(db, 9_000, done=2)
    gauge, scope = CoverageGauge(db, rest_factor=1e9), frozenset({company})
    found = await settled(gauge, scope)
    async with db.begin() as tx:
        await tx.execute(text("LOCK TABLE interactions IN ACCESS EXCLUSIVE MODE"))
        assert await asyncio.wait_for(gauge.read(scope), 5) == found


async def test_coverage_that_nobody_waits_for_is_broken_off(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    company = await filled(db, 10)
    gauge, ended = CoverageGauge(db), asyncio.Event()

    async def slow(*_: object) -> list[tuple[str, str | None, int]]:
        try:
            return await asyncio.sleep(30, [])
        finally:
            ended.set()

    monkeypatch.setattr(gauge, "_fetch", slow)
    async with gauge.beside(frozenset({company}), Filters(), None):
        await asyncio.sleep(0.05)
    await asyncio.wait_for(ended.wait(), 1)
