"""The part of a contact's page that says where its transcription stands, and the button that asks for it."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pytest_aiohttp import AiohttpClient

from archive.app import create_app
from archive.custody import Services, open_services
from archive.domain.access import Role
from archive.domain.interactions import DeriveState
from archive.domain.transcripts import TextState
from archive.settings import Settings
from archive.store import interactions, transcripts
from tests.hearing import until
from tests.house import House, new_company
from tests.saying import keep_transcript, segment, transcript
from tests.web.test_pages import send, signed_in

BUTTON = re.compile(r'action="/interactions/[\w-]+/transcribe"')


@pytest.fixture
async def hearing(settings: Settings, aiohttp_client: AiohttpClient) -> AsyncIterator[House]:
    """The application of an installation that turns speech into text."""
    services = open_services(settings.model_copy(update={"speech_model": "base"}))
    client = await aiohttp_client(create_app(services.settings, services))
    yield House(client=client, services=services, company=await new_company(services))
    await services.close()


async def decoded(services: Services, contact: str, state: TextState, reason: str | None = None) -> None:
    """Put a contact where its job would leave it."""
    async with services.db.begin() as tx:
        await interactions.set_derived(tx, UUID(contact), DeriveState.DONE, {"duration_s": 60.0, "channels": 2})
        await interactions.set_text(tx, UUID(contact), state, reason=reason)


async def part(client: Any, contact: str, shown: str = "") -> str:
    answer = await client.get(f"/interactions/{contact}/speech", params={"shown": shown} if shown else {})
    assert answer.status == 200
    told: str = await answer.text()
    return told


async def test_it_says_that_it_waits_and_looks_again(hearing: House) -> None:
    client = await signed_in(hearing, Role.HANDLER)
    contact = str((await hearing.kept())["id"])
    assert "Tallennetta puretaan" in await part(client, contact)
    await decoded(hearing.services, contact, TextState.WAITING)
    told = await part(client, contact)
    assert "Odottaa litterointia." in told
    assert 'hx-trigger="load delay:5s"' in told


async def test_the_queue_is_counted_once_for_all_who_look_within_seconds(hearing: House) -> None:
    contact, other = [str((await hearing.kept())["id"]) for _ in range(2)]
    for one in (contact, other):
        await decoded(hearing.services, one, TextState.WAITING)
    client = await signed_in(hearing, Role.HANDLER)
    assert all("Jonossa on 2 tallennetta." in told for told in [await part(client, one) for one in (contact, other)])
    async with hearing.services.db.begin() as tx:
        await interactions.set_text(tx, UUID(other), TextState.DONE)
    assert "Jonossa on 2 tallennetta." in await part(client, contact), "as it was a moment ago"

    async def is_counted_anew() -> bool:
        return "Jonossa" not in await part(client, contact)

    await until(is_counted_anew)


@pytest.mark.parametrize(
    ("state", "reason", "told", "can_ask"),
    [
        (TextState.OFF, "on-demand", "Tällaiset yhteydenotot litteroidaan pyynnöstä.", True),
        (TextState.OFF, "off-by-rule", "Asetusten sääntö jättää", False),
        (TextState.OFF, "speech-off", "Tässä asennuksessa puhetta ei litteroida.", False),
        (TextState.FAILED, "time", "Se kesti liian kauan.", True),
        (TextState.FAILED, "undecodable", "Tallennetta ei voida purkaa.", False),
        (TextState.FAILED, "something-new", "Litterointi ei onnistunut.", True),
    ],
    ids=["on-demand", "off-by-rule", "speech-off", "time", "undecodable", "new"],
)
async def test_it_says_why_there_are_no_words(
    hearing: House, state: TextState, reason: str, told: str, can_ask: bool
) -> None:
    client = await signed_in(hearing, Role.HANDLER)
    contact = str((await hearing.kept())["id"])
    await decoded(hearing.services, contact, state, reason)
    shown = await part(client, contact)
    assert told in shown
    assert "hx-get" not in shown, "nothing changes by itself"
    assert bool(BUTTON.search(shown)) is can_ask


async def test_asking_is_written_down_and_the_words_come_by_themselves(hearing: House) -> None:
    client = await signed_in(hearing, Role.REVIEWER)
    contact = str((await hearing.kept())["id"])
    await decoded(hearing.services, contact, TextState.OFF, "on-demand")
    page = f"/interactions/{contact}"
    answer = await send(client, f"{page}/transcribe", page, back=page)
    assert (answer.status, answer.headers["Location"]) == (303, page)
    async with hearing.services.db.read() as tx:
        assert await transcripts.asked_at(tx, UUID(contact)) is not None
    told = await part(client, contact)
    assert "Litterointi on pyydetty" in told
    assert not BUTTON.search(told), "once is enough"
    await keep_transcript(hearing.services, contact, transcript(segment(0, 2, "agent", "hei vaan")))
    assert f'hx-get="{page}/transcript"' in await part(client, contact)


async def test_a_transcript_can_be_asked_for_again_and_the_newer_one_is_told(hearing: House) -> None:
    client = await signed_in(hearing, Role.DPO)
    contact = str((await hearing.kept())["id"])
    await decoded(hearing.services, contact, TextState.DONE)
    await keep_transcript(hearing.services, contact, transcript(segment(0, 2, "agent", "hei vaan")))
    document = await (await client.get(f"/api/v1/interactions/{contact}")).json()
    shown = next(one["id"] for one in document["parts"] if one["kind"] == "transcript")
    assert "Litteroi uudelleen" in await part(client, contact, shown)
    page = f"/interactions/{contact}"
    await send(client, f"{page}/transcribe", page)
    assert "litteroidaan uudelleen" in await part(client, contact, shown)
    await keep_transcript(hearing.services, contact, transcript(segment(0, 2, "agent", "hei sinne")))
    assert "Näytä uusi teksti" in await part(client, contact, shown)


async def test_what_cannot_be_transcribed_is_refused_in_words(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    contact = str((await house.kept())["id"])
    page = f"/interactions/{contact}"
    answer = await send(client, f"{page}/transcribe", page, back=page)
    assert answer.status == 303
    assert "Tätä yhteydenottoa ei voida litteroida." in await (await client.get(page)).text()


async def test_how_another_companys_calls_stand_is_not_told(hearing: House) -> None:
    contact = str((await hearing.kept())["id"])
    stranger = await signed_in(hearing, Role.HANDLER, [await hearing.another_company()])
    assert (await stranger.get(f"/interactions/{contact}/speech")).status == 404
    answer = await send(stranger, f"/interactions/{contact}/transcribe", "/intake")
    assert answer.status == 404
