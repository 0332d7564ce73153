"""The process that decodes one recording. `python -m ingest.decoder` is the server that forks it (`ingest.forkserver`).

The child may crash, be killed or run out of memory without hurting anyone, so there and nowhere else FFmpeg meets bytes
from outside. Before it reads the first of them it gives away what it will not need: memory beyond a bound, processor
time, core dumps, writing and opening of files, and with that every new socket. Plain bytes come over a socket, range by
range as the demuxer seeks, so that they never touch a disk and memory stays constant; facts go back the same way.

The same child may be asked for the sound itself instead of its shape, for those who listen to words: `ingest.sound`.
The form of the talk is `ingest.decoder_talk`, the other end `ingest.decoding`.
"""

import contextlib
import gc
import io
import json
import os
import resource
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import av
import av.subtitles.stream
import av.video.stream
import numpy as np
from av.error import FFmpegError

from ingest.decoder_talk import BLOCK_BYTES, LENGTH, MAX_CHANNELS, MESSAGE, SOUND
from ingest.forkserver import serve
from ingest.media import HEAD_BYTES, MediaType
from ingest.sound import Sound
from ingest.waveform import Samples, Shape, Waveform

_CACHED_BLOCKS: Final = 4
_MAX_BROKEN_READS: Final = 50
_GAP_S: Final = 0.1
_MAX_GAP_S: Final = 3_600.0
_MAX_GAPS_S: Final = 86_400.0
_MAX_RATE_HZ: Final = 768_000
_DEMUXERS: Final = {
    MediaType.WAV: "wav",
    MediaType.MP3: "mp3",
    MediaType.OGG: "ogg",
    MediaType.FLAC: "flac",
    MediaType.MP4: "mov",
    MediaType.AMR: "amr",
    MediaType.AMR_WB: "amr",
    MediaType.WEBM: "matroska",
}
_CODECS: Final = frozenset(
    {"gsm_ms", "gsm", "mp3", "opus", "vorbis", "flac", "aac", "alac", "amr_nb", "amr_wb", "ac3"},
)


class _NoAudioError(Exception):
    """The file has no sound that we decode."""


class Taker(Protocol):
    """What decoded samples are given to: it knows how much it has taken, in seconds."""

    @property
    def duration_s(self) -> float: ...  # noqa: D102 - see the class

    def add(self, samples: Samples) -> None: ...  # noqa: D102 - see the class

    def skip(self, seconds: float) -> None: ...  # noqa: D102 - see the class


MakeTaker = Callable[[int, int], Taker]
"""From samples a second and channels."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What decoding met, in seconds of the recording."""

    codec: str = ""
    sample_rate_hz: int = 0
    channels: int = 0
    claimed_s: float | None = None
    errors: int = 0
    first_error_s: float | None = None
    last_error_s: float | None = None
    gaps: int = 0
    gap_s: float = 0.0
    taker: Taker | None = field(default=None, repr=False)

    @property
    def position_s(self) -> float:
        """How far decoding has come."""
        return self.taker.duration_s if self.taker else 0.0

    def count_error(self) -> None:
        """Note that something could not be decoded here."""
        self.errors += 1
        self.last_error_s = round(self.position_s, 2)
        if self.first_error_s is None:
            self.first_error_s = self.last_error_s


class _Pipe:
    """A seekable file whose bytes the parent keeps."""

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read(self, length: int) -> bytes:
        """At most `length` bytes from here; fewer at the end of a block, none at the end."""
        block = self._block(self._at - self._at % BLOCK_BYTES) if self._at < self._size else b""
        start = self._at % BLOCK_BYTES
        piece = block[start : start + length]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as `io` does; never before the beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def _block(self, offset: int) -> bytes:
        if offset not in self._blocks:
            length = min(BLOCK_BYTES, self._size - offset)
            _write(MESSAGE.pack(b"R", offset, length))
            self._blocks[offset] = _read(LENGTH.unpack(_read(LENGTH.size))[0])
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(offset)
        return self._blocks[offset]


