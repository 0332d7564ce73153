"""The place in a list of hits as opaque, authenticated text: where the page ended, of which search, and its total.

A cursor goes on with the search that it came from and no other; the total is counted once, for the first page. There is
no personal data in it: an interaction's id, a time, a number and a digest. Pure.
"""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from archive.domain.filters import Filters
from archive.errors import Invalid

Mac = Callable[[str], bytes]
_TAG_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How many contacts fit, counted up to a cap; `is_capped` means that there are more."""

    value: int
    is_capped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last hit of a page, and the total that its first page counted."""

    started_at: datetime
    id: UUID
    total: Total


def write(place: Place, filters: Filters, scope: frozenset[str] | None, mac: Mac) -> str:
    """A cursor for the page after `place`; `mac` is keyed by the installation."""
    microseconds = (place.started_at - _EPOCH) // _MICROSECOND
    text = f"{microseconds}.{place.id.hex}.{place.total.value}.{int(place.total.is_capped)}"
    tag = _tag(text, filters, scope, mac)
    return base64.urlsafe_b64encode(tag + text.encode()).decode("ascii").rstrip("=")


def read(cursor: str, filters: Filters, scope: frozenset[str] | None, mac: Mac) -> Place:
    """The place that a cursor names.

    Raises:
        Invalid: it was not given out by this installation for this search and this actor's companies.

    """
    try:
        data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        tag, text = data[:_TAG_BYTES], data[_TAG_BYTES:].decode("ascii")
    except ValueError:
        tag, text = b"", ""
    if not hmac.compare_digest(tag, _tag(text, filters, scope, mac)):
        message = "take the cursor from the field next of the answer before, and ask the same again"
        raise Invalid.of("cursor", message)
    microseconds, hit, value, is_capped = text.split(".")
    total = Total(value=int(value), is_capped=is_capped == "1")
    return Place(started_at=_EPOCH + int(microseconds) * _MICROSECOND, id=UUID(hit), total=total)


def _tag(text: str, filters: Filters, scope: frozenset[str] | None, mac: Mac) -> bytes:
    asked = [str(getattr(filters, name)) for name in Filters.__dataclass_fields__]
    reach = "*" if scope is None else ",".join(sorted(scope))
    return mac("\x1f".join((text, reach, *asked)))[:_TAG_BYTES]
