"""Searching words over HTTP: snippets at their moment, hostile queries, the trail, patience, and what sounds alike."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.domain.access import Action, Role
from archive.store.tables import search_rows, trail_events
from search import index_words, pairs
from tests.house import House
from tests.searching import BEGIN, keep, talk


async def search(house: House, **query: str) -> dict[str, Any]:
    answer = await house.client.get("/api/v1/search", params=query, headers=await house.headers(Role.HANDLER))
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def kept(house: House, *texts: str, **more: Any) -> str:
    said = talk(house.company, *texts, **more)
    async with house.services.db.begin() as tx:
        await keep(tx, said)
    return str(said.id)


async def test_a_hit_shows_where_and_when_the_words_were_said(house: House) -> None:
    contact = await kept(house, "hyvää päivää täällä energiayhtiö", "hinta pysyy samana toukokuuhun asti")
    found = await search(house, q='"hinta pysyi" toukokuu')
    (hit,) = found["items"]
    assert (hit["id"], hit["match"]) == (contact, "sure")
    assert hit["snippets"] == [
        {
            "html": "<mark>hinta</mark> <mark>pysyy</mark> samana <mark>toukokuuhun</mark> asti", "part": "transcript",
            "start_s": 10.0, "speaker": "agent", "end_s": 20.0, "at": None, "kind": "sure",
        }
    ]  # fmt: skip
    assert [one["word"] for one in found["understood"]] == ["toukokuu", "hinta", "pysyi"]


async def test_the_passages_with_the_most_words_come_first_three_at_most(house: House) -> None:
    await kept(house, "lasku tuli", "puhutaan muusta", "hinta on tämä", "lasku ja hinta", "lasku", "hinta")
    snippets = (await search(house, q="lasku hinta"))["items"][0]["snippets"]
    assert [(one["html"].count("<mark>"), one["start_s"]) for one in snippets] == [(2, 30.0), (1, 0.0), (1, 20.0)]


async def test_a_long_passage_is_cut_around_the_word_between_words(house: House) -> None:
    await kept(house, "alku " * 100 + "sähkölaskustani puhuin " + "loppu " * 100)
    (snippet,) = (await search(house, q="sähkölasku"))["items"][0]["snippets"]
    plain = re.sub("</?mark>", "", snippet["html"])
    assert plain.startswith("… alku ")
    assert plain.endswith("loppu …")
    assert "<mark>sähkölaskustani</mark> puhuin" in snippet["html"]
    assert len(plain) <= 170
    assert 4 <= snippet["start_s"] <= 6


async def test_texts_are_escaped_and_only_the_marks_are_html(house: House) -> None:
    text = '<script>alert("lasku")</script> <mark>lasku</mark> & lasku\' <img src=x onerror=lasku>'
    await kept(house, text)
    (snippet,) = (await search(house, q="lasku"))["items"][0]["snippets"]
    bare = snippet["html"].replace("<mark>lasku</mark>", "lasku")
    assert not set(bare) & set("<>\"'")
    assert html.unescape(bare) == text
    assert snippet["html"].count("<mark>lasku</mark>") == 4


async def test_words_of_a_search_are_on_the_trail_veiled(house: House) -> None:
    await search(house, q='Matti "Maija Meikäläinen" -salaisuus')
    async with house.services.db.begin() as tx:
        event = (
            await tx.execute(
                trail_events.select().where(
                    trail_events.c.companies == [house.company], trail_events.c.action == Action.SEARCHED
                )
            )
        ).one()
    words = house.services.veil("words", 'Matti "Maija Meikäläinen" -salaisuus')
    assert event.detail == {"words": words, "hits": 0, "first_page": True}


async def test_a_hit_in_a_contact_too_long_for_positions_is_found_by_its_text(house: House) -> None:
    filler = ["jaa niin no joo sitten " * 4] * 850  # 17,000 words: more than the index has positions for
    contact = await kept(house, "hinta pysyy", *filler, "vakuutus kattaa vahingon", "vahingon vakuutus")
    (hit,) = (await search(house, q='"vakuutus kattaa"'))["items"]
    assert hit["id"] == contact
    assert hit["snippets"][0]["html"] == "<mark>vakuutus</mark> <mark>kattaa</mark> vahingon"
    assert hit["snippets"][0]["start_s"] == 8510.0
    assert (await search(house, q='"kattaa vakuutus"'))["items"] == []
    assert (await search(house, q='hinta -"vakuutus kattaa"'))["items"] == []
    assert len((await search(house, q='hinta -"kattaa vakuutus"'))["items"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "'", "lasku'; DROP TABLE search_rows; --", "lasku & !hinta | (x", "lasku:*", "\\", "'lasku' <-> 'x'",
        "%s $1 {fits}",
        "\x00", "\x01lasku", "a" * 500, "ä " * 250, "\u202elasku", "👩‍👩‍👧‍👦 lasku", "\ud7ff", "ﬀ ſ İ ß", "1" * 400,
        "0401234567 " * 40,
    ],
    ids=lambda text: ascii(text[:12]),
)  # fmt: skip
async def test_hostile_queries_are_answered_or_refused(house: House, text: str) -> None:
    await kept(house, "lasku")
    answer = await house.client.get("/api/v1/search", params={"q": text}, headers=await house.headers(Role.HANDLER))
    assert answer.status in {200, 422}, await answer.text()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), sort=st.sampled_from(["newest", "relevance"]))
async def test_any_text_is_answered_or_refused(house: House, text: str, sort: str) -> None:
    answer = await house.client.get(
        "/api/v1/search", params={"q": text, "sort": sort, "facets": "1"}, headers=await house.headers(Role.HANDLER)
    )
    assert answer.status in {200, 422}, await answer.text()


@pytest.mark.parametrize("query", [{"q": "lasku"}, {"q": "lasku", "facets": "1"}, {"queue": "x"}], ids=str)
async def test_a_search_that_takes_too_long_is_told_to_be_narrowed(
    house: House, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_words, "STEP_MS", 100)
    headers = await house.headers(Role.HANDLER)
    await kept(house, "lasku")
    async with house.services.db.begin() as tx:
        await tx.exec_driver_sql("LOCK TABLE search_rows, parties, hold_items IN ACCESS EXCLUSIVE MODE")
        answer = await house.client.get("/api/v1/search", params=query, headers=headers)
        problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, "too-wide")
    assert "narrow it" in problem["errors"][0]["message"]


async def test_a_phrase_is_found_in_rows_of_older_rules_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "of", lambda _: iter(()))
    contact = await kept(house, "hinta pysyy samana")
    monkeypatch.undo()
    async with house.services.db.begin() as tx:
        await tx.execute(search_rows.update().where(search_rows.c.company == house.company).values(analyser="older"))
    found = await search(house, q='"hinta pysyy"')
    assert [hit["id"] for hit in found["items"]] == [contact]
    assert found["coverage"]["outdated"] == 1


# ------------------------------------------------------------ near hits


async def test_what_sounds_alike_follows_the_sure_hits_and_may_be_hidden(house: House) -> None:
    sure = await kept(house, "soitan sähkölaskusta")
    near = [
        await kept(house, "soitan tästä säh kolaskustani", started_at=BEGIN + timedelta(hours=hour)) for hour in (1, 2)
    ]
    await kept(house, "puhutaan aivan muista asioista", started_at=BEGIN + timedelta(hours=3))
    found = await search(house, q="sähkölasku")
    matches = [(hit["id"], hit["match"]) for hit in found["items"]]
    assert matches == [(sure, "sure"), (near[1], "near"), (near[0], "near")]
    assert found["total"] == {"value": 1, "relation": "eq"}
    (snippet,) = found["items"][1]["snippets"]
    assert (snippet["kind"], snippet["part"], snippet["speaker"]) == ("near", "transcript", "agent")
    assert "<mark>säh</mark> <mark>kolaskustani</mark>" in snippet["html"]
    hidden = await search(house, q="sähkölasku", near="0")
    assert [hit["id"] for hit in hidden["items"]] == [sure]
    assert hidden["next"] is None


@pytest.mark.parametrize("limit", ["1", "2", "3"])
async def test_pages_go_on_from_sure_hits_into_near_ones(house: House, limit: str) -> None:
    sure = [await kept(house, "sähkölaskusta", started_at=BEGIN + timedelta(hours=hour)) for hour in (1, 5)]
    near = [await kept(house, "säh kolaskustani", started_at=BEGIN + timedelta(hours=hour)) for hour in (9, 4, 2)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(9):
        found = await search(house, q="sähkölasku", limit=limit, **cursor)
        seen += [hit["id"] for hit in found["items"]]
        if found["next"] is None:
            break
        cursor = {"cursor": found["next"]}
    assert seen == [*reversed(sure), *near]
