"""The intake page: counts of the day, the inbox of unsure links, the dead letters, and who may see what."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientResponse

from archive.domain.access import Role
from archive.domain.interactions import DeriveState
from archive.store import interactions, jobs, links, refusals, trail
from archive.store.arrivals import Arrivals
from ingest.decoding import Reason
from ingest.intake_view import CHART_HEIGHT, MAX_SERIES, OTHERS, Day, chart
from tests.audio import call
from tests.house import House

ZONE = ZoneInfo("Europe/Helsinki")


async def page(
    house: House, role: Role = Role.HANDLER, companies: Any = "own", query: str = "", lang: str = "en"
) -> str:
    headers = await house.headers(role, companies, **{"Accept-Language": lang})
    answer = await house.client.get(f"/intake{query}", headers=headers)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def post(house: House, path: str, role: Role = Role.HANDLER, **form: str) -> ClientResponse:
    return await house.client.post(path, data=form, headers=await house.headers(role), allow_redirects=False)


async def customer(house: House, number: str, phone: str, name: str) -> None:
    """A customer of the house's company, mirrored as the CRM would."""
    document = {"company": house.company, "name": name, "kind": "natural", "phones": [phone]}
    headers = await house.headers(Role.ADMIN)
    answer = await house.client.put(f"/api/v1/customers/{number}", json=document, headers=headers)
    assert answer.status == 201, await answer.text()


async def doubtful(house: House) -> UUID:
    """A contact whose phone number belongs to two customers."""
    phone = f"+35840{uuid4().int % 10**7:07}"
    await customer(house, "100", phone, "Aino <b>Esimerkki</b>")
    await customer(house, "200", phone, "Eero Esimerkki")
    receipt = await house.kept(audio=call(), parties=[{"role": "customer", "phone": phone}], queue="Laskutus")
    assert [link["status"] for link in receipt["links"]] == ["suggested", "suggested"]
    return UUID(receipt["id"])


async def statuses(house: House, contact: UUID) -> dict[str, str]:
    async with house.services.db.begin() as tx:
        found = await links.of_interaction(tx, house.company, contact)
    return {link.customer_number: link.status.value for link in found}


async def dead(house: House, contact: UUID) -> UUID:
    """A job that failed for good."""
    payload = {"interaction": str(contact), "part": str(uuid4())}
    async with house.services.db.begin() as tx:
        await interactions.set_derived(tx, contact, DeriveState.FAILED, None)
        return await jobs.bury(
            tx,
            "derive",
            payload,
            company=house.company,
            reason=Reason.CRASHED,
            attempts=3,
            now=datetime.now(UTC),
        )


# ----------------------------------------------------------------------- the chart


def arrival(hour: datetime, source: str, count: int) -> Arrivals:
    return Arrivals(hour=hour, source=source, count=count)


def test_a_day_has_the_hours_that_the_clocks_give_it() -> None:
    assert [len(Day.of(day, ZONE).hours) for day in (date(2026, 3, 29), date(2026, 6, 1), date(2026, 10, 25))] == [
        23,
        24,
        25,
    ]
    assert Day.of(date(2026, 10, 25), ZONE).hours[4].isoformat() == "2026-10-25T03:00:00+02:00"


def test_the_bars_are_stacked_and_fill_the_height() -> None:
    day = Day.of(date(2026, 11, 24), ZONE)
    drawn = chart(
        day, [arrival(day.hours[9], "pbx", 30), arrival(day.hours[9], "app", 10), arrival(day.hours[10], "app", 5)]
    )
    assert (drawn.top, drawn.total, [source for source, _ in drawn.series]) == (40, 45, ["pbx", "app"])
    bottom, top = drawn.bars[9].blocks
    assert (bottom.y + bottom.height, top.y, top.y + top.height) == (CHART_HEIGHT, 0, bottom.y)
    assert [bar.label for bar in drawn.busy] == ["09", "10"]
    assert all(bar.x >= 0 and bar.x + bar.width <= 100 for bar in drawn.bars)


