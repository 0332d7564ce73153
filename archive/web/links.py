"""The API of links between contacts and customers: by hand, accepted, refused, undone.

What each does is `archive.link_decisions`; the intake pages have forms for the same. Reading links is part of reading a
contact.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from archive import link_decisions
from archive.domain.access import Permission
from archive.domain.customers import CustomerNumber
from archive.domain.links import Link, LinkStatus
from archive.web import kit
from archive.web.routes import Route


class LinkRequest(BaseModel):
    """The body of a link by hand."""

    model_config = ConfigDict(extra="forbid")

    customer_number: CustomerNumber


class ReasonRequest(BaseModel):
    """Why a link is undone or a suggestion refused; kept in the link's history."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] | None = None


class LinkAnswer(BaseModel):
    """A link as it is now."""

    customer_number: str
    customer_name: str | None = Field(description="null while the mirror of the CRM does not know the number")
    status: LinkStatus
    evidence: list[str]
    by_hand: bool
    made_by: str | None = Field(description="null when the archive linked by itself")
    made_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    reason: str | None


def shown(link: Link) -> dict[str, Any]:
    """A link as JSON: the fields of `LinkAnswer`."""
    return {name: getattr(link, name) for name in LinkAnswer.model_fields}


async def make_link(request: web.Request) -> web.Response:
    """Link a contact to a customer by hand: 201 when new, 200 when they are linked already."""
    sent = await kit.body(request, LinkRequest)
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    link, is_new = await link_decisions.make(services, actor, kit.path_id(request), sent.customer_number, now)
    return kit.json_answer(shown(link), status=201 if is_new else 200)


async def undo_link(request: web.Request) -> web.Response:
    """Undo a link, with a reason for its history."""
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    number, reason = request.match_info["customer_number"], await _reason(request)
    link = await link_decisions.undo(services, actor, kit.path_id(request), number, now, reason=reason)
    return kit.json_answer(shown(link))


async def accept_link(request: web.Request) -> web.Response:
    """Accept a suggestion; the contact's other suggestions are refused with it."""
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    number = request.match_info["customer_number"]
    link = await link_decisions.accept(services, actor, kit.path_id(request), number, now)
    return kit.json_answer(shown(link))


async def refuse_link(request: web.Request) -> web.Response:
    """Refuse a suggestion; the archive does not make it again."""
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    number, reason = request.match_info["customer_number"], await _reason(request)
    link = await link_decisions.refuse(services, actor, kit.path_id(request), number, now, reason=reason)
    return kit.json_answer(shown(link))


async def _reason(request: web.Request) -> str | None:
    """The reason in the body; these requests may come without one."""
    if not request.body_exists or not await request.read():
        return None
    return (await kit.body(request, ReasonRequest)).reason


_LINKS = "/api/v1/interactions/{id}/links"
_PAIR = f"{_LINKS}/{{customer_number}}"
_GONE = ((404, "No such contact or link."), (410, "The contact was lawfully destroyed."))
ROUTES = (
    Route(
        method="POST",
        path=_LINKS,
        handler=make_link,
        permission=Permission.LINK_WRITE,
        summary="Link a contact to a customer by hand",
        body=LinkRequest,
        answer=LinkAnswer,
        status=201,
        answers=((200, "They are linked already."), *_GONE, (422, "The contact's company has no such customer.")),
    ),
    Route(
        method="DELETE",
        path=_PAIR,
        handler=undo_link,
        permission=Permission.LINK_WRITE,
        summary="Undo a link; its history stays",
        body=ReasonRequest,
        answer=LinkAnswer,
        answers=_GONE,
    ),
    Route(
        method="POST",
        path=f"{_PAIR}/accept",
        handler=accept_link,
        permission=Permission.LINK_WRITE,
        summary="Accept a suggested link",
        answer=LinkAnswer,
        answers=(*_GONE, (409, "It has been decided already.")),
    ),
    Route(
        method="POST",
        path=f"{_PAIR}/refuse",
        handler=refuse_link,
        permission=Permission.LINK_WRITE,
        summary="Refuse a suggested link",
        body=ReasonRequest,
        answer=LinkAnswer,
        answers=(*_GONE, (409, "It has been decided already.")),
    ),
)
