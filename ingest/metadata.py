"""The metadata of a pushed recording: its shape, its bounds, and the complaints about it.

Pure: bytes in, a value or every complaint at once out. Whether the company exists, whom the contact belongs to and
whether the audio agrees are asked elsewhere (`ingest.intake`, `ingest.linking`, `ingest.derive`). No message here
repeats a value that was sent, since values are personal data and messages end up in other people's logs.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from archive.errors import Complaint, Invalid, TooLarge

METADATA_BYTES: Final = 262_144
"""The largest metadata that is read; what the bounds below allow fits easily."""

MAX_PARTIES: Final = 50
MAX_ATTRIBUTES: Final = 100
MAX_CHANNELS: Final = 8
MAX_DURATION_S: Final = 7 * 86_400.0
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SLACK: Final = timedelta(days=1)
"""How far ahead of ours a telephony system's clock may run: one that took the wrong zone is less than this wrong."""

_MAX_COMPLAINTS: Final = 100
_MAX_PATH_CHARS: Final = 120
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9._:;@+=,~$!*(){}\[\]&-]{1,200}")

_WORDS: Final = {"extra_forbidden": "this field is not known", "missing": "this field is required"}

Role = Literal["customer", "agent", "third_party"]


def _blank_is_absent(value: Any) -> Any:
    """Many systems send "" for what they do not know."""
    return None if isinstance(value, str) and not value.strip() else value


def _nothing_is_empty(value: Any) -> Any:
    return () if value is None else value


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


_Absent = BeforeValidator(_blank_is_absent)
_Empty = BeforeValidator(_nothing_is_empty)
_Plain = _without(_CONTROLS)

