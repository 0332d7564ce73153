"""The one use case of letting a recording in: judged, hashed while streaming, sealed, deposited, queued; idempotent.

The order is what makes it safe: the object is stored first, then one transaction writes every row and the job, then
the receipt is given. If the transaction fails, the object is removed; if even that fails, it is an orphan for the
sweep. How the request is read is `ingest.envelope` and `ingest.api`; other doors call `receive` too.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from uuid_utils.compat import uuid7

from archive import custody
from archive.custody import Services, Upload
from archive.domain.access import Action, Actor
from archive.domain.identifiers import read_email, read_metering_point, read_phone
from archive.domain.interactions import (
    Channel,
    DeriveState,
    Direction,
    Facts,
    Interaction,
    Part,
    PartKind,
    Party,
    State,
)
from archive.domain.links import LinkCandidate
from archive.domain.retention import Rule, choose, retain_until
from archive.errors import AlreadyKept, Busy, Destroyed, Invalid, NotFound, UnsupportedMedia
from archive.objects.age_header import new_identity
from archive.objects.keyring import Wrapped
from archive.store import destruction, hot, jobs, links, policies, trail
from archive.store.hot import Deposit, Known, Name
from archive.store.unit_of_work import CommitUnknown
from ingest import linking
from ingest.media import HEAD_BYTES, MediaType, sniff
from ingest.metadata import RecordingMetadata, judge_names

DERIVE = "derive"
RELOCK = "retention.relock"  # the walls meet through jobs
METERING_POINT = "metering_point"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One recording as a door hands it over: its two names and what was said about it."""

    source: str
    external_id: str
    metadata: RecordingMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a push; `created` is False when the same bytes were already kept."""

    document: dict[str, Any]
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What was known before the first byte of audio was read."""

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


async def receive(services: Services, actor: Actor, push: Push, audio: AsyncIterator[bytes], now: datetime) -> Receipt:
    """Keep a recording, or find that it is kept.

    Raises:
        NotFound: the actor has no grant for the company.
        Invalid: a name, the company, the digest or an empty body.
        UnsupportedMedia: the bytes are no audio that is kept.
        AlreadyKept: other bytes are kept under this source and id.
        Destroyed: it was kept and lawfully destroyed.
        StoreUnavailable: the database or the object store does not take it; nothing is kept.

    """
    judge_names(push.source, push.external_id)
    ground = await _look(services, actor, push)
    if ground.known is not None:
        return await _again(ground.known, push, audio)
    head, rest = await _head(audio)
    media_type = _judge_audio(head)
    interaction_id, identity = uuid7(), new_identity()
    facts = facts_of(push)
    bare = Interaction(
        id=interaction_id,
        facts=facts,
        state=State.KEPT,
        received_at=now,
        retain_until=None,
        policy=None,
        derive_state=DeriveState.WAITING,
        media=None,
        receipt={},
    )
    contact = _dated(bare, ground.rules, _zone(services))
    key = custody.object_key(facts.company, interaction_id, uuid7(), now)
    upload = Upload(services.bucket, key, identity, custody.lock_until(contact.retain_until, now))
    try:
        part = await _store(upload, head, rest, push, interaction_id=interaction_id, media_type=media_type, now=now)
        whole = replace(contact, parts=(part,))
        name = ground.identity_hash
        receipt = await _deposit(services, actor, whole, identity_hash=name, secret=identity.secret, now=now)
    except CommitUnknown:
        raise  # the row may be there: its object must not be taken away; if it is not, the sweep will find the object
    except BaseException:
        await upload.abort()
        raise
    if receipt is not None:
        return Receipt(document=receipt, created=True)
    await upload.abort()
    return await _lost_the_race(services, push, ground.identity_hash, part.sha256)


async def _look(services: Services, actor: Actor, push: Push) -> _Ground:
    company = push.metadata.company
    actor.must_cover(company)
    identity_hash = destruction.identity_hash(services.keyring.keyed_hash, company, push.source, push.external_id)
    name = Name(company, push.source, push.external_id, identity_hash)
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


async def _again(known: Known, push: Push, audio: AsyncIterator[bytes]) -> Receipt:
    """A push under a known id: judged as any other, read to be compared, nothing of it kept."""
    if known.state is not State.KEPT:
        raise Destroyed
    digest, size_bytes = custody.digester(), 0
    async for piece in audio:
        digest.update(piece)
        size_bytes += len(piece)
    if not size_bytes:
        raise Invalid.of("audio", "the recording is empty")
    _must_have_digest(push, digest.digest())
    return _same(known, digest.digest())


def _must_have_digest(push: Push, sha256: bytes) -> None:
    wanted = push.metadata.sha256
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
        name = Name(push.metadata.company, push.source, push.external_id, identity_hash)
        winner = await hot.known(tx, name)
    if winner is None:
        raise Busy  # the winner is already gone again; the next try starts afresh
    return _same(winner, sha256)


async def _head(audio: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    head = bytearray()
    async for piece in audio:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head), audio


def _judge_audio(head: bytes) -> MediaType:
    if not head:
        raise Invalid.of("audio", "the recording is empty")
    media_type = sniff(head)
    if media_type is None:
        raise UnsupportedMedia("these bytes are no audio that is kept: WAV, MP3, Ogg, FLAC, MP4, AMR or WebM")
    return media_type


