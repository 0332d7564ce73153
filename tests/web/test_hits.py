"""Where in a contact the words of a query were said: at their characters and seconds, for a purpose, on the trail."""

from typing import Any

from archive.domain.access import Role
from tests.house import House
from tests.searching import keep, talk
from tests.web.test_pages import send, signed_in

LINES = ("hyvää päivää täällä energiayhtiö", "hinta pysyy samana toukokuuhun asti", "hinnasta lähtee vahvistus")


async def kept(house: House, *lines: str) -> str:
    said = talk(house.company, *(lines or LINES))
    async with house.services.db.begin() as tx:
        await keep(tx, said)
    return str(said.id)


async def hits(
    client: Any, contact: str, q: str, headers: dict[str, str] | None = None, status: int = 200
) -> list[dict[str, Any]]:
    answer = await client.get(f"/search/hits/{contact}", params={"q": q}, headers=headers, allow_redirects=False)
    assert answer.status == status, await answer.text()
    return list((await answer.json())["hits"]) if status == 200 else []


async def asked(house: House, contact: str, q: str) -> list[str]:
    """The words that were found, as they stand in the lines, in order."""
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    found = await hits(house.client, contact, q, headers)
    return [LINES[int(hit["start_s"] // 10)][hit["at"] : hit["at"] + hit["length"]] for hit in found]


async def test_every_place_is_found_in_any_inflection(house: House) -> None:
    contact = await kept(house)
    assert await asked(house, contact, "hinta") == ["hinta", "hinnasta"]
    assert await asked(house, contact, "vahvistukset hinnat") == ["hinta", "hinnasta", "vahvistus"]
    assert await asked(house, contact, '"hinta pysyi samana"') == ["hinta pysyy samana"]
    assert await asked(house, contact, '"hinta samana"') == []
    assert await asked(house, contact, '"hinta pysyy" toukokuu hinta') == ["hinta pysyy", "toukokuuhun", "hinnasta"]
    assert await asked(house, contact, "kaukolämpö") == []


async def test_a_hit_says_its_line_its_characters_and_its_second(house: House) -> None:
    contact = await kept(house)
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    (hit,) = await hits(house.client, contact, "toukokuu", headers)
    moment = hit.pop("moment_s")
    told = {"start_s": 10.0, "speaker": "agent", "at": 19, "length": 11, "kind": "sure", "message": None}
    assert hit == told
    assert 10 < moment < 20


async def test_fields_and_signs_mark_nothing_and_nonsense_is_refused(house: House) -> None:
    contact = await kept(house)
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    assert await hits(house.client, contact, "agent:a17", headers) == []
    await hits(house.client, contact, '"hinta', headers, 422)
    await hits(house.client, contact, "", headers, 422)


async def test_a_purpose_is_needed_and_the_words_are_veiled_on_the_trail(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    contact = await kept(house)
    await hits(client, contact, "hinta", status=403)
    page = f"/interactions/{contact}"
    assert (await send(client, f"{page}/purpose", page, kind="verification")).status == 303
    assert len(await hits(client, contact, "hinta")) == 2
    events = (await (await client.get(f"/api/v1{page}/history")).json())["items"]
    (event,) = [event for event in events if event["action"] == "search:interaction:searched"]
    assert (event["purpose"], event["detail"]["hits"]) == ("verification", 2)
    assert event["detail"]["words"].startswith("hash:")
    assert "hinta" not in str(event)


async def test_nobody_looks_into_another_companys_calls(house: House) -> None:
    contact = await kept(house)
    headers = await house.headers(Role.HANDLER, (await house.another_company(),), Purpose="verification")
    await hits(house.client, contact, "hinta", headers, 404)
    reviewer = await house.headers(Role.REVIEWER, Purpose="verification")
    await hits(house.client, contact, "hinta", reviewer, 403)


async def test_what_sounds_alike_is_marked_as_near_where_nothing_sure_is(house: House) -> None:
    lines = ("se on sähkö las kuni oli", "sähkölaskusta siis", "verkko maksu nousi")
    contact = await kept(house, *lines)
    headers = await house.headers(Role.HANDLER, Purpose="verification")
    found = await hits(house.client, contact, "sähkölasku", headers)
    told = [(lines[int(hit["start_s"] // 10)][hit["at"] :][: hit["length"]], hit["kind"]) for hit in found]
    assert told == [("sähkö las kuni", "near"), ("sähkölaskusta", "sure")]
