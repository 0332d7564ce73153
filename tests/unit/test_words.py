"""Words of a text are found as people ask for them: in any form, with any dictionary, and no others."""

import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.errors import Misconfigured
from search import finnish, guessing, morphology
from search.tokens import MAX_TERM_CHARS, fold
from search.words import Analyser
from tests.unit import word_pairs
from tests.unit.word_pairs import matches

VOIKKO = morphology.analyser("libvoikko")
GUESSED = morphology.analyser("snowball")
BOTH = pytest.mark.parametrize("analyser", [VOIKKO, GUESSED], ids=["libvoikko", "snowball"])


@pytest.mark.parametrize(("analyser", "least"), [(VOIKKO, 0.98), (GUESSED, 0.85)], ids=["libvoikko", "snowball"])
def test_pairs_are_found_and_look_alikes_are_not(analyser: Analyser, least: float) -> None:
    share, false = word_pairs.figures(analyser)
    sys.stdout.write(f"{analyser.name}: {share:.1%} of the pairs found, {false} look-alikes\n")
    assert share >= least
    assert false == 0


def test_there_are_pairs_enough() -> None:
    assert len({(pair.query, pair.sentence) for pair in word_pairs.read("found")}) >= 300
    assert len({(pair.query, pair.sentence) for pair in word_pairs.read("not_found")}) >= 100


# ---------------------------------------------------------------------- texts


def test_a_token_says_where_it_stands_and_what_finds_it() -> None:
    text = "Miksi sähkölaskustani puuttuu erittely?"
    token = VOIKKO.tokens(text, "fi")[1]
    assert text[token.start : token.end] == "sähkölaskustani"
    assert token.plain == "sähkölaskustani"
    assert set(token.terms) == {"sähkölaskustani", "sähkölasku", "sähkö", "lasku"}


def test_a_compound_of_three_is_found_by_its_neighbours_too() -> None:
    terms = VOIKKO.tokens("sähköpostilaskuihin", "fi")[0].terms
    assert {"sähköpostilasku", "sähköposti", "postilasku", "lasku"} <= set(terms)


@pytest.mark.parametrize(
    ("language", "query", "text"),
    [
        ("sv", "räkning", "Jag har betalat räkningarna."),
        ("sv", "räkningar", "Var är min räkning?"),
        ("sv", "avtalet", "Vi har två avtal."),
        ("sv", "avbrott", "Vid avbrotten lovades ersättning."),
        ("en", "invoice", "I have paid both invoices."),
        ("en", "promised", "He promises it every time."),
        ("en", "contracts", "My contract ends in May."),
    ],
)
@BOTH
def test_swedish_and_english_are_stemmed(analyser: Analyser, language: str, query: str, text: str) -> None:
    assert matches(analyser, query, text, language)
    assert matches(analyser, query, text, None)


@pytest.mark.parametrize(
    ("query", "text"),
    [("hinta", "Hint soitti."), ("kerta", "Kert soitti."), ("palat", "Pal soitti."), ("sopii", "Sop.")],
)
def test_stems_of_one_language_do_not_meet_words_of_another(query: str, text: str) -> None:
    # As Swedish or English the queries would be cut to these names.
    assert not matches(VOIKKO, query, text, "fi")
    assert not matches(VOIKKO, query, text, None)
    assert not matches(GUESSED, query, text, "fi")


@BOTH
def test_names_and_foreign_words_in_finnish_speech_are_found(analyser: Analyser) -> None:
    said = "Mulla on Easee Home -laturi ja Smart Flex -tuote, terveisin Björn Åström."
    for query in ("easee", "Smart Flex", "björn", "Åström", "laturi"):
        assert matches(analyser, query, said, "fi"), query


def test_a_word_that_no_dictionary_knows_is_found_in_its_forms() -> None:
    for said in ("Puhuin Tallennen kanssa.", "Kysyin Tallenneelta.", "Tallennessa oli vika."):
        assert matches(VOIKKO, "Tallenne", said), said


def test_words_that_a_recogniser_misspelt_still_end_in_a_known_word() -> None:
    assert matches(VOIKKO, "lasku", "En saanut kylaskustani selvää.")


def test_what_is_typed_without_dots_is_found_where_it_can_only_mean_one_thing() -> None:
    assert matches(VOIKKO, "sahkolasku", "Sain sähkölaskun.")
    assert matches(VOIKKO, "Makela", "Mäkelän Ritva soitti.")
    assert not matches(VOIKKO, "vaara", "Se on väärä lasku.")


