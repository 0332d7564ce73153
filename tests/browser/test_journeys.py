"""Whole ways through the pages, as people go them: by keys alone, without JavaScript, in another language."""

from playwright.async_api import Browser, expect

from archive.domain.access import Role
from tests.browser.conftest import SignIn, until
from tests.browser.site import PASSWORD, Site


async def test_keys_alone_lead_from_signing_in_to_a_placed_hold(site: Site, browser: Browser) -> None:
    page = await browser.new_page(locale="fi-FI")
    await page.goto(f"{site.url}/sign-in")
    # The skip link is the first stop; the menu of languages the next but one.
    while await page.evaluate("document.activeElement.name") != "email":
        await page.keyboard.press("Tab")
    await page.keyboard.type(site.users[Role.HANDLER])
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-rows] [data-row]").first).to_be_visible()

    await page.keyboard.press("/")
    await page.keyboard.type(f"customer:{site.customer}")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?*customer*")
    await expect(page.locator("[data-rows] [data-row]").first).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/interactions/*")

    await page.keyboard.press("1")
    await expect(page.locator("#player")).to_have_attribute("data-drawn", "yes")
    await page.keyboard.press(" ")
    await until(page, "document.querySelector('audio').currentTime > 0.2")
    await page.keyboard.press(" ")

    await page.keyboard.press("h")
    await page.keyboard.type("Reklamaatio R-2026-99")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_be_visible()
    await expect(page.locator(".held-note").first).to_contain_text("R-2026-99")
    await page.close()


async def test_moves_and_help_by_keys(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.DPO)
    await page.goto(f"{site.url}/trail")
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()
    await page.keyboard.press("g")
    await page.keyboard.press("r")
    await page.wait_for_url("**/retention")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "q"
    await page.keyboard.type("?")
    assert await page.input_value("#q") == "?", "a key that is typed is no command"


async def test_another_hat_narrows_what_is_seen(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.DPO)
    await page.goto(f"{site.url}/trail")
    everything = await page.locator("[data-row]").count()
    await page.keyboard.press("y")
    await page.click(f".hat button[value={site.other_company}]")
    await expect(page.locator(".hat > summary")).to_contain_text(site.other_company.title())
    assert await page.locator("[data-row]").count() < everything
    await page.keyboard.press("y")
    await page.click(".hat button[value='*']")
    await expect(page.locator(".hat > summary")).to_contain_text("Kaikki yhtiöt")


async def test_reading_and_searching_need_no_javascript(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER, java_script_enabled=False)
    await page.goto(f"{site.url}/")
    await page.fill("[name=customer]", site.customer)
    await page.click("main form button.primary")
    assert await page.locator("[data-row]").count() >= 3
    await page.click("[data-row] a >> nth=0")
    await expect(page.locator("h1")).to_contain_text("Puhelu")
    await page.goto(f"{site.url}/interactions/{site.contact}/history")
    await expect(page.locator("#history-list")).to_contain_text("Tallenne otettu talteen")


async def test_the_language_changes_and_stays(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.REVIEWER)
    await page.goto(f"{site.url}/interactions/{site.held_contact}")
    for language, word in (("sv", "Bevarande"), ("en", "Keeping"), ("fi", "Säilytys")):
        await page.click("summary:has-text('FI'), summary:has-text('SV'), summary:has-text('EN')")
        await page.click(f"button[name=language][value={language}]")
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("h2", has_text=word).first).to_be_visible()


async def test_the_results_are_light_and_quick(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    answer = await page.goto(f"{site.url}/")
    assert answer is not None
    assert len(await answer.body()) < 60_000
