"""Texts as atoms: digit strings with all their readings, letters, dashes, fillers, and the words between them.

"kakskyt yks" may be 21 or 20 and 1, "sata viisi" 105 or 100 and 5: an atom carries every reading that the atom after
it allows, and the proof (`archive.domain.number_proof`) tries them. Nothing here knows what a number is for.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final

from archive.domain.spoken_letters import CORRECTIONS, DASHES, FILLERS, LETTERS, PLUSES
from archive.domain.spoken_numbers import Part, Role, read_word

__all__ = ["Atom", "Sort", "atoms_of", "has_numbers"]

_TOKEN: Final = re.compile(
    r"\[(?:hetu|card|iban)\]|(?:double|tupla|kaksois|dubbel)[ -](?:u|v|vee|ve)\b|[0-9]+|[^\W\d_]+|[^\s\w]|\d+|_+"
)
_WORD: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_MARKERS: Final = frozenset({"[hetu]", "[card]", "[iban]"})
_DASH_SIGNS: Final = frozenset("-‐‑‒–—−")
_GLYPH_DIGITS: Final = 34
"""A longer string of digits is no value of ours; it is one atom without a reading."""
_NOUGHTS: Final = {Role.TENS: 1, Role.HUNDRED: 2, Role.THOUSAND: 3}
_WIDTHS: Final = {Role.UNIT: 1, Role.ORDINAL: 1, Role.TENS: 2, Role.WHOLE: 2, Role.HUNDRED: 3}


def _compatible(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


class _Plain(dict[int, str]):
    """Each character as it is read, worked out when it is first met: lower case, and an ASCII digit for any digit.

    Always one character for one, so that places in the text stay; what would grow is kept as it is.
    """

    def __missing__(self, code: int) -> str:
        found = chr(code)
        for step in (_compatible, str.lower):
            form = step(found)
            found = form if len(form) == 1 else found
        decimal = unicodedata.decimal(found, None)
        self[code] = found if decimal is None else str(decimal)
        return self[code]


_PLAIN: Final = _Plain()


def _plain(text: str) -> str:
    """The text as it is read, of the same length."""
    return text.lower() if text.isascii() else text.translate(_PLAIN)


class Sort(IntEnum):
    """What an atom does in a number; whole numbers, since they are looked up without end."""

    NUMBER = auto()
    LETTER = auto()
    DASH = auto()
    SKIP = auto()  # fillers and punctuation
    SPELLING = auto()  # "niin kuin Aarne" behind a letter
    CORRECTION = auto()
    WORD = auto()
    WALL = auto()  # a marker, or the unit of a price or reading: no number goes on behind it


class Atom:
    """One word, sign or string of digits at `start` to `end` of text `index`; `pos` counts atoms of all texts.

    `readings` are what it may contribute, the likeliest first: digits, single letters, or a dash or plus. `sure` is
    neither misheard nor a number only beside others. `noughts` are those at the end of its first reading that the next
    number may fill, `fills` is how many it fills of the one before, and `repeats` how often the next digit counts.
    Atoms change while rows are made of them (`archive.domain.number_rows`), and never after.
    """

    __slots__ = (
        "end",
        "fills",
        "index",
        "noughts",
        "pos",
        "readings",
        "repeats",
        "sort",
        "spoken",
        "start",
        "sure",
        "word",
    )

    def __init__(
        self,
        place: tuple[int, int],
        word: str,
        sort: Sort,
        readings: tuple[str, ...] = (),
        *,
        spoken: bool = False,
        sure: bool = True,
    ) -> None:
        self.start, self.end = place
        self.word, self.sort, self.readings, self.spoken, self.sure = word, sort, readings, spoken, sure
        self.index = self.pos = self.noughts = self.fills = self.repeats = 0


@dataclass(frozen=True, slots=True)
class _Numeral:
    """A numeral on its way to an atom."""

    place: tuple[int, int]
    word: str
    part: Part
    weak: bool
    fuzzy: bool


def has_numbers(texts: Sequence[str], *, least: int) -> bool:
    """Whether the texts hold at least `least` digits, in figures or in words; quick, since most texts have none.

    Words that only sound like numbers count where one is sure.
    """
    count, sure = 0, False
    for text in texts:
        for word in _WORD.findall(_plain(text)):
            if word[0].isdigit():
                count, sure = count + len(word), True
            elif (reading := read_word(word)) is not None:
                count += len(reading.parts) or 1
                sure = sure or not (reading.weak or reading.fuzzy)
            if sure and count >= least:
                return True
    return False


def atoms_of(texts: Sequence[str], walls: frozenset[str]) -> list[Atom]:
    """Every text's atoms in order; `walls` are the lower-case words that no number goes across."""
    found: list[Atom] = []
    for index, text in enumerate(texts):
        for atom in _read(text, walls):
            atom.index, atom.pos = index, len(found)
            found.append(atom)
    return found


def _read(text: str, walls: frozenset[str]) -> Iterator[Atom]:
    """The atoms of one text, numerals joined."""
    lowered = _plain(text)
    waiting: list[_Numeral] = []
    for match in _TOKEN.finditer(lowered):
        word, place = match[0], match.span()
        reading = read_word(word) if word[0].isalpha() and word not in walls else None
        if reading is not None and reading.fuzzy and word in _KNOWN:
            reading = None
        if reading is not None and reading.parts:
            waiting += [_Numeral(place, word, part, reading.weak, reading.fuzzy) for part in reading.parts]
        elif (
            word in _DASH_SIGNS
            and waiting
            and waiting[-1].place[1] == place[0]
            and lowered[place[1] : place[1] + 1].isalpha()
        ):
            pass  # the hyphen of "twenty-one"
        else:
            yield from _numerals(waiting)
            waiting = []
            if word in walls or word in _MARKERS:
                yield Atom(place, word, Sort.WALL)
            elif word[0].isdigit():
                yield Atom(place, word, Sort.NUMBER, _figures(word, lowered[place[1] : place[1] + 2]))
            else:
                yield _other(place, word, like=reading is not None)
    yield from _numerals(waiting)


