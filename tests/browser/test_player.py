"""The page of a contact: the purpose, the player, its keys, and what remains without JavaScript."""

import pytest
from playwright.async_api import Page, expect

from archive.domain.access import Role
from tests.browser.conftest import SignIn, until
from tests.browser.site import CALL_S, Site

NEAR_S = 0.3


async def opened(page: Page, site: Site) -> None:
    """The contact with its purpose stated and its waveform drawn."""
    await page.goto(f"{site.url}/interactions/{site.contact}")
    if await page.query_selector(".purpose"):
        await page.keyboard.press("1")
    await expect(page.locator("#player")).to_have_attribute("data-drawn", "yes")
    await until(page, "document.querySelector('#player audio').readyState >= 1")


async def at(page: Page) -> float:
    """Where the sound is, in seconds."""
    found: float = await page.evaluate("document.querySelector('#player audio').currentTime")
    return found


async def test_a_purpose_is_asked_once_and_then_in_hand(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.REVIEWER)
    await page.goto(f"{site.url}/interactions/{site.contact}")
    assert await page.locator("audio").count() == 0
    await page.keyboard.press("1")
    await expect(page.locator(".in-hand")).to_contain_text("Palvelun kehittäminen")
    await page.reload()
    assert await page.locator(".purpose").count() == 0
    await expect(page.locator("#player")).to_be_visible()


async def test_a_complaint_needs_its_number(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(f"{site.url}/interactions/{site.unsure_contact}")
    await page.keyboard.press("2")
    await page.keyboard.type("R-2026-17")
    await page.keyboard.press("Enter")
    await expect(page.locator(".in-hand")).to_contain_text("Reklamaatio R-2026-17")


async def test_the_sound_plays_and_two_lanes_are_drawn(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await opened(page, site)
    assert await page.locator(".who .party").all_inner_texts() == ["Asiakaspalvelija", "Asiakas"]
    drawn = await page.evaluate(
        """() => [...document.querySelector('.wave > div').shadowRoot.querySelectorAll('.canvases canvas')].map(c =>
            c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0))"""
    )
    assert len(drawn) >= 2
    assert all(drawn)
    await page.keyboard.press(" ")
    await until(page, "document.querySelector('#player audio').currentTime > 0.3")


async def test_keys_move_the_sound(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await opened(page, site)
    await page.keyboard.press("5")
    assert await at(page) == pytest.approx(CALL_S / 2, abs=NEAR_S)
    await page.keyboard.press("ArrowRight")
    assert await at(page) == pytest.approx(CALL_S / 2 + 5, abs=NEAR_S)
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Shift+ArrowLeft")
    assert await at(page) == 0
    await page.keyboard.press(".")
    assert await page.evaluate("document.querySelector('#player audio').playbackRate") == 1.25
    await page.keyboard.press(",")
    await page.keyboard.press("s")
    await expect(page.locator("[data-do=skip]")).to_have_attribute("aria-pressed", "true")


async def test_a_loop_is_marked_and_returns_to_its_start(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await opened(page, site)
    await page.keyboard.press("2")
    await page.keyboard.press("[")
    await page.keyboard.press("3")
    await page.keyboard.press("]")
    assert await at(page) == pytest.approx(CALL_S * 0.2, abs=NEAR_S)
    assert await page.locator("svg.marks .loop").count() == 1
    await page.keyboard.press("[")
    assert await page.locator("svg.marks .loop").count() == 0


async def test_silence_is_pale_and_skipped(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await opened(page, site)
    assert await page.locator("svg.marks .silence").count() == 1
    await page.keyboard.press("s")
    # The recording is silent for 1.2 s around its middle.
    await page.evaluate(f"document.querySelector('#player audio').currentTime = {CALL_S / 2 - 0.3}")
    await page.keyboard.press(" ")
    for _ in range(200):
        if await page.evaluate("document.querySelector('#player audio').currentTime") >= CALL_S / 2 + 0.55:
            break
        await page.wait_for_timeout(25)
    # What was really played of those 0.85 s, however slow the machine is.
    ranges = await page.evaluate(
        "(({played}) => [...Array(played.length).keys()].map(i => [played.start(i), played.end(i)]))"
        "(document.querySelector('#player audio'))"
    )
    start, end = CALL_S / 2 - 0.3, CALL_S / 2 + 0.55
    assert ranges
    assert sum(max(0, min(last, end) - max(first, start)) for first, last in ranges) < 0.6, ranges
    assert ranges[-1][1] >= end


async def test_without_javascript_the_browsers_own_player_is_there(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER, java_script_enabled=False)
    await page.goto(f"{site.url}/interactions/{site.contact}")
    if await page.locator(".purpose").count():
        await page.click(".purpose button.primary")
    await expect(page.locator("audio[controls]")).to_be_visible()
    await expect(page.locator(".controls")).to_be_hidden()


async def test_history_opens_in_place(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(f"{site.url}/interactions/{site.contact}")
    await page.keyboard.press("l")
    await expect(page.locator("#history #history-list")).to_contain_text("Tallenne otettu talteen")
    assert page.url.endswith(str(site.contact))
