"""The API of customers: put one, read one (masked), import many.

What a customer is, is `archive.domain.customers`; importing is `archive.customer_import`. The customer's page is not
here.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from archive import customer_import
from archive.domain.access import Action, Permission
from archive.domain.customer_file import Form
from archive.domain.customers import (
    Billing,
    Company,
    CustomerNumber,
    CustomerRequest,
    CustomerView,
    Feedback,
    Kind,
    Marketing,
    Site,
)
from archive.errors import Invalid, NotFound, UnsupportedMedia
from archive.store import customers
from archive.web import kit
from archive.web.routes import Route

_NUMBER: TypeAdapter[str] = TypeAdapter(CustomerNumber)
_FORMS = {"application/x-ndjson": Form.NDJSON, "application/ndjson": Form.NDJSON, "text/csv": Form.CSV}


class CustomerQuery(BaseModel):
    """The query of `GET /customers/{customer_number}`."""

    model_config = ConfigDict(extra="forbid")

    company: Company | None = None


class CustomerAnswer(BaseModel):
    """A customer as it is shown: hetu, business id and account masked."""

    customer_number: str
    company: str
    name: str
    kind: Kind
    hetu: str | None = None
    business_id: str | None = None
    phones: list[str]
    emails: list[str]
    sites: list[Site]
    billing: Billing
    marketing: Marketing
    feedback: list[Feedback]
    attributes: dict[str, str]
    created_at: datetime
    updated_at: datetime
    interactions: str = Field(description="where the customer's contacts are found")


class LineComplaint(BaseModel):
    """One thing wrong with one line of an import."""

    line: int
    field: str | None
    message: str


class ImportAnswer(BaseModel):
    """What an import did; `errors` is bounded, `errors_left_out` counts the others."""

    lines: int
    created: int
    updated: int
    rejected: int
    errors: list[LineComplaint]
    errors_left_out: int


def shown(view: CustomerView) -> dict[str, Any]:
    """A customer as the answer's JSON: the fields of `CustomerAnswer`."""
    where = urlencode({"company": view.company, "customer": view.number})
    masked = {} if view.identifier_kind is None else {view.identifier_kind.value: view.identifier_mask}
    return {
        "customer_number": view.number,
        "company": view.company,
        "name": view.name,
        "kind": view.kind,
        **masked,
        "phones": view.phones,
        "emails": view.emails,
        "sites": view.sites,
        "billing": {**asdict(view.billing), "iban": view.account_mask},
        "marketing": view.marketing,
        "feedback": view.feedback,
        "attributes": view.attributes,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
        "interactions": f"/api/v1/search?{where}",
    }


async def put_customer(request: web.Request) -> web.Response:
    """Keep a customer as the CRM has it now: 201 when new, 200 when replaced."""
    services, actor = kit.services(request), kit.actor(request)
    number, sent = customer_number(request), await kit.body(request, CustomerRequest)
    now = datetime.now(UTC)
    async with services.db.begin() as tx:
        if sent.company not in await customers.known_companies(tx, actor.companies):
            raise NotFound
        put = await customers.put(tx, services.keyring, sent.customer(number), now)
        detail = {"customer": services.veil("customer", number), "created": put.created, "changed": put.changed}
        await services.record(tx, actor, Action.CUSTOMER_WRITTEN, now=now, companies=[sent.company], detail=detail)
        view = await customers.get(tx, services.keyring, frozenset({sent.company}), number)
    return kit.json_answer(shown(view), status=201 if put.created else 200)


async def get_customer(request: web.Request) -> web.Response:
    """Show a customer, masked; without `?company=` a number that several of the actor's companies know is ambiguous."""
    services, actor = kit.services(request), kit.actor(request)
    number, scope = customer_number(request), actor.scope(kit.query(request, CustomerQuery).company)
    async with services.db.begin() as tx:
        view = await customers.get(tx, services.keyring, scope, number)
        await services.record(
            tx,
            actor,
            Action.CUSTOMER_SEEN,
            now=datetime.now(UTC),
            companies=[view.company],
            detail={"customer": services.veil("customer", view.number)},
        )
    return kit.json_answer(shown(view))


async def import_customers(request: web.Request) -> web.Response:
    """Import customers from a streamed NDJSON or CSV body of any length."""
    form = _FORMS.get(request.content_type)
    if form is None:
        raise UnsupportedMedia("send application/x-ndjson or text/csv")
    report = await customer_import.import_customers(kit.services(request), kit.actor(request), _chunks(request), form)
    return kit.json_answer(report)


def customer_number(request: web.Request, name: str = "customer_number") -> str:
    """The customer number in the address.

    Raises:
        Invalid: no text that a customer number can be.

    """
    try:
        return _NUMBER.validate_python(request.match_info[name])
    except ValidationError:
        raise Invalid.of("customer_number", "1 to 64 letters, digits, dots, colons, dashes and underscores") from None


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        yield chunk


_KEPT = ((404, "No such company."), (422, "Every complaint at once, by field; nothing is kept."))
ROUTES = (
    Route(
        method="PUT",
        path="/api/v1/customers/{customer_number}",
        handler=put_customer,
        permission=Permission.CUSTOMER_WRITE,
        summary="Keep a customer as the CRM has it now",
        body=CustomerRequest,
        answer=CustomerAnswer,
        status=201,
        answers=((200, "Replaced, or already just so."), *_KEPT),
    ),
    Route(
        method="GET",
        path="/api/v1/customers/{customer_number}",
        handler=get_customer,
        permission=Permission.CUSTOMER_READ,
        summary="Show a customer, identifiers masked",
        query=CustomerQuery,
        answer=CustomerAnswer,
        answers=((404, "No such customer."), (409, "Several companies know this number: name one with ?company=.")),
    ),
    Route(
        method="POST",
        path="/api/v1/customers/import",
        handler=import_customers,
        permission=Permission.CUSTOMER_WRITE,
        summary="Import customers from NDJSON or CSV",
        body_type="application/x-ndjson",
        answer=ImportAnswer,
        answers=((415, "Neither NDJSON nor CSV."), (422, "The header of the CSV file is wrong; nothing was read.")),
    ),
)
