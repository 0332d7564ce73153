"""Where in a recording somebody speaks: sound in, pieces of speech of half a minute out, one channel each.

Runs in the recogniser's process, window by window, so that memory does not grow with the call. Silero (it comes with
faster-whisper) says what is speech; only that reaches the model, which would otherwise write words for music and for
silence. Recognising is `ingest.transcribe.hearing`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.sound import RATE_HZ

Sound = NDArray[np.float32]
"""One channel's samples of full scale 1.0."""

FindSpeech = Callable[[Sound], list[tuple[int, int]]]
"""From a sound the spans of it that are speech, in samples and in order."""

WINDOW_S: Final = 60
CHUNK_S: Final = 30
"""What Whisper hears at once."""

SAME: Final = 0.1
"""Channels that differ by less than this share of their loudness carry the same sound."""

_QUIET: Final = 10 ** (-55 / 20)
"""A peak below this, of full scale, is no speech; most of a two-channel call is passed over by it."""

_HOLD: Final = RATE_HZ // 2
_FULL_SCALE: Final = np.float32(1 / 32_768)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a part of a chunk lies: from which sample of the chunk on, from which of the recording on."""

    in_chunk: int
    in_recording: int


@dataclass(slots=True, kw_only=True)
class Chunk:
    """Some speech of one channel, CHUNK_S at most; pauses are cut out, and `stretches` tell where it was."""

    channel: int
    mixed: bool
    sounds: list[Sound] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    length: int = 0

    @property
    def sound(self) -> Sound:
        """All of it."""
        return np.concatenate(self.sounds)

    def fits(self, sound: Sound) -> bool:
        """Whether there is place for more."""
        return self.length + len(sound) <= CHUNK_S * RATE_HZ

    def add(self, sound: Sound, at: int) -> None:
        """Append what lies in the recording from the sample `at` on."""
        self.stretches.append(Stretch(self.length, at))
        self.sounds.append(sound)
        self.length += len(sound)

    def times(self, start_s: float, end_s: float) -> tuple[float, float]:
        """When in the recording something is that lies so in the chunk, both ends in the same stretch."""
        middle = (start_s + end_s) / 2 * RATE_HZ
        number = max(n for n, one in enumerate(self.stretches) if n == 0 or one.in_chunk <= middle)
        stretch = self.stretches[number]
        last = self.stretches[number + 1].in_chunk if number + 1 < len(self.stretches) else self.length
        low, high = stretch.in_chunk / RATE_HZ, last / RATE_HZ
        shift = (stretch.in_recording - stretch.in_chunk) / RATE_HZ
        start, end = (min(max(at, low), high) + shift for at in (start_s, end_s))
        return round(start, 2), round(max(start, end), 2)


class Listener:
    """Takes 16-bit sound of a recording piece by piece and gives the speech in it as chunks."""

    def __init__(self, channels: int, find: FindSpeech) -> None:
        self.samples = 0
        self.speech = 0
        self._pending: list[NDArray[np.int16]] = []
        self._pending_samples = 0
        self._channels = channels
        self._ears = [_Ear(n, find) for n in range(channels)]

    def add(self, data: bytes) -> Iterator[Chunk]:
        """Take some sound, the channels in turn."""
        piece = np.frombuffer(data, "<i2").reshape(-1, self._channels)
        self._pending.append(piece)
        self._pending_samples += len(piece)
        if self._pending_samples >= WINDOW_S * RATE_HZ:
            yield from self._listen(last=False)

    def finish(self) -> Iterator[Chunk]:
        """What is left when there is no more sound."""
        yield from self._listen(last=True)

    def _listen(self, *, last: bool) -> Iterator[Chunk]:
        window = np.concatenate(self._pending) if self._pending else np.empty((0, self._channels), np.int16)
        self._pending, self._pending_samples = [], 0
        self.samples += len(window)
        mixed = self._channels == 1 or is_one_sound(window)
        for ear in self._ears:
            if ear.channel and mixed:
                yield from ear.pass_over(len(window))
            else:
                yield from ear.hear(window[:, ear.channel].astype(np.float32) * _FULL_SCALE, mixed=mixed)
            if last:
                yield from ear.finish()
        self.speech = sum(ear.speech for ear in self._ears)


def is_one_sound(window: NDArray[np.int16]) -> bool:
    """Whether every channel carries the same: a call of one channel that was written as several."""
    if not len(window):
        return False
    whole = window.astype(np.float32)
    loudness = np.sqrt(np.mean(np.square(whole[:, 0])))
    apart = np.sqrt(np.mean(np.square(whole - whole[:, :1]), axis=0)).max()
    return bool(loudness > 0 and apart < SAME * loudness)


class _Ear:
    """One channel: what of it is speech, over the borders of windows."""

    def __init__(self, channel: int, find: FindSpeech) -> None:
        self.channel = channel
        self.speech = 0
        self._find = find
        self._at = 0  # the sample of the recording with which `_held` begins
        self._held = np.empty(0, np.float32)
        self._mixed = False
        self._open: Chunk | None = None

    def hear(self, sound: Sound, *, mixed: bool) -> Iterator[Chunk]:
        """Take a window; speech that may go on is held back for the next."""
        whole = np.concatenate((self._held, sound))
        spans = self._speech(whole)
        held_from = max(0, len(whole) - _HOLD)
        if spans and spans[-1][1] >= held_from:
            start, end = spans[-1]
            if len(whole) - start < CHUNK_S * RATE_HZ:
                spans, held_from = spans[:-1], start
            else:
                held_from = end
        self._mixed = mixed
        yield from self._pack(whole, spans)
        self._held = whole[held_from:].copy()
        self._at += held_from

    def pass_over(self, samples: int) -> Iterator[Chunk]:
        """Count a window that another channel's ear hears; what was held back before it is speech all the same."""
        yield from self._pack(self._held, self._speech(self._held))
        self._at += len(self._held) + samples
        self._held = np.empty(0, np.float32)

    def finish(self) -> Iterator[Chunk]:
        """What was held back."""
        yield from self._pack(self._held, self._speech(self._held))
        if self._open is not None:
            yield self._open
            self._open = None

    def _speech(self, sound: Sound) -> list[tuple[int, int]]:
        if not len(sound) or float(np.abs(sound).max()) < _QUIET:
            return []
        return self._find(sound)

    def _pack(self, sound: Sound, spans: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        for start, end in spans:
            piece = sound[start : min(end, start + CHUNK_S * RATE_HZ)]
            self.speech += len(piece)
            if self._open is not None and (not self._open.fits(piece) or self._open.mixed is not self._mixed):
                yield self._open
                self._open = None
            if self._open is None:
                self._open = Chunk(channel=self.channel, mixed=self._mixed)
            self._open.add(piece.copy(), self._at + start)
