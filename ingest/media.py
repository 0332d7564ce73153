"""What kind of audio some bytes are, judged by the bytes alone.

Here live the media types that are kept and `sniff`, which reads the head of a body. Names, extensions and the sender's
Content-Type are not looked at. Whether the audio inside is whole is found later, by decoding it (`ingest.derive`).
Everything read here is hostile: no function raises on any bytes, and every loop ends with the head.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

HEAD_BYTES: Final = 65_536
"""How much of a body `sniff` wants: all of it, or at least this much."""

_MAX_BOXES: Final = 512
"""Boxes, chunks, pages and elements looked at before a head is given up: real files need fewer than 30."""


class MediaType(StrEnum):
    """A kind of audio that is kept; the value is what Content-Type says when it is handed out again."""

    WAV = "audio/wav"
    MP3 = "audio/mpeg"
    OGG = "audio/ogg"
    FLAC = "audio/flac"
    MP4 = "audio/mp4"
    AMR = "audio/amr"
    AMR_WB = "audio/amr-wb"
    WEBM = "audio/webm"

    @property
    def suffix(self) -> str:
        """The usual ending of a file of this kind, with its dot."""
        return _SUFFIXES[self]


_SUFFIXES: Final = {
    MediaType.WAV: ".wav",
    MediaType.MP3: ".mp3",
    MediaType.OGG: ".ogg",
    MediaType.FLAC: ".flac",
    MediaType.MP4: ".m4a",
    MediaType.AMR: ".amr",
    MediaType.AMR_WB: ".awb",
    MediaType.WEBM: ".webm",
}


def sniff(head: bytes) -> MediaType | None:
    """The media type of a body that begins with `head`, or None when it is none that is kept.

    `head` is the whole body or its first HEAD_BYTES at least; more does no harm. A shorter piece of a longer body may
    be refused although the body is audio, never the other way round.
    """
    head = head[:HEAD_BYTES]
    for media_type, looks_like in _LOOKS:
        if looks_like(head):
            return media_type
    return None


def _number(data: bytes, at: int, size: int, order: str = "big") -> int:
    """An unsigned integer; bytes beyond the end are simply missing."""
    return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")


# WAV: RIFF chunks, little-endian (Microsoft multimedia programming reference; RF64: EBU Tech 3306).

_PCM, _FLOAT, _ALAW, _MULAW, _GSM, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0031, 0xFFFE
_WAV_FORMATS: Final = frozenset({_PCM, _FLOAT, _ALAW, _MULAW, _GSM})
_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
"""Bytes 2 to 15 of the sub-format of WAVE_FORMAT_EXTENSIBLE; the first two are an ordinary format tag."""


def _is_wav(head: bytes) -> bool:
    if head[:4] not in {b"RIFF", b"RF64"} or head[8:12] != b"WAVE":
        return False
    at = 12
    for _ in range(_MAX_BOXES):
        name, size = head[at : at + 4], _number(head, at + 4, 4, "little")
        if name == b"fmt ":
            return _is_kept_wav_format(head[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
        if name == b"data" or at + 8 > len(head):
            return False
    return False


def _is_kept_wav_format(fmt: bytes) -> bool:
    if len(fmt) < 16:  # noqa: PLR2004 - the size of WAVEFORMAT with its bits per sample
        return False
    tag, channels, rate = (_number(fmt, at, size, "little") for at, size in ((0, 2), (2, 2), (4, 4)))
    if tag == _EXTENSIBLE and fmt[26:40] == _GUID_TAIL:
        tag = _number(fmt, 24, 2, "little")
    return tag in _WAV_FORMATS and channels > 0 and rate > 0


# MP3: a chain of frames (ISO/IEC 11172-3, 13818-3), perhaps behind an ID3v2 tag (id3.org, id3v2.4.0-structure).

_KBITS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES: Final = {0b11: (44_100, 48_000, 32_000), 0b10: (22_050, 24_000, 16_000), 0b00: (11_025, 12_000, 8_000)}
_MPEG_1: Final = 0b11
_FRAMES_WANTED: Final = 4
"""Frames in a row before bytes are believed to be MP3: one header matches by chance in 1 of about 5,000 places."""


def _is_mp3(head: bytes) -> bool:
    """Frames at the very start only: a ZIP or PDF that carries an MP3 further in is not one."""
    at = _after_id3(head)
    if at is None:
        return False
    if at >= len(head):
        return len(head) == HEAD_BYTES  # a tag longer than the head (a cover picture, say) hides the frames
    if head[at : at + 4] == b"fLaC":
        return False
    at += len(head[at:]) - len(head[at:].lstrip(b"\0"))  # some recorders pad before the first frame
    return _is_chain(head, at)


def _after_id3(head: bytes) -> int | None:
    """Where the frames begin: 0 without a tag, None when what looks like a tag is none."""
    if head[:3] != b"ID3":
        return 0
    size = head[6:10]
    plausible = len(size) == 4 and 2 <= head[3] <= 4 and head[4] != 0xFF and head[5] & 0x0F == 0  # noqa: PLR2004
    if not plausible or any(byte & 0x80 for byte in size):
        return None
    name = head[10:13]
    if name and not (name.isalnum() and name.upper() == name) and name.strip(b"\0"):
        return None
    footer = 10 if head[5] & 0x10 else 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True)) + footer


def _is_chain(head: bytes, at: int) -> bool:
    """Whether frames of one kind follow each other, as many as wanted or to the end of the body."""
    kind: tuple[int, int] | None = None
    for count in range(_FRAMES_WANTED):
        if at >= len(head) - 3:
            return count >= 2 and (at >= len(head) or head[at] == 0xFF)  # noqa: PLR2004 - a chain has two links
        frame = _mp3_frame(head[at : at + 4])
        if frame is None or (kind is not None and frame[:2] != kind):
            return count >= 2 and head[at : at + 3] == b"TAG"  # noqa: PLR2004 - an ID3v1 tag ends a very short file
        kind, at = frame[:2], at + frame[2]
    return True


def _mp3_frame(header: bytes) -> tuple[int, int, int] | None:
    """Version, sample rate and size in bytes of a Layer III frame; None when the four bytes begin none."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] < 0xE0 or layer != 1 or version not in _RATES:  # noqa: PLR2004 - 11 bits of sync
        return None
    if bits in {0, 15} or rate == 3 or header[3] & 3 == 2:  # noqa: PLR2004 - reserved by the standard
        return None
    hertz = _RATES[version][rate]
    kbits, factor = (_KBITS_1, 144_000) if version == _MPEG_1 else (_KBITS_2, 72_000)
    return version, hertz, factor * kbits[bits] // hertz + (header[2] >> 1 & 1)


