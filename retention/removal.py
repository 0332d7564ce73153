"""Deleting the objects of contacts, every version of each, and looking that none is left.

Only the bucket is touched here. Rows are `archive.store.destruction`; what is to go was decided and marked before.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from archive.custody import Services
from archive.objects import listing
from archive.objects.s3 import Bucket, Found
from archive.objects.wire import ObjectMissing, Wire

# Contacts of one moment lie side by side. Walking past this many others for each of ours costs more than asking for
# each of ours alone.
_STRANGERS_EACH = 4
_FEW = 4
_ROUNDS = 3
_DIGITS = (9, 8, 7, 6, 5, 0)
_DENSE = 50
"""So many contacts on the average make it worth to walk along a beginning."""


def folder_of(object_key: str) -> str:
    """The prefix under which every part of a contact lies: `company/yyyy/mm/interaction/`."""
    return object_key.rpartition("/")[0] + "/"


def _neighbourhoods(folders: Sequence[str]) -> dict[str, list[str]]:
    """The folders by what their names begin with, each beginning no wider than a walk along it is worth.

    An id begins with its time (UUIDv7): 9 hexadecimal digits of it are the same for 4 seconds, 5 for 3 days. A store
    may keep emptied folders for a while and pass over each when asked what lies there; of a whole month there could be
    so many that the answer comes too late.
    """
    for digits in _DIGITS:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for folder in folders:
            month = folder_of(folder[:-1])
            found[folder[: len(month) + digits]].append(folder)
        if len(found) * _DENSE <= len(folders):
            break
    return found


@asynccontextmanager
async def remover(services: Services) -> AsyncIterator["Remover"]:
    """A remover for one disposal, its connections closed afterwards."""
    wire = Wire(services.settings)
    try:
        yield Remover(services.bucket, wire)
    finally:
        await wire.close()


class Remover:
    """Deletes and looks, for the batches of one disposal.

    One deletion after another is let through: SeaweedFS that flushes its writes deletes no faster, and rather slower,
    by several at once. Looking goes beside it.
    """

    def __init__(self, bucket: Bucket, wire: Wire) -> None:
        self._bucket = bucket
        self._wire = wire
        self._lane = asyncio.Lock()

    async def remove(self, known: Sequence[tuple[str, str]]) -> dict[str, int]:
        """Delete these (key, version) and whatever else lies in the same folders; say how much is left in each.

        Governance locks are passed over. A legal hold on a marked contact is a mirror that lags behind a release, since
        no held contact is ever marked; it is taken off. Folders without anything left are not in the answer.

        Raises:
            StoreUnavailable: the object store cannot be reached; do it again.

        """
        async with self._lane:
            await self._bucket.delete_versions(known, bypass=True)
        return await self.clear(sorted({folder_of(key) for key, _ in known}))

    async def clear(self, folders: Sequence[str]) -> dict[str, int]:
        """Delete whatever lies in these folders (sorted) of marked or destroyed contacts; as `remove` says.

        Raises:
            StoreUnavailable: the object store cannot be reached; do it again.

        """
        for _ in range(_ROUNDS):
            left = await self.look(folders)
            if not left:
                return {}
            await self._take_off_holds(left)
            # What is refused is not asked about: looking again tells the truth.
            await self._bucket.delete_versions([(found.key, found.version_id) for found in left], bypass=True)
            folders = sorted({folder_of(found.key) for found in left})
        counts: defaultdict[str, int] = defaultdict(int)
        for found in await self.look(folders):
            counts[folder_of(found.key)] += 1
        return dict(counts)

    async def look(self, folders: Sequence[str]) -> list[Found]:
        """Every version and delete marker that lies in these folders; `folders` is sorted."""
        found = [await self._look_along(prefix, inside) for prefix, inside in _neighbourhoods(folders).items()]
        return [one for some in found for one in some]

    async def _look_along(self, prefix: str, folders: Sequence[str]) -> list[Found]:
        """Walk from the first folder to the last, unless too much of others lies between; then ask for each."""
        if len(folders) <= _FEW:
            return await self._look_in_each(folders)
        wanted, last = set(folders), folders[-1]
        found: list[Found] = []
        strangers = 0
        async for one in listing.versions(self._wire, prefix, after=folders[0]):
            folder = folder_of(one.key)
            if folder > last:
                break
            if folder in wanted:
                found.append(one)
                continue
            strangers += 1
            if strangers > _STRANGERS_EACH * len(folders):
                reached = [ahead for ahead in folders if ahead >= folder]
                return found + await self._look_in_each(reached)
        return found

    async def _look_in_each(self, folders: Iterable[str]) -> list[Found]:
        gate = asyncio.Semaphore(_FEW)

        async def one(folder: str) -> list[Found]:
            async with gate:
                return [found async for found in listing.versions(self._wire, folder)]

        answers = await asyncio.gather(*(one(folder) for folder in folders))
        return [found for answer in answers for found in answer]

    async def _take_off_holds(self, left: Sequence[Found]) -> None:
        for found in left:
            if found.is_marker:
                continue
            try:
                await self._bucket.set_legal_hold(found.key, found.version_id, on=False)
            except ObjectMissing:
                continue
