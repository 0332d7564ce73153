"""A pushed chat: its shape, its bounds, and the complaints about it.

Pure: bytes in, a value or every complaint at once out. The bytes themselves are what is kept; how they are read again
is `archive.domain.chats`. Messages may come in any order; they are shown in the order of time.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from archive.errors import Complaint, Invalid, TooLarge
from ingest import fields
from ingest.fields import (
    Absent,
    Agent,
    Attributes,
    Closed,
    Company,
    CustomerNumber,
    Email,
    Language,
    Lines,
    Moment,
    Phone,
    Plain,
    ShortText,
    Some,
)

MAX_PARTICIPANTS: Final = 200
MAX_MESSAGES: Final = 20_000
MAX_TEXT_CHARS: Final = 32_768
SLACK: Final = timedelta(minutes=5)
"""The clocks within one chat system may differ so much: of its servers, or of the chat and of its messages."""

_MAX_COMPLAINTS: Final = 100
_WHOLE: Final = "body"

Role = Literal["customer", "agent", "third_party", "bot"]
ParticipantId = Annotated[str, Field(min_length=1, max_length=200), Plain]


class Participant(Closed):
    """One who took part; `id` is the source's name for them, by which messages say whose they are."""

    id: ParticipantId
    role: Role
    name: Annotated[ShortText | None, Absent] = None
    email: Annotated[Email | None, Absent] = None
    phone: Annotated[Phone | None, Absent] = None


class Message(Closed):
    """One message; `sender` is `from` in the document. The text may have lines and tabs."""

    at: Moment
    sender: Annotated[ParticipantId, Field(alias="from")]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARS), Lines]


class Chat(Closed):
    """What a chat system says of one chat that has ended. Times are in UTC; texts that were sent blank are None."""

    company: Company
    started_at: Moment
    participants: Annotated[tuple[Participant, ...], Some, Field(max_length=MAX_PARTICIPANTS, strict=False)]
    messages: Annotated[tuple[Message, ...], Some, Field(max_length=MAX_MESSAGES, strict=False)]
    ended_at: Moment | None = None
    direction: Literal["inbound", "outbound", "internal"] | None = None
    queue: Annotated[ShortText | None, Absent] = None
    category: Annotated[ShortText | None, Absent] = None
    agent: Agent | None = None
    customer_number: Annotated[CustomerNumber | None, Absent] = None
    language: Annotated[Language | None, Absent] = None
    attributes: Attributes = Field(default_factory=dict)

    @property
    def answered_by(self) -> Agent | None:
        """The agent: as said, else the only one among the participants."""
        agents = [person for person in self.participants if person.role == "agent"]
        if self.agent is not None or len(agents) != 1:
            return self.agent
        return Agent(id=agents[0].id, name=agents[0].name)

    @property
    def over_at(self) -> datetime:
        """When the contact ended: as said, else with the last message."""
        return self.ended_at or max(self.started_at, *(message.at for message in self.messages))

    @property
    def began(self) -> Literal["inbound", "outbound", "internal"]:
        """The direction: as said, else by who wrote first, a customer or the company; without a customer internal.

        What a bot says first is a greeting, and not the company seeking the customer.
        """
        if self.direction is not None:
            return self.direction
        roles = {person.id: person.role for person in self.participants}
        if "customer" not in roles.values():
            return "internal"
        in_time = sorted(self.messages, key=lambda message: message.at)
        first = next((roles[one.sender] for one in in_time if roles[one.sender] != "bot"), "customer")
        return "outbound" if first == "agent" else "inbound"


def judge(raw: bytes, now: datetime, limit_bytes: int) -> Chat:
    """Read a chat; `now` is an aware time.

    Raises:
        TooLarge: more than `limit_bytes`.
        Invalid: not JSON in UTF-8, or not of this shape; with every complaint (at most 100) and its dotted path.

    """
    if len(raw) > limit_bytes:
        raise TooLarge(f"a chat may have {limit_bytes} bytes")
    if not raw:
        raise Invalid.of(_WHOLE, "the chat is empty")
    chat = fields.judge(Chat, fields.parse(raw, _WHOLE), now, _WHOLE)
    if wrong := list(_complaints(chat))[:_MAX_COMPLAINTS]:
        raise Invalid(wrong)
    return chat


def _complaints(chat: Chat) -> Iterator[Complaint]:
    """What no field can tell alone."""
    yield from _wrong_people(chat)
    if chat.ended_at is not None and chat.ended_at < chat.started_at:
        yield Complaint(field="ended_at", message="Must not be before started_at")
    if not any(message.text.strip() for message in chat.messages):
        yield Complaint(field="messages", message="Must have a message with text in it")
    yield from _wrong_times(chat)


def _wrong_people(chat: Chat) -> Iterator[Complaint]:
    seen: set[str] = set()
    for place, person in enumerate(chat.participants):
        if person.id in seen:
            yield Complaint(field=f"participants.{place}.id", message="Is the id of an earlier participant")
        seen.add(person.id)
    for place, message in enumerate(chat.messages):
        if message.sender not in seen:
            yield Complaint(field=f"messages.{place}.from", message="Must be the id of a participant")


def _wrong_times(chat: Chat) -> Iterator[Complaint]:
    end = chat.ended_at if chat.ended_at is not None and chat.ended_at >= chat.started_at else None
    for place, message in enumerate(chat.messages):
        if message.at < chat.started_at - SLACK:
            yield Complaint(field=f"messages.{place}.at", message="Must not be before started_at")
        if end is not None and message.at > end + SLACK:
            yield Complaint(field=f"messages.{place}.at", message="Must not be after ended_at")
