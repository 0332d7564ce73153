"""Whether this process lives (`/healthz`), can serve (`/readyz`) and how it does (`/metrics`), without any contact."""

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from archive.domain.access import Permission
from archive.errors import StoreUnavailable
from archive.web import kit
from archive.web.routes import Route

READY_WITHIN_S = 5


async def healthz(_: web.Request) -> web.StreamResponse:
    """The process answers."""
    return kit.json_answer({"status": "alive"})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Database and object store answer.

    Raises:
        StoreUnavailable: one of them does not.

    """
    services = kit.services(request)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            async with services.db.read() as tx:
                await tx.execute(text("SELECT 1"))
            await services.bucket.has_object_lock()
    except TimeoutError:
        raise StoreUnavailable("the database or the object store does not answer") from None
    return kit.json_answer({"status": "ready"})


async def metrics(_: web.Request) -> web.StreamResponse:
    """Prometheus metrics of this process: counts and times, nothing of any contact."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


ROUTES = (
    Route(method="GET", path="/healthz", handler=healthz, permission=None, summary="Whether this process answers"),
    Route(
        method="GET",
        path="/readyz",
        handler=readyz,
        permission=None,
        summary="Whether database and object store answer too",
        answers=((503, "One of them does not"),),
    ),
    # Counts of pushes are nobody's business without a token.
    Route(
        method="GET",
        path="/metrics",
        handler=metrics,
        permission=Permission.SETTINGS_READ,
        summary="Prometheus metrics of this process",
        answer_type="text/plain",
    ),
)
