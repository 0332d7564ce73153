"""A chat as bubbles of a page: whose each message is, where a speaker or a day begins.

How it looks is `templates/parts/chat.html`; the marks of a search are `static/chat.js`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from aiohttp import web

from archive import viewing_chat
from archive.domain.access import Purpose
from archive.domain.chats import Message
from archive.domain.interactions import Interaction, PartKind
from archive.errors import Damaged, StoreUnavailable
from archive.web import kit


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message. `begins_day`: the first of its day; `is_next`: the sender's first in a row."""

    number: int
    at: datetime
    role: str
    name: str | None
    text: str
    begins_day: bool
    is_next: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The bubbles of a chat, none before there is a purpose; `trouble` is what kept them shut."""

    bubbles: tuple[Bubble, ...] = ()
    trouble: Literal["damaged", "unavailable"] | None = None


async def conversation(request: web.Request, contact: Interaction, purpose: Purpose | None) -> Conversation | None:
    """What the page of a contact shows of its messages, which are opened once there is a purpose; None for a call.

    The rest of the page is shown even when the messages cannot be opened.
    """
    if contact.part(PartKind.MESSAGE) is None:
        return None
    if purpose is None:
        return Conversation()
    services, actor = kit.services(request), kit.actor(request)
    try:
        messages = await viewing_chat.open_messages(services, actor, contact.id, purpose, kit.now())
    except Damaged:
        return Conversation(trouble="damaged")
    except StoreUnavailable:
        return Conversation(trouble="unavailable")
    return Conversation(bubbles=tuple(bubbles(messages, kit.formats(request).zone)))


def bubbles(messages: Sequence[Message], zone: ZoneInfo) -> Iterator[Bubble]:
    """The bubbles of messages that are in the order of time; days are those of `zone`."""
    day: date | None = None
    sender: str | None = None
    for one in messages:
        here = one.at.astimezone(zone).date()
        yield Bubble(
            number=one.number,
            at=one.at,
            role=one.role,
            name=one.name,
            text=one.text,
            begins_day=here != day,
            is_next=here != day or one.sender != sender,
        )
        day, sender = here, one.sender