Company = Annotated[str, Field(max_length=64), _whole(_CODE, "a company's code")]
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment)]
ShortText = Annotated[str, Field(max_length=200), _Plain]
Phone = Annotated[str, Field(max_length=128), _Plain]
Email = Annotated[str, Field(max_length=254), _Plain, _whole(_EMAIL, "an e-mail address")]
CustomerNumber = Annotated[str, Field(max_length=64), _Plain]
Language = Annotated[str, Field(max_length=35), _whole(_LANGUAGE, "a language tag, such as fi or sv-FI")]
Sha256 = Annotated[str, _whole(_SHA256, "64 hexadecimal digits"), AfterValidator(str.lower)]
Duration = Annotated[float, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
AttributeName = Annotated[str, Field(min_length=1, max_length=100), _Plain]
AttributeValue = Annotated[str, Field(max_length=2_000), _without(_CONTROLS_BUT_LINES)]


class _Part(BaseModel):
    """Strict, so that 7 is no text and "7" no number; closed, so that a typo is never dropped in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Agent(_Part):
    """The employee who spoke."""

    id: Annotated[ShortText | None, _Absent] = None
    name: Annotated[ShortText | None, _Absent] = None


class Party(_Part):
    """One who took part; phone and e-mail are as they were given, `ingest.linking` reads them."""

    role: Role
    phone: Annotated[Phone | None, _Absent] = None
    email: Annotated[Email | None, _Absent] = None
    name: Annotated[ShortText | None, _Absent] = None


class RecordingMetadata(_Part):
    """What a telephony system says about one recording.

    `started_at` is in UTC; `channels` says which role speaks on each audio channel, in order; `sha256` is lower case.
    Texts that were sent blank are None.
    """

    company: Company
    started_at: Moment
    direction: Literal["inbound", "outbound", "internal"]
    duration_s: Duration | None = None
    queue: Annotated[ShortText | None, _Absent] = None
    category: Annotated[ShortText | None, _Absent] = None
    agent: Agent | None = None
    parties: Annotated[tuple[Party, ...], _Empty, Field(max_length=MAX_PARTIES, strict=False)] = ()
    channels: Annotated[tuple[Role, ...], _Empty, Field(max_length=MAX_CHANNELS, strict=False)] = ()
    customer_number: Annotated[CustomerNumber | None, _Absent] = None
    call_id: Annotated[ShortText | None, _Absent] = None
    language: Annotated[Language | None, _Absent] = None
    sha256: Annotated[Sha256 | None, _Absent] = None
    attributes: Annotated[
        dict[AttributeName, AttributeValue], BeforeValidator(_nothing_is_no_names), Field(max_length=MAX_ATTRIBUTES)
    ] = Field(default_factory=dict)

    @property
    def ended_at(self) -> datetime:
        """When the contact ended as far as the metadata tells: the start, when no duration was given."""
        return self.started_at + timedelta(seconds=self.duration_s or 0.0)


def judge(raw: bytes, now: datetime) -> RecordingMetadata:
    """Read the metadata of a recording; `now` is an aware time.

    Raises:
        TooLarge: more than METADATA_BYTES.
        Invalid: not JSON in UTF-8, or not of this shape; with every complaint (at most 100) and its dotted path.

    """
    return _judge(_parse(_bounded(raw)), now)


def _bounded(raw: bytes) -> bytes:
    if len(raw) > METADATA_BYTES:
        message = f"The metadata is larger than {METADATA_BYTES} bytes."
        raise TooLarge(message)
    return raw


def _judge(document: object, now: datetime) -> RecordingMetadata:
    try:
        return RecordingMetadata.model_validate(document, context={"now": now})
    except ValidationError as error:
        raise Invalid(_complaints(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What the file beside a recording says; names that it leaves to others are None."""

    metadata: RecordingMetadata
    source: str | None
    external_id: str | None


def judge_sidecar(raw: bytes, now: datetime, company: str) -> Sidecar:
    """Read the file beside a recording: the metadata of a push, and perhaps `source` and `external_id`.

    `company` may be left out; it is the one that was asked for.

    Raises:
        TooLarge, Invalid: as `judge`; also when it names another company.

    """
    document = _parse(_bounded(raw))
    if not isinstance(document, dict):
        raise Invalid.of("metadata", "Must be an object")
    names = {name: document.pop(name, None) for name in ("source", "external_id")}
    for name, given in names.items():
        if given is not None and not isinstance(given, str):
            raise Invalid.of(name, "Must be a text")
    if document.setdefault("company", company) != company:
        raise Invalid.of("company", "Names another company than the one that was asked for")
    return Sidecar(metadata=_judge(document, now), **names)


def judge_names(source: str, external_id: str) -> None:
    """Judge the two names of a push, which come from the address, already decoded.

    A source is 1 to 64 ASCII letters, digits, dots, dashes and underscores and begins with a letter or digit. An
    external id is 1 to 200 ASCII characters: letters, digits and `._:;@+=,~$!*(){}[]&-`. Letter case counts.

    Raises:
        Invalid: with a complaint for each name that is not so.

    """
    wrong = []
    if not _SOURCE.fullmatch(source):
        wrong.append(Complaint(field="source", message="Must be 1 to 64 letters, digits, dots, dashes or underscores"))
    if not _EXTERNAL_ID.fullmatch(external_id) or not external_id.strip("."):
        message = "Must be 1 to 200 ASCII letters, digits or any of ._:;@+=,~$!*(){}[]&-"
        wrong.append(Complaint(field="external_id", message=message))
    if wrong:
        raise Invalid(wrong)


def is_source(text: str) -> bool:
    """Whether a text could be the name of a source."""
    return _SOURCE.fullmatch(text) is not None


def _parse(raw: bytes) -> object:
    """A JSON document (RFC 8259) without repeated names and without the NaN and Infinity that Python adds to it."""
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
    raise Invalid.of("metadata", problem)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in pairs:
        if name in made:
            raise Invalid.of(_clean(name), "Appears twice in one object")
        made[name] = value
    return made


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _complaints(error: ValidationError) -> Iterable[Complaint]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for one in found[:_MAX_COMPLAINTS]:
        message = _WORDS.get(one["type"], one["msg"])
        yield Complaint(field=_clean(".".join(str(step) for step in one["loc"]) or "metadata"), message=message)


def _clean(path: str) -> str:
    """A path may hold a name that the sender made up: make it fit for an answer."""
    shown = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", path[:_MAX_PATH_CHARS])
    return shown.encode("utf-8", "replace").decode()
