"""Near hits on the real database: what was misheard follows what was heard, marked, within reach, page by page."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.filters import Filters
from archive.store.tables import companies, links
from search import index_statements, index_words, listing, morphology, near, snippets, terms
from search.buckets import bucket
from search.cursor import Place, Spot
from search.listing import Listed, Wanted
from search.near import Near
from search.query import Asked, read
from tests import dooming
from tests.searching import forget, keep, talk

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HEARD = "edellinen sähkölasku oli aivan liian suuri"
MISHEARD = "edellinen sähkölas kuni oli aivan liian suuri"
MERGED = "siitä sähkolaskustanenytpuhuttin"
OTHER = "pyysin uutta laskelmaa sähköstä"


async def company(tx: AsyncConnection) -> str:
    code = f"n{uuid7().hex}"
    await tx.execute(companies.insert().values(code=code, name=code, business_id="1", kind="retail"))
    return code


async def ask(
    tx: AsyncConnection, q: str, codes: Sequence[str], *, filters: Filters | None = None, **more: Any
) -> Near:
    """The near hits of a query."""
    query, analyser, asked = read(q), morphology.analyser(), filters or Filters()
    wanted = terms.terms(query, analyser)
    look = await index_words.look_for(tx, wanted.template(asked), asked, frozenset(codes))
    assert look is not None
    return await near.near(tx, look, wanted, near.words_of(wanted, query.words, analyser), **{"need": 50, **more})


async def ids(tx: AsyncConnection, q: str, codes: Sequence[str], **more: Any) -> list[UUID]:
    """The contacts that are near hits, in order."""
    return [hit.interaction_id for hit in (await ask(tx, q, codes, **more)).hits]


async def page(tx: AsyncConnection, q: str, code: str, limit: int = 10, after: Place | None = None) -> Listed:
    """A page of sure and near hits."""
    asked, analyser = Asked(filters=Filters(), query=read(q)), morphology.analyser()
    wanted = Wanted(asked=asked, scope=frozenset([code]), limit=limit, after=after)
    return await listing.page(tx, wanted, terms.terms(asked.query, analyser), analyser)


async def test_a_misheard_word_is_a_near_hit_and_one_heard_rightly_is_not(tx: AsyncConnection) -> None:
    code = await company(tx)
    heard, misheard, merged = (talk(code, "terve", text) for text in (HEARD, MISHEARD, MERGED))
    await keep(tx, heard, misheard, merged, talk(code, OTHER))
    found = await ask(tx, "sähkölasku", [code])
    assert {hit.interaction_id for hit in found.hits} == {misheard.id, merged.id}
    assert found.reached is None
    (like,) = next(hit.likes for hit in found.hits if hit.interaction_id == misheard.id)
    assert (like.passage, like.first, like.last) == (1, 1, 2)


async def test_near_hits_follow_the_sure_ones_once_marked_and_with_their_moment(tx: AsyncConnection) -> None:
    code = await company(tx)
    old = talk(code, HEARD, started_at=BEGIN)
    new = talk(code, "terve", MISHEARD, started_at=BEGIN + timedelta(days=40))
    await keep(tx, old, new)
    listed = await page(tx, "sähkölaskusta", code)
    assert [hit.id for hit in listed.hits] == [old.id, new.id]
    assert listed.near == {new.id}
    (snippet,) = listed.snippets[new.id]
    assert snippet.kind == "near"
    assert snippet.start_s is not None
    assert snippet.start_s >= 10
    assert [text for text, is_word in snippet.pieces if is_word] in (["sähkölas", "kuni"], ["sähkölas kuni"])


@pytest.mark.parametrize("short", ["teho", "hinta", "sää"])
async def test_short_words_have_no_near_hits(tx: AsyncConnection, short: str) -> None:
    code = await company(tx)
    await keep(tx, talk(code, "tehoo hintaat sään tehhoa"))
    assert await ids(tx, short, [code]) == []


async def test_of_several_words_each_is_there_or_sounds_so(tx: AsyncConnection) -> None:
    code = await company(tx)
    both = talk(code, MISHEARD, "siitä hyvityksestä")
    one = talk(code, MISHEARD, "muuta")
    sure = talk(code, HEARD, "siitä hyvityksestä")
    await keep(tx, both, one, sure)
    assert await ids(tx, "sähkölasku hyvitys", [code]) == [both.id]
    assert await ids(tx, "sähkölasku -hyvitys", [code]) == [one.id]
    assert await ids(tx, 'sähkölasku "siitä hyvityksestä"', [code]) == [both.id]
    assert await ids(tx, '"sähkölasku hyvitys"', [code]) == []


async def test_nobody_is_told_of_another_company_and_filters_hold(tx: AsyncConnection) -> None:
    code, other = await company(tx), await company(tx)
    mine = talk(code, MISHEARD, agent_id="A1", queue="laskutus", started_at=BEGIN)
    second = talk(code, MISHEARD, agent_id="A2", started_at=BEGIN + timedelta(days=1))
    theirs = talk(other, MISHEARD, started_at=BEGIN)
    await keep(tx, mine, second, theirs)
    assert await ids(tx, "sähkölasku", [code]) == [second.id, mine.id]
    assert set(await ids(tx, "sähkölasku", [code, other])) == {mine.id, second.id, theirs.id}
    assert await ids(tx, "sähkölasku", [code, other], filters=Filters(company=other)) == [theirs.id]
    assert await ids(tx, "sähkölasku", [code], filters=Filters(agent="A1")) == [mine.id]
    assert await ids(tx, "sähkölasku", [code], filters=Filters(until=BEGIN + timedelta(hours=1))) == [mine.id]
    assert await ids(tx, "sähkölasku", [code], filters=Filters(min_duration_s=600)) == []


async def test_what_is_marked_for_destruction_is_no_near_hit_and_sounds_like_nothing(tx: AsyncConnection) -> None:
    code = await company(tx)
    going, staying = talk(code, MISHEARD), talk(code, MISHEARD)
    await keep(tx, going, staying)
    words = near.words_of(terms.terms(read("sähkölasku"), morphology.analyser()), ["sähkölasku"], morphology.analyser())
    assert await near.likes_of(tx, going.id, words)
    await dooming.mark(tx, code, [going.id])
    assert await near.likes_of(tx, going.id, words) == ()
    assert await ids(tx, "sähkölasku", [code]) == [staying.id]
    assert await ids(tx, "edellinen sähkölasku", [code]) == [staying.id]


async def test_a_customer_is_looked_up_first(tx: AsyncConnection) -> None:
    code = await company(tx)
    talks = [talk(code, MISHEARD, started_at=BEGIN + timedelta(days=40 * n)) for n in range(3)]
    await keep(tx, *talks)
    for one in talks[:2]:
        await tx.execute(
            links.insert().values(
                interaction_id=one.id,
                company=code,
                customer_number="100",
                status="linked",
                evidence=["phone"],
                made_at=BEGIN,
            )
        )
    asked = Filters(customer="100")
    assert await ids(tx, "sähkölasku", [code], filters=asked) == [talks[1].id, talks[0].id]
    assert await ids(tx, "sähkölasku", [code], filters=asked, patience_s=0.0) == [talks[1].id, talks[0].id]


@pytest.mark.parametrize("patience_s", [0.0, 10.0])
async def test_pages_show_every_near_hit_once_while_contacts_come_and_go(
    tx: AsyncConnection, patience_s: float
) -> None:
    """With no patience at all every page ends after one step, and still the walk comes to its end."""
    code = await company(tx)
    talks = [talk(code, MISHEARD, started_at=BEGIN + timedelta(days=9 * n)) for n in range(12)]
    same_moment = [talk(code, MISHEARD, started_at=BEGIN) for _ in range(3)]
    await keep(tx, *talks, *same_moment)
    seen: list[UUID] = []
    after: Spot | None = None
    for step in range(60):
        found = await ask(tx, "sähkölasku", [code], need=2, after=after, patience_s=patience_s)
        seen += [hit.interaction_id for hit in found.hits]
        after = found.reached
        if after is None:
            break
        if step == 1:
            await keep(tx, talk(code, MISHEARD, started_at=BEGIN + timedelta(days=200)))
            await forget(tx, [talks[11].id])
    assert after is None
    oldest = sorted((one.id for one in (talks[0], *same_moment)), reverse=True)
    assert seen == [*(one.id for one in reversed(talks[1:])), *oldest]


async def test_pages_go_on_from_sure_hits_to_near_ones(tx: AsyncConnection) -> None:
    code = await company(tx)
    sure = [talk(code, HEARD, started_at=BEGIN + timedelta(days=n)) for n in range(4)]
    alike = [talk(code, MISHEARD, started_at=BEGIN + timedelta(days=20 * n)) for n in range(5)]
    await keep(tx, *sure, *alike)
    seen: list[UUID] = []
    marked: set[UUID] = set()
    place: Place | None = None
    for _ in range(20):
        listed = await page(tx, "sähkölasku", code, limit=2, after=place)
        seen += [hit.id for hit in listed.hits]
        marked |= listed.near
        place = listed.place
        if place is None:
            break
    assert seen == [one.id for one in (*reversed(sure), *reversed(alike))]
    assert marked == {one.id for one in alike}


TWO_RUNS = "siellä lömönjako keskuksen luona"
ONE_RUN = "siellä lemenjaka keskuksen luona"


async def test_of_a_long_word_a_common_run_alone_is_not_looked_at(tx: AsyncConnection) -> None:
    code = await company(tx)
    two, one = (talk(code, text, started_at=BEGIN) for text in (TWO_RUNS, ONE_RUN))
    await keep(tx, two, one, *(talk(code, f"keskuksen puhelu {n}", started_at=BEGIN) for n in range(3)))
    assert set(await ids(tx, "lämmönjakokeskus", [code])) == {one.id, two.id}
    assert set(await ids(tx, "lämmönjakokeskus", [code], common=6)) == {one.id, two.id}
    assert await ids(tx, "lämmönjakokeskus", [code], common=5) == [two.id]


async def test_what_is_common_is_counted_in_the_last_whole_month_and_for_the_filters(tx: AsyncConnection) -> None:
    code, other = await company(tx), await company(tx)
    while bucket(other, BEGIN) != bucket(code, BEGIN):  # of another company nothing is counted, also in one bucket
        other = await company(tx)
    begun = talk(code, TWO_RUNS, started_at=BEGIN + timedelta(days=33))  # a month that has only begun
    await keep(tx, begun, *(talk(code, "keskuksen puhelu", started_at=BEGIN, agent_id="17") for _ in range(2)))
    await keep(tx, *(talk(other, "keskuksen puhelu", started_at=BEGIN) for _ in range(2)))
    query, analyser = read("lämmönjakokeskus"), morphology.analyser()
    wanted = terms.terms(query, analyser)
    words = near.words_of(wanted, query.words, analyser)

    async def common(codes: Sequence[str], often: int, filters: Filters) -> frozenset[str]:
        look = await index_words.look_for(tx, wanted.template(filters), filters, frozenset(codes))
        assert look is not None
        return await near.common_runs(tx, look, words, often)

    assert await common([code], 2, Filters()) == {"keskuk"}
    assert await common([code], 3, Filters()) == frozenset()
    assert await common([code, other], 4, Filters()) == {"keskuk"}
    assert await common([code], 2, Filters(agent="17")) == {"keskuk"}
    assert await common([code], 1, Filters(agent="18")) == frozenset()


async def test_a_short_word_is_never_asked_for_two_runs_at_a_time(tx: AsyncConnection) -> None:
    code = await company(tx)
    found = [talk(code, MISHEARD), talk(code, MERGED)]
    await keep(tx, *found)
    assert set(await ids(tx, "sähkölasku", [code], common=1)) == {one.id for one in found}


async def test_pages_of_many_candidates_are_whole_and_in_order(tx: AsyncConnection) -> None:
    """More candidates than one portion, in months that are looked at together, few of them hits."""
    code = await company(tx)
    talks = [
        talk(code, MISHEARD if n % 40 == 0 else "sähkölaitoksen laskelma", started_at=BEGIN + timedelta(hours=7 * n))
        for n in range(320)
    ]
    await keep(tx, *talks)
    wanted = [one.id for one in reversed(talks) if talks.index(one) % 40 == 0]
    assert await ids(tx, "sähkölasku", [code]) == wanted
    first = await ask(tx, "sähkölasku", [code], need=3)
    assert [hit.interaction_id for hit in first.hits] == wanted[:3]
    assert await ids(tx, "sähkölasku", [code], after=first.reached) == wanted[3:]
    short = await ask(tx, "sähkölasku", [code], most=100)
    assert [hit.interaction_id for hit in short.hits] == wanted[: len(short.hits)]
    assert 0 < len(short.hits) < len(wanted)
    assert await ids(tx, "sähkölasku", [code], after=short.reached) == wanted[len(short.hits) :]


CANDIDATES, COMMON, LINES = "OFFSET 0", "count(*)", "search_texts"


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, Sequence[Any]], bool]], None]:
    """Let PostgreSQL break off those statements, as it does when they take too long."""
    real = index_words.fetch

    def those(is_slow: Callable[[str, Sequence[Any]], bool]) -> None:
        async def fetch(tx: AsyncConnection, statement: str, *values: Any) -> Sequence[Any]:
            if is_slow(statement, values):
                await real(tx, "SELECT set_config('statement_timeout', '10', true)")
                await real(tx, "SELECT pg_sleep(5)")
            return await real(tx, statement, *values)

        monkeypatch.setattr(near, "fetch", fetch)

    return those


async def pages(tx: AsyncConnection, q: str, code: str, **more: Any) -> list[list[UUID]]:
    """The near hits of every page, until none says that there are others."""
    made: list[list[UUID]] = []
    after: Spot | None = None
    for _ in range(40):
        found = await ask(tx, q, [code], after=after, **more)
        made.append([hit.interaction_id for hit in found.hits])
        if found.reached is None:
            return made
        assert after is None or found.reached < after, "the page did not get on"
        after = found.reached
    raise AssertionError("the pages have no end")


async def test_a_page_cut_in_its_first_month_gets_on_behind_it(tx: AsyncConnection, cut: Any) -> None:
    code, one_month = await company(tx), await company(tx)
    talks = [talk(code, MISHEARD, started_at=BEGIN + timedelta(days=40 * n)) for n in range(3)]
    await keep(tx, *talks, talk(one_month, MISHEARD, started_at=BEGIN))
    cut(lambda statement, _: CANDIDATES in statement)
    first = await ask(tx, "sähkölasku", [code])
    alone = await ask(tx, "sähkölasku", [one_month])
    assert (first.hits, alone.hits) == ((), ())
    assert alone.reached is not None
    assert [found for found in await pages(tx, "sähkölasku", code) if found] == []  # and they come to their end
    cut(lambda *_: False)
    assert await ids(tx, "sähkölasku", [code], after=first.reached) == [talks[1].id, talks[0].id]
    assert await ask(tx, "sähkölasku", [one_month], after=alone.reached) == Near(hits=(), reached=None)


async def test_months_that_are_cut_together_are_looked_at_one_by_one(tx: AsyncConnection, cut: Any) -> None:
    code = await company(tx)
    talks = [talk(code, MISHEARD, started_at=BEGIN + timedelta(days=31 * n)) for n in range(6)]
    await keep(tx, *talks)
    cut(lambda statement, values: CANDIDATES in statement and len({*next(v for v in values if _are_months(v))}) > 1)
    made = await pages(tx, "sähkölasku", code)
    assert [one for page in made for one in page] == [one.id for one in reversed(talks)]
    assert len(made) > 1


def _are_months(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and len(one) == 2 for one in value)


@pytest.mark.parametrize("days", [0.04, 0.7])
async def test_what_was_compared_before_a_cut_is_shown_once_and_the_rest_follows(
    tx: AsyncConnection, cut: Any, days: float
) -> None:
    """Every second fetching of lines is cut: within a month, and with months looked at together."""
    code = await company(tx)
    talks = [
        talk(code, MISHEARD if n % 20 == 0 else "sähkölaitoksen laskelma", started_at=BEGIN + timedelta(days=days * n))
        for n in range(320)
    ]
    await keep(tx, *talks)
    fetched = 0

    def second(statement: str, _: Sequence[Any]) -> bool:
        nonlocal fetched
        fetched += LINES in statement
        return LINES in statement and fetched % 2 == 0

    cut(second)
    made = await pages(tx, "sähkölasku", code)
    assert [one for page in made for one in page] == [one.id for one in reversed(talks) if talks.index(one) % 20 == 0]
    assert len(made) > 2


async def test_a_page_that_cannot_read_any_lines_gets_on(tx: AsyncConnection, cut: Any) -> None:
    code = await company(tx)
    talks = [talk(code, MISHEARD, started_at=BEGIN + timedelta(hours=n)) for n in range(110)]
    await keep(tx, *talks)
    cut(lambda statement, _: LINES in statement)
    first = await ask(tx, "sähkölasku", [code])
    assert first.hits == ()
    cut(lambda *_: False)
    rest = await ids(tx, "sähkölasku", [code], after=first.reached)
    assert rest == [one.id for one in reversed(talks[: 110 - near.FIRST])]


async def test_what_only_saves_work_is_done_without_when_it_is_cut(tx: AsyncConnection, cut: Any) -> None:
    code = await company(tx)
    talks = [talk(code, TWO_RUNS, started_at=BEGIN + timedelta(days=40 * n)) for n in range(2)]
    await keep(tx, *talks, talk(code, TWO_RUNS, started_at=BEGIN))
    for one in talks:
        linked = {"company": code, "customer_number": "100", "status": "linked", "evidence": ["phone"]}
        await tx.execute(links.insert().values(interaction_id=one.id, made_at=BEGIN, **linked))
    asked = Filters(customer="100")
    for slow in (COMMON, index_statements.LINKED, "k (id)\n    JOIN search_rows"):
        tried: list[str] = []

        def is_slow(statement: str, _: Sequence[Any], slow: str = slow, tried: list[str] = tried) -> bool:
            tried.extend([statement] if slow in statement else [])
            return slow in statement

        cut(is_slow)
        filters = Filters(agent=None) if slow == COMMON else asked
        found = [one for page in await pages(tx, "lämmönjakokeskus", code, filters=filters) for one in page]
        assert tried
        assert [one for one in found if one in {talks[0].id, talks[1].id}] == [talks[1].id, talks[0].id]
        assert len(found) == (3 if slow == COMMON else 2)


async def test_a_long_contact_is_looked_at_for_phrases_and_what_must_not_be_there(tx: AsyncConnection) -> None:
    """The index does not know every position of it: the words stand in it, but not side by side."""
    code = await company(tx)
    apart = talk(code, "siitä", *["jo"] * 300, "hyvityksestä", MISHEARD)
    beside = talk(code, *["jo"] * 300, "siitä hyvityksestä", MISHEARD, started_at=BEGIN)
    await keep(tx, apart, beside)

    def cut_of(q: str, row: Any, likes: Any) -> Any:
        query, analyser = read(q), morphology.analyser()
        return snippets.cut_near(row, likes, terms.terms(query, analyser), analyser)

    found = {hit.interaction_id: hit.likes for hit in (await ask(tx, 'sähkölasku "siitä hyvityksestä"', [code])).hits}
    rows = await index_words.rows_of(tx, [apart.id, beside.id])
    assert found.keys() == {apart.id, beside.id}  # to be looked at: see `search.buckets.long_mark`
    for one, is_hit in ((apart, False), (beside, True)):
        for q in ('sähkölasku "siitä hyvityksestä"', 'sähkölasku -"siitä hyvityksestä"'):
            made = cut_of(q, rows[one.id], found[one.id])
            assert (made is not None) == (is_hit != ("-" in q))
            assert made is None or [piece for piece, is_word in made[0].pieces if is_word] == ["sähkölas", "kuni"]
        assert snippets.cut_near(rows[one.id], found[one.id])
