"""Byte ranges of HTTP (RFC 9110, section 14): which part of a content is asked for. Pure."""

import re
from dataclasses import dataclass

from archive.errors import RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes from `start` up to but not including `stop` of a content of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of the header Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def read_range(header: str | None, size: int) -> Span | None:
    """The span that a Range header asks for; None means the whole content.

    A header that is malformed or asks for several ranges is ignored, as RFC 9110, 14.2 allows.

    Raises:
        RangeNotSatisfiable: the range begins after the end, or asks for the last zero bytes.

    """
    found = _ONE_RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
        if int(last) == 0 or size == 0:
            raise RangeNotSatisfiable
        return Span(start=start, stop=stop, size=size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    return Span(start=start, stop=min(int(last) + 1, size) if last else size, size=size)
