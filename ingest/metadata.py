"""The metadata of a pushed recording: its shape, its bounds, and the complaints about it; and the names of any push.

Pure: bytes in, a value or every complaint at once out. Whether the company exists, whom the contact belongs to and
whether the audio agrees are asked elsewhere (`ingest.intake`, `ingest.linking`, `ingest.derive`). What each field may
hold is `ingest.fields`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from archive.errors import Complaint, Invalid, TooLarge
from ingest import fields
from ingest.fields import (
    MAX_ATTRIBUTES,
    Absent,
    Agent,
    Attributes,
    Closed,
    Company,
    CustomerNumber,
    Email,
    Empty,
    Language,
    Moment,
    Phone,
    Sha256,
    ShortText,
)

__all__ = ["MAX_ATTRIBUTES", "METADATA_BYTES"]

METADATA_BYTES: Final = 262_144
"""The largest metadata that is read; what the bounds below allow fits easily."""

MAX_PARTIES: Final = 50
MAX_CHANNELS: Final = 8
MAX_DURATION_S: Final = 7 * 86_400.0

_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9._:;@+=,~$!*(){}\[\]&-]{1,200}")
_WHOLE: Final = "metadata"

Duration = Annotated[float, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
Role = Literal["customer", "agent", "third_party"]


class Party(Closed):
    """One who took part; phone and e-mail are as they were given, `ingest.linking` reads them."""

    role: Role
    phone: Annotated[Phone | None, Absent] = None
    email: Annotated[Email | None, Absent] = None
    name: Annotated[ShortText | None, Absent] = None


class RecordingMetadata(Closed):
    """What a telephony system says about one recording.

    `started_at` is in UTC; `channels` says which role speaks on each audio channel, in order; `sha256` is lower case.
    Texts that were sent blank are None.
    """

    company: Company
    started_at: Moment
    direction: Literal["inbound", "outbound", "internal"]
    duration_s: Duration | None = None
    queue: Annotated[ShortText | None, Absent] = None
    category: Annotated[ShortText | None, Absent] = None
    agent: Agent | None = None
    parties: Annotated[tuple[Party, ...], Empty, Field(max_length=MAX_PARTIES, strict=False)] = ()
    channels: Annotated[tuple[Role, ...], Empty, Field(max_length=MAX_CHANNELS, strict=False)] = ()
    customer_number: Annotated[CustomerNumber | None, Absent] = None
    call_id: Annotated[ShortText | None, Absent] = None
    language: Annotated[Language | None, Absent] = None
    sha256: Annotated[Sha256 | None, Absent] = None
    attributes: Attributes = Field(default_factory=dict)

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
    return _judge(fields.parse(_bounded(raw), _WHOLE), now)


def _bounded(raw: bytes) -> bytes:
    if len(raw) > METADATA_BYTES:
        message = f"The metadata is larger than {METADATA_BYTES} bytes."
        raise TooLarge(message)
    return raw


def _judge(document: object, now: datetime) -> RecordingMetadata:
    return fields.judge(RecordingMetadata, document, now, _WHOLE)


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
    document = fields.parse(_bounded(raw), _WHOLE)
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
