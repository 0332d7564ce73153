"""Objects on their way in: the headers of a new object, and an object that comes in parts.

Here: what S3 wants to be told at a write, over `archive.objects.wire`. The bucket as a whole is `archive.objects.s3`.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from minio.commonconfig import GOVERNANCE
from minio.time import to_iso8601utc

from archive.errors import StoreUnavailable
from archive.objects.wire import ASSEMBLY_S, Answer, NoSuchUpload, Wire

CHECKSUM = "x-amz-checksum-sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store said of an object it has taken."""

    version_id: str
    etag: str

    @classmethod
    def of(cls, answer: Answer, etag: str | None = None) -> "Stored":
        """Read the answer to a write.

        Raises:
            StoreUnavailable: the bucket gives no version ids, so nothing in it could be kept apart or locked.

        """
        version_id = answer.headers.get("x-amz-version-id")
        if not version_id:
            raise StoreUnavailable("the bucket keeps no versions; make it with object lock")
        return cls(version_id=version_id, etag=(etag or answer.headers.get("ETag", "")).strip('"'))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUpload:
    """A multipart upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    begun_at: datetime


class MultipartWriter:
    """One object on its way in parts; end it with `complete` or `abort`."""

    def __init__(self, wire: Wire, key: str, upload_id: str) -> None:
        self._wire = wire
        self._key = key
        self._upload = {"uploadId": upload_id}
        self._parts: list[tuple[str, str]] = []

    async def part(self, data: bytes) -> None:
        """Send the next part.

        Raises:
            StoreUnavailable: it was not taken; abort.

        """
        digest = checksum(hashlib.sha256(data).digest())
        query = {**self._upload, "partNumber": str(len(self._parts) + 1)}
        headers = {CHECKSUM: digest}
        answer = await self._wire.call("PUT", self._key, query=query, headers=headers, data=data)
        self._parts.append((answer.headers.get("ETag", ""), digest))

    async def complete(self) -> Stored:
        """Make the object of its parts.

        Raises:
            StoreUnavailable: the store did not say that it is made; abort, and if it was made the sweep removes it.

        """
        body = ET.Element("CompleteMultipartUpload")
        for number, (etag, digest) in enumerate(self._parts, start=1):
            part = ET.SubElement(body, "Part")
            ET.SubElement(part, "PartNumber").text = str(number)
            ET.SubElement(part, "ETag").text = etag
            ET.SubElement(part, "ChecksumSHA256").text = digest
        # Not tried again: after a lost answer the upload is gone and a second try would hide that it was made.
        answer = await self._wire.call(
            "POST", self._key, query=self._upload, data=ET.tostring(body), again=False, patience_s=ASSEMBLY_S
        )
        # S3 may begin to answer 200 before it knows, and then there is Error in the body instead of ETag.
        return Stored.of(answer, answer.text_of("ETag"))

    async def abort(self) -> None:
        """Drop the parts; an upload that is not there counts as dropped.

        Raises:
            StoreUnavailable: the store cannot be reached; the sweep drops it later.

        """
        try:
            await self._wire.call("DELETE", self._key, query=self._upload)
        except NoSuchUpload:
            return


def new_object(retain_until: datetime | None, *, legal_hold: bool) -> dict[str, str]:
    """The headers of a new object: locked until a moment, in governance mode, and held or not."""
    headers = {"Content-Type": "application/octet-stream"}
    if retain_until is not None:
        headers["x-amz-object-lock-mode"] = GOVERNANCE
        headers["x-amz-object-lock-retain-until-date"] = to_iso8601utc(retain_until) or ""
    if legal_hold:
        headers["x-amz-object-lock-legal-hold"] = "ON"
    return headers


def unfinished_in(listing: ET.Element) -> Iterator[UnfinishedUpload]:
    """The uploads that a ListMultipartUploads answer names."""
    for upload in listing.iterfind("{*}Upload"):
        key, upload_id, begun = (upload.findtext(f"{{*}}{name}") for name in ("Key", "UploadId", "Initiated"))
        if key and upload_id and begun:
            yield UnfinishedUpload(key=key, upload_id=upload_id, begun_at=datetime.fromisoformat(begun))


def checksum(digest: bytes) -> str:
    """A digest as S3 headers spell it."""
    return base64.b64encode(digest).decode()
