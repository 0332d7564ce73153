"""Requests become values: bodies and queries are judged by pydantic models, every complaint at once.

Handlers call these through `archive.web.kit`. Streamed bodies (recordings, imports) are not read here.
"""

import base64
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

import orjson
from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, ValidationError

from archive.domain.filters import must_be_within
from archive.errors import Complaint, Invalid, NotFound, UnsupportedMedia

Model = TypeVar("Model", bound=BaseModel)
CSRF_FIELD = "csrf"
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_CURSOR_BYTES = 600
_NOT_OURS = "take the cursor from the field next of an earlier answer"


async def body(request: web.Request, model: type[Model]) -> Model:
    """Read a JSON body or a form into a model; the CSRF field of a form is left out, empty fields count as missing.

    Raises:
        UnsupportedMedia: neither JSON nor a form.
        Invalid: with every complaint.

    """
    if request.content_type in _FORMS:
        form = await request.post()
        return judge(model, fields_of(model, form, skip=(CSRF_FIELD,)))
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise UnsupportedMedia
    return judge_json(model, await request.read())


def query(request: web.Request, model: type[Model]) -> Model:
    """Read the query string into a model; unknown names are complained about, also when they say nothing.

    Raises:
        Invalid: with every complaint.

    """
    known = {name for key, field in model.model_fields.items() for name in (key, field.alias)}
    unknown = {name: "" for name in request.query if name not in known}
    return judge(model, fields_of(model, request.query) | unknown)


class NoQuery(BaseModel):
    """The query string of a route that takes none."""

    model_config = ConfigDict(extra="forbid")


def judge_json(model: type[Model], data: bytes) -> Model:
    """Judge the bytes of a JSON document.

    Raises:
        Invalid: it is no JSON, or with every complaint of the model.

    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Invalid.of("", f"this is no JSON: line {error.lineno}, column {error.colno}") from None
    return judge(model, value)


def judge(model: type[Model], value: Any) -> Model:
    """Judge a value; the values themselves never appear in a complaint.

    Raises:
        Invalid: with every complaint.

    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(complaints_of(error)) from None


def complaints_of(error: ValidationError) -> tuple[Complaint, ...]:
    """The complaints of pydantic, by dotted field."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(Complaint(field=".".join(str(step) for step in e["loc"]), message=_plain(e)) for e in found)


def _plain(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return "this field is not known" if error["type"] == "extra_forbidden" else message


def fields_of(model: type[BaseModel], given: MultiMapping[Any], skip: Sequence[str] = ()) -> dict[str, Any]:
    """The values of a form or query: lists where the model has a sequence, empty texts left out."""
    names = {(field.alias or name): field.annotation for name, field in model.model_fields.items()}
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(key for key in given if key not in skip):
        values = [value for value in given.getall(name) if value != ""]
        if is_sequence(names.get(name)):
            fields[name] = values
        elif values:
            fields[name] = values[0] if len(values) == 1 else values
    return fields


def is_sequence(annotation: Any) -> bool:
    """Whether an annotation, or a member of its union, takes several values."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(is_sequence(member) for member in get_args(annotation))
    return (origin or annotation) in (list, tuple, set, frozenset, Sequence)


def path_id(request: web.Request, name: str = "id") -> UUID:
    """An id from the address; what is no id is not found rather than wrong.

    Raises:
        NotFound: the text is no UUID.

    """
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound from None


def write_cursor(values: Sequence[Any]) -> str:
    """A place in a list as opaque text; times, ids and numbers may be in it, personal data may not."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode("ascii").rstrip("=")


def read_cursor(text: str, size: int) -> list[Any]:
    """The values of a cursor.

    Raises:
        Invalid: it is not one that was given out, or has another number of values.

    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = orjson.loads(base64.urlsafe_b64decode(padded)) if len(text) <= _CURSOR_BYTES else None
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != size:
        raise Invalid.of("cursor", _NOT_OURS)
    return values


def read_place(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The place in a list that a cursor of `write_place` means: the time and id of the last row that was shown.

    Raises:
        Invalid: it is not one that was given out.

    """
    if cursor is None:
        return None
    at, one = read_cursor(cursor, 2)
    try:
        return must_be_within(datetime.fromisoformat(at)), UUID(one)
    except (TypeError, ValueError, AttributeError):
        raise Invalid.of("cursor", _NOT_OURS) from None


def write_place(moment: datetime, one: UUID) -> str:
    """The cursor of a place in a list."""
    return write_cursor([moment.isoformat(), str(one)])


def problem_document(
    code: str, title: str, status: int, detail: str | None, complaints: Sequence[Complaint]
) -> Mapping[str, Any]:
    """The members of RFC 9457, with `code` and `errors` of our own."""
    document: dict[str, Any] = {"type": f"urn:tallenne:problem:{code}", "title": title, "status": status, "code": code}
    if detail:
        document["detail"] = detail
    if complaints:
        document["errors"] = [{"field": c.field, "message": c.message} for c in complaints]
    return document
