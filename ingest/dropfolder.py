"""Recordings that lie in files, each with its metadata in a JSON file beside it: for exports, and for moving in.

A file goes through the same door as a push over HTTP (`ingest.intake`), so a second run finds what is kept. Nothing is
moved or deleted here. The command `tallenne ingest` prints what is told; other kinds of files are other doors.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from archive.custody import Services
from archive.domain.access import Actor
from archive.errors import Invalid, RequestError, StoreUnavailable
from ingest.intake import receive, recording
from ingest.metadata import METADATA_BYTES, judge_sidecar
from ingest.receipts import Receipt

SUFFIXES: Final = frozenset(
    {".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".mp4", ".3gp", ".amr", ".awb", ".webm"}
)
_PIECE_BYTES: Final = 1_048_576
_TRIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file: its receipt, or the error that refused it."""

    path: Path
    receipt: Receipt | None = None
    error: RequestError | None = None


def recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are named, and in folders those whose names end like audio, in order; hidden ones are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.suffix.lower() in SUFFIXES and not hidden and found.is_file():
                yield found


async def take(
    services: Services, actor: Actor, paths: Iterable[Path], *, company: str, source: str
) -> AsyncIterator[Outcome]:
    """Keep each recording and tell what became of it; one that is refused does not stop the others.

    Raises:
        StoreUnavailable: the store is still away after some tries; what was told is kept, do it again for the rest.

    """
    for path in recordings(paths):
        try:
            receipt = await _take_one(services, actor, path, company=company, source=source)
        except RequestError as error:
            yield Outcome(path=path, error=error)
        else:
            yield Outcome(path=path, receipt=receipt)


async def _take_one(services: Services, actor: Actor, path: Path, *, company: str, source: str) -> Receipt:
    """Push one file; a store that is away for a moment is waited for."""
    now = datetime.now(UTC)
    said = judge_sidecar(await asyncio.to_thread(_beside, path), now, company)
    push = recording(said.source or source, said.external_id or path.name, said.metadata)
    tries = 1
    while True:
        try:
            return await receive(services, actor, push, _pieces(path), now)
        except StoreUnavailable as error:
            if tries == _TRIES:
                raise
            await asyncio.sleep(error.retry_after_s)
            tries += 1
        except OSError as error:
            raise Invalid.of("audio", f"the file cannot be read: {error.strerror}") from None


def _beside(path: Path) -> bytes:
    """The metadata: `call.wav.json` when it is there, else `call.json`; no more of it than can be judged."""
    longer = path.with_name(f"{path.name}.json")
    sidecar = longer if longer.exists() else path.with_suffix(".json")
    try:
        with sidecar.open("rb") as file:
            return file.read(METADATA_BYTES + 1)
    except OSError:
        raise Invalid.of("sidecar", f"there is no {sidecar.name} beside it, or it cannot be read") from None


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
