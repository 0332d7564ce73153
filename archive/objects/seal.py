"""The sealed payload: STREAM chunks of the age v1 format, written forwards and opened by range.

Here: `Sealer` turns plain bytes into a sealed object piece by piece; `Opening` computes which sealed bytes hold a plain
range and opens only those. Headers and identities are in `archive.objects.age_header`. Digests and storage belong to
the caller. Pure: no I/O and no clock; memory is at most one chunk beside what the caller passes.

A payload is cut into chunks of 64 KiB; each is ChaCha20-Poly1305 with a nonce made of its number and a mark on the last
one, so that chunks cannot be reordered, dropped or cut off unnoticed. Format: https://age-encryption.org/v1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from archive.errors import Damaged
from archive.objects.age_header import (
    HEADER_BYTES,
    TAG_BYTES,
    Identity,
    cut_header,
    new_identity,
    read_header,
    write_header,
)

CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES

__all__ = [
    "CHUNK_BYTES",
    "HEADER_BYTES",
    "SEALED_CHUNK_BYTES",
    "Identity",
    "Opener",
    "Opening",
    "SealedSpan",
    "Sealer",
    "cut_header",
    "new_identity",
    "sealed_size",
]


def sealed_size(plain_bytes: int, header_bytes: int = HEADER_BYTES) -> int:
    """Size in bytes of the whole sealed object of so many plain bytes; an empty payload still has one chunk."""
    return header_bytes + plain_bytes + TAG_BYTES * (_last_chunk(plain_bytes) + 1)


class Sealer:
    """Seals one payload for one recipient.

    `header` comes first in the object (it includes the payload nonce), then everything `update` returns, then what
    `finish` returns. A chunk is given out once a byte of the next has come, because the last one is marked.
    """

    __slots__ = ("_cipher", "_held", "_next", "header")

    def __init__(self, recipient: bytes) -> None:
        made = write_header(recipient)
        self.header = made.raw
        self._cipher = ChaCha20Poly1305(made.payload_key)
        self._held = bytearray()
        self._next = 0

    def update(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take plain bytes; return the sealed chunks that are complete, perhaps none."""
        view, out = memoryview(data), list[bytes]()
        if self._held:
            fill = CHUNK_BYTES - len(self._held)
            self._held += view[:fill]
            view = view[fill:]
            if not view:
                return b""
            out.append(self._seal(self._held, last=False))
            self._held = bytearray()
        # Whole chunks are sealed where they lie; only the tail is copied.
        while len(view) > CHUNK_BYTES:
            out.append(self._seal(view[:CHUNK_BYTES], last=False))
            view = view[CHUNK_BYTES:]
        self._held += view
        return b"".join(out)

    def finish(self) -> bytes:
        """Return the last sealed chunk. Nothing may follow."""
        return self._seal(self._held, last=True)

    def _seal(self, plain: bytearray | memoryview, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._next, last=last), plain, None)
        self._next += 1
        return sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSpan:
    """Where in a sealed object the plain bytes `start` to `stop` (exclusive) lie.

    `first_byte` and `last_byte` are inclusive, as HTTP Range has them. `last_chunk` is the number of the payload's last
    chunk, which may lie beyond the span.
    """

    start: int
    stop: int
    first_byte: int
    last_byte: int
    first_chunk: int
    last_chunk: int

    @property
    def sealed_bytes(self) -> int:
        """How many sealed bytes to read."""
        return self.last_byte - self.first_byte + 1


