"""The sound of a demo call: a whole spoken one, a few sentences cut from one, a phone that rings, a file that is hurt.

Cutting moves Opus packets and decodes nothing, so that hundreds take no time. Where the words come from is
`archive.demo.spoken`.
"""

import io
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Final

import av
import numpy as np

from archive.demo.spoken import opus, voiced

__all__ = ["Kind", "Sound", "render", "whole_of"]

_RATE: Final = 8_000
_OPUS_HZ: Final = 48_000
"""Opus counts time in this, whatever its sound (RFC 7845, section 4)."""
_TONE_HZ: Final = 425
_ON_S, _CYCLE_S = 1.0, 5.0
"""Finland's ringing tone: a second on, four off, 425 Hz (ITU-T E.180)."""


class Kind(StrEnum):
    """How a demo recording is made."""

    WHOLE = "whole"
    CUT = "cut"
    RINGING = "ringing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is to be heard: of which dialogue, and for a cut from when to when."""

    kind: Kind
    dialogue: str = ""
    start_s: float = 0.0
    end_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """How long it is, as a telephony system would say."""
        return round(self.end_s - self.start_s, 2)


def render(sound: Sound) -> bytes:
    """The file: Ogg Opus in two channels, or A-law WAV for a ringing tone. The same every time."""
    if sound.kind is Kind.RINGING:
        return _ringing(sound.duration_s)
    whole = opus(sound.dialogue)
    if sound.kind is Kind.CUT:
        return _cut(sound)
    if sound.kind is Kind.DAMAGED:
        return _torn(whole)
    return _beheaded(whole) if sound.kind is Kind.UNREADABLE else whole


@cache
def _packets(dialogue: str) -> tuple[tuple[int, int, bytes], ...]:
    """Every packet as (start, length, bytes) in 1/_OPUS_HZ s."""
    with av.open(io.BytesIO(opus(dialogue)), "r") as source:
        packets = [packet for packet in source.demux(audio=0) if packet.size]
        return tuple((packet.pts or 0, packet.duration or 0, bytes(packet)) for packet in packets)


def _cut(sound: Sound) -> bytes:
    packets = [one for one in _packets(sound.dialogue) if sound.start_s <= one[0] / _OPUS_HZ < sound.end_s]
    target = io.BytesIO()
    with (
        av.open(io.BytesIO(opus(sound.dialogue)), "r") as source,
        av.open(target, "w", format="ogg", options={"fflags": "+bitexact"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.audio[0])
        for start, length, data in packets:
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, _OPUS_HZ)
            packet.pts = packet.dts = start - packets[0][0]
            packet.duration = length
            out.mux(packet)
    return target.getvalue()


def _ringing(seconds: float) -> bytes:
    time = np.arange(round(seconds * _RATE)) / _RATE
    tone = np.where(time % _CYCLE_S < _ON_S, 0.25 * np.sin(2 * np.pi * _TONE_HZ * time), 0.0)
    target = io.BytesIO()
    with av.open(target, "w", format="wav", options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("pcm_alaw", rate=_RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((tone * 32_767).astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = _RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    return target.getvalue()


def _torn(whole: bytes) -> bytes:
    """A third of the way in, as much as a disk's worn sectors would take is overwritten; the rest is sound."""
    at = len(whole) // 3
    return whole[:at] + bytes(6_144) + whole[at + 6_144 :]


def _beheaded(whole: bytes) -> bytes:
    """Opus by its first page (28 bytes of Ogg, 19 of OpusHead), and not one packet of sound after it."""
    return whole[:47] + bytes(4_000)


def whole_of(dialogue: str, kind: Kind = Kind.WHOLE) -> Sound:
    """All of a dialogue."""
    return Sound(kind=kind, dialogue=dialogue, end_s=voiced()[dialogue].duration_s)
