"""Speech to text: the port that recognisers are behind. What asks for a transcript is `ingest.speech`.

Two adapters ship: `ingest.transcribe.whisper` and, where the operator wants no speech recognised,
`ingest.transcribe.off`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from archive.domain.transcripts import Transcript
from archive.errors import ServiceError
from ingest.media import MediaType

Read = Callable[[int, int], Awaitable[bytes]]
"""Gives the plain bytes from an offset up to but not including another."""


class TranscribeError(ServiceError):
    """The recording could not be transcribed."""

    code = "speech-failed"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(WHY[why])


WHY: Final = {
    "decoder-lost": "The decoder was ended from outside.",
    "killed": "The recogniser was ended from outside, or crashed.",
    "memory": "Recognising needed more memory than it may have.",
    "no-model": "The speech model cannot be loaded.",
    "nonsense": "The recogniser gave an answer that makes no sense.",
    "speech-off": "This installation recognises no speech.",
    "time": "Recognising took longer than it may.",
    "undecodable": "The recording cannot be decoded.",
}
"""Why a recording was not transcribed, by the code that its contact then carries."""


class UnheardError(TranscribeError):
    """The recording is to blame: trying again will end the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is to be transcribed: `read` gives its `size_bytes` plain bytes.

    `roles` says who speaks on each channel, as far as that is known; `language` is an ISO 639-1 code, None where it is
    to be found out; `vocabulary` are words that the company's calls are likely to hold.
    """

    read: Read
    size_bytes: int
    media_type: MediaType
    duration_s: float
    channels: int = 1
    roles: Sequence[str] = ()
    language: str | None = None
    vocabulary: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A transcript and what it cost: seconds of speech over all channels, and seconds that it took."""

    transcript: Transcript
    audio_s: float
    took_s: float


class Transcriber(Protocol):
    """Recognises speech. `model` names what does it, None where nothing does."""

    @property
    def model(self) -> str | None: ...  # noqa: D102 - see the class

    async def transcribe(self, recording: Recording) -> Heard:
        """Everything that is said in a recording; a transcript without segments where nobody speaks.

        Raises:
            UnheardError: the recording is to blame.
            TranscribeError: something else is, and it may be tried again.

        """
        ...
