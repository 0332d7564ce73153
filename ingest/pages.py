"""The intake page: what came in today, whose it may be, what failed; and the forms that decide about links.

What a decision does is `archive.link_decisions`; the forms stand here and on the page of the contact. What the page
shows is made in `ingest.intake_view`.
"""

import re
from collections.abc import Awaitable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from archive import link_decisions
from archive.custody import Services
from archive.domain.access import Action, Actor, Permission
from archive.domain.customers import CustomerNumber
from archive.domain.interactions import DeriveState
from archive.errors import Conflict, Invalid, NotFound
from archive.store import arrivals, interactions, jobs, links, refusals, transcripts
from archive.store.customers import RELINK
from archive.store.jobs import DeadLetter
from archive.store.links import InboxItem
from archive.web import kit
from archive.web.forms import BackForm
from archive.web.kit import N_
from archive.web.routes import Route
from ingest.content import DERIVE, INDEX
from ingest.intake_view import CHART_HEIGHT, Day, IntakePage, Letter, Suggestion, chart, source_lines
from ingest.transcription import TRANSCRIBE

HERE = "/intake"
UNLINKED_DAYS = 30
SOURCE_DAYS = 7
_LETTERS = 100
_WORK = {
    DERIVE: N_("Decoding a recording"),
    TRANSCRIBE: N_("Transcribing a recording"),
    INDEX: N_("Making words searchable"),
    RELINK: N_("Linking to a customer"),
}
# A reason that is an error of ours begins with its code, which is for machines.
_CODE = re.compile(r"^[a-z][a-z-]+: ")
_FORM = ConfigDict(extra="forbid", hide_input_in_errors=True)
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class IntakeQuery(BaseModel):
    """Which day; today when it is not said."""

    model_config = _FORM

    day: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None = None


class LinkForm(BackForm):
    """A link by hand."""

    customer_number: CustomerNumber


class UndoForm(BackForm):
    """Why a link is undone."""

    reason: _Reason


async def intake(request: web.Request) -> web.StreamResponse:
    """Show a day's intake, the inbox of unsure links and the dead letters."""
    asked = kit.query(request, IntakeQuery)
    zone = kit.formats(request).zone
    today = datetime.now(zone).date()
    context = await _page(request, Day.of(asked.day or today, zone), today)
    return await kit.page(request, "ingest/intake.html", context)


async def _page(request: web.Request, day: Day, today: date) -> IntakePage:
    services, actor = kit.services(request), kit.actor(request)
    company = await kit.company(request)
    codes = sorted(c.code for c in (await kit.shell(request)).companies if company in (None, c))
    scope = actor.scope(company.code if company else None)
    may_know_all = actor.companies is None
    async with services.db.begin() as tx:
        came = await arrivals.by_hour(tx, scope, day.start, day.end, timezone=services.settings.timezone)
        last = await arrivals.last_of_sources(tx, scope, day.end - timedelta(days=SOURCE_DAYS))
        refused = await _refused(tx, day) if may_know_all else []
        states = await arrivals.undecoded(tx, scope)
        inbox = await _inbox(tx, services, actor, codes) if actor.may(Permission.LINK_WRITE) else None
        letters = await jobs.list_dead(tx, scope, _LETTERS)
        since = datetime.now(UTC) - timedelta(days=UNLINKED_DAYS)
        return IntakePage(
            day=day.day,
            earlier_url=f"/intake?day={day.day - timedelta(days=1)}",
            later_url=None if day.day >= today else f"/intake?day={day.day + timedelta(days=1)}",
            chart=chart(day, came),
            chart_height=CHART_HEIGHT,
            sources=source_lines(came, last, refused),
            refused=sum(one.count for one in refused) if may_know_all else None,
            swept=await arrivals.swept(tx, day.start, day.end) if may_know_all else None,
            waiting=states[DeriveState.WAITING],
            failed=states[DeriveState.FAILED],
            unlinked=await links.unlinked(tx, codes, since),
            unlinked_days=UNLINKED_DAYS,
            inbox=inbox,
            unsure=await links.unsure(tx, codes),
            letters=tuple(_letter(one) for one in letters),
            letter_count=await jobs.count_dead(tx, scope),
        )


async def _refused(tx: AsyncConnection, day: Day) -> list[refusals.Refused]:
    """Refusals carry no company, so only those who are granted every company may know of them."""
    return [one for one in await refusals.since(tx, day.start) if one.hour < day.end]


async def _inbox(tx: AsyncConnection, services: Services, actor: Actor, codes: list[str]) -> tuple[Suggestion, ...]:
    """The unsure links, longest waiting first; since it names customers, looking at it is on the trail."""
    items = await links.inbox(tx, codes)
    if items:
        detail = {"page": "intake", "contacts": len(items)}
        seen = sorted({item.company for item in items})
        await services.record(tx, actor, Action.SEARCHED, now=datetime.now(UTC), companies=seen, detail=detail)
    return tuple(_suggestions(items))


def _suggestions(items: Iterable[InboxItem]) -> Iterable[Suggestion]:
    for item in items:
        for place, link in enumerate(item.suggestions):
            yield Suggestion(
                interaction_id=item.interaction_id,
                company=item.company,
                channel=item.channel,
                started_at=item.started_at,
                queue=item.queue,
                customer_number=link.customer_number,
                customer_name=link.customer_name,
                evidence=link.evidence,
                first=place == 0,
            )


