"""The recogniser: a process that loads a model once and then turns sound into words, job after job.

`python -I -m ingest.transcribe.hearing` is started by `ingest.transcribe.whisper` and ends with it. It is given no
environment of ours, and once its model is loaded it gives away what it will not need: memory beyond a bound, core
dumps, writing and opening of files, and with that every new socket. It never meets a file from outside: what it hears
was decoded by a child of `ingest.decoder`. It may be killed at any time; nothing is lost but the work of its job.

What the sides say to one another is `ingest.transcribe.talk`.
"""

import json
import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES as LANGUAGES
from faster_whisper.vad import VadOptions, get_speech_timestamps

from archive.domain.transcripts import Word
from ingest.sound import RATE_HZ
from ingest.transcribe.listening import CHUNK_S, Chunk, Listener, Sound
from ingest.transcribe.segments import Passage, judge, without_loops
from ingest.transcribe.talk import LENGTH, MAX_JOB_BYTES, MESSAGE, PIECE

FOUND_OUT: Final = ("fi", "sv", "en")
"""The languages between which is decided where nobody says which it is."""

_BATCH: Final = {"cpu": 4, "cuda": 24}  # eight on a processor are no faster and take 600 MiB more
_JUDGED_CHUNKS: Final = 2
_NO_LOOPS: Final = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.1}
_VOCABULARY_CHARS: Final = 500
# Silero gives voices in a telephone's band, synthetic ones above all, 0.3 where it gives a studio's 0.9; tones, noise
# and music stay below 0.1. docs/decisions/073-speech-by-windows.md has the figures.
_VAD: Final = VadOptions(
    threshold=0.25, neg_threshold=0.1, max_speech_duration_s=CHUNK_S, min_silence_duration_ms=160, speech_pad_ms=400
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How to work: a directory or a name that may be fetched, threads, MiB of memory on top of what the model takes.

    `yielding` lets everything else on the machine go first.
    """

    model: str
    fetch: bool
    cache: str
    threads: int
    memory_mb: int
    yielding: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is said of a recording; `roles` are those who speak on each channel, as far as they are known."""

    roles: Sequence[str]
    language: str | None
    vocabulary: Sequence[str]


class Recogniser:
    """A loaded model."""

    def __init__(self, setup: Setup) -> None:
        self.device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self._model = WhisperModel(
            setup.model,
            device=self.device,
            compute_type="float16" if self.device == "cuda" else "int8",
            cpu_threads=setup.threads,
            download_root=setup.cache,
            local_files_only=not setup.fetch,
        )
        self._pipeline = BatchedInferencePipeline(self._model)

    def hear(self, job: Job, sound: Iterator[tuple[int, bytes]]) -> dict[str, Any]:
        """What is said in a recording, judged, and how much speech there was."""
        hearing = _Hearing(self._model, self._pipeline, _BATCH[self.device], job)
        listener: Listener | None = None
        for channels, data in sound:
            listener = listener or Listener(channels, find_speech)
            hearing.take(listener.add(data))
        if listener is not None:
            hearing.take(listener.finish())
        passages = hearing.finish()
        judged = judge(passages)
        return {
            "language": hearing.language or "",
            "duration_s": 0.0 if listener is None else round(listener.samples / RATE_HZ, 3),
            "audio_s": 0.0 if listener is None else round(listener.speech / RATE_HZ, 3),
            "segments": [asdict(one) for one in judged.segments],
            "dropped": [asdict(one) for one in judged.dropped],
        }


class _Hearing:
    """One recording: chunks are gathered into batches, because a model takes many hardly slower than one."""

    def __init__(self, model: WhisperModel, pipeline: BatchedInferencePipeline, batch: int, job: Job) -> None:
        self.language = _known(job.language, model)
        self._model = model
        self._pipeline = pipeline
        self._batch = batch
        self._job = job
        self._vocabulary = _hot_words(job.vocabulary)
        self._waiting: list[Chunk] = []
        self._passages: list[Passage] = []

    def take(self, chunks: Iterator[Chunk]) -> None:
        for chunk in chunks:
            self._waiting.append(chunk)
            if len(self._waiting) >= self._batch:
                self._recognise()

    def finish(self) -> list[Passage]:
        if self._waiting:
            self._recognise()
        return self._passages

    def _recognise(self) -> None:
        chunks, self._waiting = self._waiting, []
        self.language = self.language or self._find_out(chunks)
        for chunk, passage in self._heard(chunks):
            if without_loops(passage.words)[1]:
                # Once more, forbidden to repeat itself; the other chunks of the batch are fine as they are.
                self._passages += [again for _, again in self._heard([chunk], **_NO_LOOPS)]
            else:
                self._passages.append(passage)

    def _heard(self, chunks: Sequence[Chunk], **options: float) -> list[tuple[Chunk, Passage]]:
        ends = np.cumsum([chunk.length for chunk in chunks]).tolist()
        starts = [0, *ends[:-1]]
        clips = [{"start": start / RATE_HZ, "end": end / RATE_HZ} for start, end in zip(starts, ends, strict=True)]
        segments, _ = self._pipeline.transcribe(
            np.concatenate([chunk.sound for chunk in chunks]),
            language=self.language,
            clip_timestamps=clips,
            vad_filter=False,
            batch_size=self._batch,
            word_timestamps=True,
            hotwords=self._vocabulary,
            **options,
        )
        heard = []
        frames = [int(clip["start"] * 100) for clip in clips]
        for segment in segments:  # one a chunk; an empty one is left out
            number = max(0, int(np.searchsorted(frames, segment.seek + 1, "right")) - 1)
            heard.append((chunks[number], self._passage(chunks[number], starts[number] / RATE_HZ, segment)))
        return heard

    def _passage(self, chunk: Chunk, begin_s: float, segment: Any) -> Passage:
        words = tuple(_word(chunk, begin_s, word) for word in segment.words or () if word.word.strip())
        roles = self._job.roles
        start_s, end_s = chunk.times(0, 0)[0], chunk.times(chunk.length / RATE_HZ, chunk.length / RATE_HZ)[1]
        return Passage(
            speaker="" if chunk.mixed or chunk.channel >= len(roles) else roles[chunk.channel],
            start_s=start_s,
            end_s=end_s,
            speech_s=chunk.length / RATE_HZ,
            words=words,
            log_probability=segment.avg_logprob,
            no_speech=segment.no_speech_prob,
        )

    def _find_out(self, chunks: Sequence[Chunk]) -> str:
        """The language of those in FOUND_OUT that the longest chunks sound like most."""
        if not self._model.model.is_multilingual:
            return "en"
        longest = sorted(chunks, key=lambda chunk: -chunk.length)[:_JUDGED_CHUNKS]
        scores = dict.fromkeys(FOUND_OUT, 0.0)
        for chunk in longest:
            features = self._model.feature_extractor(chunk.sound)[..., :-1]
            _, _, every = self._model.detect_language(features=features)
            for language, probability in every:
                if language in scores:
                    scores[language] += probability * chunk.length
        return max(FOUND_OUT, key=lambda language: scores[language])


def _known(language: str | None, model: WhisperModel) -> str | None:
    """A hint, if the model knows that language."""
    if not model.model.is_multilingual:
        return "en"
    code = (language or "").partition("-")[0].lower()
    return code if code in LANGUAGES else None


def _word(chunk: Chunk, begin_s: float, word: Any) -> Word:
    start_s, end_s = chunk.times(word.start - begin_s, word.end - begin_s)
    confidence = round(float(min(1.0, max(0.0, word.probability))), 3)
    return Word(start_s=start_s, end_s=end_s, text=word.word.strip(), confidence=confidence)


def _hot_words(vocabulary: Sequence[str]) -> str | None:
    """As many of the words as leave the model place to write its own."""
    told = ""
    for word in vocabulary:
        if len(told) + len(word) > _VOCABULARY_CHARS:
            break
        told += f", {word}" if told else word
    return told or None


def find_speech(sound: Sound) -> list[tuple[int, int]]:
    """The spans of a sound that Silero takes for speech, padded."""
    return [(span["start"], span["end"]) for span in get_speech_timestamps(sound, _VAD)]


# ------------------------------------------------------------------- the process


def _read(length: int) -> bytes:
    """Exactly this many bytes from the worker; when it is gone, so are we."""
    pieces = bytearray()
    while len(pieces) < length:
        piece = os.read(0, length - len(pieces))
        if not piece:
            os._exit(0)
        pieces += piece
    return bytes(pieces)


def _read_json() -> dict[str, Any]:
    (length,) = LENGTH.unpack(_read(LENGTH.size))
    if length > MAX_JOB_BYTES:
        os._exit(3)
    read: dict[str, Any] = json.loads(_read(length))
    return read


def _answer(said: dict[str, Any]) -> None:
    data = json.dumps(said, separators=(",", ":")).encode()
    _write(MESSAGE.pack(b"F", len(data)) + data)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _asked() -> Iterator[tuple[int, bytes]]:
    """The sound of the job's recording, asked for piece by piece."""
    while True:
        _write(MESSAGE.pack(b"N", 0))
        channels, length = PIECE.unpack(_read(PIECE.size))
        if not length:
            return
        yield channels, _read(length)


def _rehearse(recogniser: Recogniser) -> None:
    """Hear half a minute of our own, so that everything that is loaded when first needed has been: later, it cannot."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    buzz = (np.sin(2 * np.pi * 130 * t) * np.sin(2 * np.pi * 3 * t) * 8_000).astype("<i2")
    job = Job(roles=(), language=None, vocabulary=("a",))
    recogniser.hear(job, iter([(1, buzz.tobytes())]))
    hearing = _Hearing(recogniser._model, recogniser._pipeline, 1, job)  # noqa: SLF001 - one module, one thing
    chunk = Chunk(channel=0, mixed=True)
    chunk.add(buzz.astype(np.float32) / np.float32(32_768), 0)
    hearing.take(iter([chunk]))
    hearing.finish()


def confine(memory_mb: int) -> None:
    """Give away, for good, what recognising does not need. `memory_mb` is on top of what the loaded model takes."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    held_kb = next(int(line.split()[1]) for line in status if line.startswith("VmData:"))
    limit = held_kb * 1024 + memory_mb * 1_048_576
    for what, bound in (
        (resource.RLIMIT_DATA, limit),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (bound, bound))


def main() -> None:
    """Load, rehearse, give away what is not needed, and hear until the worker is gone."""
    setup = Setup(**_read_json())
    if setup.yielding:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # whoever pushes or listens goes first
    try:
        recogniser = Recogniser(setup)
        _rehearse(recogniser)
    except MemoryError:
        _answer({"failed": "memory"})
        return
    except (OSError, RuntimeError, ValueError):  # what ctranslate2 and the hub raise for a model that is not there
        _answer({"failed": "no-model"})
        return
    if recogniser.device == "cpu":  # a GPU's driver maps and opens as it goes
        confine(setup.memory_mb)
    _answer({"ready": recogniser.device})
    while True:
        job = Job(**_read_json())
        began = time.monotonic()
        try:
            said = recogniser.hear(job, _asked())
        except (MemoryError, RuntimeError):  # RuntimeError is also what ctranslate2 makes of memory that it did not get
            _answer({"failed": "memory"})
            return
        _answer(said | {"took_s": round(time.monotonic() - began, 3)})


if __name__ == "__main__":
    main()
