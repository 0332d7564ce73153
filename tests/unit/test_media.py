"""What `ingest.media.sniff` takes for audio, and what it does not."""

import io
import struct
import zipfile

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.media import HEAD_BYTES, MediaType, sniff
from tests.audio import made


def wav(tag: int, extra: bytes = b"", before: bytes = b"", *, channels: int = 1, rate: int = 8_000) -> bytes:
    """A WAV file written by hand."""
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate, 1, 8) + extra
    chunks = before + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", 65) + bytes(66)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.fixture(scope="module")
def mp3() -> bytes:
    return made("mp3", "libmp3lame")


@pytest.mark.parametrize(
    ("container", "codec", "rate", "expected"),
    [
        ("wav", "pcm_s16le", 8_000, MediaType.WAV),
        ("wav", "pcm_alaw", 8_000, MediaType.WAV),
        ("wav", "pcm_mulaw", 8_000, MediaType.WAV),
        ("wav", "pcm_f32le", 16_000, MediaType.WAV),
        ("mp3", "libmp3lame", 8_000, MediaType.MP3),
        ("mp3", "libmp3lame", 24_000, MediaType.MP3),
        ("mp3", "libmp3lame", 48_000, MediaType.MP3),
        ("ogg", "libopus", 48_000, MediaType.OGG),
        ("ogg", "vorbis", 16_000, MediaType.OGG),
        ("flac", "flac", 8_000, MediaType.FLAC),
        ("mp4", "aac", 16_000, MediaType.MP4),
        ("ipod", "aac", 16_000, MediaType.MP4),
        ("mov", "aac", 16_000, MediaType.MP4),
        ("3gp", "libopencore_amrnb", 8_000, MediaType.MP4),
        ("amr", "libopencore_amrnb", 8_000, MediaType.AMR),
        ("webm", "libopus", 48_000, MediaType.WEBM),
        ("matroska", "aac", 16_000, MediaType.WEBM),
    ],
)
def test_what_ffmpeg_writes_is_known(container: str, codec: str, rate: int, expected: MediaType) -> None:
    data = made(container, codec, rate=rate)
    assert sniff(data) == expected
    assert sniff(data[:HEAD_BYTES]) == expected


def test_mp3_without_a_tag_and_behind_padding(mp3: bytes) -> None:
    frames = mp3[mp3.index(b"\xff\xe3") :] if b"\xff\xe3" in mp3 else mp3[45:]
    assert sniff(frames) == MediaType.MP3
    assert sniff(bytes(700) + frames) == MediaType.MP3


def test_mp3_behind_a_tag_longer_than_the_head(mp3: bytes) -> None:
    size = 3 * HEAD_BYTES
    tag = b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + b"APIC" + bytes(size - 4)
    assert sniff((tag + mp3)[:HEAD_BYTES]) == MediaType.MP3
    assert sniff(tag[:4_000]) is None


@pytest.mark.parametrize("tag", [0x0001, 0x0003, 0x0006, 0x0007, 0x0031])
def test_wav_formats_that_are_kept(tag: int) -> None:
    assert sniff(wav(tag)) == MediaType.WAV
    assert sniff(wav(tag, before=b"LIST" + struct.pack("<I", 5) + bytes(6))) == MediaType.WAV


@pytest.mark.parametrize("tag", [0x0000, 0x0002, 0x0055, 0x0083, 0x2000, 0xFFFE])
def test_wav_formats_that_are_not(tag: int) -> None:
    assert sniff(wav(tag)) is None


def test_wav_extensible_tells_its_format_inside() -> None:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    assert sniff(wav(0xFFFE, struct.pack("<HHIH", 22, 16, 4, 1) + tail)) == MediaType.WAV
    assert sniff(wav(0xFFFE, struct.pack("<HHIH", 22, 16, 4, 0x92) + tail)) is None


def test_wav_without_channels_or_rate_is_refused() -> None:
    assert sniff(wav(1, channels=0)) is None
    assert sniff(wav(1, rate=0)) is None


def test_amr_wideband() -> None:
    assert sniff(b"#!AMR-WB\n" + b"\x44" + bytes(60)) == MediaType.AMR_WB
    assert sniff(b"#!AMR-WB\n") is None
    assert sniff(b"#!AMR\nis a shell script") is None


def ogg_page(packet: bytes, flags: int = 2) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(packet)]) + packet


