"""What handlers are made of: who asks, what they sent, and the answers: JSON, problems, pages, redirects.

Parsing is in `archive.web.parsing` and offered here too, so that a handler imports one name. Sign-in, permission checks
and transactions are not here (see `archive.web.middleware`).
"""

import dataclasses
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import aiohttp_jinja2
import orjson
from aiohttp import web
from pydantic import BaseModel

from archive.custody import Services
from archive.domain.access import Actor
from archive.domain.companies import Session
from archive.domain.retention import Period
from archive.errors import ArchiveError, Forbidden, Invalid, Unauthenticated
from archive.web import i18n, keys
from archive.web.companies import company_choices
from archive.web.formats import Formats
from archive.web.i18n import Language
from archive.web.parsing import (
    body,
    path_id,
    problem_document,
    query,
    read_cursor,
    read_place,
    write_cursor,
    write_place,
)
from archive.web.policy import SAFETY_HEADERS
from archive.web.shell import N_, Company, Shell
from archive.web.templating import CATALOGS, ENVIRONMENTS, FORMATS
from archive.web.words import period_parts

__all__ = [
    "N_",
    "actor",
    "address",
    "body",
    "company",
    "formats",
    "go",
    "html",
    "is_https",
    "is_partial",
    "json_answer",
    "language",
    "local",
    "must_be_own_form",
    "now",
    "page",
    "path_id",
    "problem",
    "query",
    "read_cursor",
    "read_place",
    "render",
    "same_secret",
    "say",
    "say_period",
    "services",
    "session",
    "set_cookie",
    "shell",
    "write_cursor",
    "write_place",
]

NOTICE_COOKIE = "tallenne_notice"
_NOTICE_S = 60


def services(request: web.Request) -> Services:
    """The database, the bucket, the keys and the settings."""
    return request.config_dict[keys.SERVICES]


def now() -> datetime:
    """This moment, in UTC; use cases are told it and have no clock of their own."""
    return datetime.now(UTC)


def actor(request: web.Request) -> Actor:
    """Who is acting.

    Raises:
        Unauthenticated: nobody is signed in; only handlers of public routes can meet this.

    """
    found: Actor | None = request.get(keys.ACTOR)
    if found is None:
        raise Unauthenticated
    return found


def session(request: web.Request) -> Session:
    """The signed-in browser's session.

    Raises:
        Unauthenticated: a token acts, or nobody.

    """
    found: Session | None = request.get(keys.SESSION)
    if found is None:
        raise Unauthenticated
    return found


def is_https(request: web.Request) -> bool:
    """Whether browsers reach us over TLS, as the public address says; cookies are then for TLS alone."""
    return services(request).settings.public_url.startswith("https://")


def address(request: web.Request) -> str:
    """The browser's network address; behind a trusted proxy, the one that the proxy names last."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if services(request).settings.trust_proxy and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return request.remote or "unknown"


def language(request: web.Request) -> Language:
    """The language of the answer: the session's, the cookie's, the browser's, else Finnish."""
    kept: Session | None = request.get(keys.SESSION)
    spoken = None if kept is None else kept.language
    return Language(spoken) if spoken in set(Language) else i18n.choose(request)


def formats(request: web.Request) -> Formats:
    """How times and numbers are written for this request."""
    return request.config_dict[FORMATS][language(request)]


def say(request: web.Request, message: str, **values: object) -> str:
    """Translate a message id and fill its `%(name)s` places."""
    text = str(request.config_dict[CATALOGS].translations[language(request)].gettext(message))
    return text % values if values else text


async def company(request: web.Request) -> Company | None:
    """The company in force, or None when the actor looks at every company they are granted."""
    return (await shell(request)).company


# ------------------------------------------------------------------- answers

_KEPT_NOWHERE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _default(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, UUID):  # the driver's own subclass, which orjson does not take for a UUID
        return str(value)
    raise TypeError


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer: dataclasses, models, times (UTC, with Z), ids, enums and sets as they are; bytes as hex.

    It may hold what customers said, so nothing keeps it unless `headers` say otherwise.
    """
    data = orjson.dumps(value, default=_default, option=orjson.OPT_UTC_Z)
    told = {**_KEPT_NOWHERE, **(headers or {})}
    return web.Response(body=data, status=status, content_type="application/json", headers=told)


def problem(error: ArchiveError) -> web.Response:
    """An error as problem+json (RFC 9457), with Retry-After or WWW-Authenticate where they belong."""
    complaints = error.complaints if isinstance(error, Invalid) else ()
    document = problem_document(error.code, error.title(), error.status, error.detail, complaints)
    return web.Response(
        body=orjson.dumps(document),
        status=error.status,
        content_type="application/problem+json",
        headers=error_headers(error),
    )


def error_headers(error: ArchiveError) -> dict[str, str]:
    """The headers that an error brings along."""
    headers = {"Cache-Control": "no-store"}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if error.status == Unauthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def is_partial(request: web.Request) -> bool:
    """Whether htmx asks for a part of the page that is already there."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Request-Type") != "full"


