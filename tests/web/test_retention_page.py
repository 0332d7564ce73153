"""The retention page: what each role sees, the forms, and the words in three languages."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse
from babel.messages.pofile import read_po

from archive.domain.access import Role
from archive.domain.retention import AWAITED, Why
from archive.store import disposals, holds, policies
from archive.web.templating import package_folder
from retention import disposal, rules
from retention.jobs import HANDLERS
from retention.page_view import FORECAST_MONTHS, TRIGGERS, months_of
from tests.house import House
from tests.keeping import keep

OLD = "2022-03-01T10:00:00+02:00"


async def page(
    house: House, role: Role = Role.DPO, path: str = "/retention", *, companies: Any = "own", lang: str = "en"
) -> str:
    headers = await house.headers(role, companies, **{"Accept-Language": lang})
    answer = await house.client.get(path, headers=headers)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def post(house: House, path: str, role: Role = Role.DPO, **form: str) -> ClientResponse:
    headers = await house.headers(role, **{"Accept-Language": "en"})
    return await house.client.post(path, data=form, headers=headers, allow_redirects=False)


def notice(answer: ClientResponse) -> str:
    assert answer.status == 303
    return unquote(answer.cookies["tallenne_notice"].value)


async def with_policy(house: House, **more: str) -> str:
    name = f"p-{house.company}"
    form = {"name": name, "company": house.company, "keep": "P24M", **more}
    answer = await post(house, "/retention/policies", Role.DPO, **form)
    assert answer.status == 303, await answer.text()
    return name


async def test_an_empty_page_says_what_would_be_here(house: House) -> None:
    shown = await page(house)
    for text in ("Nothing is held.", "Nothing has been destroyed yet.", "Nothing is left from before this month."):
        assert text in shown
    assert house.services.keyring.public_key.hex() in shown
    assert "/api/v1/disposals/public-key" in shown


async def test_a_policy_is_saved_shown_in_words_and_changed(house: House) -> None:
    name = await with_policy(house, channel="call", category="valitus")
    shown = await page(house)
    assert name in shown
    assert "24 months" in shown
    assert "valitus" in shown
    assert "24 kuukautta" in await page(house, lang="fi")
    (link,) = re.findall(rf'href="(/retention\?policy={name}[^"]*)"', shown)
    change = await page(house, path=html.unescape(link))
    assert "Change a policy" in change
    assert re.search(rf'name="name" type="text" value="{name}"', change)
    await with_policy(house, channel="call", category="valitus", keep="P3Y")
    assert "3 years" in await page(house)


async def test_a_refused_policy_keeps_what_was_typed(house: House) -> None:
    await with_policy(house)
    form = {"name": "toinen<b>", "company": house.company, "keep": "24 kk", "channel": "call"}
    answer = await post(house, "/retention/policies", Role.DPO, **form)
    text = await answer.text()
    assert answer.status == 422
    assert "toinen&lt;b&gt;" in text
    assert 'value="24 kk"' in text
    assert 'role="alert"' in text
    tied = await post(house, "/retention/policies", name="kolmas", company=house.company, keep="P1Y")
    assert tied.status == 422
    assert "another policy decides" in await tied.text()
    async with house.services.db.begin() as tx:
        known = [rule.name for rule in await policies.rules(tx) if rule.company == house.company]
    assert known == [f"p-{house.company}"]


@pytest.mark.parametrize("role", [Role.HANDLER, Role.DPO, Role.ADMIN])
async def test_each_role_sees_its_part(house: House, role: Role) -> None:
    await with_policy(house)
    contact = str((await house.kept(started_at=OLD))["id"])
    headers = await house.headers(Role.HANDLER)
    body = {"reason": "Valitus 12", "ids": [contact]}
    assert (await house.client.post("/api/v1/holds", json=body, headers=headers)).status == 201
    shown = await page(house, role)
    assert ("/retention/policies" in shown) == (role is not Role.HANDLER)
    assert ("/retention/disposals" in shown) == (role is not Role.HANDLER)
    assert ('id="preview"' in shown) == (role is not Role.HANDLER)
    assert ("Valitus 12" in shown) == (role is not Role.ADMIN)


@pytest.mark.parametrize("role", [Role.TELEPHONY, Role.REVIEWER])
async def test_others_do_not_come_in(house: House, role: Role) -> None:
    for path in ("/retention", f"/holds/{uuid4()}"):
        answer = await house.client.get(path, headers=await house.headers(role))
        assert answer.status == 403, path


async def test_a_preview_says_what_would_go_and_why(house: House) -> None:
    name = await with_policy(house)
    due = str((await house.kept(started_at=OLD))["id"])
    held = str((await house.kept(started_at=OLD))["id"])
    await post(house, "/holds", reason="Valitus", ids=held)
    shown = await page(house, path=f"/retention?as_of={date.today()}")  # noqa: DTZ011 - any day will do
    assert "1 contact would be destroyed" in shown
    assert "1 contact is held" in shown
    assert due in shown
    assert f"Policy {name} keeps this contact for 24 months after it ended." in shown
    assert f'href="/interactions/{due}"' in shown
    as_admin = await page(house, Role.ADMIN, "/retention?as_of=2026-01-01")
    assert due in as_admin
    assert f'href="/interactions/{due}"' not in as_admin
    later = await page(house, path="/retention?as_of=2030-01-01")
    assert "Due by the end of" in later


async def test_the_next_page_of_a_preview_leads_back_to_the_sums(house: House) -> None:
    await with_policy(house)
    await keep(house.services, house.company, 51)
    first = await page(house, path="/retention?as_of=2030-01-01")
    assert "51 contacts would be destroyed" in first
    (link,) = re.findall(r'href="(/retention\?[^"]*cursor=[^"]+)"', first)
    second = await page(house, path=html.unescape(link))
    assert "would be destroyed" not in second
    assert 'id="lines"' in second
    assert 'href="/retention?as_of=2030-01-01#preview"' in second
    assert len(re.findall(r'id="sums"', first + second)) == 1


async def test_holds_are_placed_shown_and_released_by_forms(house: House) -> None:
    contact = str((await house.kept(started_at=OLD))["id"])
    placed = await post(
        house, "/holds", Role.HANDLER, reason="Valitus <7>", ids=contact, back=f"/interactions/{contact}"
    )
    assert notice(placed).startswith("The hold was placed")
    assert placed.headers["Location"] == f"/interactions/{contact}"
    assert "Valitus &lt;7&gt;" in await page(house, Role.HANDLER)
    async with house.services.db.begin() as tx:
        (hold,) = await holds.page(tx, frozenset({house.company}))
    shown = await page(house, Role.HANDLER, f"/holds/{hold.id}")
    assert f"/interactions/{contact}" in shown
    assert "Next page" not in shown
    path = f"/holds/{hold.id}/release"
    released = await post(house, path, Role.HANDLER, reason="Sovittu", back="//elsewhere.example")
    assert notice(released).startswith("The hold was released")
    assert released.headers["Location"] == "/"
    again = await post(house, path, Role.HANDLER, reason="Sovittu")
    assert "released already" in notice(again)
    other = await house.another_company()
    for method, address in (("GET", f"/holds/{hold.id}"), ("POST", path)):
        answer = await house.client.request(
            method, address, data={"reason": "x"}, headers=await house.headers(Role.HANDLER, (other,))
        )
        assert answer.status == 404


async def test_the_contacts_of_a_hold_are_turned_over_page_by_page(house: House) -> None:
    ids = sorted([str((await house.kept(started_at=OLD))["id"]) for _ in range(3)])
    headers = await house.headers(Role.HANDLER)
    answer = await house.client.post("/api/v1/holds", json={"reason": "Valitus", "ids": ids}, headers=headers)
    path = f"/holds/{(await answer.json())['id']}"
    first = await page(house, Role.HANDLER, f"{path}?limit=2")
    (link,) = re.findall(rf'href="({path}\?[^"]+)"', first)
    second = await page(house, Role.HANDLER, html.unescape(link))
    seen = [re.findall(r'href="/interactions/([^"]+)"', text) for text in (first, second)]
    assert seen == [ids[:2], ids[2:]]
    assert "Next page" not in second
    assert f'href="{path}"' in second


@pytest.mark.parametrize("trigger", ["case_closed", "contract_end"])
async def test_a_policy_that_waits_for_an_event_says_that_it_gives_no_date(house: House, trigger: str) -> None:
    assert AWAITED not in await page(house)
    await with_policy(house, trigger=trigger)
    assert AWAITED in await page(house)
    assert "ilman määräpäivää" in await page(house, lang="fi")


async def test_a_disposal_is_started_and_its_certificate_offered(house: House) -> None:
    await with_policy(house)
    await house.kept(started_at=OLD)
    started = await post(house, "/retention/disposals")
    assert "disposal was started" in notice(started)
    async with house.services.db.begin() as tx:
        (begun,) = await disposals.page(tx, frozenset({house.company}))
    assert "comes with the end" in await page(house)
    await HANDLERS[disposal.DISPOSE](house.services, {"disposal": str(begun.id)})
    shown = await page(house)
    assert f"/api/v1/disposals/{begun.id}/certificate" in shown
    destroyed = await post(house, "/holds", reason="too late", ids=str(await _destroyed(house, begun.id)))
    assert "no hold was placed" in notice(destroyed)


async def _destroyed(house: House, disposal_id: UUID) -> UUID:
    async with house.services.db.begin() as tx:
        document = await disposals.certificate(tx, None, disposal_id)
    assert document is not None
    return UUID(document["body"]["items"][0]["interaction"])


async def test_the_forecast_counts_what_falls_due(house: House) -> None:
    await with_policy(house)
    started = datetime.now(UTC) - timedelta(days=700)
    for moment in (started, started):
        await house.kept(started_at=moment.isoformat())
    await house.kept(started_at=OLD)
    await HANDLERS[rules.REDATE](house.services, {"company": house.company})
    shown = await page(house)
    assert "1 contact fell due before this month" in shown
    assert re.search(r"<title>\d+/\d+: 2</title>", shown)


def test_months_are_whole_and_in_order() -> None:
    counted = [("2026-10", "p", 4), ("2026-11", "p", 1), ("2026-11", "q", 2), ("2028-04", None, 5), ("2028-05", "p", 9)]
    months, overdue = months_of(counted, date(2026, 11, 24))
    assert overdue == 4
    assert len(months) == FORECAST_MONTHS
    assert (months[0].label, months[0].count) == ("11/2026", 3)
    assert (months[-1].label, months[-1].count) == ("4/2028", 5)
    assert [month.first for month in months] == sorted({month.first for month in months})


def test_every_word_of_the_page_has_its_finnish_and_swedish() -> None:
    templates = (package_folder("retention") / "templates").glob("*.html")
    text = "".join(file.read_text() for file in templates)
    used = set(re.findall(r'_\("((?:[^"\\]|\\.)+)"', text)) | {*TRIGGERS.values(), *Why, AWAITED}
    for language in ("fi", "sv"):
        known = set()
        for package in ("archive", "retention"):
            folder = package_folder(package) / ("web/locale" if package == "archive" else "locale")
            with (folder / language / "messages.po").open("rb") as file:
                known |= {message.id for message in read_po(file) if message.string and isinstance(message.id, str)}
        assert used - known == set(), language
