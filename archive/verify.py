"""Is everything still what was kept? Rows against objects, bytes against digests, tables against the trail.

The trail is `archive.verify_trail`, holds and locks are `archive.verify_locks`, the index is `archive.verify_words`.
Nothing is repaired here: what is found is named, and a person decides. The reasons are in docs/internals/guarantees.md
(3, 4, 8 and 11).
"""

import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.findings import Finding
from archive.domain.interactions import Part
from archive.domain.transcripts import TextState
from archive.errors import Damaged, NotFound, StoreUnavailable
from archive.objects.s3 import Found
from archive.objects.wire import ObjectMissing
from archive.store import accounts, agreement, interactions
from archive.verify_locks import is_locked_too_short, place, verify_holds
from archive.verify_trail import verify_trail
from archive.verify_words import verify_words

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at, and every finding; `read_bytes` of sealed objects were read and compared.

    `words` counts the contacts by how far their words have come on their way into the index.
    """

    parts: int
    sampled: int
    read_bytes: int
    events: int
    words: dict[TextState, int]
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(slots=True)
class _Tally:
    parts: int = 0
    sampled: int = 0
    read_bytes: int = 0


async def verify(
    services: Services, now: datetime, *, sample: float = 100.0, progress: Progress | None = None
) -> Report:
    """Look at every row, object, hold and event; read `sample` percent of the objects whole and look at their locks.

    Memory does not grow with what is kept, only with what is found.

    Raises:
        StoreUnavailable: the database or the object store as a whole cannot be reached.

    """
    tally, findings = _Tally(), list[Finding]()
    async with services.db.read() as tx:
        companies = [company.code for company in await accounts.list_companies(tx, None)]
    await services.bucket.has_object_lock()
    for company in companies:
        async for finding in _company(services, company, now, sample, tally):
            findings.append(finding)
        if progress is not None:
            progress(tally.parts, tally.sampled)
    findings += [finding async for finding in _contacts(services)]
    findings += [finding async for finding in verify_holds(services, now)]
    words = Counter[TextState]()
    findings += [finding async for finding in verify_words(services, words)]
    events, broken = await verify_trail(services)
    return Report(
        parts=tally.parts,
        sampled=tally.sampled,
        read_bytes=tally.read_bytes,
        events=events,
        words=dict.fromkeys(TextState, 0) | dict(words),
        findings=(*findings, *broken),
    )


async def _company(
    services: Services, company: str, now: datetime, sample: float, tally: _Tally
) -> AsyncIterator[Finding]:
    """Rows and objects of one company, both in order of their keys, side by side."""
    young = now - timedelta(seconds=services.settings.orphan_age_s)
    async for part, versions in _side_by_side(services, f"{company}/"):
        if part is not None:
            tally.parts += 1
            mine = [found for found in versions if found.version_id == part.version_id and not found.is_marker]
            if not mine:
                if await _is_missing(services, part) and await _still_kept(services, part):
                    yield Finding(kind="row-without-object", where=place(part))
            elif mine[0].size_bytes != part.sealed_size_bytes:
                yield Finding(kind="size-differs", where=place(part))
            elif random.random() * 100 < sample:  # noqa: S311  # a sample, not a secret
                tally.sampled += 1
                tally.read_bytes += part.sealed_size_bytes
                wrong = await _read(services, part) or await _lock(services, part, now)
                if wrong is not None and await _still_kept(services, part):
                    yield Finding(kind=wrong, where=place(part))
        for found in versions:
            if (part is None or found.version_id != part.version_id) and found.modified_at < young:
                yield Finding(kind="object-without-row", where=f"{found.key} version {found.version_id}")


async def _contacts(services: Services) -> AsyncIterator[Finding]:
    """Contacts that lack what none can be without: the row of what was pushed, or their key."""
    after: UUID | None = None
    while True:
        async with services.db.read() as tx:
            several = await agreement.contacts(tx, after)
        if not several:
            return
        for one in several:
            if not one.has_original:
                yield Finding(kind="contact-without-content", where=f"interaction {one.id}")
            if not one.has_key:
                yield Finding(kind="contact-without-key", where=f"interaction {one.id}")
        after = several[-1].id


async def _side_by_side(services: Services, prefix: str) -> AsyncIterator[tuple[Part | None, list[Found]]]:
    """Every key under a prefix with its row, if there is one, and its versions in the store."""
    rows, objects = _rows(services, prefix), _objects(services, prefix)
    row, stored = await anext(rows, None), await anext(objects, None)
    while row is not None or stored is not None:
        if stored is None or (row is not None and row.object_key < stored[0].key):
            yield row, []
            row = await anext(rows, None)
        elif row is None or stored[0].key < row.object_key:
            yield None, stored
            stored = await anext(objects, None)
        else:
            yield row, stored
            row, stored = await anext(rows, None), await anext(objects, None)


async def _rows(services: Services, prefix: str) -> AsyncIterator[Part]:
    after: str | None = None
    while True:
        async with services.db.read() as tx:
            batch = await interactions.parts_by_key(tx, prefix, after)
        if not batch:
            return
        for part in batch:
            yield part
        after = batch[-1].object_key


async def _objects(services: Services, prefix: str) -> AsyncIterator[list[Found]]:
    versions: list[Found] = []
    async for found in services.bucket.versions(prefix):
        if versions and versions[0].key != found.key:
            yield versions
            versions = []
        versions.append(found)
    if versions:
        yield versions


async def _read(services: Services, part: Part) -> str | None:
    """Read an object whole and compare both digests; None when it is what was kept."""
    digest = hashlib.sha256()
    try:
        stored = services.bucket.get_range(part.object_key, part.version_id, 0, part.sealed_size_bytes - 1)
        async for piece in stored:
            digest.update(piece)
        if digest.digest() != part.sealed_sha256:
            return "bytes-differ"
        await _open(services, part)
    except NotFound:
        return None  # its contact is found to have no key
    except Damaged:
        return "cannot-be-opened"
    except StoreUnavailable:
        # The store as a whole answered at the start; that it cannot give this object is damage too.
        return "cannot-be-read"
    return None


async def _lock(services: Services, part: Part, now: datetime) -> str | None:
    return "lock-too-short" if await is_locked_too_short(services, part, now) else None


async def _open(services: Services, part: Part) -> None:
    async with services.db.read() as tx:
        identity = await custody.identity_of(services, tx, part.interaction_id)
    digest = hashlib.sha256()
    async for piece in custody.open_range(services, identity, part, 0, part.size_bytes):
        digest.update(piece)
    if digest.digest() != part.sha256:
        raise Damaged


async def _is_missing(services: Services, part: Part) -> bool:
    """Whether the object is not there now: it may have come after its page was listed."""
    try:
        await services.bucket.head(part.object_key, part.version_id)
    except ObjectMissing:
        return True
    return False


async def _still_kept(services: Services, part: Part) -> bool:
    """Whether the row is still there: a contact may be destroyed lawfully while it is looked at."""
    async with services.db.read() as tx:
        known = await interactions.versions_known(tx, [part.object_key])
        found = await interactions.get(tx, part.interaction_id, None)
    return known.get(part.object_key) == part.version_id and found is not None
