"""A contact's row: every word at its position, no phrase over a border, whatever the text and however long."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import rows, texts
from search.buckets import Fact, long_mark
from search.morphology import Kind, analyser
from search.rows import Indexed
from search.texts import Passage

BUCKET = "8yX"
WORDS = analyser(Kind.SNOWBALL)
_ENTRY = re.compile(r"'((?:[^'\\]|''|\\\\)+)'(?::([0-9,]+))?(?: |$)")
_TEXTS = st.lists(st.text(alphabet="abkäö '\\-1 ", max_size=40), max_size=6)


def row(passages: list[str], facts: dict[Fact, str | None] | None = None, language: str | None = "fi") -> Indexed:
    return rows.make(BUCKET, [Passage(kind="transcript", text=text) for text in passages], facts or {}, WORDS, language)


def read(terms: str) -> dict[str, list[int]]:
    """The lexemes of a tsvector's text and their positions, read by the rules of PostgreSQL."""
    found = {}
    at = 0
    while at < len(terms):
        entry = _ENTRY.match(terms, at)
        assert entry is not None, terms[at : at + 40]
        places = [int(place) for place in entry[2].split(",")] if entry[2] else []
        found[entry[1].replace("''", "'").replace("\\\\", "\\")] = places
        at = entry.end()
    return found


@given(_TEXTS)
def test_every_word_stands_at_its_position(passages: list[str]) -> None:
    made = row(passages)
    found = read(made.terms)
    expected = 0
    for passage in made.passages:
        for number, token in enumerate(WORDS.tokens(passage.text, "fi")):
            expected += 1
            for term in token.terms:
                assert passage.first + number in found[BUCKET + term]
            assert texts.passage_of(made.passages, passage.first + number) == passage
    assert sum(len(WORDS.tokens(text, "fi")) for text in passages) == expected


@given(_TEXTS)
def test_nothing_is_next_to_a_word_of_another_passage(passages: list[str]) -> None:
    made = row(passages)
    spans = [(p.first, p.first + len(WORDS.tokens(p.text, "fi")) - 1) for p in made.passages]
    for (_, last), (first, _) in pairwise(spans):
        assert first - last > 1


def test_words_are_in_the_order_of_the_database() -> None:
    made = row(["öljy ääni zebra aalto 25A x"])
    words = list(read(made.terms))
    assert words == sorted(words, key=str.encode)


def test_facts_are_there_without_positions_and_empty_ones_are_not() -> None:
    made = row(
        ["hinta"],
        {
            Fact.AGENT_NAME: "Aino O'Hara \\ Öhman",
            Fact.QUEUE: "Laskutus",
            Fact.CATEGORY: None,
            Fact.AGENT_ID: " ",
        },
    )
    found = read(made.terms)
    assert found.keys() >= {"8yX/name:aino o'hara \\ öhman", "8yX/queue:laskutus", "8yXhinta"}
    assert found["8yX/queue:laskutus"] == []
    assert not [word for word in found if "category" in word or "agent" in word]


def test_a_word_said_a_thousand_times_keeps_what_positions_there_are_and_a_mark() -> None:
    found = read(row(["kyllä " * 1_000]).terms)
    assert found["8yXkyllä"] == list(range(1, 256))
    assert long_mark(BUCKET) in found
    assert long_mark(BUCKET) not in read(row(["kyllä " * 255]).terms)


def test_past_the_last_position_words_have_none_so_that_no_phrase_is_made_up() -> None:
    made = row([" ".join(f"w{number}" for number in range(20_000))])
    found = read(made.terms)
    assert found["8yXw0"] == [1]
    assert found["8yXw16382"] == [16_383]
    assert found["8yXw16383"] == []
    assert found["8yXw19999"] == []
    assert long_mark(BUCKET) in found
    assert made.reason is None


def test_the_last_position_alone_needs_no_mark() -> None:
    assert long_mark(BUCKET) not in read(row([" ".join(f"w{number}" for number in range(16_383))]).terms)


def test_what_finds_no_room_is_said_and_what_was_first_is_there() -> None:
    long = [f"{'ä' * 24}{number}" for number in range(20_000)]
    made = row([" ".join(long)], language="en")
    found = read(made.terms)
    assert made.reason == rows.TOO_LONG
    assert BUCKET + long[0] in found
    assert BUCKET + long[-1] not in found
    assert sum(len(word.encode()) for word in found) < rows.MAX_BYTES


@pytest.mark.parametrize("passages", [[], [""], ["...", "\u0000 \ud83d"]], ids=["none", "empty", "no-words"])
def test_a_contact_without_words_has_a_row_all_the_same(passages: list[str]) -> None:
    made = row(passages, {Fact.CHANNEL: "chat"})
    assert list(read(made.terms)) == ["8yX/channel:chat"]
    assert made.reason is None
