"""The bucket: sealed objects put, read by range, listed, locked, held and deleted.

Here: what the archive says to S3. Bytes move by `archive.objects.wire` on the event loop; everything else is the minio
SDK in a small thread pool of its own. Keys, digests and what an object means are the caller's. Every failure of the
store is `StoreUnavailable`, an object that should be there and is not is `ObjectMissing`.

Every byte that is written carries its SHA-256 in `x-amz-checksum-sha256`, which the store checks before it answers (and
which object lock asks for on AWS). Seen with SeaweedFS 4.48: it checks this one, not the payload hash of the signature.
"""

import asyncio
import hashlib
import itertools
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self, TypeVar

import urllib3
from minio import Minio
from minio.commonconfig import GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error
from minio.retention import Retention

from archive.errors import Misconfigured, StoreUnavailable
from archive.objects.multipart import (
    CHECKSUM,
    MultipartWriter,
    Stored,
    UnfinishedUpload,
    checksum,
    new_object,
    unfinished_in,
)
from archive.objects.wire import ANSWER_BASE_S, CONNECT_S, ObjectMissing, Wire, parse
from archive.settings import Settings

THREADS = 4
BATCH = 1000
"""S3 lists and deletes so many at a time."""

PARTS_AT_ONCE = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One version of an object as the store lists it; a delete marker has no bytes."""

    key: str
    version_id: str
    size_bytes: int
    modified_at: datetime
    is_marker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What is known of one version: its size, the end of its lock, whether it is under legal hold."""

    size_bytes: int
    etag: str
    retain_until: datetime | None
    legal_hold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDeleted:
    """A version that the store refused to delete, with the store's code."""

    key: str
    version_id: str | None
    code: str


