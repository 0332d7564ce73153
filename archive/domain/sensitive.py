"""Identity codes, payment cards and accounts in what was said or written: where they are, and the text without them.

`mask` is for everything that leaves the sealed parts: index, snippets, views, exports. It reads texts (the segments,
messages or fields of one contact in order of time) and never keeps any of them.

What is masked on proof: an identity code with a right check character, a card number of an issuer's range with a right
Luhn digit, an IBAN with right check digits; in figures of any spacing or in words of Finnish, Swedish or English,
through fillers and corrections, across texts and across what the other one says in between; and later repetitions of
four digits or more of such a value.

What is masked without proof, because a digit may have been misheard or mistyped (`archive.domain.number_hearsay`): a
number that is announced as an identity code, a card or an account and is about as long; the end part of an identity
code that is announced as such; the written form of an identity code with a letter in it; and a spoken birth date, dash
and end part. Names, addresses, phones, dates, metering points and other numbers are left.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from archive.domain.number_atoms import DASH, FIGURES, LETTER, NUMBER, SKIP, SPELLING, WALL, WORD, Atom, atoms_of
from archive.domain.number_gate import worth_reading
from archive.domain.number_hearsay import AMOUNT, repeated, told
from archive.domain.number_rows import echoes_of, rows_of
from archive.domain.number_search import Span, proven, split_codes
from archive.domain.number_topics import topics_of
from archive.domain.transcripts import Segment

__all__ = ["RULES", "Found", "Kind", "Masked", "Piece", "find", "mask", "moments"]

RULES: Final = "mask-4"
"""The version of the rules, in the analyser's name: a change of what is masked makes rows of the index outdated."""

_DIGITS: Final = frozenset(FIGURES)
_ECHOED: Final = frozenset({NUMBER, DASH, LETTER, SPELLING})
_Place = tuple[int, int]
"""A word: its text and where it begins. Several numerals may be glued together in one."""
_SPREAD: Final = 4
_SPREAD_BASE: Final = 40
_SPELLING_REACH: Final = 12
_ROUNDS: Final = 4
"""Masking can bring numbers together that were apart; what they make is masked too."""


class Kind(StrEnum):
    """What is masked; the marker is the name in brackets."""

    HETU = "hetu"
    CARD = "card"
    IBAN = "iban"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Characters `start` up to, not including, `end` of text `index`, and the mark that stands in their place."""

    index: int
    start: int
    end: int
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One value in its pieces, in order; `proven` by its checksum, or only by what is said about it."""

    kind: Kind
    pieces: tuple[Piece, ...]
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """The texts with a marker in place of each value, and where the values were in the texts before."""

    texts: tuple[str, ...]
    found: tuple[Found, ...]


def find(texts: Sequence[str], *, speakers: Sequence[str] | None = None) -> tuple[Found, ...]:
    """Every value in the texts, in order; `speakers` says whose each text is, where that is known.

    Raises:
        ValueError: there are not as many speakers as texts.

    """
    if speakers is not None and len(speakers) != len(texts):
        raise ValueError("one speaker for each text")
    return _read(texts, speakers) if worth_reading(texts, speakers) else ()


def _read(texts: Sequence[str], speakers: Sequence[str] | None) -> tuple[Found, ...]:
    """Every value in the texts; what `worth_reading` says no to holds none, or fewer than three numbers."""
    atoms = atoms_of(texts)
    topics = topics_of(atoms)
    echoes = echoes_of(atoms)
    rows = rows_of(atoms, speakers, echoes)
    spans = [span for row in rows for span in proven(row, topics)]
    whole = {atom.pos for span in spans for atom in span.atoms}
    apart = [span for row in rows for span in split_codes(row, topics)]
    # A date and an end part that are masked already would only tie together two mentions, and all that is between.
    spans += [span for span in apart if not all(atom.pos in whole for atom in span.atoms)]
    taken = {atom.pos for span in spans for atom in span.atoms}
    spans += [span for row in rows for span in told(row, topics, taken)]
    spans += repeated(atoms, spans)
    return _merged(spans, atoms, echoes)


