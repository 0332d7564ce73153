"""The jobs of this wall, by the name they are queued under. What each does is elsewhere; running them is the roof's."""

from collections.abc import Awaitable, Callable
from typing import Final

from archive.custody import Services
from archive.store.customers import RELINK
from ingest import derive, linking
from ingest.intake import DERIVE


async def _derive(services: Services, payload: dict[str, str]) -> None:
    await derive.derive(services, payload)


async def _relink(services: Services, payload: dict[str, str]) -> None:
    await linking.relink(services.db, payload)


HANDLERS: Final[dict[str, Callable[[Services, dict[str, str]], Awaitable[None]]]] = {DERIVE: _derive, RELINK: _relink}
