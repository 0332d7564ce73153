"""Statements over transcripts, over what is asked to be transcribed, and over what the operator wants heard.

The transcript itself is a part (`archive.derivatives`); here is what is known of it without opening it. Deciding what
is transcribed, and when, is `ingest.speech`.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.domain.interactions import Channel, DeriveState, State
from archive.domain.transcripts import Mode, SpeechRule, TextState
from archive.settings import Settings
from archive.store import claims
from archive.store.arrays import among, within
from archive.store.tables import interactions, speech_requests, speech_rules, transcripts, vocabularies

RATE_LAST = 200
"""The rate is taken from so many transcripts, the newest of the last day."""

_RATE_OVER = timedelta(days=1)
_HEARING_LOCK = 0x7A11EA2


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is known of a transcript without opening it; see the table."""

    interaction_id: UUID
    company: str
    language: str
    language_found: bool
    model: str
    audio_s: float
    took_s: float
    words: int
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A recording that has no transcript yet."""

    interaction_id: UUID
    company: str
    started_at: datetime
    queue: str | None
    category: str | None
    text_state: TextState


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a model was: recorded seconds in so many seconds by the clock, over `count` transcripts."""

    model: str
    count: int
    recorded_s: float
    elapsed_s: float

    @property
    def rate(self) -> float | None:
        """Recorded seconds a second; None where nothing was seen."""
        return self.recorded_s / self.elapsed_s if self.count and self.elapsed_s > 0 else None


async def put(tx: AsyncConnection, made: Made) -> None:
    """Write what is known of a transcript, in place of an earlier one; the request for it is done with."""
    row = {name: getattr(made, name) for name in made.__dataclass_fields__}
    statement = insert(transcripts).values(row)
    await tx.execute(statement.on_conflict_do_update(index_elements=["interaction_id"], set_=row))
    await answered(tx, made.interaction_id)


async def answered(tx: AsyncConnection, interaction_id: UUID) -> None:
    """Forget who asked for a transcript: it is there, or will not be."""
    await tx.execute(delete(speech_requests).where(speech_requests.c.interaction_id == interaction_id))


async def made(tx: AsyncConnection, interaction_id: UUID) -> Made | None:
    """What is known of a contact's transcript; None where it has none."""
    row = (await tx.execute(select(transcripts).where(transcripts.c.interaction_id == interaction_id))).mappings()
    found = row.one_or_none()
    return None if found is None else Made(**found)


def alone(settings: Settings, interaction_id: UUID) -> AbstractAsyncContextManager[bool]:
    """Be the only one to transcribe a contact for as long as this block lasts; see `claims.alone`.

    Raises:
        StoreUnavailable: the database cannot be reached.

    """
    return claims.alone(settings, _HEARING_LOCK, interaction_id)


# ------------------------------------------------------------------------- asking


async def ask(tx: AsyncConnection, interaction_id: UUID, company: str, *, asked_by: str, asked_at: datetime) -> None:
    """Write down that a person wants it transcribed; who asked last counts."""
    row = {"company": company, "asked_by": asked_by, "asked_at": asked_at}
    statement = insert(speech_requests).values(interaction_id=interaction_id, **row)
    await tx.execute(statement.on_conflict_do_update(index_elements=["interaction_id"], set_=row))


async def asked_at(tx: AsyncConnection, interaction_id: UUID) -> datetime | None:
    """When a person asked for it, as long as that is not done."""
    found: datetime | None = await tx.scalar(
        select(speech_requests.c.asked_at).where(speech_requests.c.interaction_id == interaction_id)
    )
    return found


async def is_asked_and_queued(tx: AsyncConnection, entrypoint: str, interaction_id: UUID) -> bool:
    """Whether a person has asked for it, that is not done, and a job of this name is there to do it."""
    if await asked_at(tx, interaction_id) is None:
        return False
    queued = text(
        "SELECT EXISTS (SELECT FROM pgqueuer q WHERE q.entrypoint = :entrypoint"
        " AND convert_from(q.payload, 'UTF8')::jsonb ->> 'interaction' = :id)"
    )
    return bool(await tx.scalar(queued, {"entrypoint": entrypoint, "id": str(interaction_id)}))


async def lock_unheard(
    tx: AsyncConnection, entrypoint: str, after: UUID | None, limit: int, *, only: str | None = None
) -> list[Waiting]:
    """Recordings that could be transcribed, have no transcript, and no job of this name; in order of their ids.

    Their rows are locked, so that none gets its transcript in this transaction's time. Those that failed are left out:
    they are in the list of dead letters. `only` leaves out those that are off for another reason.
    """
    i = interactions.c
    which = [] if after is None else [i.id > after]
    if only is not None:
        which.append(or_(i.text_state == TextState.WAITING, i.text_reason == only))
    found = await _unheard(tx, entrypoint, which, limit)
    ids = [one.interaction_id for one in found]
    await tx.execute(
        select(interactions.c.id).where(among(interactions.c.id, ids)).order_by(interactions.c.id).with_for_update()
    )
    return await _unheard(tx, entrypoint, [among(interactions.c.id, ids)], limit)