def mask(texts: Sequence[str], *, speakers: Sequence[str] | None = None) -> Masked:
    """The texts with `[hetu]`, `[card]` or `[iban]` where a value begins, and nothing where it goes on.

    Masking what is masked changes nothing.

    Raises:
        ValueError: there are not as many speakers as texts.

    """
    found: tuple[Found, ...] = ()
    masked = tuple(texts)
    for _ in range(_ROUNDS):
        more = find(masked, speakers=speakers)
        if not more:
            break
        found = _joined(found, tuple(_moved(one, found) for one in more))
        masked = _without(texts, found)
    return Masked(texts=masked, found=found)


def moments(
    found: Sequence[Found], texts: Sequence[str], segments: Sequence[Segment]
) -> tuple[tuple[float, float], ...]:
    """Seconds in which the values are heard, from start to end, merged and in order.

    `texts` were searched, one for each segment, with its words in order. A segment without words is taken whole.
    """
    spans = [
        (start_s, end_s)
        for one in found
        for piece in one.pieces
        for start_s, end_s in _heard(texts[piece.index], segments[piece.index], piece)
    ]
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    return tuple(merged)


def _heard(text: str, segment: Segment, piece: Piece) -> list[tuple[float, float]]:
    """The times of the words that a piece touches."""
    touched, at = [], 0
    for word in segment.words:
        start = text.find(word.text, at)
        if start < 0:
            return [(segment.start_s, segment.end_s)]
        at = start + len(word.text)
        if start < piece.end and piece.start < at:
            touched.append((word.start_s, word.end_s))
    return [(touched[0][0], touched[-1][1])] if touched else [(segment.start_s, segment.end_s)]


def _merged(spans: Sequence[Span], atoms: Sequence[Atom], echoes: dict[int, int]) -> tuple[Found, ...]:
    """Spans that share a word are one value; an account is the best proven one, then the longest."""
    owner: dict[_Place, int] = {}
    groups: list[list[Span]] = []
    for span in spans:
        words = {_place(atom) for atom in span.atoms}
        known = sorted({owner[word] for word in words if word in owner})
        joined = [span, *(each for place in known for each in groups[place])]
        for place in known:
            groups[place] = []
        for each in joined if len(known) > 1 else [span]:
            owner.update((_place(atom), known[0] if known else len(groups)) for atom in each.atoms)
        if known:
            groups[known[0]] = joined
        else:
            groups.append(joined)
    again: dict[int, list[Atom]] = {}
    for atom in atoms if echoes else ():
        if atom.index in echoes:
            again.setdefault(echoes[atom.index], []).append(atom)
    found = [_found(place, group, atoms, again, owner) for place, group in enumerate(groups) if group]
    return tuple(sorted(found, key=lambda one: (one.pieces[0].index, one.pieces[0].start)))


def _place(atom: Atom) -> _Place:
    return (atom.index, atom.start)


def _found(
    place: int,
    group: Sequence[Span],
    atoms: Sequence[Atom],
    echoes: dict[int, list[Atom]],
    owner: dict[_Place, int],
) -> Found:
    """One value: its atoms, the digits that somebody else says between them, and their echo behind it."""
    held = {
        atom.pos
        for span in group
        for atom in span.atoms
        if atom.sort is not SKIP and (span.sure or atom.sort is not WORD)
    }
    more: list[Atom] = []
    for span in group:
        first, last = span.atoms[0].pos, span.atoms[-1].pos
        if last - first <= _SPREAD * len(span.atoms) + _SPREAD_BASE:  # not for parts said far apart
            amounts = _amounts(atoms, first, last)
            more += [one for one in atoms[first : last + 1] if one.sort in _DIGITS and one.pos not in amounts]
    for index in {atoms[pos].index for pos in held}:
        more += [atom for atom in echoes.get(index, ()) if atom.sort in _ECHOED]
    more += _spelt(atoms, max(held))
    for atom in more:
        if owner.setdefault(_place(atom), place) == place:
            held.add(atom.pos)
    own = {_place(one) for span in group for one in span.atoms if one.sort is not WORD or one.pos in held}
    pieces = _cut(sorted(held), atoms, own, owner)
    best = max(group, key=lambda span: (span.sure, span.kind == "iban", len(span.value)))
    pieces[0] = replace(pieces[0], mark=f"[{best.kind}]")
    return Found(kind=Kind(best.kind), pieces=tuple(pieces), proven=best.sure)