def _letter(letter: DeadLetter) -> Letter:
    return Letter(
        id=letter.id,
        work=_WORK.get(letter.entrypoint, letter.entrypoint),
        interaction_id=letter.interaction_id,
        company=letter.company,
        reason=_CODE.sub("", letter.reason),
        attempts=letter.attempts,
        failed_at=letter.failed_at,
    )


# --------------------------------------------------------------- forms about links


async def make_link(request: web.Request) -> web.StreamResponse:
    """Link a contact to a customer by hand."""
    form = await kit.body(request, LinkForm)
    done = link_decisions.make(*_who(request), kit.path_id(request), form.customer_number, datetime.now(UTC))
    return await _decided(request, form.back, done, N_("The contact was linked to the customer."))


async def undo_link(request: web.Request) -> web.StreamResponse:
    """Undo a link."""
    form = await kit.body(request, UndoForm)
    place, now = (kit.path_id(request), _number(request)), datetime.now(UTC)
    done = link_decisions.undo(*_who(request), *place, now, reason=form.reason)
    return await _decided(request, form.back, done, N_("The link was undone."))


async def accept_link(request: web.Request) -> web.StreamResponse:
    """Accept a suggestion."""
    form = await kit.body(request, BackForm)
    done = link_decisions.accept(*_who(request), kit.path_id(request), _number(request), datetime.now(UTC))
    return await _decided(request, form.back, done, N_("The suggestion was accepted."))


async def refuse_link(request: web.Request) -> web.StreamResponse:
    """Refuse a suggestion."""
    form = await kit.body(request, BackForm)
    done = link_decisions.refuse(*_who(request), kit.path_id(request), _number(request), datetime.now(UTC))
    return await _decided(request, form.back, done, N_("The suggestion was refused."))


def _who(request: web.Request) -> tuple[Services, Actor]:
    return kit.services(request), kit.actor(request)


def _number(request: web.Request) -> str:
    return request.match_info["customer_number"]


async def _decided(request: web.Request, back: str | None, done: Awaitable[Any], notice: str) -> web.Response:
    """Carry a decision out and go back; what somebody else decided first is said, not an error."""
    try:
        await done
    except Invalid:
        notice = N_("The company has no customer of that number; nothing was changed.")
    except Conflict:
        notice = N_("This had been decided already; nothing was changed.")
    return kit.go(request, back or HERE, notice)


# ----------------------------------------------------------------- dead letters


async def retry(request: web.Request) -> web.StreamResponse:
    """Queue a job that failed for good once more."""
    form = await kit.body(request, BackForm)
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    async with services.db.begin() as tx:
        letter = await jobs.retry_dead(tx, kit.path_id(request), actor.companies, now)
        if letter is None:
            raise NotFound
        if letter.entrypoint == DERIVE and letter.interaction_id is not None:
            await interactions.set_derived(tx, letter.interaction_id, DeriveState.WAITING, None)
        if letter.entrypoint in {TRANSCRIBE, INDEX} and letter.interaction_id is not None:
            await transcripts.wait_again(tx, letter.interaction_id)
        await services.record(
            tx,
            actor,
            Action.DEADLETTER_RETRIED,
            now=now,
            companies=None if letter.company is None else [letter.company],
            interaction_id=letter.interaction_id,
            detail={"work": letter.entrypoint},
        )
    return kit.go(request, form.back or HERE, N_("The job is tried again; it will be back here if it fails."))


_LINKS = "/interactions/{id}/links"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/intake",
        handler=intake,
        permission=Permission.INTAKE_READ,
        summary="Intake of a day, unsure links and failed jobs",
        surface="page",
        query=IntakeQuery,
    ),
    Route(
        method="POST",
        path="/intake/dead-letters/{id}/retry",
        handler=retry,
        permission=Permission.DEADLETTER_RETRY,
        summary="Try a failed job again",
        surface="page",
        body=BackForm,
        status=303,
    ),
    Route(
        method="POST",
        path=_LINKS,
        handler=make_link,
        permission=Permission.LINK_WRITE,
        summary="Link a contact by hand (form)",
        surface="page",
        body=LinkForm,
        status=303,
    ),
    Route(
        method="POST",
        path=f"{_LINKS}/{{customer_number}}/undo",
        handler=undo_link,
        permission=Permission.LINK_WRITE,
        summary="Undo a link (form)",
        surface="page",
        body=UndoForm,
        status=303,
    ),
    Route(
        method="POST",
        path=f"{_LINKS}/{{customer_number}}/accept",
        handler=accept_link,
        permission=Permission.LINK_WRITE,
        summary="Accept a suggested link (form)",
        surface="page",
        body=BackForm,
        status=303,
    ),
    Route(
        method="POST",
        path=f"{_LINKS}/{{customer_number}}/refuse",
        handler=refuse_link,
        permission=Permission.LINK_WRITE,
        summary="Refuse a suggested link (form)",
        surface="page",
        body=BackForm,
        status=303,
    ),
)
