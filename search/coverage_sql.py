"""The statements that coverage is counted by; each text is made once for the filters that ask, and kept.

As in `search.index` every company of the actor is asked by itself, so that each list can come from an index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Dialect,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from archive.domain.filters import Filters
from archive.domain.interactions import State
from archive.domain.transcripts import TextState
from archive.store.selection import agent_conditions, asked_values, conditions_on, parameters
from archive.store.tables import companies, interactions, search_rows

CAP = 1_000
"""Counting stops one beyond so many contacts of a kind."""

_DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]
_SHAPES = 512
_C = interactions.c
_DONE = literal_column(f"'{TextState.DONE}'", Text())
_KEPT = literal_column(f"'{State.KEPT}'", Text())
# Conditions on what an index in order of time holds: counting by them need not read the contacts themselves.
_IN_INDEX: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "company": lambda value: _C.company == value,
    "since": lambda value: _C.started_at >= value,
    "until": lambda value: _C.started_at < value,
}

Made = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What decides the text of a statement: which filters ask, and whether it is bound to companies."""

    asked: tuple[str, ...]
    is_everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    sql: str
    names: tuple[str, ...]


def some(scope: frozenset[str] | None, filters: Filters) -> Made:
    """Count by state and reason what fits, up to one more than `CAP` contacts of each company."""
    return _with_values(_some_text(_shape(scope, filters)), scope, filters)


def behind(scope: frozenset[str] | None, filters: Filters) -> Made:
    """Count by state and reason what fits and is not searchable, up to one more than `CAP` of each company."""
    return _with_values(_behind_text(_shape(scope, filters)), scope, filters)


def all_behind(scope: frozenset[str] | None, filters: Filters) -> Made:
    """Count by state and reason what fits and is not searchable, all of it."""
    return _with_values(_all_behind_text(_shape(scope, filters)), scope, filters)


def total(scope: frozenset[str] | None, filters: Filters) -> Made:
    """Count what fits, all of it."""
    return _with_values(_total_text(_shape(scope, filters)), scope, filters)


def outdated(scope: frozenset[str] | None, analyser: str) -> Made:
    """Count the rows that another analyser made, up to one more than `CAP` of each company."""
    made = _outdated_text(scope is None)
    values = {"analyser": analyser, "limit": CAP + 1, "scope": sorted(scope or ())}
    return made.sql, tuple(values[name] for name in made.names)


def _with_values(made: _Text, scope: frozenset[str] | None, filters: Filters) -> Made:
    values = asked_values(filters) | {"limit": CAP + 1, "scope": sorted(scope or ())}
    return made.sql, tuple(values[name] for name in made.names)


def _shape(scope: frozenset[str] | None, filters: Filters) -> _Shape:
    return _Shape(asked=tuple(asked_values(filters)), is_everywhere=scope is None)


def _text(statement: Select[Any]) -> _Text:
    made = statement.compile(dialect=_DIALECT)
    return _Text(sql=str(made), names=tuple(made.positiontup or ()))


@lru_cache(maxsize=_SHAPES)
def _some_text(shape: _Shape) -> _Text:
    return _text(_by_state(shape, true(), is_limited=True))


@lru_cache(maxsize=_SHAPES)
def _behind_text(shape: _Shape) -> _Text:
    return _text(_by_state(shape, _C.text_state != _DONE, is_limited=True))


@lru_cache(maxsize=_SHAPES)
def _all_behind_text(shape: _Shape) -> _Text:
    return _text(_by_state(shape, _C.text_state != _DONE, is_limited=False))


@lru_cache(maxsize=_SHAPES)
def _total_text(shape: _Shape) -> _Text:
    """Where an index has all that is asked, it alone is read, and the few that are being destroyed are taken off."""
    if not set(shape.asked) <= set(_IN_INDEX):
        found = _lists(shape, (_C.id,), true(), is_limited=False)
        return _text(select(func.count()).select_from(found))
    asked = parameters(shape.asked)
    wanted: list[ColumnElement[bool]] = [
        _C.company.in_(select(companies.c.code).where(_reach(shape)).scalar_subquery())
    ]
    wanted += [condition(asked[name]) for name, condition in _IN_INDEX.items() if name in asked]
    everything = select(func.count(_C.id)).where(*wanted)
    going = select(func.count(_C.id)).where(*wanted, _C.state != _KEPT)
    return _text(select(everything.scalar_subquery() - going.scalar_subquery()))


@lru_cache(maxsize=2)
def _outdated_text(is_everywhere: bool) -> _Text:
    r, today = search_rows.c, bindparam("analyser", type_=Text())
    limit = bindparam("limit", type_=Integer())
    reach = _reach(_Shape(asked=(), is_everywhere=is_everywhere))
    lists = []
    for other in (r.analyser < today, r.analyser > today):
        rows = select(r.interaction_id).where(r.company == companies.c.code, other).limit(limit)
        some = rows.correlate(companies).lateral()
        lists.append(select(some).select_from(companies.join(some, true())).where(reach))
    return _text(select(func.count()).select_from(union_all(*lists).subquery()))


def _by_state(shape: _Shape, wanted: ColumnElement[bool], *, is_limited: bool) -> Select[Any]:
    found = _lists(shape, (_C.text_state, _C.text_reason), wanted, is_limited=is_limited)
    return select(found.c.text_state, found.c.text_reason, func.count()).group_by(
        found.c.text_state, found.c.text_reason
    )


def _lists(
    shape: _Shape, columns: tuple[ColumnElement[Any], ...], also: ColumnElement[bool], *, is_limited: bool
) -> Any:
    """Per company, and for an agent per way of naming one, the contacts that fit."""
    asked = parameters(shape.asked)
    rest = {name: value for name, value in asked.items() if name not in {"company", "agent"}}
    wanted = [_C.company == companies.c.code, *conditions_on(rest), also]
    ways: tuple[ColumnElement[bool], ...] = agent_conditions(asked["agent"]) if "agent" in asked else (true(),)
    lists = []
    for way in ways:
        rows = select(*columns).where(*wanted, way)
        if is_limited:
            rows = rows.limit(bindparam("limit", type_=Integer()))
        fitting = rows.correlate(companies).lateral()
        lists.append(select(fitting).select_from(companies.join(fitting, true())).where(_reach(shape)))
    return (union_all(*lists) if len(lists) > 1 else lists[0]).subquery()


def _reach(shape: _Shape) -> ColumnElement[bool]:
    """The companies of the actor, narrowed to the one that is asked for."""
    code = companies.c.code
    scope: ColumnElement[bool] = true()
    if not shape.is_everywhere:
        scope = code == func.any(bindparam("scope", type_=ARRAY(Text)))
    return and_(scope, code == parameters(["company"])["company"]) if "company" in shape.asked else scope
