"""Pushing over HTTP: receipts, repeats, races, refusals."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from aiohttp import MultipartWriter
from sqlalchemy import text

from archive.domain.access import Role
from archive.domain.companies import CompanyKind
from archive.store import interactions
from tests.house import House, envelope, metadata, sound


async def test_a_push_is_kept_and_its_receipt_says_what(house: House) -> None:
    audio = sound()
    answer = await house.push("call-1", audio=audio, queue="billing")
    receipt = await answer.json()
    assert answer.status == 201
    assert list(receipt) == [
        "id", "source", "external_id", "sha256", "size_bytes", "received_at", "links", "retain_until", "policy",
    ]  # fmt: skip
    assert receipt["sha256"] == hashlib.sha256(audio).hexdigest()
    assert (receipt["size_bytes"], receipt["source"], receipt["external_id"]) == (len(audio), "pbx", "call-1")


async def test_what_is_heard_is_what_was_pushed(house: House) -> None:
    audio = sound(3.0)
    receipt = await house.kept(audio=audio)
    heard = await house.client.get(
        f"/api/v1/interactions/{receipt['id']}/audio", headers=await house.headers(Role.HANDLER, Purpose="verification")
    )
    assert (heard.status, heard.content_type) == (200, "audio/wav")
    assert await heard.read() == audio


async def test_a_range_is_served_from_the_chunks_it_lies_in(house: House) -> None:
    audio = sound(20.0)
    receipt = await house.kept(audio=audio)
    headers = await house.headers(Role.HANDLER, Purpose="complaint:C-1", Range="bytes=65530-65545")
    heard = await house.client.get(f"/api/v1/interactions/{receipt['id']}/audio", headers=headers)
    assert (heard.status, heard.headers["Content-Range"]) == (206, f"bytes 65530-65545/{len(audio)}")
    assert await heard.read() == audio[65530:65546]


async def test_the_same_bytes_again_give_the_same_receipt(house: House) -> None:
    first = await house.push("again")
    second = await house.push("again")
    assert (first.status, second.status) == (201, 200)
    assert await first.json() == await second.json()


async def test_other_bytes_under_a_known_id_are_refused(house: House) -> None:
    kept = await house.kept("taken", audio=sound(pitch=300))
    other = await house.push("taken", audio=sound(pitch=500))
    assert (other.status, (await other.json())["code"]) == (409, "already-kept")
    same = await house.push("taken", audio=sound(pitch=300))
    assert await same.json() == kept


async def test_twenty_at_once_make_one(house: House) -> None:
    answers = await asyncio.gather(*(house.push("race") for _ in range(20)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
    receipts = {(await answer.json())["id"] for answer in answers}
    assert len(receipts) == 1
    assert await _objects(house) == 1


async def test_two_bodies_at_once_keep_one_and_refuse_the_other(house: House) -> None:
    bodies = [sound(pitch=300), sound(pitch=400)]
    answers = await asyncio.gather(*(house.push("two", audio=bodies[i % 2]) for i in range(20)))
    statuses = Counter(answer.status for answer in answers)
    assert (statuses[201], statuses[200], statuses[409]) == (1, 9, 10)
    assert await _objects(house) == 1


async def _objects(house: House) -> int:
    return len([found async for found in house.services.bucket.versions(f"{house.company}/")])


async def test_every_complaint_is_said_at_once(house: House) -> None:
    said = {"company": house.company, "started_at": "yesterday", "direction": "sideways", "colour": "red"}
    answer = await house.client.put(
        "/api/v1/recordings/pbx/bad", data=envelope(said, sound()), headers=await house.headers(Role.TELEPHONY)
    )
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {"started_at", "direction", "colour"}
    assert await _objects(house) == 0


async def test_a_wrong_digest_keeps_nothing(house: House) -> None:
    answer = await house.push("digest", sha256="0" * 64)
    assert answer.status == 422
    assert await _objects(house) == 0


async def test_what_is_no_audio_is_refused(house: House) -> None:
    assert (await house.push("text", audio=b"%PDF-1.7 this is a letter")).status == 415
    assert (await house.push("empty", audio=b"")).status == 422
    assert await _objects(house) == 0


async def test_another_companys_recording_cannot_be_pushed_or_guessed(house: House) -> None:
    other = await house.another_company(CompanyKind.NETWORK)
    known = await house.push("x", company=other)
    unknown = await house.push("x", company="t-no-such-company")
    assert (known.status, unknown.status) == (404, 404)
    assert (await known.json()).keys() == (await unknown.json()).keys()


async def test_the_parts_come_in_their_order(house: House) -> None:
    form = envelope(metadata(house.company), sound())
    form._fields.reverse()
    answer = await house.client.put(
        "/api/v1/recordings/pbx/order", data=form, headers=await house.headers(Role.TELEPHONY)
    )
    assert answer.status == 422


async def test_a_long_recording_goes_up_in_parts(house: House) -> None:
    audio = sound(1.0) + bytes(range(256)) * 4 * 12_000  # 12 MB behind a WAV header
    receipt = await house.kept(audio=audio)
    headers = await house.headers(Role.HANDLER, Purpose="verification", Range="bytes=9000000-9000999")
    heard = await house.client.get(f"/api/v1/interactions/{receipt['id']}/audio", headers=headers)
    assert await heard.read() == audio[9_000_000:9_001_000]


async def test_the_object_is_locked_until_the_policys_date(house: House) -> None:
    await write_policy(house, "P24M")
    receipt = await house.kept()
    assert (receipt["policy"], receipt["retain_until"][:10]) == (house.company, "2028-11-02")
    async with house.services.db.read() as tx:
        found = await interactions.get(tx, UUID(receipt["id"]), None)
    assert found is not None
    assert found.recording is not None
    locked = await house.services.bucket.head(found.recording.object_key, found.recording.version_id)
    assert locked.retain_until is not None
    assert locked.retain_until.isoformat()[:10] == "2028-11-02"


async def test_a_known_id_is_judged_like_any_other(house: House) -> None:
    await house.kept("known", audio=sound(pitch=300))
    assert (await house.push("known", audio=sound(pitch=300), sha256="0" * 64)).status == 422
    assert (await house.push("known", audio=b"")).status == 422
    assert (await house.push("known", audio=sound(pitch=300))).status == 200


async def test_a_policy_that_changes_while_the_audio_comes_decides(house: House) -> None:
    go_on = asyncio.Event()

    async def audio() -> AsyncIterator[bytes]:
        yield sound(10.0)
        await go_on.wait()

    form = MultipartWriter("form-data")
    form.append_json(metadata(house.company)).set_content_disposition("form-data", name="metadata")
    form.append(audio()).set_content_disposition("form-data", name="audio")

    async def push() -> dict[str, Any]:
        headers = await house.headers(Role.TELEPHONY)
        answer = await house.client.put("/api/v1/recordings/pbx/change", data=form, headers=headers)
        assert answer.status == 201
        receipt: dict[str, Any] = await answer.json()
        return receipt

    pushing = asyncio.create_task(push())
    await asyncio.sleep(0.3)
    await write_policy(house, "P12M")
    go_on.set()
    receipt = await pushing
    assert (receipt["policy"], receipt["retain_until"][:10]) == (house.company, "2027-11-02")
    async with house.services.db.read() as tx:
        queued = (
            await tx.execute(text("SELECT payload FROM pgqueuer WHERE entrypoint = 'retention.relock'"))
        ).scalars()
        assert any(receipt["id"].encode() in payload for payload in queued)


async def write_policy(house: House, keep: str) -> None:
    answer = await house.client.put(
        f"/api/v1/policies/{house.company}",
        json={"company": house.company, "channel": None, "category": None, "keep": keep, "trigger": "interaction_end"},
        headers=await house.headers(Role.ADMIN),
    )
    assert answer.status < 300, await answer.text()
