"""What was written in a chat, seen by the API and on the contact's page: for a purpose, masked, on the trail."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive.domain.access import Role
from search.jobs import HANDLERS
from tests import chats
from tests.chats import said
from tests.house import House
from tests.web.test_pages import send, signed_in

SECRET = "010594Y9032"
WRITTEN = [
    said("09:17:00", "a1", "Katsotaan.\r\nHetki vain."),
    said("09:15:00", "c1", f"Hei! Henkilötunnukseni on {SECRET}."),
    said("09:16:00", "c1", "Tilini on FI21 1234 5600 0007 85 <b>"),
]


async def content(house: House, contact: str, **headers: str) -> Any:
    return await house.client.get(
        f"/api/v1/interactions/{contact}/content", headers=await house.headers(Role.HANDLER, **headers)
    )


async def test_messages_come_in_order_and_masked(house: House) -> None:
    receipt = await chats.kept(house, messages=WRITTEN)
    answer = await content(house, receipt["id"], Purpose="verification")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert await answer.json() == {
        "channel": "chat",
        "messages": [
            {
                "number": 1,
                "at": "2026-11-02T07:15:00Z",
                "from": "c1",
                "role": "customer",
                "name": None,
                "text": "Hei! Henkilötunnukseni on [hetu].",
            },
            {
                "number": 2,
                "at": "2026-11-02T07:16:00Z",
                "from": "c1",
                "role": "customer",
                "name": None,
                "text": "Tilini on [iban] <b>",
            },
            {
                "number": 3,
                "at": "2026-11-02T07:17:00Z",
                "from": "a1",
                "role": "agent",
                "name": "Aino Esimerkki",
                "text": "Katsotaan.\nHetki vain.",
            },
        ],
        "attachments": [],
    }


async def test_reading_is_on_the_trail_with_its_purpose(house: House) -> None:
    receipt = await chats.kept(house)
    assert (await content(house, receipt["id"], Purpose="complaint:R-7")).status == 200
    answer = await house.client.get(
        f"/api/v1/trail?interaction={receipt['id']}&action=archive:content:opened",
        headers=await house.headers(Role.DPO),
    )
    (event,) = (await answer.json())["items"]
    assert (event["purpose"], event["detail"]) == ("complaint:R-7", {})


@pytest.mark.parametrize(
    ("purpose", "code"),
    [
        pytest.param({}, "purpose-required", id="none"),
        pytest.param({"Purpose": "complaint"}, "purpose-required", id="no number"),
        pytest.param({"Purpose": "development"}, "purpose-not-allowed", id="another role's"),
    ],
)
async def test_without_its_purpose_nothing_is_told(house: House, purpose: dict[str, str], code: str) -> None:
    receipt = await chats.kept(house)
    answer = await content(house, receipt["id"], **purpose)
    assert (answer.status, (await answer.json())["code"]) == (403, code)


async def test_a_call_has_no_messages_and_a_chat_no_sound(house: House) -> None:
    call, chat = await house.kept(), await chats.kept(house)
    assert (await content(house, call["id"], Purpose="verification")).status == 404
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    assert (await house.client.get(f"/api/v1/interactions/{chat['id']}/audio", headers=headers)).status == 404


async def test_bytes_that_are_not_what_was_kept_are_not_shown(house: House) -> None:
    receipt = await chats.kept(house)
    await damage(house, receipt)
    answer = await content(house, receipt["id"], Purpose="verification")
    assert (answer.status, (await answer.json())["code"]) == (500, "damaged")
    client = await signed_in(house, Role.HANDLER)
    page = await opened(client, receipt["id"])
    assert "Viestejä ei voida näyttää" in page
    assert "tallenne verify" in page


async def damage(house: House, receipt: dict[str, Any]) -> None:
    """Let the row tell of other bytes than lie in the store."""
    async with house.services.db.begin() as tx:
        await tx.execute(
            text("UPDATE parts SET sha256 = sha256(sha256) WHERE interaction_id = :id"), {"id": UUID(receipt["id"])}
        )


async def opened(client: Any, contact: str) -> str:
    """The contact's page once a purpose is stated."""
    path = f"/interactions/{contact}"
    assert (await send(client, f"{path}/purpose", path, kind="verification")).status == 303
    return str(await (await client.get(path)).text())


