"""The telephony system's door: `PUT /recordings/{source}/{external_id}`.

Here: what HTTP is about: how many at once, when 100 Continue is said, which status answers. What is kept is decided in
`ingest.intake`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram

from archive.domain.access import Permission
from archive.errors import ArchiveError, Busy, StoreUnavailable, TooLarge
from archive.settings import Settings
from archive.store import refusals
from archive.web import kit
from archive.web.middleware import say_continue
from archive.web.routes import Route
from ingest import intake, metadata
from ingest.envelope import Envelope
from ingest.intake import Push

PUSHED = Counter("tallenne_pushes", "Pushes by how they were answered", ["outcome"])
IN_FLIGHT = Gauge("tallenne_pushes_in_flight", "Pushes being received by this process")
BYTES = Counter("tallenne_pushed_bytes", "Bytes of recordings that were kept")
SECONDS = Histogram("tallenne_push_seconds", "How long a push took, from its headers to its answer")
RETRY_AFTER_S = 2
_ENVELOPE_BYTES = 1024 * 1024


class Gate:
    """How many pushes this process takes at once; one too many is refused before anything of it is read."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one push.

        Raises:
            Busy: every place is taken.

        """
        if self.taken >= self.places:
            raise Busy(retry_after_s=RETRY_AFTER_S)
        self.taken += 1
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self.taken -= 1
            IN_FLIGHT.dec()


GATE: web.AppKey[Gate] = web.AppKey("push_gate", Gate)


async def push_recording(request: web.Request) -> web.StreamResponse:
    """Keep one recording; 201 with the receipt, 200 when the same bytes are already kept."""
    source, external_id = request.match_info["source"], request.match_info["external_id"]
    try:
        with SECONDS.time():
            async with request.app[GATE].place():
                receipt = await _receive(request, source, external_id)
    except ArchiveError as error:
        PUSHED.labels(outcome=error.code).inc()
        await _count_refusal(request, source, error)
        raise
    PUSHED.labels(outcome="kept" if receipt.created else "again").inc()
    if receipt.created:
        BYTES.inc(receipt.document["size_bytes"])
    return kit.json_answer(intake.in_order(receipt.document), status=201 if receipt.created else 200)


async def _receive(request: web.Request, source: str, external_id: str) -> intake.Receipt:
    settings = kit.services(request).settings
    metadata.judge_names(source, external_id)
    _judge_size(request, settings)
    envelope = Envelope(
        request,
        idle_s=settings.upload_idle_s,
        min_bytes_per_s=settings.upload_min_bytes_per_s,
        max_s=settings.upload_max_s,
    )
    await say_continue(request)
    now = datetime.now(UTC)
    push = Push(source=source, external_id=external_id, metadata=metadata.judge(await envelope.metadata(), now))
    audio = envelope.audio(settings.max_recording_bytes)
    return await intake.receive(kit.services(request), kit.actor(request), push, audio, now)


def _judge_size(request: web.Request, settings: Settings) -> None:
    announced = request.content_length
    if announced is not None and announced > settings.max_recording_bytes + _ENVELOPE_BYTES:
        raise TooLarge(f"a recording may have {settings.max_recording_bytes} bytes")


async def _count_refusal(request: web.Request, source: str, error: ArchiveError) -> None:
    """Count what was refused, for the intake page; a store that is down cannot count."""
    if error.status >= StoreUnavailable.status:
        return
    services = kit.services(request)
    async with services.db.begin() as tx:
        await refusals.count(
            tx, source=source if metadata.is_source(source) else "?", code=error.code, now=datetime.now(UTC)
        )


ROUTES = (
    Route(
        method="PUT",
        path="/api/v1/recordings/{source}/{external_id}",
        handler=push_recording,
        permission=Permission.RECORDING_PUSH,
        summary="Push one recording: the parts metadata (application/json) and audio, in this order",
        body_type="multipart/form-data",
        status=201,
        says_continue=True,
        answers=(
            (200, "The same bytes are already kept; the same receipt"),
            (409, "Other bytes are kept under this source and id"),
            (410, "It was kept and lawfully destroyed"),
            (413, "Larger than what is taken"),
            (415, "Not audio that is kept"),
            (422, "The metadata, the digest or the body is not valid; nothing is kept"),
            (503, "The store does not take it now, or too many pushes are in flight; try again"),
        ),
    ),
)
