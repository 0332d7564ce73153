"""The transcript beside the player: in step with the sound, jumped in by click and key, found in, kept readable."""

from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from archive.custody import Services
from archive.domain.access import Role
from archive.domain.transcripts import TextState
from archive.store import interactions
from tests.browser.conftest import SignIn, until
from tests.browser.site import SAID, Site
from tests.browser.test_pages import violations
from tests.saying import keep_transcript

NEAR_S = 0.35
# What stands before a moment that is played, so that its word is not cut.
LEAD_S = 1.0
# Masking and reading two hours of words takes a quarter of a second of a processor that tests may have to share.
SLOW_MS = 30_000


async def heard(page: Page, site: Site, contact: UUID, rest: str = "") -> None:
    """The contact with its purpose stated, its transcript there and its recording ready."""
    await page.goto(f"{site.url}/interactions/{contact}{rest}")
    if await page.query_selector(".purpose"):
        await page.keyboard.press("1")
    await expect(page.locator("#said .lines")).to_have_attribute("data-ready", "yes", timeout=SLOW_MS)
    await until(page, "document.querySelector('#player audio').readyState >= 1")


async def at(page: Page) -> float:
    """Where the sound is, in seconds."""
    found: float = await page.evaluate("document.querySelector('#player audio').currentTime")
    return found


async def to(page: Page, seconds: float) -> None:
    """Stand at a moment, silent."""
    await page.evaluate(f"document.querySelector('#player audio').currentTime = {seconds}")


async def lit(page: Page, name: str) -> list[str]:
    """The texts that a highlight lies over, in order."""
    found: list[str] = await page.evaluate(
        "name => [...(CSS.highlights.get(name) ?? [])].map(range => range.toString())", name
    )
    return found


async def began_near(page: Page, seconds: float) -> None:
    """The sound went to a moment and plays on from there."""
    await until(page, "!document.querySelector('#player audio').paused")
    assert seconds - NEAR_S <= await at(page) <= seconds + 2


