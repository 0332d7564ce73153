"""What was pushed under faults and what was answered: the memory against which the archive is judged afterwards."""

import hashlib
import struct
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

OLD = "old"
"""The category whose contacts are due at once; all others are kept without a date."""


@dataclass(kw_only=True)
class Push:
    """One recording; `interaction` is known once a push was acknowledged.

    Its bytes are made anew from `seed` whenever they are asked for: those of a long run do not fit into memory.
    """

    external_id: str
    seed: int
    due: bool
    interaction: str | None = None
    tries: int = 0
    held: bool = False

    @property
    def body(self) -> bytes:
        """The recording, the same each time."""
        return _recording(Random(self.seed))

    @cached_property
    def sha256(self) -> str:
        """The digest of the recording."""
        return hashlib.sha256(self.body).hexdigest()

    def metadata(self, company: str) -> dict[str, Any]:
        """What is said about it: a due one ended years ago."""
        year = 2020 if self.due else 2026
        said = {"company": company, "started_at": f"{year}-03-01T09:00:00+02:00", "direction": "inbound"}
        return said | ({"category": OLD} if self.due else {})


@dataclass(slots=True)
class Ledger:
    """Every push of a run by its external id, and the disposals that were acknowledged."""

    pushes: dict[str, Push] = field(default_factory=dict)
    disposals: list[str] = field(default_factory=list)
    kept_unanswered: int = 0
    refused_for_now: int = 0

    def new(self, rng: Random, name: str) -> Push:
        """A further recording; a third of them are due at once."""
        push = Push(external_id=name, seed=rng.getrandbits(64), due=rng.random() < 1 / 3)
        self.pushes[name] = push
        return push

    @property
    def acknowledged(self) -> list[Push]:
        """Those that were answered with a receipt."""
        return [push for push in self.pushes.values() if push.interaction is not None]

    @property
    def open(self) -> list[Push]:
        """Those that never were."""
        return [push for push in self.pushes.values() if push.interaction is None]


def _recording(rng: Random) -> bytes:
    """A WAV of noise, of 1 to 150 kB and now and then of several parts of a multipart upload."""
    size = rng.randint(6_000_000, 12_000_000) if rng.random() < 1 / 40 else rng.randint(1_000, 150_000)
    samples = rng.randbytes(size // 2 * 2)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    chunks = b"WAVE" + fmt + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
