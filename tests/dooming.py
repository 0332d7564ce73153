"""Marking contacts for destruction, as a disposal does before it destroys anything."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.store import destruction, disposals
from archive.store.destruction import Judged
from archive.store.disposals import Disposal


async def mark(tx: AsyncConnection, company: str, ids: Iterable[UUID]) -> None:
    """Mark contacts of a company by a disposal of their own."""
    now = datetime.now(UTC)
    run = Disposal(
        id=uuid7(),
        status="running",
        requested_by="test",
        companies=(company,),
        as_of=now,
        started_at=now,
        finished_at=None,
        counts={},
    )
    await disposals.create(tx, run)
    doomed = [Judged(interaction_id=one, company=company, policy="p", rule="P24M", retain_until=now) for one in ids]
    await destruction.mark(tx, run.id, doomed)
