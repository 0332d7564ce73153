"""Sealing the trail in order, and anchoring its chain outside the database.

An anchor is a small signed document in the object store, locked there, with the number and value of the chain at a
moment. Whoever can rewrite the whole database, chain and all, cannot rewrite the anchors. Verifying is
`archive.verify`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog

from archive.custody import Services
from archive.errors import Damaged
from archive.objects.keyring import is_signed
from archive.objects.s3 import Found
from archive.store import trail

PREFIX = "_trail/"
LOCKED_FOR = timedelta(days=3 * 365)
# There is one a minute: they are read so many at a time.
_READ_AT_ONCE = 32
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The chain at a moment, as it lies in the object store."""

    seq: int
    chain: bytes
    at: datetime


async def seal(services: Services, now: datetime) -> int:
    """Seal every settled event; return how many. An event that this house did not write is left out and said."""
    total = 0
    while True:
        async with services.db.begin() as tx:
            count, foreign = await trail.seal(tx, services.mac, now)
        if foreign:
            log.error("trail_event_not_ours", events=[str(event) for event in foreign])
        total += count
        if count < trail.BATCH - len(foreign):
            return total


async def anchor(services: Services, now: datetime) -> Anchor | None:
    """Write the chain's value outside, if it has grown since the last time; None when it has not.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached.

    """
    async with services.db.read() as tx:
        seq, chain, anchored = await trail.head(tx)
    if seq == anchored:
        return None
    made = Anchor(seq=seq, chain=chain, at=now)
    body = {"seq": seq, "chain": chain.hex(), "at": now.isoformat()}
    signed = orjson.dumps({"body": body, "signature": services.keyring.sign(_canonical(body)).hex()})
    await services.bucket.put(f"{PREFIX}{seq:020d}.json", signed, retain_until=now + LOCKED_FOR)
    async with services.db.begin() as tx:
        await trail.anchored(tx, seq)
    return made


async def anchors(services: Services) -> AsyncIterator[Anchor]:
    """Every anchor, in order of its number.

    Raises:
        Damaged: an anchor is not what this house signed.

    """
    batch: list[Found] = []
    async for found in services.bucket.versions(PREFIX):
        if not found.is_marker and found.size_bytes > 0:
            batch.append(found)
        if len(batch) == _READ_AT_ONCE:
            for one in await _read_all(services, batch):
                yield one
            batch = []
    for one in await _read_all(services, batch):
        yield one


async def _read_all(services: Services, several: Sequence[Found]) -> list[Anchor]:
    return await asyncio.gather(*(_read(services, found) for found in several))


async def _read(services: Services, found: Found) -> Anchor:
    pieces = services.bucket.get_range(found.key, found.version_id, 0, found.size_bytes - 1)
    return _understood(services, b"".join([piece async for piece in pieces]))


def _understood(services: Services, data: bytes) -> Anchor:
    try:
        document = orjson.loads(data)
        body = document["body"]
        made = Anchor(seq=int(body["seq"]), chain=bytes.fromhex(body["chain"]), at=datetime.fromisoformat(body["at"]))
        signature = bytes.fromhex(document["signature"])
    except (ValueError, KeyError, TypeError):
        raise Damaged("an anchor of the trail cannot be read") from None
    if not is_signed(services.keyring.public_key, signature, _canonical(body)):
        raise Damaged("an anchor of the trail is not signed by this house")
    return made


def _canonical(body: dict[str, object]) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
