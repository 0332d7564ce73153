"""The pages of retention: policies, forecast, preview, holds, disposals with their certificates; and their forms.

What is shown is made in `retention.page_view`. The forms for holds stand on the page of a contact too.
"""

from collections.abc import Awaitable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Actor, Permission
from archive.domain.filters import Absent, Cursor
from archive.domain.retention import Explanation, Rule
from archive.errors import Complaint, Conflict, Destroyed, Forbidden, Invalid
from archive.store import disposals as runs
from archive.store import holds as hold_store
from archive.store import policies as policy_store
from archive.web import kit
from archive.web.forms import BackForm
from archive.web.kit import N_
from archive.web.routes import Route
from retention import disposal, holds, rules
from retention.bodies import HoldForm, PageQuery, PolicyForm, ReleaseForm
from retention.page_view import (
    FORECAST_MONTHS,
    TRIGGERS,
    HoldPage,
    PolicyLine,
    PreviewView,
    RetentionPage,
    Typed,
    line_of,
    months_of,
    preview_of,
    runs_of,
    typed_of,
)

HERE = "/retention"
_LINES = 50
_RUNS = 20
_HOLDS = 25


class RetentionQuery(BaseModel):
    """Which policy to change (name and company), which day to preview, which page of holds or of a preview's lines."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    policy: str | None = Field(default=None, max_length=64)
    of: str | None = Field(default=None, max_length=64)
    as_of: Annotated[Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))] | None, Absent] = None
    cursor: Cursor | None = None
    holds: Cursor | None = None


async def retention(request: web.Request) -> web.StreamResponse:
    """Show how long contacts are kept, what falls due, what is held and what was destroyed."""
    asked = kit.query(request, RetentionQuery)
    return await kit.page(request, "retention/retention.html", await _page(request, asked))


async def _page(
    request: web.Request, asked: RetentionQuery, typed: Typed | None = None, complaints: tuple[Complaint, ...] = ()
) -> RetentionPage:
    services, actor = kit.services(request), kit.actor(request)
    company = await kit.company(request)
    scope = actor.scope(company.code if company else None)
    may_see_runs = actor.may(Permission.DISPOSAL_READ)
    preview = await _preview(request, asked, scope) if may_see_runs and asked.as_of else None
    today = datetime.now(kit.formats(request).zone).date()
    async with services.db.read() as tx:
        lines, chosen = await _policies(request, tx, scope, (asked.policy, asked.of))
        horizon = datetime.now(UTC) + timedelta(days=31 * FORECAST_MONTHS)
        months, overdue = months_of(await runs.due_by_month(tx, scope, horizon, services.settings.timezone), today)
        held, next_holds = await _holds(tx, actor, scope, asked.holds)
        found = await runs.page(tx, scope, limit=_RUNS) if may_see_runs else None
    return RetentionPage(
        policies=lines,
        typed=typed or chosen or Typed(),
        complaints=complaints,
        triggers=tuple((trigger.value, kit.say(request, words)) for trigger, words in TRIGGERS.items()),
        months=months,
        overdue=overdue,
        preview=preview,
        holds=held,
        holds_next_url=next_holds,
        runs=None if found is None else runs_of(found),
        public_key=services.keyring.public_key.hex(),
    )


async def _policies(
    request: web.Request, tx: AsyncConnection, scope: frozenset[str] | None, wanted: tuple[str | None, str | None]
) -> tuple[tuple[PolicyLine, ...], Typed | None]:
    """The policies that concern the companies in force, and the one that is to be changed as the form shows it."""
    actor = kit.actor(request)
    found = [one.rule for one in await policy_store.all_policies(tx) if rules.may_see(actor, one.rule)]
    shown = [rule for rule in found if scope is None or rule.company is None or rule.company in scope]
    writable = [rule for rule in shown if actor.may(Permission.POLICY_WRITE) and rules.may_write(actor, rule)]
    lines = tuple(
        line_of(
            rule,
            say_period=lambda period: kit.say_period(request, period),
            change_url=_change_url(rule) if rule in writable else None,
        )
        for rule in shown
    )
    return lines, next((typed_of(rule) for rule in writable if (rule.name, rule.company) == wanted), None)


def _change_url(rule: Rule) -> str:
    of = {} if rule.company is None else {"of": rule.company}
    return _link("policy", policy=rule.name, **of)


async def _preview(request: web.Request, asked: RetentionQuery, scope: frozenset[str] | None) -> PreviewView:
    """Look at the end of the day that was asked for, or at this moment when that day is today or over."""
    assert asked.as_of is not None
    services, now, formats = kit.services(request), datetime.now(UTC), kit.formats(request)
    is_now = asked.as_of <= now.astimezone(formats.zone).date()
    as_of = now if is_now else datetime.combine(asked.as_of + timedelta(days=1), time(), formats.zone)
    seen = await disposal.preview(
        services,
        kit.actor(request),
        as_of=as_of,
        now=now,
        companies=scope,
        after=kit.read_place(asked.cursor),
        limit=_LINES,
    )
    following = None if seen.more_after is None else kit.write_place(*seen.more_after)
    url = None if following is None else _link("preview", as_of=asked.as_of.isoformat(), cursor=following)
    return preview_of(
        seen,
        asked.as_of,
        is_now=is_now,
        explained=lambda said: _explained(request, said),
        first_url=_link("preview", as_of=asked.as_of.isoformat()),
        next_url=url,
    )


def _explained(request: web.Request, said: Explanation) -> str:
    return kit.say(
        request,
        said.why.value,
        policy=said.policy,
        keep="" if said.keep is None else kit.say_period(request, said.keep),
        until="" if said.until is None else kit.formats(request).when(said.until),
    )


async def _holds(
    tx: AsyncConnection, actor: Actor, scope: frozenset[str] | None, cursor: str | None
) -> tuple[tuple[hold_store.Hold, ...] | None, str | None]:
    if not actor.may(Permission.HOLD_READ):
        return None, None
    found = await hold_store.page(tx, scope, active=True, before=kit.read_place(cursor), limit=_HOLDS + 1)
    last = found[_HOLDS - 1] if len(found) > _HOLDS else None
    url = None if last is None else _link("holds", holds=kit.write_place(last.placed_at, last.id))
    return tuple(found[:_HOLDS]), url


def _link(section: str, **query: str) -> str:
    return f"{HERE}?{urlencode(query)}#{section}"


# -------------------------------------------------------------------------- forms


async def save_policy(request: web.Request) -> web.StreamResponse:
    """Save a policy, or show the form again with every complaint."""
    try:
        form = await kit.body(request, PolicyForm)
        rule = form.rule(form.name)
        await rules.put_policy(kit.services(request), kit.actor(request), rule, datetime.now(UTC))
    except Invalid as error:
        return await _again(request, error.complaints)
    except (Conflict, Forbidden) as error:
        return await _again(request, (Complaint(field="", message=error.detail or error.title()),))
    return kit.go(request, HERE, N_("The policy was saved. The dates of the contacts that it concerns follow."))


async def _again(request: web.Request, complaints: tuple[Complaint, ...]) -> web.StreamResponse:
    form: MultiMapping[Any] = await request.post()
    names = ("name", "company", "channel", "category", "keep", "trigger")
    typed = Typed(**{name: str(form.get(name, "")) for name in names}, is_open=True)
    context = await _page(request, RetentionQuery(), typed, complaints)
    return await kit.page(request, "retention/retention.html", context, status=422)


async def run_disposal(request: web.Request) -> web.StreamResponse:
    """Queue the destruction of what is due now, for the company in force or for all that are granted."""
    form = await kit.body(request, BackForm)
    company, actor = await kit.company(request), kit.actor(request)
    scope = actor.scope(company.code if company else None)
    await disposal.start(kit.services(request), actor, datetime.now(UTC), companies=scope)
    return kit.go(request, form.back or HERE, N_("The disposal was started. Its certificate comes with its end."))


async def place_hold(request: web.Request) -> web.StreamResponse:
    """Hold contacts."""
    form = await kit.body(request, HoldForm)
    services, actor = _who(request)
    done = holds.place(services, actor, reason=form.reason, ids=form.ids, now=datetime.now(UTC))
    return await _decided(request, form.back, done, N_("The hold was placed: nothing can destroy what it is on."))


async def release_hold(request: web.Request) -> web.StreamResponse:
    """End a hold."""
    form = await kit.body(request, ReleaseForm)
    services, actor = _who(request)
    done = holds.release(services, actor, kit.path_id(request), reason=form.reason, now=datetime.now(UTC))
    return await _decided(request, form.back, done, N_("The hold was released. Its contacts go by policy again."))


def _who(request: web.Request) -> tuple[Services, Actor]:
    return kit.services(request), kit.actor(request)


async def _decided(request: web.Request, back: str, done: Awaitable[object], notice: str) -> web.Response:
    """Carry it out and go back; what came first is said, not an error."""
    try:
        await done
    except Destroyed:
        notice = N_("A contact has been destroyed or is being destroyed; no hold was placed.")
    except Conflict:
        notice = N_("This hold had been released already; nothing was changed.")
    except Invalid:
        notice = N_("A hold is for the contacts of one company; nothing was changed.")
    return kit.go(request, back, notice)


async def hold_page(request: web.Request) -> web.StreamResponse:
    """One hold and a page of its contacts."""
    asked = kit.query(request, PageQuery)
    place = kit.read_place(asked.cursor)
    services, actor = _who(request)
    hold, ids, last = await holds.contacts(
        services, actor, kit.path_id(request), after=None if place is None else place[1], limit=asked.limit
    )
    url = None
    if last is not None:
        where = {"cursor": kit.write_place(hold.placed_at, last), "limit": str(asked.limit)}
        url = f"/holds/{hold.id}?{urlencode(where)}"
    context = HoldPage(hold=hold, contacts=tuple(ids), is_first=place is None, next_url=url)
    return await kit.page(request, "retention/hold.html", context)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=HERE,
        handler=retention,
        permission=Permission.POLICY_READ,
        summary="Policies, forecast, holds, disposals and certificates",
        surface="page",
        query=RetentionQuery,
    ),
    Route(
        method="POST",
        path="/retention/policies",
        handler=save_policy,
        permission=Permission.POLICY_WRITE,
        summary="Save a policy (form)",
        surface="page",
        body=PolicyForm,
        status=303,
    ),
    Route(
        method="POST",
        path="/retention/disposals",
        handler=run_disposal,
        permission=Permission.DISPOSAL_RUN,
        summary="Destroy what is due (form)",
        surface="page",
        body=BackForm,
        status=303,
    ),
    Route(
        method="GET",
        path="/holds/{id}",
        handler=hold_page,
        permission=Permission.HOLD_READ,
        summary="One hold and its contacts",
        surface="page",
        query=PageQuery,
    ),
    Route(
        method="POST",
        path="/holds",
        handler=place_hold,
        permission=Permission.HOLD_WRITE,
        summary="Hold contacts (form)",
        surface="page",
        body=HoldForm,
        status=303,
    ),
    Route(
        method="POST",
        path="/holds/{id}/release",
        handler=release_hold,
        permission=Permission.HOLD_WRITE,
        summary="End a hold (form)",
        surface="page",
        body=ReleaseForm,
        status=303,
    ),
)