# Ogg: every logical stream says what it is on a page of its own at the start (RFC 3533, RFC 7845, Vorbis I).


def _is_ogg(head: bytes) -> bool:
    """Opus or Vorbis, with at most a skeleton beside it: a film with a Vorbis track is no recording."""
    found = False
    for packet in _first_packets(head):
        if packet.startswith((b"OpusHead", b"\x01vorbis")):
            found = True
        elif not packet.startswith(b"fishead\0"):
            return False
    return found


def _first_packets(head: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MAX_BOXES):
        page = head[at : at + 27]
        begins_stream = len(page) == 27 and page[:5] == b"OggS\0" and page[5] & 2  # noqa: PLR2004
        if not begins_stream:
            return
        sizes = head[at + 27 : at + 27 + page[26]]
        body = at + 27 + page[26]
        yield head[body : body + sum(sizes)]
        at = body + sum(sizes)


# FLAC: the marker and the stream information block (RFC 9639, section 8).


def _is_flac(head: bytes) -> bool:
    at = _after_id3(head)
    if at is None or head[at : at + 4] != b"fLaC":
        return False
    block = head[at + 4 : at + 8]
    rate = _number(head, at + 18, 3) >> 4
    return block[:1] in {b"\x00", b"\x80"} and block[1:] == b"\x00\x00\x22" and rate > 0


# MP4: boxes (ISO/IEC 14496-12).

_MP4_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4V ", b"F4A ", b"F4B ", b"qt  ", b"MSNV", b"dash", b"cmfa"})
_MP4_BRAND_STARTS: Final = (b"iso", b"mp4", b"mp7", b"3gp", b"3g2")
_MP4_PARENTS: Final = frozenset({b"moov", b"trak", b"mdia"})


