"""Work done together: each caller gets its own outcome, one bad item spoils no other, and nothing is guessed."""

import asyncio
from collections.abc import Sequence

import pytest

from archive.errors import StoreUnavailable
from archive.store.together import LINGER_S, MOST, CommitUnknown, Together


class Work:
    """Doubles numbers, slowly; fails for a batch with a negative one in it."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if min(items) < 0:
            raise ValueError("negative")
        if max(items) > 1000:
            raise StoreUnavailable
        return [2 * item for item in items]


async def test_one_alone_goes_at_once_and_those_who_come_meanwhile_go_together() -> None:
    work = Work()
    together = Together(work)
    work.gate.clear()
    tasks = [asyncio.create_task(together.do(n)) for n in range(5)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert sum(map(len, work.batches)) == 5
    assert len(work.batches) <= 2
    assert await together.do(7) == 14


async def test_a_batch_has_its_limit() -> None:
    work = Work()
    together = Together(work)
    assert await asyncio.gather(*(together.do(n) for n in range(3 * MOST))) == [2 * n for n in range(3 * MOST)]
    assert max(map(len, work.batches)) == MOST


async def test_one_bad_item_fails_alone() -> None:
    together = Together(Work())
    outcomes = await asyncio.gather(*(together.do(n) for n in (1, -1, 2)), return_exceptions=True)
    assert outcomes[::2] == [2, 4]
    assert isinstance(outcomes[1], ValueError)


async def test_an_unavailable_store_is_told_to_all_and_not_asked_again() -> None:
    work = Work()
    together = Together(work)
    outcomes = await asyncio.gather(*(together.do(n) for n in (1, 2000, 2)), return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert len(work.batches) == 1
    assert await together.do(3) == 6


async def test_who_leaves_before_the_work_begins_is_left_out_of_it() -> None:
    work = Work()
    together = Together(work)
    work.gate.clear()
    first = asyncio.create_task(together.do(1))
    await asyncio.sleep(0.01)
    second, third = asyncio.create_task(together.do(2)), asyncio.create_task(together.do(3))
    await asyncio.sleep(0.01)
    second.cancel()
    work.gate.set()
    assert [await first, await third] == [2, 6]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert work.batches == [[1], [3]]


async def test_who_leaves_after_the_work_has_begun_does_not_know_its_outcome() -> None:
    work = Work()
    together = Together(work)
    work.gate.clear()
    first = asyncio.create_task(together.do(1))
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(CommitUnknown):
        await first
    work.gate.set()
    assert await together.do(2) == 4


async def test_after_a_batch_of_several_the_next_gathers_a_moment() -> None:
    work = Work()
    together = Together(work)
    await asyncio.gather(together.do(1), together.do(2))
    third = asyncio.create_task(together.do(3))
    await asyncio.sleep(LINGER_S / 5)
    assert list(await asyncio.gather(third, together.do(4))) == [6, 8]
    assert work.batches == [[1, 2], [3, 4]]
