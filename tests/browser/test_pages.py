"""Every page in a real browser: wide and narrow, light and dark, for axe, for sideways scrolling, for the eye.

Set SHOTS to a directory to keep the pictures.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, ViewportSize

from archive.app import tables
from archive.domain.access import Role
from tests.browser.conftest import AXE, SignIn
from tests.browser.site import Site

LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
Address = Callable[[Site], str]
# What is visited of each page of the route table, and by whom.
VISITS: dict[str, tuple[Role | None, Address]] = {
    "/sign-in": (None, lambda _: "/sign-in"),
    "/api/docs": (None, lambda _: "/api/docs"),
    "/": (Role.HANDLER, lambda _: "/"),
    "/intake": (Role.HANDLER, lambda _: "/intake"),
    "/customers/{number}": (Role.HANDLER, lambda s: f"/customers/{s.customer}?company={s.company}"),
    "/interactions/{id}": (Role.HANDLER, lambda s: f"/interactions/{s.held_contact}"),
    "/interactions/{id}/history": (Role.HANDLER, lambda s: f"/interactions/{s.contact}/history"),
    "/retention": (Role.DPO, lambda _: "/retention"),
    "/holds/{id}": (Role.HANDLER, lambda s: f"/holds/{s.hold}"),
    "/trail": (Role.DPO, lambda _: "/trail"),
    "/settings/companies": (Role.ADMIN, lambda _: "/settings/companies"),
    "/settings/users": (Role.ADMIN, lambda _: "/settings/users"),
    "/settings/tokens": (Role.ADMIN, lambda _: "/settings/tokens"),
    "/settings/speech": (Role.ADMIN, lambda _: "/settings/speech"),
    "/settings/vocabulary": (Role.ADMIN, lambda s: f"/settings/vocabulary?company={s.company}"),
    "/settings/health": (Role.ADMIN, lambda _: "/settings/health"),
}
# Addresses that answer with no page of their own: files, data, parts, redirects; and the link that works only once.
NO_PAGES = {
    *("/static/{digest}/{path:.+}", "/interactions/{id}/peaks", "/search/preview/{id}", "/search/facets"),
    *("/interactions/{id}/speech", "/search/hits/{id}", "/settings", "/welcome/{secret}"),
    # Shown only once a purpose is stated: looked at in test_transcript.py.
    "/interactions/{id}/transcript",
}
# Further looks at pages that have several faces.
FACES: dict[str, tuple[Role | None, Address]] = {
    "unsure": (Role.HANDLER, lambda s: f"/interactions/{s.unsure_contact}"),
    "damaged": (Role.DPO, lambda s: f"/interactions/{s.damaged_contact}"),
    "reviewer": (Role.REVIEWER, lambda s: f"/interactions/{s.contact}"),
    "search-nothing": (Role.HANDLER, lambda _: "/?customer=none-of-this"),
    "retention-admin": (Role.ADMIN, lambda _: "/retention"),
    "trail-empty": (Role.DPO, lambda _: "/trail?actor=nobody-at-all"),
}
ALL = VISITS | FACES


def test_every_page_of_the_route_table_is_looked_at() -> None:
    pages = {route.path for route in tables() if route.surface == "page" and route.method == "GET"}
    assert pages - NO_PAGES == set(VISITS)


@pytest.mark.parametrize("name", ALL)
async def test_a_page_is_sound_in_every_look(name: str, site: Site, signed_in: SignIn) -> None:
    role, address = ALL[name]
    page = await signed_in(role)
    answer = await page.goto(site.url + address(site))
    assert answer is not None
    assert answer.status == 200
    for width, scheme in LOOKS:
        # The style sheet alone makes the looks, so the page is loaded once.
        await page.set_viewport_size(ViewportSize(width=width, height=800))
        await page.emulate_media(color_scheme=scheme)
        await keep_picture(page, f"{name.strip('/').replace('/', '-') or 'search'}-{width}-{scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (width, scheme)
        assert not await violations(page), (width, scheme)


async def test_a_page_of_nothing_says_so_and_is_sound(site: Site, browser: Any) -> None:
    page = await browser.new_page(locale="sv-FI")
    answer = await page.goto(f"{site.url}/not-here")
    assert answer.status == 404
    assert "Inget ändrades." in await page.inner_text("main")
    assert not await violations(page)
    await page.close()


async def violations(page: Page) -> list[str]:
    """What axe finds serious or critical, with the first place of each."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(
        """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
            .filter(v => ['serious', 'critical'].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`)"""
    )
    return found


async def keep_picture(page: Page, name: str) -> None:
    """Save what is seen when SHOTS names a directory."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
