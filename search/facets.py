"""Facets: how the newest hits spread over channels, queues, agents and months, up to a cap.

Facts alone or words as well; the hits come from `search.index` and `search.index_words`. Months are the installation's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from search import index, index_words
from search.index import Ask
from search.index_words import ContactFacts
from search.query import Asked
from search.terms import Terms
from search.words import Analyser

CAP = 1_000
MOST = 50
"""So many values of a facet at most, the most frequent first; months are all there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """A value and how many of the hits have it; `name` says more of an agent whose value is an id."""

    value: str
    count: int
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Counts over the newest hits; `is_capped` when there are more hits than were counted."""

    channel: tuple[Facet, ...]
    queue: tuple[Facet, ...]
    agent: tuple[Facet, ...]
    month: tuple[Facet, ...]
    is_capped: bool


async def count(
    tx: AsyncConnection,
    asked: Asked,
    scope: frozenset[str] | None,
    words: tuple[Terms, Analyser] | None,
    zone: ZoneInfo,
) -> Facets:
    """Count what the newest hits of a search are like.

    Raises:
        TooWide: it would take longer than a person waits.

    """
    ids: Sequence[UUID]
    if words is None:
        page = await index.page(tx, Ask(filters=asked.filters, scope=scope, limit=CAP))
        ids, more = [hit.id for hit in page.hits], page.has_more
    else:
        ids, more = await _said(tx, asked, scope, words[0])
    rows = await index_words.facts_of(tx, ids, scope)
    months = Counter(row.started_at.astimezone(zone).strftime("%Y-%m") for row in rows)
    names = {row.agent_id: row.agent_name for row in rows if row.agent_id is not None}
    agents = Counter(_agent(row) for row in rows)
    return Facets(
        channel=_most(Counter(row.channel for row in rows)),
        queue=_most(Counter(row.queue for row in rows)),
        agent=tuple(
            Facet(value=one.value, count=one.count, name=names.get(one.value, one.value)) for one in _most(agents)
        ),
        month=tuple(Facet(value=month, count=months[month]) for month in sorted(months, reverse=True)),
        is_capped=more,
    )


async def _said(
    tx: AsyncConnection, asked: Asked, scope: frozenset[str] | None, terms: Terms
) -> tuple[list[UUID], bool]:
    look = await index_words.look_for(tx, terms.template(asked.filters), asked.filters, scope)
    if look is None:
        return [], False
    found = await index_words.newest(tx, look, need=CAP + 1, count_to=0)
    return [one for _, one in found.spots[:CAP]], len(found.spots) > CAP or found.reached is not None


def _agent(row: ContactFacts) -> str | None:
    return row.agent_id if row.agent_id is not None else row.agent_name


def _most(counted: Counter[Any]) -> tuple[Facet, ...]:
    found = [(value, number) for value, number in counted.items() if value is not None]
    found.sort(key=lambda one: (-one[1], one[0]))
    return tuple(Facet(value=value, count=number) for value, number in found[:MOST])
