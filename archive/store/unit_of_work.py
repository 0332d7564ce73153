"""The connection to PostgreSQL and the one kind of transaction: returning commits, raising rolls back.

Statements are not here. Whatever goes wrong with the connection itself (refused, lost, full, timed out) becomes
`StoreUnavailable`; a broken constraint or a wrong statement stays what it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from archive.errors import StoreUnavailable
from archive.settings import Settings
from archive.store.together import CommitUnknown, Together

__all__ = ["CommitUnknown", "Database", "driver_url"]

T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[asyncpg.Connection, Sequence[T]], Awaitable[Sequence[R]]]

# Classes of SQLSTATE that mean "not now" (PostgreSQL, appendix A): connection, resources, operator, system.
_NOT_NOW = ("08", "53", "57", "58", "25006", "55P03")
# Ways in which a connection breaks; the driver's own comes when it was lost between two of the driver's steps.
_BROKEN = (OSError, PoolTimeout, asyncpg.InternalClientError)


def driver_url(url: str) -> str:
    """The same address with SQLAlchemy's asyncpg driver named in it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


class _Outage(Exception):
    """The database cannot be reached, or refuses work for now."""


class Database:
    """A pool of connections of one process; `begin` is the only door."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._groups: dict[object, Together[Any, Any]] = {}

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
            CommitUnknown: it was lost, or the caller was cancelled, during the commit; the change may or may not be
                there.

        """
        committing = False
        try:
            async with self.engine.connect() as tx:
                yield tx
                committing = True
                await tx.commit()
        except asyncio.CancelledError:
            # The server may have committed by now: to be told "undone" would be wrong half of the time.
            if committing:
                raise CommitUnknown from None
            raise
        except DBAPIError as error:
            if _is_outage(error):
                raise (CommitUnknown() if committing else StoreUnavailable()) from error
            raise
        except _BROKEN as error:
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
        except _BROKEN as error:
            raise StoreUnavailable from error

    @asynccontextmanager
    async def begin_bare(self) -> AsyncIterator[asyncpg.Connection]:
        """As `begin`, on the driver's own connection: for the hottest path, where each statement's wrapping counts.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.
            CommitUnknown: it was lost, or the caller was cancelled, during the commit; the change may or may not be
                there.

        """
        committing = False
        try:
            async with self._bare() as connection:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    yield connection
                except BaseException:
                    await transaction.rollback()
                    raise
                committing = True
                await transaction.commit()
        except asyncio.CancelledError:
            if committing:
                raise CommitUnknown from None
            raise
        except _Outage as error:
            raise (CommitUnknown() if committing else StoreUnavailable()) from error

    @asynccontextmanager
    async def read_bare(self) -> AsyncIterator[asyncpg.Connection]:
        """As `read`, on the driver's own connection.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.

        """
        try:
            async with self._bare() as connection:
                yield connection
        except _Outage as error:
            raise StoreUnavailable from error

    @asynccontextmanager
    async def _bare(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool; every way of its failing is `_Outage`, and a failed one leaves the pool."""
        try:
            async with self._single.connect() as held:
                connection = (await held.get_raw_connection()).driver_connection
                assert connection is not None
                try:
                    yield connection
                except (asyncpg.PostgresError, asyncpg.InterfaceError, *_BROKEN) as error:
                    if isinstance(error, asyncpg.PostgresError) and not _is_not_now(error.sqlstate):
                        raise
                    await held.invalidate()
                    raise _Outage from error
        except (DBAPIError, *_BROKEN) as error:
            raise _Outage from error

    async def begin_together(self, work: Work[T, R], item: T) -> R:
        """Do `work`, which must be a module's function, for this item and those of other callers in one transaction.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.
            CommitUnknown: it was lost, or the caller was cancelled, during the commit.

        """
        return await self._together(work, self.begin_bare, item)

    async def single_together(self, work: Work[T, R], item: T) -> R:
        """As `begin_together`, for work whose statements are each their own transaction.

        Raises:
            StoreUnavailable: the database cannot be reached or refuses work for now.

        """
        return await self._together(work, self.read_bare, item)

    async def _together(
        self,
        work: Work[T, R],
        opened: Callable[[], AbstractAsyncContextManager[asyncpg.Connection]],
        item: T,
    ) -> R:
        group: Together[T, R] | None = self._groups.get(work)
        if group is None:

            async def run(items: Sequence[T]) -> Sequence[R]:
                async with opened() as connection:
                    return await work(connection, items)

            group = self._groups[work] = Together(run)
        return await group.do(item)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _is_outage(error: DBAPIError) -> bool:
    return error.connection_invalidated or _is_not_now(getattr(error.orig, "sqlstate", None))


def _is_not_now(sqlstate: str | None) -> bool:
    return not sqlstate or sqlstate.startswith(_NOT_NOW)
