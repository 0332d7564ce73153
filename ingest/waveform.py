"""The shape of a recording, built while it is decoded: loudness for the picture, and where nobody speaks.

Pure arithmetic on arrays, run in the decoder's process. Memory is constant whatever the length: neighbouring buckets
are merged when there are too many, and so are the demands on a silence. Decoding is not here (`ingest.decoder`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.decoder_talk import FULL_SCALE, MAX_BUCKETS, MAX_SPANS

MIN_SILENCE_S: Final = 1.0
SILENCE_RMS: Final = 10 ** (-50 / 20)
"""Root mean square below which a window is silent: -50 dB of full scale, under speech and over a line's noise."""

_WINDOWS_A_SECOND: Final = 100
_BATCH_SAMPLES: Final = 65_536

Samples = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the player draws: `peaks[channel][bucket]` is 0 to FULL_SCALE, a bucket is `bucket_s` long.

    `silence` lists the spans of at least a second in which every channel is silent, `channel_silence` those of each;
    beyond MAX_SPANS only the longer ones.
    """

    bucket_s: float
    peaks: tuple[tuple[int, ...], ...]
    silence: tuple[Span, ...]
    channel_silence: tuple[tuple[Span, ...], ...]


class Waveform:
    """Takes samples of full scale 1.0, any number at a time, and yields their `Shape`."""

    def __init__(self, *, rate_hz: int, channels: int) -> None:
        self.samples = 0
        self._rate_hz = rate_hz
        self._window = max(1, round(rate_hz / _WINDOWS_A_SECOND))
        self._pending: list[Samples] = []
        self._pending_samples = 0
        self._peaks = _Peaks(channels)
        self._quiet = [_Quiet(self._window / rate_hz) for _ in range(channels)]
        self._all_quiet = _Quiet(self._window / rate_hz)

    @property
    def duration_s(self) -> float:
        """How much has been taken so far."""
        return self.samples / self._rate_hz

    def add(self, samples: Samples) -> None:
        """Take an array of channels x samples."""
        self._pending.append(samples)
        self._pending_samples += samples.shape[1]
        self.samples += samples.shape[1]
        if self._pending_samples >= _BATCH_SAMPLES:
            self._measure(self._whole_windows())

    def skip(self, seconds: float) -> None:
        """Pass over a gap in which nothing was recorded: it is silent. Cheap, however long."""
        self._measure(self._whole_windows())
        windows = int(seconds * self._rate_hz) // self._window
        self.samples += windows * self._window
        self._peaks.pass_over(windows)
        for quiet in (*self._quiet, self._all_quiet):
            quiet.add_run(windows)

    def finish(self) -> Shape:
        """The shape of everything taken; nothing may be added after it."""
        self._measure(self._whole_windows())
        if self._pending_samples:
            rest = np.concatenate(self._pending, axis=1)
            padding = np.zeros((rest.shape[0], self._window - rest.shape[1]), np.float32)
            self._measure(np.concatenate((rest, padding), axis=1))
        return Shape(
            bucket_s=self._peaks.windows_a_bucket * self._window / self._rate_hz,
            peaks=self._peaks.finish(),
            silence=self._all_quiet.finish(self.duration_s),
            channel_silence=tuple(quiet.finish(self.duration_s) for quiet in self._quiet),
        )

    def _whole_windows(self) -> Samples:
        """What is pending, cut to whole windows; the rest stays pending."""
        if not self._pending:
            return np.empty((0, 0), np.float32)
        pending = np.concatenate(self._pending, axis=1)
        whole = pending.shape[1] - pending.shape[1] % self._window
        self._pending = [pending[:, whole:].copy()]
        self._pending_samples = pending.shape[1] - whole
        return pending[:, :whole]

    def _measure(self, samples: Samples) -> None:
        if not samples.size:
            return
        clean = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        windows = np.clip(clean, -1.0, 1.0).reshape(samples.shape[0], -1, self._window)
        silent = np.sqrt(np.mean(np.square(windows), axis=2)) < SILENCE_RMS
        self._peaks.add(np.abs(windows).max(axis=2))
        for quiet, flags in zip(self._quiet, silent, strict=True):
            quiet.add(flags)
        self._all_quiet.add(silent.all(axis=0))


class _Peaks:
    """The loudest sample of each bucket; a bucket is a power of two of windows."""

    def __init__(self, channels: int) -> None:
        self.windows_a_bucket = 1
        self._windows = 0
        self._buckets = np.zeros((channels, MAX_BUCKETS), np.float32)

    def add(self, loudness: Samples) -> None:
        first = self._windows
        self.pass_over(loudness.shape[1])
        at = np.arange(first, self._windows) // self.windows_a_bucket
        for channel, values in zip(self._buckets, loudness, strict=True):
            np.maximum.at(channel, at, values)

    def pass_over(self, windows: int) -> None:
        self._windows += windows
        while self._windows > MAX_BUCKETS * self.windows_a_bucket:
            merged = self._buckets.reshape(len(self._buckets), -1, 2).max(axis=2)
            self._buckets = np.concatenate((merged, np.zeros_like(merged)), axis=1)
            self.windows_a_bucket *= 2

    def finish(self) -> tuple[tuple[int, ...], ...]:
        used = -(-self._windows // self.windows_a_bucket)
        levels = np.rint(self._buckets[:, :used] * FULL_SCALE).astype(int)
        return tuple(tuple(channel) for channel in levels.tolist())


class _Quiet:
    """Runs of silent windows that are long enough to be told."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._min_s = MIN_SILENCE_S
        self._windows = 0
        self._since: int | None = None
        self._spans: list[tuple[int, int]] = []

    def add(self, flags: NDArray[np.bool_]) -> None:
        before = np.concatenate(([self._since is not None], flags[:-1]))
        for change in np.flatnonzero(before != flags).tolist():
            self._turn(self._windows + change)
        self._windows += len(flags)

    def add_run(self, windows: int) -> None:
        if self._since is None and windows:
            self._since = self._windows
        self._windows += windows

    def finish(self, duration_s: float) -> tuple[Span, ...]:
        if self._since is not None:
            self._turn(self._windows)
        spans = ((start * self._window_s, min(end * self._window_s, duration_s)) for start, end in self._spans)
        return tuple((round(start, 2), round(end, 2)) for start, end in spans)

    def _turn(self, at: int) -> None:
        if self._since is None:
            self._since = at
            return
        self._spans.append((self._since, at))
        self._since = None
        if self._too_short(self._spans[-1]):
            self._spans.pop()
        while len(self._spans) > MAX_SPANS:
            self._min_s *= 2
            self._spans = [span for span in self._spans if not self._too_short(span)]

    def _too_short(self, span: tuple[int, int]) -> bool:
        return (span[1] - span[0]) * self._window_s < self._min_s
