"""Number words of Finnish, Swedish and English, and what a recogniser makes of them.

`read_word` takes one word as it stands in a transcript or a message and says which numerals are glued together in it
("kakskytyks" is two, times ten, one). Letters, dashes and fillers are `archive.domain.spoken_letters`; joining words to
digit strings is `archive.domain.number_atoms`.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import lru_cache
from typing import Final

from archive.domain.spoken_letters import FILLERS

__all__ = ["Part", "Reading", "Role", "fold", "read_word"]

MAX_WORD_CHARS: Final = 120
"""Longer words are nobody's dictation; reading them would only cost time."""
_CACHED_WORDS: Final = 1 << 14
_LIKE_CHARS: Final = (4, 40)
_LIKE_SHARE: Final = 0.5


class Role(IntEnum):
    """What a numeral does with its neighbours."""

    UNIT = auto()  # 0 to 9
    ORDINAL = auto()  # 1 to 9, and a day or month that may be said without its nought
    WHOLE = auto()  # 10 to 19, a month: stands for itself
    TENS = auto()  # 20, 30 ...
    TIMES_TEN = auto()  # -kymmentä: makes tens of the unit before it
    TEEN = auto()  # -toista: makes 11 to 19 of the unit before it
    HUNDRED = auto()
    THOUSAND = auto()
    REPEAT = auto()  # double, triple


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One numeral: `value` is the digit, the tens' digit, the two digits, or how often to repeat.

    A hundred or thousand of value 1 stands alone.
    """

    role: Role
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one word may be.

    `weak` is a number only beside other numbers ("en", "oh", "kuu"); `fuzzy` was not heard right; without `parts` the
    word only sounds like numbers.
    """

    parts: tuple[Part, ...]
    weak: bool = False
    fuzzy: bool = False


def _forms(text: str) -> dict[str, int]:
    """Lines of `value: forms` as a table from form to value."""
    pairs = (line.split(":") for line in text.strip().splitlines())
    return {form: int(value) for value, forms in pairs for form in forms.split()}


_FI_UNITS = _forms("""
    0: nolla nollaa nollan nollat
    1: yksi yks yhtä ykkönen ykköstä ykköne
    2: kaksi kaks kahta kakkonen kakkosta kakkone
    3: kolme kolmea kolmonen kolmosta kolmone
    4: neljä neljää nelonen nelosta nelone
    5: viisi viis viittä viitonen vitonen vitosta vitone
    6: kuusi kuus kuutta kuutonen kutonen kutosta kutone
    7: seitsemän seittemän seitsämän seitsemä seittemä seitemän seitsemää seittämän seiska seiskaa
    8: kahdeksan kaheksan kahdeksa kaheksa kahdeksaa kaheksaa kasi
    9: yhdeksän yheksän yhdeksä yheksä yhdeksää yheksää ysi
""")
_FI_SHORT = _forms("""
    1: yk
    2: kak
    3: kol kolm
    4: nel nelj
    5: vii
    6: kuu
    7: seit seittem seitsem sei
    8: kahd
    9: yhd
""")
"""Halves of numerals: numbers only inside longer words ("nelkyt") and beside others ("yks kaks kol nel")."""
_FI_HEARD = _forms("""
    0: nulla nulle olla ollaan
    3: olme olmi kolma
    4: neulija meulija meulijat neulijää meulijää melonen meloinen nelinen
    7: itseman itteman itsemän seitkan iska
    9: yhteksan lyhteksan hyhteksan elhteksan yfeksan öfeksan
""")
"""What speech recognition is known to write for some of them: numbers only beside others."""
_FI_ORDINALS = _forms("""
    1: ensimmäinen ensimmäistä ensimmäisenä ensimmäisen yhdes yhdettä
    2: kahdes kahdetta toinen toisena
    3: kolmas kolmatta kolmantena
    4: neljäs neljättä neljäntenä
    5: viides viidettä viidentenä
    6: kuudes kuudetta kuudentena
    7: seitsemäs seitsemättä seitsemäntenä
    8: kahdeksas kahdeksatta kahdeksantena
    9: yhdeksäs yhdeksättä yhdeksäntenä
""")
_MONTHS = _forms("""
    1: tammikuuta tammikuun januari january
    2: helmikuuta helmikuun februari february
    3: maaliskuuta maaliskuun mars march
    4: huhtikuuta huhtikuun april
    5: toukokuuta toukokuun maj
    6: kesäkuuta kesäkuun juni june
    7: heinäkuuta heinäkuun juli july
    8: elokuuta elokuun augusti august
    9: syyskuuta syyskuun september
    10: lokakuuta lokakuun oktober october
    11: marraskuuta marraskuun november
    12: joulukuuta joulukuun december
""")
_SV_UNITS = _forms("""
    0: noll nollan
    1: ett ettan
    2: två tvåan
    3: tre trean
    4: fyra fyran
    5: fem femman
    6: sex sexan
    7: sju sjuan
    8: åtta åttan
    9: nio nie nian
""")
_SV_TEENS = _forms("""
    10: tio tie
    11: elva
    12: tolv
    13: tretton
    14: fjorton
    15: femton
    16: sexton
    17: sjutton
    18: arton aderton
    19: nitton
""")
_SV_TENS = _forms("""
    2: tjugo tjugi tjugu
    3: trettio tretti
    4: fyrtio fyrti förtio förti
    5: femtio femti
    6: sextio sexti
    7: sjuttio sjutti
    8: åttio åtti
    9: nittio nitti
""")
_SV_ORDINALS = _forms("""
    1: första
    2: andra
    3: tredje
    4: fjärde
    5: femte
    6: sjätte
    7: sjunde
    8: åttonde
    9: nionde
""")
_EN_UNITS = _forms("""
    0: zero nought naught
    1: one
    2: two
    3: three
    4: four
    5: five
    6: six
    7: seven
    8: eight
    9: nine niner
""")
_EN_TEENS = _forms("""
    10: ten
    11: eleven
    12: twelve
    13: thirteen
    14: fourteen
    15: fifteen
    16: sixteen
    17: seventeen
    18: eighteen
    19: nineteen
""")
_EN_TENS = _forms("""
    2: twenty
    3: thirty
    4: forty fourty
    5: fifty
    6: sixty
    7: seventy
    8: eighty
    9: ninety
""")
_EN_ORDINALS = _forms("""
    1: first
    2: second
    3: third
    4: fourth
    5: fifth
    6: sixth
    7: seventh
    8: eighth
    9: ninth
""")
_WEAK: Final = _forms("""
    0: oh o nil nul
    1: en yhen
    2: to
""")
_WEAK_ORDINALS = frozenset({"toinen", "toisena", "andra", "second", "first", "maj", "march", "mars"})