def _figures(word: str, follows: str) -> tuple[str, ...]:
    """The readings of a string of digits; one digit before a point and another is a day or month of a date too."""
    if not word.isascii() or len(word) > _GLYPH_DIGITS:
        return ()
    return (word, f"0{word}") if len(word) == 1 and follows[:1] == "." and follows[1:].isdigit() else (word,)


def _known() -> dict[str, tuple[Sort, tuple[str, ...]]]:
    """What words and signs between digits are."""
    table = {name: (Sort.LETTER, tuple(letters)) for name, letters in LETTERS.items()}
    table |= dict.fromkeys(FILLERS, (Sort.SKIP, ()))
    table |= {word: (Sort.CORRECTION, table.get(word, (Sort.WORD, ()))[1]) for word in CORRECTIONS}
    table |= dict.fromkeys([*_DASH_SIGNS, *DASHES], (Sort.DASH, ("-",)))
    return table | dict.fromkeys(["+", *PLUSES], (Sort.DASH, ("+",)))


_KNOWN: Final = _known()


def _other(place: tuple[int, int], word: str, *, like: bool) -> Atom:
    """The atom of a token that is no number word and no figure."""
    known = _KNOWN.get(word)
    if known is not None:
        return Atom(place, word, *known, spoken=len(word) > 1, sure=len(word) == 1)
    if not word[0].isalnum():
        return Atom(place, word, Sort.SKIP)
    return Atom(place, word, Sort.NUMBER, spoken=True, sure=False) if like else Atom(place, word, Sort.WORD)


_Value = tuple[int, int, Role, str]
"""The first and last numeral of a number, what it is now, and its digits without noughts."""


def _numerals(waiting: list[_Numeral]) -> Iterator[Atom]:
    """Numerals that stand side by side, joined where one belongs to the other."""
    values: list[_Value] = []
    for at, numeral in enumerate(waiting):
        role, value = numeral.part.role, numeral.part.value
        before = values[-1] if values else None
        unit = (
            before is not None and before[2] in {Role.UNIT, Role.ORDINAL} and len(before[3]) == 1 and before[3] != "0"
        )
        if before is not None and before[2] is Role.REPEAT and role is Role.UNIT:
            values[-1] = (before[0], at, Role.WHOLE, str(value) * int(before[3]))
        elif role is Role.TIMES_TEN:
            _replace(values, at, unit=unit, role=Role.TENS, alone="1")
        elif role is Role.TEEN and unit and before is not None:
            values[-1] = (before[0], at, Role.WHOLE, f"1{before[3]}")
        elif role in {Role.HUNDRED, Role.THOUSAND}:
            teen = role is Role.HUNDRED and before is not None and before[2] is Role.WHOLE and before[3][:1] == "1"
            _replace(values, at, unit=(unit or teen) and value > 1, role=role, alone="1")
        elif role is Role.TEEN:
            values.append((at, at, Role.WHOLE, ""))
        else:
            values.append((at, at, role, f"{value:02d}" if role is Role.WHOLE else str(value)))
    for place, (first, last, role, digits) in enumerate(values):
        after = values[place + 1] if place + 1 < len(values) else None
        yield _number(waiting[first : last + 1], role, digits, waiting[after[0]] if after else None, after)


def _number(
    said: Sequence[_Numeral], role: Role, digits: str, following: _Numeral | None, after: _Value | None
) -> Atom:
    """The atom of one number, with its noughts filled where the next one is glued to it."""
    place = (said[0].place[0], said[-1].place[1])
    sure = not any(one.fuzzy or (one.weak and len(said) == 1) for one in said)
    atom = Atom(place, said[0].word, Sort.NUMBER, (), spoken=True, sure=sure)
    atom.fills = _width(role, digits)
    noughts = _NOUGHTS.get(role, 0)
    whole = digits + "0" * noughts
    if role is Role.REPEAT:
        atom.repeats = int(digits)
    if not digits or role is Role.REPEAT:
        return atom
    if role is Role.ORDINAL:
        atom.readings = (digits, f"0{digits}")
    elif (
        following is not None
        and after is not None
        and following.place == said[-1].place
        and 0 < _width(after[2], after[3]) <= noughts
    ):
        atom.readings = (whole[: len(whole) - _width(after[2], after[3])],)
    else:
        letters = LETTERS.get(said[0].word, "") if len(said) == 1 else ""
        atom.readings, atom.noughts = (whole, *letters), noughts
    return atom


def _replace(values: list[_Value], at: int, *, unit: bool, role: Role, alone: str) -> None:
    """Let the numeral at `at` multiply the one before it, or stand for one ten, hundred or thousand."""
    if unit:
        first, _, _, digits = values[-1]
        values[-1] = (first, at, role, digits)
    else:
        values.append((at, at, role, alone))


def _width(role: Role, digits: str) -> int:
    """How many of the noughts before it a number fills: one for a unit, two for tens and teens, three for hundreds."""
    return 0 if digits == "0" or len(digits) > 2 else _WIDTHS.get(role, 0)  # noqa: PLR2004 - teens have two digits