@BOTH
def test_spelling_that_looks_the_same_is_the_same(analyser: Analyser) -> None:
    soft, apart = "säh\u00adkölasku", "sa\u0308hko\u0308lasku"
    for said in (soft, apart, "SÄHKÖLASKU"):
        assert matches(analyser, "sähkölasku", f"Tämä {said} on väärä."), said
    assert matches(analyser, "Müller", "muller soitti")
    assert matches(analyser, "sörensen", "Sørensen soitti")


# -------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("2026-1043", "asia 2026-1043."),
        ("2026-1043", "asia 20261043"),
        ("3x25A", "3 x 25 A"),
        ("3x25A", "3×25A"),
        ("3x25", "3x25 ampeeria"),
        ("10,5", "10.5 senttiä"),
        ("10,5kWh", "10,5 kWh"),
        ("045-1234567", "+358 45 123 4567"),
        ("+358451234567", "045-1234567"),
        ("00358451234567", "045 1234567"),
        ("1.5.2026", "01.05.2026 alkaen"),
        ("12.30", "kello 12:30"),
        ("643007570000123456", "643007 570000 123456"),
        ("ABC-1234", "tunnus abc1234"),
        ("EU", "EU:n tuki"),
    ],
)
@BOTH
def test_numbers_are_found_as_people_type_them(analyser: Analyser, query: str, text: str) -> None:
    assert matches(analyser, query, text, "fi")


@pytest.mark.parametrize(
    ("query", "text"), [("35", "3-5"), ("105", "10,5"), ("5", "25"), ("2026-1043", "2026-1044"), ("25", "2 5")]
)
@BOTH
def test_other_numbers_are_not(analyser: Analyser, query: str, text: str) -> None:
    assert not matches(analyser, query, text, "fi")


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("kaksikymmentäviisi", 25),
        ("kaksisataaneljätoista", 214),
        ("tuhatkaksisataakolme", 1_203),
        ("satakaksikymmentä", 120),
        ("kahdeksantuhattaviisisataa", 8_500),
        ("viisisataatuhatta", 500_000),
        ("kymmenen", 10),
    ],
)
def test_numbers_in_words_are_found_by_digits_and_the_other_way(words: str, digits: int) -> None:
    assert matches(VOIKKO, str(digits), f"Maksoin {words} euroa.")
    assert matches(VOIKKO, words, f"Maksoin {digits} euroa.")
    assert not matches(VOIKKO, str(digits + 1), f"Maksoin {words} euroa.")


def test_numbers_as_they_are_said_are_found_too() -> None:
    assert matches(VOIKKO, "25", "Se on kakskytviis ampeeria.")
    assert matches(VOIKKO, "15", "Eräpäivä on viistoista päivää.")
    assert not matches(VOIKKO, "5", "Se on kakskytviis ampeeria.")
    assert not matches(VOIKKO, "kaksi", "Lasku on kaksisataa euroa.")


# -------------------------------------------------------------------- queries


def test_a_query_is_understood_word_by_word() -> None:
    words = VOIKKO.query('"laskussa luvattu" hinta')
    assert [word.understood for word in words] == [("laskussa", "lasku"), ("luvattu", "luvata"), ("hinta",)]
    assert VOIKKO.asked("hinnoissa") == words[0].any_of or "hinta" in VOIKKO.asked("hinnoissa")
    assert VOIKKO.asked("?!") == ()


def test_a_compound_is_not_asked_for_by_its_parts() -> None:
    assert not matches(VOIKKO, "sähkölasku", "Lasku tuli.")
    assert not matches(GUESSED, "sähkölasku", "Lasku tuli.")


# ---------------------------------------------------------------- the grammar


@pytest.mark.parametrize(
    ("output", "bases", "inside"),
    [
        ("[Lt][Xp]maksaa[X]makse[Ll][Rt]t[Xj]tu[X]tu[Sn][Ny]", {"maksettu", "maksaa"}, set()),
        ("[Lt][Xp]irti=sanoa[X]irti[Bm]sano[Tn4]mi[Sn][Ny]nen", {"irtisanoa"}, set()),
        ("[La][Xr]jj[X][Xp]EU[X]eu[Sg][Ny]:n", {"eu"}, set()),
        (
            "[Lu][Xp]kaksi[X]ka[Sine][Ny]hdessa[Bc][Lu][Xp]kymmentä[X][Sine][Ny]kymmenessä",
            {"kaksikymmentä", "20"},
            set(),
        ),
        (
            "[Ln][Xp]hinta[X]hinn[Sg][Ny]an[Bh][Bc][Lt][Xp]korottaa[X]korot[Ln][Xj]us[X]ukse[Sela][Ny]sta",
            {"hinnankorotus"},
            {"hinta", "korotus"},
        ),
    ],
    ids=["participle", "verb with a prefix", "abbreviation", "numeral", "compound"],
)
def test_what_voikko_says_is_read(output: str, bases: set[str], inside: set[str]) -> None:
    read = finnish.forms((output,))
    assert (set(read.bases), set(read.inside)) == (bases, inside)


