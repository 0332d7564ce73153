"""The only door to bytes: take them in sealed, open them range by range, look at them, destroy them.

`Services` is what every use case is given. Which contact may be opened by whom is decided before anything here is
called; rows are `archive.store`; what is made from a contact is added by `archive.derivatives`. Plain bytes never
touch a disk: what is spooled while an upload runs is sealed.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.access import Action, Actor, Purpose
from archive.domain.interactions import Part
from archive.domain.trail import TrailEvent, veiled
from archive.errors import Damaged, NotFound, StoreUnavailable
from archive.objects.age_header import Identity
from archive.objects.keyring import Keyring, Wrapped
from archive.objects.multipart import MultipartWriter
from archive.objects.s3 import Bucket
from archive.objects.seal import Opening, Sealer
from archive.objects.wire import ObjectMissing
from archive.settings import Settings
from archive.store import interactions as store
from archive.store import trail
from archive.store.unit_of_work import Database

# Smaller than this goes up in one PUT; S3 wants every part but the last to have 5 MiB at least.
PART_BYTES = 5 * 1024**2
# The jobs of retention that let objects show a contact's holds and its date.
MIRROR = "retention.mirror"
RELOCK = "retention.relock"

# So much of an upload is held in memory; the rest waits, sealed, in a nameless temporary file.
SPOOL_BYTES = 1024**2 + 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every use case works with: settings, database, object store and keys of this process."""

    settings: Settings
    db: Database
    bucket: Bucket
    keyring: Keyring

    def mac(self, data: bytes) -> bytes:
        """The MAC of a trail event."""
        return self.keyring.keyed_hash("trail", data.decode())

    def veil(self, kind: str, text: str) -> str:
        """What the trail carries of a text that may tell of a person: the same for the same text, and no way back.

        The trail outlives what it tells of, so that no name, number or search word may stand in it.
        """
        return veiled(self.keyring.keyed_hash("trail " + kind, text))

    def event(
        self,
        actor: Actor,
        action: Action,
        *,
        now: datetime,
        companies: Sequence[str] | None,
        interaction_id: UUID | None = None,
        purpose: Purpose | None = None,
        detail: dict[str, Any] | None = None,
    ) -> TrailEvent:
        """A trail event of this actor; `detail` must be free of personal data."""
        return TrailEvent(
            id=uuid7(),
            at=now,
            companies=None if companies is None else tuple(sorted(companies)),
            actor_id=actor.id,
            actor_name=actor.name,
            role=None if actor.role is None else actor.role.value,
            action=action.value,
            interaction_id=interaction_id,
            purpose=None if purpose is None else str(purpose),
            detail=detail or {},
        )

    async def record(
        self,
        tx: AsyncConnection,
        actor: Actor,
        action: Action,
        *,
        now: datetime,
        companies: Sequence[str] | None,
        interaction_id: UUID | None = None,
        purpose: Purpose | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write a trail event into the caller's transaction."""
        event = self.event(
            actor,
            action,
            now=now,
            companies=companies,
            interaction_id=interaction_id,
            purpose=purpose,
            detail=detail,
        )
        await trail.record(tx, event, self.mac)

    async def close(self) -> None:
        """Close the connections of this process."""
        await self.db.close()
        await self.bucket.close()


def open_services(settings: Settings) -> Services:
    """Make the services that the settings name; nothing is connected yet.

    Raises:
        Misconfigured: a key file is missing or malformed.

    """
    return Services(
        settings=settings, db=Database.open(settings), bucket=Bucket.open(settings), keyring=Keyring(settings)
    )


def object_key(company: str, interaction_id: UUID, part_id: UUID, received_at: datetime) -> str:
    """Where a part's object lies; ids are UUIDv7, so that keys sort by the time of receipt."""
    return f"{company}/{received_at:%Y/%m}/{interaction_id}/{part_id}"


def digester() -> "hashlib._Hash":
    """The hash that every part is known by: SHA-256."""
    return hashlib.sha256()


def lock_until(retain_until: datetime | None, now: datetime) -> datetime | None:
    """The end of an object's lock: its contact's date, unless that has passed (the store refuses one in the past)."""
    return retain_until if retain_until and retain_until > now else None


class Upload:
    """Bytes on their way in: hashed plain and sealed, sealed, sent to the store a part at a time.

    Memory is constant whatever the size. Use `write` until the end, then `finish`; on any failure `abort`.
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        identity: Identity,
        retain_until: datetime | None,
        *,
        legal_hold: bool = False,
    ) -> None:
        self.key = key
        self.size_bytes = 0
        self.sealed_size_bytes = 0
        self._bucket = bucket
        self._retain_until = retain_until
        self._legal_hold = legal_hold
        self._sealer = Sealer(identity.public)
        self._plain = digester()
        self._sealed = digester()
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  # closed by finish or abort
        self._spooled = 0
        self._parts: MultipartWriter | None = None
        self._version: str | None = None
        self._keep(self._sealer.header)

    @property
    def sha256(self) -> bytes:
        """Digest of the plain bytes so far."""
        return self._plain.digest()

    async def write(self, data: bytes) -> None:
        """Take plain bytes.

        Raises:
            StoreUnavailable: the object store does not take them.

        """
        self._plain.update(data)
        self.size_bytes += len(data)
        self._keep(self._sealer.update(data))
        if self._spooled >= PART_BYTES:
            await self._send_part()

    async def finish(self, *, interaction_id: UUID, company: str, kind: str, media_type: str, now: datetime) -> Part:
        """Send what is left and return the part as it now lies in the store.

        Raises:
            StoreUnavailable: the object store did not take it; nothing is kept.

        """
        self._keep(self._sealer.finish())
        if self._parts is None:
            stored = await self._bucket.put(
                self.key,
                self._take(),
                retain_until=self._retain_until,
                legal_hold=self._legal_hold,
                sha256=self._sealed.digest(),
            )
        else:
            await self._send_part()
            stored = await self._parts.complete()
        self._version = stored.version_id
        self._spool.close()
        return Part(
            id=UUID(self.key.rpartition("/")[2]),
            interaction_id=interaction_id,
            company=company,
            kind=kind,
            media_type=media_type,
            size_bytes=self.size_bytes,
            sealed_size_bytes=self.sealed_size_bytes,
            sha256=self.sha256,
            sealed_sha256=self._sealed.digest(),
            object_key=self.key,
            version_id=stored.version_id,
            header=self._sealer.header,
            created_at=now,
        )

    async def abort(self) -> None:
        """Leave nothing behind; what cannot be removed now is an orphan that the sweep removes."""
        self._spool.close()
        with contextlib.suppress(StoreUnavailable, ObjectMissing):
            if self._version is not None:
                if self._legal_hold:
                    # The sweep does not touch what is held, and this was never kept.
                    await self._bucket.set_legal_hold(self.key, self._version, on=False)
                await self._bucket.delete_versions([(self.key, self._version)], bypass=True)
            elif self._parts is not None:
                await self._parts.abort()

    def _keep(self, sealed: bytes) -> None:
        self._sealed.update(sealed)
        self._spool.write(sealed)
        self._spooled += len(sealed)
        self.sealed_size_bytes += len(sealed)

    def _take(self) -> bytes:
        self._spool.seek(0)
        data = self._spool.read()
        self._spool.seek(0)
        self._spool.truncate()
        self._spooled = 0
        return data

    async def _send_part(self) -> None:
        if self._parts is None:
            self._parts = await self._bucket.multipart(
                self.key, retain_until=self._retain_until, legal_hold=self._legal_hold
            )
        async with self._bucket.sending:
            await self._parts.part(self._take())


async def identity_of(services: Services, tx: AsyncConnection, interaction_id: UUID) -> Identity:
    """The age identity of a contact.

    Raises:
        NotFound: its key has been destroyed, or never was.

    """
    wrapped = await store.wrapped_key(tx, interaction_id)
    if wrapped is None:
        raise NotFound
    return unwrap(services, interaction_id, wrapped)


def unwrap(services: Services, interaction_id: UUID, wrapped: tuple[str, bytes]) -> Identity:
    """The identity of a contact from its wrapping key's id and its wrapped secret."""
    key_id, data = wrapped
    return Identity.of(services.keyring.unwrap(Wrapped(key_id=key_id, data=data), interaction_id.bytes))


async def open_range(services: Services, identity: Identity, part: Part, start: int, stop: int) -> AsyncIterator[bytes]:
    """The plain bytes from `start` up to but not including `stop`, read from only the sealed chunks that hold them.

    Raises:
        StoreUnavailable: the object store cannot be reached.
        Damaged: the object is gone, or is not what was kept.

    """
    opening = Opening(identity.secret, part.header)
    span = opening.span(start, stop, part.size_bytes)
    opener = opening.opener(span)
    async for sealed in services.bucket.get_range(part.object_key, part.version_id, span.first_byte, span.last_byte):
        if plain := opener.update(sealed):
            yield plain
    if rest := opener.finish():
        yield rest


async def open_whole(services: Services, identity: Identity, part: Part) -> bytes:
    """All plain bytes of a small part, its digest checked.

    Raises:
        StoreUnavailable: the object store cannot be reached.
        Damaged: the object is not what was kept.

    """
    data = b"".join([piece async for piece in open_range(services, identity, part, 0, part.size_bytes)])
    if hashlib.sha256(data).digest() != part.sha256:
        raise Damaged
    return data
