"""The one place with search SQL, with `search.index_words`: a page of hits, their total up to a cap, newest first.

For each company of the actor the newest hits are taken from an index in order, and the lists are merged: a page costs
the same wherever it is in the list and however many companies there are. Which filters ask something decides the text
of a statement, which is made once and used for every value. Filters as conditions are `archive.store.selection`;
nothing leaves here but values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Dialect,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.selectable import LateralFromClause

from archive.domain.filters import Filters
from archive.domain.interactions import State
from archive.store.selection import LINKED, agent_conditions, asked_values, conditions_on, parameters
from archive.store.tables import companies, customers, hold_items, interactions, links, search_rows, search_texts
from search.cursor import Place, Total
from search.index_words import fetch
from search.snippets import Row as SaidRow

TOTAL_CAP = 1_000
_DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]
_SHAPES = 512
_OF_TEXTS = tuple(one.name for one in fields(SaidRow))
_C = interactions.c
_SHOWN = (
    _C.id, _C.channel, _C.company, _C.direction, _C.started_at, _C.duration_s, _C.agent_id, _C.agent_name, _C.queue,
    _C.category, _C.subject, _C.derive_state,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One contact as a list shows it; `customer_number` is of one linked customer, if there is any."""

    id: UUID
    channel: str
    company: str
    direction: str
    started_at: datetime
    duration_s: float | None
    agent_id: str | None
    agent_name: str | None
    queue: str | None
    category: str | None
    subject: str | None
    derive_state: str
    customer_number: str | None
    customer_name: str | None
    on_hold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hits, newest first, and whether more follow."""

    hits: tuple[Hit, ...]
    has_more: bool
    total: Total


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A search as SQL sees it: `scope` None is every company; without `after` it is the first page."""

    filters: Filters
    scope: frozenset[str] | None
    limit: int
    after: Place | None = None

    def page(self) -> tuple[str, tuple[Any, ...]]:
        """The statement of a page and its parameters; it asks for one hit more, to know whether more follow."""
        return self._made(_page_text(self._shape()), self.limit + 1)

    def count(self) -> tuple[str, tuple[Any, ...]]:
        """The statement that counts hits, but not further than one beyond the cap."""
        return self._made(_count_text(self._shape()), TOTAL_CAP + 1)

    def _shape(self) -> "_Shape":
        names = tuple(asked_values(self.filters))
        return _Shape(asked=names, is_everywhere=self.scope is None, goes_on=self.after is not None)

    def _made(self, text: "_Text", limit: int) -> tuple[str, tuple[Any, ...]]:
        values = asked_values(self.filters) | {"limit": limit}
        if self.scope is not None:
            values["scope"] = sorted(self.scope)
        if self.after is not None:
            values |= {"after_at": self.after.started_at, "after_id": self.after.id}
        return text.sql, tuple(values[name] for name in text.names)


async def page(tx: AsyncConnection, ask: Ask) -> Page:
    """A page of hits; the total is counted with the first."""
    rows = (await tx.exec_driver_sql(*ask.page())).mappings().all()
    if ask.after is not None:
        total = ask.after.total
    elif len(rows) <= ask.limit:
        total = Total(value=len(rows), is_capped=False)
    else:
        found = int((await tx.exec_driver_sql(*ask.count())).scalar_one())
        total = Total(value=min(found, TOTAL_CAP), is_capped=found > TOTAL_CAP)
    return Page(hits=tuple(Hit(**row) for row in rows[: ask.limit]), has_more=len(rows) > ask.limit, total=total)


