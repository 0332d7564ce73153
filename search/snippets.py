"""Snippets: where in a contact the words of a query stand, cut from its passages, with the moment of each.

A row of the index knows at which positions its terms stand and a passage which position is its first, so nothing is
analysed anew; only in a contact with more words than a row has positions for are they found by its text. Pure; the
rows come from `search.index_words`, passages are `search.texts`.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from search import tokens
from search.buckets import lexeme, long_mark
from search.likeness import Like
from search.terms import Alternatives, Terms
from search.texts import Passage, Passages, unpack
from search.words import Analyser

SNIPPETS = 3
"""The most of one contact."""
CHARS = 160
_POSITION = 0x3FFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Some text around words that were asked for, in pieces: each with whether it is such a word.

    `start_s` is when the first of them was said, `end_s` when its passage ended; `at` is an RFC 3339 time where they
    were written at one. `part` is the kind of what they were read from, `kind` is sure or near.
    """

    pieces: tuple[tuple[str, bool], ...]
    part: str
    start_s: float | None
    end_s: float | None
    at: str | None
    speaker: str
    kind: str

    @property
    def html(self) -> str:
        """The text escaped, the words in `<mark>`."""
        return "".join(f"<mark>{escape(text)}</mark>" if is_word else escape(text) for text, is_word in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contact's row of the index: the tsvector as `tsvectorsend` writes it, and the packed passages."""

    bucket: str
    terms: bytes
    segments: bytes
    language: str | None


def cut(row: Row, asked: Terms, analyser: Analyser) -> tuple[Snippet, ...] | None:
    """The best passages in order of how many of the words they have, then of time; None when it is no hit after all.

    That happens only where a phrase was asked of a contact too long for the index to know every position.

    Raises:
        Damaged: the passages cannot be read.

    """
    passages = unpack(row.segments)
    found = _found(row, passages, asked, analyser)
    return None if found is None else tuple(_best(passages, found))


def holds(row: Row, asked: Terms, analyser: Analyser) -> bool:
    """Whether the phrases stand in it and nothing that must not; for a contact that the index says is a hit.

    The index knows that by itself, but of a contact with more words than it has positions for.

    Raises:
        Damaged: the passages cannot be read.

    """
    return not _is_long(row) or _found(row, unpack(row.segments), asked, analyser) is not None


def cut_near(
    row: Row, likes: Sequence[Like], asked: Terms | None = None, analyser: Analyser | None = None
) -> tuple[Snippet, ...] | None:
    """The passages that sound most like what was asked, with the words that do; None when it is no hit after all.

    That is told by `holds`, where it is said what was `asked` and how words are analysed.

    Raises:
        Damaged: the passages cannot be read.

    """
    if asked is not None and analyser is not None and not holds(row, asked, analyser):
        return None
    passages = unpack(row.segments)
    held: dict[int, list[Like]] = {}
    for like in likes:
        if like.passage < len(passages):
            held.setdefault(like.passage, []).append(like)
    ranked = sorted(held, key=lambda place: (-len(held[place]), -max(one.evidence for one in held[place]), place))
    made = []
    for place in ranked[:SNIPPETS]:
        first = passages[place].first
        positions = {first + word for like in held[place] for word in range(like.first, like.last + 1)}
        snippet = _snippet(passages[place], sorted(positions), "near")
        made += [] if snippet is None else [snippet]
    return tuple(made)


def _best(passages: Passages, found: Sequence[Sequence[int]]) -> Iterator[Snippet]:
    """Snippets of the passages that have the most different words."""
    held: dict[int, dict[int, set[int]]] = {}
    for word, positions in enumerate(found):
        for position in positions:
            place = bisect_right(passages.firsts, position) - 1
            if place >= 0:
                held.setdefault(place, {}).setdefault(position, set()).add(word)
    ranked = sorted(held, key=lambda place: (-len(set().union(*held[place].values())), place))
    for place in ranked[:SNIPPETS]:
        made = _snippet(passages[place], sorted(held[place]))
        if made is not None:
            yield made


def _snippet(passage: Passage, positions: Sequence[int], kind: str = "sure") -> Snippet | None:
    if not positions:
        return None
    places = tokens.places(passage.text, positions[-1] - passage.first + 1)
    marks = [places[at - passage.first] for at in positions if at - passage.first < len(places)]
    if not marks:
        return None
    return Snippet(
        pieces=tuple(_pieces(passage.text, marks)),
        part=passage.kind,
        start_s=passage.moment_s(marks[0][0]),
        end_s=passage.end_s,
        at=passage.at,
        speaker=passage.speaker,
        kind=kind,
    )


def _pieces(text: str, marks: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The text around the first mark, and every mark in it."""
    begin, end = _window(text, marks[0])
    before = "… " if begin else ""
    at = begin
    for start, stop in marks:
        if stop > end:
            break
        if before or start > at:
            yield before + text[at:start], False
        yield text[start:stop], True
        before, at = "", stop
    after = text[at:end] + (" …" if end < len(text) else "")
    if after:
        yield after, False


def _window(text: str, mark: tuple[int, int]) -> tuple[int, int]:
    """About `CHARS` characters with the mark in them, cut between words where there is a space near."""
    if len(text) <= CHARS:
        return 0, len(text)
    begin = max(0, min(mark[0] - CHARS // 3, len(text) - CHARS))
    end = max(min(begin + CHARS, len(text)), mark[1])
    if begin:
        space = text.find(" ", begin, mark[0])
        begin = space + 1 if space >= 0 else begin
    if end < len(text):
        space = text.rfind(" ", mark[1], end)
        end = space if space >= 0 else end
    return begin, end


# -------------------------------------------------------------- positions


def _is_long(row: Row) -> bool:
    """Whether it has more words than a row has positions for."""
    return _find(row.terms, long_mark(row.bucket)) is not None


def _found(row: Row, passages: Passages, asked: Terms, analyser: Analyser) -> list[list[int]] | None:
    """Where each word and each phrase stands; None when a long contact is no hit after all."""
    is_long = _is_long(row)
    heard = _heard(passages, analyser, row.language) if is_long else {}

    def stands(word: Alternatives) -> list[int]:
        return _among(heard, word) if is_long else _positions(row, word)

    phrases = [_side_by_side([stands(word) for word in phrase]) for phrase in asked.phrases]
    if is_long:
        without = [_side_by_side([stands(word) for word in phrase]) for phrase in asked.without]
        if not all(phrases) or any(without):
            return None
    return [*(stands(word) for word in asked.words), *phrases]


def _positions(row: Row, word: Alternatives) -> list[int]:
    """Where any of the alternatives stands, by the row's own positions."""
    return sorted({at for term in word for at in _find(row.terms, lexeme(row.bucket, term)) or ()})


def _find(terms: bytes, wanted: str) -> tuple[int, ...] | None:
    """The positions of a lexeme; None when it is not there.

    `tsvectorsend` writes how many there are (int32), then of each its text, a zero, how many positions (uint16), and
    those (uint16 each, weight in the upper two bits): PostgreSQL, src/backend/utils/adt/tsvector.c.
    """
    name = wanted.encode() + b"\0"
    at = terms.find(name)
    if at < 0:
        return None
    at += len(name)
    (count,) = struct.unpack_from(">H", terms, at)
    return tuple(one & _POSITION for one in struct.unpack_from(f">{count}H", terms, at + 2))


def _side_by_side(places: Sequence[Sequence[int]]) -> list[int]:
    """The positions of a phrase's words wherever they stand one after the other."""
    if not places:
        return []
    later = [set(one) for one in places[1:]]
    begins = [at for at in places[0] if all(at + step in one for step, one in enumerate(later, 1))]
    return sorted({at + step for at in begins for step in range(len(places))})


def _heard(passages: Sequence[Passage], analyser: Analyser, language: str | None) -> dict[str, list[int]]:
    """Every term of the passages with its positions, by analysing them."""
    found: dict[str, list[int]] = {}
    for passage in passages:
        for position, token in enumerate(analyser.tokens(passage.text, language), passage.first):
            for term in token.terms:
                found.setdefault(term, []).append(position)
    return found


def _among(heard: dict[str, list[int]], word: Alternatives) -> list[int]:
    return sorted({at for term in word for at in heard.get(term, ())})
