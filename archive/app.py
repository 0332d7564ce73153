"""The application: services, middleware in their order, and every route of the floor and the walls.

Nothing is decided here. Each module brings its `ROUTES`; adding one means adding it to `tables`.
"""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from archive.accounts import TokenCache
from archive.custody import Services, open_services
from archive.errors import StoreUnavailable
from archive.settings import Settings
from archive.store import accounts
from archive.web import (
    chats,
    customers,
    health,
    interactions,
    keys,
    links,
    middleware,
    openapi,
    pages_customer,
    pages_interaction,
    pages_me,
    pages_settings,
    pages_sign_in,
    pages_trail,
    pages_transcript,
    routes,
    templating,
    trail,
    transcripts,
)
from archive.web.routes import Route
from ingest import api as ingest_api
from ingest import pages as ingest_pages
from ingest import pages_settings as ingest_pages_settings
from ingest import pages_speech as ingest_pages_speech
from ingest import speech_api as ingest_speech_api
from retention import api as retention_api
from retention import pages as retention_pages
from search import api as search_api
from search import hits as search_hits
from search import pages as search_pages
from search import pages_preview as search_preview

WALLS = ("ingest", "search", "retention")


def tables() -> tuple[Route, ...]:
    """Every route of the house, in the order in which addresses are matched."""
    modules = (
        health,
        openapi,
        pages_sign_in,
        pages_me,
        pages_customer,
        pages_interaction,
        pages_transcript,
        pages_trail,
        pages_settings,
        customers,
        interactions,
        transcripts,
        chats,
        links,
        trail,
        ingest_api,
        ingest_pages,
        ingest_pages_settings,
        ingest_pages_speech,
        ingest_speech_api,
        search_api,
        search_pages,
        search_preview,
        search_hits,
        retention_api,
        retention_pages,
    )
    return tuple(route for module in modules for route in module.ROUTES)


def create_app(settings: Settings, services: Services | None = None) -> web.Application:
    """Make the application; services that are given are used and left open, else they are opened and closed with it.

    Raises:
        Misconfigured: a key file is missing or malformed.

    """
    app = web.Application(middlewares=[middleware.errors, middleware.acting, middleware.permitted])
    own = services is None
    app[keys.SERVICES] = services or open_services(settings)
    app[middleware.TOKENS] = TokenCache()
    app[ingest_api.GATE] = ingest_api.Gate(settings.max_in_flight)
    templating.setup(app, walls=WALLS, timezone=settings.timezone)
    routes.mount(app, tables())
    app[keys.MARKS] = keys.Marks(demo=settings.demo)
    app.on_startup.append(_read_marks)
    if own:
        app.cleanup_ctx.append(_services)
    return app


async def _read_marks(app: web.Application) -> None:
    """A database once filled with samples stays marked, however it is served later."""
    with contextlib.suppress(StoreUnavailable):
        async with app[keys.SERVICES].db.read() as tx:
            app[keys.MARKS].demo |= await accounts.get_flag(tx, "demo") is not None


async def _services(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[keys.SERVICES].close()
