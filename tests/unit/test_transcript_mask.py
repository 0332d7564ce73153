"""A secret is in no word of a masked transcript, whichever way it was said, and the words still are the text."""

import re

import pytest

from archive.domain.transcript_mask import without_secrets
from archive.domain.transcripts import Segment, Transcript
from tests.saying import segment, transcript

HETU = "010594Y9032"
IBAN = "FI21 1234 5600 0007 85"


def texts(said: Transcript) -> list[str]:
    """The texts of the segments, and of each the words, which must be the same."""
    for one in said.segments:
        assert not one.words or " ".join(word.text for word in one.words) == one.text
    return [one.text for one in said.segments]


@pytest.mark.parametrize(
    ("spoken", "left"),
    [
        (f"tunnus on {HETU}.", "tunnus on [hetu]."),
        (f"({HETU}) ja sitten", "([hetu]) ja sitten"),
        ("tunnus on 010594 Y 9032 kiitos", "tunnus on [hetu] kiitos"),
        (f"tilille {IBAN} maksetaan", "tilille [iban] maksetaan"),
        (f"{HETU} ja toinen {HETU}", "[hetu] ja toinen [hetu]"),
        ("hinta on 12,50 euroa", "hinta on 12,50 euroa"),
    ],
    ids=["with a full stop", "in brackets", "in pieces", "an account", "twice", "nothing"],
)
def test_the_mark_stands_where_the_value_began(spoken: str, left: str) -> None:
    assert texts(without_secrets(transcript(segment(0, 8, "customer", spoken)))) == [left]


def test_a_value_that_goes_on_in_the_next_segment_leaves_neither() -> None:
    said = transcript(
        segment(0, 2, "customer", "henkilötunnukseni on 010594 Y"),
        segment(2, 3, "agent", "niin"),
        segment(3, 5, "customer", "9032 ja nimi on Aino"),
    )
    masked = texts(without_secrets(said))
    assert not re.search(r"\d", " ".join(masked))
    assert masked[2].endswith("ja nimi on Aino")


def test_a_word_keeps_its_time_and_what_is_gone_has_none() -> None:
    said = segment(10, 20, "customer", "on 010594 Y9032 siis näin")
    (masked,) = without_secrets(transcript(said)).segments
    assert [(word.text, word.start_s) for word in masked.words] == [
        ("on", 10.0),
        ("[hetu]", 12.0),
        ("siis", 16.0),
        ("näin", 18.0),
    ]


def test_text_without_words_is_masked_too() -> None:
    said = Segment(start_s=0, end_s=4, speaker="customer", text=f"Tunnus on {HETU} kiitos")
    assert texts(without_secrets(transcript(said))) == ["Tunnus on [hetu] kiitos"]


def test_text_that_differs_from_its_words_is_not_trusted() -> None:
    heard = segment(0, 4, "customer", f"tunnus {HETU}")
    odd = Segment(start_s=0, end_s=4, speaker="customer", text=f"tunnus {HETU[:6]}-{HETU[6:]}", words=heard.words)
    assert texts(without_secrets(transcript(odd))) == ["tunnus [hetu]"]
