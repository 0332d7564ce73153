"""Work of many callers done in one go, so that a busy moment costs one transaction and not dozens.

While one batch is under way the next gathers, and after a batch of several a moment longer; whoever comes alone goes
alone, at once. What a batch does is the caller's; transactions are `archive.store.unit_of_work`. Why:
docs/decisions/022-pushes-together.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from archive.errors import StoreUnavailable

LINGER_S = 0.01
"""After a batch of several the next gathers for so long: a commit costs the same for two as for ten."""

MOST = 32
"""A batch holds no more, so that nobody waits for the work of a hundred others."""

T = TypeVar("T")
R = TypeVar("R")


class CommitUnknown(StoreUnavailable):
    """The database was lost while it committed; ask again to learn whether it is kept."""

    code = "store-unavailable"


@dataclass(slots=True, kw_only=True)
class _Entry(Generic[T, R]):
    item: T
    answer: asyncio.Future[R]
    begun: bool = False


class Together(Generic[T, R]):
    """Runs `work` over the items of concurrent callers; it answers one result for each item, in order.

    `work` does all or nothing. When it fails for several, each is tried alone, so that one bad item spoils no other;
    an unavailable store is told to all of them at once.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[_Entry[T, R]] = []
        self._runner: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The result for one item; raises what `work` raised for it.

        Raises:
            CommitUnknown: the caller was cancelled after its work had begun.

        """
        entry = _Entry[T, R](item=item, answer=asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        try:
            return await entry.answer
        except asyncio.CancelledError:
            # Its transaction goes on with the others': to treat it as undone would be wrong half of the time.
            if entry.begun:
                raise CommitUnknown from None
            raise

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = [entry for entry in self._waiting[:MOST] if not entry.answer.done()]
                del self._waiting[:MOST]
                if batch:
                    await self._do(batch)
                if len(batch) > 1:
                    await asyncio.sleep(LINGER_S)
        finally:
            self._runner = None

    async def _do(self, batch: list[_Entry[T, R]]) -> None:
        for entry in batch:
            entry.begun = True
        try:
            # Gathered, so that whatever it raises comes here as a value and reaches the caller that it belongs to.
            (outcome,) = await asyncio.gather(self._work([entry.item for entry in batch]), return_exceptions=True)
        except asyncio.CancelledError:
            _fail([*batch, *self._waiting], CommitUnknown())
            raise
        if not isinstance(outcome, BaseException):
            for entry, result in zip(batch, outcome, strict=True):
                if not entry.answer.done():
                    entry.answer.set_result(result)
        elif isinstance(outcome, StoreUnavailable) or len(batch) == 1:
            _fail(batch, outcome)
        else:
            for entry in batch:
                await self._do([entry])


def _fail(entries: Sequence[_Entry[T, R]], error: BaseException) -> None:
    for entry in entries:
        if not entry.answer.done():
            entry.answer.set_exception(error)
