"""Texts as atoms: digit strings with all their readings, letters, dashes, fillers, and the words between them.

"kakskyt yks" may be 21 or 20 and 1, "sata viisi" 105 or 100 and 5: an atom carries every reading that the atom after
it allows, and the proof (`archive.domain.number_proof`) tries them. Nothing here knows what a number is for.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import lru_cache
from typing import Final

from archive.domain.spoken_letters import CORRECTIONS, DASHES, FILLERS, LETTERS, PLUSES, UNITS
from archive.domain.spoken_numbers import MAX_WORD_CHARS, Part, Reading, Role, read_word

__all__ = [
    "ASIDE",
    "CORRECTION",
    "DASH",
    "DASH_SIGNS",
    "FIGURES",
    "LETTER",
    "NUMBER",
    "SKIP",
    "SPELLING",
    "WALL",
    "WORD",
    "Atom",
    "Sort",
    "Token",
    "atoms_of",
    "plain",
    "token_of",
]

_CHECK: Final = r"(?<=[0-9]{6}[-+a-fu-y‐‑‒–—−][0-9]{3})[a-fhj-npr-y]"
"""The letter that closes a written code, though other letters touch it."""
_COUNTRY: Final = r"fi(?=[0-9]{2}(?: ?[0-9]{4}){3} ?[0-9]{2}(?![0-9]))"
"""The letters before the digits of a Finnish account."""
_TOUCHED: Final = re.compile(rf"{_COUNTRY}(?<=[^\W\d_]fi)")
_WORDS: Final = (
    r"\[(?:hetu|card|iban)\]|(?:double|tupla|kaksois|dubbel)[ -](?:u|v|vee|ve)\b|[0-9]+|[^\W\d_]+|[^\s\w]|\d+|_+"
)
_TOKEN: Final = re.compile(rf"{_CHECK}|{_WORDS}")
_TOUCHED_TOKEN: Final = re.compile(rf"{_CHECK}|{_COUNTRY}|[^\W\d_]+?(?={_COUNTRY})|{_WORDS}")
"""The same for texts in which other letters touch those of an account."""
_MARKERS: Final = frozenset({"[hetu]", "[card]", "[iban]"})
DASH_SIGNS: Final = frozenset("-‐‑‒–—−")
_KEPT_TOKENS: Final = 1 << 14
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


def plain(text: str) -> str:
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


NUMBER: Final = Sort.NUMBER
LETTER: Final = Sort.LETTER
DASH: Final = Sort.DASH
SKIP: Final = Sort.SKIP
SPELLING: Final = Sort.SPELLING
CORRECTION: Final = Sort.CORRECTION
WORD: Final = Sort.WORD
WALL: Final = Sort.WALL
FIGURES: Final = frozenset({NUMBER, DASH})
ASIDE: Final = frozenset({SKIP, SPELLING})
"""The sorts by names of their own: to look up a member of an enumeration takes as long as ten such names."""


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

    def __init__(self, place: tuple[int, int], word: str, sort: Sort, readings: tuple[str, ...] = ()) -> None:
        self.start, self.end = place
        self.word = word
        self.sort = sort
        self.readings = readings
        self.spoken = False
        self.sure = True
        self.index = self.pos = self.noughts = self.fills = self.repeats = 0


@dataclass(frozen=True, slots=True)
class _Numeral:
    """A numeral on its way to an atom."""

    place: tuple[int, int]
    word: str
    part: Part
    weak: bool
    fuzzy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a word or sign is wherever it stands: the numerals in it, or else the atom that it makes.

    `numbers` is how many numbers it may be at least, `certain` whether it is surely one.
    """

    reading: Reading | None = None
    sort: Sort
    readings: tuple[str, ...] = ()
    spoken: bool = False
    sure: bool = True
    numbers: int = 0
    certain: bool = False


