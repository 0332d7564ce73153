"""Removing orphans: objects and unfinished uploads that no row knows of, left by a push that failed or was killed.

Only what is older than `orphan_age_s` is touched, far longer than a commit can take. Looking backwards is bounded: keys
sort by the time of receipt, so a sweep lists the last days and not the whole bucket; `archive.verify` looks at all.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from archive.custody import Services
from archive.domain.access import HOUSE, Action
from archive.objects.s3 import Found
from archive.store import accounts, interactions, sweeps
from archive.store.sweeps import Sweep

# An upload may have begun this long before its object appeared.
LOOK_BACK = timedelta(days=1)
_BATCH = 500
log = structlog.get_logger()


async def sweep(services: Services, now: datetime) -> Sweep:
    """Remove every orphan since the sweep before; what was removed is counted and on the trail.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached; the next sweep finds the rest.

    """
    async with services.db.read() as tx:
        companies = [company.code for company in await accounts.list_companies(tx, None)]
        last = await sweeps.last(tx)
    since = (now if last is None else last.at) - LOOK_BACK
    before = now - timedelta(seconds=services.settings.orphan_age_s)
    orphans, orphan_bytes = 0, 0
    for company in companies:
        async for batch in _batches(services, company, since, now):
            lost = await _orphans_among(services, [found for found in batch if found.modified_at < before])
            await services.bucket.delete_versions([(found.key, found.version_id) for found in lost], bypass=True)
            orphans += len(lost)
            orphan_bytes += sum(found.size_bytes for found in lost)
    uploads = await services.bucket.abort_stale_uploads(before)
    swept = Sweep(at=now, orphans=orphans, orphan_bytes=orphan_bytes, uploads=uploads)
    async with services.db.begin() as tx:
        await sweeps.record(tx, swept)
        if orphans or uploads:
            detail = {"orphans": orphans, "orphan_bytes": orphan_bytes, "uploads": uploads}
            await services.record(tx, HOUSE, Action.ORPHAN_SWEPT, now=now, companies=None, detail=detail)
    log.info("swept", orphans=orphans, uploads=uploads)
    return swept


async def _orphans_among(services: Services, found: Sequence[Found]) -> list[Found]:
    async with services.db.read() as tx:
        known = await interactions.versions_known(tx, [one.key for one in found])
    return [one for one in found if known.get(one.key) != one.version_id]


async def _batches(services: Services, company: str, since: datetime, until: datetime) -> AsyncIterator[list[Found]]:
    """What lies under a company's months from `since` on, in batches."""
    for month in _months(since, until):
        batch: list[Found] = []
        prefix = f"{company}/{month:%Y/%m}/"
        async for found in services.bucket.versions(prefix, start_after=f"{prefix}{_lowest_id(since)}"):
            batch.append(found)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _months(since: datetime, until: datetime) -> list[datetime]:
    month = since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = []
    while month <= until:
        months.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return months


def _lowest_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment (RFC 9562, 5.7): 48 bits of Unix milliseconds come first."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
