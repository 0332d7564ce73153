"""Listing in small pages finds exactly what the SDK finds."""

from collections.abc import AsyncIterator

import pytest

from archive.objects import listing
from archive.objects.s3 import Bucket
from archive.objects.wire import Wire
from archive.settings import Settings


@pytest.fixture
async def bucket(settings: Settings) -> AsyncIterator[Bucket]:
    async with Bucket.open(settings) as opened:
        yield opened


@pytest.fixture
async def wire(settings: Settings) -> AsyncIterator[Wire]:
    opened = Wire(settings)
    yield opened
    await opened.close()


async def test_pages_follow_one_another_whatever_their_size(
    bucket: Bucket, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"listing/a b+ä&{number:03}/part" for number in range(47)]
    for key in keys:
        await bucket.put(key, b"x")
    await bucket.put(keys[5], b"a second version")
    expected = [found async for found in bucket.versions("listing/")]
    assert [found.key for found in expected].count(keys[5]) == 2
    for first, later in ((20, 1000), (1, 7), (100, 100)):
        monkeypatch.setattr(listing, "FIRST_PAGE", first)
        monkeypatch.setattr(listing, "BATCH", later)
        assert [found async for found in listing.versions(wire, "listing/")] == expected
        after = [found async for found in listing.versions(wire, "listing/", after=keys[40])]
        assert [found.key for found in after] == keys[41:]


async def test_nothing_is_nothing(wire: Wire) -> None:
    assert [found async for found in listing.versions(wire, "nowhere/")] == []
