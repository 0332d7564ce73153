"""Sounds in which nobody speaks, as a telephone line has them: arrays of full scale 1.0 at 8,000 samples a second."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RATE_HZ = 8_000
Sound = npt.NDArray[np.float32]


def silence(seconds: float) -> Sound:
    """Nothing but the last bit of a converter."""
    chance = np.random.default_rng(1)
    return (chance.integers(-1, 2, round(seconds * RATE_HZ)) / 32_768).astype(np.float32)


def noise(seconds: float) -> Sound:
    """A noisy line, louder and softer in turns, with a click now and then."""
    chance = np.random.default_rng(2)
    t = _time(seconds)
    sound = chance.normal(0, 0.05, t.size) * (1 + 0.8 * np.sin(2 * np.pi * 0.3 * t))
    sound[chance.integers(0, t.size, round(seconds))] += 0.7
    return np.clip(sound, -1, 1).astype(np.float32)


def dial_tone(seconds: float) -> Sound:
    """425 Hz without end, as the exchanges of Finland send it."""
    return (0.2 * np.sin(2 * np.pi * 425 * _time(seconds))).astype(np.float32)


def ringing(seconds: float) -> Sound:
    """425 Hz, one second of five."""
    t = _time(seconds)
    return (0.25 * np.sin(2 * np.pi * 425 * t) * (t % 5 < 1)).astype(np.float32)


def music(seconds: float) -> Sound:
    """What plays while one waits: a tune with chords under it and a beat, in plucked tones with overtones."""
    t = _time(seconds)
    tune = (0, 4, 7, 12, 11, 7, 9, 5, 4, 7, 2, 5, 4, 0, 2, -1)
    chords = ((0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14))
    sound = np.zeros(t.size)
    beat_s = 0.4
    for number in range(round(seconds / beat_s)):
        _pluck(sound, number * beat_s, tune[number % len(tune)] + 12, 0.10, 0.6)
        if number % 4 == 0:
            for step in chords[number // 4 % len(chords)]:
                _pluck(sound, number * beat_s, step, 0.06, 1.6)
    chance = np.random.default_rng(3)
    sound += chance.normal(0, 0.04, t.size) * np.exp(-(t % beat_s) * 40)
    return np.clip(sound, -1, 1).astype(np.float32)


def _pluck(into: npt.NDArray[np.float64], at_s: float, step: int, level: float, length_s: float) -> None:
    start = round(at_s * RATE_HZ)
    place = into[start : start + round(length_s * RATE_HZ)]
    t = np.arange(place.size) / RATE_HZ
    pitch = 261.6 * 2 ** (step / 12)
    tones = sum(np.sin(2 * np.pi * pitch * n * t) / n for n in range(1, 6))
    place += level * tones * np.exp(-3 * t) * np.minimum(1, t * 200)


def _time(seconds: float) -> npt.NDArray[np.float64]:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


SOUNDS: dict[str, Callable[[float], Sound]] = {
    "silence": silence,
    "noise": noise,
    "dial-tone": dial_tone,
    "ringing": ringing,
    "music": music,
}
"""By name."""