async def test_the_page_asks_the_purpose_and_then_shows_bubbles(house: House) -> None:
    late = {"at": "2026-11-03T00:01:00+02:00", "from": "c1", "text": "Vielä yksi asia"}
    receipt = await chats.kept(house, messages=[*WRITTEN, late])
    client = await signed_in(house, Role.HANDLER)
    before = await (await client.get(f"/interactions/{receipt['id']}")).text()
    assert "Mihin käyttötarkoitukseen" in before
    assert "Katsotaan" not in before
    page = await opened(client, receipt["id"])
    assert SECRET not in page
    shown = re.findall(r'<li class="bubble (\w+)( next)?" id="(m\d+)">', page)
    assert shown == [
        ("customer", " next", "m1"),
        ("customer", "", "m2"),
        ("agent", " next", "m3"),
        ("customer", " next", "m4"),
    ]
    assert re.findall(r'<li class="day"><h3><time datetime="([^"]+)">([^<]+)', page) == [
        ("2026-11-02", "maanantai 2. marraskuuta 2026"),
        ("2026-11-03", "tiistai 3. marraskuuta 2026"),
    ]
    assert "[iban] &lt;b&gt;" in page
    assert "<audio" not in page
    assert "Aino Esimerkki" in page


async def test_every_showing_of_the_page_is_on_the_trail(house: House) -> None:
    receipt = await chats.kept(house)
    client = await signed_in(house, Role.HANDLER)
    await opened(client, receipt["id"])
    await client.get(f"/interactions/{receipt['id']}")
    client.session.cookie_jar.clear()
    answer = await client.get(
        f"/api/v1/trail?interaction={receipt['id']}&action=archive:content:opened",
        headers=await house.headers(Role.DPO),
    )
    items = (await answer.json())["items"]
    assert [item["purpose"] for item in items] == ["verification"] * 2


async def test_the_record_of_a_chat_says_that_nothing_is_undecoded(house: House) -> None:
    receipt = await chats.kept(house)
    answer = await house.client.get(f"/api/v1/interactions/{receipt['id']}", headers=await house.headers(Role.HANDLER))
    record = await answer.json()
    assert (record["channel"], record["duration_s"], record["derived"]["state"]) == ("chat", None, "done")
    assert [part["kind"] for part in record["parts"]] == ["message"]


async def test_the_search_names_the_message_and_the_place_in_it(house: House) -> None:
    written = [
        said("09:16:00", "a1", "Sähkölaskusi\r\non 😊 oikein."),
        said("09:15:00", "c1", "Hei"),
        said("09:15:30", "c1", ""),
        said("09:17:00", "c1", f"Ei laskut ole! Tunnus {SECRET}"),
    ]
    receipt = await chats.kept(house, messages=written, language="fi")
    await HANDLERS["search.index"](house.services, {"interaction": receipt["id"], "company": house.company})
    assert (await content(house, receipt["id"], Purpose="verification")).status == 200
    client = await signed_in(house, Role.HANDLER)
    await opened(client, receipt["id"])
    found = (await (await client.get(f"/search/hits/{receipt['id']}?q=laskujen")).json())["hits"]
    places = [(hit["message"], hit["at"], hit["length"], hit["start_s"]) for hit in found]
    assert places[-1] == (4, 3, len("laskut"), None)
    oikein = (await (await client.get(f"/search/hits/{receipt['id']}?q=oikein")).json())["hits"]
    assert [(hit["message"], hit["at"]) for hit in oikein] == [(3, len("Sähkölaskusi\non 😊 "))]


async def test_a_chat_is_found_by_its_words_and_never_by_its_secrets(house: House) -> None:
    receipt = await chats.kept(house, messages=WRITTEN, language="fi")
    headers = await house.headers(Role.HANDLER)

    async def found(words: str) -> dict[str, Any]:
        answer = await house.client.get("/api/v1/search", params={"q": words}, headers=headers)
        assert answer.status == 200, await answer.text()
        told: dict[str, Any] = await answer.json()
        return told

    before = await found("henkilötunnus")
    assert (before["items"], before["coverage"]["waiting"]) == ([], 1)
    await HANDLERS["search.index"](house.services, {"interaction": receipt["id"], "company": house.company})
    after = await found("henkilötunnus")
    assert [item["id"] for item in after["items"]] == [receipt["id"]]
    assert "<mark>Henkilötunnukseni</mark> on [hetu]." in after["items"][0]["snippets"][0]["html"]
    assert (after["coverage"]["waiting"], after["coverage"]["searchable"]) == (0, 1)
    for secret in (SECRET, "9032", "FI2112345600000785", "12345600000785"):
        assert (await found(secret))["items"] == []