async def _unheard(
    tx: AsyncConnection, entrypoint: str, which: Sequence[ColumnElement[bool]], limit: int
) -> list[Waiting]:
    i = interactions.c
    queued = text(
        "NOT EXISTS (SELECT FROM pgqueuer q WHERE q.entrypoint = :entrypoint"
        " AND convert_from(q.payload, 'UTF8')::jsonb ->> 'interaction' = interactions.id::text)"
    ).bindparams(entrypoint=entrypoint)
    rows = await tx.execute(
        select(i.id.label("interaction_id"), i.company, i.started_at, i.queue, i.category, i.text_state)
        .outerjoin_from(interactions, transcripts, transcripts.c.interaction_id == i.id)
        .where(
            transcripts.c.interaction_id.is_(None),
            i.channel == Channel.CALL,
            i.state == State.KEPT,
            i.derive_state == DeriveState.DONE,
            i.text_state.in_((TextState.WAITING, TextState.OFF)),
            queued,
            *which,
        )
        .order_by(i.id)
        .limit(limit)
    )
    return [Waiting(**{**row, "text_state": TextState(row["text_state"])}) for row in rows.mappings()]


# -------------------------------------------------------------------------- rules


async def rules(tx: AsyncConnection) -> list[SpeechRule]:
    """Every rule of every company: the whole set decides which one fits best."""
    c = speech_rules.c
    rows = await tx.execute(select(c.mode, c.company, c.queue, c.category).order_by(c.company, c.queue, c.category))
    return [SpeechRule(**{**row, "mode": Mode(row["mode"])}) for row in rows.mappings()]


async def lock_rules(tx: AsyncConnection) -> None:
    """Be the only one who changes rules until this transaction ends; reading them goes on."""
    await tx.execute(text("LOCK TABLE speech_rules IN SHARE ROW EXCLUSIVE MODE"))


async def set_rules(tx: AsyncConnection, companies: frozenset[str] | None, wanted: Iterable[SpeechRule]) -> None:
    """Put these in place of the rules of these companies; None are all, and the rules for every company."""
    await tx.execute(delete(speech_rules).where(within(speech_rules.c.company, companies)))
    rows: list[dict[str, Any]] = [
        {"id": uuid7(), "mode": one.mode, "company": one.company, "queue": one.queue, "category": one.category}
        for one in wanted
    ]
    if rows:
        await tx.execute(insert(speech_rules), rows)


# --------------------------------------------------------------------- vocabulary


async def vocabulary(tx: AsyncConnection, company: str) -> tuple[str, ...]:
    """The company's own words, in the order in which they count."""
    found = await tx.scalar(select(vocabularies.c.words).where(vocabularies.c.company == company))
    return tuple(found or ())


async def set_vocabulary(tx: AsyncConnection, company: str, words: Sequence[str], now: datetime) -> None:
    """Put these in place of the company's words."""
    row = {"words": list(words), "updated_at": now}
    statement = insert(vocabularies).values(company=company, **row)
    await tx.execute(statement.on_conflict_do_update(index_elements=["company"], set_=row))


# ------------------------------------------------------------------------ backlog


async def waiting(tx: AsyncConnection, companies: frozenset[str] | None) -> tuple[int, float]:
    """How many recordings wait for their transcript, and how many seconds they last together."""
    i = interactions.c
    row = (
        await tx.execute(
            select(func.count(), func.coalesce(func.sum(i.duration_s), 0.0))
            .select_from(interactions)
            .outerjoin(transcripts, transcripts.c.interaction_id == i.id)
            .where(
                i.text_state == TextState.WAITING,
                i.channel == Channel.CALL,
                i.state == State.KEPT,
                transcripts.c.interaction_id.is_(None),
                within(i.company, companies),
            )
        )
    ).one()
    return int(row[0]), float(row[1])


async def paces(tx: AsyncConnection, now: datetime) -> list[Pace]:
    """How fast each model was over its newest RATE_LAST transcripts of the last day, all companies together.

    Several workers at once count as such: what counts is the time from the first beginning to the last end, and where
    they rested in between, the time that each took.
    """
    t, i = transcripts.c, interactions.c
    number = func.row_number().over(partition_by=t.model, order_by=t.made_at.desc()).label("number")
    newest = (
        select(t.model, t.made_at, t.took_s, func.coalesce(i.duration_s, t.audio_s).label("recorded_s"), number)
        .join_from(transcripts, interactions, i.id == t.interaction_id)
        .where(t.made_at > now - _RATE_OVER)
        .subquery()
    )
    n = newest.c
    span_s = func.extract("epoch", func.max(n.made_at) - func.min(n.made_at - n.took_s * text("interval '1 s'")))
    rows = await tx.execute(
        select(
            n.model,
            func.count().label("many"),
            func.sum(n.recorded_s).label("recorded_s"),
            func.least(func.sum(n.took_s), span_s).label("elapsed_s"),
        )
        .where(n.number <= RATE_LAST)
        .group_by(n.model)
        .order_by(n.model)
    )
    return [
        Pace(model=row.model, count=row.many, recorded_s=float(row.recorded_s), elapsed_s=float(row.elapsed_s))
        for row in rows
    ]


async def give_up(tx: AsyncConnection, interaction_id: UUID, reason: str) -> None:
    """Mark a contact whose recording will not be transcribed, unless an earlier transcript of it is there."""
    has_one = select(transcripts.c.interaction_id).where(transcripts.c.interaction_id == interaction_id).exists()
    await tx.execute(
        update(interactions)
        .where(interactions.c.id == interaction_id, ~has_one)
        .values(text_state=TextState.FAILED, text_reason=reason)
    )
    await answered(tx, interaction_id)


async def wait_again(tx: AsyncConnection, interaction_id: UUID) -> None:
    """Take back that a contact was given up, because its job is tried again."""
    await tx.execute(
        update(interactions)
        .where(interactions.c.id == interaction_id, interactions.c.text_state == TextState.FAILED)
        .values(text_state=TextState.WAITING, text_reason=None)
    )
