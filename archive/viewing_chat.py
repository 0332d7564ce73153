"""Opening what was written in a chat: for a stated purpose, masked, and on the trail before a word of it leaves.

Looking at the record and the sound is `archive.viewing`; transcripts are `archive.viewing_text`.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.chats import Message, read_messages
from archive.domain.interactions import PartKind
from archive.domain.sensitive import mask
from archive.errors import Destroyed, NotFound
from archive.store import hot, interactions


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
    async with services.db.read_bare() as connection:
        found = await hot.openable(connection, interaction_id, actor.companies, PartKind.MESSAGE)
    if found is None:
        raise await _missing(services, actor, interaction_id)
    identity = custody.unwrap(services, interaction_id, (found.key_id, found.wrapped))
    data = await custody.open_whole(services, identity, found.part)
    # A chat may have thousands of messages: reading and masking them is not for the event loop.
    messages = await asyncio.to_thread(lambda: without_secrets(read_messages(data)))
    async with services.db.begin() as tx:
        await services.record(
            tx,
            actor,
            Action.CONTENT_OPENED,
            now=now,
            companies=[found.part.company],
            interaction_id=interaction_id,
            purpose=purpose,
        )
    return messages


def without_secrets(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with each identity code, card and account number replaced by its mark."""
    masked = mask([one.text for one in messages], speakers=[one.sender for one in messages])
    return tuple(replace(one, text=text) for one, text in zip(messages, masked.texts, strict=True))


async def _missing(services: Services, actor: Actor, interaction_id: UUID) -> NotFound | Destroyed:
    async with services.db.read() as tx:
        if await interactions.get(tx, interaction_id, actor.companies) is not None:
            return NotFound("nothing was written in this contact")
        gone = await interactions.is_tombstone(tx, interaction_id, actor.companies)
    return Destroyed() if gone else NotFound()
