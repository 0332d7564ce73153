"""Disposals: the plan that preview and run share, and carrying it out so that any interruption is finished later.

Each batch is planned, marked (rows locked, holds and rules looked at once more), its objects deleted and looked for,
its rows removed. No transaction is open while the object store works. What was marked is written down first, so that
the next run knows what to finish. Which verdict is right is `retention.policy`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.custody import Services
from archive.domain.access import HOUSE, Action, Actor
from archive.domain.interactions import State
from archive.domain.retention import Rule, choose
from archive.domain.trail import TrailEvent
from archive.errors import Busy, NotFound
from archive.store import destruction, holds, jobs, policies, trail
from archive.store import disposals as store
from archive.store.destruction import Grave, Item, Judged
from archive.store.disposals import Disposal, Due
from retention import ending, removal
from retention.policy import Decision, HoldOn, Record, Verdict, decide
from retention.removal import Remover, folder_of

DISPOSE = "retention.dispose"
# A look at the bucket costs a page of what lies behind the batch, so that small batches would mostly look.
BATCH = 2000
# The first batch is small, so that the object store gets to work at once.
_FIRST_BATCH = 500
# While the objects of one batch are deleted, those of another are looked for, and the rows of a third are removed.
_AT_ONCE = 3
# One that another process is at, is looked at again after this long.
LATER_S = 60
_PAUSE_S = 0.5
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contact of a plan: what is due, and what is decided about it."""

    due: Due
    decision: Decision

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where the line stands in the plan."""
        return self.due.retain_until, self.due.id

    def is_due(self, as_of: datetime) -> bool:
        """Whether its policy lets it go by `as_of`, whatever the holds say."""
        until = self.decision.retain_until
        return until is not None and until <= as_of


# --------------------------------------------------------------------- the plan


async def plan(
    services: Services,
    companies: frozenset[str] | None,
    as_of: datetime,
    disposal_id: UUID | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> AsyncGenerator[list[Line]]:
    """Yield in batches every contact whose date has come by `as_of`, in order of date, each with its decision.

    `after` is the place from which to go on.

    Memory is that of one batch. Lines with the verdict KEEP are contacts whose policy has changed since their date
    was set.
    """
    limit = _FIRST_BATCH
    while True:
        async with services.db.begin() as tx:
            batch = await store.due_batch(tx, companies, as_of, after=after, limit=limit, disposal_id=disposal_id)
            lines = await judge(tx, batch, as_of, _zone(services))
        if batch:
            yield lines
        if len(batch) < limit:
            return
        after, limit = (batch[-1].retain_until, batch[-1].id), BATCH


def _zone(services: Services) -> tzinfo:
    return ZoneInfo(services.settings.timezone)


async def judge(tx: AsyncConnection, batch: Sequence[Due], as_of: datetime, zone: tzinfo) -> list[Line]:
    """Decide about contacts by the rules and holds that this transaction sees."""
    rules = await policies.rules(tx)
    active = await holds.active_on(tx, [due.id for due in batch])
    # Few kinds of contacts share few rules: each kind looks for its winner once.
    winners: dict[tuple[str, str, str | None], tuple[Rule, ...]] = {}
    lines = []
    for due in batch:
        kind = (due.company, due.channel, due.category)
        if kind not in winners:
            won = choose(rules, company=due.company, channel=due.channel, category=due.category)
            winners[kind] = () if won is None else (won,)
        on = [HoldOn(hold_id=one, interaction_id=due.id) for one in active.get(due.id, ())]
        lines.append(Line(due=due, decision=decide(_record_of(due), winners[kind], on, as_of, zone=zone)))
    return lines


def _record_of(due: Due) -> Record:
    return Record(id=due.id, company=due.company, channel=due.channel, category=due.category, ended_at=due.ended_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a disposal at `as_of` would do: a page of its lines (those that go or are held), with the first the sums.

    On the pages after that `sums` is None: they need not walk the whole plan.
    """

    as_of: datetime
    sums: "Sums | None"
    lines: Sequence[Line]
    more_after: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class Sums:
    """Numbers by policy, and the first and the last date of each policy's contacts."""

    destroyed: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def add(self, lines: Sequence[Line]) -> None:
        """Count lines; they come by date, so that the first of a policy is its earliest."""
        for line in lines:
            policy, until = line.decision.policy or "", line.due.retain_until
            counter = self.held if line.decision.verdict is Verdict.HOLD else self.destroyed
            counter[policy] += 1
            self.spans[policy] = (self.spans.get(policy, (until,))[0], until)


