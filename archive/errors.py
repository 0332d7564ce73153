"""The one tree of errors.

A class's docstring is its message, `code` is the stable name that machines read, `status` the HTTP status. Two
branches differ in whose doing it is: `RequestError` is yours, `ServiceError` is ours. How an error is rendered is not
here (see `archive.web.kit`). No text here may carry personal data or a token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing wrong with a request: where (a dotted path) and what to do about it."""

    field: str
    message: str


class ArchiveError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail
        super().__init__(detail or self.title())

    @classmethod
    def title(cls) -> str:
        """The message of the class: its docstring's first line."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class RequestError(ArchiveError):
    """The request cannot be done as it was asked."""

    code = "bad-request"
    status = 400


class Unauthenticated(RequestError):
    """A valid token or session is needed."""

    code = "unauthenticated"
    status = 401


class Forbidden(RequestError):
    """Your role does not allow this."""

    code = "forbidden"
    status = 403


class PurposeRequired(Forbidden):
    """Say for which purpose you look: send the header Purpose."""

    code = "purpose-required"


class PurposeNotAllowed(Forbidden):
    """Your role may not look for this purpose."""

    code = "purpose-not-allowed"


class NotFound(RequestError):
    """There is nothing here that you may know of."""

    code = "not-found"
    status = 404


class Conflict(RequestError):
    """This stands against what is already kept."""

    code = "conflict"
    status = 409


class AlreadyKept(Conflict):
    """Other bytes are already kept under this source and id; nothing was changed."""

    code = "already-kept"


class Ambiguous(Conflict):
    """Several companies know this; name one with ?company=."""

    code = "ambiguous"


class Destroyed(RequestError):
    """This was lawfully destroyed."""

    code = "destroyed"
    status = 410


class TooLarge(RequestError):
    """This is larger than what is taken."""

    code = "too-large"
    status = 413


class UnsupportedMedia(RequestError):
    """This is not a media type that is kept."""

    code = "unsupported-media-type"
    status = 415


class RangeNotSatisfiable(RequestError):
    """The range lies outside the content."""

    code = "range-not-satisfiable"
    status = 416


class Invalid(RequestError):
    """The request is not valid; errors lists every complaint."""

    code = "invalid"
    status = 422

    def __init__(self, complaints: Iterable[Complaint] = (), detail: str | None = None) -> None:
        self.complaints = tuple(complaints)
        super().__init__(detail)

    @classmethod
    def of(cls, field: str, message: str) -> "Invalid":
        """An error with one complaint."""
        return cls((Complaint(field=field, message=message),))


class TooMany(RequestError):
    """Too many attempts; try again later."""

    code = "too-many"
    status = 429

    def __init__(self, detail: str | None = None, retry_after_s: int = 60) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail)


class UploadTimeout(RequestError):
    """The upload came too slowly and was dropped; nothing is kept, send it again."""

    code = "upload-timeout"
    status = 408


class ServiceError(ArchiveError):
    """The archive cannot do this now; it is not your fault."""

    code = "service-error"
    status = 500


class StoreUnavailable(ServiceError):
    """The store cannot be reached or is full; nothing was kept, try again."""

    code = "store-unavailable"
    status = 503

    def __init__(self, detail: str | None = None, retry_after_s: int = 5) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail)


class Busy(StoreUnavailable):
    """Too many uploads are in flight; nothing was kept, try again."""

    code = "busy"


class Damaged(ServiceError):
    """What the store gave back is not what was kept."""

    code = "damaged"


class Misconfigured(ServiceError):
    """A setting is missing or wrong."""

    code = "misconfigured"


class NewerDatabase(ServiceError):
    """The database belongs to a newer version of Tallenne; install that version."""

    code = "newer-database"
