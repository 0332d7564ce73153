"""The use cases of the installation's keys: change the wrapping key, and hand out one contact's identity.

Re-wrapping touches rows only; no object is read or written. The keys themselves are `archive.objects.keyring`, their
files `archive.objects.keyfiles`, the statements `archive.store.wrapping`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.interactions import Interaction
from archive.errors import Damaged, Destroyed, NotFound
from archive.objects import keyfiles
from archive.objects.keyring import Wrapped, text_prefix
from archive.store import interactions, wrapping
from archive.store.customers import seal_context
from archive.store.wrapping import SealedCustomer, WrappedIdentity

BATCH = 500
"""So many rows a transaction: what a kill throws away, and how long a row is held."""

ROUNDS = 20
"""A row that another transaction holds is passed over and met in the next round, this many times."""

PAUSE_S = 0.5

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did.

    `key_id` is the active key, `added` whether it was made now. `unopened` counts what does not open with any key of
    the keyring and was left as it is, `left` what other transactions held to the end: run again.
    """

    key_id: str
    added: bool
    identities: int
    customers: int
    unopened: int
    left: int


async def rotate(services: Services, actor: Actor, now: datetime, progress: Progress) -> Rotated:
    """Bring everything under the active key; when nothing was left to bring, make a new active key and do so.

    So a run that was killed is ended by the next one under the same key, and a key that an operator put first in the
    file by hand is taken as it is. `progress` is told how many rows are done and how many there are. That it begins is
    on the trail before the first row is changed, and its end when it comes.

    Raises:
        Misconfigured: the keyring's file cannot be replaced.
        StoreUnavailable: the database cannot be reached; what was done is done, run again.

    """
    work, added = await _begin(services, actor, now, progress, added=False), False
    if work.left:
        await work.run()
    if not work.done and work.left <= work.unopened:
        await asyncio.to_thread(keyfiles.add_key, services.settings.keyring_file)
        work, added = await _begin(services, actor, now, progress, added=True), True
        await work.run()
    detail = {"key": work.active, "added": added, "identities": work.identities, "customers": work.customers}
    async with services.db.begin() as tx:
        await services.record(tx, actor, Action.KEYS_ROTATED, now=datetime.now(UTC), companies=None, detail=detail)
    return Rotated(
        key_id=work.active,
        added=added,
        identities=work.identities,
        customers=work.customers,
        unopened=work.unopened,
        left=max(0, work.left - work.unopened),
    )


async def _begin(services: Services, actor: Actor, now: datetime, progress: Progress, *, added: bool) -> "_Rotation":
    """Count what is not under the active key; when there is some, or the key is new, that this begins is told."""
    active = services.keyring.active_id
    async with services.db.begin() as tx:
        total = sum(await wrapping.count_stale(tx, active, text_prefix(active)))
        if total or added:
            detail = {"key": active, "added": added, "to_wrap": total}
            await services.record(tx, actor, Action.KEY_ROTATION_BEGUN, now=now, companies=None, detail=detail)
    return _Rotation(services, active, total, progress)


class _Rotation:
    """The counts of one run. Each batch is its own transaction, so a kill loses one batch at most."""

    def __init__(self, services: Services, active: str, total: int, progress: Progress) -> None:
        self.identities = self.customers = self.unopened = 0
        self.left = total
        self._services = services
        self.active = active
        self._prefix = text_prefix(active)
        self._total = total
        self._progress = progress

    @property
    def done(self) -> int:
        """How many rows were re-wrapped."""
        return self.identities + self.customers

    async def run(self) -> None:
        """Go through everything until nothing is left, or only what does not open or is held all the time."""
        for turn in range(ROUNDS):
            if turn:
                await asyncio.sleep(PAUSE_S)
            self.unopened = 0
            await self._all_identities()
            await self._all_customers()
            async with self._services.db.begin() as tx:
                self.left = sum(await wrapping.count_stale(tx, self.active, self._prefix))
            if self.left <= self.unopened:
                return

    async def _all_identities(self) -> None:
        after: UUID | None = None
        while True:
            async with self._services.db.begin() as tx:
                batch = await wrapping.stale_identities(tx, self.active, after, BATCH)
                renewed = [new for one in batch if (new := self._rewrap(one)) is not None]
                await wrapping.rewrap_identities(tx, renewed)
            if not batch:
                return
            after = batch[-1].interaction_id
            self.identities += len(renewed)
            self._tell()

    async def _all_customers(self) -> None:
        after: tuple[str, str] | None = None
        while True:
            async with self._services.db.begin() as tx:
                batch = await wrapping.stale_customers(tx, self._prefix, after, BATCH)
                renewed = [new for one in batch if (new := self._reseal(one)) is not None]
                await wrapping.reseal_customers(tx, self.active, renewed)
            if not batch:
                return
            after = batch[-1].company, batch[-1].number
            self.customers += len(renewed)
            self._tell()

    def _rewrap(self, one: WrappedIdentity) -> WrappedIdentity | None:
        try:
            new = self._services.keyring.rewrap(Wrapped(key_id=one.key_id, data=one.wrapped), one.interaction_id.bytes)
        except Damaged:
            self.unopened += 1
            return None
        return replace(one, key_id=new.key_id, wrapped=new.data)

    def _reseal(self, one: SealedCustomer) -> SealedCustomer | None:
        keyring = self._services.keyring
        try:
            fields = {
                name: keyring.reseal_text(sealed, seal_context(one.company, one.number, name))
                for name, sealed in one.fields.items()
            }
        except Damaged:
            self.unopened += 1
            return None
        return replace(one, fields=fields)

    def _tell(self) -> None:
        self._progress(min(self.done, self._total), self._total)


async def export(services: Services, actor: Actor, interaction_id: UUID, now: datetime) -> str:
    """One contact's age identity file: the secret, and in comments where each object lies and what it is.

    Whoever has it opens this contact's objects, every copy of them, with the ordinary age tool and without us. It is
    on the trail before this returns.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed, and its identity with it.

    """
    async with services.db.begin() as tx:
        found = await interactions.get(tx, interaction_id, actor.companies)
        if found is None:
            if await interactions.is_tombstone(tx, interaction_id, actor.companies):
                raise Destroyed
            raise NotFound
        identity = await custody.identity_of(services, tx, interaction_id)
        await services.record(
            tx,
            actor,
            Action.KEY_EXPORTED,
            now=now,
            companies=[found.facts.company],
            interaction_id=interaction_id,
        )
    return "\n".join([*_comments(services.settings.s3_bucket, found), identity.secret_text, ""])


def _comments(bucket: str, found: Interaction) -> list[str]:
    """What the age tool passes over; nothing here says who spoke or of what."""
    lines = [f"# contact {found.id}"]
    for part in found.parts:
        lines += [
            f"# {part.kind} {part.media_type} {part.size_bytes} bytes sha256 {part.sha256.hex()}",
            f"#   bucket {bucket} version {part.version_id}",
            f"#   object {part.object_key}",
        ]
    return lines