def _is_mp4(head: bytes) -> bool:
    """Judged by its brand; where the head shows every track (moov in front), one of them must be sound."""
    if head[4:8] != b"ftyp" or len(head) < 16:  # noqa: PLR2004 - the shortest ftyp box
        return False
    brand = head[8:12]
    if brand not in _MP4_BRANDS and not brand.startswith(_MP4_BRAND_STARTS):
        return False
    return _has_sound(head) is not False


def _has_sound(head: bytes) -> bool | None:
    """True with a sound track, False with tracks but none of sound, None when the head does not show them all."""
    at, shown_to = 0, None
    for _ in range(_MAX_BOXES):
        size, name, inner = _number(head, at, 4), head[at + 4 : at + 8], at + 8
        if size == 1:
            size, inner = _number(head, at + 8, 8), at + 16
        if len(name) < 4 or size < inner - at:  # noqa: PLR2004 - the head ends, or the size is a lie
            return None
        if name == b"hdlr" and shown_to is not None and head[inner + 8 : inner + 12] == b"soun":
            return True
        if name == b"moov" and at + size <= len(head):
            shown_to = at + size
        at = inner if name in _MP4_PARENTS else at + size
        if shown_to is not None and at >= shown_to:
            return False
    return None


# AMR: a magic line, then frames with a one-byte header (RFC 4867, section 5).

_AMR_PADDING: Final = 0x83
"""Bits of a frame header that are always zero."""


def _is_amr(head: bytes) -> bool:
    return head.startswith(b"#!AMR\n") and _is_amr_frame(head[6:7])


def _is_amr_wb(head: bytes) -> bool:
    return head.startswith(b"#!AMR-WB\n") and _is_amr_frame(head[9:10])


def _is_amr_frame(header: bytes) -> bool:
    return bool(header) and header[0] & _AMR_PADDING == 0


# WebM and other Matroska: elements with sizes of variable length (RFC 8794, RFC 9559).

_EBML, _DOCTYPE, _SEGMENT, _TRACKS, _ENTRY, _TRACK_TYPE = 0x1A45DFA3, 0x4282, 0x18538067, 0x1654AE6B, 0xAE, 0x83
_AUDIO_TRACK: Final = 2


def _is_webm(head: bytes) -> bool:
    """The document type is webm or matroska and the track list, which live recorders write first, has sound."""
    if _number(head, 0, 4) != _EBML:
        return False
    known = False
    for element, body, end in _elements(head):
        if element == _DOCTYPE:
            known = head[body:end].rstrip(b"\0") in {b"webm", b"matroska"}
        elif element == _TRACK_TYPE and known and _number(head, body, min(end - body, 8)) == _AUDIO_TRACK:
            return True
    return False


def _elements(head: bytes) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and end of each element, parents first; only what may lead to the track list is entered."""
    at = 0
    for _ in range(_MAX_BOXES):
        element, after = _vint(head, at, keep_marker=True)
        size, body = _vint(head, after, keep_marker=False)
        if element is None or size is None:
            return
        yield element, body, body + size
        at = body if element in {_EBML, _SEGMENT, _TRACKS, _ENTRY} else body + size


def _vint(head: bytes, at: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """A number of 1 to 8 bytes whose leading zero bits say how long it is, and where it ends."""
    if at >= len(head) or head[at] == 0:
        return None, at
    length = 9 - head[at].bit_length()
    number = _number(head, at, length)
    return (number if keep_marker else number & ~(1 << 7 * length)), at + length


_LOOKS: Final[tuple[tuple[MediaType, Callable[[bytes], bool]], ...]] = (
    (MediaType.WAV, _is_wav),
    (MediaType.OGG, _is_ogg),
    (MediaType.FLAC, _is_flac),
    (MediaType.MP4, _is_mp4),
    (MediaType.AMR, _is_amr),
    (MediaType.AMR_WB, _is_amr_wb),
    (MediaType.WEBM, _is_webm),
    (MediaType.MP3, _is_mp3),
)