async def _store(
    upload: Upload,
    head: bytes,
    rest: AsyncIterator[bytes],
    push: Push,
    *,
    interaction_id: UUID,
    media_type: MediaType,
    now: datetime,
) -> Part:
    await upload.write(head)
    async for piece in rest:
        await upload.write(piece)
    _must_have_digest(push, upload.sha256)
    return await upload.finish(
        interaction_id=interaction_id,
        company=push.metadata.company,
        kind=PartKind.RECORDING,
        media_type=media_type,
        now=now,
    )


async def _deposit(
    services: Services, actor: Actor, kept: Interaction, *, identity_hash: bytes, secret: bytes, now: datetime
) -> dict[str, Any] | None:
    """Write everything in one transaction, with other pushes of this moment; None when the id is taken or gone."""
    part = kept.parts[0]
    event = services.event(
        actor,
        Action.RECORDING_KEPT,
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
    )
    return await services.db.begin_together(_deposit_all, new)


async def _deposit_all(connection: asyncpg.Connection, many: Sequence[_New]) -> list[dict[str, Any] | None]:
    """Write new contacts, their links and their jobs; the receipt of each, None where another push took the id.

    A policy may have changed while the audio came: the date is that of the rules as they are now, and where it differs
    from the one that the object was locked with, the lock follows by a job.
    """
    rules = await policies.rules_on(connection)
    locked = {new.interaction.id: new.interaction.retain_until for new in many}
    many = [replace(new, interaction=_dated(new.interaction, rules, new.zone)) for new in many]
    candidates = await linking.evidence(connection, [new.interaction.facts for new in many])
    receipts = [_receipt(new.interaction, found) for new, found in zip(many, candidates, strict=True)]
    kept = await hot.deposit_many(connection, list(map(_rows, many, candidates, receipts)))
    if kept:
        await jobs.enqueue_on(connection, DERIVE, [_job(new) for new in many if new.interaction.id in kept])
    moved = [one.interaction.id for one in many if one.interaction.retain_until != locked[one.interaction.id]]
    if relock := sorted(str(one) for one in moved if one in kept):
        await jobs.enqueue_on(connection, RELOCK, [{"ids": ",".join(relock)}])
    return [receipt if new.interaction.id in kept else None for new, receipt in zip(many, receipts, strict=True)]


def _zone(services: Services) -> tzinfo:
    return ZoneInfo(services.settings.timezone)


def _dated(contact: Interaction, rules: Sequence[Rule], zone: tzinfo) -> Interaction:
    facts = contact.facts
    rule = choose(rules, company=facts.company, channel=facts.channel, category=facts.category)
    until = retain_until(rule, facts.ended_at, zone)
    return replace(contact, retain_until=until, policy=None if rule is None else rule.name)


def _job(new: _New) -> dict[str, str]:
    contact = new.interaction
    return {"company": contact.facts.company, "interaction": str(contact.id), "part": str(contact.parts[0].id)}


def _rows(new: _New, candidates: Sequence[LinkCandidate], receipt: dict[str, Any]) -> Deposit:
    link_rows, event_rows = links.rows(candidates, new.interaction.received_at)
    return Deposit(
        interaction=replace(new.interaction, receipt=receipt),
        identity_hash=new.identity_hash,
        key_id=new.wrapped.key_id,
        wrapped=new.wrapped.data,
        links=link_rows,
        link_events=event_rows,
        event=new.event,
    )


def _receipt(kept: Interaction, candidates: Sequence[LinkCandidate]) -> dict[str, Any]:
    part = kept.parts[0]
    return {
        "id": str(kept.id),
        "source": kept.facts.source,
        "external_id": kept.facts.external_id,
        "sha256": part.sha256.hex(),
        "size_bytes": part.size_bytes,
        "received_at": _moment(kept.received_at),
        "links": [
            {"customer_number": c.customer_number, "evidence": c.strongest, "status": c.status} for c in candidates
        ],
        "retain_until": None if kept.retain_until is None else _moment(kept.retain_until),
        "policy": kept.policy,
    }


ORDER = ("id", "source", "external_id", "sha256", "size_bytes", "received_at", "links", "retain_until", "policy")


def in_order(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt with its fields in the order of the contract; the database does not keep it."""
    return {name: receipt[name] for name in ORDER}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def facts_of(push: Push) -> Facts:
    """What the metadata says, in the archive's own values: phones in E.164 and e-mails in one spelling, if readable."""
    said = push.metadata
    return Facts(
        company=said.company,
        channel=Channel.CALL,
        direction=Direction(said.direction),
        started_at=said.started_at,
        ended_at=said.ended_at,
        duration_s=said.duration_s,
        source=push.source,
        external_id=push.external_id,
        call_id=said.call_id,
        queue=said.queue,
        category=said.category,
        agent_id=said.agent.id if said.agent else None,
        agent_name=said.agent.name if said.agent else None,
        language=said.language,
        channel_roles=tuple(said.channels),
        given_customer_number=said.customer_number,
        given_metering_point=_metering_point(said.attributes.get(METERING_POINT)),
        attributes=dict(said.attributes),
        parties=tuple(
            Party(role=p.role, name=p.name, phone=_read(read_phone, p.phone), email=_read(read_email, p.email))
            for p in said.parties
        ),
    )


def _read(read: Callable[[str], str], text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError:
        return text


def _metering_point(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return read_metering_point(text)
    except ValueError:
        return None
