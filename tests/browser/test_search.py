"""Searching in a real browser: filters fill the list and the address, rows show their record, keys alone suffice."""

import os
from pathlib import Path

from playwright.async_api import Page

from archive.domain.access import Role
from tests.browser.conftest import AXE, SignIn, until
from tests.browser.site import Site

SERIOUS = "axe.run().then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id))"


async def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def rows(page: Page) -> int:
    return await page.locator("[data-rows] > [data-row]").count()


async def test_a_filter_fills_the_list_and_the_address_without_a_new_page(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(site.url)
    assert await rows(page) > 2
    await page.evaluate("window.stays = true")
    await page.fill("#f-queue", "laskutus")
    await until(page, "document.querySelectorAll('[data-row]').length === 2")
    assert "queue=laskutus" in page.url
    await page.fill("#f-queue", "nothing like it")
    await until(page, "document.querySelector('#found .empty') !== null")
    await page.fill("#f-queue", "")
    await page.fill("#f-phone", "+358 40 765 4321")
    await until(page, "document.querySelectorAll('[data-row]').length === 1")
    assert await page.evaluate("window.stays === true")
    await page.reload()
    assert await rows(page) == 1
    assert await page.input_value("#f-phone") == "+358407654321"


async def test_j_and_k_show_the_record_beside_the_list_and_enter_opens_it(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(site.url)
    title = await page.title()
    await page.keyboard.press("j")
    await until(page, "document.querySelector('#preview h2') !== null")
    first = await page.inner_text("#preview")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await until(page, f"!document.querySelector('#preview').innerText.startsWith({first[:40]!r})")
    await picture(page, "search-preview-1280")
    await page.evaluate(AXE.read_text())
    assert await page.evaluate(SERIOUS) == []
    assert await page.title() == title
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/interactions/*")


async def test_a_click_on_a_row_previews_it_and_its_link_still_opens(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(f"{site.url}/?queue=laskutus")
    await page.locator("[data-row] td.num").first.click()
    await until(page, "document.querySelector('#preview h2') !== null")
    assert "+358401234567" in await page.inner_text("#preview")
    await page.locator("[data-row] a").first.click()
    await page.wait_for_url("**/interactions/*")


async def test_words_in_the_search_box_are_answered_with_choices(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER, java_script_enabled=False)
    await page.goto(site.url)
    await page.fill("#q", "agent:a103")
    await page.press("#q", "Enter")
    assert await rows(page) == 2
    assert await page.input_value("#f-agent") == "a103"


async def test_escape_leaves_the_search_box_and_what_stands_in_it(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(f"{site.url}/?q=lasku")
    asked = await page.input_value("#q")
    assert asked
    await page.focus("#q")
    await page.keyboard.press("Escape")
    assert await page.input_value("#q") == asked
    assert await page.evaluate("document.activeElement === document.body")


async def test_every_state_of_the_page_at_390(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER, width=390)
    for name, query in (("hits", ""), ("empty", "?queue=none"), ("one", f"?customer={site.customer}")):
        await page.goto(f"{site.url}/{query}")
        await picture(page, f"search-{name}-390")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await page.evaluate(AXE.read_text())
        assert await page.evaluate(SERIOUS) == []
