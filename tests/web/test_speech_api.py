"""The API of speech: asking, rules, vocabulary and backlog, and who may do which."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_aiohttp import AiohttpClient
from sqlalchemy import text

from archive.app import create_app
from archive.custody import Services
from archive.domain.access import Role
from archive.domain.transcripts import TextState
from archive.store import trail, transcripts
from ingest import transcription
from ingest.transcription import CATCH_UP, Urgency, priority
from tests.audio import made
from tests.hearing import derive, found, hearing, queued, spoken
from tests.house import House, new_company

ASK = "/api/v1/interactions/{}/transcription"
RULES = "/api/v1/speech/rules"


async def call(
    house: House, method: str, path: str, role: Role = Role.ADMIN, body: Any = None, *, companies: Any = "own"
) -> tuple[int, Any]:
    headers = await house.headers(role, companies)
    answer = await house.client.request(method, path, json=body, headers=headers)
    return answer.status, await answer.json()


@pytest.fixture
async def heard(services: Services, aiohttp_client: AiohttpClient) -> House:
    """The application of an installation that turns speech into text; nothing here starts a recogniser."""
    hears = hearing(services)
    client = await aiohttp_client(create_app(hears.settings, hears))
    return House(client=client, services=hears, company=await new_company(hears))


async def test_without_a_model_nothing_can_be_asked_for_and_it_says_so(house: House) -> None:
    contact = await spoken(house.services, house.company)
    await derive(house.services, contact)
    kept = await found(house.services, contact)
    assert (kept.text_state, kept.text_reason) == (TextState.OFF, "speech-off")
    status, problem = await call(house, "POST", ASK.format(contact), Role.HANDLER)
    assert (status, problem["code"]) == (409, "speech-off")


async def test_what_a_person_asks_for_waits_before_the_newest(heard: House) -> None:
    asked = await spoken(heard.services, heard.company, started_at="2026-01-02T09:00:00+02:00")
    newest = await spoken(heard.services, heard.company, started_at="2026-11-20T09:00:00+02:00")
    status, answer = await call(heard, "POST", ASK.format(asked), Role.REVIEWER)
    assert (status, answer) == (202, {"state": "waiting"})
    for contact in (asked, newest):
        await derive(heard.services, contact)
    mine = [payload["interaction"] for payload, _ in await queued(heard.services, "transcribe")]
    assert mine.index(str(asked)) < mine.index(str(newest))
    async with heard.services.db.begin() as tx:
        assert await transcripts.asked_at(tx, asked) is not None
        events = await trail.page(tx, frozenset({heard.company}), interaction_id=asked)
    assert [one.event.action for one in events].count("ingest:transcription:asked") == 1


async def test_asking_again_for_what_is_under_way_queues_nothing(heard: House) -> None:
    contact = await spoken(heard.services, heard.company)
    await derive(heard.services, contact)
    for _ in range(3):
        assert (await call(heard, "POST", ASK.format(contact), Role.REVIEWER))[0] == 202
    jobs = [p for p, _ in await queued(heard.services, "transcribe") if p["interaction"] == str(contact)]
    assert len(jobs) == 2, "the job of its own, and one for all who asked"


async def test_what_is_not_there_cannot_be_asked_for(heard: House) -> None:
    status, problem = await call(heard, "POST", ASK.format(uuid4()), Role.HANDLER)
    assert (status, problem["code"]) == (404, "not-found")
    contact = await spoken(heard.services, await heard.another_company())
    assert (await call(heard, "POST", ASK.format(contact), Role.HANDLER))[0] == 404


async def test_a_recording_that_is_none_fails_and_cannot_be_asked_for(heard: House) -> None:
    contact = await spoken(heard.services, heard.company, made("ipod", "aac", rate=16_000)[:6_000])
    await derive(heard.services, contact)
    kept = await found(heard.services, contact)
    assert (kept.text_state, kept.text_reason) == (TextState.FAILED, "undecodable")
    status, problem = await call(heard, "POST", ASK.format(contact), Role.HANDLER)
    assert (status, problem["code"]) == (409, "cannot-be-heard")


@pytest.mark.parametrize("role", [Role.TELEPHONY, Role.ADMIN])
async def test_who_may_not_hear_may_not_ask(heard: House, role: Role) -> None:
    assert (await call(heard, "POST", ASK.format(uuid4()), role))[0] == 403


async def test_rules_decide_what_waits_and_are_asked_again_when_they_change(heard: House) -> None:
    rules = [
        {"mode": "off", "company": heard.company, "queue": "palaute"},
        {"mode": "on-demand", "company": heard.company},
    ]
    status, kept = await call(heard, "PUT", RULES, body={"rules": rules})
    assert status == 200
    assert {(one["mode"], one["queue"]) for one in kept["items"]} == {("off", "palaute"), ("on-demand", None)}
    off = await spoken(heard.services, heard.company, queue="palaute")
    on_demand = await spoken(heard.services, heard.company, queue="laskutus")
    for contact, reason in ((off, "off-by-rule"), (on_demand, "on-demand")):
        await derive(heard.services, contact)
        assert (await found(heard.services, contact)).text_reason == reason
    assert (await call(heard, "POST", ASK.format(off), Role.HANDLER))[1]["code"] == "speech-off"
    assert (await call(heard, "POST", ASK.format(on_demand), Role.HANDLER))[0] == 202
    assert (await call(heard, "PUT", RULES, body={"rules": []}))[0] == 200
    await catch_up(heard.services)
    assert (await found(heard.services, off)).text_state is TextState.WAITING
    mine = [payload["interaction"] for payload, _ in await queued(heard.services, "transcribe")]
    assert mine.count(str(off)) == mine.count(str(on_demand)) == 1


async def catch_up(services: Services) -> None:
    payload: dict[str, str] | None = {}
    while payload is not None:
        await transcription.catch_up(services, payload)
        payload = max((p for p, _ in await queued(services, CATCH_UP) if p), key=lambda p: p["after"], default=None)
        async with services.db.begin() as tx:
            await tx.execute(text("DELETE FROM pgqueuer WHERE entrypoint = :name"), {"name": CATCH_UP})


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([{"mode": "off", "company": "nobody"}], "rules.0.company"),
        ([{"mode": "off"}], "rules.0.company"),
        ([{"mode": "sometimes"}], "rules.0.mode"),
        ([{"mode": "off", "company": "own"}, {"mode": "all", "company": "own"}], "rules.1"),
    ],
    ids=["unknown-company", "every-company", "unknown-mode", "twice"],
)
async def test_a_rule_that_cannot_be_is_refused(heard: House, rules: list[dict[str, str]], field: str) -> None:
    told = [rule | ({"company": heard.company} if rule.get("company") == "own" else {}) for rule in rules]
    status, problem = await call(heard, "PUT", RULES, body={"rules": told})
    assert status == 422
    assert field in {complaint["field"] for complaint in problem["errors"]}


async def test_a_vocabulary_is_kept_tidy_and_by_company(heard: House) -> None:
    path = f"/api/v1/speech/vocabulary?company={heard.company}"
    status, kept = await call(heard, "PUT", path, body={"words": ["  Salpa   Energia ", "", "Tariffi", "tariffi"]})
    assert (status, kept["words"]) == (200, ["Salpa Energia", "Tariffi"])
    assert (await call(heard, "GET", path))[1] == kept
    assert (await call(heard, "PUT", path, body={"words": ["x" * 61]}))[0] == 422
    other = await heard.another_company()
    assert (await call(heard, "GET", f"/api/v1/speech/vocabulary?company={other}"))[0] == 404
    assert (await call(heard, "GET", path, Role.HANDLER))[0] == 403


async def test_the_backlog_counts_what_waits(heard: House) -> None:
    before = (await call(heard, "GET", "/api/v1/speech/backlog"))[1]
    contact = await spoken(heard.services, heard.company, duration_s=12)
    await derive(heard.services, contact)
    after = (await call(heard, "GET", "/api/v1/speech/backlog"))[1]
    assert (before["waiting"], after["waiting"]) == (0, 1)
    assert after["waiting_s"] == pytest.approx(12)
    assert after["model"] == "whisper-base"
    assert after["models"][0] | {"rate": 0, "expected_s": 0, "seen": 0} == {
        "model": "whisper-base",
        "current": True,
        "seen": 0,
        "rate": 0,
        "expected_s": 0,
    }


def test_urgency_counts_before_age() -> None:
    old, new = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 12, 31, tzinfo=UTC)
    assert priority(Urgency.NEWEST, old) < priority(Urgency.NEWEST, old + timedelta(minutes=1))
    assert priority(Urgency.NEWEST, new) < priority(Urgency.ASKED_FOR, old)
    assert priority(Urgency.ASKED_FOR, new) < priority(Urgency.OPEN_COMPLAINT, old)
    assert priority(Urgency.OPEN_COMPLAINT, new) < 2**31
