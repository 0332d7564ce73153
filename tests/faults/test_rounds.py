"""A few rounds of `make faults`, so that the rounds themselves stay right; the real run has two hundred."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.__main__ import play
from tests.upping import up

pytestmark = pytest.mark.xdist_group("up")


def test_three_rounds_keep_every_promise(tmp_path: Path) -> None:
    with up(tmp_path / "var") as running:
        said = asyncio.run(play(running, rounds=3, seed=20261124))
    assert said.endswith("3 passed, 0 failed")
