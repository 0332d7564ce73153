"""The trail outlives what it tells of: nothing in it says who a contact or a search was about, yet it can be asked."""

import json
from typing import Any

from sqlalchemy import select

from archive.domain.access import Action, Role
from archive.domain.trail import VEIL
from archive.store.tables import trail_events
from archive.web.i18n import LANGUAGE_COOKIE
from tests.house import House
from tests.web.test_pages import signed_in

NUMBER = "AS-70413"
NAMES = {"customer": NUMBER, "agent": "Matti Meikäläinen", "queue": "010190-900A", "category": "Virtanen Aino"}
PHONE = "+358401239876"


async def details(house: House) -> list[tuple[str, dict[str, Any]]]:
    """What the events of this house's company tell, by action."""
    async with house.services.db.begin() as tx:
        rows = await tx.execute(
            select(trail_events.c.action, trail_events.c.detail)
            .where(trail_events.c.companies.contains([house.company]))
            .order_by(trail_events.c.at)
        )
    return [(row.action, row.detail) for row in rows]


async def work(house: House) -> str:
    """Everything that is done with customers, links, searches and holds; the contact's id."""
    api, handler = house.client, await house.headers(Role.HANDLER)
    customer = {"company": house.company, "name": "Matti Meikäläinen", "kind": "natural", "phones": [PHONE]}
    admin = await house.headers(Role.ADMIN)
    assert (await api.put(f"/api/v1/customers/{NUMBER}", json=customer, headers=admin)).status == 201
    assert (await api.get(f"/api/v1/customers/{NUMBER}", headers=handler)).status == 200
    contact = str((await house.kept(queue=NAMES["queue"]))["id"])
    links = f"/api/v1/interactions/{contact}/links"
    assert (await api.post(links, json={"customer_number": NUMBER}, headers=handler)).status == 201
    asked = {**NAMES, "phone": PHONE, "case": "Virtanen"}
    assert (await api.get("/api/v1/search", params=asked, headers=handler)).status == 200
    hold = {"reason": "a complaint", "search": {"company": house.company, "customer": NUMBER, "queue": NAMES["queue"]}}
    assert (await api.post("/api/v1/holds", json=hold, headers=handler)).status == 201
    assert (await api.delete(f"{links}/{NUMBER}", headers=handler)).status in {200, 204}
    return contact


async def test_the_trail_says_of_nobody_who_it_was(house: House) -> None:
    await work(house)
    told = await details(house)
    actions = {action for action, _ in told}
    assert {Action.SEARCHED, Action.LINK_MADE, Action.LINK_UNDONE, Action.CUSTOMER_WRITTEN, Action.CUSTOMER_SEEN,
            Action.HOLD_PLACED} <= actions  # fmt: skip
    text = json.dumps([detail for _, detail in told], ensure_ascii=False)
    for secret in (*NAMES.values(), PHONE, PHONE[-6:], "Virtanen"):
        assert secret not in text
    made = next(detail for action, detail in told if action == Action.LINK_MADE)
    assert made == {"customer": house.services.veil("customer", NUMBER)}
    assert len(made["customer"]) == len(VEIL) + 16


async def test_one_customer_is_veiled_alike_everywhere_and_another_otherwise(house: House) -> None:
    await work(house)
    veiled = house.services.veil("customer", NUMBER)
    about = [detail.get("customer") or detail["search"]["customer"] for _, detail in await details(house)
             if "customer" in detail or "search" in detail]  # fmt: skip
    assert len(about) == 6
    assert set(about) == {veiled}
    assert house.services.veil("customer", "AS-70414") != veiled
    assert house.services.veil("queue", NUMBER) != veiled


async def test_the_page_of_a_customer_still_says_who_has_looked(house: House) -> None:
    await work(house)
    other = {"company": house.company, "name": "Y", "kind": "natural"}
    admin = await house.headers(Role.ADMIN)
    assert (await house.client.put("/api/v1/customers/2", json=other, headers=admin)).status == 201
    client = await signed_in(house, Role.HANDLER)
    page = await (await client.get(f"/customers/{NUMBER}")).text()
    looks = page.partition("Ketkä ovat katsoneet")[2].partition("</section>")[0]
    assert looks.count("<li>") == 1
    assert "handler" in looks
    page = await (await client.get("/customers/2")).text()
    assert "<li>" not in page.partition("Ketkä ovat katsoneet")[2].partition("</section>")[0]


async def test_the_page_of_the_trail_says_that_a_value_is_hashed(house: House) -> None:
    await work(house)
    client = await signed_in(house, Role.DPO)
    veiled = house.services.veil("customer", NUMBER)
    digits = veiled.removeprefix(VEIL)[:4]
    for language, said in (("fi", "Asiakas: "), ("sv", "Kund: "), ("en", "Customer: ")):
        word = {"fi": "tiiviste", "sv": "kontrollsumma", "en": "hashed value"}[language]
        page = await (await client.get("/trail", cookies={LANGUAGE_COOKIE: language})).text()
        assert f'{said}<span title="{veiled}">{word} {digits}…</span>' in page, language
