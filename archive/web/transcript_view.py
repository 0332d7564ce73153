"""A transcript as lines of a page: who speaks when, which words were heard unsurely, what was left out.

How it looks is `templates/transcript.html`; what the marks on it do in a browser is `static/transcript.js`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from archive.domain.captions import in_order
from archive.domain.transcripts import Dropped, Segment, Transcript, Word
from archive.web.transcripts import LEFT_OUT

# Below this a word is dotted. Of what Whisper base heard in 400 sentences over a telephone's band (bench/near) it dots
# one word in five, and of those three in four are wrong; 0.5 dots one in ten and misses most, 0.7 dots two in five.
UNSURE_BELOW = 0.6
_CENTISECONDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some text of a line; `sureness` is the recogniser's confidence where it is low, else None."""

    text: str
    sureness: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One segment or one place where something was left out.

    `places` has "start,length" for each word: hundredths of a second from the start of the line, and the word's length
    as browsers count it (UTF-16); words stand one space apart. `left_out` is a message id; then there are no pieces.
    """

    start_s: float
    end_s: float
    speaker: str
    is_next: bool
    is_unsure: bool
    pieces: tuple[Piece, ...]
    places: str
    left_out: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptPage:
    """What was said in one contact, in order; `speakers` are message ids by role."""

    interaction_id: str
    model: str
    speakers: Mapping[str, str]
    lines: tuple[Line, ...]


def lines_of(transcript: Transcript) -> Iterator[Line]:
    """The lines of a transcript by their start; `is_next` marks the first line of each speaker in a row."""
    before: str | None = None
    for piece in in_order(transcript):
        is_next = piece.speaker != before
        if isinstance(piece, Dropped):
            yield _gap(piece, is_next=is_next)
        else:
            yield _line(piece, is_next=is_next)
        before = piece.speaker


def _gap(dropped: Dropped, *, is_next: bool) -> Line:
    return Line(
        start_s=dropped.start_s,
        end_s=dropped.end_s,
        speaker=dropped.speaker,
        is_next=is_next,
        is_unsure=False,
        pieces=(),
        places="",
        left_out=LEFT_OUT[dropped.doubt],
    )


def _line(segment: Segment, *, is_next: bool) -> Line:
    return Line(
        start_s=segment.start_s,
        end_s=segment.end_s,
        speaker=segment.speaker,
        is_next=is_next,
        is_unsure=bool(segment.doubts),
        pieces=tuple(_pieces(segment.words)) if segment.words else (Piece(text=segment.text, sureness=None),),
        places=" ".join(_places(segment)),
        left_out=None,
    )


def _pieces(words: Iterable[Word]) -> Iterator[Piece]:
    """Sure words together, unsure ones alone; the spaces between words belong to the sure pieces."""
    waiting: list[str] = []
    for place, word in enumerate(words):
        space = " " if place else ""
        if word.confidence >= UNSURE_BELOW:
            waiting.append(space + word.text)
            continue
        if before := "".join(waiting) + space:
            yield Piece(text=before, sureness=None)
        waiting = []
        yield Piece(text=word.text, sureness=word.confidence)
    if waiting:
        yield Piece(text="".join(waiting), sureness=None)


def _places(segment: Segment) -> Iterator[str]:
    for word in segment.words:
        start = max(0, round((word.start_s - segment.start_s) * _CENTISECONDS))
        yield f"{start},{len(word.text.encode('utf-16-le')) // 2}"
