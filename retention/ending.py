"""The end of a disposal: looking everywhere once more, counting, and the signed certificate.

By now every contact of the disposal is destroyed, held or failed. What a certificate looks like is
`retention.certificate`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from archive.custody import Services
from archive.domain.access import HOUSE
from archive.store import destruction
from archive.store import disposals as store
from archive.store.destruction import Item
from archive.store.disposals import Disposal
from retention.certificate import FORMAT, Body, Counts, PartDigest, certify, stamp
from retention.removal import Remover, folder_of

_BATCH = 5000
_DIGEST_FIELDS = tuple(PartDigest.model_fields)


async def finish(services: Services, disposal: Disposal, remover: Remover) -> Disposal | None:
    """Look for what is left of every destroyed contact, sign the certificate and end the disposal.

    Each contact's folder was seen empty before it was called destroyed. Looked at again are those for which a job is
    still about, because it may have been sending a derivative meanwhile; what it has sent is deleted first.

    None when another process is still at it: some contacts are marked, or fared otherwise while this was looking.
    """
    looked_at = [item async for batch in _destroyed(services, disposal.id, remover) for item in batch]
    items = [item for item in looked_at if not any(item["checks"].values())]
    found = {UUID(item["interaction"]): item["checks"] for item in looked_at if any(item["checks"].values())}
    async with services.db.begin() as tx:
        if await store.lock(tx, disposal.id):
            counts = await destruction.count_items(tx, disposal.id)
            if counts.get("marked") or counts.get("destroyed", 0) != len(looked_at):
                return None
            now = datetime.now(UTC)
            # What is still found must not be called destroyed, though it has never been seen.
            told = Counts(
                destroyed=len(items),
                held=counts.get("held", 0),
                failed=counts.get("failed", 0) + len(found),
            )
            await destruction.fail_destroyed(tx, disposal.id, found)
            document = _document(services, disposal, told, items, now)
            await store.finish(tx, disposal.id, counts=told.model_dump(), certificate=document, now=now)
        return await store.get(tx, None, disposal.id)


def _document(
    services: Services, disposal: Disposal, counts: Counts, items: Sequence[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    body = Body.model_validate(
        {
            "format": FORMAT,
            "disposal": str(disposal.id),
            "requested": "schedule" if disposal.requested_by == HOUSE.id else "request",
            "as_of": stamp(disposal.as_of),
            "started_at": stamp(disposal.started_at),
            "finished_at": stamp(now),
            "counts": counts,
            "items": tuple(items),
        }
    )
    return certify(body, public_key=services.keyring.public_key, sign=services.keyring.sign)


async def _destroyed(services: Services, disposal_id: UUID, remover: Remover) -> AsyncIterator[list[dict[str, Any]]]:
    """The destroyed contacts in batches, looked for after every transaction that removed their rows has ended."""
    after: UUID | None = None
    while True:
        async with services.db.begin() as tx:
            items = await destruction.items_with(tx, disposal_id, "destroyed", after, _BATCH)
            at_work = await destruction.at_work(tx, disposal_id) if items else set()
        if not items:
            return
        again = {
            folder_of(digest["object_key"])
            for item in items
            if item.interaction_id in at_work
            for digest in item.digests
        }
        left, objects = await asyncio.gather(_rows_of(services, items), remover.clear(sorted(again)))
        yield [_told(item, left, objects) for item in items]
        if len(items) < _BATCH:
            return
        after = items[-1].interaction_id


async def _rows_of(services: Services, items: Sequence[Item]) -> dict[str, dict[UUID, int]]:
    async with services.db.begin() as tx:
        return await destruction.look(tx, [item.interaction_id for item in items])


def _told(item: Item, left: Mapping[str, Mapping[UUID, int]], objects: Mapping[str, int]) -> dict[str, Any]:
    """The fields of a `DestroyedItem`; all of them are judged at once, as parts of the body."""
    assert item.destroyed_at is not None
    folders = {folder_of(digest["object_key"]) for digest in item.digests}
    return {
        "interaction": str(item.interaction_id),
        "company": item.company,
        "policy": item.policy,
        "keep": item.rule,
        "retain_until": stamp(item.retain_until),
        "destroyed_at": stamp(item.destroyed_at),
        "parts": tuple({name: digest[name] for name in _DIGEST_FIELDS} for digest in item.digests),
        "checks": {
            "object_versions": sum(objects.get(folder, 0) for folder in folders),
            "wrapped_keys": left["wrapped_keys"].get(item.interaction_id, 0),
            "rows": left["rows"].get(item.interaction_id, 0),
        },
    }