def test_small_sources_are_put_together() -> None:
    day = Day.of(date(2026, 11, 24), ZONE)
    drawn = chart(day, [arrival(day.hours[0], f"pbx-{n}", 100 - n) for n in range(MAX_SERIES + 3)])
    assert [source for source, _ in drawn.series][-1] == OTHERS
    assert drawn.bars[0].blocks[-1].count == sum(100 - n for n in range(MAX_SERIES, MAX_SERIES + 3))
    assert chart(day, []).top == 0


# ------------------------------------------------------------------------ the page


async def test_what_came_in_is_counted_by_source(house: House) -> None:
    for source in ("pbx-lahti", "pbx-lahti", "pbx-verkko"):
        assert (await house.push(source=source)).status == 201
    text = await page(house)
    assert re.search(r"Kept</dt><dd>3<", text)
    assert re.search(r"pbx-lahti</th><td[^>]*>2<", text)
    assert "pbx-verkko: 1</title>" in text
    assert "style=" not in text
    yesterday = datetime.now(ZONE).date() - timedelta(days=1)
    assert re.search(r"Kept</dt><dd>0<", await page(house, query=f"?day={yesterday}"))


async def test_the_page_speaks_three_languages(house: House) -> None:
    await doubtful(house)
    assert "Epävarmat linkitykset" in await page(house, lang="fi")
    assert "Osäkra kopplingar" in await page(house, lang="sv")
    assert "Unsure links" in await page(house, lang="en")


async def test_another_companys_pushes_are_not_even_counted(house: House) -> None:
    other = await house.another_company()
    assert (await house.push(source="pbx-other")).status == 201
    headers = await house.headers(Role.HANDLER, (other,))
    text = await (await house.client.get("/intake", headers=headers)).text()
    assert "pbx-other" not in text
    assert "Refused" not in text.replace("Refuse<", "")


async def test_refusals_and_orphans_are_told_to_those_who_see_every_company(house: House) -> None:
    async with house.services.db.begin() as tx:
        await refusals.count(tx, source="pbx-odd", code="unsupported-media-type", now=datetime.now(UTC))
    text = await page(house, Role.ADMIN, None)
    assert re.search(r"pbx-odd</th>.*?1 × <code>unsupported-media-type</code>", text, re.DOTALL)
    assert "Orphan objects swept" in text
    assert "pbx-odd" not in await page(house, Role.ADMIN)


async def test_the_inbox_names_who_it_may_be_and_why(house: House) -> None:
    contact = await doubtful(house)
    text = await page(house)
    assert f"/interactions/{contact}/links/100/accept" in text
    assert "Aino &lt;b&gt;Esimerkki&lt;/b&gt;" in text
    assert "phone number" in text
    assert 'data-key="a"' in text
    assert 'data-key="r"' in text


async def test_looking_at_the_inbox_is_on_the_trail(house: House) -> None:
    await doubtful(house)
    await page(house)
    async with house.services.db.begin() as tx:
        events = await trail.page(tx, frozenset({house.company}), action="search:interaction:searched")
    assert events[0].event.detail == {"page": "intake", "contacts": 1}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.DPO])
async def test_who_may_not_decide_sees_no_customer(house: House, role: Role) -> None:
    contact = await doubtful(house)
    text = await page(house, role)
    assert "Esimerkki" not in text
    assert str(contact) not in text
    assert (await post(house, f"/interactions/{contact}/links/100/accept", role)).status == 403


@pytest.mark.parametrize("role", [Role.TELEPHONY, Role.REVIEWER])
async def test_who_has_no_business_here_is_refused(house: House, role: Role) -> None:
    assert (await house.client.get("/intake", headers=await house.headers(role))).status == 403
    assert (await post(house, f"/intake/dead-letters/{uuid4()}/retry", role)).status == 403


async def test_a_wrong_day_is_refused(house: House) -> None:
    for query in ("?day=yesterday", "?day=9999-12-31", "?dag=2026-11-24"):
        answer = await house.client.get(f"/intake{query}", headers=await house.headers(Role.HANDLER))
        assert answer.status == 422


