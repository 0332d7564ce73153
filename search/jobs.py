"""The jobs of this wall, by the name they are queued under. What each does is elsewhere; running them is the roof's."""

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.store.search_rows import INDEX
from search import indexing

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]
Burial = Callable[[AsyncConnection, dict[str, str], Exception], Awaitable[None]]

INDEXED_AT_ONCE: Final = 32
"""So many contacts are on their way into the index; what they ask of the database is asked together."""

INDEX_BATCH: Final = 16


async def _index(services: Services, payload: dict[str, str]) -> None:
    await indexing.index(services, payload)


async def _give_up(tx: AsyncConnection, payload: dict[str, str], _: Exception) -> None:
    await indexing.give_up(tx, payload)


HANDLERS: Final[dict[str, Handler]] = {INDEX: _index}

BURIALS: Final[dict[str, Burial]] = {INDEX: _give_up}
"""What is written of a contact whose job failed for good."""
