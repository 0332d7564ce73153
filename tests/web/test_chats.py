"""Pushing chats over HTTP: receipts, repeats, races, refusals, and what is written of them."""

import asyncio
import gzip
import hashlib
import json
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from archive import custody
from archive.domain.access import HOUSE, Role
from archive.domain.companies import CompanyKind
from archive.domain.interactions import DeriveState, Direction, Interaction, PartKind
from archive.domain.transcripts import TextState
from archive.store import interactions
from retention import disposal
from tests import chats
from tests.chats import chat, kept, push, said
from tests.house import House, now


async def objects(house: House) -> int:
    return len([found async for found in house.services.bucket.versions(f"{house.company}/")])


async def row(house: House, receipt: dict[str, Any]) -> Interaction:
    async with house.services.db.read() as tx:
        found = await interactions.get(tx, UUID(receipt["id"]), None)
    assert found is not None
    return found


async def test_a_chat_is_kept_and_its_receipt_says_what(house: House) -> None:
    body = json.dumps(chat(house.company), indent=2, ensure_ascii=False).encode()
    answer = await push(house, "chat-1", body=body)
    receipt = await answer.json()
    assert answer.status == 201
    assert list(receipt) == [
        "id", "source", "external_id", "sha256", "size_bytes", "received_at", "links", "retain_until", "policy",
    ]  # fmt: skip
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert (receipt["size_bytes"], receipt["source"], receipt["external_id"]) == (len(body), "chat", "chat-1")


async def test_the_bytes_are_kept_as_they_came(house: House) -> None:
    body = b"\n  " + json.dumps(chat(house.company), indent=3).encode() + b"\n\n"
    found = await row(house, await (await push(house, body=body)).json())
    part = found.part(PartKind.MESSAGE)
    assert part is not None
    assert (part.media_type, len(found.parts)) == ("application/json", 1)
    async with house.services.db.read() as tx:
        identity = await custody.identity_of(house.services, tx, found.id)
    assert await custody.open_whole(house.services, identity, part) == body


async def test_what_is_said_of_a_chat_is_kept(house: House) -> None:
    people = [
        {"id": "c", "role": "customer", "name": "Eero Esimerkki", "phone": "040 123 4567", "email": "Eero@Example.fi"},
        {"id": "b", "role": "bot", "name": "Valo"},
        {"id": "a", "role": "agent", "name": "Aino Esimerkki"},
    ]
    messages = [said("09:15:00", "b", "Hei!"), said("09:15:10", "c", "Hei"), said("09:20:00", "a", "Moi")]
    more: dict[str, Any] = {
        "queue": "Laskutus",
        "category": "invoice",
        "language": "fi",
        "attributes": {"site": "Lahti"},
    }
    found = await row(house, await kept(house, participants=people, messages=messages, **more))
    facts = found.facts
    assert (facts.channel, facts.direction, facts.duration_s) == ("chat", Direction.INBOUND, None)
    assert (facts.agent_id, facts.agent_name, facts.queue, facts.language) == ("a", "Aino Esimerkki", "Laskutus", "fi")
    assert facts.ended_at.isoformat() == "2026-11-02T07:20:00+00:00"
    assert [(p.role, p.phone, p.email) for p in facts.parties] == [
        ("customer", "+358401234567", "eero@example.fi"), ("bot", None, None), ("agent", None, None),
    ]  # fmt: skip


async def test_nothing_is_to_be_derived_and_its_words_wait_for_the_index(house: House) -> None:
    receipt = await kept(house)
    found = await row(house, receipt)
    assert (found.derive_state, found.text_state) == (DeriveState.DONE, TextState.WAITING)
    async with house.services.db.read() as tx:
        rows = (await tx.execute(text("SELECT entrypoint, payload FROM pgqueuer"))).all()
    mine = [(name, json.loads(payload)) for name, payload in rows if receipt["id"].encode() in payload]
    assert mine == [("search.index", {"company": house.company, "interaction": receipt["id"]})]


async def test_the_same_bytes_again_give_the_same_receipt(house: House) -> None:
    first, second = await push(house, "again"), await push(house, "again")
    assert (first.status, second.status) == (201, 200)
    assert await first.json() == await second.json()


async def test_other_bytes_under_a_known_id_are_refused(house: House) -> None:
    receipt = await kept(house, "taken")
    spelled = json.dumps(chat(house.company), indent=1).encode()  # the same chat, but other bytes
    other = await push(house, "taken", body=spelled)
    assert (other.status, (await other.json())["code"]) == (409, "already-kept")
    assert await (await push(house, "taken")).json() == receipt


async def test_a_recordings_id_is_no_chats(house: House) -> None:
    await house.kept("shared")
    assert (await push(house, "shared", source="pbx")).status == 409
    assert (await push(house, "shared", source="chat")).status == 201


