"""Searching words on the real database, against a naive reading of the same texts; pages while contacts come and go."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.filters import Filters
from archive.domain.interactions import Channel
from archive.store.tables import companies, links
from search import facets, index_statements, index_words, listing, morphology, terms
from search.cursor import Place, Total
from search.index_words import FULL
from search.listing import Listed, Wanted
from search.query import Asked, Sort, read
from search.words import Analyser
from tests import dooming
from tests.searching import Talk, forget, keep, talk

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HELSINKI = ZoneInfo("Europe/Helsinki")
WORDS = ("lasku", "laskusta", "hinta", "pysyy", "sähkö", "jo")


async def company(tx: AsyncConnection) -> str:
    code = f"s{uuid7().hex}"
    await tx.execute(companies.insert().values(code=code, name=code, business_id="1", kind="retail"))
    return code


def analyser() -> Analyser:
    return morphology.analyser()


def sure(**asked: Any) -> Asked:
    """A search without near hits."""
    return Asked(near=False, **asked)


def wanted(asked: Asked, codes: Iterable[str], limit: int = 5, after: Place | None = None) -> Wanted:
    return Wanted(asked=asked, scope=frozenset(codes), limit=limit, after=after)


async def page(tx: AsyncConnection, what: Wanted) -> Listed:
    return await listing.page(tx, what, terms.terms(what.asked.query, analyser()), analyser())


async def walk(tx: AsyncConnection, asked: Asked, codes: Sequence[str], limit: int = 5) -> list[UUID]:
    """Every hit, page by page."""
    seen: list[UUID] = []
    place = None
    while True:
        found = await page(tx, wanted(asked, codes, limit, place))
        seen += [hit.id for hit in found.hits]
        place = found.place
        if place is None:
            return seen


# ------------------------------------------------------------ the naive reading


def says(one: Talk, asked: Asked) -> bool:
    """Whether the texts of a contact have what is asked, by looking at every word."""
    query = asked.query
    heard = [[set(token.terms) for token in analyser().tokens(text, "fi")] for _, _, text in one.said]

    def has(phrase: Sequence[str]) -> bool:
        looked = [set(analyser().asked(word)) for word in phrase]
        return any(
            all(looked[step] & passage[at + step] for step in range(len(looked)))
            for passage in heard
            for at in range(len(passage) - len(looked) + 1)
        )

    needed = [*((word,) for word in query.words), *query.phrases]
    return all(map(has, needed)) and not any(map(has, query.without))


def fits(one: Talk, filters: Filters) -> bool:
    return (
        (filters.queue in {None, one.queue})
        and (filters.since is None or one.started_at >= filters.since)
        and (filters.until is None or one.started_at < filters.until)
        and (filters.min_duration_s is None or (one.duration_s or 0) >= filters.min_duration_s)
        and (filters.agent is None or filters.agent in {one.agent_id, one.agent_name})
    )


def naive(talks: Iterable[Talk], asked: Asked) -> list[UUID]:
    hits = [one for one in talks if says(one, asked) and fits(one, asked.filters)]
    return [one.id for one in sorted(hits, key=lambda one: (one.started_at, one.id.int), reverse=True)]


texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3)
drawn = st.lists(
    st.tuples(texts, st.integers(0, 240), st.booleans(), st.sampled_from(["a", "b", None]), st.integers(0, 100)),
    max_size=25,
)
queries = st.sampled_from(
    [
        "lasku", "jo", "sähkölasku", "lasku hinta", '"hinta pysyi"', '"sähkö lasku" jo', "lasku -pysyy",
        'jo -"hinta pysyy"', "huhtikuu", "laskulla hinnan", '"jo jo"',
    ]
)  # fmt: skip
filtered = st.sampled_from(
    [
        Filters(), Filters(queue="a"), Filters(since=BEGIN + timedelta(days=40)), Filters(min_duration_s=50),
        Filters(until=BEGIN + timedelta(days=100), agent="A1"), Filters(agent="Nimi", queue="b"),
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=drawn, text=queries, filters=filtered, limit=st.integers(1, 7))
async def test_pages_hold_what_a_naive_reading_finds(
    tx: AsyncConnection, drawn: list[Any], text: str, filters: Filters, limit: int
) -> None:
    async with tx.begin_nested() as example:
        codes = [await company(tx), await company(tx)]
        talks = [
            talk(
                codes[other], *said, started_at=BEGIN + timedelta(days=days), queue=queue, duration_s=length,
                agent_id="A1" if length % 2 else None, agent_name="Nimi",
            )
            for said, days, other, queue, length in drawn
        ]  # fmt: skip
        await keep(tx, *talks)
        asked = sure(filters=filters, query=read(text))
        assert await walk(tx, asked, codes, limit) == naive(talks, asked)
        first = await page(tx, wanted(asked, codes))
        assert first.total == Total(value=len(naive(talks, asked)), is_capped=False)
        own = [one for one in talks if one.company == codes[0]]
        assert await walk(tx, asked, codes[:1], limit) == naive(own, asked)
        by_relevance = await walk(tx, sure(filters=filters, query=read(text), sort=Sort.RELEVANCE), codes, limit)
        assert len(by_relevance) == len(set(by_relevance))
        assert set(by_relevance) == set(naive(talks, asked))
        await example.rollback()


# ------------------------------------------------------------ many contacts


async def many(tx: AsyncConnection, code: str, count: int) -> list[Talk]:
    """Contacts of two days: "jo" in all, "lasku" in each second, "hinta" in each fifteenth, "pysyy" in one of 500."""
    talks = [
        talk(
            code,
            "jo" + " lasku" * (n % 2 == 0) + " hinta" * (n % 15 == 0) + " pysyy" * (n % 500 == 7),
            started_at=BEGIN + timedelta(minutes=n // 3),
            duration_s=float(n % 60),
        )
        for n in range(count)
    ]
    await keep(tx, *talks)
    return talks


@pytest.mark.parametrize("text", ["jo", "lasku", "lasku -hinta", "jo hinta", "pysyy", '"jo lasku"'])
async def test_words_of_every_frequency_are_found_in_order(tx: AsyncConnection, text: str) -> None:
    code = await company(tx)
    talks = await many(tx, code, 2 * FULL + 600)
    for filters in (Filters(), Filters(min_duration_s=55)):
        asked = sure(filters=filters, query=read(text))
        expected = naive(talks, asked)
        assert await walk(tx, asked, [code], 300) == expected
        assert [hit.id for hit in (await page(tx, wanted(asked, [code], 20))).hits] == expected[:20]
        total = (await page(tx, wanted(asked, [code], 1))).total
        assert total == Total(value=min(len(expected), 1000), is_capped=len(expected) > 1000)


async def test_relevance_orders_the_newest_hits_and_pages_keep_the_order(tx: AsyncConnection) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku" + " jo" * (n % 7), started_at=BEGIN + timedelta(hours=n)) for n in range(40)]
    best = talk(code, "lasku jo lasku lasku jo lasku", started_at=BEGIN)
    await keep(tx, best, *talks)
    asked = sure(filters=Filters(), query=read("lasku"), sort=Sort.RELEVANCE)
    whole = await walk(tx, asked, [code], 500)
    assert whole[0] == best.id
    assert len(whole) == 41
    assert await walk(tx, asked, [code], 6) == whole


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_neither_repeat_nor_miss_while_contacts_arrive_and_go(tx: AsyncConnection, sort: Sort) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku" + " lasku" * (n % 5), started_at=BEGIN + timedelta(hours=n)) for n in range(60)]
    await keep(tx, *talks)
    asked = sure(filters=Filters(), query=read("lasku"), sort=sort)
    seen: list[UUID] = []
    place, gone = None, set()
    for turn in range(100):
        found = await page(tx, wanted(asked, [code], 7, place))
        seen += [hit.id for hit in found.hits]
        place = found.place
        if place is None:
            break
        going = [one.id for one in talks[turn::9] if one.id not in gone]
        gone |= set(going)
        await forget(tx, going)
        newer = BEGIN + timedelta(days=9, hours=turn)
        await keep(
            tx, talk(code, "lasku", started_at=newer), talk(code, "lasku lasku", started_at=talks[30].started_at)
        )
    stayed = {one.id for one in talks if one.id not in gone}
    assert len(seen) == len(set(seen))
    assert stayed <= set(seen)


# ------------------------------------------------------------ rights, states, filters of other tables


async def test_another_companys_words_give_nothing_not_even_a_count_or_a_facet(tx: AsyncConnection) -> None:
    own, other = await company(tx), await company(tx)
    await keep(tx, talk(other, "salainen asia", queue="salaisuudet", agent_id="A9"), talk(own, "julkinen asia"))
    asked = sure(filters=Filters(), query=read("salainen"))
    found = await page(tx, wanted(asked, [own]))
    assert (found.hits, found.total.value, found.place, found.snippets) == ((), 0, None, {})
    counted = await facets.count(
        tx, asked, frozenset({own}), (terms.terms(asked.query, analyser()), analyser()), HELSINKI
    )
    assert (counted.channel, counted.queue, counted.agent, counted.month) == ((), (), (), ())
    for scope, filters in (([own], Filters(company=other)), ([], Filters())):
        found = await page(tx, wanted(sure(filters=filters, query=read("asia")), scope))
        assert (found.hits, found.total.value) == ((), 0)


async def test_contacts_being_destroyed_are_not_found(tx: AsyncConnection) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku", started_at=BEGIN + timedelta(hours=n)) for n in range(30)]
    await keep(tx, *talks)
    await dooming.mark(tx, code, [one.id for one in talks[::2]])
    asked = sure(filters=Filters(), query=read("lasku"))
    assert await walk(tx, asked, [code], 4) == [one.id for one in reversed(talks[1::2])]
    assert (await page(tx, wanted(asked, [code]))).total.value == 15


async def test_a_customers_contacts_are_looked_up_by_their_links(tx: AsyncConnection) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku" if n % 3 else "hinta", started_at=BEGIN + timedelta(days=n)) for n in range(90)]
    await keep(tx, *talks)
    for number, one in enumerate(talks):
        await tx.execute(
            links.insert().values(
                interaction_id=one.id, company=code, customer_number=str(number % 4), status="linked", evidence=[],
                made_at=BEGIN,
            )
        )  # fmt: skip
    asked = sure(filters=Filters(customer="2"), query=read("lasku"))
    expected = [one.id for number, one in enumerate(talks) if number % 4 == 2 and number % 3]
    assert await walk(tx, asked, [code], 4) == expected[::-1]
    assert (await page(tx, wanted(sure(filters=Filters(customer="9"), query=read("lasku")), [code]))).hits == ()


async def test_facts_are_compared_with_the_contact_itself(tx: AsyncConnection) -> None:
    code = await company(tx)
    upper, lower = talk(code, "lasku", queue="Laskutus"), talk(code, "lasku", queue="laskutus")
    await keep(tx, upper, lower)
    for queue, one in (("Laskutus", upper), ("laskutus", lower)):
        asked = sure(filters=Filters(queue=queue, channel=Channel.CALL), query=read("lasku"))
        assert await walk(tx, asked, [code]) == [one.id]


async def test_facets_count_the_newest_hits(tx: AsyncConnection) -> None:
    code = await company(tx)
    talks = [
        talk(
            code, "lasku" if n % 2 else "hinta", started_at=BEGIN + timedelta(days=10 * n), queue="ab"[n % 4 == 1],
            agent_id="A1", agent_name="Nimi",
        )
        for n in range(8)
    ]  # fmt: skip
    await keep(tx, *talks)
    query = read("lasku")
    counted = await facets.count(
        tx,
        sure(filters=Filters(), query=query),
        frozenset({code}),
        (terms.terms(query, analyser()), analyser()),
        HELSINKI,
    )
    assert [(one.value, one.count) for one in counted.channel] == [("call", 4)]
    assert [(one.value, one.count) for one in counted.queue] == [("a", 2), ("b", 2)]
    assert [(one.value, one.count, one.name) for one in counted.agent] == [("A1", 4, "Nimi")]
    assert [(one.value, one.count) for one in counted.month] == [("2026-05", 1), ("2026-04", 1), ("2026-03", 2)]
    assert not counted.is_capped


# ------------------------------------------------------------ plans and patience


async def test_a_page_ends_where_time_is_up_and_the_next_goes_on(
    tx: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_words, "PATIENCE_S", 0.0)
    monkeypatch.setattr(index_words, "QUICK_S", 0.0)
    code = await company(tx)
    talks = [talk(code, "lasku", started_at=BEGIN + timedelta(days=20 * n)) for n in range(12)]
    await keep(tx, *talks)
    asked = sure(filters=Filters(), query=read("lasku"))
    first = await page(tx, wanted(asked, [code], 50))
    assert 1 <= len(first.hits) <= 2
    assert first.total == Total(value=len(first.hits), is_capped=True)
    assert await walk(tx, asked, [code], 50) == [one.id for one in reversed(talks)]


async def test_no_statement_reads_the_whole_table_or_leaves_the_words_index(tx: AsyncConnection) -> None:
    code = await company(tx)
    await many(tx, code, 300)
    await tx.exec_driver_sql("ANALYZE search_rows, interactions")
    for text, filters in (("pysyy", Filters()), ("jo", Filters(agent="A1", min_duration_s=3)), ("jo hinta", Filters())):
        template = terms.terms(read(text), analyser()).template(filters)
        look = await index_words.look_for(tx, template, filters, frozenset({code}))
        assert look is not None
        for name, plan in (await index_words.plans(tx, look)).items():
            assert "Seq Scan" not in plan, (name, plan)
            wanted_index = "ix_search_rows_newest" if name == "scan" else "ix_search_rows_terms"
            assert wanted_index in plan, (name, plan)


@pytest.mark.parametrize("sort", list(Sort), ids=str)
async def test_what_time_was_too_short_for_is_on_later_pages(
    tx: AsyncConnection, monkeypatch: pytest.MonkeyPatch, sort: Sort
) -> None:
    code = await company(tx)
    newer = talk(code, "jotain muuta", started_at=BEGIN + timedelta(days=400))
    talks = [talk(code, "lasku", started_at=BEGIN + timedelta(days=20 * number)) for number in range(6)]
    await keep(tx, newer, *talks)
    monkeypatch.setattr(index_words, "PATIENCE_S", 0.0)
    monkeypatch.setattr(index_words, "QUICK_S", 0.0)
    asked = sure(filters=Filters(), query=read("lasku"), sort=sort)
    assert sorted(await walk(tx, asked, [code], 50)) == sorted(one.id for one in talks)


async def test_a_full_page_does_not_wait_for_a_dear_total(tx: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku", started_at=BEGIN + timedelta(days=20 * number)) for number in range(12)]
    await keep(tx, *talks)
    monkeypatch.setattr(index_statements, "COUNT", "SELECT 1 AS hits FROM pg_sleep(5 * CAST(:limit AS integer))")
    asked = sure(filters=Filters(), query=read("lasku"))
    first = await page(tx, wanted(asked, [code], 1))
    assert [hit.id for hit in first.hits] == [talks[-1].id]
    assert first.total.is_capped
    assert (await tx.exec_driver_sql("SHOW statement_timeout")).scalar_one() == f"{index_words.STEP_MS // 1000}s"
    monkeypatch.undo()
    second = await page(tx, wanted(asked, [code], 1, first.place))
    assert [hit.id for hit in second.hits] == [talks[-2].id]


async def test_months_that_take_too_long_together_are_looked_at_one_by_one(
    tx: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await company(tx)
    talks = [talk(code, "lasku", started_at=BEGIN + timedelta(days=40 * number)) for number in range(4)]
    await keep(tx, *talks)
    slow = "CROSS JOIN (SELECT pg_sleep(CASE WHEN cardinality(CAST(:months AS text[])) > 1 THEN 5 ELSE 0 END)) z"
    monkeypatch.setattr(index_statements, "GATHER", f"SELECT n.* FROM ({index_statements.GATHER}) n {slow}")
    monkeypatch.setattr(index_words, "SEVERAL_S", 0.1)
    asked = sure(filters=Filters(), query=read("lasku"))
    found = await page(tx, wanted(asked, [code], 50))
    assert [hit.id for hit in found.hits] == [one.id for one in reversed(talks)]


async def test_a_long_contact_is_no_near_hit_where_its_phrase_does_not_hold(tx: AsyncConnection) -> None:
    code = await company(tx)
    said = ["säh kolaskustani siitä", *["aivan muuta"] * 8_200, "hyvityksestä puhuttiin"]
    long = talk(code, *said)
    await keep(tx, long)
    asked = Asked(filters=Filters(), query=read('sähkölasku "siitä hyvityksestä"'))
    found = await page(tx, wanted(asked, [code]))
    assert (found.hits, found.near) == ((), frozenset())
    found = await page(tx, wanted(Asked(filters=Filters(), query=read('sähkölasku "hyvityksestä puhuttiin"')), [code]))
    assert [hit.id for hit in found.hits] == [long.id]
