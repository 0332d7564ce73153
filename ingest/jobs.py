"""The jobs of this wall, by the name they are queued under. What each does is elsewhere; running them is the roof's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from archive.custody import Services
from archive.store.customers import RELINK
from ingest import derive, linking
from ingest.decoding import Decoders
from ingest.intake import DERIVE

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]


@asynccontextmanager
async def handlers() -> AsyncIterator[dict[str, Handler]]:
    """The handlers of a worker, and the decoders that they share for as long as the block lasts."""
    async with Decoders() as decoders:

        async def _derive(services: Services, payload: dict[str, str]) -> None:
            await derive.derive(services, decoders, payload)

        yield {DERIVE: _derive, RELINK: _relink}


async def _relink(services: Services, payload: dict[str, str]) -> None:
    await linking.relink(services.db, payload)
