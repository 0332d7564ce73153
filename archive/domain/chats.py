"""A kept chat as its messages: read from the bytes of its part `message`, which are the pushed JSON as it came.

What may come in is judged by `ingest.chat`; what must not be shown of it is `archive.domain.sensitive`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from archive.domain.interactions import must_be_aware
from archive.errors import Damaged

CHAT_MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `number` counts from 1 in the order of time, and is how a place in a chat is named.

    `sender` is the id of the participant, unique within the chat; `role` and `name` are that participant's.
    Lines of the text end with a line feed alone, so that a place in it is the same on a page.
    """

    number: int
    at: datetime
    sender: str
    role: str
    name: str | None
    text: str

    def __post_init__(self) -> None:
        must_be_aware(self.at)


def read_messages(data: bytes) -> tuple[Message, ...]:
    """The messages of a kept chat in the order of time; those of one moment in the order that they came in.

    Raises:
        Damaged: the bytes are no chat.

    """
    try:
        document = json.loads(data.decode("utf-8-sig"))
        people = {one["id"]: one for one in document["participants"]}
        said = [(_moment(one["at"]), one, people[one["from"]]) for one in document["messages"]]
        said.sort(key=lambda one: one[0])
        return tuple(_message(number, *one) for number, one in enumerate(said, start=1))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged from None


def _message(number: int, at: datetime, said: Mapping[str, Any], person: Mapping[str, Any]) -> Message:
    name = (person.get("name") or "").strip() or None
    text = said["text"].replace("\r\n", "\n").replace("\r", "\n")
    return Message(number=number, at=at, sender=person["id"], role=person["role"], name=name, text=text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.upper().replace(" ", "T", 1)).astimezone(UTC)
