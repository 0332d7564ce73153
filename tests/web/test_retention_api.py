"""The API of retention: policies, holds, disposals, certificates, as section 2 of the contract says."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from archive.domain.access import Role
from archive.store import trail
from retention import certificate, disposal, rules
from retention.jobs import HANDLERS
from tests.house import House, sound

OLD = "2022-03-01T10:00:00+02:00"


async def call(
    house: House, method: str, path: str, role: Role = Role.DPO, body: Any = None, *, companies: Any = "own"
) -> tuple[int, Any]:
    headers = await house.headers(role, companies)
    answer = await house.client.request(method, f"/api/v1{path}", json=body, headers=headers)
    return answer.status, await answer.json()


async def policy(house: House, name: str | None = None, **more: Any) -> tuple[int, Any]:
    body = {"company": house.company, "keep": "P24M", **more}
    return await call(house, "PUT", f"/policies/{name or f'p-{house.company}'}", body=body)


async def old_contact(house: House, **said: Any) -> str:
    return str((await house.kept(started_at=OLD, **said))["id"])


# ------------------------------------------------------------------------ policies


async def test_a_policy_is_new_then_changed_then_listed(house: House) -> None:
    status, made = await policy(house, channel="call")
    assert status == 201
    assert made["keep"] == "P24M"
    assert made["trigger"] == "interaction_end"
    assert (await policy(house, channel="call", keep="P1Y"))[0] == 200
    status, listed = await call(house, "GET", "/policies", Role.HANDLER)
    assert status == 200
    mine = [item for item in listed["items"] if item["company"] == house.company]
    assert [(item["name"], item["keep"], item["channel"]) for item in mine] == [(made["name"], "P1Y", "call")]


@pytest.mark.parametrize("trigger", ["case_closed", "contract_end"])
async def test_a_policy_that_waits_for_an_event_keeps_without_a_date_and_says_so(house: House, trigger: str) -> None:
    status, made = await policy(house, trigger=trigger)
    assert (status, "kept without a date" in made["note"]) == (201, True)
    receipt = await house.kept(started_at=OLD)
    assert (receipt["retain_until"], receipt["policy"]) == (None, made["name"])
    _, shown = await call(house, "GET", f"/interactions/{receipt['id']}")
    assert "kept without a date" in shown["retention"]
    assert (await call(house, "POST", "/disposals/preview"))[1]["items"] == []
    assert (await policy(house, trigger="interaction_end"))[1]["note"] is None


async def test_a_tie_is_refused_and_a_more_specific_one_is_not(house: House) -> None:
    assert (await policy(house))[0] == 201
    status, problem = await policy(house, f"q-{house.company}")
    assert (status, problem["code"]) == (409, "conflict")
    assert (await policy(house, f"q-{house.company}", channel="call"))[0] == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"keep": "24M"}, "keep"),
        ({"keep": "P0M"}, "keep"),
        ({"keep": "P101Y"}, "keep"),
        ({"keep": 24}, "keep"),
        ({}, "keep"),
        ({"keep": "P1M", "channel": "fax"}, "channel"),
        ({"keep": "P1M", "trigger": "never"}, "trigger"),
        ({"keep": "P1M", "typo": 1}, "typo"),
        ({"keep": "P1M", "category": "a\u0000b"}, "category"),
    ],
)
async def test_a_wrong_policy_is_complained_about(house: House, body: dict[str, Any], field: str) -> None:
    status, problem = await call(house, "PUT", "/policies/x", body={"company": house.company, **body})
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_name_must_be_one_and_an_unknown_company_is_as_a_foreign_one(house: House) -> None:
    assert (await call(house, "PUT", "/policies/a%20b", body={"company": house.company, "keep": "P1M"}))[0] == 422
    nowhere = {"company": "nowhere", "keep": "P1M"}
    foreign = {"company": await house.another_company(), "keep": "P1M"}
    told = await call(house, "PUT", "/policies/ok", body=nowhere)
    assert told[0] == 404
    assert told == await call(house, "PUT", "/policies/ok", body=foreign)
    assert told == await call(house, "PUT", "/policies/ok", body=nowhere, companies=None)


async def test_a_policy_reaches_no_further_than_its_writer(house: House) -> None:
    other = await house.another_company()
    assert (await call(house, "PUT", "/policies/x", body={"keep": "P1M"}))[0] == 403
    assert (await call(house, "PUT", "/policies/x", body={"company": other, "keep": "P1M"}))[0] == 404
    theirs = {"company": other, "keep": "P1M"}
    assert (await call(house, "PUT", f"/policies/t-{other}", body=theirs, companies=(other,)))[0] == 201
    _, listed = await call(house, "GET", "/policies")
    assert other not in {item["company"] for item in listed["items"]}


async def test_each_company_has_names_of_its_own_and_learns_of_no_other(house: House) -> None:
    other = await house.another_company()
    theirs, both = {"company": other, "keep": "P1M"}, (house.company, other)
    assert (await call(house, "PUT", "/policies/samannimi", body=theirs, companies=(other,)))[0] == 201
    status, mine = await policy(house, "samannimi")
    assert (status, mine["company"]) == (201, house.company)
    # Who may see both changes the one whose company the body names.
    changed = {"company": other, "keep": "P9M"}
    assert (await call(house, "PUT", "/policies/samannimi", body=changed, companies=both))[0] == 200
    _, listed = await call(house, "GET", "/policies", companies=both)
    kept = {item["company"]: item["keep"] for item in listed["items"] if item["name"] == "samannimi"}
    assert kept == {house.company: "P24M", other: "P9M"}


async def test_no_contact_comes_under_two_policies_of_one_name(house: House) -> None:
    assert (await policy(house, "oma"))[0] == 201
    # Never written: such a policy would date every other test's contacts.
    status, problem = await call(house, "PUT", "/policies/oma", body={"keep": "P99Y"}, companies=None)
    assert (status, problem["code"]) == (409, "conflict")
    assert house.company not in json.dumps(problem)


async def test_a_changed_policy_moves_the_dates_of_contacts(house: House) -> None:
    contact = await old_contact(house)
    _, before = await call(house, "GET", f"/interactions/{contact}")
    assert (before["retain_until"], before["policy"]) == (None, None)
    await policy(house)
    await HANDLERS[rules.REDATE](house.services, {"company": house.company})
    _, after = await call(house, "GET", f"/interactions/{contact}")
    assert after["policy"] == f"p-{house.company}"
    assert datetime.fromisoformat(after["retain_until"]).year == 2024
    assert "keeps this contact for P24M" in after["retention"]


async def test_a_lengthened_policy_lengthens_the_lock_of_objects(house: House) -> None:
    await policy(house, keep="P1Y")
    receipt = await house.kept(started_at=datetime.now(UTC).isoformat())
    await policy(house, keep="P2Y")
    await HANDLERS[rules.REDATE](house.services, {"company": house.company})
    await HANDLERS[rules.RELOCK](house.services, {"ids": receipt["id"]})
    _, shown = await call(house, "GET", f"/interactions/{receipt['id']}")
    part = shown["parts"][0]
    prefix = [found async for found in house.services.bucket.versions(f"{house.company}/")]
    (found,) = [one for one in prefix if one.key.endswith(part["id"])]
    locked = await house.services.bucket.head(found.key, found.version_id)
    assert locked.retain_until is not None
    assert abs(locked.retain_until - datetime.fromisoformat(shown["retain_until"])) < timedelta(seconds=2)


# --------------------------------------------------------------------------- holds


async def test_a_hold_by_ids_is_placed_listed_shown_and_released(house: House) -> None:
    contact = await old_contact(house)
    status, hold = await call(house, "POST", "/holds", Role.HANDLER, {"reason": "Valitus 7", "ids": [contact]})
    assert status == 201
    assert (hold["interactions"], hold["company"], hold["released_at"]) == (1, house.company, None)
    _, listed = await call(house, "GET", f"/holds?interaction={contact}&active=true")
    assert [item["id"] for item in listed["items"]] == [hold["id"]]
    _, shown = await call(house, "GET", f"/holds/{hold['id']}")
    assert shown["ids"] == [contact]
    _, seen = await call(house, "GET", f"/interactions/{contact}")
    assert seen["on_hold"] is True
    path = f"/holds/{hold['id']}/release"
    status, released = await call(house, "POST", path, Role.HANDLER, {"reason": "Sovittu"})
    assert (status, released["release_reason"]) == (200, "Sovittu")
    assert (await call(house, "POST", path, Role.HANDLER, {"reason": "Uudestaan"}))[0] == 409
    assert (await call(house, "GET", "/holds?active=true"))[1]["items"] == []


async def test_a_hold_by_search_takes_what_fits_now(house: House) -> None:
    first = await old_contact(house, queue="laskutus")
    second = await old_contact(house, queue="laskutus")
    await old_contact(house, queue="viat")
    body = {"reason": "Selvitys", "search": {"queue": "laskutus", "to": "2022-12-31"}}
    status, hold = await call(house, "POST", "/holds", body=body)
    assert (status, hold["interactions"]) == (201, 2)
    _, shown = await call(house, "GET", f"/holds/{hold['id']}")
    assert set(shown["ids"]) == {first, second}
    nothing = {"reason": "Selvitys", "search": {"queue": "tyhjä"}}
    assert (await call(house, "POST", "/holds", body=nothing))[0] == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "x"},
        {"reason": "x", "ids": []},
        {"reason": "", "ids": [str(uuid4())]},
        {"reason": "x", "ids": ["no"]},
        {"reason": "x", "search": {}},
        {"reason": "x", "search": {"typo": "y"}},
        {"reason": "x", "ids": [str(uuid4())], "search": {"queue": "y"}},
        {"reason": "x", "ids": [str(uuid4())], "typo": 1},
        {"reason": "a\u0000b", "ids": [str(uuid4())]},
    ],
)
async def test_a_wrong_hold_is_complained_about(house: House, body: dict[str, Any]) -> None:
    status, problem = await call(house, "POST", "/holds", body=body)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"]


async def test_nobody_holds_or_sees_what_is_another_companys(house: House) -> None:
    contact = await old_contact(house)
    other = await house.another_company()
    body = {"reason": "x", "ids": [contact]}
    foreign = await call(house, "POST", "/holds", body=body, companies=(other,))
    unknown = await call(house, "POST", "/holds", body={"reason": "x", "ids": [str(uuid4())]}, companies=(other,))
    assert foreign == unknown
    assert foreign[0] == 404
    _, hold = await call(house, "POST", "/holds", body=body)
    for method, path, sent in (
        ("GET", f"/holds/{hold['id']}", None),
        ("POST", f"/holds/{hold['id']}/release", {"reason": "x"}),
    ):
        assert (await call(house, method, path, body=sent, companies=(other,)))[0] == 404
    assert (await call(house, "GET", "/holds", companies=(other,)))[1]["items"] == []
    search = {"reason": "x", "search": {"company": house.company}}
    assert (await call(house, "POST", "/holds", body=search, companies=(other,)))[0] == 422


async def test_pages_of_holds_follow_one_another(house: House) -> None:
    made = []
    for _ in range(3):
        body = {"reason": "x", "ids": [await old_contact(house)]}
        made.append((await call(house, "POST", "/holds", body=body))[1]["id"])
    _, first = await call(house, "GET", "/holds?limit=2")
    _, second = await call(house, "GET", f"/holds?limit=2&cursor={first['next']}")
    assert [item["id"] for item in (*first["items"], *second["items"])] == made[::-1]
    assert second["next"] is None
    assert (await call(house, "GET", "/holds?cursor=rubbish"))[0] == 422


async def test_the_contacts_of_a_hold_come_page_by_page(house: House) -> None:
    ids = sorted([await old_contact(house) for _ in range(3)])
    path = f"/holds/{(await call(house, 'POST', '/holds', body={'reason': 'x', 'ids': ids}))[1]['id']}"
    _, first = await call(house, "GET", f"{path}?limit=2")
    _, second = await call(house, "GET", f"{path}?limit=2&cursor={first['next']}")
    assert (first["ids"], second["ids"]) == (ids[:2], ids[2:])
    assert (first["interactions"], second["next"]) == (3, None)
    for wrong in ("cursor=rubbish", "limit=0", "limit=501", "typo=1"):
        assert (await call(house, "GET", f"{path}?{wrong}"))[0] == 422


# ----------------------------------------------------------------------- disposals


async def test_preview_run_certificate_and_the_second_push(house: House) -> None:
    await policy(house)
    due, held = await old_contact(house, queue="a"), await old_contact(house, queue="b")
    again = "gone-1"
    gone = str((await house.kept(again, started_at=OLD))["id"])
    await call(house, "POST", "/holds", body={"reason": "x", "ids": [held]})
    status, seen = await call(house, "POST", "/disposals/preview")
    assert status == 200
    assert (seen["destroy"], seen["held"]) == (2, 1)
    assert seen["counts"] == {f"p-{house.company}": 2}
    assert {(item["id"], item["verdict"], item["reason"]) for item in seen["items"]} == {
        (due, "destroy", "due"),
        (gone, "destroy", "due"),
        (held, "hold", "on-hold"),
    }
    assert all("P24M" in item["sentence"] for item in seen["items"])
    status, begun = await call(house, "POST", "/disposals")
    assert status == 202
    path = f"/disposals/{begun['id']}"
    assert (await call(house, "GET", path))[1]["status"] == "planned"
    assert (await call(house, "GET", f"{path}/certificate"))[0] == 409
    await HANDLERS[disposal.DISPOSE](house.services, {"disposal": begun["id"]})
    _, ended = await call(house, "GET", path)
    assert (ended["status"], ended["destroyed"], ended["held"], ended["failed"]) == ("done", 2, 1, 0)
    await _certificate_is_sound(house, path, {due, gone})
    assert (await call(house, "GET", f"/interactions/{gone}"))[0] == 410
    assert (await call(house, "GET", f"/interactions/{held}"))[0] == 200
    answer = await house.push(again, started_at=OLD)
    assert answer.status == 410
    assert (await answer.json())["code"] == "destroyed"
    assert (await house.push(again, started_at=OLD, audio=sound(pitch=300))).status == 410


async def _certificate_is_sound(house: House, path: str, ids: set[str]) -> None:
    status, document = await call(house, "GET", f"{path}/certificate")
    assert status == 200
    answer = await house.client.get("/api/v1/disposals/public-key")
    key = await answer.json()
    assert answer.status == 200
    assert certificate.verify(document, key["public_key"]).problems == ()
    assert {item["interaction"] for item in document["body"]["items"]} == ids
    assert document["body"]["requested"] == "request"


async def test_preview_at_a_later_day_goes_page_by_page(house: House) -> None:
    await policy(house)
    ids = {await old_contact(house) for _ in range(3)}
    later = {"as_of": "2031-01-01T00:00:00Z", "limit": 2}
    _, first = await call(house, "POST", "/disposals/preview", body=later)
    _, second = await call(house, "POST", "/disposals/preview", body={**later, "cursor": first["next"]})
    assert {item["id"] for item in (*first["items"], *second["items"])} == ids
    assert second["next"] is None
    assert (first["destroy"], first["held"], first["counts"]) == (3, 0, {f"p-{house.company}": 3})
    # The pages after the first walk no further than they show, so they have no sums.
    assert (second["destroy"], second["held"], second["counts"], second["held_counts"]) == (None, None, None, None)
    for wrong in ({"as_of": "2031-01-01T00:00:00"}, {"as_of": "x"}, {"typo": 1}, {"limit": 0}, {"cursor": "x"}):
        assert (await call(house, "POST", "/disposals/preview", body=wrong))[0] == 422, wrong


async def test_disposals_are_seen_only_within_their_companies(house: House) -> None:
    other = await house.another_company()
    _, begun = await call(house, "POST", "/disposals")
    await HANDLERS[disposal.DISPOSE](house.services, {"disposal": begun["id"]})
    for path in (f"/disposals/{begun['id']}", f"/disposals/{begun['id']}/certificate", f"/disposals/{uuid4()}"):
        assert (await call(house, "GET", path, companies=(other,)))[0] == 404
    assert (await call(house, "GET", "/disposals", companies=(other,)))[1]["items"] == []
    _, mine = await call(house, "GET", "/disposals")
    assert [item["id"] for item in mine["items"]] == [begun["id"]]
    assert (await call(house, "GET", "/disposals", companies=None))[1]["items"]


@pytest.mark.parametrize("role", [Role.TELEPHONY, Role.HANDLER, Role.REVIEWER])
async def test_others_neither_preview_nor_destroy(house: House, role: Role) -> None:
    for method, path in (
        ("POST", "/disposals/preview"),
        ("POST", "/disposals"),
        ("GET", "/disposals"),
        ("GET", f"/disposals/{uuid4()}/certificate"),
    ):
        assert (await call(house, method, path, role))[0] == 403, path
    body = {"company": house.company, "keep": "P1D"}
    assert (await call(house, "PUT", "/policies/x", role, body))[0] == 403


async def test_what_was_done_is_on_the_trail(house: House) -> None:
    await policy(house)
    await old_contact(house)
    await call(house, "POST", "/disposals/preview")
    _, begun = await call(house, "POST", "/disposals")
    await HANDLERS[disposal.DISPOSE](house.services, {"disposal": begun["id"]})
    await call(house, "GET", f"/disposals/{begun['id']}/certificate")
    async with house.services.db.begin() as tx:
        events = await trail.page(tx, frozenset({house.company}), action="retention", limit=50)
    assert {one.event.action for one in events} == {
        "retention:policy:written",
        "retention:disposal:previewed",
        "retention:disposal:started",
        "retention:interaction:destroyed",
        "retention:certificate:seen",
    }
