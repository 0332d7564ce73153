"""Sounds of words: what folds into one, the beginnings that inflected forms share, and how much may differ."""

import string
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from search import likeness, sound_keys, sounds
from search.sounds import PASSAGE, SHINGLE, Said, letters, line, shingles, sound

CONSONANTS, VOWELS = "hjklmnprstv", "aeiou"
words = st.text(alphabet=string.ascii_lowercase + "åäö0 -", max_size=14)
syllables = st.tuples(st.sampled_from(CONSONANTS), st.sampled_from(VOWELS)).map("".join)


def said(text: str, known: str = "") -> list[Said]:
    """The words of a text; those that stand in `known` too are known."""
    return [Said(text=word, is_known=word in known.split()) for word in text.split()]


def sought(word: str) -> likeness.Sought:
    """What is looked for when a word is asked for."""
    return likeness.sought(sound_keys.keys([word]))


def key_of(syllables_: list[str]) -> str:
    """A key in which no sound is doubled."""
    made = letters("".join(syllables_))
    assume(len(made) == 2 * len(syllables_))
    return made


# ------------------------------------------------------------ folding


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sähkölasku", "sahkolasku"),
        ("pankki", "banki"),
        ("tiedote", "dietotte"),
        ("kilowatti", "gilovati"),
        ("hyvitys", "huvitus"),
        ("maksan", "maxan"),
        ("Wattimäärä", "vatimara"),
    ],
)
def test_what_is_taken_for_one_another_sounds_alike(one: str, other: str) -> None:
    assert sound(letters(one)) == sound(letters(other))


@pytest.mark.parametrize(("one", "other"), [("sulake", "sulava"), ("lasku", "tasku"), ("maksu", "maku")])
def test_other_words_do_not(one: str, other: str) -> None:
    assert sound(letters(one)) != sound(letters(other))


@given(words)
@example("aä")
@example("mmm")
def test_no_sound_is_doubled_and_folding_again_changes_nothing(word: str) -> None:
    kept = letters(word)
    heard = sound(kept)
    assert all(one != other for one, other in pairwise(heard))
    assert letters(kept) == kept
    assert set(heard) <= set("aehijklmnoprstuvf0")


@given(st.text(max_size=30))
def test_any_text_has_a_line(word: str) -> None:
    made = sounds.of([[Said(text=word, is_known=False)], [Said(text=word, is_known=True)]])
    assert made.text.count(PASSAGE) == 1


@given(st.lists(words, max_size=8), st.data())
def test_borders_are_of_no_account(texts: list[str], data: st.DataObject) -> None:
    whole = "".join(texts)
    cut = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    pieces = [whole[start:end] for start, end in zip([0, *cut], [*cut, len(whole)], strict=True)]
    assert sound(line(Said(text=piece, is_known=False) for piece in pieces)) == sound(letters(whole))


def test_a_line_keeps_where_words_begin_and_which_are_known() -> None:
    made = line(said("sää kylaskustani oli iso", known="sää oli iso"))
    assert made == "SÄ kylaskustani OL ISO"


# ------------------------------------------------------------ shingles


def test_known_words_are_listed_by_their_beginning_only() -> None:
    made = set(shingles(line(said("sopimuksen hintataso", known="sopimuksen"))))
    assert {"sopimu", "hintat", "tataso"} <= made
    assert not {"pimuks", "muksen"} & made


def test_shingles_go_over_borders_but_not_over_digits() -> None:
    assert "sahkol" in set(shingles(line(said("sähkö laskuni", known="sähkö"))))
    assert not any("0" in one for one in shingles(line(said("maksu 250 euroa", known="maksu"))))


@given(st.lists(syllables, min_size=3, max_size=9), st.lists(syllables, max_size=3), st.lists(syllables, max_size=3))
def test_a_word_heard_rightly_is_listed_under_its_shingles(
    word: list[str], before: list[str], after: list[str]
) -> None:
    key = key_of(word)
    text = "".join(before) + " " + key + "".join(after)
    made = sounds.of([[Said(text=one, is_known=False) for one in text.split()]])
    assert made.shingles & set(sounds.asked_shingles([sound(key)]))
    assert all(len(one) == SHINGLE for one in made.shingles)


# ------------------------------------------------------------ keys


@pytest.mark.parametrize(
    ("base", "said_forms"),
    [
        ("sopimus", "sopimus sopimuksen sopimusta sopimuksia sopimukseenne"),
        ("kotivirta", "kotivirta kotivirran kotivirtaa kotivirroissa kotivirtamme"),
        ("maalämpö", "maalämpö maalämmön maalämpöä maalämmössä"),
        ("perintä", "perintä perinnän perintään perinnöistä"),
        ("määräaikainen", "määräaikainen määräaikaista määräaikaisen määräaikaisiksi"),
        ("lämmönvaihdin", "lämmönvaihdin lämmönvaihtimen lämmönvaihdinta"),
        ("irtisanomisaika", "irtisanomisaika irtisanomisajan irtisanomisaikanne"),
        ("virtapiikki", "virtapiikki virtapiikin virtapiikkejä"),
        ("pääsulake", "pääsulake pääsulakkeen pääsulakkeita"),
        ("laskuttaa", "laskuttaa laskutan laskutti laskutetaan"),
        ("reklamoida", "reklamoida reklamoin reklamoitu"),
        ("irtisanoa", "irtisanoa irtisanoin irtisanottu"),
    ],
)
def test_every_form_begins_with_a_key(base: str, said_forms: str) -> None:
    keys = sound_keys.keys([base])
    for form in said_forms.split():
        heard = sound(letters(form))
        assert any(heard.startswith(sound(key)) for key in keys), form


