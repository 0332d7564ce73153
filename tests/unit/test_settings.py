"""Settings are judged when they are read: every mistake at once, and no value repeated."""

from pathlib import Path

import pytest

from archive.errors import Misconfigured
from archive.settings import SERVICE_ENV, load


def said(folder: Path, **values: str) -> str:
    """What is said of these settings, written where `tallenne up` writes them."""
    file = folder / SERVICE_ENV
    file.parent.mkdir()
    file.write_text("".join(f"TALLENNE_{name.upper()}={value}\n" for name, value in values.items()))
    with pytest.raises(Misconfigured) as error:
        load(folder)
    return str(error.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../etc/passwd", "/etc/passwd", "Helsinki\0"])
def test_an_unknown_zone_is_told_with_the_other_mistakes(tmp_path: Path, zone: str) -> None:
    text = said(tmp_path, timezone=zone, retention_at="25:00", port="x")
    assert all(f"TALLENNE_{name}: " in text for name in ("TIMEZONE", "RETENTION_AT", "PORT"))
    assert zone not in text


@pytest.mark.parametrize("address", ["archive.example.fi", "ftp://archive.example.fi", "https://", "https:///x"])
def test_an_address_for_browsers_is_one(tmp_path: Path, address: str) -> None:
    text = said(tmp_path, public_url=address)
    assert text.startswith("TALLENNE_PUBLIC_URL: ")
    assert address not in text


@pytest.mark.parametrize("zone", ["Europe/Helsinki", "UTC", "America/Argentina/Buenos_Aires"])
def test_a_known_zone_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TALLENNE_TIMEZONE", zone)
    assert load(tmp_path).timezone == zone