async def test_twenty_at_once_make_one(house: House) -> None:
    answers = await asyncio.gather(*(push(house, "race") for _ in range(20)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
    assert len({(await answer.json())["id"] for answer in answers}) == 1
    assert await objects(house) == 1


async def test_two_bodies_at_once_keep_one_and_refuse_the_other(house: House) -> None:
    answers = await asyncio.gather(*(push(house, "two", queue=str(i % 2)) for i in range(20)))
    statuses = Counter(answer.status for answer in answers)
    assert (statuses[201], statuses[200], statuses[409]) == (1, 9, 10)
    assert await objects(house) == 1


async def test_chats_and_recordings_at_once_are_all_kept(house: House) -> None:
    answers = await asyncio.gather(*(push(house) if i % 2 else house.push() for i in range(12)))
    assert {answer.status for answer in answers} == {201}
    ids = {(await answer.json())["id"] for answer in answers}
    async with house.services.db.read() as tx:
        rows = (await tx.execute(text("SELECT entrypoint, payload FROM pgqueuer"))).all()
    queued = Counter(name for name, payload in rows if json.loads(payload).get("interaction") in ids)
    assert queued == {"search.index": 6, "derive": 6}


async def test_what_was_destroyed_stays_so(house: House) -> None:
    await write_policy(house, "chat", "P1D")
    receipt = await kept(house, "gone")
    assert receipt["policy"] == house.company
    await disposal.run(house.services, HOUSE, now())
    assert await objects(house) == 0
    again = await push(house, "gone")
    assert (again.status, (await again.json())["code"]) == (410, "destroyed")


async def test_a_rule_for_chats_is_theirs_alone(house: House) -> None:
    await write_policy(house, "chat", "P24M")
    receipt = await kept(house, ended_at="2026-11-02T10:00:00+02:00")
    assert (receipt["policy"], receipt["retain_until"][:10]) == (house.company, "2028-11-02")
    assert (await house.kept())["policy"] is None


async def write_policy(house: House, channel: str, keep: str) -> None:
    answer = await house.client.put(
        f"/api/v1/policies/{house.company}",
        json={
            "company": house.company, "channel": channel, "category": None, "keep": keep, "trigger": "interaction_end",
        },
        headers=await house.headers(Role.ADMIN),
    )  # fmt: skip
    assert answer.status < 300, await answer.text()


@pytest.mark.parametrize("trace", ["phone", "email", "number"])
async def test_a_chat_is_linked_to_its_customer(house: House, trace: str) -> None:
    answer = await house.client.put(
        "/api/v1/customers/C100",
        json={
            "company": house.company, "name": "Eero Esimerkki", "kind": "natural",
            "phones": ["0401234567"], "emails": ["eero@example.fi"],
        },
        headers=await house.headers(Role.ADMIN),
    )  # fmt: skip
    assert answer.status == 201
    given = {"phone": "+358 40 123 4567", "email": "Eero@example.fi"}
    people = [{"id": "c1", "role": "customer"} | ({trace: given[trace]} if trace in given else {})]
    more = {"customer_number": "C100"} if trace == "number" else {}
    messages = [said("09:15:00", "c1", "Hei")]
    receipt = await kept(house, participants=people, messages=messages, **more)
    evidence = {"number": "customer_number"}.get(trace, trace)
    assert receipt["links"] == [{"customer_number": "C100", "evidence": evidence, "status": "linked"}]


async def test_every_complaint_is_said_at_once(house: House) -> None:
    answer = await push(
        house,
        started_at="yesterday",
        colour="red",
        participants=[{"id": "c1", "role": "dog"}, {"role": "agent"}],
        messages=[{"at": "2026-11-02T09:15:00", "from": "c1", "text": 7}],
    )
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {
        "started_at", "colour", "participants.0.role", "participants.1.id", "messages.0.at", "messages.0.text",
    }  # fmt: skip
    assert await objects(house) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 422, id="nothing"),
        pytest.param(b"{", 422, id="cut"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b"null", 422, id="null"),
        pytest.param(b"\xff\xfe{}", 422, id="utf-16"),
        pytest.param(b"[" * 100_000, 422, id="deep"),
        pytest.param(b'{"company": NaN}', 422, id="nan"),
        pytest.param(b'{"company":"a","company":"b"}', 422, id="twice"),
        pytest.param(b" " * (8 * 1024**2 + 1), 413, id="too large"),
    ],
)
async def test_rubbish_is_refused_and_nothing_kept(house: House, body: bytes, status: int) -> None:
    answer = await push(house, body=body)
    assert answer.status == status, await answer.text()
    assert await objects(house) == 0


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Type": "text/plain"}, id="text"),
        pytest.param({"Content-Type": "application/json; charset=latin-1"}, id="latin-1"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, id="form"),
    ],
)
async def test_only_json_in_utf_8_is_taken(house: House, headers: dict[str, str]) -> None:
    assert (await push(house, headers=headers)).status == 415
    assert await objects(house) == 0


async def test_packed_bytes_are_not_unpacked(house: House) -> None:
    body = gzip.compress(json.dumps(chat(house.company)).encode())
    assert (await push(house, body=body, headers={"Content-Encoding": "gzip"})).status == 415


async def test_another_companys_chat_cannot_be_pushed_or_guessed(house: House) -> None:
    other = await house.another_company(CompanyKind.NETWORK)
    known, unknown = await push(house, "x", company=other), await push(house, "x", company="t-no-such-company")
    assert (known.status, unknown.status) == (404, 404)
    assert await known.json() == await unknown.json()


async def test_a_long_chat_is_kept_whole(house: House) -> None:
    messages = [said("09:15:00", "c1", f"{number} " + "sähkölasku " * 30) for number in range(8_000)]
    receipt = await kept(house, messages=messages)
    assert receipt["size_bytes"] > 3_000_000


async def test_that_a_chat_was_kept_is_on_the_trail(house: House) -> None:
    receipt = await kept(house)
    answer = await house.client.get(f"/api/v1/trail?interaction={receipt['id']}", headers=await house.headers(Role.DPO))
    (event,) = (await answer.json())["items"]
    assert event["action"] == "archive:chat:kept"
    assert event["detail"] == {key: receipt[key] for key in ("source", "sha256", "size_bytes")}


async def test_pushes_of_chats_are_for_telephony_alone(house: House) -> None:
    for role in set(Role) - {Role.TELEPHONY}:
        answer = await house.client.put(
            "/api/v1/chats/chat/1", json=chats.chat(house.company), headers=await house.headers(role)
        )
        assert answer.status == 403
