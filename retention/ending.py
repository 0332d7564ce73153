"""The end of a disposal: looking everywhere once more, counting, and the signed certificate.

By now every contact of the disposal is destroyed, held or failed. What a certificate looks like is
`retention.certificate`.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from uuid import UUID

from archive.custody import Services
from archive.domain.access import HOUSE
from archive.store import destruction
from archive.store import disposals as store
from archive.store.destruction import Item
from archive.store.disposals import Disposal
from retention.certificate import FORMAT, Body, Checks, Counts, DestroyedItem, PartDigest, certify, stamp

_BATCH = 5000


async def finish(services: Services, disposal: Disposal) -> Disposal:
    """Look for what is left of every destroyed contact, sign the certificate and end the disposal."""
    looked_at = [item async for batch in _destroyed(services, disposal.id) for item in batch]
    items = [item for item in looked_at if not any(item.checks.model_dump().values())]
    async with services.db.begin() as tx:
        counts = await destruction.count_items(tx, disposal.id)
    told = {outcome: counts.get(outcome, 0) for outcome in ("destroyed", "held", "failed")}
    # Never seen; but what is still found must not be called destroyed.
    told["destroyed"], told["failed"] = len(items), told["failed"] + told["destroyed"] - len(items)
    now = datetime.now(UTC)
    body = Body(
        format=FORMAT,
        disposal=str(disposal.id),
        requested="schedule" if disposal.requested_by == HOUSE.id else "request",
        as_of=stamp(disposal.as_of),
        started_at=stamp(disposal.started_at),
        finished_at=stamp(now),
        counts=Counts(**told),
        items=tuple(items),
    )
    document = certify(body, public_key=services.keyring.public_key, sign=services.keyring.sign)
    async with services.db.begin() as tx:
        await store.finish(tx, disposal.id, counts=told, certificate=document, now=now)
        ended = await store.get(tx, None, disposal.id)
    assert ended is not None
    return ended


async def _destroyed(services: Services, disposal_id: UUID) -> AsyncIterator[list[DestroyedItem]]:
    """The destroyed contacts in batches, their rows looked for after every transaction that removed them has ended."""
    after: UUID | None = None
    while True:
        async with services.db.begin() as tx:
            items = await destruction.items_with(tx, disposal_id, "destroyed", after, _BATCH)
            left = await destruction.look(tx, [item.interaction_id for item in items])
        if not items:
            return
        yield [_told(item, left) for item in items]
        after = items[-1].interaction_id


def _told(item: Item, left: Mapping[str, Mapping[UUID, int]]) -> DestroyedItem:
    assert item.destroyed_at is not None
    return DestroyedItem(
        interaction=str(item.interaction_id),
        company=item.company,
        policy=item.policy,
        keep=item.rule,
        retain_until=stamp(item.retain_until),
        destroyed_at=stamp(item.destroyed_at),
        parts=tuple(PartDigest(**{name: digest[name] for name in PartDigest.model_fields}) for digest in item.digests),
        checks=Checks(
            object_versions=0,
            wrapped_keys=left["wrapped_keys"].get(item.interaction_id, 0),
            rows=left["rows"].get(item.interaction_id, 0),
        ),
    )
