"""A push's multipart/form-data body (RFC 7578): first the part `metadata`, then the part `audio`, nothing else.

The library `multipart` does the parsing; here bytes are brought to it, its many ways of failing become answers, and the
order and names of the parts are kept to. What the parts say is judged elsewhere, slow senders are given up by
`ingest.wire`. Why not aiohttp's own reader: docs/decisions/023-parsing-pushes.md.
"""

from collections.abc import AsyncIterator, Iterator

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from archive.errors import Invalid, TooLarge, UnsupportedMedia
from ingest.metadata import METADATA_BYTES
from ingest.wire import Wire

HEADER_LINE_BYTES = 4096
HEADER_LINES = 8
_MULTIPART = "multipart/form-data"
_BROKEN = (MultipartError, ValueError, AssertionError, RuntimeError, BadHttpMessage, web.RequestPayloadError)


class Envelope:
    """The two parts of one push, read in order."""

    def __init__(self, request: web.Request, wire: Wire) -> None:
        if request.content_type != _MULTIPART:
            raise UnsupportedMedia("send multipart/form-data with the parts metadata and audio")
        self._wire = wire
        self._events: Iterator[MultipartSegment | bytes | bytearray | None] = iter(())
        self._ended = False
        try:
            boundary = parse_options_header(request.headers["Content-Type"])[1].get("boundary", "")
            self._parser = PushMultipartParser(
                boundary, max_header_size=HEADER_LINE_BYTES, max_header_count=HEADER_LINES
            )
        except _BROKEN as error:
            raise _malformed() from error

    async def metadata(self) -> bytes:
        """The part `metadata`.

        Raises:
            Invalid: the body does not begin with it.
            TooLarge: it is longer than METADATA_BYTES.
            UploadTimeout: it came too slowly.

        """
        await self._must_begin("metadata")
        data = bytearray()
        async for piece in self._pieces():
            data += piece
            if len(data) > METADATA_BYTES:
                raise TooLarge(f"the metadata is larger than {METADATA_BYTES} bytes")
        return bytes(data)

    async def audio(self, limit_bytes: int) -> AsyncIterator[bytes]:
        """The bytes of the part `audio`; ends only when the body has been read to its proper end.

        Raises:
            Invalid: the next part is another, something follows it, or the body is cut.
            TooLarge: it is longer than `limit_bytes`.
            UploadTimeout: it comes too slowly.

        """
        await self._must_begin("audio")
        size = 0
        async for piece in self._pieces():
            size += len(piece)
            if size > limit_bytes:
                raise TooLarge(f"a recording may have {limit_bytes} bytes")
            yield piece
        if await self._event() is not None or not self._ended:
            raise Invalid.of("body", "nothing may follow the part audio")

    async def _must_begin(self, name: str) -> None:
        part = await self._event()
        if not isinstance(part, MultipartSegment) or part.name != name:
            raise Invalid.of(name, f"the part {name} must come here: first metadata, then audio")
        said = dict(part.headerlist)
        if said.get("Content-Encoding") or said.get("Content-Transfer-Encoding", "binary") != "binary":
            raise Invalid.of(name, "send the bytes as they are, without an encoding")

    async def _pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self._event()) is not None:
            assert not isinstance(piece, MultipartSegment)
            yield bytes(piece)

    async def _event(self) -> MultipartSegment | bytes | bytearray | None:
        """The next thing in the body: a part's head, a piece of it, or None at its end and at the end of the body."""
        while not self._ended:
            try:
                for event in self._events:
                    return event
                piece = await self._wire.piece()
                # An empty piece tells the parser that this is the end; it refuses a body that has none of its own.
                self._events = iter(self._parser.parse(piece))
                if not piece:
                    self._ended = True
                    for event in self._events:
                        return event
            except _BROKEN as error:
                raise _malformed() from error
        return None


def _malformed() -> Invalid:
    return Invalid.of("body", "this is not well-formed multipart/form-data, or it was cut short")
