"""What contacts are asked for by: the filters of a search, read from a request, and what the trail tells of them.

Pure. How filters become SQL is `archive.store.selection`; words of `q` are `search.query`. Holds by search take the
same filters as search does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from archive.domain.customers import Company
from archive.domain.identifiers import read_phone
from archive.domain.interactions import Channel, Direction, must_be_aware

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
EARLIEST = date(1900, 1, 1)
LATEST = date(2200, 1, 1)
"""No day outside these is asked for: times there have no place in another zone, or none in the database."""


def _read_moment(value: object) -> object:
    """A date stays a date, since its zone is the installation's; anything else is an RFC 3339 time with zone."""
    if not isinstance(value, str):
        raise ValueError("a date, or an RFC 3339 time with its zone")  # noqa: TRY004  # pydantic collects ValueError
    text = value.strip().replace(" ", "+")  # a plus sign that was not escaped in an address
    try:
        read = date.fromisoformat(text) if _DATE.fullmatch(text) else datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("a date, or an RFC 3339 time with its zone") from None
    day = read.date() if isinstance(read, datetime) else read
    if (isinstance(read, datetime) and read.tzinfo is None) or not EARLIEST <= day <= LATEST:
        raise ValueError("a date, or an RFC 3339 time with its zone")
    return read


def must_be_within(moment: datetime) -> datetime:
    """Refuse a time without zone, or one before `EARLIEST` or after `LATEST`; comparing and converting it is then safe.

    Raises:
        ValueError: it is such a time.

    """
    if moment.tzinfo is None or not EARLIEST <= moment.date() <= LATEST:
        raise ValueError(f"a time with its zone, from {EARLIEST} to {LATEST}")
    return moment


def _phone_or_as_given(text: str) -> str:
    """E.164 where it can be read; extensions and withheld numbers are kept as they were pushed."""
    try:
        return read_phone(text)
    except ValueError:
        return text


def _not_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Absent = BeforeValidator(_not_blank)
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
# An e-mail address may be longer than the texts of other filters.
Who = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]
Phone = Annotated[Text, AfterValidator(_phone_or_as_given)]
Moment = Annotated[date | datetime, BeforeValidator(_read_moment)]
Instant = Annotated[AwareDatetime, AfterValidator(must_be_within)]
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
Cursor = Annotated[str, StringConstraints(max_length=600)]


Veil = Callable[[str, str], str]
"""Makes of a field's name and its text what may stand in the trail for it."""

FREE_TEXT = frozenset({"customer", "phone", "agent", "queue", "category", "case"})
"""The filters that take any text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a contact must be like; None asks nothing. `since` is inclusive, `until` exclusive, durations in seconds.

    `phone` is E.164 where it could be read. `agent` is an agent's id or whole name in any letter case.
    """

    company: str | None = None
    channel: Channel | None = None
    direction: Direction | None = None
    customer: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    agent: str | None = None
    queue: str | None = None
    category: str | None = None
    case: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_duration_s: float | None = None

    def __post_init__(self) -> None:
        must_be_aware(self.since, self.until)

    def told(self, veil: Veil) -> dict[str, Any]:
        """The filters that ask something, fit for the trail: free text is veiled, times are RFC 3339.

        Whatever a person may type may be a name or a personal identity code, whichever the field.
        """
        asked = {one.name: getattr(self, one.name) for one in fields(self)}
        told = {name: value for name, value in asked.items() if value is not None}
        told |= {name: veil(name, value) for name, value in told.items() if name in FREE_TEXT}
        for name in ("since", "until"):
            if name in told:
                told[name] = told[name].astimezone(UTC).isoformat()
        return told


class FilterRequest(BaseModel):
    """The filters as a query string or the `search` of a hold names them."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    company: Annotated[Company | None, Absent] = None
    channel: Annotated[Channel | None, Absent] = None
    direction: Annotated[Direction | None, Absent] = None
    customer: Annotated[Text | None, Absent] = None
    phone: Annotated[Phone | None, Absent] = None
    agent: Annotated[Text | None, Absent] = None
    queue: Annotated[Text | None, Absent] = None
    category: Annotated[Text | None, Absent] = None
    case: Annotated[Text | None, Absent] = None
    since: Annotated[Moment | None, Absent] = Field(default=None, alias="from")
    until: Annotated[Moment | None, Absent] = Field(default=None, alias="to")
    min_duration_s: Annotated[Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None, Absent] = None

    @field_validator("until")
    @classmethod
    def _in_order(cls, until: date | datetime | None, info: ValidationInfo) -> date | datetime | None:
        since: Any = info.data.get("since")
        # Two dates, or two times, can be told to be in order before the zone is known.
        if until is not None and type(since) is type(until) and since > until:
            raise ValueError("from is later than to")
        return until

    def filters(self, zone: ZoneInfo) -> Filters:
        """The filters, dates read as whole days of the zone: `from` its first moment, `to` its last."""
        return Filters(
            company=self.company,
            channel=self.channel,
            direction=self.direction,
            customer=self.customer,
            phone=self.phone,
            agent=self.agent,
            queue=self.queue,
            category=self.category,
            case=self.case,
            since=_moment(self.since, zone, timedelta()),
            until=_moment(self.until, zone, timedelta(days=1)),
            min_duration_s=self.min_duration_s,
        )


def _moment(told: date | datetime | None, zone: ZoneInfo, further: timedelta) -> datetime | None:
    if told is None or isinstance(told, datetime):
        return told
    return datetime.combine(told + further, time(), zone)
