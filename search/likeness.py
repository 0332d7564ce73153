"""How alike what was heard and what is asked for are: the evidence, in letters, that a line of sounds holds a word.

Each sound that agrees counts one; what differs counts against it, less where a recogniser often takes the one for the
other. It is also evidence where the likeness begins (words mostly keep their first sound and the border before it) and
how it ends (with a case ending or a border). A word that a dictionary knows was probably heard rightly: what lies
within one is never a near hit. The figures were fitted to sentences that were spoken and recognised, see
docs/decisions/071-misheard-words.md. Pure; lines are `search.sounds`, keys `search.sound_keys`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Final

import edlib

from search.sounds import PASSAGE, SHINGLE, WORD, asked_shingles, sound, sound_bytes

ENOUGH: Final = 8.1
"""Evidence from which a likeness is a near hit."""

BEGINS: Final = 1.5
"""It begins where a word does."""
ENDS: Final = 1.5
"""What follows it up to the end of the word is an ending."""
DIFFERENCE: Final = 4.0
CONFUSABLE: Final = 0.7
"""A difference between two sounds that are often taken for one another counts so much of it."""
AT_END: Final = 1.0
"""A difference in the last two sounds of a key counts so much more: there words of one stem part."""
_END = 2
DOTS: Final = 1.0
"""A vowel with dots where one without was asked for, or the other way round."""
WITHIN_KNOWN: Final = 1.0
"""It goes over from one word to the next, but begins or ends inside a word that is known."""
ALL_KNOWN: Final = 1.0
"""It goes over several words, each of which is known."""
SCRAP: Final = 2
"""Of a known word at the end, no more than so many letters belong to it: that costs `WITHIN_KNOWN` too."""

# Which sounds Whisper took for which in those sentences, each pair counted both ways.
_ALIKE = "ae ei ej eo ou ij iu ul pv pk pt vr vl kt kh hs hf mn lr"
_PAIRS = frozenset((pair[at], pair[1 - at]) for pair in _ALIKE.split() for at in (0, 1))
_WEAKLY_SAID = frozenset("aeioujhl")
"""Sounds that come and go: one more or less of them counts as confusable."""
_DOTTED = frozenset("äöy")
_LAST_BACK = frozenset("aou")

# Case, number, possessive and clitic of nouns and the common ends of verbs, as sounds.
_ENDING = re.compile(
    r"(?:[nta]|[st]a|sta|[nl]a|le|lta|ksi|[iueao]n|h[uiao]n|[ei]en|jen|ja|ia?|[ie]?(?:ta|sa|sta|la|le|lta|ksi|na|hin)"
    r"|tu|t?in|ti|tan|sin?|ten|e)?(?:ni|si|nsa|me|ne)?(?:kin|kan|ko|han|pa)?"
)


_PASSAGE = PASSAGE.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """Where a word may have been said: the passage, its first and last word there, and how much speaks for it."""

    passage: int
    first: int
    last: int
    evidence: float


def allowed(length: int) -> int:
    """How many sounds of a key with so many may differ at the very most."""
    return max(0, int((length + BEGINS + ENDS - ENOUGH) / (DIFFERENCE * CONFUSABLE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A word that is looked for: its keys as letters, each with its sounds and its limit; and its shingles.

    `runs` are the sounds of each key with the shingles of that key alone.
    """

    keys: tuple[tuple[str, str, int], ...]
    shingles: tuple[str, ...]
    runs: tuple[tuple[str, tuple[str, ...]], ...]
    _shingles: tuple[bytes, ...]
    _stems: tuple[tuple[bytes, int], ...]


def sought(keys: Sequence[str]) -> Sought:
    """What `likest` looks for when a word has these keys."""
    heard = [sound(key) for key in keys]
    shingles = asked_shingles(heard)
    return Sought(
        keys=tuple((key, one, allowed(len(one))) for key, one in zip(keys, heard, strict=True)),
        shingles=shingles,
        runs=tuple((one, asked_shingles([one])) for one in heard),
        _shingles=tuple(shingle.encode() for shingle in shingles),
        _stems=tuple(_stems(heard)),
    )


def _stems(heard: Sequence[str]) -> Iterator[tuple[bytes, int]]:
    """What the keys begin with, those of one beginning together, and how many sounds of any of these may differ."""
    for _, some in groupby(sorted(heard), key=lambda one: one[:SHINGLE]):
        keys = list(some)
        first, last = keys[0], keys[-1]  # in order, so what these two begin with all of them do
        own = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
        yield first[:own].encode(), max(allowed(len(key)) for key in keys)


def likest(text: str, word: Sought) -> tuple[Like, ...]:
    """The passages of a contact in which the word may have been said, in order, the likest place of each.

    Only passages with one of its shingles are looked at. This is asked of thousands of contacts for one page, so what
    has not even the beginning of a key is left at once.
    """
    sounds = sound_bytes(text)
    if not any(_holds(sounds, stem, limit) for stem, limit in word._stems):  # noqa: SLF001 - its own module's
        return ()
    places: set[int] = set()
    for shingle in word._shingles:  # noqa: SLF001
        at = sounds.find(shingle)
        while at >= 0:
            places.add(sounds.count(_PASSAGE, 0, at))
            after = sounds.find(_PASSAGE, at)
            at = sounds.find(shingle, after) if after >= 0 else -1
    if not places:
        return ()
    lines = text.split(PASSAGE)
    found = (alike(lines[place], word, place) for place in sorted(places))
    return tuple(like for like in found if like is not None)