def _amounts(atoms: Sequence[Atom], first: int, last: int) -> set[int]:
    """The numbers from atom `first` to `last` that a unit behind them makes an amount: a price, a reading, a time."""
    found: set[int] = set()
    waiting: list[Atom] = []
    for atom in atoms[first : last + 1]:
        if waiting and atom.index != waiting[-1].index:
            waiting = []
        if atom.sort is NUMBER:
            waiting.append(atom)
        elif atom.sort is WALL and atom.word[0] != "[":
            digits = sum(len(one.readings[0]) for one in waiting if one.readings)
            found |= {one.pos for one in waiting} if digits <= AMOUNT else set()
            waiting = []
        elif atom.word not in {",", "."}:
            waiting = []
    return found


def _cut(held: Sequence[int], atoms: Sequence[Atom], own: set[_Place], owner: dict[_Place, int]) -> list[Piece]:
    """The held atoms as pieces: what stands between two of them goes too, unless it is a word or another value's."""
    pieces: list[Piece] = []
    last = -2
    for pos in held:
        atom = atoms[pos]
        between = [one for one in atoms[last + 1 : pos] if one.index == atom.index and _place(one) not in own]
        apart = any(one.sort in {WORD, WALL} or _place(one) in owner for one in between)
        if pieces and pieces[-1].index == atom.index and not apart:
            pieces[-1] = replace(pieces[-1], end=max(atom.end, pieces[-1].end))
        else:
            pieces.append(Piece(index=atom.index, start=atom.start, end=atom.end))
        last = pos
    return pieces


def _spelt(atoms: Sequence[Atom], last: int) -> list[Atom]:
    """The spelling that follows the last atom: it would tell the letter."""
    found = []
    for atom in atoms[last + 1 : last + _SPELLING_REACH]:
        if atom.sort is SPELLING:
            found.append(atom)
        elif atom.sort is not SKIP:
            break
    return found


def _pieces(found: Sequence[Found]) -> list[Piece]:
    """Every piece of every value, in order."""
    return sorted((piece for one in found for piece in one.pieces), key=lambda piece: (piece.index, piece.start))


def _without(texts: Sequence[str], found: Sequence[Found]) -> tuple[str, ...]:
    parts: list[list[str]] = [[] for _ in texts]
    ends = [0] * len(texts)
    for piece in _pieces(found):
        parts[piece.index] += [texts[piece.index][ends[piece.index] : piece.start], piece.mark]
        ends[piece.index] = piece.end
    return tuple("".join([*parts[at], text[ends[at] :]]) for at, text in enumerate(texts))


def _moved(one: Found, before: Sequence[Found]) -> Found:
    """What was found in the masked texts, with its places in the texts before."""
    if not before:
        return one
    kept: dict[int, list[tuple[int, int]]] = {}
    for piece in _pieces(before):
        gone = kept.setdefault(piece.index, [])
        shift = gone[-1][1] if gone else 0
        width = len(piece.mark)
        gone.append((piece.start - shift + width, shift + piece.end - piece.start - width))
    pieces = tuple(_moved_piece(piece, kept.get(piece.index, [])) for piece in one.pieces)
    return replace(one, pieces=pieces)


def _moved_piece(piece: Piece, gone: Sequence[tuple[int, int]]) -> Piece:
    return replace(piece, start=_back(piece.start, gone), end=_back(piece.end - 1, gone) + 1)


def _back(place: int, gone: Sequence[tuple[int, int]]) -> int:
    """A place in a masked text as a place in the text before: `gone` has where the shift begins, and how much it is."""
    at = bisect_right([start for start, _ in gone], place) - 1
    return place + gone[at][1] if at >= 0 else place


def _joined(before: Sequence[Found], more: Sequence[Found]) -> tuple[Found, ...]:
    """Both, where a later value swallows the pieces of an earlier one that lie inside it."""
    over = [piece for one in more for piece in one.pieces]
    kept = []
    for one in before:
        pieces = tuple(piece for piece in one.pieces if not any(_inside(piece, other) for other in over))
        if pieces:
            kept.append(replace(one, pieces=(replace(pieces[0], mark=f"[{one.kind}]"), *pieces[1:])))
    return tuple(sorted([*kept, *more], key=lambda one: (one.pieces[0].index, one.pieces[0].start)))


def _inside(piece: Piece, other: Piece) -> bool:
    return piece.index == other.index and other.start <= piece.start and piece.end <= other.end
