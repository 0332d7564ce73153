"""The doors of telephony and chat systems: `PUT /recordings/{source}/{external_id}` and `PUT /chats/...`.

Here: what HTTP is about: how many at once, when 100 Continue is said, which status answers. What is kept is decided in
`ingest.intake`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import hdrs, web
from prometheus_client import Counter, Gauge, Histogram

from archive.domain.access import Permission
from archive.errors import ArchiveError, Busy, StoreUnavailable, TooLarge, UnsupportedMedia
from archive.store import refusals
from archive.web import kit
from archive.web.middleware import say_continue
from archive.web.routes import Route
from ingest import chat, intake, metadata, receipts
from ingest.envelope import Envelope
from ingest.receipts import Receipt
from ingest.wire import Wire

PUSHED = Counter("tallenne_pushes", "Pushes by how they were answered", ["outcome"])
IN_FLIGHT = Gauge("tallenne_pushes_in_flight", "Pushes being received by this process")
BYTES = Counter("tallenne_pushed_bytes", "Bytes of what was pushed and kept")
SECONDS = Histogram("tallenne_push_seconds", "How long a push took, from its headers to its answer")
RETRY_AFTER_S = 2
_ENVELOPE_BYTES = 1024 * 1024
_SHORT_BYTES = 64 * 1024  # judged within a millisecond or two


class Gate:
    """How many pushes this process takes at once; one too many is refused before anything of it is read.

    Of chats that are long to judge, one is judged at a time.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self.long_chat = asyncio.Semaphore(1)

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
    return await _push(request, _receive_recording)


async def push_chat(request: web.Request) -> web.StreamResponse:
    """Keep one chat; 201 with the receipt, 200 when the same bytes are already kept."""
    return await _push(request, _receive_chat)


_Receive = Callable[[web.Request, str, str], Awaitable[Receipt]]


async def _push(request: web.Request, receive: _Receive) -> web.StreamResponse:
    source, external_id = request.match_info["source"], request.match_info["external_id"]
    try:
        with SECONDS.time():
            async with request.app[GATE].place():
                metadata.judge_names(source, external_id)
                receipt = await receive(request, source, external_id)
    except ArchiveError as error:
        PUSHED.labels(outcome=error.code).inc()
        await _count_refusal(request, source, error)
        raise
    PUSHED.labels(outcome="kept" if receipt.created else "again").inc()
    if receipt.created:
        BYTES.inc(receipt.document["size_bytes"])
    return kit.json_answer(receipts.in_order(receipt.document), status=201 if receipt.created else 200)


async def _receive_recording(request: web.Request, source: str, external_id: str) -> Receipt:
    settings = kit.services(request).settings
    _judge_size(request, settings.max_recording_bytes, _ENVELOPE_BYTES, "a recording")
    envelope = Envelope(request, Wire(request, settings))
    await say_continue(request)
    now = datetime.now(UTC)
    push = intake.recording(source, external_id, metadata.judge(await envelope.metadata(), now))
    audio = envelope.audio(settings.max_recording_bytes)
    return await intake.receive(kit.services(request), kit.actor(request), push, audio, now)


async def _receive_chat(request: web.Request, source: str, external_id: str) -> Receipt:
    limit_bytes = kit.services(request).settings.max_chat_bytes
    _judge_size(request, limit_bytes, 0, "a chat")
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise UnsupportedMedia("send application/json in UTF-8")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMedia("send the bytes as they are, without an encoding")
    await say_continue(request)
    body = await Wire(request, kit.services(request).settings).whole(limit_bytes, "a chat")
    now = datetime.now(UTC)
    push = intake.chat(source, external_id, await _judged(request, body, now))
    return await intake.receive(kit.services(request), kit.actor(request), push, _at_once(body), now)


async def _judged(request: web.Request, body: bytes, now: datetime) -> chat.Chat:
    """Judge a chat; a long one elsewhere, one at a time, so that neither other requests nor memory suffer by it."""
    limit_bytes = kit.services(request).settings.max_chat_bytes
    if len(body) <= _SHORT_BYTES:
        return chat.judge(body, now, limit_bytes)
    async with request.app[GATE].long_chat:
        return await asyncio.to_thread(chat.judge, body, now, limit_bytes)


async def _at_once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _judge_size(request: web.Request, limit_bytes: int, around_bytes: int, what: str) -> None:
    announced = request.content_length
    if announced is not None and announced > limit_bytes + around_bytes:
        raise TooLarge(f"{what} may have {limit_bytes} bytes")


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
    Route(
        method="PUT",
        path="/api/v1/chats/{source}/{external_id}",
        handler=push_chat,
        permission=Permission.CHAT_PUSH,
        summary="Push one chat that has ended, whole",
        body=chat.Chat,
        status=201,
        says_continue=True,
        answers=(
            (200, "The same bytes are already kept; the same receipt"),
            (409, "Other bytes are kept under this source and id"),
            (410, "It was kept and lawfully destroyed"),
            (413, "Larger than what is taken"),
            (415, "Not application/json in UTF-8"),
            (422, "The chat is not valid; nothing is kept"),
            (503, "The store does not take it now, or too many pushes are in flight; try again"),
        ),
    ),
)
