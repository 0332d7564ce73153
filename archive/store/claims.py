"""Being the only one at something, among all workers of all hosts, for as long as one lives.

What it is that is claimed, and what is done by those who come second, is for the callers.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from archive.errors import StoreUnavailable
from archive.settings import Settings

_PATIENCE_S = 10.0
_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

# A host that lost its power says no goodbye: its claims are free a minute later, not after the system's two hours.
_KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


@asynccontextmanager
async def alone(settings: Settings, kind: int, one: UUID) -> AsyncIterator[bool]:
    """Be the only one at this thing of this kind for as long as the block lasts; False when somebody else is.

    The lock lives on a connection of its own and goes with it, so that one who is killed leaves nothing behind. Should
    only the connection be lost, two may be at it: what is done must be safe to do twice. Two things of a kind share
    their lock once in 2 ** 31.

    Raises:
        StoreUnavailable: the database cannot be reached.

    """
    try:
        url = settings.database_url.get_secret_value()
        connection = await asyncpg.connect(
            url, timeout=_PATIENCE_S, command_timeout=_PATIENCE_S, server_settings=_KEEPALIVE
        )
    except _LOST as error:
        raise StoreUnavailable from error
    try:
        yield await _try(connection, kind, one)
    finally:
        with contextlib.suppress(*_LOST):
            await connection.close(timeout=1)


async def _try(connection: asyncpg.Connection, kind: int, one: UUID) -> bool:
    try:
        return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", kind, one.int & 0x7FFFFFFF))
    except _LOST as error:
        raise StoreUnavailable from error
