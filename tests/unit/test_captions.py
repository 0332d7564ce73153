"""A transcript as plain text and as WebVTT, and as the lines of a page."""

import re

from archive.domain.captions import Wording, as_text, as_webvtt
from archive.domain.transcripts import Doubt, Dropped
from archive.web.transcript_view import lines_of
from tests.saying import segment, transcript

WORDING = Wording(
    speakers={"agent": "Asiakaspalvelija", "customer": "Asiakas <1>"},
    left_out={doubt: f"pois: {doubt}" for doubt in Doubt},
    unsure="epävarma",
)
SAID = transcript(
    segment(0.5, 2.5, "agent", "Sähkölaskusta & hinnasta"),
    segment(3661.25, 3662.0, "customer", "a <b> --> c", doubts=(Doubt.LOW_CONFIDENCE,)),
    dropped=(Dropped(start_s=10.0, end_s=70.0, speaker="agent", doubt=Doubt.LOOP),),
)


def test_text_has_a_line_for_each_piece_in_order() -> None:
    assert as_text(SAID, WORDING).splitlines() == [
        "0:00:00  Asiakaspalvelija: Sähkölaskusta & hinnasta",
        "0:00:10  [pois: loop]",
        "1:01:01  Asiakas <1>: a <b> --> c (epävarma)",
    ]


def test_webvtt_escapes_what_would_be_markup() -> None:
    assert as_webvtt(SAID, WORDING).split("\n\n") == [
        "WEBVTT",
        "1\n00:00:00.500 --> 00:00:02.500\n<v Asiakaspalvelija>Sähkölaskusta &amp; hinnasta</v>",
        "NOTE 00:00:10.000: pois: loop",
        "3\n01:01:01.250 --> 01:01:02.000\n<v Asiakas &lt;1&gt;>a &lt;b&gt; --&gt; c</v>\n",
    ]


def test_a_cue_is_never_empty_of_time_or_broken_by_a_line() -> None:
    captions = as_webvtt(transcript(segment(1.0, 1.0, "", "yksi\n\nkaksi")), WORDING)
    assert captions == "WEBVTT\n\n1\n00:00:01.000 --> 00:00:01.001\nyksi kaksi\n"


def test_lines_name_a_speaker_once_in_a_row_and_tell_what_was_left_out() -> None:
    said = transcript(
        segment(0, 1, "agent", "hei"),
        segment(1, 2, "agent", "kyllä"),
        segment(2, 3, "customer", "niin"),
        dropped=(Dropped(start_s=1.5, end_s=2.0, speaker="agent", doubt=Doubt.SILENCE),),
    )
    lines = list(lines_of(said))
    assert [line.is_next for line in lines] == [True, False, False, True]
    assert [line.left_out is not None for line in lines] == [False, False, True, False]


def test_the_pieces_of_a_line_are_its_text_and_the_places_its_words() -> None:
    said = segment(2.0, 6.0, "agent", "hinta pysyy samana toukokuuhun", unsure=["samana"])
    (line,) = lines_of(transcript(said))
    text = "".join(piece.text for piece in line.pieces)
    assert text == said.text
    assert [(piece.text, piece.sureness) for piece in line.pieces if piece.sureness] == [("samana", 0.3)]
    at, found = 0, []
    for start, length in re.findall(r"(\d+),(\d+)", line.places):
        found.append((2.0 + int(start) / 100, text[at : at + int(length)]))
        at += int(length) + 1
    assert found == [(2.0, "hinta"), (3.0, "pysyy"), (4.0, "samana"), (5.0, "toukokuuhun")]


def test_unsure_words_in_a_row_and_at_both_ends_keep_their_spaces() -> None:
    said = segment(0, 5, "agent", "yks kaks kolme nelj viis", unsure=["yks", "kaks", "viis"])
    (line,) = lines_of(transcript(said))
    assert "".join(piece.text for piece in line.pieces) == said.text
    assert [piece.sureness is None for piece in line.pieces] == [False, True, False, True, False]
