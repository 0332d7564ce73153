"""How Finnish words sound, without the borders between them: what is written of a contact to find misheard words by.

A recogniser that mishears puts borders where none were said, mixes letters that sound alike and doubles what is single.
So a passage becomes one line of letters in which such differences are gone. Lines keep what judging needs (where words
begin, which of them a dictionary knows); `shingles` are the short runs of sounds that the index lists a contact under.
Pure. What is asked for is `search.sound_keys`, comparing the two `search.likeness`, SQL `search.near`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

RULES = "sounds-1"
"""Changes whenever the same words would give other lines or shingles."""

SHINGLE = 6
"""So many sounds are listed together: docs/decisions/071-misheard-words.md has the figures of 5 and 6."""

MARK = "^"
"""Stands before a shingle among the terms of a row: no word begins with it."""

WORD, PASSAGE = " ", "|"
"""What stands between the words of a line, and between the lines of a contact."""

VOWELS = frozenset("aeiou")
_BREAK = "0"
"""Stands for what was written in digits: no sound is like it."""

# The letters that lines keep, each with its sound; dots and voice are kept in lines because they say something of how
# alike two words are, but are no sound of their own.
_SOUNDS = {"ä": "a", "ö": "o", "y": "u", "b": "p", "d": "t", "g": "k"}
_SOUNDS |= {letter: letter for letter in "aehijklmnoprstuvf0"}
# All of them are one byte in Latin-1, and bytes are translated many times as fast as text.
_TO_SOUND = bytes.maketrans(
    "".join((*_SOUNDS, *map(str.upper, _SOUNDS))).encode("latin-1"), "".join(2 * (*_SOUNDS.values(),)).encode("latin-1")
)
# How other letters are written with those; what is none of them is left out.
_SPELLED = {"w": "v", "å": "o", "c": "k", "q": "k", "z": "s", "x": "ks", "š": "s", "ž": "s", "ü": "y", "é": "e"}
_TO_LETTER = str.maketrans(_SPELLED | dict.fromkeys("123456789", _BREAK))
_OTHER = re.compile(f"[^{''.join(_SOUNDS)}]")
_DOUBLED = re.compile(r"(.)\1")
_ONSET = re.compile(r"[^aeiou](?=[aeiou])")
_CACHED = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A word as it was written down; `is_known` when a dictionary knows it, whatever it means."""

    text: str
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounds:
    """A contact's lines in one text, and the shingles of all of them."""

    text: str
    shingles: frozenset[str]


@lru_cache(_CACHED)
def letters(word: str) -> str:
    """The letters of a word as lines keep them, doubled sounds single; accents that the table lacks are left out."""
    own = _OTHER.sub("", word.lower().translate(_TO_LETTER))
    sounds = sound(own)
    if _DOUBLED.search(sounds) is None:
        return own
    return "".join(letter for at, letter in enumerate(own) if at == 0 or sounds[at] != sounds[at - 1])


def sound(text: str) -> str:
    """The sounds of letters or of a line, borders gone."""
    return sound_bytes(text).decode("ascii")


def sound_bytes(text: str) -> bytes:
    """The sounds of lines, in ASCII: borders of words gone, those of passages kept."""
    return text.encode("latin-1").translate(_TO_SOUND, WORD.encode())


def line(words: Iterable[Said]) -> str:
    """A passage's words as letters, one space between two words; a word that is known is in capitals.

    A sound that ends a word and begins the next stands in the next only, so that a word may be left empty: its place
    still counts.
    """
    out: list[str] = []
    last = -1  # the last word that has a letter
    for word in words:
        own = letters(word.text)
        if own and last >= 0:
            before = out[last]
            if sound(before[-1]) == sound(own[0]):
                out[last] = before[:-1]
        if own:
            last = len(out)
        out.append(own.upper() if word.is_known else own)
    return WORD.join(out)


def of(passages: Iterable[Iterable[Said]]) -> Sounds:
    """What is written of a contact: the lines of its passages, in order, and their shingles."""
    lines = [line(words) for words in passages]
    found: set[str] = set()
    for one in lines:
        found.update(shingles(one))
    return Sounds(text=PASSAGE.join(lines), shingles=frozenset(found))


def shingles(line: str) -> Iterator[str]:
    """The runs of `SHINGLE` sounds that begin where a word does, and in a word that nobody knows at every syllable.

    What was misheard mostly begins with a word: 96 of 100 that `search.likeness` accepts have such a run in common with
    what was asked for. A run goes over borders; digits end it.
    """
    sounds = sound(line)
    at = 0
    for word in line.split(WORD):
        after = at + len(word)
        if at < after:
            yield from _run(sounds, at)
            if word.islower():
                # A Finnish syllable begins at the last consonant before a vowel.
                for onset in _ONSET.finditer(sounds, at + 1, after):
                    yield from _run(sounds, onset.start())
        at = after


def _run(sounds: str, at: int) -> tuple[str, ...]:
    run = sounds[at : at + SHINGLE]
    return (run,) if len(run) == SHINGLE and _BREAK not in run else ()


def asked_shingles(keys: Sequence[str]) -> tuple[str, ...]:
    """The shingles that a contact may be listed under if one of these keys was said in it, in a settled order."""
    runs = (key[at : at + SHINGLE] for key in keys for at in range(len(key) - SHINGLE + 1))
    return tuple(dict.fromkeys(runs))
