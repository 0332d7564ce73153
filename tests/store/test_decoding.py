"""Decoding in a process of its own: what is found, and that whatever the file does, only the process dies of it."""

import asyncio
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from archive.errors import StoreUnavailable
from ingest.decoding import Decoded, DecoderLostError, Decoders, Limits, Reason, UndecodableError
from ingest.media import MediaType, sniff
from tests.audio import made

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "calls"
LIMITS = Limits(memory_mb=256, timeout_s=60)


async def decoded(data: bytes, limits: Limits = LIMITS, **more: Any) -> Decoded:
    async def read(start: int, stop: int) -> bytes:
        return data[start:stop]

    media_type = more.pop("media_type", None) or sniff(data)
    assert media_type is not None
    async with Decoders(**more) as decoders:
        return await decoders.decode(read, size_bytes=len(data), media_type=media_type, limits=limits)


async def reason_of(data: bytes, limits: Limits = LIMITS, **more: Any) -> Reason:
    with pytest.raises(UndecodableError) as caught:
        await decoded(data, limits, **more)
    return caught.value.reason


def servers() -> list[psutil.Process]:
    """The servers of decoders among this process's children; the tests' own services are others."""
    return [child for child in psutil.Process().children() if "ingest.decoder" in child.cmdline()]


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    yield
    assert not servers()


@pytest.mark.parametrize(
    ("container", "codec", "rate", "layout"),
    [
        *(
            ("wav", "pcm_s16le", 8_000, "stereo"),
            ("wav", "pcm_alaw", 8_000, "mono"),
            ("wav", "pcm_mulaw", 8_000, "mono"),
        ),
        *(
            ("mp3", "libmp3lame", 24_000, "mono"),
            ("ogg", "libopus", 48_000, "stereo"),
            ("flac", "flac", 16_000, "mono"),
        ),
        *(("ipod", "aac", 16_000, "stereo"), ("amr", "libopencore_amrnb", 8_000, "mono")),
        *(("webm", "libopus", 48_000, "mono"), ("3gp", "libopencore_amrnb", 8_000, "mono")),
    ],
)
async def test_every_kind_that_is_kept_is_decoded(container: str, codec: str, rate: int, layout: str) -> None:
    found = await decoded(made(container, codec, rate=rate, layout=layout))
    assert found.duration_s == pytest.approx(3, abs=0.15)
    assert (found.sample_rate_hz, found.channels) == (rate, 2 if layout == "stereo" else 1)
    assert (found.errors, found.gaps) == (0, 0)
    assert len(found.peaks) == len(found.channel_silence) == found.channels
    assert len(found.peaks[0]) * found.bucket_s == pytest.approx(found.duration_s, abs=0.02)
    assert max(found.peaks[0]) == pytest.approx(62, abs=8)
    (span,) = found.silence
    assert span == pytest.approx((0.9, 2.1), abs=0.15)


async def test_gsm_in_wav_is_decoded() -> None:
    fmt = struct.pack("<HHIIHHHH", 0x31, 1, 8_000, 1_625, 65, 0, 2, 320)
    body = bytes(range(65)) * 50
    data = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(body)) + body
    found = await decoded(b"RIFF" + struct.pack("<I", len(data)) + data)
    assert (found.codec, found.duration_s) == ("gsm_ms", 2.0)


