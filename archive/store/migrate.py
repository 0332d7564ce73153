"""Bringing the database to the newest version, and refusing one that is newer than we are.

What each version changes is in `migrations/versions`; the order is one line.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from archive.errors import NewerDatabase, StoreUnavailable
from archive.store.unit_of_work import driver_url

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def head() -> str:
    """The newest version that this program knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


async def migrate(database_url: str) -> str:
    """Bring the database to the newest version and return that version.

    Raises:
        NewerDatabase: it belongs to a newer program; nothing was changed.
        StoreUnavailable: the database cannot be reached.

    """
    engine = create_async_engine(driver_url(database_url), connect_args={"timeout": 10})
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable("the database cannot be reached") from error
    finally:
        await engine.dispose()
    return head()


async def version(database_url: str) -> str | None:
    """The database's own version; None when it is empty."""
    engine = create_async_engine(driver_url(database_url), connect_args={"timeout": 10})
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_current)
    finally:
        await engine.dispose()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    current = _current(connection)
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise NewerDatabase
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
