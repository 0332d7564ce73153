"""Finnish numbers in words: their value, and the book form of what people say ("kakskytviis"). Pure.

For finding "25" where a recogniser wrote "kaksikymmentäviisi". Numbers that must be masked are not read here.
"""

import re

_UNITS = (
    "nolla",
    "yksi",
    "kaksi",
    "kolme",
    "neljä",
    "viisi",
    "kuusi",
    "seitsemän",
    "kahdeksan",
    "yhdeksän",
    "kymmenen",
)
_TENS, _TEENS = "kymmentä", "toista"
_SCALES = {"sataa": 100, "sata": 100, "tuhatta": 1_000, "tuhat": 1_000, "miljoonaa": 1_000_000, "miljoona": 1_000_000}
_SAID_UNITS = {"yks": "yksi", "kaks": "kaksi", "viis": "viisi", "kuus": "kuusi", "seittemän": "seitsemän"}
_SAID = {**_SAID_UNITS, "kaheksan": "kahdeksan", "yheksän": "yhdeksän", "kol": "kolme", "kyt": _TENS, "kymment": _TENS}
_WRITTEN_WORD = re.compile("|".join(sorted((*_UNITS, _TENS, _TEENS, *_SCALES), key=len, reverse=True)))
_SAID_WORD = re.compile("|".join(sorted((*_UNITS, _TENS, _TEENS, *_SCALES, *_SAID), key=len, reverse=True)))
_WRITTEN = re.compile(f"(?:{_WRITTEN_WORD.pattern})+")
_SPOKEN = re.compile(f"(?:{_SAID_WORD.pattern})+")


def value(word: str) -> int | None:
    """The value of a numeral in its base form, such as "kaksisataaneljätoista"; None of any other word."""
    if not _WRITTEN.fullmatch(word):
        return None
    whole = hundreds = unit = 0
    for found in _WRITTEN_WORD.finditer(word):
        part = found[0]
        if part in _UNITS:
            hundreds, unit = hundreds + unit, _UNITS.index(part)
        elif part == _TEENS:
            unit += 10
        elif part == _TENS:
            unit *= 10
        elif _SCALES[part] == _SCALES["sata"]:
            hundreds, unit = hundreds + (unit or 1) * _SCALES[part], 0
        else:
            whole, hundreds, unit = whole + (hundreds + unit or 1) * _SCALES[part], 0, 0
    return whole + hundreds + unit


def written(word: str) -> str | None:
    """The book form of a numeral as it is said; None where it is one already, or no numeral."""
    if not _SPOKEN.fullmatch(word) or _WRITTEN.fullmatch(word):
        return None
    return _SAID_WORD.sub(lambda found: _SAID.get(found[0], found[0]), word)
