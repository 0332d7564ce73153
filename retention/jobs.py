"""The jobs of retention, by the names under which they are queued. What each does is elsewhere; all can be repeated."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from archive.custody import Services
from retention import disposal, holds, mirror, rules

Handler = Callable[[Services, dict[str, str]], Awaitable[None]]


async def _relock(services: Services, payload: dict[str, str]) -> None:
    await mirror.lock(services, [UUID(one) for one in payload["ids"].split(",")], datetime.now(UTC))


HANDLERS: dict[str, Handler] = {
    disposal.DISPOSE: disposal.carry_out_or_queue,
    holds.MIRROR: holds.mirror_hold,
    rules.REDATE: rules.redate,
    rules.RELOCK: _relock,
}
