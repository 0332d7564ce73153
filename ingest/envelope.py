"""A push's multipart/form-data body (RFC 7578): first the part `metadata`, then the part `audio`, nothing else.

aiohttp's reader does the reading; here its many ways of failing become answers, slow senders are given up, and the
order and names of the parts are kept to. What the parts say is judged elsewhere.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from archive.errors import Invalid, TooLarge, UnsupportedMedia, UploadTimeout
from ingest.metadata import METADATA_BYTES

_Read = TypeVar("_Read")
READ_BYTES = 256 * 1024
_GRACE_S = 20
_MULTIPART = "multipart/form-data"
_BROKEN = (ValueError, AssertionError, RuntimeError, LookupError, BadHttpMessage, web.RequestPayloadError)


class Envelope:
    """The two parts of one push, read in order.

    A sender that pauses for `idle_s` seconds, or that on the whole is slower than `min_bytes_per_s`, is given up.
    """

    def __init__(self, request: web.Request, *, idle_s: float, min_bytes_per_s: int) -> None:
        if request.content_type != _MULTIPART:
            raise UnsupportedMedia("send multipart/form-data with the parts metadata and audio")
        self._idle_s = idle_s
        self._min_bytes_per_s = min_bytes_per_s
        self._began = time.monotonic()
        self._received = 0
        try:
            self._reader = MultipartReader(request.headers, request.content)
        except _BROKEN as error:
            raise _malformed() from error

    async def metadata(self) -> bytes:
        """The part `metadata`.

        Raises:
            Invalid: the body does not begin with it.
            TooLarge: it is longer than METADATA_BYTES.
            UploadTimeout: it came too slowly.

        """
        part = await self._next("metadata")
        data = bytearray()
        async for piece in self._pieces(part):
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
        part = await self._next("audio")
        size = 0
        async for piece in self._pieces(part):
            size += len(piece)
            if size > limit_bytes:
                raise TooLarge(f"a recording may have {limit_bytes} bytes")
            yield piece
        await self._must_end()

    async def _next(self, name: str) -> BodyPartReader:
        part = await self._guarded(self._reader.next)
        if not isinstance(part, BodyPartReader) or part.name != name:
            raise Invalid.of(name, f"the part {name} must come here: first metadata, then audio")
        if part.headers.get("Content-Encoding") or part.headers.get("Content-Transfer-Encoding", "binary") != "binary":
            raise Invalid.of(name, "send the bytes as they are, without an encoding")
        return part

    async def _must_end(self) -> None:
        if await self._guarded(self._reader.next) is not None:
            raise Invalid.of("body", "nothing may follow the part audio")
        if not self._reader.at_eof():
            raise _malformed()

    async def _pieces(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        while not part.at_eof():
            piece = await self._guarded(lambda: part.read_chunk(READ_BYTES))
            self._received += len(piece)
            self._must_be_quick()
            if piece:
                yield piece

    async def _guarded(self, read: Callable[[], Awaitable[_Read]]) -> _Read:
        try:
            async with asyncio.timeout(self._idle_s):
                return await read()
        except TimeoutError:
            raise UploadTimeout from None
        except _BROKEN as error:
            raise _malformed() from error

    def _must_be_quick(self) -> None:
        spent_s = time.monotonic() - self._began
        if spent_s > _GRACE_S and self._received < spent_s * self._min_bytes_per_s:
            raise UploadTimeout


def _malformed() -> Invalid:
    return Invalid.of("body", "this is not well-formed multipart/form-data, or it was cut short")
