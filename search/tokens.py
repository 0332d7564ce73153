"""Where words stand in a text and how each is folded: the same rules for what was said and for what is asked.

Pure, linear in the length of the text, for any Unicode. What words mean (base forms, stems) is `search.words`.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice

MAX_TERM_CHARS = 64
"""A longer run of letters is no word; its beginning stands for it."""
MIN_JOINED_DIGITS = 7
MAX_JOINED_DIGITS = 24
"""Digit groups of so many digits together are one number that people write in groups: phone, case, metering point."""
UNITS = frozenset({"a", "v", "w", "kw", "kwh", "mw", "mwh", "gwh", "kva", "eur", "snt", "m", "m2", "m3", "km"})
"""What may stand after a number with a space or without: "25 A" is found as "25A" too."""

# Accents over the letter before, and characters that show nothing: soft hyphens of e-mails, joiners, a byte order mark.
_SILENT = "\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_CHAR = rf"(?:[^\W_]|[{_SILENT}])"
_HYPHENS = "-\u2010\u2011"
_INNER = rf"(?:[{_HYPHENS}'\u2019:]|(?<=\d)[.,\u00d7*](?=\d)|(?<=\d) [x\u00d7*] (?=\d))"
_TOKEN = re.compile(rf"[^\W_]{_CHAR}*(?:{_INNER}{_CHAR}+)*", re.IGNORECASE)
_HYPHEN = re.compile(rf"[{_HYPHENS}]")
_DIGIT_GROUPS = re.compile(rf"\d+(?:[{_HYPHENS}]\d+)*")
_TIMES = re.compile(r"(?<=\d) ?[x\u00d7*] ?(?=\d)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_SIMPLE = re.compile(r"[a-z0-9åäö]+")
_DATE_GROUPS = 3
_KEPT = frozenset("åäö")
# Letters that carry no accent to take away, in their usual Finnish spelling.
_SPELLED = str.maketrans({"ø": "ö", "æ": "ä", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A word as it is written in a text: from `start` to before `end`, in characters."""

    start: int
    end: int
    surface: str


def spans(text: str) -> list[Span]:
    """The words of a text in their order; hyphenated words, decimals, dates and "3 x 25" are one each."""
    return [Span(start=found.start(), end=found.end(), surface=found[0]) for found in _TOKEN.finditer(text)]


def places(text: str, count: int | None = None) -> list[tuple[int, int]]:
    """Where the words of a text stand, or the first so many, as `spans` finds them, without cutting them out."""
    return [found.span() for found in islice(_TOKEN.finditer(text), count)]


def fold(word: str) -> str:
    """A word as it is compared: small letters, no accents, nothing but letters and digits.

    å, ä and ö stay: in Finnish and Swedish they are letters of their own, and "vaara" is not "väärä".
    """
    small = word[: 2 * MAX_TERM_CHARS].lower()
    if _SIMPLE.fullmatch(small):
        return small[:MAX_TERM_CHARS]
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", small).casefold()).translate(_SPELLED)
    bare = "".join(char if char in _KEPT else _bare(char) for char in composed)
    return unicodedata.normalize("NFC", bare)[:MAX_TERM_CHARS]


def _bare(char: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFD", char) if part.isalnum())


def pieces(surface: str) -> list[str]:
    """The words that hyphens tie together; a word without is its own only piece."""
    return [piece for piece in _HYPHEN.split(surface) if piece]


def plain(piece: str) -> str:
    """A piece as it is compared: numbers and what is multiplied in one spelling, a word folded, its `:n` off.

    Two groups of digits are tied by a comma whatever stood between them ("10.5", "12:30"); three and more by points
    and without leading zeros ("01.05.2026" is 1.5.2026).
    """
    number = _NUMBER.match(piece)
    if not number:
        return fold(piece.partition(":")[0])
    rest = _TIMES.sub("x", piece[number.end() - 1 :])[1:]
    return (_number(number[0]) + fold(rest.partition(":")[0]))[:MAX_TERM_CHARS]


def _number(digits: str) -> str:
    groups = [fold(group) for group in re.split(r"[.,:]", digits)]
    if len(groups) < _DATE_GROUPS:
        return ",".join(groups)
    return ".".join(group.lstrip("0") or "0" for group in groups)


def joined(text: str, found: list[Span]) -> dict[int, str]:
    """What words make with the words after them, by the place of the first: "045 123 4567", "25 A".

    Groups of digits with one space or hyphen between them are one number; a number and a unit are one word.
    """
    made: dict[int, str] = {}
    first = 0
    while first < len(found):
        after = first + 1
        if _DIGIT_GROUPS.fullmatch(found[first].surface):
            while after < len(found) and _follows(text, found, after) and _DIGIT_GROUPS.fullmatch(found[after].surface):
                after += 1
            whole = _whole_number(text, found[first:after])
            if whole:
                made[first] = whole
        last = found[after - 1].surface
        if last[0].isdigit() and after < len(found) and _follows(text, found, after):
            unit = fold(found[after].surface)
            if unit in UNITS:
                made.setdefault(after - 1, plain(last) + unit)
        first = after
    return made


def _follows(text: str, found: list[Span], place: int) -> bool:
    return text[found[place - 1].end : found[place].start] in {" ", "\u00a0", "\u202f"}


def _whole_number(text: str, groups: list[Span]) -> str:
    """The digits of all groups, a Finnish phone number in its national form; empty when they make no number."""
    digits = "".join(fold(group.surface) for group in groups)
    plus = text[groups[0].start - 1 : groups[0].start] == "+"
    if digits.startswith("00358") or (plus and digits.startswith("358")):
        digits = "0" + digits.partition("358")[2]
    return digits if MIN_JOINED_DIGITS <= len(digits) <= MAX_JOINED_DIGITS else ""
