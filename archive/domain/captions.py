"""A transcript as people and players read it: plain text, and WebVTT captions (W3C, WebVTT: The Web Video Text Tracks).

Pure. What must not be shown has been taken out before (`archive.domain.transcript_mask`); words of a language come in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archive.domain.transcripts import Doubt, Dropped, Segment, Transcript

_HOUR_S = 3600
_MINUTE_S = 60
_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What is said around the words: speakers by role, why something was left out, and the mark of an unsure piece."""

    speakers: Mapping[str, str]
    left_out: Mapping[Doubt, str]
    unsure: str

    def speaker(self, role: str) -> str:
        """The name of a role; a role that nobody named stands for itself."""
        return self.speakers.get(role, role)


def as_text(transcript: Transcript, wording: Wording) -> str:
    """One line a segment: time, speaker, words. What was left out has a line in brackets."""
    lines = []
    for piece in in_order(transcript):
        at = clock(piece.start_s)
        if isinstance(piece, Dropped):
            lines.append(f"{at}  [{wording.left_out[piece.doubt]}]")
            continue
        mark = f" ({wording.unsure})" if piece.doubts else ""
        lines.append(f"{at}  {wording.speaker(piece.speaker)}: {' '.join(piece.text.split())}{mark}")
    return "".join(f"{line}\n" for line in lines)


def as_webvtt(transcript: Transcript, wording: Wording) -> str:
    """A cue a segment with its speaker as a voice span; what was left out is told in comments."""
    blocks = ["WEBVTT"]
    for number, piece in enumerate(in_order(transcript), start=1):
        times = f"{stamp(piece.start_s)} --> {stamp(max(piece.end_s, piece.start_s + 1 / _MS))}"
        if isinstance(piece, Dropped):
            # A comment may not hold an arrow.
            blocks.append(f"NOTE {stamp(piece.start_s)}: {_escaped(wording.left_out[piece.doubt])}")
            continue
        voice = _escaped(wording.speaker(piece.speaker))
        words = _escaped(" ".join(piece.text.split()))
        blocks.append(f"{number}\n{times}\n<v {voice}>{words}</v>" if voice else f"{number}\n{times}\n{words}")
    return "\n\n".join(blocks) + "\n"


def in_order(transcript: Transcript) -> Iterator[Segment | Dropped]:
    """Segments and what was left out between them, by their start."""
    pieces: list[Segment | Dropped] = [*transcript.segments, *transcript.dropped]
    yield from sorted(pieces, key=lambda piece: piece.start_s)


def clock(seconds: float) -> str:
    """`h:mm:ss`, the same in every language."""
    whole = int(seconds)
    return f"{whole // _HOUR_S}:{whole // _MINUTE_S % _MINUTE_S:02}:{whole % _MINUTE_S:02}"


def stamp(seconds: float) -> str:
    """A WebVTT timestamp, `hh:mm:ss.ttt`."""
    ms = round(seconds * _MS)
    whole, rest = divmod(ms, _MS)
    return f"{whole // _HOUR_S:02}:{whole // _MINUTE_S % _MINUTE_S:02}:{whole % _MINUTE_S:02}.{rest:03}"


def _escaped(text: str) -> str:
    """Text for a cue or a voice: its three special characters written out; a voice holds no line break either."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
