"""Signing in and out: the one-time link that sets a password, the sign-in page, the end of a session.

Passwords and attempts are judged in `archive.accounts`. The forms here come before there is a session, so they are
guarded by where the browser says they come from.
"""

from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel, ConfigDict, SecretStr

from archive import accounts
from archive.domain.access import Permission
from archive.domain.companies import Session
from archive.domain.filters import Who
from archive.errors import Complaint, Invalid, NotFound, TooMany, Unauthenticated
from archive.store import accounts as store
from archive.web import kit
from archive.web.kit import N_
from archive.web.middleware import SESSION_COOKIE, SIGN_IN
from archive.web.routes import Route
from archive.web.shell import home_of


class SignInQuery(BaseModel):
    """Where to go after signing in: a path of this site."""

    model_config = ConfigDict(extra="ignore")
    next: str = "/"


class SignInForm(BaseModel):
    """Address and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    email: Who
    password: SecretStr
    next: str = "/"


class WelcomeForm(BaseModel):
    """The password to set, twice, so that a slip of the finger locks nobody out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    password: SecretStr
    again: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """The form; `wrong` is the message id of what failed."""

    email: str
    next: str
    wrong: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePage:
    """The form of the one-time link."""

    email: str
    least_chars: int
    complaints: tuple[Complaint, ...]


async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """Show the form."""
    asked = kit.query(request, SignInQuery)
    return await kit.page(request, "sign_in.html", SignInPage(email="", next=kit.local(asked.next), wrong=None))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Sign in, or show the form again with one sentence that gives nothing away."""
    kit.must_be_own_form(request)
    form = await kit.body(request, SignInForm)
    address, now = kit.address(request), kit.now()
    try:
        cookie, session = await accounts.sign_in(
            kit.services(request), form.email, form.password.get_secret_value(), address, now
        )
    except TooMany as error:
        wrong = N_("There were too many attempts. Wait a quarter of an hour.")
        answer = await _again(request, form, wrong, error.status)
        answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer
    except Unauthenticated as error:
        wrong = N_("The address and the password do not match.")
        return await _again(request, form, wrong, error.status)
    return await _signed_in(request, cookie, session, form.next)


async def _again(request: web.Request, form: SignInForm, wrong: str, status: int) -> web.Response:
    context = SignInPage(email=form.email, next=kit.local(form.next), wrong=wrong)
    return await kit.page(request, "sign_in.html", context, status=status)


async def welcome_page(request: web.Request) -> web.StreamResponse:
    """Show whose link it is and the form for a password; looking does not use the link up.

    Raises:
        NotFound: the link is unknown, used or has run out.

    """
    return await _welcome(request, ())


async def _welcome(request: web.Request, complaints: tuple[Complaint, ...]) -> web.Response:
    digest = accounts.digest_of(request.match_info["secret"])
    async with kit.services(request).db.begin() as tx:
        user = await store.peek_signin_link(tx, digest, kit.now())
    if user is None:
        raise NotFound
    context = WelcomePage(email=user.email, least_chars=accounts.PASSWORD_CHARS, complaints=complaints)
    return await kit.page(request, "welcome.html", context, status=Invalid.status if complaints else 200)


async def welcome(request: web.Request) -> web.StreamResponse:
    """Set the password and sign in.

    Raises:
        NotFound: the link is unknown, used or has run out.

    """
    kit.must_be_own_form(request)
    form = await kit.body(request, WelcomeForm)
    password = form.password.get_secret_value()
    if password != form.again.get_secret_value():
        wrong = kit.say(request, N_("the two passwords differ"))
        return await _welcome(request, (Complaint(field="", message=wrong),))
    try:
        cookie, session = await accounts.open_link(
            kit.services(request), request.match_info["secret"], password, kit.now()
        )
    except Invalid:
        wrong = kit.say(request, N_("a password has at least %(num)s characters"), num=accounts.PASSWORD_CHARS)
        return await _welcome(request, (Complaint(field="", message=wrong),))
    return await _signed_in(request, cookie, session, "/")


async def _signed_in(request: web.Request, cookie: str, session: Session, url: str) -> web.Response:
    """Give the cookie and go on, to the first page of the role where no other was asked for."""
    if url == "/":
        async with kit.services(request).db.begin() as tx:
            user = await store.get_user(tx, session.user_id)
        url = home_of(None if user is None else user.actor())
    answer = kit.go(request, url)
    kit.set_cookie(request, answer, SESSION_COOKIE, cookie, kit.services(request).settings.session_hours * 3600)
    return answer


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session and show the form."""
    await accounts.sign_out(kit.services(request), kit.actor(request), kit.session(request), kit.now())
    answer = kit.go(request, SIGN_IN)
    answer.del_cookie(SESSION_COOKIE, path="/")
    return answer


ROUTES = (
    Route(
        method="GET",
        path="/sign-in",
        handler=sign_in_page,
        permission=None,
        summary="Sign in",
        surface="page",
        query=SignInQuery,
    ),
    Route(
        method="POST",
        path="/sign-in",
        handler=sign_in,
        permission=None,
        summary="Sign in with address and password",
        surface="page",
        body=SignInForm,
    ),
    Route(
        method="GET",
        path="/welcome/{secret}",
        handler=welcome_page,
        permission=None,
        summary="The one-time link",
        surface="page",
    ),
    Route(
        method="POST",
        path="/welcome/{secret}",
        handler=welcome,
        permission=None,
        summary="Set a password with the one-time link",
        surface="page",
        body=WelcomeForm,
    ),
    Route(
        method="POST",
        path="/sign-out",
        handler=sign_out,
        permission=Permission.SELF,
        summary="Sign out",
        surface="page",
    ),
)
