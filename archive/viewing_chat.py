"""Opening what was written in a chat: for a stated purpose, masked, and on the trail before a word of it leaves.

Looking at the record and the sound is `archive.viewing`; transcripts are `archive.viewing_text`.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from archive import viewing_part
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.chats import Message, read_messages
from archive.domain.interactions import PartKind
from archive.domain.sensitive import mask

_NONE = "nothing was written in this contact"


async def open_messages(
    services: Services, actor: Actor, interaction_id: UUID, purpose: Purpose, now: datetime
) -> tuple[Message, ...]:
    """A chat's messages without their secrets; that they were opened has been committed when this returns.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor, or nothing was written in it.
        Destroyed: it was lawfully destroyed.
        StoreUnavailable: the database or the object store cannot be reached.
        Damaged: the object is not what was kept.

    """
    purpose.must_suit(actor.role)
    found = await viewing_part.find(services, actor, interaction_id, PartKind.MESSAGE, lambda _: _NONE)
    data = await viewing_part.read(services, found)
    # A chat may have thousands of messages: reading and masking them is not for the event loop.
    messages = await asyncio.to_thread(lambda: without_secrets(read_messages(data)))
    await viewing_part.commit_look(services, actor, found, Action.CONTENT_OPENED, purpose=purpose, now=now)
    return messages


def without_secrets(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with each identity code, card and account number replaced by its mark."""
    masked = mask([one.text for one in messages], speakers=[one.sender for one in messages])
    return tuple(replace(one, text=text) for one, text in zip(messages, masked.texts, strict=True))
