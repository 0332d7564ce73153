"""What was destroyed stays destroyed, although a push of it had looked before the burial."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from archive.custody import Services, open_services
from archive.domain.access import HOUSE, Action, Actor, Role
from archive.domain.interactions import Interaction
from archive.errors import Destroyed
from archive.settings import Settings
from archive.store import destruction, hot, interactions, trail
from archive.store.destruction import CONTENT
from archive.store.hot import Deposit
from archive.store.tables import interactions as contacts
from archive.store.tables import tombstones
from ingest import intake
from ingest.metadata import judge
from retention import disposal
from tests.house import metadata, sound
from tests.keeping import keep, ruled_company


@pytest.fixture(scope="module")
async def services(settings: Settings) -> AsyncIterator[Services]:
    opened = open_services(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def company(services: Services) -> str:
    return await ruled_company(services)


def dpo(company: str) -> Actor:
    return Actor(id="user:dpo", name="dpo@example.com", role=Role.DPO, companies=frozenset({company}))


async def test_a_slow_push_does_not_bring_back_what_was_destroyed_meanwhile(services: Services, company: str) -> None:
    now = datetime.now(UTC)
    said = metadata(company, started_at="2022-03-01T12:00:00Z", duration_s=1)
    push = intake.recording("pbx", str(uuid4()), judge(json.dumps(said).encode(), now))
    audio = sound()

    async def at_once() -> AsyncIterator[bytes]:
        yield audio

    async def slowly() -> AsyncIterator[bytes]:
        yield audio[:9000]
        assert (await intake.receive(services, HOUSE, push, at_once(), now)).created
        ended = await disposal.run(services, dpo(company), datetime.now(UTC))
        assert ended.counts["destroyed"] == 1
        yield audio[9000:]

    with pytest.raises(Destroyed):
        await intake.receive(services, HOUSE, push, slowly(), now)


async def test_a_push_that_waits_for_a_burial_finds_the_name_destroyed(services: Services, company: str) -> None:
    (contact,) = await keep(services, company)
    async with services.db.begin() as tx:
        found = await interactions.get(tx, contact, None)
    assert found is not None
    begun = await disposal.start(services, dpo(company), datetime.now(UTC), companies=frozenset({company}))
    again = _deposit_of(services, replace(found, id=UUID(int=uuid4().int), parts=()))

    async def deposit() -> bool:
        async with services.db.begin() as tx:
            return await hot.deposit(tx, again)

    async with services.db.begin() as tx:
        await _bury(tx, contact, again, begun.id)
        waiting = asyncio.create_task(deposit())
        await asyncio.sleep(0.3)
    assert not await waiting
    assert not await deposit()


async def _bury(tx: AsyncConnection, contact: UUID, again: Deposit, disposal_id: UUID) -> None:
    for table in CONTENT:
        await tx.execute(delete(table).where(table.c.interaction_id == contact))
    await tx.execute(delete(contacts).where(contacts.c.id == contact))
    await tx.execute(
        insert(tombstones).values(
            identity_hash=again.identity_hash,
            interaction_id=contact,
            company=again.interaction.facts.company,
            disposal_id=disposal_id,
            destroyed_at=datetime.now(UTC),
        )
    )


def _deposit_of(services: Services, contact: Interaction) -> Deposit:
    told, now = contact.facts, datetime.now(UTC)
    name = destruction.identity_hash(services.keyring.keyed_hash, told.company, told.source, told.external_id)
    event = services.event(HOUSE, Action.RECORDING_KEPT, now=now, companies=[told.company], interaction_id=contact.id)
    return Deposit(
        interaction=contact,
        identity_hash=name,
        key_id="k",
        wrapped=b"w",
        links=[],
        link_events=[],
        event=trail.row_of(event, services.mac),
    )
