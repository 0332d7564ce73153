"""What snippets are cut from: the masked passages of a contact, packed for its row and read again. Pure.

A passage is what one speaker said in a row: a segment of a transcript, a message of a chat, a subject. Its words stand
in the index at positions from `first` on, one each, so that a hit leads to its passage and its place in it.
"""

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import orjson

from archive.errors import Damaged

_TENTHS = 10
_LEVEL = 6
_FIRST = 6  # the place of a passage's first position in its row


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Some text of one speaker. `kind` is the part's, or `subject`; seconds are counted from the contact's start.

    `at` is an RFC 3339 time where the words were written at one. `steps` are, for each piece of the text between
    spaces, the tenths of a second from the start of the piece before to its own; empty where nobody knows.
    """

    kind: str
    text: str
    speaker: str = ""
    start_s: float | None = None
    end_s: float | None = None
    at: str | None = None
    first: int = 1
    steps: tuple[int, ...] = ()

    def moment_s(self, offset: int) -> float | None:
        """When the word at this character was said; None where nothing of this text was spoken.

        Where the words have no times, the passage's time is shared out by characters.
        """
        if self.start_s is None:
            return None
        if self.steps:
            piece = min(self.text.count(" ", 0, offset), len(self.steps) - 1)
            return round(self.start_s + sum(self.steps[: piece + 1]) / _TENTHS, 1)
        if self.end_s is None or not self.text:
            return self.start_s
        return round(self.start_s + (self.end_s - self.start_s) * offset / len(self.text), 1)


class Passages(Sequence[Passage]):
    """The passages of a contact in their order, each made when it is looked at: a page of hits shows few of many."""

    __slots__ = ("_rows", "firsts")

    def __init__(self, rows: list[list[Any]]) -> None:
        self._rows = rows
        self.firsts: list[int] = [row[_FIRST] for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Passage: ...

    @overload
    def __getitem__(self, place: slice) -> list[Passage]: ...

    def __getitem__(self, place: int | slice) -> Passage | list[Passage]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        kind, start_s, end_s, speaker, text, at, first, *steps = self._rows[place]
        return Passage(
            kind=kind, start_s=start_s, end_s=end_s, speaker=speaker, text=text, at=at, first=first, steps=tuple(steps)
        )


def steps_of(start_s: float, words: Iterable[tuple[str, float]]) -> tuple[int, ...]:
    """The steps of a passage from its start and its words, each with the second in which it begins."""
    steps: list[int] = []
    before = 0
    for text, begins_s in words:
        here = round((begins_s - start_s) * _TENTHS)
        # A mark that stands for a number may have spaces in it: its other pieces begin with its first.
        steps += [here - before, *[0] * text.count(" ")]
        before = here
    return tuple(steps)


def passage_of(passages: Sequence[Passage], position: int) -> Passage | None:
    """The passage in which a position of the index lies; None before the first."""
    place = bisect_right(passages, position, key=lambda passage: passage.first)
    return passages[place - 1] if place else None


def pack(passages: Iterable[Passage]) -> bytes:
    """Passages as they lie in `search_texts`."""
    rows = [[p.kind, p.start_s, p.end_s, p.speaker, p.text, p.at, p.first, *p.steps] for p in passages]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), _LEVEL)


def unpack(packed: bytes) -> Passages:
    """Read what `pack` wrote.

    Raises:
        Damaged: it is something else.

    """
    try:
        return Passages(orjson.loads(zlib.decompress(packed)))
    except (ValueError, TypeError, LookupError, zlib.error):
        raise Damaged from None
