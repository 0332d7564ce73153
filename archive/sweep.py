"""Removing orphans: objects and unfinished uploads that no row knows of, left by a push that failed or was killed.

An object goes only when it is older than `orphan_age_s` and when no row knows it at a second look either, later than
any commit that was under way at the first can end: a store may date an object by the beginning of its upload. No
transaction is open meanwhile. An upload goes when it is older than any push may take.

Keys sort by the time of their contact's receipt, so most sweeps list the last days alone. What is made of an old
contact lies under its old key: once a day the whole bucket is walked, a page at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from archive.custody import Services
from archive.domain.access import HOUSE, Action
from archive.objects.s3 import Found
from archive.store import accounts, agreement, interactions, sweeps
from archive.store.sweeps import Sweep

SECOND_LOOK_S = 65.0
"""Longer than a statement may take (60 s), so that a commit that was under way at the first look has ended."""

WHOLE_EVERY = timedelta(days=1)
# An upload may have begun this long before its object appeared.
LOOK_BACK = timedelta(days=1)
_BATCH = 500
# So many suspects at most wait in memory for their second look.
_MOST_SUSPECTS = 10_000
# Between two pages of the whole bucket: the store serves pushes first.
_BREATH_S = 0.05
log = structlog.get_logger()


async def sweep(services: Services, now: datetime, *, second_look_s: float = SECOND_LOOK_S) -> Sweep:
    """Remove every orphan since the sweep before, or in the whole bucket when that was last done a day ago.

    What was removed is counted and on the trail.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached; the next sweep finds the rest.

    """
    async with services.db.read() as tx:
        companies = [company.code for company in await accounts.list_companies(tx, None)]
        last, last_whole = await sweeps.last(tx), await sweeps.last_whole(tx)
    whole = last is None or last_whole is None or now - last_whole >= WHOLE_EVERY
    since = None if whole or last is None else last.at - LOOK_BACK
    removed: list[int] = []
    async for suspects in _suspects(services, companies, since, now):
        await asyncio.sleep(second_look_s)
        for start in range(0, len(suspects), _BATCH):
            removed += await _remove(services, suspects[start : start + _BATCH])
    upload_age = timedelta(seconds=services.settings.upload_max_s + services.settings.orphan_age_s)
    uploads = await services.bucket.abort_stale_uploads(now - upload_age)
    swept = Sweep(at=now, orphans=len(removed), orphan_bytes=sum(removed), uploads=uploads)
    async with services.db.begin() as tx:
        await sweeps.record(tx, swept, whole=whole)
        if swept.orphans or uploads:
            detail = {"orphans": swept.orphans, "orphan_bytes": swept.orphan_bytes, "uploads": uploads}
            await services.record(tx, HOUSE, Action.ORPHAN_SWEPT, now=now, companies=None, detail=detail)
    log.info("swept", orphans=swept.orphans, uploads=uploads, whole=whole)
    return swept


async def _suspects(
    services: Services, companies: Sequence[str], since: datetime | None, now: datetime
) -> AsyncIterator[list[Found]]:
    """What no row knows at a first look, of all that is old enough."""
    before = now - timedelta(seconds=services.settings.orphan_age_s)
    suspects: list[Found] = []
    for company in companies:
        async for batch in _batches(services, company, since, now):
            suspects += await _without_row(services, [found for found in batch if found.modified_at < before])
            if len(suspects) >= _MOST_SUSPECTS:
                yield suspects
                suspects = []
    if suspects:
        yield suspects


async def _remove(services: Services, suspects: Sequence[Found]) -> list[int]:
    """Look a second time and delete what still has no row; the sizes of what went, in bytes."""
    lost = await _without_row(services, suspects)
    contacts = {contact for found in lost if (contact := _contact_of(found)) is not None}
    async with services.db.read() as tx:
        # That the row is gone of what was kept is damage and no orphan: its bytes are all that is left of it.
        damaged = await agreement.lost_among(tx, sorted(contacts))
    doomed = [found for found in lost if _contact_of(found) not in damaged]
    versions = [(found.key, found.version_id) for found in doomed]
    refused = {(one.key, one.version_id) for one in await services.bucket.delete_versions(versions, bypass=True)}
    if damaged or refused:
        log.warning("sweep_left", contacts_without_rows=len(damaged), refused=len(refused))
    return [found.size_bytes for found in doomed if (found.key, found.version_id) not in refused]


async def _without_row(services: Services, found: Sequence[Found]) -> list[Found]:
    async with services.db.read() as tx:
        known = await interactions.versions_known(tx, [one.key for one in found])
    return [one for one in found if known.get(one.key) != one.version_id]


def _contact_of(found: Found) -> UUID | None:
    """The contact under which an object lies; None when its key is none of ours."""
    try:
        return UUID(found.key.split("/")[-2])
    except (IndexError, ValueError):
        return None


async def _batches(
    services: Services, company: str, since: datetime | None, until: datetime
) -> AsyncIterator[list[Found]]:
    """What lies under a company's months from `since` on, or under all of them, in batches."""
    if since is None:
        async for batch in _pages(services, f"{company}/", None):
            yield batch
            await asyncio.sleep(_BREATH_S)
        return
    for month in _months(since, until):
        prefix = f"{company}/{month:%Y/%m}/"
        async for batch in _pages(services, prefix, f"{prefix}{_lowest_id(since)}"):
            yield batch


async def _pages(services: Services, prefix: str, start_after: str | None) -> AsyncIterator[list[Found]]:
    batch: list[Found] = []
    async for found in services.bucket.versions(prefix, start_after=start_after):
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
