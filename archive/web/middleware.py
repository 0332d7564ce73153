"""What stands before every handler: request ids, errors, who is acting, permissions, CSRF.

Order, outermost first: `errors` (renders every failure), `acting` (session or token), `permitted` (the route's
permission and, for changes by a browser, the CSRF secret). Handlers are reached by those who may and by no one else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from aiohttp import HttpVersion11, web
from uuid_utils.compat import uuid7

from archive import accounts
from archive.accounts import TokenCache
from archive.domain.access import Permission
from archive.errors import (
    ArchiveError,
    Forbidden,
    NotFound,
    RequestError,
    ServiceError,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
)
from archive.web import keys, kit, routes
from archive.web.pages_errors import error_page
from archive.web.parsing import CSRF_FIELD, NoQuery

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_COOKIE = "tallenne_session"
CSRF_HEADER = "X-CSRF-Token"
SIGN_IN = "/sign-in"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
TOKENS: web.AppKey[TokenCache] = web.AppKey("token_cache", TokenCache)
log = structlog.get_logger()


class MethodNotAllowed(RequestError):
    """This address does not take that method."""

    code = "method-not-allowed"
    status = 405


class Internal(ServiceError):
    """Something failed on our side; the request id helps whoever looks into it."""

    code = "internal"


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and turn whatever fails into an answer of its surface."""
    request[keys.REQUEST_ID] = str(uuid7())
    began = time.monotonic()
    try:
        answer = await handler(request)
    except ArchiveError as error:
        answer = await _failed(request, error)
    except web.HTTPException as error:
        answer = await _failed(request, _translated(error))
    except asyncio.CancelledError:
        raise
    except ConnectionResetError:
        log.info("client_gone", **_said(request))
        raise
    except Exception as error:  # noqa: BLE001  # the one place where everything ends
        # The text of an unknown exception may hold what was sent, so only its kind and place are logged.
        log.error("failed", **_said(request), kind=type(error).__name__, at=_place(error))  # noqa: TRY400
        answer = await _failed(request, Internal())
    if not answer.prepared:
        answer.headers["X-Request-Id"] = request[keys.REQUEST_ID]
    log.debug("answered", **_said(request), status=answer.status, ms=round((time.monotonic() - began) * 1000))
    return answer


def _said(request: web.Request) -> dict[str, str]:
    """What may be logged of a request: the route's pattern, never the address that was asked for."""
    resource = request.match_info.route.resource
    pattern = "unknown" if resource is None else resource.canonical
    return {"request": request[keys.REQUEST_ID], "method": request.method, "route": pattern}


def _place(error: BaseException) -> str:
    """Where in our code an unknown exception came from, as module and line."""
    place, trace = "unknown", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.split(".")[0] in {"archive", "ingest", "search", "retention"}:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


async def _failed(request: web.Request, error: ArchiveError) -> web.StreamResponse:
    if error.status >= StoreUnavailable.status:
        log.warning("unavailable", **_said(request), code=error.code)
    route = routes.of(request)
    on_page = route.surface == "page" if route else not request.path.startswith("/api/")
    if not on_page:
        return kit.problem(error)
    if isinstance(error, Unauthenticated) and request.method in _SAFE and not kit.is_partial(request):
        return kit.go(request, f"{SIGN_IN}?next={_next(request)}")
    return await error_page(request, error)


def _next(request: web.Request) -> str:
    # Only the place, never the query: it may hold what was searched for.
    return request.rel_url.path if request.rel_url.path != SIGN_IN else "/"


def _translated(error: web.HTTPException) -> ArchiveError:
    if error.status == NotFound.status:
        return NotFound()
    if error.status == MethodNotAllowed.status:
        return MethodNotAllowed()
    if error.status == TooLarge.status:
        return TooLarge()
    return RequestError("the request could not be read")


@web.middleware
async def acting(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is acting: a bearer token, else the session cookie, else nobody."""
    services = request.app[keys.SERVICES]
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        actor = None
        if scheme.lower() == "bearer" and secret:
            actor = await accounts.by_token(services, secret.strip(), request.app[TOKENS], time.monotonic())
        if actor is None:
            raise Unauthenticated
        request[keys.ACTOR] = actor
    elif cookie := request.cookies.get(SESSION_COOKIE):
        found = await accounts.by_cookie(services, cookie, datetime.now(UTC))
        if found is not None:
            request[keys.SESSION], request[keys.ACTOR] = found
    return await handler(request)


@web.middleware
async def permitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through who has the route's permission; a change by a browser must also carry the session's secret.

    A query string for a route of the API that takes none is refused here; the others judge their own.
    """
    route = routes.of(request)
    if route is None:
        return await handler(request)
    if route.permission is not None:
        _must_be_permitted(request, route.permission)
    session = request.get(keys.SESSION)
    if session is not None and request.method not in _SAFE and not await _has_csrf(request, session.csrf):
        raise Forbidden("the page is too old or the form is not ours; load the page again and repeat")
    if route.query is None and route.closes_query:
        kit.query(request, NoQuery)
    if not route.says_continue:
        await say_continue(request)
    return await handler(request)


async def say_continue(request: web.Request) -> None:
    """Let a sender that waits for it send its body (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _must_be_permitted(request: web.Request, permission: Permission) -> None:
    actor = request.get(keys.ACTOR)
    if actor is None:
        raise Unauthenticated
    if not actor.may(permission):
        raise Forbidden


async def _has_csrf(request: web.Request, secret: str) -> bool:
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.content_type in _FORMS:
        field = (await request.post()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    return given is not None and kit.same_secret(given, secret)
