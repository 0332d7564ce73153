"""Filters as SQL conditions over `interactions`: for search pages and for holds placed by a search.

Which companies may be asked is a condition of its own, because it comes from the actor and never from the request.
"""

from sqlalchemy import ColumnElement, FromClause, false, func, literal, or_, select, true

from archive.domain.filters import Filters
from archive.domain.interactions import State
from archive.domain.links import LinkStatus
from archive.store.tables import interactions, links, parties

# Written into the statement and not bound, so that a plan made once can still use the partial indexes.
LINKED = literal(LinkStatus.LINKED.value, literal_execute=True)
_KEPT = literal(State.KEPT.value, literal_execute=True)


def conditions(filters: Filters, contacts: FromClause = interactions) -> list[ColumnElement[bool]]:
    """What a row of `contacts` (interactions, or an alias of it) must fulfil; contacts being destroyed never do."""
    c = contacts.c
    wanted: list[ColumnElement[bool]] = [c.state == _KEPT]
    for column, value in (
        (c.company, filters.company),
        (c.channel, filters.channel),
        (c.direction, filters.direction),
        (c.queue, filters.queue),
        (c.category, filters.category),
    ):
        if value is not None:
            wanted.append(column == value)
    if filters.since is not None:
        wanted.append(c.started_at >= filters.since)
    if filters.until is not None:
        wanted.append(c.started_at < filters.until)
    if filters.min_duration_s is not None:
        wanted.append(c.duration_s >= filters.min_duration_s)
    if filters.agent is not None:
        wanted.append(or_(*agent_conditions(filters.agent, contacts)))
    return wanted + _belongings(filters, contacts)


def agent_conditions(
    agent: str, contacts: FromClause = interactions
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The agent's id, or the whole name in any letter case: two conditions that have an index each, never both true."""
    by_id = contacts.c.agent_id == agent
    by_name = func.lower(contacts.c.agent_name) == func.lower(agent)
    return by_id, by_name & contacts.c.agent_id.is_distinct_from(agent)


def within(companies: frozenset[str] | None, contacts: FromClause = interactions) -> ColumnElement[bool]:
    """That a contact belongs to one of the actor's companies; None is every company."""
    return true() if companies is None else contacts.c.company.in_(sorted(companies))


def _belongings(filters: Filters, contacts: FromClause) -> list[ColumnElement[bool]]:
    """Conditions on what lies in other tables; each carries the contact's company, so that it stays in one shard."""
    wanted: list[ColumnElement[bool]] = []
    if filters.customer is not None:
        linked = select(links.c.interaction_id).where(
            links.c.company == contacts.c.company,
            links.c.customer_number == filters.customer,
            links.c.status == LINKED,
        )
        wanted.append(contacts.c.id.in_(linked))
    if filters.phone is not None:
        took_part = select(parties.c.interaction_id).where(
            parties.c.company == contacts.c.company, parties.c.phone == filters.phone
        )
        wanted.append(contacts.c.id.in_(took_part))
    if filters.case is not None:
        wanted.append(false())  # no contact belongs to a case yet
    return wanted
