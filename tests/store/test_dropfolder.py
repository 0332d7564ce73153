"""Recordings that lie in files: what is found, what is said beside it, and what becomes of each."""

import json
from pathlib import Path
from typing import Any

from archive.custody import Services
from archive.domain.access import HOUSE
from archive.errors import AlreadyKept, Invalid, UnsupportedMedia
from ingest.dropfolder import Outcome, recordings, take
from tests.audio import call
from tests.keeping import new_company


def lay(folder: Path, name: str, audio: bytes, sidecar: str | None = None, **said: Any) -> Path:
    """A recording and its sidecar."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(audio)
    document = {"started_at": "2026-11-24T09:15:00+02:00", "direction": "inbound", **said}
    (folder / (sidecar or f"{name}.json")).write_text(json.dumps(document))
    return path


async def taken(services: Services, company: str, *paths: Path) -> dict[str, Outcome]:
    found = [one async for one in take(services, HOUSE, paths, company=company, source="files")]
    return {one.path.name: one for one in found}


def test_a_folder_is_walked_in_order_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b/2.mp3", "b/1.WAV", "a.flac", "a.json", "notes.txt", ".trash/3.wav", "b/.4.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in recordings([tmp_path])] == [
        "a.flac",
        "b/1.WAV",
        "b/2.mp3",
    ]
    assert list(recordings([tmp_path / "notes.txt"])) == [tmp_path / "notes.txt"]


async def test_files_are_kept_and_found_to_be_kept(services: Services, tmp_path: Path) -> None:
    company = await new_company(services)
    lay(tmp_path, "one.wav", call(seed=1))
    lay(tmp_path, "deep/two.wav", call(seed=2), sidecar="deep/two.json", external_id="call-2", source="pbx")
    first = await taken(services, company, tmp_path)
    receipts = {name: outcome.receipt for name, outcome in first.items()}
    assert all(receipt is not None and receipt.created for receipt in receipts.values())
    one, two = receipts["one.wav"], receipts["two.wav"]
    assert one is not None
    assert two is not None
    assert (one.document["source"], one.document["external_id"]) == ("files", "one.wav")
    assert (two.document["source"], two.document["external_id"]) == ("pbx", "call-2")
    again = (await taken(services, company, tmp_path))["one.wav"].receipt
    assert again is not None
    assert not again.created
    assert again.document["id"] == one.document["id"]


async def test_each_refusal_has_its_reason_and_stops_nothing(services: Services, tmp_path: Path) -> None:
    company = await new_company(services)
    lay(tmp_path, "alone.wav", call()).with_name("alone.wav.json").unlink()
    lay(tmp_path, "deep.wav", call()).with_name("deep.wav.json").write_text("[" * 100_000)
    lay(tmp_path, "empty.wav", b"")
    lay(tmp_path, "huge.wav", call(), attributes={"a": "x" * 300_000})
    lay(tmp_path, "letter.wav", b"%PDF-1.7")
    lay(tmp_path, "list.wav", call()).with_name("list.wav.json").write_text("[]")
    lay(tmp_path, "number.wav", call(), external_id=7)
    lay(tmp_path, "other.wav", call(), company="another")
    lay(tmp_path, "same.wav", call(seed=1), external_id="same")
    lay(tmp_path, "same2.wav", call(seed=2), external_id="same")
    lay(tmp_path, "typo.wav", call(), qeue="x")
    found = await taken(services, company, tmp_path, tmp_path / "missing.wav")
    assert found["same.wav"].receipt is not None
    assert isinstance(found["same2.wav"].error, AlreadyKept)
    assert isinstance(found["letter.wav"].error, UnsupportedMedia)
    assert found["huge.wav"].error is not None
    assert found["huge.wav"].error.status == 413
    fields = {
        name: [complaint.field for complaint in one.error.complaints]
        for name, one in found.items()
        if isinstance(one.error, Invalid)
    }
    assert fields == {
        "alone.wav": ["sidecar"],
        "missing.wav": ["sidecar"],
        "deep.wav": ["metadata"],
        "empty.wav": ["audio"],
        "list.wav": ["metadata"],
        "number.wav": ["external_id"],
        "other.wav": ["company"],
        "typo.wav": ["qeue"],
    }


async def test_a_recording_that_vanishes_is_refused(services: Services, tmp_path: Path) -> None:
    company = await new_company(services)
    lay(tmp_path, "gone.wav", call()).unlink()
    assert isinstance((await taken(services, company, tmp_path / "gone.wav"))["gone.wav"].error, Invalid)
