"""Settings: companies, users, tokens, and the health of the parts. Content of contacts is never reached from here.

The rules are in `archive.accounts`; a link or token is shown once, on the answer to the form that made it.
"""

from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from archive import accounts
from archive.domain.access import Permission, Role
from archive.domain.companies import Company, CompanyKind, Token, User
from archive.domain.filters import Text
from archive.errors import ArchiveError, Complaint, Conflict, Invalid
from archive.store import accounts as store
from archive.web import checks, companies, kit
from archive.web.checks import Check
from archive.web.kit import N_
from archive.web.routes import Handler, Route

_FORM = ConfigDict(extra="forbid", hide_input_in_errors=True)


class CompanyForm(BaseModel):
    """A new company."""

    model_config = _FORM
    code: Annotated[str, Field(min_length=1, max_length=32)]
    name: Text
    business_id: Text
    kind: CompanyKind


class UserForm(BaseModel):
    """A new user, or a new one-time link for one who is there; no company means every company, for who may say so."""

    model_config = _FORM
    email: Text
    role: Role
    company: list[str] = []


class TokenForm(BaseModel):
    """A new token; no company means every company, for who may say so."""

    model_config = _FORM
    name: Text
    role: Role
    company: list[str] = []


class StateForm(BaseModel):
    """Whether an account is to be closed."""

    model_config = _FORM
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompaniesPage:
    """Every company that the actor is granted, and the form."""

    all_companies: tuple[Company, ...]
    typed: dict[str, str]
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """Every user whom the actor reaches, the form, and the link that was just made (shown once)."""

    users: tuple[User, ...]
    roles: tuple[Role, ...]
    all_companies: tuple[Company, ...]
    link: str | None
    link_hours: int
    link_for: str
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPage:
    """Every token that the actor reaches, the form, and the token that was just made (shown once)."""

    tokens: tuple[Token, ...]
    roles: tuple[Role, ...]
    all_companies: tuple[Company, ...]
    secret: str | None
    complaints: tuple[Complaint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPage:
    """What was looked at."""

    checks: tuple[Check, ...]


async def settings(request: web.Request) -> web.StreamResponse:
    """Go to the first tab."""
    return kit.go(request, "/settings/companies")


# ----------------------------------------------------------------- companies


async def companies_page(request: web.Request) -> web.StreamResponse:
    """List the companies."""
    return await _companies(request)


async def _companies(
    request: web.Request, typed: dict[str, str] | None = None, complaints: tuple[Complaint, ...] = ()
) -> web.Response:
    listed = await _listed(request)
    context = CompaniesPage(all_companies=listed, typed=typed or {}, complaints=complaints)
    return await kit.page(request, "settings/companies.html", context, status=_status(complaints))


async def create_company(request: web.Request) -> web.StreamResponse:
    """Make a company."""
    try:
        form = await kit.body(request, CompanyForm)
        company = Company(code=form.code, name=form.name, business_id=form.business_id, kind=form.kind)
        await accounts.create_company(kit.services(request), kit.actor(request), company, kit.now())
    except (Invalid, Conflict) as error:
        sent = {name: str(value) for name, value in (await request.post()).items() if name != "csrf"}
        return await _companies(request, sent, told(error))
    companies.forget(request)
    return kit.go(request, "/settings/companies", N_("The company was created."))


# --------------------------------------------------------------------- users


async def users_page(request: web.Request) -> web.StreamResponse:
    """List the users."""
    return await _users(request)


async def _users(
    request: web.Request, link: str | None = None, link_for: str = "", complaints: tuple[Complaint, ...] = ()
) -> web.Response:
    async with kit.services(request).db.begin() as tx:
        users = await store.list_users(tx, kit.actor(request).companies)
    roles = tuple(role for role in Role if role is not Role.TELEPHONY)
    context = UsersPage(
        users=tuple(users),
        roles=roles,
        all_companies=await _listed(request),
        link=link,
        link_hours=accounts.LINK_HOURS,
        link_for=link_for,
        complaints=complaints,
    )
    return await kit.page(request, "settings/users.html", context, status=_status(complaints))


async def create_user(request: web.Request) -> web.StreamResponse:
    """Make a user, or a new link for one, and show the link."""
    services = kit.services(request)
    try:
        form = await kit.body(request, UserForm)
        codes = form.company or None
        secret = await accounts.create_user(
            services, kit.actor(request), email=form.email, role=form.role, codes=codes, now=kit.now()
        )
    except (Invalid, Conflict) as error:
        return await _users(request, complaints=told(error))
    link = f"{services.settings.public_url.rstrip('/')}/welcome/{secret}"
    return await _users(request, link=link, link_for=form.email)


async def change_user(request: web.Request) -> web.StreamResponse:
    """Close or open an account."""
    form = await kit.body(request, StateForm)
    user_id = kit.path_id(request)
    await accounts.set_disabled(
        kit.services(request), kit.actor(request), user_id, disabled=form.disabled, now=kit.now()
    )
    notice = N_("The account was closed and its sessions ended.") if form.disabled else N_("The account is open again.")
    return kit.go(request, "/settings/users", notice)


# -------------------------------------------------------------------- tokens


async def tokens_page(request: web.Request) -> web.StreamResponse:
    """List the tokens."""
    return await _tokens(request)


async def _tokens(
    request: web.Request, secret: str | None = None, complaints: tuple[Complaint, ...] = ()
) -> web.Response:
    async with kit.services(request).db.begin() as tx:
        tokens = await store.list_tokens(tx, kit.actor(request).companies)
    context = TokensPage(
        tokens=tuple(tokens),
        roles=tuple(Role),
        all_companies=await _listed(request),
        secret=secret,
        complaints=complaints,
    )
    return await kit.page(request, "settings/tokens.html", context, status=_status(complaints))


async def create_token(request: web.Request) -> web.StreamResponse:
    """Make a token and show it."""
    try:
        form = await kit.body(request, TokenForm)
        secret = await accounts.create_token(
            kit.services(request),
            kit.actor(request),
            name=form.name,
            role=form.role,
            codes=form.company or None,
            now=kit.now(),
        )
    except (Invalid, Conflict) as error:
        return await _tokens(request, complaints=told(error))
    return await _tokens(request, secret=secret)


async def revoke_token(request: web.Request) -> web.StreamResponse:
    """Revoke a token."""
    await accounts.revoke_token(kit.services(request), kit.actor(request), kit.path_id(request), kit.now())
    return kit.go(request, "/settings/tokens", N_("The token was revoked. It is refused everywhere within a second."))


# -------------------------------------------------------------------- health


async def health_page(request: web.Request) -> web.StreamResponse:
    """Look at every part."""
    found = await checks.look(kit.services(request), kit.actor(request))
    return await kit.page(request, "settings/health.html", HealthPage(checks=found))


# -------------------------------------------------------------------- shared


async def _listed(request: web.Request) -> tuple[Company, ...]:
    async with kit.services(request).db.begin() as tx:
        return tuple(await store.list_companies(tx, kit.actor(request).companies))


def _status(complaints: tuple[Complaint, ...]) -> int:
    return Invalid.status if complaints else 200


def told(error: ArchiveError) -> tuple[Complaint, ...]:
    """What a form's page says of an error."""
    if isinstance(error, Invalid) and error.complaints:
        return error.complaints
    return (Complaint(field="", message=error.detail or error.title()),)


def _route(method: str, path: str, handler: Handler, summary: str, body: type[BaseModel] | None = None) -> Route:
    permission = Permission.SETTINGS_READ if method == "GET" else Permission.SETTINGS_WRITE
    return Route(
        method=method,
        path=path,
        handler=handler,
        permission=permission,
        summary=summary,
        surface="page",
        body=body,
    )


ROUTES = (
    _route("GET", "/settings", settings, "Settings"),
    _route("GET", "/settings/companies", companies_page, "Companies"),
    _route("POST", "/settings/companies", create_company, "Create a company", CompanyForm),
    _route("GET", "/settings/users", users_page, "Users"),
    _route("POST", "/settings/users", create_user, "Create a user or a new one-time link", UserForm),
    _route("POST", "/settings/users/{id}", change_user, "Close or open an account", StateForm),
    _route("GET", "/settings/tokens", tokens_page, "Tokens"),
    _route("POST", "/settings/tokens", create_token, "Create a token", TokenForm),
    _route("POST", "/settings/tokens/{id}/revoke", revoke_token, "Revoke a token"),
    _route("GET", "/settings/health", health_page, "Health of the parts"),
)
