"""The picture of a recording: loudness by bucket and spans of silence, built piece by piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoder_talk import FULL_SCALE, MAX_BUCKETS, MAX_SPANS
from ingest.waveform import Samples, Shape, Waveform

RATE = 8_000


def tone(seconds: float, level: float = 0.5, channels: int = 1) -> Samples:
    wave = np.sin(np.arange(int(seconds * RATE)) * 2 * np.pi * 400 / RATE) * level
    return np.repeat(wave[None, :], channels, axis=0).astype(np.float32)


def shape(*pieces: Samples) -> Shape:
    waveform = Waveform(rate_hz=RATE, channels=pieces[0].shape[0])
    for piece in pieces:
        waveform.add(piece)
    return waveform.finish()


def test_loudness_and_silence_are_where_they_were_spoken() -> None:
    found = shape(tone(2), tone(3, 0.001), tone(1, 1.0))
    assert found.bucket_s == 0.01
    assert len(found.peaks[0]) == 600
    assert max(found.peaks[0][:200]) == pytest.approx(64, abs=1)
    assert max(found.peaks[0][200:500]) == 0
    assert max(found.peaks[0][500:]) == FULL_SCALE
    assert found.silence == found.channel_silence[0] == ((2.0, 5.0),)


def test_the_whole_is_silent_only_where_every_channel_is() -> None:
    agent, customer = np.concatenate((tone(3), tone(3, 0)), axis=1), np.concatenate((tone(4, 0), tone(2)), axis=1)
    found = shape(np.concatenate((agent, customer)))
    assert found.channel_silence == (((3.0, 6.0),), ((0.0, 4.0),))
    assert found.silence == ((3.0, 4.0),)


def test_a_pause_shorter_than_a_second_is_not_told() -> None:
    assert shape(tone(1), tone(0.9, 0), tone(1)).silence == ()


def test_a_gap_is_silent_and_takes_its_time() -> None:
    waveform = Waveform(rate_hz=RATE, channels=1)
    waveform.add(tone(1))
    waveform.skip(90_000)
    waveform.add(tone(1))
    found = waveform.finish()
    assert waveform.duration_s == pytest.approx(90_002)
    assert found.silence == ((1.0, 90_001.0),)
    assert len(found.peaks[0]) <= MAX_BUCKETS
    assert found.peaks[0][0] == found.peaks[0][-1] == 64


def test_the_picture_stays_small_and_loses_no_peak() -> None:
    waveform = Waveform(rate_hz=100, channels=2)
    for at in range(40):
        block = np.zeros((2, 10_000), np.float32)
        block[1, at * 100] = 1.0
        waveform.add(block)
    found = waveform.finish()
    assert MAX_BUCKETS // 2 < len(found.peaks[0]) <= MAX_BUCKETS
    assert found.bucket_s * len(found.peaks[1]) == pytest.approx(4_000, rel=0.01)
    assert set(found.peaks[0]) == {0}
    assert sum(level == FULL_SCALE for level in found.peaks[1]) == 40


def test_many_pauses_leave_the_longest() -> None:
    waveform = Waveform(rate_hz=100, channels=1)
    block = np.concatenate([np.ones((1, 10)), np.zeros((1, 100)), np.ones((1, 10)), np.zeros((1, 500))], axis=1)
    for _ in range(MAX_SPANS):
        waveform.add(block.astype(np.float32))
    spans = waveform.finish().silence
    assert len(spans) == MAX_SPANS
    assert {round(end - start, 2) for start, end in spans} == {5.0}


def test_what_is_no_number_does_no_harm() -> None:
    rubbish = np.array([[np.nan, np.inf, -np.inf, 1e30] * 20_000], np.float32)
    assert set(shape(rubbish).peaks[0]) == {FULL_SCALE}


def test_nothing_has_an_empty_shape() -> None:
    found = Waveform(rate_hz=1, channels=2).finish()
    assert found.peaks == ((), ())
    assert found.silence == ()


@settings(max_examples=30, deadline=None)  # arrays take long on a busy machine
@given(st.lists(st.integers(0, 30_000), max_size=4), st.sampled_from([7, 8_000, 44_100]))
def test_it_does_not_matter_how_it_is_cut(lengths: list[int], rate: int) -> None:
    whole = (np.random.default_rng(sum(lengths)).random((2, sum(lengths))) * 0.01 - 0.005).astype(np.float32)
    at_once, in_pieces = Waveform(rate_hz=rate, channels=2), Waveform(rate_hz=rate, channels=2)
    at_once.add(whole)
    at = 0
    for length in lengths:
        in_pieces.add(whole[:, at : at + length])
        at += length
    assert at_once.finish() == in_pieces.finish()