def _table(role: Role, forms: dict[str, int]) -> dict[str, Part]:
    return {form: Part(role=role, value=value) for form, value in forms.items()}


_FINNISH: Final = {
    **_table(Role.UNIT, _FI_SHORT),
    **_table(Role.ORDINAL, _FI_ORDINALS),
    **_table(Role.UNIT, _FI_UNITS),
    **_table(Role.TIMES_TEN, _forms("10: kymmentä kymment kytä kyt kymmenes kymmenettä kymmentäs")),
    **_table(Role.TEEN, _forms("10: toista toist")),
    **_table(Role.WHOLE, {"kymmenen": 10, "kymppi": 10, "kymppiä": 10}),
    **_table(Role.HUNDRED, _forms("100: sataa sadan")),
    **_table(Role.HUNDRED, _forms("1: sata satanen")),
    **_table(Role.THOUSAND, _forms("1000: tuhatta tuhannen tonnia")),
    **_table(Role.THOUSAND, _forms("1: tuhat tonni")),
    **_table(Role.REPEAT, {"tupla": 2, "tuplat": 2, "kaksois": 2, "tripla": 3}),
}
_SWEDISH: Final = {
    **_table(Role.UNIT, _SV_UNITS),
    **_table(Role.WHOLE, _SV_TEENS),
    **_table(Role.TENS, _SV_TENS),
    **_table(Role.ORDINAL, _SV_ORDINALS),
    **_table(Role.HUNDRED, {"hundra": 100}),
    **_table(Role.THOUSAND, {"tusen": 1000}),
    **_table(Role.REPEAT, {"dubbel": 2, "dubbla": 2, "trippel": 3}),
}
_ENGLISH: Final = {
    **_table(Role.UNIT, _EN_UNITS),
    **_table(Role.WHOLE, _EN_TEENS),
    **_table(Role.TENS, _EN_TENS),
    **_table(Role.ORDINAL, _EN_ORDINALS),
    **_table(Role.HUNDRED, {"hundred": 100}),
    **_table(Role.THOUSAND, {"thousand": 1000}),
    **_table(Role.REPEAT, {"double": 2, "triple": 3, "treble": 3}),
}
_LANGUAGES: Final = (_FINNISH, _SWEDISH, _ENGLISH)
_LONGEST: Final = max(len(form) for table in _LANGUAGES for form in table)

