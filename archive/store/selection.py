"""Filters as SQL conditions over `interactions`: for search pages and for holds placed by a search.

Which companies may be asked is a condition of its own, because it comes from the actor and never from the request. A
condition is made over expressions, so that search can make it once with parameters and use it for every value.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    Text,
    bindparam,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from archive.domain.filters import Filters
from archive.domain.interactions import State
from archive.domain.links import LinkStatus
from archive.store.tables import interactions, links, parties

Asked = Mapping[str, ColumnElement[Any]]
"""By the name of each filter that asks something: what to compare with."""

# Written into the statement and not bound, so that a plan made once can still use the partial indexes.
LINKED = literal_column(f"'{LinkStatus.LINKED}'", Text())
_KEPT = literal_column(f"'{State.KEPT}'", Text())

_TYPES: dict[str, TypeEngine[Any]] = {
    "since": DateTime(timezone=True),
    "until": DateTime(timezone=True),
    "min_duration_s": Double(),
}


def asked_values(filters: Filters) -> dict[str, Any]:
    """The filters that ask something, by name."""
    values = {one.name: getattr(filters, one.name) for one in fields(filters)}
    return {name: value for name, value in values.items() if value is not None}


def parameters(names: Iterable[str]) -> Asked:
    """A parameter of the filter's own name for each of these filters."""
    return {name: bindparam(name, type_=_TYPES.get(name, Text())) for name in names}


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """What a contact must fulfil to fit the filters; contacts that are being destroyed never do."""
    return conditions_on({name: literal(value, _TYPES.get(name)) for name, value in asked_values(filters).items()})


def conditions_on(asked: Asked, contacts: FromClause = interactions) -> list[ColumnElement[bool]]:
    """The same over expressions; `contacts` is interactions or an alias of it."""
    c = contacts.c
    made: dict[str, Callable[[ColumnElement[Any]], ColumnElement[bool]]] = {
        "company": lambda value: c.company == value,
        "channel": lambda value: c.channel == value,
        "direction": lambda value: c.direction == value,
        "queue": lambda value: c.queue == value,
        "category": lambda value: c.category == value,
        "since": lambda value: c.started_at >= value,
        "until": lambda value: c.started_at < value,
        "min_duration_s": lambda value: c.duration_s >= value,
        "agent": lambda value: or_(*agent_conditions(value, contacts)),
        "customer": lambda value: c.id.in_(_linked(value, contacts)),
        "phone": lambda value: c.id.in_(_took_part(value, contacts)),
        "case": lambda _: false(),  # no contact belongs to a case yet
    }
    return [c.state == _KEPT, *(made[name](value) for name, value in asked.items())]


def agent_conditions(
    agent: ColumnElement[Any], contacts: FromClause = interactions
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The agent's id, or the whole name in any letter case: two conditions that have an index each, never both true."""
    by_id = contacts.c.agent_id == agent
    by_name = func.lower(contacts.c.agent_name) == func.lower(agent)
    return by_id, by_name & contacts.c.agent_id.is_distinct_from(agent)


# Conditions on what lies in other tables carry the contact's company, so that they stay in one shard.


def _linked(customer: ColumnElement[Any], contacts: FromClause) -> Any:
    return select(links.c.interaction_id).where(
        links.c.company == contacts.c.company, links.c.customer_number == customer, links.c.status == LINKED
    )


def _took_part(phone: ColumnElement[Any], contacts: FromClause) -> Any:
    return select(parties.c.interaction_id).where(parties.c.company == contacts.c.company, parties.c.phone == phone)