async def said(
    tx: AsyncConnection, ids: Sequence[UUID], scope: frozenset[str] | None
) -> dict[UUID, tuple[Hit, SaidRow]]:
    """Contacts as a list shows them, each with what its snippets are cut from; those no longer kept are left out."""
    text = _said_text()
    values = {"ids": list(ids), "scope": None if scope is None else sorted(scope)}
    rows = await fetch(tx, text.sql, *(values[name] for name in text.names))
    found = {}
    for row in rows:
        facts = dict(row)
        texts = SaidRow(**{name: facts.pop(name) for name in _OF_TEXTS})
        found[facts["id"]] = (Hit(**facts), texts)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What decides the text of a statement: which filters ask, and whether it is bound to companies or a place."""

    asked: tuple[str, ...]
    is_everywhere: bool
    goes_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A statement as the driver takes it, and the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]


def _text(statement: Select[Any]) -> _Text:
    made = statement.compile(dialect=_DIALECT)
    return _Text(sql=str(made), names=tuple(made.positiontup or ()))


@lru_cache(maxsize=_SHAPES)
def _page_text(shape: _Shape) -> _Text:
    hits = _merged(shape, _SHOWN, is_ordered=True)
    return _text(_with_owner(hits).order_by(*_newest_first(hits.c)))


def _with_owner(hits: FromClause) -> Select[Any]:
    """The hits, each with one customer and whether it is held."""
    owner = _owner(hits)
    held = select(hold_items.c.hold_id).where(
        hold_items.c.interaction_id == hits.c.id,
        hold_items.c.company == hits.c.company,
        hold_items.c.released_at.is_(None),
    )
    return select(hits, owner.c.customer_number, owner.c.customer_name, held.exists().label("on_hold")).select_from(
        hits.outerjoin(owner, true())
    )


@lru_cache(maxsize=1)
def _said_text() -> _Text:
    """The contacts whose ids are asked, within some companies or all, with what is in the index of each."""
    kept = _C.state == literal_column(f"'{State.KEPT}'", Text())
    scope = bindparam("scope", type_=ARRAY(Text))
    wanted = _C.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))
    rows, texts = search_rows.c, search_texts.c
    kept_rows = interactions.join(search_rows, and_(rows.interaction_id == _C.id, rows.company == _C.company)).join(
        search_texts, texts.interaction_id == _C.id
    )
    columns = (*_SHOWN, _C.language, rows.bucket, func.tsvectorsend(rows.terms).label("terms"), texts.segments)
    hits = select(*columns).select_from(kept_rows)
    return _text(
        _with_owner(hits.where(wanted, kept, or_(scope.is_(None), _C.company == func.any(scope))).subquery("hits"))
    )


@lru_cache(maxsize=_SHAPES)
def _count_text(shape: _Shape) -> _Text:
    return _text(select(func.count()).select_from(_merged(shape, (_C.id,), is_ordered=False)))


def _merged(shape: _Shape, columns: Sequence[ColumnElement[Any]], *, is_ordered: bool) -> FromClause:
    """Per company, and for an agent per way of naming one, some rows; merged, newest first where it is asked.

    Each list comes from an index in order, so that nothing is sorted but the few rows of the lists.
    """
    limit = bindparam("limit", type_=Integer())
    asked = parameters(shape.asked)
    per_company = {name: value for name, value in asked.items() if name not in {"company", "agent"}}
    wanted = [_C.company == companies.c.code, *conditions_on(per_company)]
    if shape.goes_on:
        place = tuple_(bindparam("after_at", type_=DateTime(timezone=True)), bindparam("after_id", type_=Uuid()))
        wanted.append(tuple_(_C.started_at, _C.id) < place)
    ways: tuple[ColumnElement[bool], ...] = agent_conditions(asked["agent"]) if "agent" in asked else (true(),)
    lists = []
    for way in ways:
        rows = select(*columns).where(*wanted, way).limit(limit)
        newest = (rows.order_by(*_newest_first(_C)) if is_ordered else rows).correlate(companies).lateral()
        lists.append(select(newest).select_from(companies.join(newest, true())).where(_reach(shape)))
    both = union_all(*lists).subquery() if len(lists) > 1 else lists[0].subquery()
    merged = select(both).limit(limit)
    return (merged.order_by(*_newest_first(both.c)) if is_ordered else merged).subquery("hits")


def _reach(shape: _Shape) -> ColumnElement[bool]:
    """The companies of the actor, narrowed to the one that is asked for."""
    code = companies.c.code
    scope: ColumnElement[bool] = true()
    if not shape.is_everywhere:
        scope = code == func.any(bindparam("scope", type_=ARRAY(Text)))
    return and_(scope, code == parameters(["company"])["company"]) if "company" in shape.asked else scope


def _newest_first(columns: ReadOnlyColumnCollection[str, Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return columns["started_at"].desc(), columns["id"].desc()


def _owner(hits: FromClause) -> LateralFromClause:
    """One customer that the contact is linked to: the first that was."""
    name = and_(customers.c.company == links.c.company, customers.c.number == links.c.customer_number)
    return (
        select(links.c.customer_number, customers.c.name.label("customer_name"))
        .select_from(links.outerjoin(customers, name))
        .where(
            links.c.interaction_id == hits.c.id,
            links.c.company == hits.c.company,
            links.c.status == LINKED,
        )
        .order_by(links.c.made_at, links.c.customer_number)
        .limit(literal_column("1"))
        .lateral("owner")
    )
