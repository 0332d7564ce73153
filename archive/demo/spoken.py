"""The forty spoken calls: what is said in them (dialogues/*.toml) and how they sound (voices/*.opus).

Here is only reading. `archive.demo.voice` makes the sound from the words; `archive.demo.calls` gives the calls a
date, a phone and a place in the archive.
"""

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

__all__ = ["SPEAKERS", "Dialogue", "Speaker", "Timed", "Turn", "Voiced", "dialogues", "opus", "voiced"]

Speaker = Literal["agent", "customer"]
SPEAKERS: tuple[Speaker, ...] = get_args(Speaker)
"""The channels of every spoken call, left to right."""

_LETTERS: dict[str, Speaker] = {"A": "agent", "C": "customer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One person speaks without being interrupted; numbers are written as words."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """One call as written: who talks with whom, about what, and how long ago."""

    id: str
    company: Literal["retail", "network"]
    direction: Literal["inbound", "outbound"]
    queue: str
    category: str
    days_ago: int
    agent: str
    customer: str
    address: str
    """Street, then postal code and city: `Kuusitie 4, 16300 Orimattila`."""
    turns: tuple[Turn, ...]
    customer_number: str | None = None
    """Given only where the number is said aloud."""
    conversation: str | None = None
    """Shared by the legs of one transferred call."""
    minutes_after: int = 0
    """How much later than the first leg this one began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A turn and where in the recording it is heard."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voiced:
    """One call as recorded: the truth against which speech recognition can be measured."""

    id: str
    sha256: str
    size_bytes: int
    duration_s: float
    turns: tuple[Timed, ...]


def _folder(name: str) -> Traversable:
    return files("archive.demo") / name


def _turns(said: str) -> tuple[Turn, ...]:
    """Turn the block of `A: ...` and `C: ...` lines into turns; a line without a speaker is a KeyError."""
    lines = (line.partition(": ") for line in said.strip().splitlines())
    return tuple(Turn(speaker=_LETTERS[letter], text=text) for letter, _, text in lines)


def _dialogue(call: dict[str, Any]) -> Dialogue:
    return Dialogue(**{key: value for key, value in call.items() if key != "said"}, turns=_turns(call["said"]))


@cache
def dialogues() -> tuple[Dialogue, ...]:
    """Every call as written, in the order of file names and then of the file."""
    pages = sorted((page for page in _folder("dialogues").iterdir() if page.name.endswith(".toml")), key=str)
    return tuple(_dialogue(call) for page in pages for call in tomllib.loads(page.read_text("utf-8"))["calls"])


@cache
def voiced() -> dict[str, Voiced]:
    """Every recording's facts by the dialogue's id, from voices/manifest.jsonl (one line a call)."""
    rows = [json.loads(line) for line in (_folder("voices") / "manifest.jsonl").read_text("utf-8").splitlines()]
    return {row["id"]: Voiced(**row | {"turns": tuple(Timed(**turn) for turn in row["turns"])}) for row in rows}


def opus(call: str) -> bytes:
    """The recording of one dialogue: Ogg Opus, two channels, agent left; FileNotFoundError for an unknown id."""
    return (_folder("voices") / f"{call}.opus").read_bytes()
