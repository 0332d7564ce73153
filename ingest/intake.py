"""The one use case of letting a contact in: judged, hashed while streaming, sealed, deposited, queued; idempotent.

The order is what makes it safe: the object is stored first, then one transaction writes every row and the job, then
the receipt is given. If the transaction fails, the object is removed; if even that fails, it is an orphan for the
sweep. How a request is read is `ingest.envelope` and `ingest.api`; other doors call `receive` too. What differs between
recordings and chats is `ingest.content`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from uuid_utils.compat import uuid7

from archive import custody
from archive.custody import Services, Upload
from archive.domain.access import Actor
from archive.domain.interactions import Facts, Interaction, Part, State
from archive.domain.links import LinkCandidate
from archive.domain.retention import Rule, choose, retain_until
from archive.errors import AlreadyKept, Busy, Destroyed, Invalid, NotFound
from archive.objects.age_header import new_identity
from archive.objects.keyring import Wrapped
from archive.store import destruction, hot, jobs, links, policies, trail
from archive.store.hot import Deposit, Known, Name
from archive.store.unit_of_work import CommitUnknown
from ingest import facts, linking
from ingest.chat import Chat
from ingest.content import CHAT, RECORDING, Content
from ingest.media import HEAD_BYTES
from ingest.metadata import RecordingMetadata, judge_names
from ingest.receipts import Receipt, receipt

RELOCK = "retention.relock"  # the walls meet through jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One contact as a door hands it over; `sha256` is the digest in hex that its bytes must have, if one was said."""

    facts: Facts
    content: Content
    sha256: str | None = None


def recording(source: str, external_id: str, said: RecordingMetadata) -> Push:
    """The push of a recording under its two names."""
    return Push(facts=facts.of_recording(source, external_id, said), content=RECORDING, sha256=said.sha256)


