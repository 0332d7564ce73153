"""The API of what was written: the messages of a chat.

Thin: who may open them, what is masked and what goes on the trail is `archive.viewing_chat`.
"""

from datetime import datetime
from typing import Any, Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from archive import viewing_chat
from archive.domain.access import Permission
from archive.domain.interactions import Channel
from archive.web import kit
from archive.web.interactions import purpose_of
from archive.web.routes import Route


class MessageAnswer(BaseModel):
    """One message; `number` counts from 1 in the order of time, `from` is the participant's id in the source."""

    number: int
    at: datetime
    sender: str = Field(serialization_alias="from")
    role: str
    name: str | None
    text: str


class ContentAnswer(BaseModel):
    """What was written in a contact, masked, in the order of time."""

    channel: Literal["chat"]
    messages: list[MessageAnswer]
    attachments: list[dict[str, Any]]


async def get_content(request: web.Request) -> web.StreamResponse:
    """The messages of a contact; that they were opened is on the trail before the first byte leaves."""
    interaction_id = kit.path_id(request)
    purpose = await purpose_of(request, interaction_id)
    messages = await viewing_chat.open_messages(
        kit.services(request), kit.actor(request), interaction_id, purpose, kit.now()
    )
    told = [
        {
            "number": one.number,
            "at": one.at,
            "from": one.sender,
            "role": one.role,
            "name": one.name,
            "text": one.text,
        }
        for one in messages
    ]
    headers = {hdrs.CACHE_CONTROL: "private, no-store", "X-Content-Type-Options": "nosniff"}
    answer = kit.json_answer({"channel": Channel.CHAT, "messages": told, "attachments": []}, headers=headers)
    answer.enable_compression()
    return answer


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/interactions/{id}/content",
        handler=get_content,
        permission=Permission.CONTENT_OPEN,
        summary="What was written, masked; needs the header Purpose",
        answer=ContentAnswer,
        answers=(
            (403, "Purpose missing or not the role's"),
            (404, "No such contact, or nothing was written in it"),
            (410, "It was lawfully destroyed"),
        ),
    ),
)
