"""The page of one customer: who it is (masked), every section of the register, one timeline, what is held, who looked.

The CRM is the master of all this; nothing is changed here. Putting and importing customers is `archive.web.customers`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.domain.access import Action, Permission
from archive.domain.customers import Company as CompanyCode
from archive.domain.customers import CustomerView
from archive.domain.filters import Cursor
from archive.domain.trail import SealedEvent
from archive.errors import Ambiguous, NotFound
from archive.store import customers as store
from archive.store import timeline, trail
from archive.store.timeline import Entry
from archive.web import kit
from archive.web.companies import company_choices
from archive.web.customers import customer_number
from archive.web.routes import Route
from archive.web.shell import Company

_TIMELINE = 50
_LOOKS = 12


class CustomerQuery(BaseModel):
    """Whose customer of this number, and where the timeline goes on."""

    model_config = ConfigDict(extra="forbid")
    company: CompanyCode | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """One customer, a page of the timeline, the contacts under a hold, and who has looked last."""

    customer: CustomerView
    entries: tuple[Entry, ...]
    next_cursor: str | None
    is_first: bool
    held: tuple[Entry, ...]
    looks: tuple[SealedEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePage:
    """Several companies have a customer of this number."""

    number: str
    choices: tuple[Company, ...]


async def customer(request: web.Request) -> web.StreamResponse:
    """Show a customer; that it was looked at is on the trail before the page leaves.

    Raises:
        NotFound: no company of the actor has such a customer.

    """
    asked, number = kit.query(request, CustomerQuery), customer_number(request, "number")
    before = kit.read_place(asked.cursor)
    actor, services = kit.actor(request), kit.services(request)
    in_force = await kit.company(request)
    code = asked.company or (None if in_force is None else in_force.code)
    async with services.db.begin() as tx:
        try:
            view = await store.get(tx, services.keyring, actor.scope(code), number)
        except Ambiguous:
            return await _choose(request, tx, number)
        context = await _gathered(request, tx, view, before)
        detail = {"customer": services.veil("customer", view.number)}
        await services.record(tx, actor, Action.CUSTOMER_SEEN, now=kit.now(), companies=[view.company], detail=detail)
    return await kit.page(request, "customer.html", context)


async def _gathered(
    request: web.Request, tx: AsyncConnection, view: CustomerView, before: tuple[datetime, UUID] | None
) -> CustomerPage:
    actor = kit.actor(request)
    found = await timeline.of_customer(tx, view.company, view.number, before=before, limit=_TIMELINE + 1)
    held = await timeline.of_customer(tx, view.company, view.number, held_only=True)
    looks: list[SealedEvent] = []
    if actor.may(Permission.HISTORY_READ):
        scope, veiled = frozenset({view.company}), kit.services(request).veil("customer", view.number)
        looks = await trail.page(tx, scope, action=Action.CUSTOMER_SEEN, customer=veiled, limit=_LOOKS)
    entries, last = tuple(found[:_TIMELINE]), found[:_TIMELINE][-1:]
    following = [kit.write_place(e.started_at, e.id) for e in last if len(found) > _TIMELINE]
    return CustomerPage(
        customer=view,
        entries=entries,
        next_cursor=following[0] if following else None,
        is_first=before is None,
        held=tuple(held),
        looks=tuple(looks),
    )


async def _choose(request: web.Request, tx: AsyncConnection, number: str) -> web.Response:
    found = []
    for company in await company_choices(request, kit.actor(request)):
        try:
            await store.get(tx, kit.services(request).keyring, frozenset({company.code}), number)
        except NotFound:
            continue
        found.append(company)
    return await kit.page(request, "customer_choice.html", ChoicePage(number=number, choices=tuple(found)))


ROUTES = (
    Route(
        method="GET",
        path="/customers/{number}",
        handler=customer,
        permission=Permission.CUSTOMER_READ,
        summary="One customer",
        surface="page",
        query=CustomerQuery,
    ),
)
