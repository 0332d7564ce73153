"""Speech to text by Whisper: starts the recogniser, feeds it, believes nothing it says, outlives it.

One recogniser for a worker, kept while there is work because loading a model is dear, and ended after a while without.
It does one recording at a time. The other end of the talk is `ingest.transcribe.hearing`; which files make a model is
`ingest.transcribe.models`.
"""

import asyncio
import contextlib
import json
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive.domain.transcripts import Doubt, Dropped, Segment, Transcript, Word
from archive.settings import Settings
from ingest.decoding import DecoderLostError, Decoders, Limits, Piece, UndecodableError
from ingest.transcribe import Heard, Recording, TranscribeError, UnheardError
from ingest.transcribe.models import Model, find_model
from ingest.transcribe.talk import LENGTH, MAX_ANSWER_BYTES, MESSAGE, PIECE

IDLE_S: Final = 120.0
"""A recogniser that had nothing to do for so long is ended, so that its memory is free for others."""

LOAD_S: Final = 600.0
"""So long loading a model may take, fetching it once included."""

_PATIENCE_S: Final = 5.0
LEAST_S: Final = 120.0
"""So long every recording may take, before its length counts."""

_LIMIT: Final = 1_048_576


class _Said(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Second = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False, strict=False)]
_Text = Annotated[str, Field(max_length=20_000)]


class _Word(_Said):
    start_s: _Second
    end_s: _Second
    text: _Text
    confidence: Annotated[float, Field(ge=0, le=1, strict=False)]


class _Segment(_Said):
    start_s: _Second
    end_s: _Second
    speaker: Annotated[str, Field(max_length=32)]
    text: _Text
    words: list[_Word]
    doubts: list[Annotated[Doubt, Field(strict=False)]]

    def value(self) -> Segment:
        words = tuple(Word(**word.model_dump()) for word in self.words)
        return Segment(**{**self.model_dump(), "words": words, "doubts": tuple(self.doubts)})


class _Dropped(_Said):
    start_s: _Second
    end_s: _Second
    speaker: Annotated[str, Field(max_length=32)]
    doubt: Annotated[Doubt, Field(strict=False)]


class Answer(_Said):
    """What a recogniser said of a recording, checked."""

    language: Annotated[str, Field(pattern=r"^[a-z]{0,3}$")]
    duration_s: _Second
    audio_s: _Second
    took_s: _Second
    segments: list[_Segment]
    dropped: list[_Dropped]


class _Failed(_Said):
    failed: Literal["memory", "no-model"]


class _Ready(_Said):
    ready: Literal["cpu", "cuda"]


