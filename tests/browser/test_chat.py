"""A chat as bubbles: readable by eye, ear and key, in every look and on paper, and marked where a search hit it."""

from uuid import UUID

import pytest
from playwright.async_api import Page, ViewportSize, expect

from archive.custody import Services
from archive.domain.access import Role
from search.jobs import HANDLERS
from tests.browser.conftest import SignIn
from tests.browser.site import Site
from tests.browser.test_pages import LOOKS, keep_picture, violations
from tests.chats import said
from tests.intaking import keep_chat

PEOPLE = [
    {"id": "c", "role": "customer", "name": "Aino Esimerkki", "phone": "040 123 4567"},
    {"id": "b", "role": "bot", "name": "Valo"},
    {"id": "a", "role": "agent", "name": "Jari Salonen"},
    {"id": "t", "role": "third_party", "name": "Tulkki"},
]
LONG = "Perusmaksu ja energia on eritelty laskun toisella sivulla, ja siirto tulee omana laskunaan verkkoyhtiöltä. "
WRITTEN = [
    said("09:15:00", "b", "Hei! Olen Valo. Miten voin auttaa?"),
    said("09:15:20", "c", "😀 Miksi sähkölasku on näin iso"),
    said("09:15:25", "c", "tunnukseni on 010594Y9032"),
    said("09:16:00", "a", LONG * 3),
    said("09:17:00", "t", "Käännän tämän."),
    {"at": "2026-11-03T10:00:00+02:00", "from": "c", "text": "Vielä laskusta: " + "x" * 200 + "\n\nkiitos"},
]


@pytest.fixture(scope="module")
async def chat(services: Services, site: Site) -> str:
    """The address of a chat that is in the index."""
    receipt = await keep_chat(services, site.company, participants=PEOPLE, messages=WRITTEN, language="fi")
    await HANDLERS["search.index"](services, {"interaction": receipt["id"], "company": site.company})
    return f"{site.url}/interactions/{UUID(receipt['id'])}"


async def read(page: Page, address: str) -> None:
    """The chat with its purpose stated."""
    await page.goto(address)
    if await page.query_selector(".purpose"):
        await page.keyboard.press("1")
    await expect(page.locator(".chat")).to_be_visible()


async def lit(page: Page, name: str) -> list[str]:
    """The texts that a highlight lies over, in order."""
    found: list[str] = await page.evaluate(
        "name => [...(CSS.highlights.get(name) ?? [])].map(range => range.toString())", name
    )
    return found


async def test_bubbles_are_sound_in_every_look(chat: str, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(chat)
    await keep_picture(page, "chat-purpose")
    assert not await violations(page)
    await read(page, chat)
    for width, scheme in LOOKS:
        await page.set_viewport_size(ViewportSize(width=width, height=800))
        await page.emulate_media(color_scheme=scheme)
        await keep_picture(page, f"chat-{width}-{scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (width, scheme)
        assert not await violations(page), (width, scheme)


async def test_who_says_what_when_is_there_for_eye_and_ear(chat: str, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await read(page, chat)
    assert await page.locator(".chat .day h3").all_inner_texts() == [
        "Maanantai 2. marraskuuta 2026",
        "Tiistai 3. marraskuuta 2026",
    ]
    by = [" ".join((await one.text_content() or "").split()) for one in await page.locator(".bubble .by").all()]
    assert by == [
        *("Botti Valo", "Asiakas Aino Esimerkki", "Asiakas Aino Esimerkki", "Asiakaspalvelija Jari Salonen"),
        *("Kolmas osapuoli Tulkki", "Asiakas Aino Esimerkki"),
    ]
    assert await page.locator(".bubble .text").nth(2).inner_text() == "tunnukseni on [hetu]"
    assert await page.locator(".bubble .at").nth(3).inner_text() == "09.16"
    left = [await one.bounding_box() for one in await page.locator(".bubble").all()]
    sides = [box is not None and box["x"] for box in left]
    assert sides[1] == sides[2] == sides[4] < sides[0]
    assert await page.locator(".card .list").count() >= 2, "parties and record stand below"


async def test_an_address_leads_to_a_message(chat: str, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await read(page, chat)
    await page.set_viewport_size(ViewportSize(width=390, height=500))
    await page.goto(f"{chat}#m6")
    await expect(page.locator("#m6")).to_be_in_viewport()
    assert await page.evaluate("document.querySelector(':target')?.id") == "m6"


async def test_what_was_searched_is_marked_and_gone_through_by_key(chat: str, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await read(page, f"{chat}?q=lasku")
    told = page.locator("[data-show=hits]")
    await expect(told).to_have_text("Osuma 1/8")
    assert await lit(page, "sure") == ["sähkölasku", *["laskun", "laskunaan"] * 3, "laskusta"]
    await page.keyboard.press("p")
    await expect(told).to_have_text("Osuma 8/8")
    assert await lit(page, "here") == ["laskusta"]
    await expect(page.locator("#m6")).to_be_in_viewport()
    await page.keyboard.press("n")
    assert await lit(page, "here") == ["sähkölasku"]
    assert not await violations(page)
    await read(page, f"{chat}?q=lasku#m6")
    await expect(told).to_have_text("Osuma 8/8")
    await read(page, f"{chat}?q=kaukolämpö")
    await expect(told).to_have_text("Ei osumia")


async def test_on_paper_every_message_says_whose_it_is(chat: str, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await read(page, chat)
    await page.emulate_media(media="print")
    await keep_picture(page, "chat-print")
    for one in await page.locator(".bubble .by").all():
        box = await one.bounding_box()
        assert box is not None
        assert box["height"] > 8
    assert await page.locator(".bubble .text").last.is_visible()
