"""Speech cut into chunks: every sample of it once, where it was, whatever the windows and the pauses."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sound import RATE_HZ
from ingest.transcribe.listening import CHUNK_S, Chunk, Listener, Sound, is_one_sound

LOUD = 9_000


def loud_spans(sound: Sound) -> list[tuple[int, int]]:
    """Speech is what is loud; pauses of less than a tenth of a second are in it."""
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > RATE_HZ // 10)
    starts, ends = [loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]]
    spans = [(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]
    limit = CHUNK_S * RATE_HZ
    return [(at, min(at + limit, end)) for start, end in spans for at in range(start, end, limit)]


def recording(*spans: tuple[float, float], seconds: float) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    sound = np.zeros(round(seconds * RATE_HZ), np.int16)
    for start, end in spans:
        sound[round(start * RATE_HZ) : round(end * RATE_HZ)] = LOUD
    return sound


def chunks(*channels: "np.ndarray[tuple[int], np.dtype[np.int16]]", piece_s: float = 1.0) -> list[Chunk]:
    return list(heard(np.stack(channels, axis=1), piece_s))


def heard(both: "np.ndarray[tuple[int, int], np.dtype[np.int16]]", piece_s: float) -> Iterator[Chunk]:
    listener = Listener(both.shape[1], loud_spans)
    size = round(piece_s * RATE_HZ)
    for at in range(0, len(both), size):
        yield from listener.add(both[at : at + size].astype("<i2").tobytes())
    yield from listener.finish()
    assert listener.samples == len(both)


def spans_of(many: list[Chunk], channel: int) -> list[tuple[float, float]]:
    """Where the stretches of a channel's chunks lie in the recording; those that meet are one."""
    found: list[list[float]] = []
    for chunk in (one for one in many if one.channel == channel):
        ends = [*(stretch.in_chunk for stretch in chunk.stretches[1:]), chunk.length]
        for stretch, end in zip(chunk.stretches, ends, strict=True):
            start = stretch.in_recording
            if found and found[-1][1] == start:
                found[-1][1] = start + end - stretch.in_chunk
            else:
                found.append([start, start + end - stretch.in_chunk])
    return [(round(start / RATE_HZ, 3), round(end / RATE_HZ, 3)) for start, end in found]


def test_speech_of_each_channel_is_found_where_it_is_over_the_borders_of_windows() -> None:
    agent = recording((1, 5), (58, 63), (119.9, 121), seconds=130)
    customer = recording((6, 20), (59.7, 60.3), (129, 130), seconds=130)
    found = chunks(agent, customer)
    assert spans_of(found, 0) == [(1, 5), (58, 63), (119.9, 121)]
    assert spans_of(found, 1) == [(6, 20), (59.7, 60.3), (129, 130)]
    assert not any(chunk.mixed for chunk in found)


def test_pauses_are_cut_out_and_chunks_are_full() -> None:
    spans = [(float(at), at + 4.0) for at in range(0, 120, 10)]
    found = chunks(recording(*spans, seconds=120), recording(seconds=120))
    assert [chunk.length / RATE_HZ for chunk in found] == [28, 20]


def test_a_long_speech_is_cut_and_nothing_of_it_lost() -> None:
    found = chunks(recording((2, 100), seconds=110))
    assert spans_of(found, 0) == [(2, 100)]
    assert max(chunk.length for chunk in found) <= CHUNK_S * RATE_HZ


def test_one_sound_on_two_channels_is_heard_once_and_its_speaker_unknown() -> None:
    same = recording((1, 4), (80, 84), seconds=90)
    found = chunks(same, same)
    assert spans_of(found, 0) == [(1, 4), (80, 84)]
    assert spans_of(found, 1) == []
    assert all(chunk.mixed for chunk in found)


def test_what_is_said_up_to_a_window_of_one_sound_is_heard() -> None:
    tone = recording((75, 80), seconds=120)
    customer = np.maximum(recording((40, 60), seconds=120), tone)
    found = chunks(tone, customer)
    assert spans_of(found, 1) == [(40, 60)], "the customer's last words before a busy tone"
    assert spans_of(found, 0) == [(75, 80)]
    assert [(chunk.channel, chunk.mixed) for chunk in found] == [(0, True), (1, False)]


def test_times_in_a_chunk_are_times_in_the_recording() -> None:
    chunk = Chunk(channel=0, mixed=False)
    chunk.add(np.ones(2 * RATE_HZ, np.float32), 10 * RATE_HZ)
    chunk.add(np.ones(3 * RATE_HZ, np.float32), 60 * RATE_HZ)
    assert chunk.times(0.5, 1.0) == (10.5, 11.0)
    assert chunk.times(2.5, 4.0) == (60.5, 62.0)
    assert chunk.times(1.7, 2.2) == (11.7, 12.0), "a word lies in one stretch"


def test_silence_is_not_even_looked_at() -> None:
    def never(sound: Sound) -> list[tuple[int, int]]:
        raise AssertionError(sound)

    listener = Listener(1, never)
    chance = np.random.default_rng(1)
    hiss = chance.integers(-20, 20, 90 * RATE_HZ).astype("<i2")
    assert [*listener.add(hiss.tobytes()), *listener.finish()] == []


@pytest.mark.parametrize(("apart", "same"), [(0, True), (300, True), (5_000, False)])
def test_channels_are_one_sound_when_they_hardly_differ(apart: int, same: bool) -> None:
    chance = np.random.default_rng(1)
    left = chance.normal(0, 5_000, 16_000)
    both = np.stack((left, left + chance.normal(0, apart, 16_000)), axis=1).clip(-32_768, 32_767).astype(np.int16)
    assert is_one_sound(both) is same


_CUTS = st.lists(st.integers(2, 1_500), min_size=0, max_size=24, unique=True).map(sorted)


@settings(max_examples=25, deadline=None)
@given(cuts=_CUTS, piece_s=st.sampled_from([0.37, 1.0, 7.0, 200.0]))
def test_every_sample_of_speech_is_heard_once(cuts: list[int], piece_s: float) -> None:
    pairs = [(a / 10, b / 10) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if b - a > 1]
    spans = [pair for n, pair in enumerate(pairs) if n == 0 or pair[0] - pairs[n - 1][1] > 0.15]
    found = chunks(recording(*spans, seconds=152), piece_s=piece_s)
    assert spans_of(found, 0) == [(round(a, 3), round(b, 3)) for a, b in spans]
