"""The jobs of this wall, by the name they are queued under. What each does is elsewhere; running them is the roof's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from archive.custody import Services
from archive.store.customers import RELINK
from ingest import derive, linking, pressure
from ingest.content import DERIVE
from ingest.decoding import Decoders

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]

DERIVED_AT_ONCE: Final = 8
"""So many recordings may be on their way to be derived; how many are decoded together is `Decoders`."""

CALM_LIMIT_S: Final = 5.0
"""No recording waits longer than this for a calm moment, so that a machine which is always busy derives them too."""


@asynccontextmanager
async def deriving(calm_limit_s: float = CALM_LIMIT_S) -> AsyncIterator[dict[str, Handler]]:
    """The handler that derives, and the decoders that its jobs share for as long as the block lasts.

    Each job waits for a calm moment first: whoever pushes or listens needs the machine more than a waveform does.
    """
    async with Decoders() as decoders:

        async def _derive(services: Services, payload: dict[str, str]) -> None:
            await pressure.calm(calm_limit_s)
            await derive.derive(services, decoders, payload)

        yield {DERIVE: _derive}


async def _relink(services: Services, payload: dict[str, str]) -> None:
    await linking.relink(services.db, payload)


HANDLERS: Final[dict[str, Handler]] = {RELINK: _relink}