def pcm(channels: int, rate: int, bits: int, *, tag: int = 1) -> bytes:
    """Two seconds of noise, as a WAV written by hand."""
    align = channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * align, align, bits)
    body = bytes(range(256)) * (-(-rate * align * 2 // 256))
    chunks = b"WAVE" + fmt + b"data" + struct.pack("<I", rate * align * 2) + body[: rate * align * 2]
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


@pytest.mark.parametrize(
    ("channels", "rate", "bits", "tag"),
    [
        *((3, 8_000, 16, 1), (9, 8_000, 16, 1), (24, 8_000, 16, 1), (1, 400, 16, 1), (1, 192_000, 16, 1)),
        *((2, 8_000, 8, 1), (2, 8_000, 24, 1), (2, 8_000, 32, 3), (2, 8_000, 64, 3)),
    ],
)
async def test_odd_forms_of_pcm_are_decoded(channels: int, rate: int, bits: int, tag: int) -> None:
    found = await decoded(pcm(channels, rate, bits, tag=tag))
    assert (found.channels, found.sample_rate_hz, found.errors) == (channels, rate, 0)
    assert len(found.peaks) == min(channels, 8)
    assert max(found.peaks[0]) > 100
    assert found.duration_s == pytest.approx(2, abs=0.01)


async def test_a_stream_that_changes_its_form_keeps_its_clock() -> None:
    found = await decoded(
        made("mp3", "libmp3lame", rate=24_000) + made("mp3", "libmp3lame", rate=16_000, layout="stereo")
    )
    assert (found.sample_rate_hz, found.channels) == (24_000, 1)
    assert found.duration_s == pytest.approx(6, abs=0.3)


async def test_an_index_at_the_end_is_fetched_range_by_range() -> None:
    data = made("mov", "pcm_s16le", rate=48_000, layout="stereo", seconds=30)
    asked: list[tuple[int, int]] = []

    async def read(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    async with Decoders() as decoders:
        found = await decoders.decode(read, size_bytes=len(data), media_type=MediaType.MP4, limits=LIMITS)
    assert found.duration_s == pytest.approx(30)
    assert len(data) > 5 * 1_048_576
    assert asked[1][0] > len(data) - 2 * 1_048_576  # the index comes after the first block
    assert sum(stop - start for start, stop in asked) < 1.5 * len(data)


async def test_a_cut_file_says_how_much_it_had_claimed() -> None:
    for data in (made("wav", "pcm_s16le"), made("wav", "pcm_alaw"), made("mp3", "libmp3lame", seconds=9)):
        found = await decoded(data[: len(data) // 2])
        assert found.claimed_s is not None
        assert found.claimed_s > found.duration_s * 1.9


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus")])
async def test_damage_inside_is_counted_and_the_rest_decoded(container: str, codec: str) -> None:
    data = bytearray(made(container, codec, rate=48_000, seconds=20))
    middle = len(data) // 2
    data[middle : middle + 6_000] = os.urandom(6_000)
    found = await decoded(bytes(data))
    assert found.errors + found.gaps > 0
    assert found.duration_s == pytest.approx(20, abs=2.5)


async def test_what_cannot_be_opened_is_told() -> None:
    assert await reason_of(made("ipod", "aac", rate=16_000)[:9_000], media_type=MediaType.MP4) == Reason.UNREADABLE
    assert await reason_of(b"#!AMR\n\x04", media_type=MediaType.AMR) in {Reason.NO_AUDIO, Reason.UNREADABLE}
    header_only = made("wav", "pcm_s16le")[:44]
    assert await reason_of(header_only, media_type=MediaType.WAV) in {Reason.NO_AUDIO, Reason.UNREADABLE}


async def test_the_container_is_the_one_that_was_judged() -> None:
    playlist = b"#EXTM3U\n#EXTINF:9,\nfile:///etc/hostname\n"
    for media_type in MediaType:
        assert await reason_of(playlist, media_type=media_type) in {Reason.UNREADABLE, Reason.NO_AUDIO}


def acting(code: str) -> tuple[str, ...]:
    """A child that does this instead of decoding."""
    modules = "import os, sys, signal, socket, subprocess, time, resource\n"
    begin = f"{modules}from ingest.decoder import confine, serve, _write\n"
    return (sys.executable, "-I", "-c", f"{begin}serve(lambda _: exec({code!r}, globals()))")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", Reason.CRASHED),
        ("os.abort()", Reason.CRASHED),
        ("sys.exit(0)", Reason.CRASHED),
        ("raise ValueError", Reason.CRASHED),
        ("os.kill(os.getpid(), signal.SIGKILL)", Reason.MEMORY),
        ("confine(memory_mb=64, cpu_s=1)\nwhile True: pass", Reason.TIME),
        ("time.sleep(60)", Reason.TIME),
        ("os.close(1); time.sleep(1)", Reason.CRASHED),
        ("_write(b'R' + b'\\xff' * 16)", Reason.NONSENSE),
        ("_write(b'R' + bytes(16))", Reason.NONSENSE),
        ("_write(b'F' + (1 << 40).to_bytes(8, 'big') + bytes(8))", Reason.NONSENSE),
        ("_write(b'F' + (9).to_bytes(8, 'big') + bytes(8) + b'not facts')", Reason.NONSENSE),
        ("_write(b'F' + (2).to_bytes(8, 'big') + bytes(8) + b'{}')", Reason.NONSENSE),
        ("_write(b'GET / HTTP/1.1\\r\\n\\r\\n')", Reason.NONSENSE),
        ("[_write(b'R' + bytes(8) + (3).to_bytes(8, 'big')) or os.read(0, 7) for _ in range(1 << 30)]", Reason.TIME),
    ],
)
async def test_whatever_the_child_does_a_reason_comes_back(code: str, reason: Reason) -> None:
    limits = Limits(memory_mb=64, timeout_s=2 if reason is Reason.TIME else 60)
    assert await reason_of(bytes(64), limits, media_type=MediaType.WAV, command=acting(code)) == reason


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket()",
        "open('/tmp/tallenne-plain', 'wb')",
        "open('/etc/hostname')",
        "import subprocess; subprocess.run(['/bin/true'])",
        "b'x' * (1 << 30)",
        "print(os.environ['SECRET'])",
    ],
)
async def test_the_child_can_do_nothing_but_decode(attempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the worker")
    answer = "_write(b'F' + (19).to_bytes(8, 'big') + bytes(8) + b'{\"failed\":\"memory\"}')"
    command = acting(f"confine(memory_mb=64, cpu_s=5)\ntry:\n {attempt}\nexcept Exception:\n {answer}")
    assert await reason_of(bytes(64), media_type=MediaType.WAV, command=command) == Reason.MEMORY


async def test_too_little_memory_is_a_reason_and_not_a_crash() -> None:
    channels, rate = 2, 48_000
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * 4, 4, 16)
    body = bytes(8_000_000)
    data = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(body)) + body
    reason = await reason_of(b"RIFF" + struct.pack("<I", len(data)) + data, Limits(memory_mb=0, timeout_s=30))
    assert reason in {Reason.MEMORY, Reason.CRASHED}


