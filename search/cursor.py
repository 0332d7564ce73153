"""The place in a list of hits as opaque, authenticated text: where the page ended, of which search, and its total.

A cursor goes on with the search that it came from and no other; the total is counted once, for the first page. There is
no personal data in it: ids of interactions, times, numbers and a digest. Pure.
"""

import base64
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from archive.errors import Invalid
from search.query import Asked

Mac = Callable[[str], bytes]
_TAG_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How many contacts fit, counted up to a cap or while there was time; with `is_capped` at least so many."""

    value: int
    is_capped: bool


Spot = tuple[datetime, UUID]
"""A contact's place in the order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Which contacts were put in order of relevance, from the newest to the oldest, and how well the last hit fits.

    Contacts that arrive later are not among them unless they lie between the two, so no page loses its place.
    """

    score: float
    newest: Spot
    oldest: Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last hit of a page, and the total that its first page counted.

    `is_near`: the sure hits are through, and the last was a near one (or none was shown yet). `ranked` is there in a
    list by relevance, as long as it is among sure hits.
    """

    started_at: datetime
    id: UUID
    total: Total
    is_near: bool = False
    ranked: Ranked | None = None

    @property
    def spot(self) -> Spot:
        """The last hit's place in the order of time."""
        return self.started_at, self.id


def write(place: Place, asked: Asked, scope: frozenset[str] | None, mac: Mac) -> str:
    """A cursor for the page after `place`; `mac` is keyed by the installation."""
    fields = [*_spot_text(place.spot), place.total.value, int(place.total.is_capped), int(place.is_near)]
    if place.ranked is not None:
        score = struct.pack(">d", place.ranked.score).hex()
        fields += [score, *_spot_text(place.ranked.newest), *_spot_text(place.ranked.oldest)]
    text = ".".join(map(str, fields))
    tag = _tag(text, asked, scope, mac)
    return base64.urlsafe_b64encode(tag + text.encode()).decode("ascii").rstrip("=")


def read(cursor: str, asked: Asked, scope: frozenset[str] | None, mac: Mac) -> Place:
    """The place that a cursor names.

    Raises:
        Invalid: it was not given out by this installation for this search and this actor's companies.

    """
    try:
        data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        tag, text = data[:_TAG_BYTES], data[_TAG_BYTES:].decode("ascii")
    except ValueError:
        tag, text = b"", ""
    if not hmac.compare_digest(tag, _tag(text, asked, scope, mac)):
        message = "take the cursor from the field next of the answer before, and ask the same again"
        raise Invalid.of("cursor", message)
    at, hit, value, is_capped, is_near, *ranked = text.split(".")
    started_at, id_ = _spot(at, hit)
    return Place(
        started_at=started_at,
        id=id_,
        total=Total(value=int(value), is_capped=is_capped == "1"),
        is_near=is_near == "1",
        ranked=_ranked(*ranked) if ranked else None,
    )


def _ranked(score: str, *spots: str) -> Ranked:
    (number,) = struct.unpack(">d", bytes.fromhex(score))
    return Ranked(score=number, newest=_spot(*spots[:2]), oldest=_spot(*spots[2:]))


def _spot_text(spot: Spot) -> tuple[str, str]:
    return str((spot[0] - _EPOCH) // _MICROSECOND), spot[1].hex


def _spot(microseconds: str, hit: str) -> Spot:
    return _EPOCH + int(microseconds) * _MICROSECOND, UUID(hit)


def _tag(text: str, asked: Asked, scope: frozenset[str] | None, mac: Mac) -> bytes:
    filters = [str(getattr(asked.filters, name)) for name in type(asked.filters).__dataclass_fields__]
    reach = "*" if scope is None else ",".join(sorted(scope))
    said = (text, reach, *filters, asked.query.text, str(asked.sort), str(asked.near))
    return mac("\x1f".join(said))[:_TAG_BYTES]
