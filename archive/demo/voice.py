"""Speak the dialogues: `python -m archive.demo.voice [--only ID] [--into DIR]`, run by hand when a dialogue changes.

It needs Debian's packages festival, festvox-suopuhe-mv and festvox-suopuhe-lj; the archive itself never does, since
what this makes is kept beside it. Each turn is spoken by its own voice, set after the one before it, squeezed through
a telephone's band and written as Ogg Opus with one speaker a channel. What is said when goes to manifest.jsonl.

Voices: Suopuhe, Department of General Linguistics, University of Helsinki (LGPL); the agent is "mv", the customer "lj".
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from archive.demo.spoken import SPEAKERS, Dialogue, Speaker, Timed, Turn, Voiced, dialogues

__all__ = ["band", "encode", "lay_out", "main"]

Samples = npt.NDArray[np.float32]

RATE: Final = 8000
"""Samples a second: a telephone's."""
BAND_HZ: Final = (300.0, 3400.0)
"""ITU-T G.712's voice band."""
LEVEL: Final[dict[Speaker, float]] = {"agent": 0.10, "customer": 0.08}
"""Root mean square of a speaker's turns, of full scale: about -20 dBFS; the customer's line is a little weaker."""
CEILING: Final = 0.8
BITS_A_SECOND: Final = 20_000
"""Below about 19,000 libopus folds two voices into one channel; here the other channel stays 65 dB lower."""
VOICES: Final[dict[Speaker, str]] = {"agent": "hy_fi_mv_diphone", "customer": "suo_fi_lj_diphone"}

# In running Finnish speech a final n takes the place of the stop that follows it; the voices know this inside words
# only and would otherwise click at the join, since they have no diphone n-k.
SANDHI: Final = """
(define (tallenne_sandhi utt)
  (mapcar (lambda (s)
     (if (and (string-equal (item.name s) "n") (item.next s)
              (or (string-equal (item.name (item.next s)) "k") (string-equal (item.name (item.next s)) "g")))
         (item.set_name s "N")))
   (utt.relation.items utt 'Segment))
  utt)
(set! postlex_rules_hooks (cons tallenne_sandhi postlex_rules_hooks))
"""


def speak(turn: Turn, scratch: Path) -> Samples:
    """One turn as sound at RATE; CalledProcessError when festival cannot, UnicodeEncodeError beyond Latin-1."""
    text2wave = shutil.which("text2wave")
    if text2wave is None:
        sys.exit("festival is not installed: apt-get install festival festvox-suopuhe-mv festvox-suopuhe-lj")
    wave = scratch / "turn.wav"
    command = [text2wave, "-eval", f"({VOICES[turn.speaker]})", "-eval", str(_sandhi(scratch)), "-o", str(wave)]
    said = subprocess.run(command, input=turn.text.encode("latin-1"), check=True, capture_output=True)  # noqa: S603 - fixed words
    for line in said.stderr.decode("latin-1").splitlines():
        print(f"{turn.speaker}: {line}", file=sys.stderr)  # noqa: T201 - a diphone that is lacking is to be heard of
    return _trimmed(_read(wave))


def _sandhi(scratch: Path) -> Path:
    rules = scratch / "sandhi.scm"
    rules.write_text(SANDHI, "latin-1")
    return rules


def _read(wave: Path) -> Samples:
    """A file's first channel at RATE, as floats of -1 to 1."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(wave)) as source:
        frames = [out for frame in source.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def _trimmed(sound: Samples) -> Samples:
    """Without the silence that the synthesiser puts around a turn, so that the gaps are ours to choose."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    margin = RATE // 50
    return sound[max(loud[0] - margin, 0) : loud[-1] + margin]


def band(sound: Samples) -> Samples:
    """The sound as a telephone lets it through: a windowed-sinc band-pass of 255 taps, without delay."""
    taps = np.arange(255) - 127
    low, high = (2.0 * edge / RATE for edge in BAND_HZ)
    kernel = (high * np.sinc(high * taps) - low * np.sinc(low * taps)) * np.blackman(taps.size)
    return np.convolve(sound, kernel, mode="same").astype(np.float32)


def lay_out(call: str, turns: list[tuple[Turn, Samples]]) -> tuple[Samples, tuple[Timed, ...]]:
    """Place the turns one after another, each on its speaker's channel: samples of shape (2, n), and the times.

    The pauses are random but the same for the same call.
    """
    chance = random.Random(call)  # noqa: S311 - pauses are no secret
    at, timed, placed = 0.5, [], []
    for turn, sound in turns:
        end = at + sound.size / RATE
        timed.append(Timed(speaker=turn.speaker, start_s=round(at, 2), end_s=round(end, 2), text=turn.text))
        placed.append((SPEAKERS.index(turn.speaker), round(at * RATE), sound))
        at = end + chance.uniform(0.25, 0.8)
    both = np.zeros((2, round((at + 0.2) * RATE)), np.float32)
    for channel, start, sound in placed:
        both[channel, start : start + sound.size] = sound
    return both, tuple(timed)


def _levelled(turn: Turn, sound: Samples) -> Samples:
    heard = band(sound)
    louder = heard * (LEVEL[turn.speaker] / float(np.sqrt(np.mean(heard**2))))
    # A soft knee instead of a clip: vowels keep their shape.
    bent: Samples = CEILING * np.tanh(louder / CEILING)
    return bent.astype(np.float32)


def encode(both: Samples, path: Path) -> None:
    """Write samples of shape (2, n) at RATE as Ogg Opus, agent left, at about BITS_A_SECOND."""
    options = {"application": "voip", "frame_duration": "60", "vbr": "on", "compression_level": "10"}
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as target:
        stream = target.add_stream("libopus", rate=RATE, options=options)
        stream.layout, stream.bit_rate = "stereo", BITS_A_SECOND
        frame = av.AudioFrame.from_ndarray(both.T.reshape(1, -1).copy(), format="flt", layout="stereo")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)


def make(dialogue: Dialogue, into: Path) -> Voiced:
    """Speak one dialogue into its file; the answer is its line of the manifest."""
    with tempfile.TemporaryDirectory() as scratch:
        sounds = [(turn, _levelled(turn, speak(turn, Path(scratch)))) for turn in dialogue.turns]
    both, timed = lay_out(dialogue.id, sounds)
    path = into / f"{dialogue.id}.opus"
    encode(both, path)
    kept = path.read_bytes()
    return Voiced(
        id=dialogue.id,
        sha256=hashlib.sha256(kept).hexdigest(),
        size_bytes=len(kept),
        duration_s=round(both.shape[1] / RATE, 2),
        turns=timed,
    )


def main() -> None:
    """Speak every dialogue (or the one asked for) and write the manifest of all that were spoken."""
    parser = argparse.ArgumentParser(description="Speak the demo dialogues with festival.")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "voices")
    parser.add_argument("--only", help="the id of one dialogue; the manifest is then left alone")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    made = [make(each, asked.into) for each in dialogues() if asked.only in {None, each.id}]
    if not asked.only:
        lines = [json.dumps(asdict(each), ensure_ascii=False, sort_keys=True) + "\n" for each in made]
        (asked.into / "manifest.jsonl").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