async def test_what_the_store_raises_is_not_blamed_on_the_file() -> None:
    async def read(*_: int) -> bytes:
        raise StoreUnavailable

    async with Decoders() as decoders:
        with pytest.raises(StoreUnavailable):
            await decoders.decode(read, size_bytes=100, media_type=MediaType.WAV, limits=LIMITS)


async def test_a_cancelled_decoding_leaves_no_process() -> None:
    asked = asyncio.Event()

    async def read(*_: int) -> bytes:
        asked.set()
        await asyncio.sleep(60)
        return b""

    async with Decoders() as decoders:
        task = asyncio.create_task(decoders.decode(read, size_bytes=100, media_type=MediaType.WAV, limits=LIMITS))
        await asyncio.wait_for(asked.wait(), 10)
        (server,) = servers()
        assert len(server.children()) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not server.children()


async def test_a_crash_spoils_nothing_for_the_others() -> None:
    whole, bad = made("wav", "pcm_s16le", seconds=2), b"RIFF" + bytes(40)

    async def one(data: bytes, decoders: Decoders, memory_mb: int) -> float | Reason:
        async def read(start: int, stop: int) -> bytes:
            return data[start:stop]

        try:
            limits = Limits(memory_mb=memory_mb, timeout_s=30)
            found = await decoders.decode(read, size_bytes=len(data), media_type=MediaType.WAV, limits=limits)
        except UndecodableError as error:
            return error.reason
        return found.duration_s

    async with Decoders() as decoders:
        for _ in range(3):
            good, spoilt, starved = await asyncio.gather(
                one(whole, decoders, 256), one(bad, decoders, 256), one(whole, decoders, 0)
            )
            assert good == 2.0
            assert spoilt in {Reason.NO_AUDIO, Reason.UNREADABLE}
            assert starved in {2.0, Reason.MEMORY, Reason.CRASHED}
        assert len(servers()) == 1


