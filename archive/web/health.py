"""Whether this process lives (`/healthz`), can serve (`/readyz`) and how it does (`/metrics`), without any contact."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text

from archive.domain.access import Permission
from archive.errors import StoreUnavailable
from archive.store import search_rows, transcripts
from archive.store.unit_of_work import Database
from archive.web import kit
from archive.web.routes import Route

READY_WITHIN_S = 5

WORDS = Gauge("tallenne_contacts", "Contacts by how far their words are on the way into the search index", ["words"])
COUNTED_AT = Gauge("tallenne_contacts_counted_at_seconds", "When tallenne_contacts was counted, in seconds since 1970")
SPEECH_WAITING = Gauge("tallenne_speech_waiting", "Recordings that wait for their transcript")
SPEECH_WAITING_S = Gauge("tallenne_speech_waiting_audio_seconds", "How long those recordings last together")
SPEECH_RATE = Gauge(
    "tallenne_speech_rate", "Recorded seconds that became text in a second, of late, all workers together", ["model"]
)
WORDS_REST_S = 10.0
WORDS_REST_FACTOR = 50.0
"""Counting rests for so long, and for so many times of what it cost."""


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


@dataclass(slots=True)
class _Counting:
    """When the contacts of a database may be counted again, by the monotonic clock."""

    not_before_s: float = 0.0


_COUNTING: WeakKeyDictionary[Database, _Counting] = WeakKeyDictionary()


async def _count_words(db: Database) -> None:
    """Set the metrics of words and speech, unless that was done lately."""
    counting, begun = _COUNTING.setdefault(db, _Counting()), time.monotonic()
    if begun < counting.not_before_s:
        return
    counting.not_before_s = float("inf")  # nobody counts beside us
    try:
        async with db.read_bare() as connection:
            states = await search_rows.states(connection)
        async with db.read() as tx:
            waiting, waiting_s = await transcripts.waiting(tx, None)
            paces = await transcripts.paces(tx, kit.now())
    finally:
        now = time.monotonic()
        counting.not_before_s = now + max(WORDS_REST_S, (now - begun) * WORDS_REST_FACTOR)
    for state, count in states.items():
        WORDS.labels(state.value).set(count)
    SPEECH_WAITING.set(waiting)
    SPEECH_WAITING_S.set(waiting_s)
    for pace in paces:
        SPEECH_RATE.labels(pace.model).set(pace.rate or 0.0)
    COUNTED_AT.set_to_current_time()


async def metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus metrics of this process: counts and times, nothing of any contact."""
    with contextlib.suppress(StoreUnavailable):  # the rest is told all the same, and when it was counted too
        await _count_words(kit.services(request).db)
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