class Opening:
    """Opens one sealed object with its identity's raw secret and its header (payload nonce included).

    Raises:
        Damaged: the header was changed or is for another identity.

    """

    __slots__ = ("_cipher", "_header_bytes")

    def __init__(self, secret: bytes, header: bytes) -> None:
        self._cipher = ChaCha20Poly1305(read_header(secret, header).payload_key)
        self._header_bytes = len(header)

    def span(self, start: int, stop: int, plain_bytes: int) -> SealedSpan:
        """Locate the plain bytes from `start` up to but not including `stop` in a payload of `plain_bytes`.

        The caller has checked the range: 0 <= start < stop <= plain_bytes, or 0, 0, 0 for an empty payload.
        """
        if not (0 <= start < stop <= plain_bytes or start == stop == plain_bytes == 0):
            raise ValueError("a span outside the payload")
        last = _last_chunk(plain_bytes)
        first_chunk, stop_chunk = start // CHUNK_BYTES, _last_chunk(stop)
        end = plain_bytes + TAG_BYTES * (last + 1)
        return SealedSpan(
            start=start,
            stop=stop,
            first_byte=self._header_bytes + first_chunk * SEALED_CHUNK_BYTES,
            last_byte=self._header_bytes + min((stop_chunk + 1) * SEALED_CHUNK_BYTES, end) - 1,
            first_chunk=first_chunk,
            last_chunk=last,
        )

    def opener(self, span: SealedSpan) -> "Opener":
        """A push-style reader for a span, for callers that receive the sealed bytes asynchronously."""
        return Opener(self._cipher, span)

    def open(self, span: SealedSpan, sealed: bytes | Iterable[bytes]) -> Iterator[bytes]:
        """Yield the span's plain bytes from its sealed bytes, each piece as soon as it is authenticated.

        Raises:
            Damaged: a chunk was changed, moved, cut off or is missing.

        """
        opener = self.opener(span)
        for piece in (sealed,) if isinstance(sealed, bytes | bytearray | memoryview) else sealed:
            if plain := opener.update(piece):
                yield plain
        if plain := opener.finish():
            yield plain


class Opener:
    """Opens the chunks of one span in order; gives nothing out that is not authenticated."""

    __slots__ = ("_cipher", "_held", "_next", "_span", "_to_come")

    def __init__(self, cipher: ChaCha20Poly1305, span: SealedSpan) -> None:
        self._cipher = cipher
        self._span = span
        self._held = bytearray()
        self._next = span.first_chunk
        self._to_come = span.sealed_bytes

    def update(self, sealed: bytes | bytearray | memoryview) -> bytes:
        """Take sealed bytes; return the plain bytes of the span that they complete, perhaps none.

        Raises:
            Damaged: a chunk does not authenticate, or more came than the span holds.

        """
        view, out = memoryview(sealed), list[bytes | memoryview]()
        self._to_come -= len(view)
        if self._to_come < 0:
            raise Damaged("more sealed bytes than the span holds")
        if self._held:
            fill = SEALED_CHUNK_BYTES - len(self._held)
            self._held += view[:fill]
            view = view[fill:]
            if len(self._held) < SEALED_CHUNK_BYTES:
                return b""
            out.append(self._open(self._held))
            self._held = bytearray()
        while len(view) >= SEALED_CHUNK_BYTES:
            out.append(self._open(view[:SEALED_CHUNK_BYTES]))
            view = view[SEALED_CHUNK_BYTES:]
        self._held += view
        return out[0] if len(out) == 1 and isinstance(out[0], bytes) else b"".join(out)

    def finish(self) -> bytes:
        """Return what the last, short chunk holds.

        Raises:
            Damaged: sealed bytes of the span are missing, or the short chunk does not authenticate.

        """
        if self._to_come:
            raise Damaged("fewer sealed bytes than the span holds")
        return bytes(self._open(self._held)) if self._held else b""

    def _open(self, chunk: bytearray | memoryview) -> bytes | memoryview:
        number, span = self._next, self._span
        self._next += 1
        try:
            plain = self._cipher.decrypt(_nonce(number, last=number == span.last_chunk), chunk, None)
        except InvalidTag:
            raise Damaged("a sealed chunk does not authenticate") from None
        base = number * CHUNK_BYTES
        if span.start <= base and base + len(plain) <= span.stop:
            return plain
        return memoryview(plain)[max(0, span.start - base) : span.stop - base]


def _last_chunk(plain_bytes: int) -> int:
    """The number of the last chunk; only an empty payload has an empty one."""
    return max(0, plain_bytes - 1) // CHUNK_BYTES


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
