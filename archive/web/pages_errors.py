"""The page of a failure: what happened, whether anything was lost, and what to do next.

It never repeats what was sent. Which errors there are is `archive.errors`; programs get problem+json from
`archive.web.kit.problem`, and who gets which is decided in `archive.web.middleware`.
"""

from dataclasses import dataclass

from aiohttp import web

from archive.errors import (
    ArchiveError,
    Complaint,
    Conflict,
    Destroyed,
    Forbidden,
    Invalid,
    NotFound,
    RequestError,
    StoreUnavailable,
    TooMany,
    Unauthenticated,
)
from archive.web import keys, kit
from archive.web.kit import N_

SIGN_IN = "/sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What happened and what next: message ids; `reference` is the request's id, for the log."""

    status: int
    happened: str
    lost: str
    next_step: str
    complaints: tuple[Complaint, ...]
    reference: str


_NOTHING_CHANGED = N_("Nothing was changed.")
# The first class that fits is taken, so the narrow ones stand before the wide ones.
_SAID: tuple[tuple[type[ArchiveError], str, str, str], ...] = (
    (
        Destroyed,
        N_("This contact was lawfully destroyed."),
        N_("Its certificate remains; its content cannot be brought back."),
        N_("Ask the data protection officer for the certificate."),
    ),
    (
        NotFound,
        N_("There is nothing here that you may see."),
        _NOTHING_CHANGED,
        N_("Check the address, or the company in force, and search again."),
    ),
    (
        Unauthenticated,
        N_("Sign in to go on."),
        _NOTHING_CHANGED,
        N_("Your session may have ended. Sign in and repeat what you did."),
    ),
    (
        Forbidden,
        N_("Your role does not allow this."),
        _NOTHING_CHANGED,
        N_("If your work needs it, ask your administrator."),
    ),
    (TooMany, N_("There were too many attempts."), _NOTHING_CHANGED, N_("Wait a minute and try again.")),
    (
        Conflict,
        N_("This stands against what is already kept."),
        _NOTHING_CHANGED,
        N_("Load the page again to see how things are now."),
    ),
    (Invalid, N_("Something in the form is not right."), _NOTHING_CHANGED, N_("Go back, mend it and send it again.")),
    (
        StoreUnavailable,
        N_("The archive's store cannot be reached."),
        N_("What is kept is safe. What you just sent was not saved."),
        N_("Try again in a moment. If this lasts, tell your administrator."),
    ),
    (RequestError, N_("The request could not be read."), _NOTHING_CHANGED, N_("Go back and try again.")),
    (
        ArchiveError,
        N_("Something went wrong in the archive."),
        N_("What is kept is safe. What you just sent may not have been saved."),
        N_("Try again. If it happens again, give your administrator the reference below."),
    ),
)


async def error_page(request: web.Request, error: ArchiveError) -> web.Response:
    """The page for an error. Nobody signed in, and the page asked for by htmx: the browser goes to sign in."""
    if isinstance(error, Unauthenticated) and kit.is_partial(request):
        return web.Response(status=204, headers={"HX-Redirect": SIGN_IN})
    _, happened, lost, next_step = next(said for said in _SAID if isinstance(error, said[0]))
    complaints = error.complaints if isinstance(error, Invalid) else ()
    context = ErrorPage(
        status=error.status,
        happened=happened,
        lost=lost,
        next_step=next_step,
        complaints=complaints,
        reference=request.get(keys.REQUEST_ID, ""),
    )
    answer = await kit.page(request, "error.html", context, status=error.status)
    answer.headers.update({k: v for k, v in kit.error_headers(error).items() if k != "WWW-Authenticate"})
    return answer