def _read(length: int) -> bytes:
    """Exactly this many bytes from the parent; when the parent is gone, so are we."""
    pieces = bytearray()
    while len(pieces) < length:
        piece = os.read(0, min(length - len(pieces), BLOCK_BYTES))
        if not piece:
            os._exit(3)
        pieces += piece
    return bytes(pieces)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def confine(*, memory_mb: int, cpu_s: int) -> None:
    """Give away, for good, what decoding does not need. `memory_mb` is on top of the interpreter and its libraries."""
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limit = mapped + memory_mb * 1_048_576
    for what, soft, hard in (
        (resource.RLIMIT_AS, limit, limit),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def decode(source: Any, media_type: MediaType, size_bytes: int) -> tuple[Found, Shape]:
    """Decode every packet of the file once, for its shape; raises what `take` raises."""
    found = take(source, media_type, size_bytes, lambda rate_hz, channels: Waveform(rate_hz=rate_hz, channels=channels))
    assert isinstance(found.taker, Waveform)
    return found, found.taker.finish()


def take(source: Any, media_type: MediaType, size_bytes: int, make: MakeTaker) -> Found:
    """Decode every packet of the file once and give what it holds to what `make` makes.

    Raises:
        FFmpegError: the container cannot be opened.
        _NoAudioError: it holds no stream that we decode, or not one sample of it.

    """
    head = source.read(HEAD_BYTES)
    source.seek(0)
    found = Found()
    options = {"err_detect": "crccheck+bitstream+buffer"}
    with av.open(source, format=_DEMUXERS[media_type], options=options, buffer_size=262_144) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None or not _is_known(stream.codec_context.codec.canonical_name):
            raise _NoAudioError
        context = stream.codec_context
        context.thread_count, context.options = 1, options
        found.codec = context.codec.canonical_name
        found.claimed_s = _claimed_s(head, media_type, size_bytes, container.duration)
        _take(_frames(container, stream, found), found, make)
    if found.taker is None:
        raise _NoAudioError
    return found


def _is_known(codec: str) -> bool:
    return codec in _CODECS or codec.startswith(("pcm_", "adpcm_"))


def _frames(container: Any, stream: Any, found: Found) -> Iterator[av.AudioFrame]:
    """Every frame that can be had; what cannot is counted and passed over."""
    broken = 0
    while broken < _MAX_BROKEN_READS:
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    found.count_error()
                yield from _decoded(packet, found)
        except av.error.MemoryError:
            raise
        except FFmpegError:
            found.count_error()
            broken += 1
        else:
            return


def _decoded(packet: Any, found: Found) -> list[av.AudioFrame]:
    try:
        return list(packet.decode())
    except (av.error.MemoryError, av.error.EOFError) as error:
        if isinstance(error, MemoryError):
            raise
        return []
    except FFmpegError:
        found.count_error()
        return []


def _take(frames: Iterator[av.AudioFrame], found: Found, make: MakeTaker) -> None:
    start_s = None
    for frame in frames:
        if not 0 < frame.sample_rate <= _MAX_RATE_HZ or not frame.samples:
            found.count_error()
            continue
        if found.taker is None:
            found.sample_rate_hz, found.channels = frame.sample_rate, frame.layout.nb_channels
            found.taker = make(frame.sample_rate, min(found.channels, MAX_CHANNELS))
        if frame.pts is not None and frame.time_base is not None:
            at_s = float(frame.pts * frame.time_base)
            start_s = _pass_gap(at_s, at_s if start_s is None else start_s, found)
        found.taker.add(_fitted(_samples(frame), frame.sample_rate, found))


def _samples(frame: av.AudioFrame) -> Samples:
    """A frame's samples as channels x samples of full scale 1.0, whatever they are stored as."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    kind, size_bytes = data.dtype.kind, data.dtype.itemsize
    samples = data[:MAX_CHANNELS].astype(np.float32)
    if kind == "u":
        samples -= np.float32(128)
    return samples if kind == "f" else samples / np.float32(1 << (8 * size_bytes - 1))


def _fitted(samples: Samples, rate_hz: int, found: Found) -> Samples:
    """A stream may change its rate or channels on the way; the picture keeps the form it began with."""
    channels = min(found.channels, MAX_CHANNELS)
    if rate_hz != found.sample_rate_hz:
        count = samples.shape[1] * found.sample_rate_hz // rate_hz
        samples = samples[:, np.arange(count) * rate_hz // found.sample_rate_hz]
    if samples.shape[0] != channels:
        samples = samples[np.arange(channels) % samples.shape[0]]
    return samples


def _pass_gap(at_s: float, start_s: float, found: Found) -> float:
    """Pass over what the clock of the stream says is missing; returns the second that counts as the start."""
    assert found.taker is not None
    gap_s = at_s - start_s - found.position_s
    if gap_s < _GAP_S:
        return start_s
    found.gaps += 1
    if gap_s > _MAX_GAP_S or found.gap_s + gap_s > _MAX_GAPS_S:
        return start_s + gap_s  # a clock that jumps, not a pause
    found.gap_s += gap_s
    found.taker.skip(gap_s)
    return start_s


def _claimed_s(head: bytes, media_type: MediaType, size_bytes: int, container_us: int | None) -> float | None:
    """How long the file says it is, where it says so itself and FFmpeg does not guess from its size."""
    if media_type is MediaType.WAV:
        return _claimed_wav_s(head, size_bytes)
    if media_type is MediaType.MP3 and not (b"Xing" in head or b"Info" in head or b"VBRI" in head):
        return None
    if media_type in {MediaType.MP3, MediaType.FLAC, MediaType.MP4, MediaType.WEBM} and container_us is not None:
        return container_us / 1_000_000
    return None


def _claimed_wav_s(head: bytes, size_bytes: int) -> float | None:
    """A WAV that ends before its data chunk does says how long it was meant to be."""
    fmt, data = head.find(b"fmt "), head.find(b"data")
    if not 0 < fmt < fmt + 24 <= data <= len(head) - 8:
        return None
    (bytes_a_second,) = struct.unpack_from("<I", head, fmt + 16)
    (length,) = struct.unpack_from("<I", head, data + 4)
    streamed = length == 0 or length >= 0x7FFFF000  # noqa: PLR2004 - written before the length was known
    if streamed or bytes_a_second == 0 or data + 8 + length <= size_bytes:
        return None
    return float(length / bytes_a_second)


def _facts(media_type: MediaType, size_bytes: int) -> dict[str, Any]:
    found, shape = decode(_Pipe(size_bytes), media_type, size_bytes)
    facts: dict[str, Any] = {name: getattr(found, name) for name in _TOLD}
    return facts | {"duration_s": found.position_s} | asdict(shape)


def _sound(media_type: MediaType, size_bytes: int) -> dict[str, Any]:
    """Send the sound itself, piece by piece; what is left to tell is its length."""

    def send(data: bytes, channels: int) -> None:
        _write(MESSAGE.pack(b"P", len(data), channels) + data)

    def make(rate_hz: int, channels: int) -> Sound:
        return Sound(rate_hz=rate_hz, channels=channels, write=send)

    found = take(_Pipe(size_bytes), media_type, size_bytes, make)
    assert isinstance(found.taker, Sound)
    found.taker.finish()
    return {"duration_s": found.position_s}


def _answer(work: Callable[[MediaType, int], dict[str, Any]], media_type: MediaType, size_bytes: int) -> dict[str, Any]:
    try:
        return work(media_type, size_bytes)
    except MemoryError:
        return {"failed": "memory"}
    except _NoAudioError:
        return {"failed": "no-audio"}
    except FFmpegError:
        return {"failed": "unreadable"}


_TOLD: Final = (
    *("codec", "sample_rate_hz", "channels", "claimed_s", "errors"),
    *("first_error_s", "last_error_s", "gaps", "gap_s"),
)


def _rehearse() -> None:
    """Decode bytes of our own, so that everything that is imported when first needed has been: later, it cannot be."""
    samples = bytes(1_600)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    chunks = b"WAVE" + fmt + b"data" + struct.pack("<I", len(samples)) + samples
    whole = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    decode(io.BytesIO(whole), MediaType.WAV, len(whole))
    sound = Sound(rate_hz=8_000, channels=1, write=lambda *_: None)
    sound.skip(1)
    sound.finish()
    with contextlib.suppress(FFmpegError, _NoAudioError):
        decode(io.BytesIO(samples), MediaType.FLAC, len(samples))


def main() -> None:
    """Load and rehearse once, then have each recording decoded by a child of its own."""
    av.logging.set_level(None)
    _rehearse()
    gc.freeze()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # whoever pushes or listens goes first
    serve(_decode_one)


def _decode_one(words: Sequence[str]) -> None:
    """Words: media type, size in bytes, memory in MiB, processor seconds, and SOUND for the sound itself."""
    media_type, size_bytes, memory_mb, cpu_s = MediaType(words[0]), *(int(word) for word in words[1:4])
    confine(memory_mb=memory_mb, cpu_s=cpu_s)
    work = _sound if SOUND in words[4:] else _facts
    answer = json.dumps(_answer(work, media_type, size_bytes)).encode()
    _write(MESSAGE.pack(b"F", len(answer), 0) + answer)


if __name__ == "__main__":
    main()
