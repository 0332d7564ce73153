"""Migrating an empty database makes just what the tables say, once, and never touches a newer one."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.errors import NewerDatabase
from archive.settings import Settings
from archive.store.migrate import head, migrate, version
from archive.store.tables import metadata
from archive.store.unit_of_work import Database

COLUMNS = """
    SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = :schema ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, replace(pg_get_constraintdef(oid), :schema || '.', '')
    FROM pg_constraint WHERE connamespace = to_regnamespace(:schema) AND contype <> 'n' ORDER BY 1, 2
"""
INDEXES = """
    SELECT tablename, indexname, replace(indexdef, :schema || '.', '')
    FROM pg_indexes WHERE schemaname = :schema ORDER BY 1, 2
"""


async def shape(tx: AsyncConnection, schema: str) -> list[tuple[object, ...]]:
    """Every column, constraint and index of our tables in a schema."""
    ours = set(metadata.tables)
    rows = []
    for query in (COLUMNS, CONSTRAINTS, INDEXES):
        found = await tx.execute(text(query), {"schema": schema})
        rows += [(row[0].removeprefix(f"{schema}."), *row[1:]) for row in found]
    return [row for row in rows if row[0] in ours]


async def test_what_the_migrations_make_is_what_the_tables_say(fresh_settings: Settings) -> None:
    database = Database.open(fresh_settings)
    async with database.engine.connect() as tx:
        migrated = await shape(tx, "public")
        await tx.execute(text("CREATE SCHEMA said"))
        await tx.execute(text("SET search_path TO said"))
        await tx.run_sync(metadata.create_all, checkfirst=False)
        said = await shape(tx, "said")
        await tx.rollback()
    await database.close()
    assert len(said) > 200
    assert migrated == said


async def test_migrating_again_changes_nothing(fresh_settings: Settings) -> None:
    url = fresh_settings.database_url.get_secret_value()
    assert await version(url) == head()
    assert await migrate(url) == head()
    assert await version(url) == head()


async def test_a_newer_database_is_left_alone(fresh_settings: Settings) -> None:
    url = fresh_settings.database_url.get_secret_value()
    database = Database.open(fresh_settings)
    async with database.begin() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabase):
        await migrate(url)
    assert await version(url) == "9999"
    await database.close()
