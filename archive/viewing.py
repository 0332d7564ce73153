"""Looking at contacts: what may be seen, for which purpose, and the trail event that is committed before.

The pages and the API both come through here, so that no way of looking leaves no trace.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.interactions import Interaction, Part, PartKind
from archive.domain.links import Link
from archive.domain.ranges import Span
from archive.domain.retention import Explanation, explain
from archive.domain.trail import SealedEvent, TrailEvent
from archive.errors import Damaged, Destroyed, NotFound
from archive.objects.age_header import Identity
from archive.store import accounts, holds, hot, interactions, links, policies, trail
from archive.store.holds import Hold

LISTENING = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything known of a contact but its content."""

    interaction: Interaction
    links: tuple[Link, ...]
    holds: tuple[Hold, ...]
    legs: tuple[Interaction, ...]
    explanation: Explanation

    @property
    def on_hold(self) -> bool:
        """Whether a hold is in force."""
        return any(hold.released_at is None for hold in self.holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A part that may be read: what it is, what opens it, and the look that reading it puts on the trail first."""

    part: Part
    identity: Identity
    event: TrailEvent
    session: bytes | None


async def look(services: Services, actor: Actor, interaction_id: UUID, now: datetime) -> View:
    """Look at a contact's record; the look is on the trail.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    async with services.db.begin() as tx:
        found = await interactions.get(tx, interaction_id, actor.companies)
        if found is None:
            if await interactions.is_tombstone(tx, interaction_id, actor.companies):
                raise Destroyed
            raise NotFound
        company = found.facts.company
        rules = await policies.rules(tx)
        call_id = found.facts.call_id
        view = View(
            interaction=found,
            links=tuple(await links.of_interaction(tx, company, interaction_id)),
            holds=tuple(await holds.page(tx, frozenset({company}), interaction_id=interaction_id)),
            legs=tuple(await interactions.legs(tx, company, call_id)) if call_id else (),
            explanation=explain(next((rule for rule in rules if rule.name == found.policy), None), found.retain_until),
        )
        await services.record(
            tx, actor, Action.INTERACTION_SEEN, now=now, companies=[company], interaction_id=interaction_id
        )
    return view


async def history(
    services: Services,
    actor: Actor,
    interaction_id: UUID,
    now: datetime,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 200,
) -> tuple[list[SealedEvent], tuple[datetime, UUID] | None]:
    """Who did what with a contact, newest first, and the last event's place when there is more; also of one destroyed.

    `before` is the place that the page before ended with.

    Raises:
        NotFound: there is no such contact for this actor, and never was.

    """
    async with services.db.begin() as tx:
        known = await trail.page(tx, actor.companies, interaction_id=interaction_id, limit=1)
        if not known:
            raise NotFound
        events = await trail.page(tx, actor.companies, interaction_id=interaction_id, before=before, limit=limit + 1)
        await services.record(
            tx, actor, Action.HISTORY_SEEN, now=now, companies=known[0].event.companies, interaction_id=interaction_id
        )
    last = events[limit - 1].event if len(events) > limit else None
    return events[:limit], None if last is None else (last.at, last.id)


async def open_recording(
    services: Services,
    actor: Actor,
    interaction_id: UUID,
    purpose: Purpose,
    now: datetime,
    *,
    asked: str = "whole",
    session: bytes | None = None,
) -> Opened:
    """Open a contact's recording for a purpose; `read` commits the trail event before it gives the first byte.

    `asked` says which bytes were asked for, for the trail. A browser asks for many ranges of one recording while it
    plays and seeks: within `LISTENING` of an event, a session's further ranges for the same purpose belong to it.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor, or it has no recording.
        Destroyed: it was lawfully destroyed.

    """
    purpose.must_suit(actor.role)
    async with services.db.read_bare() as connection:
        found = await hot.openable(connection, interaction_id, actor.companies, PartKind.RECORDING)
    if found is None:
        async with services.db.read() as tx:
            if await interactions.is_tombstone(tx, interaction_id, actor.companies):
                raise Destroyed
        raise NotFound
    event = services.event(
        actor,
        Action.AUDIO_OPENED,
        now=now,
        companies=[found.part.company],
        interaction_id=interaction_id,
        purpose=purpose,
        detail={"range": asked},
    )
    identity = custody.unwrap(services, interaction_id, (found.key_id, found.wrapped))
    return Opened(part=found.part, identity=identity, event=event, session=session)


async def read(services: Services, opened: Opened, span: Span) -> AsyncIterator[bytes]:
    """The bytes of a span; before this yields, its trail event is committed and the first piece authenticated.

    The store is asked while the event is being committed: both take about as long, and a listener waits for both.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached; nothing was given out.
        Damaged: the object is not what was kept.

    """
    pieces = custody.open_range(services, opened.identity, opened.part, span.start, span.stop)
    first = asyncio.ensure_future(anext(pieces))
    try:
        await _commit_look(services, opened)
        piece = await first
    except BaseException:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        raise
    got = len(piece)
    yield piece
    async for piece in pieces:
        got += len(piece)
        yield piece
    if got != span.stop - span.start:
        raise Damaged


async def _commit_look(services: Services, opened: Opened) -> None:
    event = opened.event
    if opened.session is None:
        await services.db.single_together(hot.record_all, trail.row_of(event, services.mac))
        return
    assert event.interaction_id is not None
    async with services.db.begin() as tx:
        if await accounts.begins_listening(
            tx,
            opened.session,
            event.interaction_id,
            purpose=str(event.purpose),
            now=event.at,
            since=event.at - LISTENING,
        ):
            await trail.record(tx, event, services.mac)


async def peaks(services: Services, actor: Actor, interaction_id: UUID) -> bytes:
    """The stored waveform (JSON, as `ingest.derive` wrote it): how loud it was, and not what was said.

    Raises:
        NotFound: there is no such contact for this actor, or nothing has been derived yet.

    """
    async with services.db.read() as tx:
        found = await interactions.get(tx, interaction_id, actor.companies)
        if found is None or found.peaks is None:
            raise NotFound
        identity = await custody.identity_of(services, tx, interaction_id)
    return await custody.open_whole(services, identity, found.peaks)


async def state_purpose(
    services: Services, actor: Actor, digest: bytes, interaction_id: UUID, *, purpose: Purpose, now: datetime
) -> None:
    """Remember for which purpose a signed-in user looks at a contact from now on.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor.

    """
    purpose.must_suit(actor.role)
    async with services.db.begin() as tx:
        found = await interactions.get(tx, interaction_id, actor.companies)
        if found is None:
            raise NotFound
        await accounts.state_purpose(tx, digest, interaction_id, str(purpose), now)
        await services.record(
            tx,
            actor,
            Action.PURPOSE_STATED,
            now=now,
            companies=[found.facts.company],
            interaction_id=interaction_id,
            purpose=purpose,
        )


async def stated_purpose(services: Services, digest: bytes, interaction_id: UUID) -> Purpose | None:
    """The purpose that a session has stated for a contact."""
    async with services.db.read() as tx:
        text = await accounts.stated_purpose(tx, digest, interaction_id)
    return None if text is None else Purpose.parse(text)
