"""From what is asked to what is looked for: the alternatives of each word, and the text of a `tsquery`.

The text is written once for every month and company: where the bucket of a row belongs in front of each lexeme there is
`BUCKET`, which SQL replaces. Pure; SQL is `search.index_words`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest

from archive.domain.filters import Filters
from archive.errors import Invalid
from search import pairs
from search.buckets import Fact, fact, lexeme, long_mark
from search.query import Query
from search.words import Analyser
from search.words import Asked as AskedWord

BUCKET = "\x01"
_NOTHING = "nothing in it can be looked for: letters or digits are needed"

Alternatives = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A word of a query as it was typed, and the forms of it that a person may be shown."""

    word: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is looked for: any one term of each of `words`; of each phrase one of every place, side by side.

    `pairs` are, for each of `phrases` that has some, what of `search.pairs` leads to it.
    """

    words: tuple[Alternatives, ...]
    phrases: tuple[tuple[Alternatives, ...], ...] = ()
    without: tuple[tuple[Alternatives, ...], ...] = ()
    pairs: tuple[tuple[Alternatives, ...], ...] = ()

    def template(self, filters: Filters) -> str:
        """The `tsquery` with `BUCKET` in front of every lexeme; facts of the filters are lexemes beside the words."""
        needed = [*map(_any_of, self.words), *self._phrases(), *_facts(filters)]
        return " & ".join([*needed, *(f"!({_side_by_side(one)})" for one in self.without)])

    def _phrases(self) -> list[str]:
        return [_phrase(places, pairs) for places, pairs in zip_longest(self.phrases, self.pairs, fillvalue=())]

    def ranking(self) -> str:
        """The same with the words alone: facts say nothing of how well a contact fits."""
        return " & ".join([*map(_any_of, self.words), *map(_side_by_side, self.phrases)])


def terms(query: Query, analyser: Analyser) -> Terms:
    """What a query looks for.

    Raises:
        Invalid: the query has words, but nothing of them can be looked for.

    """
    words = [found.any_of for word in query.words for found in analyser.query(word)]
    phrases = [places for phrase in query.phrases if (places := _places(phrase, analyser))]
    without = [places for phrase in query.without if (places := _places(phrase, analyser))]
    made = Terms(
        words=tuple(dict.fromkeys(filter(None, words))),
        phrases=tuple(_alternatives(places) for places in phrases),
        without=tuple(_alternatives(places) for places in without),
        pairs=tuple(pairs.asked(places) for places in phrases),
    )
    if not (made.words or made.phrases):
        raise Invalid.of("q", _NOTHING)
    return made


def understood(query: Query, analyser: Analyser) -> tuple[Understood, ...]:
    """Every word that must be there, with the forms that it is looked for by."""
    words = [*query.words, *(word for phrase in query.phrases for word in phrase)]
    found: Iterable[tuple[str, AskedWord]] = ((word, one) for word in words for one in analyser.query(word))
    return tuple(dict.fromkeys(Understood(word=word, forms=one.understood) for word, one in found))


def _places(phrase: Iterable[str], analyser: Analyser) -> list[AskedWord]:
    return [found for word in phrase for found in analyser.query(word) if found.any_of]


def _alternatives(places: Iterable[AskedWord]) -> tuple[Alternatives, ...]:
    return tuple(place.any_of for place in places)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _any_of(alternatives: Alternatives) -> str:
    return "(" + " | ".join(_quoted(lexeme(BUCKET, term)) for term in alternatives) + ")"


def _phrase(places: tuple[Alternatives, ...], pairs: tuple[Alternatives, ...]) -> str:
    """The words side by side; or all of them in a contact too long to know where each stands, to be looked at then."""
    anywhere = " & ".join([_quoted(long_mark(BUCKET)), *map(_any_of, places)])
    beside = " & ".join([*map(_any_of, pairs), _side_by_side(places)])
    return f"({beside} | {anywhere})"


def _side_by_side(places: tuple[Alternatives, ...]) -> str:
    return "(" + " <-> ".join(map(_any_of, places)) + ")"


def _facts(filters: Filters) -> list[str]:
    """The filters that the index knows. It compares without regard to case: the row itself is looked at too."""
    asked: tuple[tuple[str | None, tuple[Fact, ...]], ...] = (
        (filters.agent, (Fact.AGENT_ID, Fact.AGENT_NAME)),
        (filters.queue, (Fact.QUEUE,)),
        (filters.category, (Fact.CATEGORY,)),
        (filters.channel, (Fact.CHANNEL,)),
        (filters.direction, (Fact.DIRECTION,)),
    )
    made: Callable[[Fact, str], str] = lambda kind, value: _quoted(fact(BUCKET, kind, value))  # noqa: E731
    return ["(" + " | ".join(made(kind, value) for kind in kinds) + ")" for value, kinds in asked if value is not None]
