"""Listing versions in pages of one's own size, for those who expect to find next to nothing.

The minio SDK always asks for a thousand keys, and the store has to find them all. What is done with what is found is
the caller's business; everything else that is said to S3 is `archive.objects.s3`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from xml.etree import ElementTree as ET

from archive.errors import StoreUnavailable
from archive.objects.s3 import BATCH, Found
from archive.objects.wire import Wire, parse

FIRST_PAGE = 20
_KINDS = {"Version": False, "DeleteMarker": True}


async def versions(wire: Wire, prefix: str, after: str = "") -> AsyncIterator[Found]:
    """Yield every version and delete marker under a prefix in the order of keys, those after the key `after`.

    The first page is small, the next are whole ones: leaving early costs little.

    Raises:
        StoreUnavailable: the store cannot be reached, or its answer is not understood.

    """
    query = {"versions": "", "prefix": prefix, "max-keys": str(FIRST_PAGE)}
    markers = {"key-marker": after} if after else {}
    while True:
        root = parse((await wire.call("GET", query={**query, **markers})).body)
        for element in root:
            kind = element.tag.rpartition("}")[2]
            if kind in _KINDS:
                yield _found(element, is_marker=_KINDS[kind])
        if root.findtext("{*}IsTruncated") != "true":
            return
        markers = _following(root)
        query["max-keys"] = str(BATCH)


def _following(root: ET.Element) -> dict[str, str]:
    """Where the next page begins."""
    key = root.findtext("{*}NextKeyMarker")
    if not key:
        raise StoreUnavailable("the object store's answer is not understood")
    markers = {"key-marker": key}
    version = root.findtext("{*}NextVersionIdMarker")
    return {**markers, "version-id-marker": version} if version else markers


def _found(element: ET.Element, *, is_marker: bool) -> Found:
    key, modified = element.findtext("{*}Key"), element.findtext("{*}LastModified")
    if not key or not modified:
        raise StoreUnavailable("the object store's answer is not understood")
    return Found(
        key=key,
        version_id=element.findtext("{*}VersionId") or "",
        size_bytes=int(element.findtext("{*}Size") or 0),
        modified_at=datetime.fromisoformat(modified),
        is_marker=is_marker,
    )
