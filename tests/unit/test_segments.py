"""What is made of recognised words: segments, and what is left out because nobody said it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.domain.transcripts import Doubt, Word
from ingest.transcribe.phantoms import is_phantom
from ingest.transcribe.segments import (
    MAX_SEGMENT_S,
    MAX_WORDS,
    PAUSE_S,
    Passage,
    compression,
    judge,
    sentences,
    without_loops,
)


def words(text: str, start_s: float = 0.0, *, each_s: float = 0.4, confidence: float = 0.9) -> tuple[Word, ...]:
    return tuple(
        Word(start_s=start_s + n * each_s, end_s=start_s + (n + 1) * each_s, text=word, confidence=confidence)
        for n, word in enumerate(text.split())
    )


def passage(
    said: tuple[Word, ...], *, no_speech: float = 0.1, log_probability: float = -0.3, speech_s: float = 10.0
) -> Passage:
    return Passage(
        speaker="agent",
        start_s=0.0,
        end_s=30.0,
        speech_s=speech_s,
        words=said,
        log_probability=log_probability,
        no_speech=no_speech,
    )


def test_a_passage_becomes_a_segment_a_sentence() -> None:
    judged = judge([passage(words("Hyvää päivää. Kuinka voin auttaa? Vuonna 2. kertaa"))])
    assert [one.text for one in judged.segments] == ["Hyvää päivää.", "Kuinka voin auttaa?", "Vuonna 2. kertaa"]
    assert {one.speaker for one in judged.segments} == {"agent"}
    assert judged.dropped == ()


def test_a_pause_begins_a_new_segment() -> None:
    said = words("hetki pieni") + words("no niin", start_s=0.8 + PAUSE_S + 0.1)
    assert [[word.text for word in run] for run in sentences(said)] == [["hetki", "pieni"], ["no", "niin"]]


def test_speakers_are_woven_together_by_time() -> None:
    first, second = passage(words("yksi.", 5.0)), passage(words("kaksi.", 1.0))
    assert [one.text for one in judge([first, second]).segments] == ["kaksi.", "yksi."]


LOOPS = {
    "one-word": ("alussa " + "niin " * 9 + "lopussa", "alussa lopussa"),
    "two-words": ("joo " + "kyllä kiitos " * 5, "joo"),
    "a-sentence": ("Soitan huomenna. " * 5, ""),
    "long-phrase": ("me otamme teihin yhteyttä heti kun asia on selvä " * 3, ""),
}


@pytest.mark.parametrize(("said", "kept"), LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_is_dropped_and_marked(said: str, kept: str) -> None:
    judged = judge([passage(words(said))])
    assert " ".join(one.text for one in judged.segments) == kept
    assert [one.doubt for one in judged.dropped] == [Doubt.LOOP]
    assert 0 <= judged.dropped[0].start_s < judged.dropped[0].end_s


@pytest.mark.parametrize(
    "said",
    [
        "joo joo joo joo joo",
        "ei ei ei ei se ei ole niin",
        "numero on nolla nolla nolla nolla viisi viisi viisi",
        "kyllä kyllä niin kyllä kyllä niin kyllä kyllä",
    ],
    ids=["yes", "no", "digits", "rhythm"],
)
def test_people_repeat_themselves_too(said: str) -> None:
    judged = judge([passage(words(said))])
    assert " ".join(one.text for one in judged.segments) == said
    assert judged.dropped == ()


def test_text_that_says_the_same_in_slightly_other_words_is_a_loop() -> None:
    said = " ".join(f"ja sitten {n} ja sitten ja sitten {n} ja" for n in range(14))
    assert compression(said) > 2.4
    assert judge([passage(words(said))]).segments == ()


PHANTOMS = [
    "Kiitos katsomisesta!", "Tekstitys: Yle", "Suomennos: Yle", "Tilaa kanava.",
    "Undertexter från Amara.org-gemenskapen", "Textning: Stina Hedin", "Tack för att du tittade!",
    "Thanks for watching!", "Subtitles by the Amara.org community", "Please subscribe.", "♪ Music ♪",
]  # fmt: skip
SAID = [
    "Kiitos.", "Kiitos soitosta, hyvää päivänjatkoa.", "Haluan tilata sähkösopimuksen.", "Thank you very much.",
    "Tack så mycket för hjälpen.", "Tekstiviesti tuli eilen.", "Musiikkia kuuluu taustalla.", "I'll subscribe to it.",
    "Käännös vasemmalle ja sitten toinen talo.", "Kanava on kiinni.",
]  # fmt: skip


@pytest.mark.parametrize("text", PHANTOMS)
def test_phrases_out_of_subtitles_are_dropped_and_marked(text: str) -> None:
    assert is_phantom(text)
    judged = judge([passage(words("Asia on selvä.") + words(text, 3.0))])
    assert [one.text for one in judged.segments] == ["Asia on selvä."]
    assert {one.doubt for one in judged.dropped} == {Doubt.PHANTOM}


@pytest.mark.parametrize("text", SAID)
def test_what_customers_say_is_no_phantom(text: str) -> None:
    assert not is_phantom(text)


def test_words_where_nobody_speaks_are_dropped_and_marked() -> None:
    judged = judge([passage(words("Kiitos."), no_speech=0.9, log_probability=-1.4)])
    assert (judged.segments, [one.doubt for one in judged.dropped]) == ((), [Doubt.SILENCE])
    faint = judge([passage(words("no", confidence=0.1), speech_s=0.3)])
    assert (faint.segments, [one.doubt for one in faint.dropped]) == ((), [Doubt.SILENCE])


def test_what_is_doubtful_stays_and_is_marked() -> None:
    (segment,) = judge([passage(words("ehkä näin", confidence=0.3))]).segments
    assert segment.doubts == (Doubt.LOW_CONFIDENCE,)


def test_signs_without_letters_are_no_text() -> None:
    assert judge([passage(words("... ♪ -"))]).segments == ()


_TEXT = st.lists(st.sampled_from(["joo", "niin", "lasku", "kiitos.", "no", "sähkö", "…"]), max_size=120)


@given(said=_TEXT)
def test_nothing_is_lost_but_what_is_told(said: list[str]) -> None:
    everything = words(" ".join(said))
    kept, loops = without_loops(everything)
    assert sorted([*kept, *(word for loop in loops for word in loop)], key=lambda w: w.start_s) == list(everything)
    runs = list(sentences(kept))
    assert [word for run in runs for word in run] == kept
    assert all(len(run) <= MAX_WORDS and run[-1].end_s - run[0].start_s <= MAX_SEGMENT_S + 0.01 for run in runs)