async def preview(
    services: Services,
    actor: Actor,
    *,
    as_of: datetime,
    now: datetime,
    companies: frozenset[str] | None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 500,
) -> Preview:
    """Walk the same plan as a run would and change nothing but the trail; `after` is where the page before ended.

    The first page walks the whole plan for its sums, the others no further than they show.
    """
    sums = Sums() if after is None else None
    shown: list[Line] = []
    async with aclosing(plan(services, companies, as_of, after=after)) as batches:
        async for batch in batches:
            due = [line for line in batch if line.is_due(as_of)]
            shown += due[: limit + 1 - len(shown)]
            if sums is not None:
                sums.add(due)
            elif len(shown) > limit:
                break
    async with services.db.begin() as tx:
        told = None if companies is None else sorted(companies)
        detail = {"as_of": as_of.isoformat()}
        await services.record(tx, actor, Action.DISPOSAL_PREVIEWED, now=now, companies=told, detail=detail)
    more = shown[limit - 1].place if len(shown) > limit else None
    return Preview(as_of=as_of, sums=sums, lines=shown[:limit], more_after=more)


# ---------------------------------------------------------------------- the run


async def start(services: Services, actor: Actor, now: datetime, *, companies: frozenset[str] | None) -> Disposal:
    """Write down that what is due now is to be destroyed, and queue it."""
    disposal = Disposal(
        id=uuid7(),
        status="planned",
        requested_by=actor.id,
        companies=None if companies is None else tuple(sorted(companies)),
        as_of=now,
        started_at=now,
        finished_at=None,
        counts={},
    )
    async with services.db.begin() as tx:
        await store.create(tx, disposal)
        await services.record(
            tx,
            actor,
            Action.DISPOSAL_STARTED,
            now=now,
            companies=disposal.companies,
            detail={"disposal": str(disposal.id)},
        )
        await jobs.enqueue(tx, DISPOSE, {"disposal": str(disposal.id)})
    return disposal


async def run(services: Services, actor: Actor, now: datetime) -> Disposal:
    """Destroy what is due now in this process, and wait for it."""
    disposal = await start(services, actor, now, companies=actor.companies)
    return await carry_out(services, disposal.id)


async def carry_out(services: Services, disposal_id: UUID) -> Disposal:
    """Do a disposal, or what is left of one that was interrupted; one that is done is returned as it is.

    While another is at it, wait.

    Raises:
        NotFound: there is no such disposal.
        StoreUnavailable: database or object store cannot be reached; do it again, nothing is lost.
        Busy: it did not come to an end; do it again later.

    """
    while True:
        async with store.alone(services.settings, disposal_id) as is_alone:
            if is_alone:
                return await _carry_out(services, disposal_id)
        await asyncio.sleep(_PAUSE_S)


async def carry_out_or_queue(services: Services, payload: Mapping[str, str]) -> None:
    """Job: as `carry_out`, but while another is at it, look again later, so that nobody's slot is taken by waiting."""
    disposal_id = UUID(payload["disposal"])
    async with store.alone(services.settings, disposal_id) as is_alone:
        if is_alone:
            await _carry_out(services, disposal_id)
            return
    async with services.db.begin() as tx:
        await jobs.enqueue(tx, DISPOSE, payload, delay_s=LATER_S)


async def _carry_out(services: Services, disposal_id: UUID) -> Disposal:
    async with services.db.begin() as tx:
        disposal = await store.get(tx, None, disposal_id)
        if disposal is None:
            raise NotFound
        await store.set_running(tx, disposal_id)
    if disposal.status == "done":
        return disposal
    async with removal.remover(services) as remover:
        await _finish_marked(services, disposal, remover)
        await _mark_and_destroy(services, disposal, remover)
        for _ in range(_ROUNDS):
            ended = await ending.finish(services, disposal, remover)
            if ended is not None:
                return ended
            await asyncio.sleep(_PAUSE_S)
            await _finish_marked(services, disposal, remover)
    raise Busy


