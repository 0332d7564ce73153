"""What the requests about retention say, as models: bodies, queries and forms. Nothing here looks anything up."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from archive.domain.customers import Company
from archive.domain.filters import Absent, Cursor, FilterRequest, Instant, Text
from archive.domain.interactions import Channel
from archive.domain.retention import Period, Rule, Trigger

MOST_IDS = 10_000
_CONFIG = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _readable(text: str) -> str:
    return str(Period.parse(text))


PolicyName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9A-Za-zÅÄÖåäö][0-9A-Za-zÅÄÖåäö._-]{0,63}$")
]
Keep = Annotated[str, Field(max_length=32, examples=["P24M"]), AfterValidator(_readable)]
# Line breaks are fine in a reason; other control characters are not.
Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    ),
]


class PolicyBody(BaseModel):
    """A policy as it is put. A selector that is null or left out matches everything."""

    model_config = _CONFIG

    company: Annotated[Company | None, Absent] = None
    channel: Annotated[Channel | None, Absent] = None
    category: Annotated[Text | None, Absent] = None
    keep: Keep
    trigger: Trigger = Trigger.INTERACTION_END

    def rule(self, name: str) -> Rule:
        """The rule of that name."""
        return Rule(
            name=name,
            company=self.company,
            channel=self.channel,
            category=self.category,
            keep=Period.parse(self.keep),
            trigger=self.trigger,
        )


class PolicyForm(PolicyBody):
    """The same from a form, which has the name in it."""

    name: PolicyName


class NameOf(BaseModel):
    """The name in the address of a policy."""

    model_config = _CONFIG

    name: PolicyName


class PreviewBody(BaseModel):
    """The moment to look at (now, when left out), and which page of lines."""

    model_config = _CONFIG

    as_of: Annotated[Instant, Field(ge=datetime.fromisoformat("2000-01-01T00:00:00Z"))] | None = None
    limit: int = Field(default=500, ge=1, le=500)
    cursor: Cursor | None = None


class NoBody(BaseModel):
    """Nothing."""

    model_config = _CONFIG


class HoldBody(BaseModel):
    """A hold: why, and on which contacts, named by their ids or by a search."""

    model_config = _CONFIG

    reason: Reason
    ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_IDS)] | None = None
    search: FilterRequest | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.ids is None) == (self.search is None):
            raise ValueError("give either ids or search")
        if self.search is not None and not self.search.model_dump(exclude_none=True):
            raise ValueError("a search that asks nothing would hold everything; say what to look for")
        return self


class ReleaseBody(BaseModel):
    """Why a hold ends."""

    model_config = _CONFIG

    reason: Reason


class HoldForm(BaseModel):
    """A hold from the page of a contact."""

    model_config = _CONFIG

    reason: Reason
    ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_IDS)]
    back: str = "/retention"


class ReleaseForm(ReleaseBody):
    """A release from a page."""

    back: str = "/retention"


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = _CONFIG

    cursor: Cursor | None = None
    limit: int = Field(default=50, ge=1, le=500)


class HoldsQuery(PageQuery):
    """Which holds: those in force (true) or ended (false), those on one contact."""

    active: bool | None = None
    interaction: UUID | None = None
