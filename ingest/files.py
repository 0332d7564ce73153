"""Recordings that lie as files: each audio file with a sidecar of the same name and `.json`, which is its metadata.

For what a telephony system exported, and for moving in. The sidecar has the fields of a push and may also have
`external_id` (else the file's name) and `source`. A file goes through the same door as a push over HTTP; what is kept
already is found to be so. Judging is `ingest.metadata`, keeping is `ingest.intake`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.custody import Services
from archive.domain.access import Actor
from archive.errors import Invalid, RequestError
from ingest import intake, metadata
from ingest.intake import Push, Receipt

AUDIO = frozenset({".wav", ".mp3", ".ogg", ".opus", ".oga", ".flac", ".mp4", ".m4a", ".amr", ".awb", ".webm"})
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file: its receipt, or the error that refused it."""

    path: Path
    receipt: Receipt | None = None
    error: RequestError | None = None


def recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """The audio files among the paths; a folder is walked, in the order of names."""
    for path in paths:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if found.suffix.lower() in AUDIO and found.is_file())
        else:
            yield path


async def take(
    services: Services, actor: Actor, paths: Iterable[Path], *, company: str, source: str
) -> AsyncIterator[Outcome]:
    """Keep each recording and tell what became of it; one that is refused does not stop the others.

    Raises:
        StoreUnavailable: the store does not take it now; what was told so far is kept, do it again for the rest.

    """
    for path in recordings(paths):
        try:
            receipt = await _take_one(services, actor, path, company=company, source=source)
        except RequestError as error:
            yield Outcome(path=path, error=error)
        else:
            yield Outcome(path=path, receipt=receipt)


async def _take_one(services: Services, actor: Actor, path: Path, *, company: str, source: str) -> Receipt:
    try:
        sidecar = json.loads(await asyncio.to_thread(_sidecar(path).read_bytes))
    except OSError:
        raise Invalid.of("sidecar", f"there is no {_sidecar(path).name} beside it") from None
    except ValueError:
        raise Invalid.of("sidecar", "it is not JSON") from None
    if not isinstance(sidecar, dict):
        raise Invalid.of("sidecar", "it is not a JSON object")
    now = datetime.now(UTC)
    told: dict[str, Any] = {"company": company} | sidecar
    names = str(told.pop("source", source)), str(told.pop("external_id", path.name))
    if told["company"] != company:
        raise Invalid.of("company", f"the sidecar names another company than {company}")
    push = Push(source=names[0], external_id=names[1], metadata=metadata.judge(json.dumps(told).encode(), now))
    try:
        return await intake.receive(services, actor, push, _bytes_of(path), now)
    except OSError as error:
        raise Invalid.of("audio", f"the file cannot be read: {error.strerror}") from None


def _sidecar(path: Path) -> Path:
    """`call.wav.json` when it is there, else `call.json`."""
    longer = path.with_name(f"{path.name}.json")
    return longer if longer.exists() else path.with_suffix(".json")


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while data := await asyncio.to_thread(file.read, _READ_BYTES):
            yield data
