"""The orders in which a number may have been said: everything as it stands, or one speaker's words.

Here numbers meet that belong together across fillers, texts and what others say: the tens of one text and the unit of
the next, a letter and the name that spells it, a doubtful number word and a sure one.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Final

from archive.domain.number_atoms import ASIDE, CORRECTION, DASH, LETTER, NUMBER, SKIP, SPELLING, WORD, Atom
from archive.domain.spoken_letters import LETTERS

__all__ = ["LIKE_WORDS", "Row", "echoes_of", "rows_of"]

_REACH: Final = 12
_STEPS_EACH: Final = 20
_STEPS_BASE: Final = 10_000
_LIKE: Final = [
    ["niin", "kuin"], ["niin", "kun"], ["niinku"], ["kuin"], ["kuten"], ["as", "in"], ["like"], ["som", "i"], ["som"]
]  # fmt: skip
_LIKE_STARTS: Final = frozenset(like[0] for like in _LIKE)
LIKE_WORDS: Final = frozenset(word for like in _LIKE for word in like)
_NEAR_WORDS: Final = 1
"""A doubtful number counts with at most this many words between it and another number."""
_FAR: Final = 9
_PASSED: Final = ASIDE | {CORRECTION}
"""What a value may go on across."""
_NEAR_SPELLING: Final = 12


class Row(list[Atom]):
    """Atoms in one order; where an echo begins, `jumps` has the atom behind it.

    `left` is how many readings may still be tried in it: the bound on hostile input. `room` has, for each atom and
    behind the last one, how many digits a value that begins there can have at most: it spares trying in vain.
    """

    def __init__(self, atoms: Sequence[Atom], echoes: dict[int, int]) -> None:
        super().__init__(atoms)
        self.left = _STEPS_BASE + _STEPS_EACH * len(atoms)
        self.jumps: dict[int, int] = {}
        end = len(atoms)
        for at in range(len(atoms) - 1, -1, -1) if echoes else ():
            index = atoms[at].index
            end = at + 1 if at + 1 == len(atoms) or atoms[at + 1].index != index else end
            if index in echoes and (at == 0 or atoms[at - 1].index != index):
                self.jumps[at] = end
        self.room: list[int] = []

    def measure(self) -> None:
        """Count the room of each atom, once the atoms are finished."""
        room = [0] * (len(self) + 1)
        digits = 0
        for at in range(len(self) - 1, -1, -1):
            atom = self[at]
            if atom.readings:
                if atom.sort is not DASH:
                    digits += max([len(reading) for reading in atom.readings if reading.isdigit()], default=0)
            elif atom.sort not in _PASSED:
                digits = 0
            if self.jumps and at in self.jumps:
                digits = max(digits, room[self.jumps[at]])
            room[at] = digits
        self.room = room


def rows_of(atoms: Sequence[Atom], speakers: Sequence[str] | None, echoes: dict[int, int]) -> list[Row]:
    """Every order that is worth reading; the atoms are finished with it."""
    orders = [list(atoms)]
    voices = dict.fromkeys(speakers or ())
    if speakers is not None and len(voices) > 1:
        orders += [[atom for atom in atoms if speakers[atom.index] == voice] for voice in voices]
    for order in reversed(orders) if any(atom.word in _LIKE_STARTS for atom in atoms) else ():
        _spell([atom for atom in order if atom.sort is not SKIP or atom.word in LIKE_WORDS])
    kept: set[int] = set()
    for order in orders:
        kept |= _supported(order)
    for atom in atoms:
        if atom.sort is NUMBER and atom.pos not in kept and not atom.word[0].isdigit():
            atom.readings = tuple(LETTERS.get(atom.word, ""))
            atom.sort = LETTER if atom.readings else WORD
    rows = [Row(_near(order), echoes) for order in orders]
    for row in rows:
        _fill(row)
        if row.jumps:
            _fill([atom for atom in row if atom.index not in echoes])
    for row in rows:
        row.measure()
    return [row for row in rows if row]


def _near(order: Sequence[Atom]) -> list[Atom]:
    """The atoms that are not far from a number: the rest is of no use."""
    useful = bytearray(len(order))
    for at, atom in enumerate(order):
        if atom.sort is NUMBER:
            first, last = max(0, at - 2 * _REACH), min(len(order), at + _REACH)
            useful[first:last] = b"\1" * (last - first)
    return list(compress(order, useful))


def echoes_of(atoms: Sequence[Atom]) -> dict[int, int]:
    """The texts that only say again the digits or letters that the text before them ended with, and that text."""
    said: dict[int, str] = {}
    letters: dict[int, set[str]] = {}
    for atom in atoms:
        if atom.sort is NUMBER and atom.readings:
            said[atom.index] = said.get(atom.index, "") + atom.readings[0]
        elif atom.sort is LETTER:
            letters.setdefault(atom.index, set()).update(atom.readings)
    echoes: dict[int, int] = {}
    source, before = -1, ""
    speller, spelt = -1, set[str]()
    for index in sorted({*said, *letters}):
        digits = said.get(index, "")
        if digits and before.endswith(digits):
            echoes[index] = source
        elif not digits and letters[index] & spelt:
            echoes[index] = speller
        else:
            source, before = (index, digits) if digits else (source, before)
            speller, spelt = (index, letters[index]) if index in letters else (speller, spelt)
    return echoes


def _spell(atoms: Sequence[Atom]) -> None:
    """Read "A niin kuin Aarne" as one letter: the name gives it where the letter itself was not understood."""
    at = 0
    while at < len(atoms) - 1:
        at += _spell_one(atoms, at) or 1


def _spell_one(atoms: Sequence[Atom], at: int) -> int:
    """Mark one "niin kuin Aarne" that begins at `at`; the answer is how many atoms it has, 0 if it is none."""
    if atoms[at].word not in _LIKE_STARTS or atoms[at].sort is SPELLING:
        return 0
    for like in _LIKE:
        end = at + len(like)
        if end < len(atoms) and atoms[end].word[0].isalpha() and [atom.word for atom in atoms[at:end]] == like:
            break
    else:
        return 0
    before, named = _spelled(atoms, at), atoms[end]
    letter = LETTERS.get(named.word, named.word[0].upper())[0]
    numbered = named.sort is NUMBER and named.sure
    if before is None or numbered or not letter.isascii() or not (before.readings or before.sort is NUMBER):
        return 0
    for atom in atoms[at:end]:
        atom.sort, atom.readings = SPELLING, ()
    if named.word in _LIKE_STARTS:  # somebody says "niin kuin" after the other
        return len(like)
    if any(reading.isalpha() for reading in before.readings):
        before.readings = tuple(dict.fromkeys((letter, *before.readings)))
        before.sort = LETTER
        named.sort, named.readings = SPELLING, ()
    else:
        named.sort, named.readings, named.spoken = LETTER, (letter,), True
    return len(like) + 1


def _spelled(atoms: Sequence[Atom], at: int) -> Atom | None:
    """What is spelled by the name behind `at`: the nearest atom before it that is no spelling itself."""
    before = at - 1
    while before >= 0 and atoms[before].sort is SPELLING and at - before <= _NEAR_SPELLING:
        before -= 1
    return atoms[before] if before >= 0 else None


def _supported(row: Sequence[Atom]) -> set[int]:
    """The numbers of a row that are sure, or stand beside such ones."""
    kept = {atom.pos for atom in row if atom.sort is NUMBER and atom.sure and atom.readings}
    for order in (row, row[::-1]):
        gap = _FAR
        for atom in order:
            if atom.pos in kept:
                gap = 0
            elif atom.sort is NUMBER and gap <= _NEAR_WORDS:
                kept.add(atom.pos)
                gap = 0
            elif atom.sort is WORD or atom.sort is NUMBER:
                gap += 1
    return kept


def _is_month(atom: Atom) -> bool:
    """Whether a number word is an ordinal or a month's name."""
    if not atom.spoken or not atom.readings:
        return False
    first = atom.readings[0]
    return (first[0] == "0" and len(first) > 1) or atom.readings[1:] == (f"0{first}",)


def _fill(row: Sequence[Atom]) -> None:
    """Let each number fill the noughts of the one before it: "kaksikymmentä" and "yksi" are 21 as well as 20 and 1.

    A day before an ordinal ("yks viidettä") may need its nought.
    """
    open_: Atom | None = None
    day: Atom | None = None
    twice: Atom | None = None
    for atom in row:
        if atom.sort in ASIDE:
            continue
        if open_ is not None and atom.sort is NUMBER and 0 < atom.fills <= open_.noughts:
            whole = max(open_.readings, key=len)
            filled = whole[: len(whole) - atom.fills]
            open_.readings = tuple(dict.fromkeys((filled, *open_.readings)))
        if day is not None and _is_month(atom):
            day.readings = (*day.readings, f"0{day.readings[0]}")
        day = atom if atom.sort is NUMBER and len(atom.readings) == 1 and len(atom.readings[0]) == 1 else None
        if twice is not None and atom.readings and len(atom.readings[0]) == 1:
            twice.readings = (atom.readings[0] * (twice.repeats - 1),)
        twice = atom if atom.repeats else None
        open_ = atom if atom.sort is NUMBER and atom.noughts else None
