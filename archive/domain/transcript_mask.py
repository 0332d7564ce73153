"""A transcript without its secrets: identity codes, card and account numbers go from the text and from the words.

What is a secret is `archive.domain.sensitive`. Here its findings are laid over the words, so that no digit of one is
left in a word with its time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from archive.domain.sensitive import Piece, mask
from archive.domain.transcripts import Segment, Transcript, Word


def without_secrets(transcript: Transcript) -> Transcript:
    """The transcript with a mark for each secret; the words of a segment, where there are any, make its text."""
    segments = transcript.segments
    texts = [text_of(segment) for segment in segments]
    found = mask(texts, speakers=[segment.speaker for segment in segments]).found
    pieces: dict[int, list[Piece]] = {}
    for piece in (piece for one in found for piece in one.pieces):
        pieces.setdefault(piece.index, []).append(piece)
    return replace(
        transcript,
        segments=tuple(_masked(segment, pieces.get(place, [])) for place, segment in enumerate(segments)),
    )


def text_of(segment: Segment) -> str:
    """The text that is judged and shown: the words with spaces between, so that each word's place in it is known."""
    return " ".join(word.text for word in segment.words) if segment.words else segment.text


def _masked(segment: Segment, pieces: Sequence[Piece]) -> Segment:
    spans = sorted(pieces, key=lambda piece: piece.start)
    if not segment.words:
        text = segment.text
        return replace(segment, text=_without(text, 0, len(text), spans)) if spans else segment
    words = tuple(_masked_words(segment.words, spans)) if spans else segment.words
    return replace(segment, text=" ".join(word.text for word in words), words=words)


def _masked_words(words: Iterable[Word], spans: Sequence[Piece]) -> Iterable[Word]:
    """The words with marks in place of secrets; a word that was nothing but the rest of one is left out."""
    at = 0
    for word in words:
        end = at + len(word.text)
        text = _without(word.text, at, end, spans)
        if text:
            yield replace(word, text=text)
        at = end + 1


def _without(text: str, at: int, end: int, spans: Sequence[Piece]) -> str:
    """What stays of the text that lies from `at` to `end`: a span's mark stands where the span begins."""
    kept, here = [], at
    for span in spans:
        if span.end <= here or span.start >= end:
            continue
        kept.append(text[here - at : max(here, span.start) - at])
        if span.start >= at:
            kept.append(span.mark)
        here = min(end, span.end)
    kept.append(text[here - at :])
    return "".join(kept)
