"""Words side by side as lexemes: what makes a phrase of frequent words cheap to find.

Two frequent words stand somewhere in very many contacts, and next to one another in few; without more the database
would read the positions of them all. So a row also lists every two neighbouring words, as a short number of what both
are found by. A phrase asks for the pairs of its words, and the positions then decide, since two pairs may share a
number. Words that no dictionary knows are many forms of rare words: they are in pairs as they were written, and what
they are guessed to be leads to a phrase by itself. Pure; docs/decisions/072-words-by-month.md has the figures.
"""

import zlib
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise, product

from search.words import Asked

RULES = "pairs-1"
"""Changes whenever the same words would give other pairs."""

MARK = "+"
"""Stands before a pair among the terms of a row: no word begins with it."""

MAX_ASKED = 48
"""Two words of a phrase that may be said in more ways are not looked for as a pair: the words are then rare enough."""

SPARE = 1_000
PER_WORD = 4
"""A contact has at most SPARE pairs and PER_WORD more for each of its words; one with more lists none.

Text of this trade has 1.5 a word, at most 54 for two words. But two words of a hundred pieces with hyphens make ten
thousand, and a short message of such words would fill its row and the index: pairs must not outgrow what was written.
"""

CHARS = 3
"""A pair is written in so many letters: 262,144 numbers, of which a company's month has a few hits too many each."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_UPPER = tuple(first + second for first, second in product(_LETTERS, _LETTERS))

Keys = tuple[str, ...]
"""What a word is known by in pairs: see `search.words.Token.keys`."""


def of(words: Iterable[Keys]) -> Iterator[str]:
    """The pairs of a passage's words in their order, each with its mark; the same one may come again."""
    for first, second in pairwise(words):
        for one in first:
            for other in second:
                yield _pair(one, other)


def within(neighbours: Collection[tuple[Keys, Keys]], words: int) -> set[str] | None:
    """The pairs of these neighbours in a contact of so many words; None, and none is made, where they are too many."""
    if sum(len(first) * len(second) for first, second in neighbours) > SPARE + PER_WORD * words:
        return None
    return {pair for both in neighbours for pair in of(both)}


def asked(phrase: Iterable[Asked]) -> tuple[Keys, ...]:
    """Of each two neighbouring words of a phrase the pairs and stems of which a contact with the phrase has one."""
    return tuple(
        (*of((one.keys, other.keys)), *one.stems, *other.stems)
        for one, other in pairwise(phrase)
        if 0 < len(one.keys) * len(other.keys) <= MAX_ASKED
    )


def _pair(one: str, other: str) -> str:
    number = zlib.crc32(f"{one} {other}".encode())
    return MARK + _UPPER[number >> 6 & 0xFFF] + _LETTERS[number & 0x3F]
