"""Recordings for tests, made here: real files of a tone with a silent second in the middle. No test of anything."""

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np


def made(
    container: str, codec: str, *, rate: int = 8_000, layout: str = "mono", seconds: float = 3, **options: str
) -> bytes:
    """A file of 440 Hz, 1.2 s of silence in its middle, written by FFmpeg."""
    buffer = io.BytesIO()
    wave = _wave(rate, seconds)
    strict = {"strict": "experimental"} if codec == "vorbis" else {}
    layout = "stereo" if codec == "vorbis" else layout
    with av.open(buffer, "w", format=container, options=options) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout=layout, options=strict)
        for start in range(0, len(wave), 1_000):
            piece = wave[start : start + 1_000]
            samples = np.repeat(piece[None, :], 2 if layout == "stereo" else 1, axis=0)
            frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def call(seconds: float = 3, *, seed: int = 0, rate: int = 8_000) -> bytes:
    """A call of two channels as a PCM WAV, quickly made; another seed makes other bytes of the same length."""
    wave = _wave(rate, seconds)
    wave[seed % len(wave)] ^= 1 + seed // len(wave) % 64
    body = np.repeat(wave[:, None], 2, axis=1).tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, rate, rate * 4, 4, 16)
    chunks = b"WAVE" + fmt + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _wave(rate: int, seconds: float) -> Any:
    wave = np.sin(np.arange(int(rate * seconds)) * 440 * 2 * np.pi / rate) * 16_000
    wave[int(rate * (seconds / 2 - 0.6)) : int(rate * (seconds / 2 + 0.6))] = 0
    return wave.astype("<i2")
