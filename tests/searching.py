"""Contacts with words for tests of searching: rows as the job `search.index` writes them, without objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, cast
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from archive.store.tables import interactions, search_rows, search_texts
from search import morphology, rows, texts
from search.buckets import Fact, bucket
from search.texts import Passage

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A contact and what was said in it: (second, speaker, text) each."""

    company: str
    said: Sequence[tuple[float, str, str]]
    started_at: datetime = BEGIN
    id: UUID = field(default_factory=uuid7)
    channel: str = "call"
    queue: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    duration_s: float | None = 60.0

    @property
    def passages(self) -> list[Passage]:
        """What was said, as it is packed."""
        return [
            Passage(kind="transcript", text=text, speaker=speaker, start_s=at, end_s=at + 10)
            for at, speaker, text in self.said
        ]


def talk(company: str, *texts_: str, **more: Any) -> Talk:
    """A contact in which the agent says each of these texts, ten seconds apart."""
    return Talk(company=company, said=[(10.0 * n, "agent", text) for n, text in enumerate(texts_)], **more)


async def keep(tx: AsyncConnection, *talks: Talk) -> None:
    """Write contacts and their rows of the index."""
    analyser = morphology.analyser()
    contacts, terms, packed = [], [], []
    for one in talks:
        place = bucket(one.company, one.started_at)
        facts = {
            Fact.AGENT_ID: one.agent_id, Fact.AGENT_NAME: one.agent_name, Fact.QUEUE: one.queue,
            Fact.CHANNEL: one.channel, Fact.DIRECTION: "inbound",
        }  # fmt: skip
        made = rows.make(place, one.passages, facts, analyser, "fi")
        contacts.append(
            {
                "id": one.id, "company": one.company, "channel": one.channel, "direction": "inbound", "source": "pbx",
                "started_at": one.started_at, "ended_at": one.started_at, "external_id": str(one.id),
                "queue": one.queue, "agent_id": one.agent_id, "agent_name": one.agent_name, "language": "fi",
                "duration_s": one.duration_s, "received_at": BEGIN, "receipt": {}, "text_state": "done",
            }
        )  # fmt: skip
        known = {"interaction_id": one.id, "company": one.company}
        terms.append(
            known | {
                "started_at": one.started_at, "bucket": place, "words": made.terms, "analyser": analyser.name,
                "indexed_at": BEGIN,
            }
        )  # fmt: skip
        packed.append(known | {"segments": texts.pack(made.passages), "sounds": made.sounds})
    if talks:
        await tx.execute(interactions.insert(), contacts)
        await tx.execute(search_rows.insert().values(terms=cast(bindparam("words", type_=Text()), TSVECTOR)), terms)
        await tx.execute(search_texts.insert(), packed)


async def forget(tx: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Take contacts away as destroying them does."""
    for table in (search_texts, search_rows):
        await tx.execute(table.delete().where(table.c.interaction_id.in_(ids)))
    await tx.execute(interactions.delete().where(interactions.c.id.in_(ids)))
