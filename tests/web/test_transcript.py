"""The words of a recording over HTTP: for a purpose, masked, on the trail before they leave, in three forms."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive.app import create_app
from archive.custody import open_services
from archive.domain.access import Role
from archive.domain.transcripts import Doubt, Dropped, TextState
from archive.settings import Settings
from archive.store import interactions
from tests.house import House, new_company
from tests.saying import keep_transcript, segment, transcript

SECRET = "131052-952T"
SAID = transcript(
    segment(0.0, 2.0, "agent", "Hinta pysyy samana toukokuuhun", unsure=["samana"]),
    segment(2.5, 4.5, "customer", f"Tunnukseni on {SECRET} <kiitos>"),
    dropped=(Dropped(start_s=5.0, end_s=9.0, speaker="agent", doubt=Doubt.LOOP),),
)


async def said(house: House) -> str:
    """The id of a contact with a transcript."""
    contact = str((await house.kept())["id"])
    await keep_transcript(house.services, contact, SAID)
    return contact


def path(contact: str) -> str:
    return f"/api/v1/interactions/{contact}/transcript"


async def opened(house: House, contact: str, **params: str) -> Any:
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    return await house.client.get(path(contact), params=params, headers=headers)


async def test_the_words_come_with_their_times_and_doubts(house: House) -> None:
    answer = await opened(house, await said(house))
    assert answer.status == 200
    found = await answer.json()
    assert (found["language"], found["model"]) == ("fi", "base")
    first = found["segments"][0]
    assert (first["start_s"], first["end_s"], first["speaker"]) == (0.0, 2.0, "agent")
    assert first["words"][2] == {"start_s": 1.0, "end_s": 1.5, "text": "samana", "confidence": 0.3}
    assert found["dropped"] == [{"start_s": 5.0, "end_s": 9.0, "speaker": "agent", "doubt": "loop"}]


@pytest.mark.parametrize("form", ["json", "text", "vtt"])
async def test_no_form_holds_a_secret(house: House, form: str) -> None:
    contact = await said(house)
    answer = await opened(house, contact, format=form)
    told = await answer.text()
    assert "Tunnukseni" in told
    assert SECRET not in told
    assert "952" not in told
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="transcript-{contact}.')
    assert answer.headers["Cache-Control"] == "private, no-store"


async def test_a_form_is_asked_for_by_name_or_by_what_is_accepted(house: House) -> None:
    contact = await said(house)
    headers = await house.headers(Role.HANDLER, Purpose="verification", **{"Accept-Language": "fi"})
    for accepted, begins in (
        (
            "text/vtt",
            "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.000\n<v Asiakaspalvelija>Hinta pysyy samana toukokuuhun</v>",
        ),
        ("text/plain", "0:00:00  Asiakaspalvelija: Hinta pysyy samana toukokuuhun\n"),
        ("*/*", '{"language":"fi"'),
    ):
        answer = await house.client.get(path(contact), headers={**headers, "Accept": accepted})
        assert (await answer.text()).startswith(begins)
    assert "&lt;kiitos&gt;" in await (await opened(house, contact, format="vtt")).text()
    assert (await opened(house, contact, format="pdf")).status == 422


async def test_a_purpose_is_needed_and_stands_on_the_trail(house: House) -> None:
    contact = await said(house)
    headers = await house.headers(Role.HANDLER)
    answer = await house.client.get(path(contact), headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (403, "purpose-required")
    answer = await house.client.get(path(contact), headers={**headers, "Purpose": "development"})
    assert (answer.status, (await answer.json())["code"]) == (403, "purpose-not-allowed")
    assert (await opened(house, contact)).status == 200
    history = await house.client.get(f"/api/v1/interactions/{contact}/history", headers=headers)
    events = [e for e in (await history.json())["items"] if e["action"] == "archive:transcript:opened"]
    assert [(e["purpose"], e["role"], e["detail"]) for e in events] == [("verification", "handler", {})]


async def test_words_that_cannot_be_written_down_are_not_shown(fresh_settings: Settings, aiohttp_client: Any) -> None:
    services = open_services(fresh_settings)
    client = await aiohttp_client(create_app(fresh_settings, services))
    house = House(client=client, services=services, company=await new_company(services))
    contact = await said(house)
    check = "CHECK (action <> 'archive:transcript:opened') NOT VALID"
    async with services.db.begin() as tx:
        await tx.execute(text(f"ALTER TABLE trail_events ADD CONSTRAINT no_reading {check}"))
    answer = await opened(house, contact)
    assert answer.status == 500
    assert "Hinta" not in await answer.text()
    await services.close()


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (TextState.WAITING, None, "This recording is waiting to be transcribed."),
        (TextState.OFF, "on-demand", "Nobody has asked for this recording to be transcribed. (on-demand)"),
        (TextState.FAILED, "timed-out", "This recording could not be transcribed. (timed-out)"),
    ],
    ids=lambda value: getattr(value, "value", None),
)
async def test_where_there_are_no_words_yet_it_is_said_why(
    house: House, state: TextState, reason: str | None, told: str
) -> None:
    contact = str((await house.kept())["id"])
    async with house.services.db.begin() as tx:
        await interactions.set_text(tx, UUID(contact), state, reason=reason)
    answer = await opened(house, contact)
    assert answer.status == 404
    assert (await answer.json())["detail"] == told
    record = await house.client.get(f"/api/v1/interactions/{contact}", headers=await house.headers(Role.HANDLER))
    assert (await record.json())["text"] == {"state": state.value, "reason": reason}


async def test_another_companys_words_are_not_there(house: House) -> None:
    contact = await said(house)
    other = await house.another_company()
    headers = await house.headers(Role.HANDLER, (other,), Purpose="verification")
    answer = await house.client.get(path(contact), headers=headers)
    assert answer.status == 404
    assert "detail" not in await answer.json() or "transcri" not in await answer.text()
