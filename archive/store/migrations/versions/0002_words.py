"""The words: transcripts, what is searched in, and what the operator wants heard.

Contacts that were kept before have no words yet: recordings wait, and `tallenne reindex` queues them.
"""

from pathlib import Path
from typing import cast

from alembic import op
from sqlalchemy.engine import AdaptedConnection

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what the words need."""
    adapted = cast("AdaptedConnection", op.get_bind().connection.dbapi_connection)
    script = Path(__file__).with_suffix(".sql").read_text()
    adapted.run_async(lambda driver: driver.execute(script))
