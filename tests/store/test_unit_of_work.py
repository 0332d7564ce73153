"""A connection that breaks is an outage, whichever way the driver says it; and an outage is not a mistake of ours."""

import asyncpg
import pytest
from sqlalchemy import text

from archive.custody import Services
from archive.errors import StoreUnavailable

BROKEN = [
    asyncpg.InternalClientError("not connected"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    ConnectionResetError(),
]


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("opened", ["begin_bare", "read_bare"])
async def test_a_lost_connection_is_an_outage_and_leaves_the_pool(
    services: Services, opened: str, error: Exception
) -> None:
    used = []

    async def use() -> None:
        async with getattr(services.db, opened)() as connection:
            used.append(connection)
            raise error

    with pytest.raises(StoreUnavailable):
        await use()
    async with services.db.read_bare() as another:
        assert another not in used
        assert await another.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("opened", ["begin", "read"])
async def test_what_the_driver_says_of_itself_is_an_outage_too(services: Services, opened: str) -> None:
    with pytest.raises(StoreUnavailable):
        async with getattr(services.db, opened)():
            raise asyncpg.InternalClientError("not connected")


@pytest.mark.parametrize("opened", ["begin_bare", "read_bare"])
async def test_a_wrong_statement_is_none(services: Services, opened: str) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with getattr(services.db, opened)() as connection:
            await connection.execute("SELECT * FROM nowhere")


async def test_a_backend_that_is_ended_is_an_outage(services: Services) -> None:
    async def use() -> None:
        async with services.db.begin_bare() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            async with services.db.begin() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await connection.fetchval("SELECT 1")

    with pytest.raises(StoreUnavailable):
        await use()
