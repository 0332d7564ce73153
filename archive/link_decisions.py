"""What a person decides about the links of a contact: make, accept, refuse, undo; each is on the trail.

The rule by which the house links by itself is `archive.domain.links`. HTTP is `archive.web.links` and the intake pages.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services
from archive.domain.access import Action, Actor
from archive.domain.links import Link, LinkChange, LinkStatus
from archive.errors import Conflict, Destroyed, Invalid, NotFound
from archive.store import customers, interactions, links

OTHER_ACCEPTED = "another customer was accepted"
_ACTIONS = {
    LinkChange.LINKED: Action.LINK_MADE,
    LinkChange.ACCEPTED: Action.LINK_ACCEPTED,
    LinkChange.REFUSED: Action.LINK_REFUSED,
    LinkChange.UNDONE: Action.LINK_UNDONE,
}


async def make(
    services: Services, actor: Actor, interaction_id: UUID, customer_number: str, now: datetime
) -> tuple[Link, bool]:
    """Link a contact to a customer of its company by hand; returns the link and whether it is new.

    Raises:
        NotFound, Destroyed: there is no such contact for this actor, or no longer.
        Invalid: the company has no such customer.

    """
    async with services.db.begin() as tx:
        company = await _lock(tx, actor, interaction_id)
        pair = await _pair(tx, company, interaction_id, customer_number)
        if pair is not None and pair.status is LinkStatus.LINKED:
            return pair, False
        if not await customers.names(tx, company, [customer_number]):
            raise Invalid.of("customer_number", "the contact's company has no such customer")
        decision = _Decision(
            services=services, tx=tx, actor=actor, company=company, interaction_id=interaction_id, now=now
        )
        return await decision.write(pair, LinkChange.LINKED, customer_number), True


async def accept(services: Services, actor: Actor, interaction_id: UUID, customer_number: str, now: datetime) -> Link:
    """Make a suggestion a link; the contact's other suggestions are refused with it.

    Raises:
        NotFound, Destroyed: there is no such contact or suggestion for this actor, or no longer.
        Conflict: it has been decided already.

    """
    async with services.db.begin() as tx:
        company = await _lock(tx, actor, interaction_id)
        pair = await _suggested(tx, company, interaction_id, customer_number)
        decision = _Decision(
            services=services, tx=tx, actor=actor, company=company, interaction_id=interaction_id, now=now
        )
        link = await decision.write(pair, LinkChange.ACCEPTED, customer_number)
        for other in await links.of_interaction(tx, company, interaction_id):
            if other.status is LinkStatus.SUGGESTED:
                await decision.write(other, LinkChange.REFUSED, other.customer_number, OTHER_ACCEPTED)
        return link


async def refuse(
    services: Services,
    actor: Actor,
    interaction_id: UUID,
    customer_number: str,
    now: datetime,
    *,
    reason: str | None = None,
) -> Link:
    """Refuse a suggestion; the house does not make it again.

    Raises:
        NotFound, Destroyed: there is no such contact or suggestion for this actor, or no longer.
        Conflict: it has been decided already.

    """
    async with services.db.begin() as tx:
        company = await _lock(tx, actor, interaction_id)
        pair = await _suggested(tx, company, interaction_id, customer_number)
        decision = _Decision(
            services=services, tx=tx, actor=actor, company=company, interaction_id=interaction_id, now=now
        )
        return await decision.write(pair, LinkChange.REFUSED, customer_number, reason)


async def undo(
    services: Services,
    actor: Actor,
    interaction_id: UUID,
    customer_number: str,
    now: datetime,
    *,
    reason: str | None = None,
) -> Link:
    """Undo a link, whoever made it; its history stays and the house does not make it again.

    Raises:
        NotFound, Destroyed: there is no such contact or link for this actor, or no longer.

    """
    async with services.db.begin() as tx:
        company = await _lock(tx, actor, interaction_id)
        pair = await _pair(tx, company, interaction_id, customer_number)
        if pair is None or pair.status not in {LinkStatus.LINKED, LinkStatus.SUGGESTED}:
            raise NotFound
        change = LinkChange.UNDONE if pair.status is LinkStatus.LINKED else LinkChange.REFUSED
        decision = _Decision(
            services=services, tx=tx, actor=actor, company=company, interaction_id=interaction_id, now=now
        )
        return await decision.write(pair, change, customer_number, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """One person's decision about one contact, in one transaction."""

    services: Services
    tx: AsyncConnection
    actor: Actor
    company: str
    interaction_id: UUID
    now: datetime

    async def write(
        self, pair: Link | None, change: LinkChange, customer_number: str, reason: str | None = None
    ) -> Link:
        """Write the pair, its history and the trail's event; the reason stays out of the trail, it is free text."""
        await links.set_by_hand(
            self.tx,
            pair,
            change,
            interaction_id=self.interaction_id,
            company=self.company,
            customer_number=customer_number,
            by=self.actor.name,
            now=self.now,
            reason=reason,
        )
        await self.services.record(
            self.tx,
            self.actor,
            _ACTIONS[change],
            now=self.now,
            companies=[self.company],
            interaction_id=self.interaction_id,
            detail={"customer": self.services.veil("customer", customer_number)},
        )
        written = await _pair(self.tx, self.company, self.interaction_id, customer_number)
        assert written is not None
        return written


async def _lock(tx: AsyncConnection, actor: Actor, interaction_id: UUID) -> str:
    company = await links.lock_contact(tx, interaction_id, actor.companies)
    if company is None:
        raise Destroyed if await interactions.is_tombstone(tx, interaction_id, actor.companies) else NotFound
    return company


async def _pair(tx: AsyncConnection, company: str, interaction_id: UUID, customer_number: str) -> Link | None:
    found = await links.of_interaction(tx, company, interaction_id)
    return next((link for link in found if link.customer_number == customer_number), None)


async def _suggested(tx: AsyncConnection, company: str, interaction_id: UUID, customer_number: str) -> Link:
    pair = await _pair(tx, company, interaction_id, customer_number)
    if pair is None:
        raise NotFound
    if pair.status is not LinkStatus.SUGGESTED:
        raise Conflict("this is no open suggestion")
    return pair
