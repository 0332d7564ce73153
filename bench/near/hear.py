"""Speak the sentences over a telephone's band and write down what Whisper base makes of them.

    python -m bench.near.hear --model DIR [--scratch DIR] [--clips N]

Run by hand when `sentences.tsv` changes; `heard.jsonl` beside it is the outcome, so that whoever measures misheard
words needs neither festival nor a model. Each of the two Suopuhe voices speaks every sentence; some are set after one
another with a pause between them, as in a call, and never two of the same word. The sound is squeezed through G.711
A-law at 8 kHz. DIR holds a model of CTranslate2 (model.bin, config.json, tokenizer.json, vocabulary.txt).
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from archive.demo.spoken import Speaker, Turn
from archive.demo.voice import RATE, band, speak

__all__ = ["Heard", "Said", "a_law", "said"]

Samples = npt.NDArray[np.float32]

HERE: Final = Path(__file__).parent
VOICES: Final[tuple[Speaker, ...]] = ("agent", "customer")
LEVEL: Final = 0.09
"""Root mean square of an utterance, of full scale: about -21 dBFS."""
PAUSE_S: Final = 0.9
CLIP_S: Final = 26.0
"""A recogniser's window is 30 s; a clip stays inside one."""
A: Final = 87.6
"""The constant of ITU-T G.711's A-law."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One sentence by one voice: the word it is there for, which of that word's sentences it is, and its text."""

    word: str
    number: int
    voice: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the recogniser wrote for it: words with their probabilities of 0 to 1."""

    said: Said
    words: tuple[tuple[str, float], ...]


def said() -> tuple[Said, ...]:
    """Every utterance: all first sentences by one voice, then by the other, then all second ones."""
    lines = [line.split("\t") for line in (HERE / "sentences.tsv").read_text("utf-8").splitlines()]
    return tuple(
        Said(word=line[0], number=number, voice=voice, text=line[number])
        for number in (1, 2)
        for voice in VOICES
        for line in lines
    )


def a_law(sound: Samples) -> Samples:
    """The sound after G.711 A-law at 8 bits a sample, by its formula (not the piecewise table: the noise is alike)."""
    level = np.abs(np.clip(sound, -1, 1))
    top = 1 + np.log(A)
    pressed = np.where(level < 1 / A, A * level / top, (1 + np.log(np.maximum(A * level, 1))) / top)
    steps = np.round(pressed * 127) / 127
    back = np.where(steps < 1 / top, steps * top / A, np.exp(steps * top - 1) / A)
    heard: Samples = (np.sign(sound) * back).astype(np.float32)
    return heard


def sound_of(each: Said, scratch: Path) -> Samples:
    """An utterance as a telephone lets it through, at RATE; kept in scratch."""
    kept = scratch / f"{each.word}-{each.number}-{each.voice}.npy"
    if not kept.exists():
        heard = band(speak(Turn(speaker=each.voice, text=each.text), scratch))
        np.save(kept, a_law(heard * (LEVEL / float(np.sqrt(np.mean(heard**2))))))
    sound: Samples = np.load(kept)
    return sound


def clips(sounds: Sequence[tuple[Said, Samples]]) -> Iterator[list[tuple[Said, Samples]]]:
    """Runs of utterances by one voice that fit a clip."""
    run: list[tuple[Said, Samples]] = []
    for each, sound in sounds:
        length_s = sum(other.size / RATE + PAUSE_S for _, other in run) + sound.size / RATE
        if run and (length_s > CLIP_S or run[-1][0].voice != each.voice):
            yield run
            run = []
        run.append((each, sound))
    yield run


def laid_out(clip: Sequence[tuple[Said, Samples]]) -> tuple[Samples, list[tuple[Said, float, float]]]:
    """The clip's sound at RATE, and when each utterance begins and ends in it, s."""
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    at, times, pieces = PAUSE_S, [], [pause]
    for each, sound in clip:
        times.append((each, at, at + sound.size / RATE))
        at += sound.size / RATE + PAUSE_S
        pieces += [sound, pause]
    return np.concatenate(pieces), times


def at_16_khz(sound: Samples) -> Samples:
    """The sound as the recogniser wants it."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = RATE
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([each.to_ndarray()[0] for each in frames]).astype(np.float32)


def recognise(model: Any, clip: Sequence[tuple[Said, Samples]]) -> list[Heard]:
    """What was heard of each utterance: a word belongs to the one that its middle is nearest to."""
    sound, times = laid_out(clip)
    segments, _ = model.transcribe(
        at_16_khz(sound), language="fi", word_timestamps=True, condition_on_previous_text=False, beam_size=5
    )
    words: dict[Said, list[tuple[str, float]]] = {each: [] for each, _ in clip}
    for word in (word for segment in segments for word in segment.words or ()):
        middle = (word.start + word.end) / 2
        nearest = min(times, key=lambda time: max(time[1] - middle, middle - time[2], 0))
        words[nearest[0]].append((word.word.strip(), round(float(word.probability), 3)))
    return [Heard(said=each, words=tuple(found)) for each, found in words.items()]


def main() -> None:
    """Speak, recognise, write."""
    parser = argparse.ArgumentParser(description="Speak the sentences and write down what is heard.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tallenne-near")
    parser.add_argument("--clips", type=int, help="stop after so many, to try it out")
    asked = parser.parse_args()
    asked.scratch.mkdir(parents=True, exist_ok=True)
    from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra that only this needs

    model = WhisperModel(str(asked.model), device="cpu", compute_type="int8", cpu_threads=1)
    with (HERE / "heard.jsonl").open("w", encoding="utf-8") as into:
        sounds = [(each, sound_of(each, asked.scratch)) for each in said()]
        for number, clip in enumerate(clips(sounds)):
            if number == asked.clips:
                break
            for heard in recognise(model, clip):
                line = {**asdict(heard.said), "heard": heard.words}
                into.write(json.dumps(line, ensure_ascii=False) + "\n")
            into.flush()


if __name__ == "__main__":
    main()
