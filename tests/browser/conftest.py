"""One running site and one Chromium for all journeys of a worker; a fresh context, signed in, for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from archive.custody import Services
from archive.domain.access import Role
from tests.browser.site import PASSWORD, Site, fill, serve

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
PLACES = ("chromium", "chromium-browser", "google-chrome")
SignIn = Callable[..., Coroutine[Any, Any, Page]]


async def until(page: Page, condition: str, seconds: float = 10) -> None:
    """Wait until an expression is true; the browser's own waiting would need the evaluation that our policy forbids."""
    async with asyncio.timeout(seconds):
        while not await page.evaluate(condition):  # noqa: ASYNC110  # what is waited for is in the browser
            await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
async def site(services: Services) -> AsyncIterator[Site]:
    """The site, filled."""
    runner, url = await serve(services)
    yield await fill(services, url)
    await runner.cleanup()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    path = next((found for name in PLACES if (found := shutil.which(name))), None)
    assert path is not None, "install Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--mute-audio"])
        yield opened
        await opened.close()


@pytest.fixture(scope="session")
async def states(site: Site, browser: Browser) -> dict[Role, Any]:
    """The cookies of a signed-in browser, by role; signing in is slow on purpose."""
    found: dict[Role, Any] = {}
    for role, email in site.users.items():
        context = await browser.new_context(locale="fi-FI")
        page = await context.new_page()
        await page.goto(f"{site.url}/sign-in")
        await page.fill("[name=email]", email)
        await page.fill("[name=password]", PASSWORD)
        await page.click("main button.primary")
        found[role] = await context.storage_state()
        await context.close()
    return found


@pytest.fixture
async def signed_in(browser: Browser, states: dict[Role, Any]) -> AsyncIterator[SignIn]:
    """A function that opens a page as a role, in a width and a colour scheme; faults of its pages fail the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    async def open_page(
        role: Role | None, *, width: int = 1280, scheme: Literal["light", "dark"] = "light", **more: Any
    ) -> Page:
        size = ViewportSize(width=width, height=844 if width < 600 else 800)
        state = None if role is None else states[role]
        context = await browser.new_context(
            locale="fi-FI", viewport=size, color_scheme=scheme, storage_state=state, **more
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert not faults