async def shell(request: web.Request) -> Shell:
    """The frame of the page for this request."""
    who: Actor | None = request.get(keys.ACTOR)
    kept: Session | None = request.get(keys.SESSION)
    choices = () if who is None else await company_choices(request, who)
    worn = None if kept is None else kept.company
    in_force = next((choice for choice in choices if choice.code == worn), None)
    return Shell(
        language=language(request),
        path=request.path,
        actor=who,
        csrf="" if kept is None else kept.csrf,
        companies=choices,
        # One granted company is in force without being chosen.
        company=choices[0] if len(choices) == 1 else in_force,
        notice=_notice(request),
        search=request.query.get("q", "") if request.path == "/" else "",
        demo=request.config_dict[keys.MARKS].demo,
        partial=is_partial(request),
    )


def _notice(request: web.Request) -> str | None:
    # Only words of the catalogs are shown: a cookie that someone else set can say nothing of its own.
    text = unquote(request.cookies.get(NOTICE_COOKIE, ""))
    return text if text in request.config_dict[CATALOGS].known else None


async def render(request: web.Request, template: str, context: Any, frame: Shell | None = None) -> str:
    """The text of a template; its context is a dataclass, and the frame is added as `shell`."""
    frame = frame or await shell(request)
    fields = {field.name: getattr(context, field.name) for field in dataclasses.fields(context)}
    key = ENVIRONMENTS[frame.language]
    return aiohttp_jinja2.render_string(template, request, {**fields, "shell": frame}, app_key=key)


async def page(request: web.Request, template: str, context: Any, *, status: int = 200) -> web.Response:
    """A page, or with the same template its main part alone when htmx asks for a part."""
    frame = await shell(request)
    answer = html(await render(request, template, context, frame), status=status)
    if frame.notice is not None and not frame.partial:
        answer.del_cookie(NOTICE_COOKIE, path="/")
    return answer


def html(text: str, status: int = 200) -> web.Response:
    """HTML that no cache keeps, with the headers of safety."""
    headers = {**SAFETY_HEADERS, "Cache-Control": "no-store", "Vary": "HX-Request, Accept-Language, Cookie"}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def go(request: web.Request, url: str, notice: str | None = None) -> web.Response:
    """Send the browser on after a form (303); the notice is a message id, said once on the next page."""
    answer = web.Response(status=303, headers={"Location": local(url), "Cache-Control": "no-store"})
    if notice is not None:
        set_cookie(request, answer, NOTICE_COOKIE, quote(notice), _NOTICE_S)
    return answer


def local(url: str) -> str:
    """An address of this site, or the first page when it leads elsewhere."""
    safe = url.startswith("/") and not url.startswith(("//", "/\\")) and url.isprintable()
    return url if safe else "/"


def set_cookie(request: web.Request, answer: web.StreamResponse, name: str, value: str, age_s: int) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not carry."""
    answer.set_cookie(name, value, max_age=age_s, path="/", httponly=True, secure=is_https(request), samesite="Lax")


def same_secret(given: str, kept: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), kept.encode())


def must_be_own_form(request: web.Request) -> None:
    """Refuse a form that another site sent; for the forms that come before there is a session with its CSRF value.

    Raises:
        Forbidden: the browser says that the form is not ours.

    """
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden
    # "null" is what a sandboxed frame or a redirect from elsewhere says; our own pages name themselves.
    if origin and origin.partition("://")[2] not in {request.host, _public_host(request)}:
        raise Forbidden


def _public_host(request: web.Request) -> str:
    return services(request).settings.public_url.partition("://")[2].rstrip("/")


def say_period(request: web.Request, period: Period) -> str:
    """A keep period in words: `24 kuukautta`."""
    words = request.config_dict[CATALOGS].translations[language(request)]
    return " ".join(str(words.ngettext(one, many, n)) % {"num": n} for one, many, n in period_parts(period))