_FOLDS: Final = str.maketrans("äöåybdgwzéèüõ", "aoouptkvseeuo")
_DOUBLED: Final = re.compile(r"(.)\1+")


@lru_cache(maxsize=_CACHED_WORDS)
def fold(word: str) -> str:
    """The sound of a word for ears that take ä for a, y for u, b for p, d for t, g for k, and long for short."""
    return _DOUBLED.sub(r"\1", word.translate(_FOLDS))


def _deletions(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


_FUZZY_CHARS: Final = 4
_SOUNDS: Final = {
    fold(form): part
    for form, part in {**_FINNISH, **_table(Role.UNIT, _FI_UNITS)}.items()
    if len(fold(form)) >= _FUZZY_CHARS and part.role is not Role.ORDINAL and part.role is not Role.REPEAT
}
_NEIGHBOURS: Final = {
    less: part for form, part in _SOUNDS.items() if len(form) > _FUZZY_CHARS for less in _deletions(form)
}
_HARMLESS: Final = frozenset(fold(word) for word in (*FILLERS, "viite", "viitteen", "viitteellä", "viisas"))
_TRIGRAMS: Final = frozenset(
    form[at : at + 3]
    for form in {fold(f) for table in (_FI_UNITS, _FI_SHORT) for f in table}
    | {"kument", "menta", "skut", "lkut", "kuta", "tonen"}
    for at in range(len(form) - 2)
)


@lru_cache(maxsize=_CACHED_WORDS)
def read_word(word: str) -> Reading | None:
    """The numerals in a lower-case word of letters; None for a word that has nothing of a number.

    Heard right, in one language, wins; then the same sound, then one letter off, then the mere likeness.
    """
    if len(word) > MAX_WORD_CHARS:
        return None
    if word in _WEAK:
        return Reading(parts=(Part(role=Role.UNIT, value=_WEAK[word]),), weak=True)
    if word in _FI_HEARD:
        return Reading(parts=(Part(role=Role.UNIT, value=_FI_HEARD[word]),), fuzzy=True)
    if word in _MONTHS:
        return Reading(parts=(Part(role=Role.WHOLE, value=_MONTHS[word]),), weak=word in _WEAK_ORDINALS)
    for table in _LANGUAGES:
        parts = _glued(word, table)
        if parts:
            lone = word in _FI_SHORT or word in _WEAK_ORDINALS or word in {"toista", "toist"}
            return Reading(parts=parts, weak=lone)
    return _misheard(word)


def _glued(word: str, table: dict[str, Part]) -> tuple[Part, ...]:
    """The fewest numerals that spell the whole word, or none."""
    best: list[tuple[Part, ...] | None] = [()] + [None] * len(word)
    for at in range(len(word)):
        before = best[at]
        if before is None:
            continue
        for end in range(at + 1, min(len(word), at + _LONGEST) + 1):
            part = table.get(word[at:end])
            if part is None:
                continue
            known = best[end]
            if known is None or len(before) + 1 < len(known):
                best[end] = (*before, part)
    return best[len(word)] or ()


def _misheard(word: str) -> Reading | None:
    """A number word of Finnish with another vowel or a letter more, less or other; or only its sound."""
    sound = fold(word)
    if not _LIKE_CHARS[0] <= len(sound) <= _LIKE_CHARS[1] or sound in _HARMLESS:
        return None
    parts = _glued(sound, _SOUNDS)
    if parts:
        return Reading(parts=parts, fuzzy=True)
    near = _near(sound)
    if near is not None:
        return Reading(parts=(near,), fuzzy=True)
    heard = [sound[at : at + 3] in _TRIGRAMS for at in range(len(sound) - 2)]
    return Reading(parts=(), fuzzy=True) if sum(heard) >= _LIKE_SHARE * len(heard) else None


def _near(sound: str) -> Part | None:
    if sound in _NEIGHBOURS:
        return _NEIGHBOURS[sound]
    for less in _deletions(sound) if len(sound) > _FUZZY_CHARS else ():
        found = _SOUNDS.get(less) or _NEIGHBOURS.get(less)
        if found is not None:
            return found
    return None