class Bucket:
    """The archive's bucket, for one event loop; `close` it, or use it in `async with`.

    `sending` is for the holders of large parts: so many parts at most are in memory at once.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = settings.s3_bucket
        self.sending = asyncio.Semaphore(PARTS_AT_ONCE)
        self._region = settings.s3_region
        self._wire = Wire(settings)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._client = _client(settings)

    @classmethod
    def open(cls, settings: Settings) -> "Bucket":
        """The bucket that the settings name; nothing is connected yet."""
        return cls(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; calls that run in threads are waited for."""
        await self._wire.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def put(
        self,
        key: str,
        data: bytes,
        *,
        retain_until: datetime | None = None,
        legal_hold: bool = False,
        sha256: bytes | None = None,
    ) -> Stored:
        """Store one object whole; `sha256` spares its computing where the caller has it.

        Raises:
            StoreUnavailable: nothing is kept, or a version nobody knows of, which the sweep removes.

        """
        headers = new_object(retain_until, legal_hold=legal_hold)
        headers[CHECKSUM] = checksum(sha256 or hashlib.sha256(data).digest())
        return Stored.of(await self._wire.call("PUT", key, headers=headers, data=data))

    async def multipart(
        self, key: str, *, retain_until: datetime | None = None, legal_hold: bool = False
    ) -> MultipartWriter:
        """Begin an object that comes in parts; each but the last has 5 MiB at least.

        Raises:
            StoreUnavailable: nothing was begun.

        """
        headers = {**new_object(retain_until, legal_hold=legal_hold), "x-amz-checksum-algorithm": "SHA256"}
        answer = await self._wire.call("POST", key, query={"uploads": ""}, headers=headers)
        return MultipartWriter(self._wire, key, answer.text_of("UploadId"))

    def get_range(self, key: str, version_id: str, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `first` to `last` (inclusive) of a version; close the iterator when leaving early.

        Raises:
            ObjectMissing: there is no such version.
            Damaged: the version has fewer bytes.
            StoreUnavailable: the store cannot be reached or falls silent.

        """
        return self._wire.pieces(key, version_id, first, last)

    async def head(self, key: str, version_id: str) -> Locked:
        """Look at one version without reading it.

        Raises:
            ObjectMissing: there is no such version, or it is a delete marker.
            StoreUnavailable: the store cannot be reached.

        """
        found = await self._sdk(lambda: self._client.stat_object(self.name, key, version_id=version_id))
        lock = {name.lower(): value for name, value in (found.metadata or {}).items()}
        until = lock.get("x-amz-object-lock-retain-until-date")
        return Locked(
            size_bytes=found.size or 0,
            etag=found.etag or "",
            retain_until=datetime.fromisoformat(until) if until else None,
            legal_hold=lock.get("x-amz-object-lock-legal-hold", "").upper() == "ON",
        )

    async def versions(self, prefix: str = "", start_after: str | None = None) -> AsyncIterator[Found]:
        """Yield every version and delete marker under a prefix, in the order of keys, after `start_after`.

        Raises:
            StoreUnavailable: the store cannot be reached.

        """
        listed = self._client.list_objects(
            self.name, prefix=prefix, recursive=True, start_after=start_after, include_version=True
        )
        while batch := await self._sdk(lambda: list(itertools.islice(listed, BATCH))):
            for found in batch:
                if found.object_name is not None and found.last_modified is not None:
                    yield Found(
                        key=found.object_name,
                        version_id=found.version_id or "",
                        size_bytes=found.size or 0,
                        modified_at=found.last_modified,
                        is_marker=found.is_delete_marker,
                    )

    async def delete_versions(
        self, versions: Iterable[tuple[str, str | None]], *, bypass: bool = False
    ) -> list[NotDeleted]:
        """Delete versions in batches of `BATCH`; one that is not there counts as deleted.

        `bypass` passes over the governance lock; a legal hold is never passed over.

        Returns:
            Those that the store refused; a lock or a hold says AccessDenied.

        Raises:
            StoreUnavailable: the store cannot be reached; some may be deleted, do it again.

        """
        refused: list[NotDeleted] = []
        todo = iter([DeleteObject(key, version) for key, version in versions])
        while batch := list(itertools.islice(todo, BATCH)):
            refused += await self._sdk(partial(self._delete, batch, bypass=bypass))
        return refused

    def _delete(self, batch: Sequence[DeleteObject], *, bypass: bool) -> list[NotDeleted]:
        errors = self._client.remove_objects(self.name, batch, bypass_governance_mode=bypass)
        return [
            NotDeleted(key=error.name or "", version_id=error.version_id, code=error.code)
            for error in errors
            if error.code not in {"NoSuchKey", "NoSuchVersion"}
        ]

    async def set_retention(self, key: str, version_id: str, retain_until: datetime) -> None:
        """Lengthen the lock of a version; S3 refuses to shorten one.

        Raises:
            ObjectMissing: there is no such version.
            StoreUnavailable: the store cannot be reached, or refuses.

        """
        lock = Retention(GOVERNANCE, retain_until)
        await self._sdk(lambda: self._client.set_object_retention(self.name, key, lock, version_id=version_id))

    async def set_legal_hold(self, key: str, version_id: str, *, on: bool) -> None:
        """Put a version under legal hold, or release it.

        Raises:
            ObjectMissing: there is no such version.
            StoreUnavailable: the store cannot be reached.

        """
        call = self._client.enable_object_legal_hold if on else self._client.disable_object_legal_hold
        await self._sdk(lambda: call(self.name, key, version_id=version_id))

    async def unfinished_uploads(self, prefix: str = "") -> list[UnfinishedUpload]:
        """The multipart uploads that were begun and neither completed nor aborted, the first thousand at most.

        Raises:
            StoreUnavailable: the store cannot be reached.

        """
        answer = await self._wire.call("GET", query={"uploads": "", "prefix": prefix, "max-uploads": str(BATCH)})
        return list(unfinished_in(parse(answer.body)))

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an unfinished upload and its parts; one that is not there counts as dropped.

        Raises:
            StoreUnavailable: the store cannot be reached.

        """
        await MultipartWriter(self._wire, key, upload_id).abort()

    async def abort_stale_uploads(self, before: datetime) -> int:
        """Drop every upload that was begun before a moment; returns how many.

        Raises:
            StoreUnavailable: the store cannot be reached; do it again.

        """
        stale = [upload for upload in await self.unfinished_uploads() if upload.begun_at < before]
        for upload in stale:
            await self.abort_upload(upload.key, upload.upload_id)
        return len(stale)

    async def ensure(self) -> None:
        """Make the bucket with object lock where it is missing.

        Raises:
            Misconfigured: the bucket is there without object lock.
            StoreUnavailable: the store cannot be reached.

        """
        if not await self._sdk(lambda: self._client.bucket_exists(self.name)):
            await self._sdk(lambda: self._client.make_bucket(self.name, self._region, object_lock=True))
        if not await self.has_object_lock():
            raise Misconfigured(f"the bucket {self.name} was made without object lock; make it anew with it")

    async def has_object_lock(self) -> bool:
        """Whether the bucket says that it has object lock; `tallenne doctor` tries whether it is enforced.

        Raises:
            StoreUnavailable: the store cannot be reached.

        """
        try:
            await self._sdk(lambda: self._client.get_object_lock_config(self.name))
        except ObjectLockMissing:
            return False
        return True

    async def _sdk(self, call: Callable[[], T]) -> T:
        """Run one call of the SDK in our threads; its errors become ours, without keys or addresses."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except S3Error as error:
            raise _OURS.get(error.code or "", StoreUnavailable)(f"the object store answered {error.code}") from error
        except (MinioException, InvalidResponseError, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable("the object store cannot be reached") from error


class ObjectLockMissing(Misconfigured):
    """The bucket was made without object lock."""


_OURS: dict[str, type[ObjectMissing | ObjectLockMissing]] = {
    "NoSuchKey": ObjectMissing,
    "NoSuchVersion": ObjectMissing,
    # A version id that means a delete marker answers so.
    "MethodNotAllowed": ObjectMissing,
    "ObjectLockConfigurationNotFoundError": ObjectLockMissing,
}


def _client(settings: Settings) -> Minio:
    """The SDK with short waits: an archive that says 503 at once serves better than one that hangs."""
    pool = urllib3.PoolManager(
        maxsize=THREADS,
        timeout=urllib3.Timeout(connect=CONNECT_S, read=2 * ANSWER_BASE_S),
        retries=urllib3.Retry(
            total=2, read=0, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False
        ),
        ssl_context=ssl.create_default_context() if settings.s3_secure else None,
    )
    return Minio(
        settings.s3_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_secure,
        region=settings.s3_region,
        http_client=pool,
    )
