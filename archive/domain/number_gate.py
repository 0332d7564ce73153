"""Whether the texts of a contact are worth reading for numbers: most are not, and this says so in a tenth of the time.

Fewer than three numbers are never masked. Beyond that the answer no is proven, not guessed. What is masked though
nobody says what it is has nine digits or more: a code (its last character may be a letter) in one stretch, or six for
the birth date and three for the end part, a card and an account more. Fewer digits are masked only where a code, a card
or an account is spoken of. Foreign accounts may be letters almost throughout, and begin with the letters of a country.
So a contact is passed over that has too few digits, none of the topics and no such letters before a number; each of
these is seen too often rather than not at all. What a number is said to be is `archive.domain.number_topics`, how it is
read `archive.domain.number_atoms`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from archive.domain.number_atoms import ASIDE, CORRECTION, DASH, DASH_SIGNS, plain, token_of
from archive.domain.number_proof import COUNTRIES
from archive.domain.number_rows import LIKE_WORDS
from archive.domain.number_topics import BIRTH, ENDS, FIRST_STEMS, INNER_STEMS, Topic
from archive.domain.spoken_letters import DASHES, LETTERS, PLUSES
from archive.domain.spoken_numbers import MAX_WORD_CHARS, Part, Role, fold

__all__ = ["has_numbers", "worth_reading"]

_WORD: Final = re.compile(rf"[0-9]+|[^\W\d_]{{1,{MAX_WORD_CHARS}}}")
_KEPT_WORDS: Final = 1 << 14
_LEAST_NUMBERS: Final = 3
_LEAST_DIGITS: Final = 9
_DATE_DIGITS: Final = 6
_DIGITS: Final = {
    Role.UNIT: 1,
    Role.ORDINAL: 3,
    Role.WHOLE: 2,
    Role.TENS: 2,
    Role.TIMES_TEN: 2,
    Role.TEEN: 1,
    Role.HUNDRED: 3,
    Role.THOUSAND: 4,
    Role.REPEAT: 2,
}
"""The most digits of a numeral by itself; an ordinal also brings the nought of the day before it."""
_TEN: Final = 10
_GLYPHS: Final = 64
_BETWEEN: Final = ASIDE | {CORRECTION, DASH}
_LIKE: Final = re.compile(r"(?<=S)U")
_NAMES: Final = re.compile(r"(K[SDK]*)W")
"""Any word behind "as in" may be the name of a letter."""
_LIKE_ENDS: Final = frozenset({"kuin", "kun", "niinku", "kuten", "in", "like", "i", "som"})
_DASHED: Final = re.compile("[+" + re.escape("".join(sorted(DASH_SIGNS))) + "]")
_ECHO: Final = re.compile("[NBLCK]")
_SPELT: Final = re.compile(r"[LBKC][SDKC]*[LBKC][SDLBKC]*[NB]|C[SDLBKC]*[NB]|[LBKC][SDLBKC]*/")
"""In the shapes of all words: two letters or a country and a number behind them, or a letter at the end of a text."""


def _loosely(sounds: Sequence[str]) -> str:
    """A pattern for any of the sounds with borders of words (|) in it and letters doubled by them."""
    beginnings: dict[str, list[str]] = {}
    for sound in sounds:
        loose = "".join(f"{letter}[{letter}|]*" for letter in sound[1:])
        beginnings.setdefault(sound[0], []).append(f"[{sound[0]}|]*{loose}")
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in beginnings.items())


def _ours(stems: dict[str, Topic]) -> tuple[str, ...]:
    return tuple(sound for sound, topic in stems.items() if topic is not Topic.OTHER)


_FIRST: Final = (*_ours(FIRST_STEMS), "visa")
_FIRST_NAMED: Final = re.compile(rf"\|(?:{_loosely(_FIRST)})")
_INNER_NAMED: Final = re.compile(_loosely(_ours(INNER_STEMS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trait:
    """What a word adds to a contact.

    `shape` is N for a number, L for a letter, B for both, C for a country, K for the end of "as in" (U for one that may
    be), S for what may stand between digits, D for a dash, and W for any other word. `digits` is the most it may come
    to, `numbers` how many at least, and `opens` whether a topic may begin with it.
    """

    shape: str
    sound: str = ""
    digits: int = 0
    numbers: int = 0
    certain: bool = False
    birth: bool = False
    end: bool = False
    opens: bool = False


@lru_cache(maxsize=_KEPT_WORDS)
def _trait(word: str) -> _Trait:
    token = token_of(word)
    parts = token.reading.parts if token.reading is not None else ()
    sound = fold(word) if word[0].isalpha() else ""
    return _Trait(
        shape=_shape(word, [part.role for part in parts]),
        sound=f"|{sound}",
        opens=sound.startswith(_FIRST) or any(stem.startswith(sound) for stem in _FIRST),
        digits=_most_digits(parts),
        numbers=token.numbers,
        certain=token.certain,
        birth=word.startswith(BIRTH),
        end=word in ENDS,
    )


@lru_cache(maxsize=_GLYPHS)
def _figures(size: int) -> _Trait:
    """The trait of so many figures; a single one may be a day or month and bring a nought ("5.6.", "5 maj")."""
    return _Trait(shape="N", digits=max(size, 2), numbers=size, certain=True)


def _shape(word: str, roles: Sequence[Role]) -> str:
    if word in _LIKE_ENDS:
        return "U" if word == "kun" else "K"
    if word.upper() in COUNTRIES:
        return "C"
    if roles:
        return "B" if word in LETTERS or Role.REPEAT in roles else "N"
    if word in LETTERS:
        return "L"
    if word in DASHES or word in PLUSES:
        return "D"
    return "S" if word in LIKE_WORDS or token_of(word).sort in _BETWEEN else "W"


def _most_digits(parts: Sequence[Part]) -> int:
    """The most digits that the numerals of one word may come to."""
    count = 0
    before: Part | None = None
    for part in parts:
        count += _DIGITS[part.role] - (before is not None and _multiplies(before, part))
        count += part.role is Role.WHOLE and part.value < _TEN  # a month, with the nought of its day
        before = part
    return count


def _multiplies(before: Part, part: Part) -> bool:
    """Whether a numeral makes tens, hundreds or thousands of the one before it, and not one of its own."""
    unit = before.role in {Role.UNIT, Role.ORDINAL} and before.value > 0
    teens = before.role is Role.TEEN or (before.role is Role.WHOLE and before.value >= _TEN)
    return part.value > 1 and (
        (unit and part.role in {Role.TIMES_TEN, Role.HUNDRED, Role.THOUSAND}) or (teens and part.role is Role.HUNDRED)
    )


class _Text:
    """The traits of one text together.

    `before`, `within` and `after` are the most digits before its first other word, in any stretch, and after its last
    one; without other words all are the same and it is `whole`. What it says may be an `echo`, so that a number goes on
    behind it.
    """

    __slots__ = ("after", "before", "echo", "shape", "traits", "whole", "within")

    def __init__(self, text: str) -> None:
        self.traits = [
            _figures(len(word)) if word[0].isdigit() else _trait(word) for word in _WORD.findall(plain(text))
        ]
        shape = "".join([trait.shape for trait in self.traits])
        if "K" in shape or "U" in shape:
            shape = _NAMES.sub(r"\1L", _LIKE.sub("K", shape).replace("U", "W"))
        self.shape = shape
        self.whole = "W" not in shape
        self.echo = _ECHO.search(shape) is not None
        self.before = self.within = self.after = 0
        if any(trait.digits for trait in self.traits):
            self._count()

    def _count(self) -> None:
        runs = [0]
        for trait, shape in zip(self.traits, self.shape, strict=True):
            if shape == "W":
                runs.append(0)
            else:
                runs[-1] += trait.digits
        self.before, self.within, self.after = runs[0], max(runs), runs[-1]


def worth_reading(texts: Sequence[str], speakers: Sequence[str] | None) -> bool:
    """Whether there may be anything to mask in the texts."""
    read: list[_Text] = []
    for text in texts:
        one = _Text(text)
        if one.within >= _LEAST_DIGITS and any(trait.certain for trait in one.traits):
            return True
        read.append(one)
    traits = [trait for text in read for trait in text.traits]
    if not _has_numbers(traits):
        return False
    shape = "".join([f"{text.shape}/" for text in read])
    return _enough(texts, read, shape, speakers) or _named(traits) or _SPELT.search(shape) is not None


def has_numbers(texts: Sequence[str]) -> bool:
    """Whether there are three numbers in the texts, one of them sure: a rule, since fewer are masked on no ground."""
    return _has_numbers([trait for text in texts for trait in _Text(text).traits])


def _has_numbers(traits: Sequence[_Trait]) -> bool:
    """The rule for what was read; words that only sound like numbers count where one is sure."""
    return sum([trait.numbers for trait in traits]) >= _LEAST_NUMBERS and any(trait.certain for trait in traits)


def _enough(texts: Sequence[str], read: Sequence[_Text], shape: str, speakers: Sequence[str] | None) -> bool:
    """Whether there are digits enough for what is masked though nobody says what it is.

    A code in two stretches has a dash before its second one, in words or figures.
    """
    if sum(trait.digits for text in read for trait in text.traits) < _LEAST_DIGITS:
        return False
    longest = _longest(read, speakers)
    if longest >= _LEAST_DIGITS:
        return True
    return longest >= _DATE_DIGITS and ("D" in shape or any(_DASHED.search(plain(text)) for text in texts))


def _named(traits: Sequence[_Trait]) -> bool:
    """Whether a code, a card or an account may be spoken of."""
    sounds = "".join([trait.sound for trait in traits])
    return (
        _INNER_NAMED.search(sounds) is not None
        or (any(trait.opens for trait in traits) and _FIRST_NAMED.search(sounds) is not None)
        or (any(trait.end for trait in traits) and any(trait.birth for trait in traits))
    )


def _longest(read: Sequence[_Text], speakers: Sequence[str] | None) -> int:
    """The most digits in one stretch, in the order of the texts or in one speaker's."""
    voices = set(speakers or ())
    orders = [read]
    if speakers is not None and len(voices) > 1:
        orders += [[one for one, who in zip(read, speakers, strict=True) if who == voice] for voice in voices]
    most = 0
    for order in orders:
        run = 0
        for text in order:
            most = max(most, run + text.before, text.within)
            gone_on = run + text.after if text.whole else text.after
            run = max(run, gone_on) if text.echo else gone_on
    return most
