"""The search page: filters in the address, hits, preview, words, and its weight."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from archive.domain.access import Action, Role
from archive.store.tables import interactions, trail_events
from tests.house import House
from tests.searching import keep, talk


async def page(house: House, query: str = "", companies: Any = "own", **headers: str) -> tuple[int, str]:
    told = await house.headers(Role.HANDLER, companies, **{"Accept-Language": "en", **headers})
    answer = await house.client.get(f"/{query}", headers=told)
    return answer.status, await answer.text()


async def test_the_address_holds_the_search_and_the_form_shows_it(house: House) -> None:
    one = (await house.kept(queue="Laskutus <b>", agent={"id": "A1", "name": "Kalle"}))["id"]
    other = (await house.kept(queue="Muutto"))["id"]
    status, text = await page(house, "?queue=Laskutus+<b>&from=2026-01-01&phone=&channel=call")
    assert status == 200
    assert f"/interactions/{one}" in text
    assert f"/interactions/{other}" not in text
    assert 'value="Laskutus &lt;b&gt;"' in text
    assert 'value="2026-01-01"' in text
    assert re.search(r'value="call"\s+selected', text)
    assert "1 contact<" in text


async def test_fields_of_the_search_box_become_filters(house: House) -> None:
    one = (await house.kept(agent={"id": "A1"}))["id"]
    await house.kept(agent={"id": "A2"})
    _, text = await page(house, "?q=agent:A1")
    assert text.count("data-row ") == 1
    assert f"/interactions/{one}" in text
    assert 'name="agent" type="text" value="A1"' in text


async def test_words_of_the_search_box_are_searched_and_stay_while_filters_change(house: House) -> None:
    said = talk(house.company, "sähkölaskusta soitan", agent_id="A1")
    async with house.services.db.begin() as tx:
        await keep(tx, said, talk(house.company, "jotain muuta"))
    status, text = await page(house, "?q=lasku+agent:A1")
    assert status == 200
    assert text.count("data-row ") == 1
    assert f"/interactions/{said.id}" in text
    assert 'form="search" value="lasku"' in text
    assert 'name="agent" type="text" value="A1"' in text


async def test_a_query_that_cannot_be_is_answered_with_what_to_do(house: House) -> None:
    status, text = await page(house, "?q=-lasku")
    assert status == 422
    assert "at least one word that must be there" in text
    status, text = await page(house, "?q=%22lasku", **{"HX-Request": "true"})
    assert status == 200
    assert "has no pair" in text
    assert "<html" not in text


async def test_a_wrong_filter_is_said_and_not_dropped(house: House) -> None:
    for query in ("?from=eilen", "?typo=1", "?cursor=xx", "?from=2026-02-01&to=2026-01-01"):
        status, text = await page(house, query)
        assert (status, "could not be made" in text) == (422, True)


async def test_empty_states_say_what_would_be_here(house: House) -> None:
    assert "No contacts yet" in (await page(house))[1]
    assert "No contact fits" in (await page(house, "?queue=x"))[1]
    _, text = await page(house, "?queue=x", **{"Accept-Language": "fi"})
    assert "Mikään yhteydenotto ei täsmää" in text


async def test_the_preview_is_a_look_and_is_on_the_trail(house: House) -> None:
    contact = (await house.kept(parties=[{"role": "customer", "phone": "0401234567"}], queue="Laskutus"))["id"]
    answer = await house.client.get(f"/search/preview/{contact}", headers=await house.headers(Role.HANDLER))
    text = await answer.text()
    assert answer.status == 200
    assert "+358401234567" in text
    assert f'href="/interactions/{contact}"' in text
    async with house.services.db.begin() as tx:
        told = select(trail_events.c.action).where(trail_events.c.companies.contains([house.company]))
        assert Action.INTERACTION_SEEN in set(await tx.scalars(told))
    other = await house.another_company()
    answer = await house.client.get(f"/search/preview/{contact}", headers=await house.headers(Role.HANDLER, (other,)))
    assert answer.status == 404


async def test_fifty_hits_are_light_quick_and_lead_on(house: House) -> None:
    other = await house.another_company()
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    rows = [
        {
            "id": uuid4(), "company": (house.company, other)[n % 2], "channel": "call", "direction": "inbound",
            "started_at": begin + timedelta(minutes=n), "ended_at": begin + timedelta(minutes=n), "duration_s": 75.5,
            "source": "pbx", "external_id": f"row-{n}", "queue": "Laskutus", "agent_name": "Aino Asiakaspalvelija",
            "category": "Laskutus ja maksut", "received_at": begin, "receipt": {},
        }
        for n in range(120)
    ]  # fmt: skip
    async with house.services.db.begin() as tx:
        await tx.execute(interactions.insert(), rows)
    both = (house.company, other)
    await page(house, "", both)
    begun = time.perf_counter()
    _, text = await page(house, "", both)
    took_s = time.perf_counter() - begun
    assert text.count("data-row ") == 50
    assert len(text.encode()) < 60_000
    assert took_s < 1
    found = re.search(r'href="(/\?cursor=[^"]+)"', text)
    assert found is not None
    _, second = await page(house, found[1].removeprefix("/"), both)
    assert set(re.findall(r"preview/([0-9a-f-]+)", text)).isdisjoint(re.findall(r"preview/([0-9a-f-]+)", second))
    assert "120 contacts" in second


async def test_those_who_may_not_search_have_no_search_page(house: House) -> None:
    for role in (Role.TELEPHONY, Role.ADMIN):
        assert (await house.client.get("/", headers=await house.headers(role))).status == 403
    answer = await house.client.get("/", allow_redirects=False)
    assert answer.status == 303


async def test_the_preview_shows_what_was_said_and_that_is_on_the_trail(house: House) -> None:
    said = talk(house.company, "sähkölaskusta soitan", agent_id="A1")
    async with house.services.db.begin() as tx:
        await keep(tx, said)
    answer = await house.client.get(f"/search/preview/{said.id}?q=lasku", headers=await house.headers(Role.HANDLER))
    text = await answer.text()
    assert "<mark>sähkölaskusta</mark>" in text
    assert f"/interactions/{said.id}?q=lasku#t=" in text
    async with house.services.db.begin() as tx:
        c = trail_events.c
        told = select(c.detail).where(c.interaction_id == said.id, c.action == Action.SEARCHED)
        assert [sorted(detail) for detail in await tx.scalars(told)] == [["hits", "words"]]


async def test_no_contact_for_the_filters_is_told_from_nobody_said_so(house: House) -> None:
    async with house.services.db.begin() as tx:
        await keep(tx, talk(house.company, "sähkölaskusta soitan", agent_id="A1"))
    assert "whatever was said in it" in (await page(house, "?q=lasku+agent:nobody"))[1]
    assert "Nobody said so" in (await page(house, "?q=tuulivoima"))[1]


async def test_a_month_of_the_hits_is_a_search_within_it(house: House) -> None:
    talks = [talk(house.company, "lasku", started_at=datetime(2026, month, 14, 12, tzinfo=UTC)) for month in (2, 2, 3)]
    async with house.services.db.begin() as tx:
        await keep(tx, *talks)
    status, text = await page(house, "search/facets?q=lasku&from=2026-02-10")
    assert status == 200
    assert re.findall(r'href="([^"]*)">(\d+/2026)</a> <span class="muted">(\d)<', text) == [
        ("/?q=lasku&amp;from=2026-03-01&amp;to=2026-03-31", "3/2026", "1"),
        ("/?q=lasku&amp;from=2026-02-10&amp;to=2026-02-28", "2/2026", "2"),
    ]
    _, text = await page(house, "?q=lasku&from=2026-02-10&to=2026-02-28")
    assert text.count("data-row ") == 2