# ---------------------------------------------------------------------- the forms


async def test_accepting_links_and_refuses_the_others(house: House) -> None:
    contact = await doubtful(house)
    answer = await post(house, f"/interactions/{contact}/links/100/accept", back="/intake")
    assert (answer.status, answer.headers["Location"]) == (303, "/intake")
    assert await statuses(house, contact) == {"100": "linked", "200": "refused"}
    assert "No link is in doubt." in await page(house)


async def test_refusing_leaves_the_other(house: House) -> None:
    contact = await doubtful(house)
    await post(house, f"/interactions/{contact}/links/100/refuse")
    assert await statuses(house, contact) == {"100": "refused", "200": "suggested"}


async def test_a_second_decision_changes_nothing_and_says_so(house: House) -> None:
    contact = await doubtful(house)
    await post(house, f"/interactions/{contact}/links/100/accept")
    answer = await post(house, f"/interactions/{contact}/links/200/accept")
    assert answer.status == 303
    assert "decided" in answer.cookies["tallenne_notice"].value
    assert await statuses(house, contact) == {"100": "linked", "200": "refused"}


async def test_a_link_by_hand_and_its_end(house: House) -> None:
    await customer(house, "300", "+358401112233", "Liisa Esimerkki")
    contact = (await house.kept())["id"]
    answer = await post(house, f"/interactions/{contact}/links", customer_number="300", back=f"/interactions/{contact}")
    assert answer.headers["Location"] == f"/interactions/{contact}"
    assert await statuses(house, UUID(contact)) == {"300": "linked"}
    await post(house, f"/interactions/{contact}/links/300/undo", reason="wrong person", back="/intake")
    assert await statuses(house, UUID(contact)) == {"300": "undone"}
    unknown = await post(house, f"/interactions/{contact}/links", customer_number="999")
    assert "no%20customer" in unknown.cookies["tallenne_notice"].value.replace("+", "%20")


async def test_going_back_never_leaves_the_house(house: House) -> None:
    contact = await doubtful(house)
    answer = await post(house, f"/interactions/{contact}/links/100/refuse", back="//example.org/")
    assert answer.headers["Location"] == "/"


async def test_another_companys_contact_cannot_be_decided_about(house: House) -> None:
    contact = await doubtful(house)
    headers = await house.headers(Role.HANDLER, (await house.another_company(),))
    answer = await house.client.post(f"/interactions/{contact}/links/100/accept", headers=headers, data={"back": "/"})
    assert answer.status == 404
    assert await statuses(house, contact) == {"100": "suggested", "200": "suggested"}


async def test_a_dead_letter_shows_its_reason_and_can_be_tried_again(house: House) -> None:
    contact = UUID((await house.kept())["id"])
    letter = await dead(house, contact)
    assert Reason.CRASHED.value in await page(house, Role.ADMIN)
    assert "Purkuohjelma kaatui" in await page(house, Role.ADMIN, lang="fi")
    handler = await page(house, Role.HANDLER)
    assert Reason.CRASHED.value in handler
    assert "/retry" not in handler
    assert (await post(house, f"/intake/dead-letters/{letter}/retry", Role.ADMIN)).status == 303
    assert (await post(house, f"/intake/dead-letters/{letter}/retry", Role.ADMIN)).status == 404
    assert "No job has failed." in await page(house, Role.ADMIN)
    async with house.services.db.begin() as tx:
        kept = await interactions.get(tx, contact, None)
        assert (await jobs.queue_depth(tx))["derive"] > 0
    assert kept is not None
    assert kept.derive_state is DeriveState.WAITING


async def test_a_dead_letter_of_another_company_is_not_there(house: House) -> None:
    letter = await dead(house, UUID((await house.kept())["id"]))
    headers = await house.headers(Role.ADMIN, (await house.another_company(),))
    answer = await house.client.post(f"/intake/dead-letters/{letter}/retry", headers=headers, data={"back": "/"})
    assert answer.status == 404
