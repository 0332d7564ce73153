"""What the documents of every door are made of: kinds of fields with their bounds, and JSON read without mercy.

Pure. Which fields a document has is said by `ingest.metadata` and `ingest.chat`. No message here repeats a value that
was sent, since values are personal data and messages end up in other people's logs.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NoReturn, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from archive.errors import Complaint, Invalid

MAX_ATTRIBUTES: Final = 100
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SLACK: Final = timedelta(days=1)
"""How far ahead of ours a source's clock may run: one that took the wrong zone is less than this wrong."""

_MAX_COMPLAINTS: Final = 100
_MAX_PATH_CHARS: Final = 120
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_WORDS: Final = {
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
    "tuple_type": "Must be a list",
    "model_type": "Must be an object",
}


def _blank_is_absent(value: Any) -> Any:
    """Many systems send "" for what they do not know."""
    return None if isinstance(value, str) and not value.strip() else value


def _nothing_is_empty(value: Any) -> Any:
    return () if value is None else value


def _some(value: Any) -> Any:
    if isinstance(value, list) and not value:
        raise PydanticCustomError("empty", "Must not be empty")
    return value


def _nothing_is_no_names(value: Any) -> Any:
    return {} if value is None else value


def _read_moment(value: Any, info: Info) -> datetime:
    """RFC 3339 with its zone, not before 1970 and not after the context's `now` by more than CLOCK_SLACK; in UTC."""
    spelled = value.upper().replace(" ", "T", 1) if isinstance(value, str) else ""
    try:
        moment = datetime.fromisoformat(spelled) if _RFC_3339.fullmatch(spelled) else None
    except ValueError:
        moment = None
    if moment is None:
        raise PydanticCustomError("moment", "Must be an RFC 3339 time with zone, such as 2026-11-24T09:15:00+02:00")
    if moment < EARLIEST:
        raise PydanticCustomError("moment", "Must not be before 1970")
    now: datetime | None = (info.context or {}).get("now")
    if now is not None and moment > now + CLOCK_SLACK:
        raise PydanticCustomError("moment", "Must not lie in the future")
    return moment.astimezone(UTC)


def _without(pattern: re.Pattern[str]) -> AfterValidator:
    def check(text: str) -> str:
        if pattern.search(text):
            raise PydanticCustomError("controls", "Must not contain control characters")
        return text

    return AfterValidator(check)


def _whole(pattern: re.Pattern[str], message: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise PydanticCustomError("form", "Must be {what}", {"what": message})
        return text

    return AfterValidator(check)


Absent = BeforeValidator(_blank_is_absent)
Empty = BeforeValidator(_nothing_is_empty)
Some = BeforeValidator(_some)
NoNames = BeforeValidator(_nothing_is_no_names)
Plain = _without(_CONTROLS)
Lines = _without(_CONTROLS_BUT_LINES)

Company = Annotated[str, Field(max_length=64), _whole(_CODE, "a company's code")]
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment)]
ShortText = Annotated[str, Field(max_length=200), Plain]
Phone = Annotated[str, Field(max_length=128), Plain]
Email = Annotated[str, Field(max_length=254), Plain, _whole(_EMAIL, "an e-mail address")]
CustomerNumber = Annotated[str, Field(max_length=64), Plain]
Language = Annotated[str, Field(max_length=35), _whole(_LANGUAGE, "a language tag, such as fi or sv-FI")]
Sha256 = Annotated[str, _whole(_SHA256, "64 hexadecimal digits"), AfterValidator(str.lower)]
AttributeName = Annotated[str, Field(min_length=1, max_length=100), Plain]
AttributeValue = Annotated[str, Field(max_length=2_000), Lines]
Attributes = Annotated[dict[AttributeName, AttributeValue], NoNames, Field(max_length=MAX_ATTRIBUTES)]


class Closed(BaseModel):
    """Strict, so that 7 is no text and "7" no number; closed, so that a typo is never dropped in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Agent(Closed):
    """The employee who spoke."""

    id: Annotated[ShortText | None, Absent] = None
    name: Annotated[ShortText | None, Absent] = None


_Document = TypeVar("_Document", bound=BaseModel)


def judge(model: type[_Document], document: object, now: datetime, whole: str) -> _Document:
    """A document as its model; `now` is an aware time.

    Raises:
        Invalid: with every complaint (at most 100) and its dotted path; what is about all of it is about `whole`.

    """
    try:
        return model.model_validate(document, context={"now": now})
    except ValidationError as error:
        raise Invalid(_complaints(error, whole)) from None


def parse(raw: bytes, whole: str) -> object:
    """A JSON document (RFC 8259) without repeated names and without the NaN and Infinity that Python adds to it.

    Raises:
        Invalid: it is none; the complaint is about `whole`.

    """
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        problem = "Must be UTF-8"
    except json.JSONDecodeError as error:
        problem = f"Must be JSON; line {error.lineno}, column {error.colno} is not"
    except RecursionError:
        problem = "Is nested too deeply"
    except ValueError:
        problem = "Contains a number that is too long, or NaN or Infinity, which are not JSON"
    raise Invalid.of(whole, problem)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in pairs:
        if name in made:
            raise Invalid.of(clean(name), "Appears twice in one object")
        made[name] = value
    return made


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _complaints(error: ValidationError, whole: str) -> Iterable[Complaint]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for one in found[:_MAX_COMPLAINTS]:
        message = _WORDS.get(one["type"], one["msg"])
        yield Complaint(field=clean(".".join(str(step) for step in one["loc"]) or whole), message=message)


def clean(path: str) -> str:
    """A path may hold a name that the sender made up: make it fit for an answer."""
    shown = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", path[:_MAX_PATH_CHARS])
    return shown.encode("utf-8", "replace").decode()
