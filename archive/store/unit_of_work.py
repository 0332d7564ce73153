"""The connection to PostgreSQL and the one kind of transaction: returning commits, raising rolls back.

Statements are not here. Whatever goes wrong with the connection itself (refused, lost, full, timed out) becomes
`StoreUnavailable`; a broken constraint or a wrong statement stays what it is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from archive.errors import StoreUnavailable
from archive.settings import Settings

# Classes of SQLSTATE that mean "not now" (PostgreSQL, appendix A): connection, resources, operator, system.
_NOT_NOW = ("08", "53", "57", "58", "25006", "55P03")


class CommitUnknown(StoreUnavailable):
    """The database was lost while it committed; ask again to learn whether it is kept."""

    code = "store-unavailable"


def driver_url(url: str) -> str:
    """The same address with SQLAlchemy's asyncpg driver named in it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


class Database:
    """A pool of connections of one process; `begin` is the only door."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def open(cls, settings: Settings) -> "Database":
        """Make the pool; nothing is connected until the first transaction."""
        engine = create_async_engine(
            driver_url(settings.database_url.get_secret_value()),
            pool_size=settings.database_pool,
            max_overflow=0,
            pool_timeout=10,
            pool_use_lifo=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": 10,
                "command_timeout": 60,
                "server_settings": {"application_name": "tallenne", "statement_timeout": "60s"},
            },
        )
        return cls(engine)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits when the block returns, rolls back when it raises.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.
            CommitUnknown: it was lost during the commit; the change may or may not be there.

        """
        committing = False
        try:
            async with self.engine.connect() as tx:
                yield tx
                committing = True
                await tx.commit()
        except DBAPIError as error:
            if _is_outage(error):
                raise (CommitUnknown() if committing else StoreUnavailable()) from error
            raise
        except (TimeoutError, OSError, PoolTimeout) as error:
            raise (CommitUnknown() if committing else StoreUnavailable()) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is its own transaction, for reading without the cost of begin and end.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.

        """
        try:
            async with self._single.connect() as connection:
                yield connection
        except DBAPIError as error:
            if _is_outage(error):
                raise StoreUnavailable from error
            raise
        except (OSError, PoolTimeout) as error:
            raise StoreUnavailable from error

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _is_outage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or str(state).startswith(_NOT_NOW) or not state
