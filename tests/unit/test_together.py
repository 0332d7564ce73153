"""Work done together: batches form, results find their callers, one failure spoils no other."""

import asyncio
from collections.abc import Sequence

import pytest

from archive.errors import StoreUnavailable
from archive.store.together import MOST, CommitUnknown, Together


class Work:
    """Doubles numbers, remembers its batches, and fails as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.bad: set[int] = set()
        self.away = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable
        if self.bad & set(items):
            raise ValueError
        return [2 * item for item in items]


async def test_one_alone_goes_at_once() -> None:
    work = Work()
    assert await Together(work).do(3) == 6
    assert work.batches == [[3]]


async def test_those_who_wait_go_together_and_get_their_own_answers() -> None:
    work = Work()
    work.gate.clear()
    together = Together(work)
    callers = [asyncio.create_task(together.do(n)) for n in range(MOST + 10)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*callers) == [2 * n for n in range(MOST + 10)]
    assert max(map(len, work.batches)) <= MOST
    assert len(work.batches) < len(callers)


async def test_one_bad_item_spoils_no_other() -> None:
    work = Work()
    work.bad = {2}
    together = Together(work)
    answers = await asyncio.gather(*(together.do(n) for n in range(5)), return_exceptions=True)
    assert [type(answer) if isinstance(answer, Exception) else answer for answer in answers] == [0, 2, ValueError, 6, 8]


async def test_a_store_that_is_away_is_told_to_all_at_once() -> None:
    work = Work()
    work.away = True
    together = Together(work)
    answers = await asyncio.gather(*(together.do(n) for n in range(5)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert sum(map(len, work.batches)) == 5


async def test_a_caller_who_leaves_too_late_is_told_that_it_is_not_known() -> None:
    work = Work()
    work.gate.clear()
    together = Together(work)
    caller = asyncio.create_task(together.do(1))
    await asyncio.sleep(0.01)
    caller.cancel()
    with pytest.raises(CommitUnknown):
        await caller
    work.gate.set()
    assert await together.do(2) == 4


async def test_a_caller_who_leaves_in_time_is_left_out() -> None:
    work = Work()
    work.gate.clear()
    together = Together(work)
    first = asyncio.create_task(together.do(1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(together.do(2))
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.gate.set()
    assert await first == 2
    assert work.batches == [[1]]