def _holds(sounds: bytes, stem: bytes, limit: int) -> bool:
    """Whether the stem is somewhere among the sounds with at most so many differences."""
    if limit == 0:
        return stem in sounds
    return bool(edlib.align(stem, sounds, mode="HW", task="distance", k=limit)["editDistance"] >= 0)


def alike(line: str, word: Sought, passage: int = 0) -> Like | None:
    """The likest place of a line, None where nothing in it is like enough."""
    sounds = sound(line)
    best: Like | None = None
    heard: _Line | None = None
    for key, wanted, limit in word.keys:
        differing, found = fewest(wanted, sounds, limit)
        most = len(key) + BEGINS + ENDS - DIFFERENCE * CONFUSABLE * differing
        if best is not None and most <= best.evidence:
            continue
        for start, stop in found:
            heard = heard or _Line(line, sounds)
            evidence = _evidence(key, wanted, heard, start, stop)
            if evidence >= ENOUGH and (best is None or evidence > best.evidence):
                best = Like(passage=passage, first=heard.owner(start), last=heard.owner(stop - 1), evidence=evidence)
    return best


def places(wanted: str, sounds: str, limit: int) -> Iterator[tuple[int, int]]:
    """Where the sounds are found with the fewest differences, at most `limit`: from, to before."""
    yield from fewest(wanted, sounds, limit)[1]


def fewest(wanted: str, sounds: str, limit: int) -> tuple[int, Sequence[tuple[int, int]]]:
    """The fewest differences with which the sounds are found, at most `limit`, and where; no places if they are not."""
    if limit == 0:
        return 0, list(_exact(wanted, sounds))
    found = edlib.align(wanted, sounds, mode="HW", task="locations", k=limit)
    if found["editDistance"] < 0:
        return limit, ()
    pairs = found["locations"]
    return found["editDistance"], [(one, last + 1) for one, last in pairs if one is not None and last >= one]


def _exact(wanted: str, sounds: str) -> Iterator[tuple[int, int]]:
    start = sounds.find(wanted)
    while start >= 0:
        yield start, start + len(wanted)
        start = sounds.find(wanted, start + 1)


class _Line:
    """A line taken apart as far as it is asked for: its letters and sounds without borders, and where its words end."""

    def __init__(self, line: str, sounds: str) -> None:
        self._words = line.split(WORD)
        self.letters = line.replace(WORD, "").lower()
        self.sounds = sounds
        self.ends = list(accumulate(map(len, self._words)))

    def owner(self, at: int) -> int:
        """The word that this letter belongs to."""
        return bisect_right(self.ends, at)

    def known(self, word: int) -> bool:
        """Whether a dictionary knows this word."""
        return not self._words[word].islower()

    def begins(self, at: int) -> bool:
        """Whether a word begins at this letter."""
        return at == 0 or self.owner(at) != self.owner(at - 1)


def _evidence(key: str, wanted: str, line: _Line, start: int, stop: int) -> float:
    """How much speaks for the key having been said there; minus infinity within a word that is known."""
    first, last = line.owner(start), line.owner(stop - 1)
    if first == last and line.known(first):
        return float("-inf")
    rest = line.sounds[stop : line.ends[last]]
    begins, ends = line.begins(start), _ENDING.fullmatch(rest) is not None
    evidence = len(key) + BEGINS * begins + ENDS * ends
    evidence -= _differences(key, wanted, line.letters[start:stop], line.sounds[start:stop])
    if first == last:
        return evidence
    is_scrap = line.known(last) and stop - line.ends[last - 1] <= SCRAP
    is_cut = line.known(last) and not ends
    if is_scrap and is_cut:
        return float("-inf")
    inside = (line.known(first) and not begins) + is_cut + is_scrap
    return evidence - WITHIN_KNOWN * inside - ALL_KNOWN * all(map(line.known, range(first, last + 1)))


def _differences(key: str, wanted: str, heard: str, sounds: str) -> float:
    """What differs between a key and what was heard, each as letters and as sounds: as evidence against."""
    if wanted == sounds:
        return sum(DOTS for asked, had in zip(key, heard, strict=True) if _is_other_vowel(asked, had))
    aligned = edlib.getNiceAlignment(edlib.align(wanted, sounds, task="path"), wanted, sounds)
    against = 0.0
    asked_at = heard_at = 0
    for asked, had in zip(aligned["query_aligned"], aligned["target_aligned"], strict=True):
        if asked != had:
            against += DIFFERENCE * (CONFUSABLE if _is_confusable(asked, had) else 1)
            against += AT_END * (asked_at >= len(key) - _END)
        elif _is_other_vowel(key[asked_at], heard[heard_at]):
            against += DOTS
        asked_at += asked != "-"
        heard_at += had != "-"
    return against


def _is_confusable(asked: str, had: str) -> bool:
    if "-" in {asked, had}:
        return (asked if had == "-" else had) in _WEAKLY_SAID
    return (asked, had) in _PAIRS


def _is_other_vowel(asked: str, had: str) -> bool:
    """Whether two letters of one sound differ by their dots."""
    return asked != had and (asked in _DOTTED or had in _DOTTED)
