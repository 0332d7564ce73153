"""The sound of a recording for whoever listens to its words: 16,000 samples a second, all channels, as it is decoded.

Runs in the decoder's process and holds about a second, however long the recording is. It keeps the clock of
`ingest.waveform`: a gap in which nothing was recorded is passed on as silence, so that a word lies where the player
finds it. Decoding is `ingest.decoder`, recognising `ingest.transcribe`.
"""

from collections.abc import Callable
from typing import Final

import av
import numpy as np

from ingest.waveform import Samples

RATE_HZ: Final = 16_000
"""What Whisper and Silero both were made for."""

Write = Callable[[bytes, int], None]
"""Takes 16-bit samples, little-endian, the channels in turn, and how many channels there are."""


class Sound:
    """Takes samples of full scale 1.0, any number at a time, and writes them at RATE_HZ."""

    def __init__(self, *, rate_hz: int, channels: int, write: Write) -> None:
        self.samples = 0
        self._rate_hz = rate_hz
        self._channels = channels
        self._write = write
        self._pending: list[Samples] = []
        self._pending_samples = 0
        self._resamplers = [av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ) for _ in range(channels)]

    @property
    def duration_s(self) -> float:
        """How much has been taken so far."""
        return self.samples / self._rate_hz

    def add(self, samples: Samples) -> None:
        """Take an array of channels x samples."""
        self.samples += samples.shape[1]
        self._pending.append(samples)
        self._pending_samples += samples.shape[1]
        if self._pending_samples >= self._rate_hz:
            self._flush()

    def skip(self, seconds: float) -> None:
        """Pass over a gap in which nothing was recorded: it is silent."""
        left = int(seconds * self._rate_hz)
        while left > 0:
            piece = min(left, self._rate_hz)
            self.add(np.zeros((self._channels, piece), np.float32))
            left -= piece

    def finish(self) -> None:
        """Write what is still held; nothing may be added after it."""
        self._flush()
        self._pass_on([resampler.resample(None) for resampler in self._resamplers])

    def _flush(self) -> None:
        if not self._pending_samples:
            return
        whole = np.nan_to_num(np.concatenate(self._pending, axis=1), nan=0.0, posinf=1.0, neginf=-1.0)
        self._pending, self._pending_samples = [], 0
        self._pass_on([self._resampled(n, channel) for n, channel in enumerate(whole)])

    def _resampled(self, number: int, channel: Samples) -> list[av.AudioFrame]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channel[None]), format="fltp", layout="mono")
        frame.sample_rate = self._rate_hz
        return self._resamplers[number].resample(frame)

    def _pass_on(self, by_channel: list[list[av.AudioFrame]]) -> None:
        heard = [np.concatenate([frame.to_ndarray()[0] for frame in frames]) for frames in by_channel if frames]
        if len(heard) == self._channels:
            self._write(np.stack(heard, axis=1).astype("<i2").tobytes(), self._channels)
