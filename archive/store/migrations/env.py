"""How Alembic runs a migration here: on the connection it is given, one at a time, never waiting long for a lock."""

from alembic import context
from sqlalchemy import text

from archive.store.schema import metadata

_ONE_MIGRATION_AT_A_TIME = 0x7A11E44E

connection = context.config.attributes["connection"]
connection.execute(text("SET LOCAL lock_timeout = '5s'"))
connection.execute(text("SET LOCAL statement_timeout = '15min'"))
connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_MIGRATION_AT_A_TIME})
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
