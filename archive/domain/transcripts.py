"""What was said, as text with its times: words, segments and the transcript of one recording; and who wants one made.

Values and their JSON only. Making a transcript is `ingest.transcribe`, keeping it `archive.store.transcripts`, and what
must not be shown of it `archive.domain.sensitive`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from archive.errors import Damaged

TRANSCRIPT_MEDIA_TYPE = "application/json"
_VERSION = 1


class TextState(StrEnum):
    """How far the words of a contact have come on their way into the index."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    OFF = "off"


class Mode(StrEnum):
    """What is transcribed: everything at once, only what a person asks for, or nothing."""

    ALL = "all"
    ON_DEMAND = "on-demand"
    OFF = "off"


class Doubt(StrEnum):
    """Why a piece of recognised speech was marked or left out."""

    LOW_CONFIDENCE = "low-confidence"  # kept, and marked
    LOOP = "loop"  # the same words over and over
    PHANTOM = "phantom"  # a phrase that models are known to invent
    SILENCE = "silence"  # words where nobody speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRule:
    """What is transcribed of a company, queue and category; None is any. The most specific rule that fits decides."""

    mode: Mode
    company: str | None = None
    queue: str | None = None
    category: str | None = None

    @property
    def contacts(self) -> tuple[str | None, str | None, str | None]:
        """Which contacts it is for: company, queue and category."""
        return self.company, self.queue, self.category

    def fits(self, company: str, queue: str | None, category: str | None) -> bool:
        """Whether the rule speaks of such a contact."""
        asked = zip(self.contacts, (company, queue, category), strict=True)
        return all(wanted is None or wanted == value for wanted, value in asked)


def mode_of(rules: Iterable[SpeechRule], *, company: str, queue: str | None, category: str | None) -> Mode:
    """The mode of the most specific rule that fits; everything is transcribed where none does.

    Category counts for more than queue, and queue for more than company, as with retention policies.
    """
    fitting = [rule for rule in rules if rule.fits(company, queue, category)]
    best = max(
        fitting, key=lambda r: (r.category is not None, r.queue is not None, r.company is not None), default=None
    )
    return Mode.ALL if best is None else best.mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word as it was heard, with the model's confidence from 0 to 1; `text` has no spaces around it."""

    start_s: float
    end_s: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some words of one speaker in a row; `speaker` is a role (agent, customer, third_party) or empty if unknown."""

    start_s: float
    end_s: float
    speaker: str
    text: str
    words: tuple[Word, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Where recognised text was left out, and why; the text itself is not kept."""

    start_s: float
    end_s: float
    speaker: str
    doubt: Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The speech of one recording as text; `language` is an ISO 639-1 code, segments are in order of their start."""

    language: str
    model: str
    duration_s: float
    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...] = ()


def to_json(transcript: Transcript) -> bytes:
    """The bytes of the part `transcript`."""
    document = {"version": _VERSION, **asdict(transcript)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Transcript:
    """Read what `to_json` wrote.

    Raises:
        Damaged: it is something else.

    """
    try:
        read = json.loads(data)
        return Transcript(
            language=read["language"],
            model=read["model"],
            duration_s=read["duration_s"],
            segments=tuple(_segment(one) for one in read["segments"]),
            dropped=tuple(Dropped(**one | {"doubt": Doubt(one["doubt"])}) for one in read["dropped"]),
        )
    except (ValueError, KeyError, TypeError):
        raise Damaged from None


def _segment(read: Mapping[str, Any]) -> Segment:
    words = tuple(Word(**word) for word in read["words"])
    doubts = tuple(Doubt(doubt) for doubt in read["doubts"])
    return Segment(**{**read, "words": words, "doubts": doubts})
