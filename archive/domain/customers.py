"""The customer as the CRM tells it: every section of the register, its bounds, and what it is matched by.

The frozen values are at once the model of `PUT /customers`: pydantic reads them from JSON, refuses unknown fields and
reports every complaint at once. `Customer` holds identifiers in the clear on their way to the sealer; `CustomerView` is
what leaves the store, masked. Sealing, rows and HTTP are not here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from archive.domain import identifiers
from archive.errors import Complaint

MAX_CONTACTS = 50
MAX_SITES = 500
MAX_NOTES = 500
MAX_ATTRIBUTES = 100
MAX_FUSE_A = 10_000
MAX_USE_KWH = 1e12
_FIELD_CHARS = 100
# Moments near the ends of the calendar cannot be shown in every zone.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FORBID: ConfigDict = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _text(max_chars: int) -> StringConstraints:
    # PostgreSQL takes no NUL, and a control character in a name is a broken export.
    return StringConstraints(
        strip_whitespace=True, min_length=1, max_length=max_chars, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    )


def _blank_is_absent(value: object) -> object:
    """Many systems send "" for what they do not know."""
    return None if isinstance(value, str) and not value.strip() else value


def _scalar_as_text(value: object) -> object:
    """Attributes are texts; a number or a truth value of JSON is taken as JSON would spell it."""
    return str(value).lower() if isinstance(value, bool | int | float) else value


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Absent = BeforeValidator(_blank_is_absent)
Word = Annotated[str, _text(64)]
Line = Annotated[str, _text(200)]
Note = Annotated[str, _text(4_000)]
Company = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
CustomerNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-zÅÄÖåäö][0-9A-Za-zÅÄÖåäö._:-]{0,63}$")
]
PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-z][0-9A-Za-z -]{1,11}$")]
Phone = Annotated[str, Field(max_length=64), AfterValidator(identifiers.read_phone)]
Email = Annotated[str, Field(max_length=300), AfterValidator(identifiers.read_email)]
Iban = Annotated[str, Field(max_length=64), AfterValidator(identifiers.read_iban)]
Hetu = Annotated[str, Field(max_length=32), AfterValidator(identifiers.read_hetu)]
BusinessId = Annotated[str, Field(max_length=32), AfterValidator(identifiers.read_business_id)]
Gsrn = Annotated[str, Field(max_length=40), AfterValidator(identifiers.read_metering_point)]
Value = Annotated[
    str, BeforeValidator(_scalar_as_text), StringConstraints(max_length=2_000, pattern=r"^[^\x00-\x08]*$")
]


class Kind(StrEnum):
    """Whether the customer is a person or an organisation."""

    NATURAL = "natural"
    LEGAL = "legal"


class Energy(StrEnum):
    """What is delivered to a site of consumption."""

    ELECTRICITY = "electricity"
    DISTRICT_HEAT = "district_heat"
    GAS = "gas"
    STEAM = "steam"


class IdentifierKind(StrEnum):
    """Which official identity a customer has."""

    HETU = "hetu"
    BUSINESS_ID = "business_id"


class KeyKind(StrEnum):
    """What a contact can be matched to a customer by, strongest evidence first."""

    CUSTOMER_NUMBER = "customer_number"
    METERING_POINT = "metering_point"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site of consumption. Fuse in amperes, yearly use in kWh."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    energy: Energy = Energy.ELECTRICITY
    metering_point: Annotated[Gsrn | None, Absent] = None
    address: Annotated[Line | None, Absent] = None
    postal_code: Annotated[PostalCode | None, Absent] = None
    city: Annotated[Line | None, Absent] = None
    main_fuse_a: Annotated[Annotated[int, Field(ge=1, le=MAX_FUSE_A)] | None, Absent] = None
    connection: Annotated[Line | None, Absent] = None
    contract: Annotated[Line | None, Absent] = None
    annual_use_kwh: Annotated[Annotated[float, Field(ge=0, le=MAX_USE_KWH, allow_inf_nan=False)] | None, Absent] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """Where, how often and how bills are sent, and the account that is paid from or refunded to."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    address: Annotated[Line | None, Absent] = None
    postal_code: Annotated[PostalCode | None, Absent] = None
    city: Annotated[Line | None, Absent] = None
    rhythm: Annotated[Word | None, Absent] = None
    method: Annotated[Word | None, Absent] = None
    iban: Annotated[Iban | None, Absent, Field(validation_alias=AliasChoices("iban", "account"))] = field(
        default=None, repr=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Marketing:
    """By which means the customer may and may not be marketed to, in the CRM's own words."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    permissions: Annotated[tuple[Word, ...], Field(max_length=MAX_CONTACTS), AfterValidator(_unique)] = ()
    prohibitions: Annotated[tuple[Word, ...], Field(max_length=MAX_CONTACTS), AfterValidator(_unique)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One piece of feedback or a satisfaction answer; the score is on the CRM's own scale."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    at: Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
    text: Annotated[Note | None, Absent] = None
    satisfaction: Annotated[float, Field(ge=-1_000, le=1_000, allow_inf_nan=False)] | None = None
    channel: Annotated[Word | None, Absent] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A hetu or business id in the clear; kept out of every repr, so that no log can show it."""

    kind: IdentifierKind
    value: str = field(repr=False)

    @property
    def mask(self) -> str:
        """What a view may show."""
        masked = identifiers.mask_hetu if self.kind is IdentifierKind.HETU else identifiers.mask_business_id
        return masked(self.value)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MatchKey:
    """One thing that a contact may be matched to a customer by."""

    kind: KeyKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of one company, whole, as the CRM sent it."""

    company: str
    number: str
    name: str = field(repr=False)
    kind: Kind
    identifier: Identifier | None = None
    phones: tuple[str, ...] = field(default=(), repr=False)
    emails: tuple[str, ...] = field(default=(), repr=False)
    sites: tuple[Site, ...] = field(default=(), repr=False)
    billing: Billing = field(default_factory=Billing, repr=False)
    marketing: Marketing = field(default_factory=Marketing, repr=False)
    feedback: tuple[Feedback, ...] = field(default=(), repr=False)
    attributes: dict[str, str] = field(default_factory=dict, repr=False)

    def match_keys(self) -> tuple[MatchKey, ...]:
        """Everything that a contact can be matched to this customer by, each once."""
        found = [MatchKey(kind=KeyKind.CUSTOMER_NUMBER, value=self.number)]
        found += [MatchKey(kind=KeyKind.PHONE, value=phone) for phone in self.phones]
        found += [MatchKey(kind=KeyKind.EMAIL, value=email) for email in self.emails]
        points = (site.metering_point for site in self.sites)
        found += [MatchKey(kind=KeyKind.METERING_POINT, value=point) for point in points if point]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """A customer as the store gives it out: identity code and account only as masks."""

    company: str
    number: str
    name: str = field(repr=False)
    kind: Kind
    identifier_kind: IdentifierKind | None
    identifier_mask: str | None
    phones: tuple[str, ...] = field(repr=False)
    emails: tuple[str, ...] = field(repr=False)
    sites: tuple[Site, ...] = field(repr=False)
    billing: Billing = field(repr=False)
    account_mask: str | None
    marketing: Marketing = field(repr=False)
    feedback: tuple[Feedback, ...] = field(repr=False)
    attributes: dict[str, str] = field(repr=False)
    created_at: datetime
    updated_at: datetime


class CustomerRequest(BaseModel):
    """The body of `PUT /customers/{customer_number}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    company: Company
    name: Line
    kind: Kind
    hetu: Annotated[Hetu | None, Absent] = Field(default=None, repr=False)
    business_id: Annotated[BusinessId | None, Absent] = Field(default=None, repr=False)
    phones: Annotated[tuple[Phone, ...], Field(max_length=MAX_CONTACTS), AfterValidator(_unique)] = ()
    emails: Annotated[tuple[Email, ...], Field(max_length=MAX_CONTACTS), AfterValidator(_unique)] = ()
    sites: Annotated[tuple[Site, ...], Field(max_length=MAX_SITES)] = ()
    billing: Billing = Billing()
    marketing: Marketing = Marketing()
    feedback: Annotated[tuple[Feedback, ...], Field(max_length=MAX_NOTES)] = ()
    attributes: Annotated[dict[Word, Value], Field(max_length=MAX_ATTRIBUTES)] = {}

    @field_validator("hetu")
    @classmethod
    def _suits_its_kind(cls, hetu: str | None, info: ValidationInfo) -> str | None:
        if hetu and info.data.get("kind") is Kind.LEGAL:
            raise ValueError("a legal person has a business_id")
        return hetu

    @field_validator("business_id")
    @classmethod
    def _one_identity(cls, business_id: str | None, info: ValidationInfo) -> str | None:
        if business_id and info.data.get("hetu"):
            raise ValueError("give a hetu or a business_id, not both")
        return business_id

    def customer(self, number: str) -> Customer:
        """The value that the body and the number in the address make together."""
        identifier = None
        if self.hetu:
            identifier = Identifier(kind=IdentifierKind.HETU, value=self.hetu)
        elif self.business_id:
            identifier = Identifier(kind=IdentifierKind.BUSINESS_ID, value=self.business_id)
        return Customer(
            company=self.company,
            number=number,
            name=self.name,
            kind=self.kind,
            identifier=identifier,
            phones=self.phones,
            emails=self.emails,
            sites=self.sites,
            billing=self.billing,
            marketing=self.marketing,
            feedback=self.feedback,
            attributes=dict(self.attributes),
        )


class CustomerLine(CustomerRequest):
    """One line of an import: the body of a PUT and the number that its address would carry."""

    customer_number: CustomerNumber

    def value(self) -> Customer:
        """The customer of this line."""
        return self.customer(self.customer_number)


def complaints(error: ValidationError, limit: int = 100) -> tuple[Complaint, ...]:
    """What pydantic found wrong, without any value that was sent.

    A field's name is the sender's own text when it is unknown, so it is cut short and cleaned.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(Complaint(field=_path(e["loc"]), message=_message(e["type"], e["msg"])) for e in found[:limit])


def _path(loc: Iterable[int | str]) -> str:
    path = ".".join(str(step) for step in loc if not str(step).startswith("function-"))
    return re.sub(r"[^\w.\[\]-]", "?", path)[:_FIELD_CHARS]


def _message(kind: str, text: str) -> str:
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return "unknown field"
    if kind == "string_pattern_mismatch":
        return "has characters or a form that is not taken"
    return text.removeprefix("Value error, ")
