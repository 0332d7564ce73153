"""Near hits on the real database: what was misheard follows what was heard, marked, within reach, page by page."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.filters import Filters
from archive.store.tables import companies, links
from search import index_words, listing, morphology, near, terms
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
