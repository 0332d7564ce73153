"""A contact's row in the index: its words and facts as lexemes with positions. Pure; writing is `search.indexing`.

Every word has a position, one more than the word before it; between passages one is left out, so that a phrase never
goes over from one speaker, segment or message to the next. PostgreSQL keeps positions up to 16,383, 255 a word and a
megabyte a row. What has more is found by all its words all the same, and is marked: see `search.buckets.long_mark`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from search import buckets, pairs, sounds
from search.buckets import Fact
from search.sounds import MARK, SHINGLE, Said, Sounds
from search.texts import Passage
from search.words import Analyser, Token

GAP = 1
"""So many positions are left out between passages."""

MAX_POSITION = 16_383
MAX_POSITIONS = 255
MAX_BYTES = 1_000_000
"""Limits of a tsvector (PostgreSQL, 12.11); the last one is 1,048,575 with what is lost to alignment."""

TOO_LONG = "too-long"
"""Why a contact failed of which not every word found room."""

_FEW = 3_000  # so many words of any length fit, whatever the alphabet; most contacts need not be measured
_POSITION_BYTES = 2
_WORD_BYTES = 4  # the count of positions, and alignment
_SHINGLE_BYTES = buckets.BUCKET_CHARS + len(MARK) + SHINGLE
_PAIR_BYTES = buckets.BUCKET_CHARS + len(pairs.MARK) + pairs.CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What is written of a contact: a tsvector's text, the passages with their first positions, and how they sound.

    `reason` is `TOO_LONG` where words had to be left out; then the earliest are there.
    """

    terms: str
    passages: tuple[Passage, ...]
    sounds: str
    reason: str | None


def make(
    bucket: str, passages: Sequence[Passage], facts: Mapping[Fact, str | None], analyser: Analyser, language: str | None
) -> Indexed:
    """The row of a contact with these masked passages, in this language if it is known."""
    found, placed, heard, pairs_found = _found(passages, analyser, language)
    known = [buckets.fact(bucket, kind, value) for kind, value in facts.items() if value and value.strip()]
    words = {buckets.lexeme(bucket, term): places for term, places in found.items()}
    is_long = any(places[-1] > MAX_POSITION or len(places) > MAX_POSITIONS for places in words.values())
    reason, room = None, MAX_BYTES
    if sum(map(len, words.values())) > _FEW:
        if _size(words) > MAX_BYTES:
            words, is_long = {word: [] for word in words}, True
            kept = dict(_within(words))
            words, reason = kept, None if len(kept) == len(words) else TOO_LONG
        room -= _size(words)
    if is_long or pairs_found is None or len(pairs_found) * _PAIR_BYTES > room:
        is_long, pairs_found = True, set()  # phrases are looked for in its text
    room -= len(pairs_found) * _PAIR_BYTES
    marks = [*known, *([buckets.long_mark(bucket)] if is_long else []), *(bucket + pair for pair in pairs_found)]
    marks += [buckets.lexeme(bucket, MARK + shingle) for shingle in sorted(heard.shingles)[: room // _SHINGLE_BYTES]]
    terms = _literal({**words, **dict.fromkeys(marks, ())})
    return Indexed(terms=terms, passages=placed, sounds=heard.text, reason=reason)


def _found(
    passages: Iterable[Passage], analyser: Analyser, language: str | None
) -> tuple[dict[str, list[int]], tuple[Passage, ...], Sounds, set[str] | None]:
    """Every term with its positions in order, the passages with their first, how what is Finnish sounds, the pairs.

    The pairs are None where there are too many.
    """
    found: dict[str, list[int]] = defaultdict(list)
    placed, said = [], []
    neighbours: set[tuple[pairs.Keys, pairs.Keys]] = set()
    first, words = 1, 0
    for passage in passages:
        tokens = analyser.tokens(passage.text, language)
        placed.append(replace(passage, first=first))
        said.append([Said(text=token.plain, is_known=is_known(token)) for token in tokens])
        neighbours.update(pairwise(token.keys for token in tokens))
        for position, token in enumerate(tokens, first):
            for term in token.terms:
                found[term].append(position)
        first += len(tokens) + GAP
        words += len(tokens)
    heard = sounds.of(said if is_finnish(language) else ())
    return found, tuple(placed), heard, pairs.within(neighbours, words)


def is_finnish(language: str | None) -> bool:
    """Whether what was said is looked for by its sounds: what may be Finnish."""
    return language is None or language.lower().startswith("fi")


def is_known(token: Token) -> bool:
    """Whether Voikko knows the word: others are found by a stem."""
    return not any("~" in term for term in token.terms)


def _size(words: Mapping[str, Sequence[int]]) -> int:
    """At most so many bytes a row takes; no word has more than MAX_POSITIONS."""
    return sum(
        len(word.encode()) + _WORD_BYTES + _POSITION_BYTES * min(len(places), MAX_POSITIONS)
        for word, places in words.items()
    )


def _within(words: Mapping[str, list[int]]) -> Iterable[tuple[str, list[int]]]:
    """As many words as find room, in the order in which they were said first."""
    size = 0
    for word, places in words.items():
        size += len(word.encode()) + _WORD_BYTES
        if size > MAX_BYTES:
            return
        yield word, places


def _literal(words: Mapping[str, Sequence[int]]) -> str:
    """The text that PostgreSQL reads a tsvector from; in its own order, so that it has nothing to sort."""
    return " ".join([_quoted(word) + (_listed(places) if places else "") for word, places in sorted(words.items())])


def _listed(places: Sequence[int]) -> str:
    """The positions; those past the last would be taken for the last, and make phrases of what is none."""
    if len(places) == 1 and places[0] <= MAX_POSITION:
        return f":{places[0]}"
    kept = [str(place) for place in places[:MAX_POSITIONS] if place <= MAX_POSITION]
    return f":{','.join(kept)}" if kept else ""


def _quoted(word: str) -> str:
    if "'" in word or "\\" in word:
        word = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{word}'"