def test_ogg_with_a_film_or_unknown_streams_is_refused() -> None:
    vorbis, theora = ogg_page(b"\x01vorbis" + bytes(23)), ogg_page(b"\x80theora" + bytes(35))
    assert sniff(vorbis) == MediaType.OGG
    assert sniff(ogg_page(b"fishead\0" + bytes(56)) + vorbis) == MediaType.OGG
    assert sniff(theora + vorbis) is None
    assert sniff(vorbis + theora) is None
    assert sniff(ogg_page(b"Speex   " + bytes(72))) is None
    assert sniff(ogg_page(b"OpusHead" + bytes(11), flags=0)) is None


def film(container: str) -> bytes:
    buffer = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"} if container == "mp4" else {}
    with av.open(buffer, "w", format=container, options=options) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        for _ in range(4):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_film_without_sound_is_refused_where_its_head_says_so() -> None:
    assert sniff(film("matroska")) is None
    assert sniff(film("mp4")) is None
    assert sniff(film("avi")) is None


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("call.mp3", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * 5_000,
        b"\xff" * 5_000,
        b"Hei, soitto on liitteen" + "ä".encode() * 400,
        "﻿Tämä on teksti".encode("utf-16"),
        b"ID3 is not a tag when text follows it, however long the text may be",
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 40,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"%PDF-1.7\n%\xff\xfb\x90\x64\n" + bytes(500),
        b"GIF89a" + bytes(500),
        b"\x1f\x8b\x08" + bytes(500),
        b"\x7fELF" + bytes(500),
        b"<html><body>503 Service Unavailable</body></html>",
        b'{"audio": "see attachment"}',
        b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(500),
        b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(500),
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(500),
        b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif" + bytes(500),
        b"\xff\xf1\x50\x80" * 900,  # AAC in ADTS frames
        b"\xff\xfb\x90\x64" * 900,  # headers of MP3 without their frames
        b"fLaC is what begins a FLAC file",
        b"\x1a\x45\xdf\xa3\x84\x42\x82\x81x" + bytes(500),
    ],
)
def test_what_is_no_audio_is_refused(head: bytes) -> None:
    assert sniff(head) is None


def test_an_mp3_inside_something_else_is_refused(mp3: bytes) -> None:
    assert sniff(zipped(mp3)) is None
    assert sniff(b"%PDF-1.7\nstream\n" + mp3) is None
    assert sniff(b"--boundary\r\nContent-Type: audio/mpeg\r\n\r\n" + mp3) is None


MAGIC = st.sampled_from(
    [
        *(b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt ", b"ID3\x04\0\0", b"\xff\xfb", b"OggS\0\x02", b"fLaC\0\0\0\x22"),
        *(b"\0\0\0\x18ftypisom", b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\0\x01moov", b"#!AMR\n", b"\x1a\x45\xdf\xa3", b""),
    ],
)


@given(MAGIC, st.binary(max_size=2_000))
def test_no_bytes_make_it_raise(magic: bytes, rest: bytes) -> None:
    answer = sniff(magic + rest)
    assert answer is None or isinstance(answer, MediaType)


@given(st.binary(max_size=4_000))
def test_random_bytes_are_not_mp3(data: bytes) -> None:
    assert sniff(b"\xff" + data) is not MediaType.MP3


WHOLE = (
    *(made("webm", "libopus", rate=48_000)[:4_000], made("mov", "aac", rate=16_000)),
    *(wav(1), made("ogg", "libopus", rate=48_000)),
)


@given(st.sampled_from(WHOLE), st.data())
def test_a_truncated_head_is_known_or_refused_but_never_mistaken(whole: bytes, data: st.DataObject) -> None:
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert sniff(cut) in {None, sniff(whole)}


@given(st.sampled_from(WHOLE), st.integers(0, 3_999), st.integers(0, 255))
def test_a_changed_byte_never_makes_it_raise(whole: bytes, at: int, value: int) -> None:
    changed = bytearray(whole)
    changed[at % len(changed)] = value
    sniff(bytes(changed))


def test_a_head_of_tiny_boxes_ends() -> None:
    assert sniff(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" * 9_000) == MediaType.MP4
    assert sniff(b"RIFF\0\0\0\0WAVE" + b"JUNK\0\0\0\0" * 9_000) is None
    assert sniff(b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 30_000) is None


def test_every_kind_has_a_suffix() -> None:
    assert len({kind.suffix for kind in MediaType}) == len(MediaType)