@pytest.mark.parametrize("short", ["teho", "hinta", "muutto", "sää", "", "!"])
def test_short_words_have_no_keys(short: str) -> None:
    assert sound_keys.keys([short]) == ()


@given(st.text(max_size=20))
def test_any_word_may_be_asked_for(word: str) -> None:
    assert all(len(key) >= sound_keys.MIN_CHARS for key in sound_keys.keys([word]))


# ------------------------------------------------------------ likeness


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        ("sähkölasku", "sähkölas kuni oli"),
        ("siirtomaksu", "nousivat kosiirtomaksuttaa se"),
        ("arvonlisävero", "arvon lisäveroa lasketukahteen"),
        ("hinnankorotus", "sinnan korotuksesta ei"),
        ("marginaali", "teidän marginalinne on"),
        ("perintätoimisto", "perintä toimistolähettikirjentää"),
        ("sähkösopimus", "laupettaa sähkö sopimuksen jensi"),
    ],
)
def test_words_misheard_on_the_telephone_are_found(asked: str, heard: str) -> None:
    found = likeness.alike(line(said(heard)), sought(asked))
    assert found is not None
    assert found.evidence >= likeness.ENOUGH


@pytest.mark.parametrize(
    ("asked", "heard", "known"),
    [
        ("valitus", "valitut tuotteet", "valitut tuotteet"),  # within a word that is known
        ("kilpailuttaa", "kilpailu tekivät", "kilpailu tekivät"),  # the scrap of a known word
        ("sulake", "suolaiset kalat", ""),
        ("maksuhäiriö", "maksoin häneltä", ""),
    ],
)
def test_other_words_are_not_alike(asked: str, heard: str, known: str) -> None:
    assert likeness.alike(line(said(heard, known)), sought(asked)) is None


def fewest_differences(key: str, text: str) -> int:
    """Of any piece of the text, the fewest sounds to change, add or leave out (Sellers, by its definition)."""
    row = [0] * (len(text) + 1)
    for one in key:
        before, row[0] = row[0], row[0] + 1
        for at, other in enumerate(text, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (one != other))
    return min(row)


def edited(key: str, edits: list[tuple[int, int, str]]) -> str:
    """The key with these edits: what is done (0 change, 1 add, 2 leave out), where, with which sound."""
    letters_ = list(key)
    for what, where, other in edits:
        at = where % max(len(letters_), 1)
        letters_[at : at + (what != 1)] = [] if what == 2 else [other]
    return "".join(letters_)


SOUNDS = st.text(alphabet="aeklst", max_size=12)
EDITS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99), st.sampled_from("aeklst")), max_size=4)


@given(st.text(alphabet="aeklst", min_size=6, max_size=20), SOUNDS, SOUNDS, EDITS)
def test_a_planted_key_is_found_up_to_its_limit_and_never_beyond(
    key: str, before: str, after: str, edits: list[tuple[int, int, str]]
) -> None:
    text = before + edited(key, edits) + after
    assume(text)
    fewest = fewest_differences(key, text)
    assert fewest <= len(edits)
    for limit in range(5):
        found = list(likeness.places(key, text, limit))
        assert bool(found) == (fewest <= limit)
        assert all(fewest_differences(text[start:stop], key) <= fewest for start, stop in found)


@given(st.lists(syllables, min_size=4, max_size=9), st.lists(syllables, min_size=1, max_size=3))
def test_a_key_said_in_an_unknown_word_is_near_and_more_differences_than_allowed_never(
    word: list[str], after: list[str]
) -> None:
    key = key_of(word)
    assert likeness.alike(line(said(f"{key} {''.join(after)}")), likeness.sought([key])) is not None
    too_many = likeness.allowed(len(key)) + 1
    assert likeness.alike("f" * too_many + key[too_many:], likeness.sought([key])) is None


@given(
    st.lists(syllables, min_size=4, max_size=9),
    st.lists(st.lists(syllables, min_size=1, max_size=6), max_size=4),
    EDITS,
)
def test_what_is_left_at_once_holds_nothing(
    word: list[str], others: list[list[str]], edits: list[tuple[int, int, str]]
) -> None:
    """Passage by passage with every key, against all at once: the same, where a passage has a run of the word's."""
    key = key_of(word)
    asked = likeness.sought([key, key[:-1] + "o"])
    lines = [line(said(" ".join(text))) for text in [[edited(key, edits)], *map(list, others)]]
    heard = [
        likeness.alike(one, asked, at) for at, one in enumerate(lines) if any(s in sound(one) for s in asked.shingles)
    ]
    assert likeness.likest(PASSAGE.join(lines), asked) == tuple(like for like in heard if like is not None)
