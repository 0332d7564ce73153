"""A request's body as pieces, from a sender that is given up when it is too slow; and a body read whole.

What the pieces mean is judged elsewhere (`ingest.envelope`, `ingest.chat`).
"""

import asyncio
import time

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from archive.errors import Invalid, TooLarge, UploadTimeout
from archive.settings import Settings

_GRACE_S = 20


class Wire:
    """The pieces of one body, in order.

    A sender that pauses for `idle_s` seconds, that on the whole is slower than `min_bytes_per_s`, or that takes longer
    than `max_s` is given up.
    """

    def __init__(self, request: web.Request, settings: Settings) -> None:
        self._idle_s = settings.upload_idle_s
        self._min_bytes_per_s = settings.upload_min_bytes_per_s
        self._max_s = settings.upload_max_s
        self._began = time.monotonic()
        self._received = 0
        self._content = request.content

    async def piece(self) -> bytes:
        """The next piece; an empty one is the end.

        Raises:
            UploadTimeout: it comes too slowly.

        """
        try:
            async with asyncio.timeout(self._idle_s):
                piece = await self._content.readany()
        except TimeoutError:
            raise UploadTimeout from None
        self._received += len(piece)
        spent_s = time.monotonic() - self._began
        too_slow = spent_s > _GRACE_S and self._received < spent_s * self._min_bytes_per_s
        if too_slow or spent_s > self._max_s:
            raise UploadTimeout
        return piece

    async def whole(self, limit_bytes: int, what: str) -> bytes:
        """All of it.

        Raises:
            TooLarge: it is longer than `limit_bytes`; `what` is what may not have more.
            Invalid: it is cut.
            UploadTimeout: it comes too slowly.

        """
        data = bytearray()
        try:
            while piece := await self.piece():
                data += piece
                if len(data) > limit_bytes:
                    raise TooLarge(f"{what} may have {limit_bytes} bytes")
        except (BadHttpMessage, web.RequestPayloadError):
            raise Invalid.of("body", "it was cut short") from None
        return bytes(data)
