"""The pairs of `word_pairs.toml`, and how many of them an analyser finds."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from search.words import Analyser

_FILE = Path(__file__).parent / "word_pairs.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A query and a sentence, and the heading that they stand under."""

    heading: str
    query: str
    sentence: str


def read(which: str) -> list[Pair]:
    """The pairs that are `found`, or those that are `not_found`."""
    headings = tomllib.loads(_FILE.read_text())[which]
    split = [(heading, *line.split(" | ")) for heading, text in headings.items() for line in text.splitlines()]
    return [Pair(heading=heading, query=query, sentence=sentence) for heading, query, sentence in split]


def found(analyser: Analyser, pairs: list[Pair], language: str | None) -> list[Pair]:
    """Those whose sentence has an alternative of every word of the query."""
    return [pair for pair in pairs if matches(analyser, pair.query, pair.sentence, language)]


def matches(analyser: Analyser, query: str, sentence: str, language: str | None = "fi") -> bool:
    """Whether a query finds a text, as the index will say it."""
    terms = {term for token in analyser.tokens(sentence, language) for term in token.terms}
    asked = analyser.query(query)
    return bool(asked) and all(not terms.isdisjoint(word.any_of) for word in asked)


def figures(analyser: Analyser) -> tuple[float, int]:
    """The worse figures of known and of unknown language: which share is found, and how many look-alikes."""
    right, wrong = read("found"), read("not_found")
    both = [(len(found(analyser, right, of)) / len(right), len(found(analyser, wrong, of))) for of in ("fi", None)]
    return min(share for share, _ in both), max(false for _, false in both)
