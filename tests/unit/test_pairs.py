"""Pairs of words: whatever a phrase finds by its positions is also found by its pairs."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from archive.domain.filters import Filters
from bench import _talks
from search import buckets, morphology, pairs, rows, terms
from search.query import read
from search.texts import Passage
from search.words import Analyser, Asked

SENTENCE = (
    "Hei, olen Liisa ja soitan siitä sähkölaskusta joka tuli viime viikolla. Teidän asiakaspalvelijanne lupasi "
    "keväällä että hinta pysyy samana toukokuun loppuun asti, mutta mittarinlukema 25 A sulakkeella oli 12 500 kWh"
)


def passage(text: str) -> Passage:
    return Passage(kind="transcript", text=text, speaker="agent", start_s=0.0, end_s=9.0)


def wanted(analyser: Analyser, phrase: str) -> list[set[str]]:
    """The alternatives of each pair that the phrase asks for."""
    made = terms.terms(read(f'"{phrase}"'), analyser)
    return [set(either) for either in made.pairs[0]]


def test_every_two_neighbours_of_a_sentence_are_listed_under_what_their_phrase_asks_for() -> None:
    analyser = morphology.analyser()
    tokens = analyser.tokens(SENTENCE, "fi")
    listed = set(pairs.of(token.keys for token in tokens))
    for first, second in pairwise(SENTENCE[token.start : token.end] for token in tokens):
        (either,) = wanted(analyser, f"{first} {second}")
        assert either & listed, (first, second)


def test_a_word_that_is_found_by_a_term_is_found_by_a_key_or_a_stem() -> None:
    analyser = morphology.analyser()
    forms = random.Random(4).sample(_talks.vocabulary().forms, 6_000)
    forms += ["raa'an", "har", "sahkolasku", "3x25A", "tietovuosin", "kominavalle", "räkningen", "sähkö-laskut"]
    found = [token for form in forms for language in ("fi", "sv", None) for token in analyser.tokens(form, language)]
    by_term: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for token in found:
        for term in token.terms:
            by_term.setdefault(term, set()).add((term, frozenset(token.keys)))
    for form in forms:
        for asked in analyser.query(form):
            for term, keys in set().union(*(by_term.get(term, set()) for term in asked.any_of)):
                assert term in asked.stems or keys & set(asked.keys), (form, term, keys)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_words_of_any_text_are_found_by_their_phrase(first: str, second: str) -> None:
    analyser = morphology.analyser()
    text = f"{first} {second}"
    tokens = analyser.tokens(text, None)
    listed = set(pairs.of(token.keys for token in tokens)).union(*(token.terms for token in tokens))
    for one, other in pairwise(tokens):
        places = [asked for token in (one, other) for asked in analyser.query(text[token.start : token.end])]
        assert all(set(either) & listed for either in pairs.asked(places))


def test_without_a_dictionary_there_are_no_pairs() -> None:
    analyser = morphology.analyser("snowball")
    assert not list(pairs.of(token.keys for token in analyser.tokens(SENTENCE, "fi")))
    assert terms.terms(read('"hinta pysyy"'), analyser).pairs == ((),)


def test_a_row_lists_pairs_within_passages_and_not_across_them() -> None:
    analyser = morphology.analyser()
    made = rows.make("8uK", [passage("hinta pysyy"), passage("samana vuoden")], {}, analyser, "fi").terms
    for phrase, is_there in (("hinta pysyy", True), ("samana vuoden", True), ("pysyy samana", False)):
        (either,) = wanted(analyser, phrase)
        assert any(f"'8uK{pair}'" in made for pair in either) is is_there


def test_a_phrase_asks_for_its_pairs_and_a_contact_too_long_for_positions_is_looked_at_without() -> None:
    analyser = morphology.analyser()
    made = terms.terms(read('"hinta pysyy samana"'), analyser)
    assert len(made.pairs[0]) == 2
    text = made.template(Filters())
    for either in made.pairs[0]:
        assert all(f"{terms.BUCKET}{one}" in text for one in either)
    said = " ".join(["hinta pysyy samana"] * 9_000)
    long = rows.make("8uK", [passage(said)], {}, analyser, "fi").terms
    assert f"'{buckets.long_mark('8uK')}'" in long
    assert f"'8uK{pairs.MARK}" not in long


def test_words_of_very_many_pieces_make_no_pairs_and_their_contact_is_looked_at_without() -> None:
    analyser = morphology.analyser()
    words = ["-".join(chr(0x4E00 + 40 * word + piece) for piece in range(40)) for word in range(4)]
    made = rows.make("8uK", [passage(f"hinta pysyy {' '.join(words)}")], {}, analyser, "fi")
    assert f"'8uK{pairs.MARK}" not in made.terms
    assert f"'{buckets.long_mark('8uK')}'" in made.terms
    assert made.reason is None
    assert "'8uKhinta':1" in made.terms
    assert len(made.terms) < 5_000


def test_pairs_that_a_text_may_have_are_all_made_and_one_more_is_none() -> None:
    spare = (("a",) * pairs.SPARE, ("b",))
    words = [((f"w{number}",), tuple("abcd")) for number in range(9)]
    assert pairs.within([spare, *words], 9) == {pair for both in (spare, *words) for pair in pairs.of(both)}
    assert pairs.within([spare, *words], 8) is None


def test_an_ordinary_contact_has_room_for_its_pairs_however_long() -> None:
    analyser = morphology.analyser()
    for count in (3, 300, 3_000):
        said = " ".join(random.Random(count).choices(_talks.vocabulary().forms, k=count))
        keys = [token.keys for token in analyser.tokens(said, "fi")]
        assert pairs.within(set(pairwise(keys)), count) == set(pairs.of(keys))


def test_words_that_can_be_said_in_very_many_ways_ask_for_no_pair() -> None:
    many, two, one = (
        Asked(start=0, end=1, plain="x", any_of=(), keys=tuple(f"w{n}" for n in range(count)))
        for count in (pairs.MAX_ASKED, 2, 1)
    )
    assert pairs.asked([many, two]) == ()
    assert [len(either) for either in pairs.asked([many, one, two])] == [pairs.MAX_ASKED, 2]
