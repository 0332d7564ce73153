"""From recognised words to the segments of a transcript, without what was invented. Pure.

A model writes text for whatever it is given. What it is given is speech only (`ingest.transcribe.listening`); what it
makes of it is judged here: words where nobody speaks, the same words over and over, phrases out of subtitles. They are
left out and marked; what is merely doubtful stays and is marked.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archive.domain.transcripts import Doubt, Dropped, Segment, Word
from ingest.transcribe.phantoms import is_phantom

PAUSE_S: Final = 0.8
"""A speaker who is silent for so long begins a new segment."""

MAX_SEGMENT_S: Final = 15.0
MAX_WORDS: Final = 40
LOW_CONFIDENCE: Final = 0.45
"""Mean confidence of a segment's words below which it is marked."""

NO_SPEECH: Final = 0.6
NO_SPEECH_LOG_PROBABILITY: Final = -1.0
"""As Whisper's own decoder does (A. Radford et al. 2022, section 4.5): silence if both say so."""

FAINT: Final = 0.3
FAINT_S: Final = 1.0
"""So little speech at so little confidence is a click or a cough that was given words."""

MAX_COMPRESSION: Final = 2.4
"""Text that deflates better than this says the same over and over (the same paper)."""

_COMPRESSION_CHARS: Final = 60
_LOOP_TIMES: Final = ((1, 8), (2, 5), (3, 4), (4, 4), (8, 3))
"""Words in the phrase, up to, and how often it must come in a row to be a loop: "joo joo joo" is how people talk."""

_ENDS: Final = (".", "?", "!", "…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What a model made of one piece of speech of one speaker, half a minute at the most.

    `speech_s` is how much speech there was; the logarithm of the probability is the mean over tokens.
    """

    speaker: str
    start_s: float
    end_s: float
    speech_s: float
    words: tuple[Word, ...]
    log_probability: float
    no_speech: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What stays of some passages, and where something was left out; both in order of their start."""

    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...]


def judge(passages: Iterable[Passage]) -> Judged:
    """The segments of a recording from all its passages."""
    segments: list[Segment] = []
    dropped: list[Dropped] = []
    for passage in passages:
        for one in _judged(passage):
            (segments if isinstance(one, Segment) else dropped).append(one)  # type: ignore[arg-type]
    return Judged(
        segments=tuple(sorted(segments, key=lambda one: (one.start_s, one.speaker))),
        dropped=tuple(sorted(dropped, key=lambda one: (one.start_s, one.speaker))),
    )


def _judged(passage: Passage) -> Iterator[Segment | Dropped]:
    if not any(_letters(word.text) for word in passage.words):
        return
    if _is_silence(passage):
        yield _drop(passage, passage.words, Doubt.SILENCE)
        return
    kept, loops = without_loops(passage.words)
    for loop in loops:
        yield _drop(passage, loop, Doubt.LOOP)
    if compression(_text(kept)) > MAX_COMPRESSION:
        yield _drop(passage, kept, Doubt.LOOP)
        return
    for words in sentences(kept):
        text = _text(words)
        if is_phantom(text):
            yield _drop(passage, words, Doubt.PHANTOM)
        elif _letters(text):
            yield _segment(passage, words, text)


def _is_silence(passage: Passage) -> bool:
    unlikely = passage.log_probability < NO_SPEECH_LOG_PROBABILITY
    faint = passage.speech_s < FAINT_S and _confidence(passage.words) < FAINT
    return (passage.no_speech > NO_SPEECH and unlikely) or faint


def _segment(passage: Passage, words: Sequence[Word], text: str) -> Segment:
    low = _confidence(words) < LOW_CONFIDENCE
    return Segment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        speaker=passage.speaker,
        text=text,
        words=tuple(words),
        doubts=(Doubt.LOW_CONFIDENCE,) if low else (),
    )


def _drop(passage: Passage, words: Sequence[Word], doubt: Doubt) -> Dropped:
    return Dropped(start_s=words[0].start_s, end_s=words[-1].end_s, speaker=passage.speaker, doubt=doubt)


def sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words in runs that end with a full stop, before a pause, or when they grow too long."""
    run: list[Word] = []
    for word in words:
        if run and (
            word.start_s - run[-1].end_s > PAUSE_S
            or word.end_s - run[0].start_s > MAX_SEGMENT_S
            or len(run) >= MAX_WORDS
        ):
            yield run
            run = []
        run.append(word)
        if word.text.endswith(_ENDS) and not word.text[:-1].isdigit():
            yield run
            run = []
    if run:
        yield run


def without_loops(words: Sequence[Word]) -> tuple[list[Word], list[list[Word]]]:
    """The words without those that only repeat the same phrase, and each such run of them.

    A phrase that comes so often in a row was not said: nothing of the run is kept, the first time neither.
    """
    kept: list[Word] = []
    loops: list[list[Word]] = []
    plain = [_plain(word.text) for word in words]
    at = 0
    while at < len(words):
        length = _loop(plain, at)
        if length:
            loops.append(list(words[at : at + length]))
        else:
            kept.append(words[at])
        at += length or 1
    return kept, loops


def _loop(plain: Sequence[str], at: int) -> int:
    """How many words from here on only repeat a phrase; 0 where none does."""
    for size in range(1, _LOOP_TIMES[-1][0] + 1):
        needed = next(times for up_to, times in _LOOP_TIMES if size <= up_to)
        times = 1
        while plain[at : at + size] == plain[at + times * size : at + (times + 1) * size]:
            times += 1
        if times >= needed and any(plain[at : at + size]):
            return times * size
    return 0


def compression(text: str) -> float:
    """How many times shorter deflating makes a text; 0 for one too short to tell."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if len(data) > _COMPRESSION_CHARS else 0.0


def _confidence(words: Sequence[Word]) -> float:
    return sum(word.confidence for word in words) / len(words)


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _letters(text: str) -> bool:
    return any(char.isalnum() for char in text)