async def test_a_server_that_was_killed_is_started_again_and_no_file_is_blamed() -> None:
    data = made("wav", "pcm_s16le", seconds=2)

    async def read(start: int, stop: int) -> bytes:
        return data[start:stop]

    async def die(*_: int) -> bytes:
        (server,) = servers()
        for one in (server, *server.children()):  # before it can tell what became of its child
            one.kill()
        return b""

    async with Decoders() as decoders:
        with pytest.raises(DecoderLostError):
            await decoders.decode(die, size_bytes=len(data), media_type=MediaType.WAV, limits=LIMITS)
        found = await decoders.decode(read, size_bytes=len(data), media_type=MediaType.WAV, limits=LIMITS)
        assert found.duration_s == 2.0


async def test_a_starter_that_dies_takes_server_and_children_along() -> None:
    code = """
import asyncio, sys
from ingest.decoding import Decoders, Limits
from ingest.media import MediaType
async def read(*_):
    print("asked", flush=True)
    await asyncio.sleep(60)
async def main():
    async with Decoders() as decoders:
        await decoders.decode(read, size_bytes=9, media_type=MediaType.WAV, limits=Limits(memory_mb=64, timeout_s=60))
asyncio.run(main())
"""
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert starter.stdout is not None
    assert await starter.stdout.readline() == b"asked\n"
    left = psutil.Process(starter.pid).children(recursive=True)
    assert len(left) == 2
    starter.kill()
    await starter.wait()
    assert not psutil.wait_procs(left, timeout=10)[1]


def cut(data: bytes, dice: np.random.Generator) -> bytes:
    return data[: int(dice.integers(len(data)))]


def speckled(data: bytes, dice: np.random.Generator) -> bytes:
    spoilt = bytearray(data)
    for at in dice.integers(0, len(data), 40).tolist():
        spoilt[at] = 255
    return bytes(spoilt)


def beheaded(data: bytes, dice: np.random.Generator) -> bytes:
    return dice.bytes(400) + data[400:]


async def outcome(data: bytes, media_type: MediaType | None) -> Reason | float:
    try:
        return (await decoded(data, media_type=media_type)).duration_s
    except UndecodableError as error:
        return error.reason


async def test_rubbish_of_every_kind_is_decoded_or_refused() -> None:
    dice = np.random.default_rng(20261124)
    opus = [made(container, "libopus", rate=48_000) for container in ("webm", "ogg")]
    for whole in [*opus, made("ipod", "aac", rate=16_000), made("mp3", "libmp3lame"), made("flac", "flac")]:
        for change in (cut, speckled, beheaded):
            found = await outcome(change(whole, dice), sniff(whole))
            assert found in {Reason.UNREADABLE, Reason.NO_AUDIO, Reason.MEMORY} or 0 < float(found) < 86_400


@pytest.mark.conformance
async def test_real_calls_are_decoded_whole() -> None:
    for path in sorted(SAMPLES.glob("*.mp3")):
        told = json.loads(path.with_suffix(".vcon.json").read_text())["dialog"][0]
        found = await decoded(path.read_bytes())
        assert (found.codec, found.sample_rate_hz, found.channels, found.errors, found.gaps) == ("mp3", 24_000, 1, 0, 0)
        assert found.duration_s == pytest.approx(told["duration"], abs=1)
        assert max(found.peaks[0]) > 20
