"""The orders in which a number may have been said: everything as it stands, one speaker's words, or without echoes.

Here numbers meet that belong together across fillers, texts and what others say: the tens of one text and the unit of
the next, a letter and the name that spells it, a doubtful number word and a sure one.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Final

from archive.domain.number_atoms import Atom, Sort
from archive.domain.spoken_letters import LETTERS

__all__ = ["Row", "echoes_of", "rows_of"]

_REACH: Final = 12
_STEPS_EACH: Final = 20
_STEPS_BASE: Final = 10_000
_LIKE: Final = [
    ["niin", "kuin"], ["niin", "kun"], ["niinku"], ["kuin"], ["kuten"], ["as", "in"], ["like"], ["som", "i"], ["som"]
]  # fmt: skip
_LIKE_STARTS: Final = frozenset(like[0] for like in _LIKE)
_LIKE_WORDS: Final = frozenset(word for like in _LIKE for word in like)
_NEAR_WORDS: Final = 1
"""A doubtful number counts with at most this many words between it and another number."""
_FAR: Final = 9


class Row(list[Atom]):
    """Atoms in one order, and how many readings of them may still be tried: the bound on hostile input."""

    def __init__(self, atoms: Sequence[Atom]) -> None:
        super().__init__(atoms)
        self.left = _STEPS_BASE + _STEPS_EACH * len(atoms)


def rows_of(atoms: Sequence[Atom], speakers: Sequence[str] | None, echoes: dict[int, int]) -> list[Row]:
    """Every order that is worth reading; the atoms are finished with it."""
    orders = [list(atoms)]
    voices = dict.fromkeys(speakers or ())
    if speakers is not None and len(voices) > 1:
        orders += [[atom for atom in atoms if speakers[atom.index] == voice] for voice in voices]
    for order in reversed(orders):
        _spell([atom for atom in order if atom.sort is not Sort.SKIP or atom.word in _LIKE_WORDS])
    if echoes:
        orders.append([atom for atom in atoms if atom.index not in echoes])
    kept: set[int] = set()
    for order in orders:
        kept |= _supported(order)
    for atom in atoms:
        if atom.sort is Sort.NUMBER and atom.pos not in kept and not atom.word[0].isdigit():
            atom.readings = tuple(LETTERS.get(atom.word, ""))
            atom.sort = Sort.LETTER if atom.readings else Sort.WORD
    rows = [Row(_near(order)) for order in orders]
    for row in rows:
        _fill(row)
    return [row for row in rows if row]


def _near(order: Sequence[Atom]) -> list[Atom]:
    """The atoms that are not far from a number: the rest is of no use."""
    useful = bytearray(len(order))
    for at, atom in enumerate(order):
        if atom.sort is Sort.NUMBER:
            first, last = max(0, at - _REACH), min(len(order), at + _REACH)
            useful[first:last] = b"\1" * (last - first)
    return list(compress(order, useful))


def echoes_of(atoms: Sequence[Atom]) -> dict[int, int]:
    """The texts that only say again the digits or letters that the text before them ended with, and that text."""
    said: dict[int, str] = {}
    letters: dict[int, set[str]] = {}
    for atom in atoms:
        if atom.sort is Sort.NUMBER and atom.readings:
            said[atom.index] = said.get(atom.index, "") + atom.readings[0]
        elif atom.sort is Sort.LETTER:
            letters.setdefault(atom.index, set()).update(atom.readings)
    echoes: dict[int, int] = {}
    source, before = -1, ""
    spelt: set[str] = set()
    for index in sorted({*said, *letters}):
        digits = said.get(index, "")
        if (digits and before.endswith(digits)) or (not digits and letters[index] & spelt and source >= 0):
            echoes[index] = source
        elif digits:
            source, before = index, digits
        spelt = letters.get(index, spelt)
    return echoes


def _spell(atoms: Sequence[Atom]) -> None:
    """Read "A niin kuin Aarne" as one letter: the name gives it where the letter itself was not understood."""
    at = 0
    while at < len(atoms) - 1:
        at += _spell_one(atoms, at) or 1


def _spell_one(atoms: Sequence[Atom], at: int) -> int:
    """Mark one "niin kuin Aarne" that begins at `at`; the answer is how many atoms it has, 0 if it is none."""
    if atoms[at].word not in _LIKE_STARTS or atoms[at].sort is Sort.SPELLING:
        return 0
    for like in _LIKE:
        end = at + len(like)
        if end < len(atoms) and atoms[end].word[0].isalpha() and [atom.word for atom in atoms[at:end]] == like:
            break
    else:
        return 0
    before, named = atoms[at - 1] if at else None, atoms[end]
    letter = named.word[0].upper()
    if (
        before is None
        or not (before.readings or before.sort is Sort.NUMBER)
        or (named.sort is Sort.NUMBER and named.sure)
    ):
        return 0
    for atom in atoms[at:end]:
        atom.sort, atom.readings = Sort.SPELLING, ()
    if any(reading.isalpha() for reading in before.readings):
        before.readings = tuple(dict.fromkeys((letter, *before.readings)))
        before.sort = Sort.LETTER
        named.sort, named.readings = Sort.SPELLING, ()
    else:
        named.sort, named.readings, named.spoken = Sort.LETTER, (letter,), True
    return len(like) + 1


def _supported(row: Sequence[Atom]) -> set[int]:
    """The numbers of a row that are sure, or stand beside such ones."""
    kept = {atom.pos for atom in row if atom.sort is Sort.NUMBER and atom.sure and atom.readings}
    for order in (row, row[::-1]):
        gap = _FAR
        for atom in order:
            if atom.pos in kept:
                gap = 0
            elif atom.sort is Sort.NUMBER and gap <= _NEAR_WORDS:
                kept.add(atom.pos)
                gap = 0
            elif atom.sort is Sort.WORD or atom.sort is Sort.NUMBER:
                gap += 1
    return kept


def _fill(row: Sequence[Atom]) -> None:
    """Let each number fill the noughts of the one before it: "kaksikymmentä" and "yksi" are 21 as well as 20 and 1."""
    open_: Atom | None = None
    for atom in row:
        if atom.sort in {Sort.SKIP, Sort.SPELLING}:
            continue
        if open_ is not None and atom.sort is Sort.NUMBER and 0 < atom.fills <= open_.noughts:
            whole = max(open_.readings, key=len)
            filled = whole[: len(whole) - atom.fills]
            if filled not in open_.readings:
                open_.readings = (filled, *open_.readings)
        open_ = atom if atom.sort is Sort.NUMBER and atom.noughts else None
