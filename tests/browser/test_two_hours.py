"""A recording of two hours: a word of its last minutes is typed, found and heard, all by keys; many hits stay apart."""

from typing import Final
from uuid import UUID

from playwright.async_api import Page, expect

from archive.custody import Services
from archive.domain.access import Role
from search import indexing
from tests.browser.conftest import SignIn, until
from tests.browser.site import LATE_S, TURN_S, Site, two_hours, two_hours_of_sound
from tests.browser.test_transcript import LEAD_S, NEAR_S, SLOW_MS, lit
from tests.intaking import keep
from tests.saying import keep_transcript

# What the player really gives, not what it is told to: the loudest sample of the sound that comes out of it.
LISTEN: Final = """() => {
    const context = new AudioContext();
    const ear = context.createAnalyser();
    context.createMediaStreamSource(document.querySelector('#player audio').captureStream()).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    window.loudness = () => { ear.getFloatTimeDomainData(samples); return Math.max(...samples.map(Math.abs)); };
}"""
NOTE_BEGINNING: Final = "addEventListener('playing', event => { window.began ??= event.target.currentTime; }, true)"


async def heard(page: Page) -> float:
    """Wait for sound; the moment of the recording from which it was played."""
    await page.locator("#player audio").wait_for(state="attached")
    await until(page, "document.querySelector('#player audio').readyState >= 2", SLOW_MS / 1000)
    await page.evaluate(LISTEN)
    await until(page, "window.loudness() > 0.05")
    began: float = await page.evaluate("window.began")
    return began


def is_seen(place: int) -> str:
    """The condition that a line of the transcript lies in what the list shows of it."""
    return f"""(() => {{
        const list = document.querySelector('#said .lines').getBoundingClientRect();
        const line = document.querySelectorAll('#said li')[{place}].getBoundingClientRect();
        return line.top >= list.top && line.bottom <= list.bottom;
    }})()"""


async def test_a_word_of_the_last_minutes_is_typed_found_and_heard(
    site: Site, signed_in: SignIn, services: Services
) -> None:
    contact = UUID((await keep(services, site.company, two_hours_of_sound(), duration_s=7200.0))["id"])
    await keep_transcript(services, contact, two_hours())
    await indexing.index(services, {"interaction": str(contact), "company": site.company})
    page = await signed_in(Role.HANDLER)
    await page.add_init_script(NOTE_BEGINNING)
    await page.goto(site.url)
    await page.keyboard.press("/")
    await page.keyboard.type("kaapelinäyttö")
    await expect(page.locator("#found td.snippet mark").first).to_have_text("kaapelinäyttö")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/interactions/{contact}?q=*#t=*")
    if await page.query_selector(".purpose"):
        await page.keyboard.press("1")
    assert abs(await heard(page) - (LATE_S - LEAD_S)) < NEAR_S
    await page.keyboard.press(" ")
    await expect(page.locator("#said .lines")).to_have_attribute("data-ready", "yes", timeout=SLOW_MS)
    await until(page, "CSS.highlights.get('sure')?.size === 1")
    assert await lit(page, "sure") == ["kaapelinäyttö"]
    await until(page, is_seen(round(LATE_S / TURN_S)))
    await page.keyboard.press("1")
    await until(page, "document.querySelector('#said li.spoken a')?.innerText === '12.00'")
    await until(page, is_seen(round(720 / TURN_S)))


THROUGH: Final = """async ([count, here]) => {
    const loaded = performance.getEntriesByType('resource').map(one => one.name);
    const marks = loaded.find(name => name.endsWith('/marks.js'));
    const { draw } = await import(marks);
    const place = document.createElement('div');
    const hits = Array.from({ length: count }, (_, at) => ({ at, kind: 'sure' }));
    draw(place, { length: count, silence: [], from: null, to: null, hits, here: hits[here] });
    const whole = [...place.querySelectorAll('.hit')].filter(tick => tick.getAttribute('y2') === '1');
    return whole.map(tick => Number(tick.getAttribute('x1')));
}"""


async def test_few_hits_go_through_the_wave_and_of_many_only_the_one_stood_on(site: Site, signed_in: SignIn) -> None:
    page = await signed_in(Role.HANDLER)
    await page.goto(f"{site.url}/interactions/{site.said_contact}")
    if await page.query_selector(".purpose"):
        await page.keyboard.press("1")
    await page.locator("#player").wait_for()
    await until(page, "document.querySelector('#player').dataset.drawn === 'yes'", SLOW_MS / 1000)
    assert await page.evaluate(THROUGH, [3, 1]) == [0, 1, 2]
    assert await page.evaluate(THROUGH, [150, 7]) == [7]