def chat(source: str, external_id: str, said: Chat) -> Push:
    """The push of a chat under its two names."""
    return Push(facts=facts.of_chat(source, external_id, said), content=CHAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What was known before the first byte was read."""

    known: Known | None
    rules: Sequence[Rule]
    identity_hash: bytes
    has_company: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """All that is to be written of a contact but its links, which are looked for in the same transaction."""

    interaction: Interaction
    identity_hash: bytes
    wrapped: Wrapped
    event: Mapping[str, Any]
    zone: tzinfo
    content: Content


async def receive(services: Services, actor: Actor, push: Push, data: AsyncIterator[bytes], now: datetime) -> Receipt:
    """Keep a contact, or find that it is kept.

    Raises:
        NotFound: the actor has no grant for the company.
        Invalid: a name, the company, the digest or an empty body.
        UnsupportedMedia: the bytes are not of a kind that is kept.
        AlreadyKept: other bytes are kept under this source and id.
        Destroyed: it was kept and lawfully destroyed.
        StoreUnavailable: the database or the object store does not take it; nothing is kept.

    """
    judge_names(push.facts.source, push.facts.external_id)
    ground = await _look(services, actor, push)
    if ground.known is not None:
        return await _again(ground.known, push, data)
    head, rest = await _head(data)
    media_type = push.content.judge(head)
    interaction_id, identity = uuid7(), new_identity()
    bare = Interaction(
        id=interaction_id,
        facts=push.facts,
        state=State.KEPT,
        received_at=now,
        retain_until=None,
        policy=None,
        derive_state=push.content.derive_state,
        media=None,
        receipt={},
    )
    contact = _dated(bare, ground.rules, _zone(services))
    key = custody.object_key(push.facts.company, interaction_id, uuid7(), now)
    upload = Upload(services.bucket, key, identity, custody.lock_until(contact.retain_until, now))
    try:
        part = await _store(upload, head, rest, push, interaction_id=interaction_id, media_type=media_type, now=now)
        whole = replace(contact, parts=(part,))
        name, content = ground.identity_hash, push.content
        kept = await _deposit(services, actor, whole, content, identity_hash=name, secret=identity.secret, now=now)
    except CommitUnknown:
        raise  # the row may be there: its object must not be taken away; if it is not, the sweep will find the object
    except BaseException:
        await upload.abort()
        raise
    if kept is not None:
        return Receipt(document=kept, created=True)
    await upload.abort()
    return await _lost_the_race(services, push, ground.identity_hash, part.sha256)


async def _look(services: Services, actor: Actor, push: Push) -> _Ground:
    company, source, external_id = push.facts.company, push.facts.source, push.facts.external_id
    actor.must_cover(company)
    identity_hash = destruction.identity_hash(services.keyring.keyed_hash, company, source, external_id)
    name = Name(company, source, external_id, identity_hash)
    ground = await services.db.single_together(_look_all, name)
    if ground.known is None and not ground.has_company:
        if actor.companies is not None:
            raise NotFound
        raise Invalid.of("company", "there is no such company")
    return ground


async def _look_all(connection: asyncpg.Connection, names: Sequence[Name]) -> list[_Ground]:
    """Look for many pushes at once: two round trips, however many they are."""
    found = await hot.known_many(connection, names)
    rules = await policies.rules_on(connection)
    return [
        _Ground(known=one.known, rules=rules, identity_hash=name.identity_hash, has_company=one.has_company)
        for name, one in zip(names, found, strict=True)
    ]


async def _again(known: Known, push: Push, data: AsyncIterator[bytes]) -> Receipt:
    """A push under a known id: judged as any other, read to be compared, nothing of it kept."""
    if known.state is not State.KEPT:
        raise Destroyed
    digest, size_bytes = custody.digester(), 0
    async for piece in data:
        digest.update(piece)
        size_bytes += len(piece)
    if not size_bytes:
        raise Invalid.of(push.content.field, "there is nothing in it")
    _must_have_digest(push, digest.digest())
    return _same(known, digest.digest())


def _must_have_digest(push: Push, sha256: bytes) -> None:
    wanted = push.sha256
    if wanted is not None and bytes.fromhex(wanted) != sha256:
        raise Invalid.of("sha256", "the bytes that came have another digest")


def _same(known: Known, sha256: bytes) -> Receipt:
    if known.state is not State.KEPT:
        raise Destroyed
    if known.sha256 != sha256:
        raise AlreadyKept
    return Receipt(document=known.receipt, created=False)


async def _lost_the_race(services: Services, push: Push, identity_hash: bytes, sha256: bytes) -> Receipt:
    """Another push of the same id was written first: its receipt is ours too, if its bytes are."""
    async with services.db.read() as tx:
        said = push.facts
        winner = await hot.known(tx, Name(said.company, said.source, said.external_id, identity_hash))
    if winner is None:
        raise Busy  # the winner is already gone again; the next try starts afresh
    return _same(winner, sha256)


async def _head(data: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    head = bytearray()
    async for piece in data:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head), data


async def _store(
    upload: Upload,
    head: bytes,
    rest: AsyncIterator[bytes],
    push: Push,
    *,
    interaction_id: UUID,
    media_type: str,
    now: datetime,
) -> Part:
    await upload.write(head)
    async for piece in rest:
        await upload.write(piece)
    _must_have_digest(push, upload.sha256)
    return await upload.finish(
        interaction_id=interaction_id,
        company=push.facts.company,
        kind=push.content.kind,
        media_type=media_type,
        now=now,
    )


async def _deposit(
    services: Services,
    actor: Actor,
    kept: Interaction,
    content: Content,
    *,
    identity_hash: bytes,
    secret: bytes,
    now: datetime,
) -> dict[str, Any] | None:
    """Write everything in one transaction, with other pushes of this moment; None when the id is taken or gone."""
    part = kept.parts[0]
    event = services.event(
        actor,
        content.action,
        now=now,
        companies=[kept.facts.company],
        interaction_id=kept.id,
        detail={"source": kept.facts.source, "sha256": part.sha256.hex(), "size_bytes": part.size_bytes},
    )
    new = _New(
        interaction=kept,
        identity_hash=identity_hash,
        wrapped=services.keyring.wrap(secret, kept.id.bytes),
        event=trail.row_of(event, services.mac),
        zone=_zone(services),
        content=content,
    )
    return await services.db.begin_together(_deposit_all, new)


async def _deposit_all(connection: asyncpg.Connection, many: Sequence[_New]) -> list[dict[str, Any] | None]:
    """Write new contacts, their links and their jobs; the receipt of each, None where another push took the id.

    A policy may have changed while the bytes came: the date is that of the rules as they are now, and where it differs
    from the one that the object was locked with, the lock follows by a job.
    """
    rules = await policies.rules_on(connection)
    locked = {new.interaction.id: new.interaction.retain_until for new in many}
    many = [replace(new, interaction=_dated(new.interaction, rules, new.zone)) for new in many]
    candidates = await linking.evidence(connection, [new.interaction.facts for new in many])
    receipts = [receipt(new.interaction, found) for new, found in zip(many, candidates, strict=True)]
    kept = await hot.deposit_many(connection, list(map(_rows, many, candidates, receipts)))
    await _queue(connection, [new for new in many if new.interaction.id in kept])
    moved = [one.interaction.id for one in many if one.interaction.retain_until != locked[one.interaction.id]]
    if relock := sorted(str(one) for one in moved if one in kept):
        await jobs.enqueue_on(connection, RELOCK, [{"ids": ",".join(relock)}])
    return [told if new.interaction.id in kept else None for new, told in zip(many, receipts, strict=True)]


async def _queue(connection: asyncpg.Connection, kept: Sequence[_New]) -> None:
    """Queue what is to be done with new contacts: one statement a kind of job, and most moments have one kind."""
    waiting: dict[str, list[dict[str, str]]] = {}
    for new in kept:
        waiting.setdefault(new.content.job, []).append(new.content.payload(new.interaction))
    for job, payloads in waiting.items():
        await jobs.enqueue_on(connection, job, payloads)


def _zone(services: Services) -> tzinfo:
    return ZoneInfo(services.settings.timezone)


def _dated(contact: Interaction, rules: Sequence[Rule], zone: tzinfo) -> Interaction:
    said = contact.facts
    rule = choose(rules, company=said.company, channel=said.channel, category=said.category)
    until = retain_until(rule, said.ended_at, zone)
    return replace(contact, retain_until=until, policy=None if rule is None else rule.name)


def _rows(new: _New, candidates: Sequence[LinkCandidate], told: dict[str, Any]) -> Deposit:
    link_rows, event_rows = links.rows(candidates, new.interaction.received_at)
    return Deposit(
        interaction=replace(new.interaction, receipt=told),
        identity_hash=new.identity_hash,
        key_id=new.wrapped.key_id,
        wrapped=new.wrapped.data,
        links=link_rows,
        link_events=event_rows,
        event=new.event,
    )
