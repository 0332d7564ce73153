"""Opening a part with words for a stated purpose: found within what the actor may see, read whole, and on the trail.

What the words are is `archive.viewing_chat` and `archive.viewing_text`; sound, which is read in ranges, is
`archive.viewing`.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from archive import custody
from archive.custody import Services
from archive.domain.access import Action, Actor, Purpose
from archive.domain.interactions import Interaction, PartKind
from archive.errors import Destroyed, NotFound
from archive.store import hot, interactions
from archive.store.hot import Openable


async def find(
    services: Services, actor: Actor, interaction_id: UUID, kind: PartKind, why_none: Callable[[Interaction], str]
) -> Openable:
    """The part of this kind of a contact; `why_none` says of a contact without one why that is.

    Raises:
        NotFound: there is no such contact for this actor, or no such part of it.
        Destroyed: it was lawfully destroyed.

    """
    async with services.db.read_bare() as connection:
        found = await hot.openable(connection, interaction_id, actor.companies, kind)
    if found is not None:
        return found
    async with services.db.read() as tx:
        contact = await interactions.get(tx, interaction_id, actor.companies)
        if contact is not None:
            raise NotFound(why_none(contact))
        gone = await interactions.is_tombstone(tx, interaction_id, actor.companies)
    raise Destroyed if gone else NotFound


async def read(services: Services, found: Openable) -> bytes:
    """All bytes of the part, its digest checked.

    Raises:
        StoreUnavailable: the object store cannot be reached.
        Damaged: the object is gone, or is not what was kept.

    """
    identity = custody.unwrap(services, found.part.interaction_id, (found.key_id, found.wrapped))
    return await custody.open_whole(services, identity, found.part)


async def commit_look(
    services: Services, actor: Actor, found: Openable, action: Action, *, purpose: Purpose, now: datetime
) -> None:
    """Put on the trail that the part was opened; its words may leave when this returns."""
    part = found.part
    async with services.db.begin() as tx:
        await services.record(
            tx,
            actor,
            action,
            now=now,
            companies=[part.company],
            interaction_id=part.interaction_id,
            purpose=purpose,
        )