async def _finish_marked(services: Services, disposal: Disposal, remover: Remover) -> None:
    """Destroy what an earlier try had marked."""
    after: UUID | None = None
    while True:
        async with services.db.begin() as tx:
            items = await destruction.items_with(tx, disposal.id, "marked", after, BATCH)
        if not items:
            return
        await destroy(services, disposal, items, remover)
        after = items[-1].interaction_id


async def _mark_and_destroy(services: Services, disposal: Disposal, remover: Remover) -> None:
    companies = None if disposal.companies is None else frozenset(disposal.companies)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(items: Sequence[Item]) -> None:
        try:
            await destroy(services, disposal, items, remover)
        finally:
            gate.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for lines in plan(services, companies, disposal.as_of, disposal.id):
                await gate.acquire()
                items = await mark(services, disposal, lines)
                group.create_task(one(items))
    except ExceptionGroup as several:
        # What stopped one batch has stopped the others; the caller asks for the one kind.
        raise several.exceptions[0] from None


# ------------------------------------------------------------------ one batch


async def mark(services: Services, disposal: Disposal, lines: Sequence[Line]) -> list[Item]:
    """Lock the contacts of a batch, decide once more, and mark those that go; return what is marked.

    A hold that was placed before the lock is seen here; one that comes later finds the contact marked and is refused.
    No policy changes between the decision and the mark.
    """
    wanted = sorted(line.due.id for line in lines)
    async with services.db.begin() as tx:
        await policies.share_rules(tx)
        if not await store.share(tx, disposal.id):
            return []
        locked = await destruction.lock_due(tx, wanted)
        again = [one for one in locked if one.state == State.DESTROYING]
        kept = [one for one in locked if one.state == State.KEPT]
        decided = await judge(tx, kept, disposal.as_of, _zone(services))
        doomed = [_judged(line) for line in decided if line.decision.verdict is Verdict.DESTROY]
        held = [
            _judged(line) for line in decided if line.decision.verdict is Verdict.HOLD and line.is_due(disposal.as_of)
        ]
        before = await destruction.earlier(tx, disposal.id, [one.id for one in again]) if again else {}
        doomed += [before[one.id] for one in again if one.id in before]
        await destruction.note_held(tx, disposal.id, held)
        await destruction.mark(tx, disposal.id, doomed)
        return await destruction.marked_among(tx, disposal.id, [one.interaction_id for one in doomed])


def _judged(line: Line) -> Judged:
    decision = line.decision
    return Judged(
        interaction_id=line.due.id,
        company=line.due.company,
        policy=decision.policy or "",
        rule=decision.keep or "",
        retain_until=decision.retain_until or line.due.retain_until,
    )


async def destroy(services: Services, disposal: Disposal, items: Sequence[Item], remover: Remover) -> None:
    """Delete the objects of marked contacts, look that they are gone, and then remove the rows.

    What the object store would not let go is written down as failed; its rows stay, and the next disposal tries again.

    Raises:
        StoreUnavailable: database or object store cannot be reached; the contacts stay marked.

    """
    known = {item.interaction_id: [(d["object_key"], d["version_id"]) for d in item.digests] for item in items}
    left = await remover.remove([one for several in known.values() for one in several])
    stuck = [one for one, several in known.items() if any(folder_of(key) in left for key, _ in several)]
    now = datetime.now(UTC)
    async with services.db.begin() as tx:
        await destruction.fail(tx, disposal.id, stuck, "object-refused")
        gone = await destruction.names_of(tx, sorted(known.keys() - set(stuck)))
        graves = [
            Grave(
                identity_hash=destruction.identity_hash(services.keyring.keyed_hash, company, source, external_id),
                interaction_id=contact,
                company=company,
            )
            for contact, company, source, external_id in gone
        ]
        await destruction.bury(tx, disposal.id, graves, now=now)
        await destruction.settle(tx, disposal.id, list(known))
        await trail.record_many(tx, [_event(services, disposal, grave, now) for grave in graves], services.mac)


def _event(services: Services, disposal: Disposal, grave: Grave, now: datetime) -> TrailEvent:
    return services.event(
        HOUSE,
        Action.INTERACTION_DESTROYED,
        now=now,
        companies=[grave.company],
        interaction_id=grave.interaction_id,
        detail={"disposal": str(disposal.id)},
    )