def atoms_of(texts: Sequence[str]) -> list[Atom]:
    """Every text's atoms in order."""
    found: list[Atom] = []
    for index, text in enumerate(texts):
        for atom in _read(text):
            atom.index, atom.pos = index, len(found)
            found.append(atom)
    return found


def _read(text: str) -> list[Atom]:
    """The atoms of one text, numerals joined."""
    lowered = plain(text)
    found: list[Atom] = []
    waiting: list[_Numeral] = []
    tokens = _TOUCHED_TOKEN if _TOUCHED.search(lowered) else _TOKEN
    for match in tokens.finditer(lowered):
        word, place = match[0], match.span()
        if word[0].isdigit():
            atom = Atom(place, word, NUMBER, _figures(word, lowered[place[1] : place[1] + 2]))
        else:
            token = _short_token(word) if len(word) <= MAX_WORD_CHARS else _made_token(word, None)
            if token.reading is not None:
                reading = token.reading
                waiting += [_Numeral(place, word, part, reading.weak, reading.fuzzy) for part in reading.parts]
                continue
            if waiting and _hyphen(word, place, waiting[-1], lowered):
                continue
            atom = Atom(place, word, token.sort, token.readings)
            if token.spoken or not token.sure:
                atom.spoken, atom.sure = token.spoken, token.sure
        if waiting:
            found += _numerals(waiting)
            waiting = []
        found.append(atom)
    found += _numerals(waiting)
    return found


def _hyphen(word: str, place: tuple[int, int], before: _Numeral, text: str) -> bool:
    """Whether a sign is the hyphen of "twenty-one"."""
    return word in DASH_SIGNS and before.place[1] == place[0] and text[place[1] : place[1] + 1].isalpha()


def token_of(word: str) -> Token:
    """What a lower-case word or sign is; of long ones nothing is kept."""
    return _short_token(word) if len(word) <= MAX_WORD_CHARS else _made_token(word, None)


@lru_cache(maxsize=_KEPT_TOKENS)
def _short_token(word: str) -> Token:
    return _made_token(word, read_word(word) if word[0].isalpha() else None)


def _made_token(word: str, reading: Reading | None) -> Token:
    numbers = 0 if reading is None else len(reading.parts) or 1
    certain = reading is not None and not (reading.weak or reading.fuzzy)
    known = _KNOWN.get(word)
    if word in UNITS or word in _MARKERS:
        return Token(sort=WALL, numbers=numbers, certain=certain)
    if reading is not None and reading.parts and not (reading.fuzzy and known is not None):
        return Token(sort=NUMBER, reading=reading, numbers=numbers, certain=certain)
    if known is not None:
        sort, readings = known
        short = len(word) == 1
        return Token(sort=sort, readings=readings, spoken=not short, sure=short, numbers=numbers, certain=certain)
    if reading is not None:
        return Token(sort=NUMBER, spoken=True, sure=False, numbers=numbers)
    return Token(sort=WORD if word[0].isalnum() else SKIP)


def _figures(word: str, follows: str) -> tuple[str, ...]:
    """The readings of a string of digits; one digit before a point and another is a day or month of a date too."""
    if not word.isascii() or len(word) > _GLYPH_DIGITS:
        return ()
    return (word, f"0{word}") if len(word) == 1 and follows[:1] == "." and follows[1:].isdigit() else (word,)


def _known() -> dict[str, tuple[Sort, tuple[str, ...]]]:
    """What words and signs between digits are."""
    table = {name: (LETTER, tuple(letters)) for name, letters in LETTERS.items()}
    table |= dict.fromkeys(FILLERS, (SKIP, ()))
    table |= {word: (CORRECTION, table.get(word, (WORD, ()))[1]) for word in CORRECTIONS}
    table |= dict.fromkeys([*DASH_SIGNS, *DASHES], (DASH, ("-",)))
    return table | dict.fromkeys(["+", *PLUSES], (DASH, ("+",)))


_KNOWN: Final = _known()


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
    atom = Atom(place, said[0].word, NUMBER)
    atom.spoken, atom.sure = True, sure
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
