"""What can wait does so while others wait for a processor, but not for ever."""

import asyncio
import time
from pathlib import Path

import pytest

from ingest.pressure import calm


def told(file: Path, waited_us: int) -> None:
    file.write_text(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={waited_us}\nfull avg10=0.00 total=0\n")


async def press(file: Path, share: float, seconds: float) -> None:
    """Count as the kernel would while tasks wait for so great a share of the time."""
    began = time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        told(file, round(spent * share * 1e6))
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("share", "limit_s", "is_calm"), [(0.1, 5, True), (1.0, 0.3, False)])
async def test_a_busy_moment_is_waited_out_for_so_long(
    tmp_path: Path, share: float, limit_s: float, is_calm: bool
) -> None:
    file = tmp_path / "cpu"
    pressing = asyncio.create_task(press(file, share, 5))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    assert await calm(limit_s, file) is is_calm
    assert time.monotonic() - began < 1
    pressing.cancel()


async def test_it_goes_on_as_soon_as_it_is_calm(tmp_path: Path) -> None:
    file = tmp_path / "cpu"
    pressing = asyncio.create_task(press(file, 1.0, 0.5))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    assert await calm(30, file)
    assert 0.3 < time.monotonic() - began < 3
    await pressing


@pytest.mark.parametrize("content", [None, "", "some\n", "some total=x\n"])
async def test_where_nobody_counts_every_moment_is_calm(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "cpu"
    if content is not None:
        file.write_text(content)
    assert await calm(30, file)
