"""Opening a transcript that is made anew, or whose contact is destroyed, just while it is opened."""

from uuid import UUID

import pytest

from archive import viewing_text
from archive.custody import Services
from archive.domain.access import Actor, Purpose, PurposeKind, Role
from archive.domain.interactions import PartKind
from archive.domain.transcripts import Transcript
from archive.errors import Destroyed
from archive.objects.wire import ObjectMissing
from archive.store import interactions
from retention import disposal
from tests.house import now
from tests.keeping import keep, new_company, ruled_company
from tests.saying import keep_transcript, overtaken, segment, transcript

OLD = transcript(segment(0, 2, "agent", "vanha litterointi"))
NEW = transcript(segment(0, 2, "agent", "uusi litterointi"))


async def a_call(services: Services, company: str) -> UUID:
    (contact,) = await keep(services, company)
    await keep_transcript(services, contact, OLD)
    return contact


async def opened(services: Services, company: str, contact: UUID) -> Transcript:
    reader = Actor(id="user:laatu", name="Laatu", role=Role.REVIEWER, companies=frozenset({company}))
    return await viewing_text.open_transcript(services, reader, contact, Purpose(kind=PurposeKind.DEVELOPMENT), now())


async def test_the_newer_transcript_is_opened_where_the_older_one_has_gone(services: Services) -> None:
    company = await new_company(services)
    contact = await a_call(services, company)

    async def again() -> None:
        await keep_transcript(services, contact, NEW)

    async with overtaken(services, again) as reading:
        found = await opened(reading, company, contact)
    assert [one.text for one in found.segments] == ["uusi litterointi"]


async def test_an_object_that_has_gone_without_another_in_its_place_is_damage(services: Services) -> None:
    company = await new_company(services)
    contact = await a_call(services, company)

    async def lose() -> None:
        async with services.db.begin() as tx:
            kept = await interactions.get(tx, contact, None)
        part = None if kept is None else kept.part(PartKind.TRANSCRIPT)
        assert part is not None
        await services.bucket.delete_versions([(part.object_key, part.version_id)], bypass=True)

    async with overtaken(services, lose) as reading:
        with pytest.raises(ObjectMissing):
            await opened(reading, company, contact)


async def test_a_contact_that_is_destroyed_meanwhile_is_told_as_destroyed(services: Services) -> None:
    company = await ruled_company(services)
    contact = await a_call(services, company)
    dpo = Actor(id="user:dpo", name="dpo@example.com", role=Role.DPO, companies=frozenset({company}))

    async def destroy() -> None:
        assert (await disposal.run(services, dpo, now())).counts["destroyed"] == 1

    async with overtaken(services, destroy) as reading:
        with pytest.raises(Destroyed):
            await opened(reading, company, contact)