def test_readings_that_are_nearly_always_wrong_are_left_out() -> None:
    assert "kuu" not in VOIKKO.tokens("kuusi", "fi")[0].terms  # not "your moon"
    assert "mitta" in VOIKKO.tokens("mittaamme", "fi")[0].terms
    assert "amme" not in VOIKKO.tokens("mittaamme", "fi")[0].terms
    assert "lukea" not in VOIKKO.tokens("lukemaa", "fi")[0].terms  # a reading, not "read by"


def test_guesses_are_few_and_hold_the_base_form() -> None:
    for word, base in {
        "osoitteeseen": "osoite",
        "luvanneet": "luvata",
        "hinnoista": "hinta",
        "virtasen": "virtanen",
    }.items():
        guesses = guessing.bases(word)
        assert base in guesses
        assert len(guesses) <= 16, guesses


# ------------------------------------------------------------------- any text

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
PARTS = [
    "lasku",
    "3",
    "x",
    "25",
    "A",
    "-",
    ":",
    "'",
    ",",
    ".",
    " ",
    "\u00ad",
    "\u0308",
    "ä",
    "/",
    "_",
    "+358",
    "ﷺ",
    "İ",
    "ß",
    "²",
]


@given(
    text=ANY_TEXT | st.lists(st.sampled_from(PARTS), max_size=30).map("".join),
    language=st.sampled_from(["fi", "sv", "en", "et", None]),
)
@settings(deadline=None)
@BOTH
def test_any_text_gives_terms_that_an_index_can_hold(analyser: Analyser, text: str, language: str | None) -> None:
    end = 0
    for token in analyser.tokens(text, language):
        assert end <= token.start < token.end <= len(text)
        end = token.end
        assert token.terms[0] == token.plain
        for term in token.terms:
            assert 0 < len(term) <= MAX_TERM_CHARS
            assert not re.search(r"[\s/\x00-\x1f\x7f-\x9f\ud800-\udfff:]", term), repr(term)


@given(text=ANY_TEXT)
@settings(deadline=None)
@BOTH
def test_what_is_copied_from_a_text_finds_it(analyser: Analyser, text: str) -> None:
    for token in analyser.tokens(text, None):
        assert matches(analyser, text[token.start : token.end], text, None)


@given(word=st.text(max_size=40))
def test_folding_twice_is_folding_once(word: str) -> None:
    assert fold(fold(word)) == fold(word)


@pytest.mark.parametrize("piece", ["a", "1 ", "a-", "1-", "1 x ", "a'", "1.", "a\u0308", "-", "lasku "], ids=ascii)
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    def seconds(times: int) -> float:
        started = time.process_time()
        VOIKKO.tokens(piece * times, "fi")
        return time.process_time() - started

    small, large = (min(seconds(times) for _ in range(3)) for times in (500, 4_000))
    assert large < 0.02 + 30 * small  # eight times as long; a square would be 64


# ----------------------------------------------------------------- the choice


def test_the_best_dictionary_is_taken_and_a_wrong_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert morphology.choose("auto") is morphology.Kind.LIBVOIKKO
    assert morphology.choose("snowball") is morphology.Kind.SNOWBALL
    monkeypatch.setattr(morphology, "_LIBRARY", "libnowhere.so.1")
    morphology._declared.cache_clear()
    morphology._open_libvoikko.cache_clear()
    try:
        assert morphology.choose("auto") is morphology.Kind.PYVOIKKO
        with pytest.raises(Misconfigured, match="libvoikko1 and voikko-fi"):
            morphology.choose("libvoikko")
        assert "libvoikko1" in morphology.describe("auto")
    finally:
        morphology._declared.cache_clear()
        morphology._open_libvoikko.cache_clear()


def test_analysers_are_told_apart_by_name() -> None:
    assert VOIKKO.name != GUESSED.name
    assert re.fullmatch(r"voikko-[0-9a-f]{8};snowball-\d+\.\d+;words-\d+;pairs-\d+;sounds-\d+;mask-\d+", VOIKKO.name)