@dataclass(slots=True, kw_only=True)
class _Recogniser:
    """The process and the talk with it."""

    process: Process
    said: asyncio.StreamReader
    told: asyncio.StreamWriter

    def tell(self, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.told.write(LENGTH.pack(len(data)) + data)

    async def next(self) -> bytes | None:
        """Its answer; None where it asks for sound.

        Raises:
            IncompleteReadError, ConnectionError: it is gone, or has said what makes no sense.

        """
        kind, length = MESSAGE.unpack(await self.said.readexactly(MESSAGE.size))
        if kind == b"N":
            return None
        if kind != b"F" or length > MAX_ANSWER_BYTES:
            raise ConnectionError
        return await self.said.readexactly(length)

    async def end(self) -> None:
        self.told.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class Whisper:
    """Transcribes recordings, one after another; `async with` it, and no process is left.

    `command` is what is started as recogniser; `yielding` lets everything else on the machine go before it.
    """

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str] = (sys.executable, "-I", "-m", "ingest.transcribe.hearing"),
        *,
        idle_s: float = IDLE_S,
        yielding: bool = True,
    ) -> None:
        self._settings = settings
        self._command = tuple(command)
        self._idle_s = idle_s
        self._yielding = yielding
        self._model = find_model(settings)
        self._decoders = Decoders()
        self._turn = asyncio.Lock()
        self._running: _Recogniser | None = None
        self._resting: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        """The model's name, as transcripts carry it."""
        return self._model.name

    @property
    def pid(self) -> int | None:
        """The recogniser's process, while one runs."""
        return None if self._running is None else self._running.process.pid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._rest(0)
        if self._resting is not None:
            self._resting.cancel()
            await asyncio.gather(self._resting, return_exceptions=True)
        await self._stop()
        await self._decoders.__aexit__()

    async def transcribe(self, recording: Recording) -> Heard:
        """Everything that is said in a recording. What `recording.read` raises is raised here.

        Raises:
            UnheardError: the recording is to blame.
            TranscribeError: something else is, and it may be tried again.

        """
        async with self._turn:
            if self._resting is not None:
                self._resting.cancel()
            try:
                answer = await self._transcribe(recording)
            except BaseException:
                await self._stop()  # it may still be at work on what nobody waits for
                raise
            self._rest(self._idle_s)
        return _heard(answer, self.model)

    async def _transcribe(self, recording: Recording) -> Answer:
        recogniser = self._running or await self._start()
        self._running = recogniser
        settings = self._settings
        limits = Limits(memory_mb=settings.derive_memory_mb, timeout_s=settings.derive_timeout_s)
        wait_s = LEAST_S + settings.speech_patience * recording.duration_s * max(1, recording.channels)
        try:
            async with (
                asyncio.timeout(wait_s),
                self._decoders.sound(
                    recording.read, size_bytes=recording.size_bytes, media_type=recording.media_type, limits=limits
                ) as sound,
            ):
                said = await _converse(recogniser, recording, sound)
        except TimeoutError:
            raise TranscribeError("time") from None
        except UndecodableError:
            raise UnheardError("undecodable") from None
        except DecoderLostError:
            raise TranscribeError("decoder-lost") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise TranscribeError(await self._autopsy(recogniser)) from None
        return _judge(said)

    async def _start(self) -> _Recogniser:
        """A recogniser that has loaded its model and waits for a job."""
        model = await asyncio.to_thread(self._model.ready)
        talk, its_talk = socket.socketpair()
        with its_talk:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=its_talk.fileno(),
                stdout=its_talk.fileno(),
                stderr=DEVNULL,
                env=_environment(self._model, self._settings.data),
            )
        said, told = await asyncio.open_unix_connection(sock=talk, limit=_LIMIT)
        recogniser = _Recogniser(process=process, said=said, told=told)
        try:
            recogniser.tell(
                {
                    "model": model,
                    "fetch": self._model.fetched,
                    "cache": str(self._settings.data.resolve() / "models"),
                    "threads": self._settings.speech_threads or len(os.sched_getaffinity(0)),
                    "memory_mb": self._settings.speech_memory_mb,
                    "yielding": self._yielding,
                }
            )
            async with asyncio.timeout(LOAD_S):
                answer = await recogniser.next()
            _must_be_ready(answer)
        except BaseException as error:
            await recogniser.end()
            if isinstance(error, TimeoutError | asyncio.IncompleteReadError | ConnectionError):
                raise TranscribeError("no-model") from None
            raise
        return recogniser

    async def _autopsy(self, recogniser: _Recogniser) -> str:
        """Why it ended without an answer, as a code."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await recogniser.process.wait()
        except TimeoutError:
            return "nonsense"
        return "killed"

    def _rest(self, after_s: float) -> None:
        async def rest() -> None:
            await asyncio.sleep(after_s)
            async with self._turn:
                await self._stop()

        if self._resting is not None:
            self._resting.cancel()
        self._resting = asyncio.create_task(rest())

    async def _stop(self) -> None:
        if self._running is not None:
            recogniser, self._running = self._running, None
            await recogniser.end()


async def _converse(recogniser: _Recogniser, recording: Recording, sound: AsyncIterator[Piece]) -> bytes:
    """Give the recogniser the sound that it asks for until it has its answer."""
    recogniser.tell(
        {
            "roles": list(recording.roles),
            "language": recording.language,
            "vocabulary": list(recording.vocabulary),
        }
    )
    while (said := await recogniser.next()) is None:
        piece = await anext(sound, None)
        channels, data = (0, b"") if piece is None else (piece.channels, piece.data)
        recogniser.told.write(PIECE.pack(channels, len(data)) + data)
        await recogniser.told.drain()
    return said


def _environment(model: Model, data: Path) -> dict[str, str]:
    """What the recogniser is told of its surroundings: nothing of ours, and no way out unless a model is fetched."""
    environment = {
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        "OMP_WAIT_POLICY": "PASSIVE",  # two workers on the same processors wait for one another without spinning
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if not model.fetched:
        return environment | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    passed_on = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "HF_ENDPOINT")
    way_out = {name: os.environ[name] for name in passed_on if name in os.environ}
    return environment | way_out | {"HF_HOME": str(data.resolve() / "models")}


def _must_be_ready(said: bytes | None) -> None:
    with contextlib.suppress(ValidationError):
        _Ready.model_validate_json(said or b"")
        return
    _judge(said or b"")
    raise TranscribeError("nonsense")


def _judge(said: bytes) -> Answer:
    with contextlib.suppress(ValidationError):
        raise TranscribeError(_Failed.model_validate_json(said).failed)
    try:
        return Answer.model_validate_json(said)
    except ValidationError:
        raise TranscribeError("nonsense") from None


def _heard(answer: Answer, model: str) -> Heard:
    transcript = Transcript(
        language=answer.language,
        model=model,
        duration_s=answer.duration_s,
        segments=tuple(segment.value() for segment in answer.segments),
        dropped=tuple(Dropped(**one.model_dump()) for one in answer.dropped),
    )
    return Heard(transcript=transcript, audio_s=answer.audio_s, took_s=answer.took_s)