async def test_the_words_stand_there_with_speakers_doubts_and_gaps(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    lines = page.locator("#said .lines li")
    assert await lines.count() == len(SAID.segments) + len(SAID.dropped)
    assert await lines.nth(1).locator("a, .party, p").all_inner_texts() == [
        "0.04",
        "Asiakas",
        "Soitan sähkölaskusta, hinta on noussut",
    ]
    assert await page.locator("#said .lines .unsure").all_inner_texts() == ["noussut"]
    await expect(page.locator("#said .lines .unsure")).to_have_attribute(
        "title", "Kuultu epävarmasti (30\N{NO-BREAK SPACE}%)"
    )
    await expect(page.locator(".left-out")).to_have_text("[jätetty pois: samat sanat yhä uudelleen]")
    await expect(page.locator("#said li .badge")).to_have_text("⚠ kuultu epävarmasti")
    plain = await page.context.request.get(f"{site.url}/interactions/{site.said_contact}")
    assert f"<title>{await page.title()}</title>" in await plain.text()


async def test_a_word_is_lit_while_it_is_said(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    for segment_ in (SAID.segments[0], SAID.segments[3], SAID.segments[4]):
        for word in segment_.words:
            await to(page, (word.start_s + word.end_s) / 2)
            await until(page, f"[...CSS.highlights.get('spoken')].some(range => range.toString() === '{word.text}')")
            assert await page.locator("#said li.spoken p").all_inner_texts() == [segment_.text]
    await to(page, 8.3)
    await until(page, "document.querySelectorAll('#said li.spoken').length === 2")
    assert await lit(page, "spoken") == ["noussut", "niin"]


async def test_playing_lights_one_word_after_the_other(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    await to(page, 8.9)
    await page.keyboard.press(" ")
    for word in ("Hinta", "pysyy", "samana"):
        await until(page, f"[...CSS.highlights.get('spoken')].some(range => range.toString() === '{word}')")


async def test_a_click_on_a_word_plays_it_and_enter_plays_a_line(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    place = await page.evaluate(
        """() => {
            const node = document.querySelectorAll('#said .lines li')[3].querySelector('p').firstChild;
            const range = new Range();
            const at = node.data.indexOf('toukokuuhun');
            range.setStart(node, at + 3); range.setEnd(node, at + 4);
            const box = range.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }"""
    )
    await page.mouse.click(*place)
    await began_near(page, SAID.segments[3].words[3].start_s)
    await page.keyboard.press(" ")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await began_near(page, SAID.segments[1].start_s)


async def test_the_list_is_one_stop_for_tab(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    assert await page.locator("#said .lines a[tabindex='0']").count() == 1
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    assert await page.evaluate("document.querySelector('#said li.here a').tabIndex") == 0
    assert await page.locator("#said .lines a[tabindex='0']").count() == 1


async def test_finding_marks_text_and_wave_and_keys_go_from_hit_to_hit(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    await page.keyboard.press("f")
    await page.keyboard.type("hinta")
    await until(page, "CSS.highlights.get('sure')?.size === 3")
    assert await lit(page, "sure") == ["hinta", "Hinta", "hinta"]
    assert await page.locator("svg.marks .hit").count() == 3
    await page.keyboard.press("Escape")
    hits = [SAID.segments[place].words[word].start_s for place, word in ((1, 2), (3, 0), (4, 2))]
    for key, place in (("n", 0), ("n", 1), ("n", 2), ("n", 0), ("p", 2)):
        await page.keyboard.press(key)
        await until(page, f"document.querySelector('[data-show=hits]').textContent.startsWith('Osuma {place + 1}/3')")
        await began_near(page, hits[place] - LEAD_S)
    assert await lit(page, "here") == ["hinta"]


async def test_enter_asks_the_search_and_a_key_hides_what_sounds_alike(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    await page.keyboard.press("f")
    await page.keyboard.type("sähkölasku")
    await page.keyboard.press("Enter")
    await until(page, "CSS.highlights.get('near')?.size === 1")
    assert (await lit(page, "sure"), await lit(page, "near")) == (["sähkölaskusta"], ["sähkö las kuni"])
    assert await page.locator("svg.marks .hit.near").count() == 1
    assert page.url.endswith("?q=s%C3%A4hk%C3%B6lasku")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(page.locator("[data-show=hits]")).to_have_text("Osuma 2/2, kohdassa 0.22 · kuulostaa samalta")
    await page.keyboard.press("v")
    await until(page, "CSS.highlights.get('near')?.size === 0")
    assert await page.locator("svg.marks .hit").count() == 1
    await page.keyboard.press("v")
    await until(page, "CSS.highlights.get('near')?.size === 1")


async def test_the_address_names_a_moment_and_what_is_looked_for(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.REVIEWER)
    await page.goto(f"{site.url}/interactions/{site.said_contact}?q=vahvistus#t=20.6")
    await page.keyboard.press("1")
    await expect(page.locator("#said .lines")).to_have_attribute("data-ready", "yes")
    assert page.url.endswith("?q=vahvistus#t=20.6")
    await until(page, f"document.querySelector('#player audio').currentTime >= {20.6 - NEAR_S}")
    await until(page, "CSS.highlights.get('sure')?.size === 1")
    assert await lit(page, "sure") == ["vahvistus"]
    assert await page.input_value("#find-said") == "vahvistus"


async def test_help_lists_the_keys_of_the_player_and_the_words(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.said_contact)
    await page.keyboard.press("f")
    await page.keyboard.type("hinta")
    await until(page, "CSS.highlights.get('sure')?.size === 3")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    told = await page.locator("#help-here").inner_text()
    for words in (
        "Ohita hiljaisuus",
        "Etsi puheesta",
        "Seuraava osuma",
        "Edellinen osuma",
        "Tallenna tiedostona",
        "5 sekuntia eteenpäin",
    ):
        assert words in told


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
async def test_the_page_with_words_is_sound(site: Site, signed_in: SignIn, width: int, scheme: Any) -> None:
    page = await signed_in(Role.HANDLER, width=width, scheme=scheme)
    await heard(page, site, site.said_contact, "?q=hinta")
    await until(page, "CSS.highlights.get('sure')?.size === 4")
    await to(page, 9.5)
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not await violations(page)


async def test_words_that_are_waited_for_come_by_themselves(site: Site, signed_in: SignIn, services: Services) -> None:
    async with services.db.begin() as tx:
        await interactions.set_text(tx, site.held_contact, TextState.WAITING)
    page = await signed_in(Role.REVIEWER)
    await page.goto(f"{site.url}/interactions/{site.held_contact}")
    await page.keyboard.press("1")
    await expect(page.locator("#speech")).to_contain_text("Odottaa litterointia.")
    assert not await violations(page)
    await keep_transcript(services, site.held_contact, SAID)
    await expect(page.locator("#said .lines")).to_have_attribute("data-ready", "yes", timeout=SLOW_MS)
    await expect(page.locator("[data-key=e]")).to_be_visible()
    await expect(page.locator("#find-said")).to_be_visible()


async def test_without_javascript_the_words_are_a_page_to_read(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER, java_script_enabled=False)
    await page.goto(f"{site.url}/interactions/{site.said_contact}")
    if await page.locator(".purpose").count():
        await page.click(".purpose button.primary")
    await page.click("text=Lue, mitä sanottiin")
    assert SAID.segments[3].text in await page.locator(".lines p").all_inner_texts()


async def test_two_hours_of_talk_are_there_and_gone_through_by_key(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await heard(page, site, site.long_contact, "?q=samana+1999")
    assert await page.locator("#said .lines li").count() == 2000
    await until(page, "CSS.highlights.get('sure')?.size === 1")
    await page.keyboard.press("n")
    await began_near(page, 1999 * 3.6 + 3.4 * 6 / 8 - LEAD_S)
    await until(page, "[...document.querySelectorAll('#said li')].at(-1).getBoundingClientRect().top < innerHeight")
    await expect(page.locator("#said li.spoken")).to_contain_text("samana 199")
