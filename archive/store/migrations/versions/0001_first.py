"""The first tables, pgqueuer's own, and the guard that keeps the trail append-only."""

from pathlib import Path
from typing import cast

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy import Connection
from sqlalchemy.engine import AdaptedConnection

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A trail event may be sealed once (seq and chain go from nothing to something) and never changed or removed otherwise.
TRAIL_GUARD = """
CREATE FUNCTION trail_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
       AND (to_jsonb(NEW) - 'seq' - 'chain') = (to_jsonb(OLD) - 'seq' - 'chain') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the trail is append-only';
END $$;
CREATE TRIGGER trail_events_guard BEFORE UPDATE OR DELETE ON trail_events
    FOR EACH ROW EXECUTE FUNCTION trail_guard();
CREATE TRIGGER trail_events_no_truncate BEFORE TRUNCATE ON trail_events
    FOR EACH STATEMENT EXECUTE FUNCTION trail_guard();
"""

# Workers ask for jobs by the clock: docs/decisions/015-jobs-by-the-clock.md.
NO_NOTICES = "ALTER TABLE pgqueuer DISABLE TRIGGER tg_pgqueuer_changed"


def upgrade() -> None:
    """Make everything."""
    connection = op.get_bind()
    _run(connection, Path(__file__).with_suffix(".sql").read_text())
    connection.exec_driver_sql("INSERT INTO trail_head (seq, chain, sealed_at) VALUES (0, '\\x', now())")
    for script in (TRAIL_GUARD, QueryBuilderEnvironment().build_install_query(), NO_NOTICES):
        _run(connection, script)


def _run(connection: Connection, script: str) -> None:
    """Run several statements at once, which only the driver itself can."""
    adapted = cast("AdaptedConnection", connection.connection.dbapi_connection)
    adapted.run_async(lambda driver: driver.execute(script))
