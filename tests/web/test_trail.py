"""Every look leaves its trace before anything is shown, and reading the trail is a look too."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import text

from archive.app import create_app
from archive.custody import open_services
from archive.domain.access import Role
from archive.settings import Settings
from tests.house import House, new_company


async def events(house: House, **filters: str) -> list[dict[str, Any]]:
    answer = await house.client.get("/api/v1/trail", params=filters, headers=await house.headers(Role.DPO))
    assert answer.status == 200, await answer.text()
    return list((await answer.json())["items"])


async def test_a_look_at_the_record_is_on_the_trail(house: House) -> None:
    receipt = await house.kept()
    answer = await house.client.get(f"/api/v1/interactions/{receipt['id']}", headers=await house.headers(Role.HANDLER))
    assert answer.status == 200
    actions = [event["action"] for event in await events(house, interaction=receipt["id"])]
    assert actions == ["archive:interaction:seen", "archive:recording:kept"]


async def test_a_purpose_is_on_the_trail_before_the_first_byte(house: House) -> None:
    receipt = await house.kept()
    headers = await house.headers(Role.HANDLER, Purpose="complaint:C-7", Range="bytes=0-9")
    async with house.client.get(f"/api/v1/interactions/{receipt['id']}/audio", headers=headers) as answer:
        assert answer.status == 206
        # The body has not been read yet.
        seen = (await events(house, interaction=receipt["id"], action="archive:audio:opened"))[0]
    assert (seen["purpose"], seen["role"], seen["detail"]) == ("complaint:C-7", "handler", {"range": "bytes=0-9"})


async def test_what_cannot_be_written_down_is_not_shown(fresh_settings: Settings, aiohttp_client: Any) -> None:
    services = open_services(fresh_settings)
    client = await aiohttp_client(create_app(fresh_settings, services))
    house = House(client=client, services=services, company=await new_company(services))
    receipt = await house.kept()
    async with services.db.begin() as tx:
        await tx.execute(
            text(
                "ALTER TABLE trail_events ADD CONSTRAINT no_looking CHECK (action <> 'archive:audio:opened') NOT VALID"
            )
        )
    answer = await client.get(
        f"/api/v1/interactions/{receipt['id']}/audio",
        headers=await house.headers(Role.HANDLER, Purpose="verification"),
    )
    assert answer.status == 500
    assert (await answer.json())["code"] == "internal"
    await services.close()


async def test_a_refused_look_shows_nothing_and_says_why(house: House) -> None:
    receipt = await house.kept()
    path = f"/api/v1/interactions/{receipt['id']}/audio"
    without = await house.client.get(path, headers=await house.headers(Role.HANDLER))
    wrong = await house.client.get(path, headers=await house.headers(Role.HANDLER, Purpose="development"))
    assert [(await answer.json())["code"] for answer in (without, wrong)] == ["purpose-required", "purpose-not-allowed"]


async def test_history_is_the_contacts_own_trail(house: House) -> None:
    receipt = await house.kept()
    await house.kept()
    path = f"/api/v1/interactions/{receipt['id']}/history"
    await house.client.get(path, headers=await house.headers(Role.HANDLER))
    answer = await house.client.get(path, headers=await house.headers(Role.HANDLER))
    actions = [event["action"] for event in (await answer.json())["items"]]
    assert actions == ["archive:history:seen", "archive:recording:kept"]


async def test_pages_of_a_history_follow_one_another(house: House) -> None:
    receipt = await house.kept()
    headers = await house.headers(Role.HANDLER)
    record = f"/api/v1/interactions/{receipt['id']}"
    for _ in range(4):
        await house.client.get(record, headers=headers)
    found, params = [], {"limit": "2"}
    while True:
        answer = await house.client.get(f"{record}/history", params=params, headers=headers)
        page = await answer.json()
        found += [event["action"] for event in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 2
        params["cursor"] = page["next"]
    assert found == ["archive:interaction:seen"] * 4 + ["archive:recording:kept"]


async def test_a_history_takes_only_what_it_knows(house: House) -> None:
    receipt = await house.kept()
    path = f"/api/v1/interactions/{receipt['id']}/history"
    answer = await house.client.get(f"{path}?limit=abc&bogus=1", headers=await house.headers(Role.HANDLER))
    assert answer.status == 422
    assert {error["field"] for error in (await answer.json())["errors"]} == {"limit", "bogus"}


async def test_pages_of_the_trail_follow_one_another(house: House) -> None:
    for _ in range(5):
        await house.kept()
    headers = await house.headers(Role.DPO)
    found, cursor = [], None
    while True:
        params = {"limit": "2", "action": "archive:recording:kept"} | ({"cursor": cursor} if cursor else {})
        page = await (await house.client.get("/api/v1/trail", params=params, headers=headers)).json()
        found += [event["id"] for event in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 5


async def test_the_sealer_numbers_events_while_pushes_go_on(house: House) -> None:
    async def push_some() -> None:
        for _ in range(5):
            await house.kept()

    from archive import sealer
    from tests.house import now

    await asyncio.gather(push_some(), push_some(), *(sealer.seal(house.services, now()) for _ in range(5)))
    for _ in range(100):
        await sealer.seal(house.services, now())
        kept = await events(house, action="archive:recording:kept", limit="100")
        if all(event["seq"] is not None for event in kept):
            break
        await asyncio.sleep(0.05)
    assert len(kept) == 10
    assert all(event["seq"] is not None for event in kept)


async def test_a_browser_that_seeks_is_one_look_and_a_new_purpose_another(house: House) -> None:
    receipt = await house.kept()
    actor_id = await signed_in(house)
    path = f"/api/v1/interactions/{receipt['id']}/audio"
    for purpose in ("verification", "verification", "complaint:C-9", "verification"):
        await state(house, receipt["id"], purpose)
        for start in (0, 100, 200):
            answer = await house.client.get(path, headers={"Range": f"bytes={start}-"})
            assert answer.status == 206
    opened = await events(house, interaction=receipt["id"], action="archive:audio:opened")
    assert [event["purpose"] for event in reversed(opened)] == [
        "verification", "verification", "complaint:C-9", "verification",
    ]  # fmt: skip
    assert {event["actor"] for event in opened} == {actor_id}


async def signed_in(house: House) -> str:
    """Sign a handler in with this house's browser; the actor's id."""
    from archive import accounts
    from archive.domain.access import HOUSE
    from archive.web.middleware import SESSION_COOKIE
    from tests.house import now

    services = house.services
    link = await accounts.create_user(
        services, HOUSE, email=f"{house.company}@example.test", role=Role.HANDLER, codes=[house.company], now=now()
    )
    cookie, session = await accounts.open_link(services, link, "a long enough password", now())
    house.client.session.cookie_jar.update_cookies({SESSION_COOKIE: cookie}, house.client.make_url("/"))
    return f"user:{session.user_id}"


async def state(house: House, interaction_id: str, purpose: str) -> None:
    """State a purpose as the page does."""
    from archive import accounts, viewing
    from archive.domain.access import Purpose
    from archive.web.middleware import SESSION_COOKIE
    from tests.house import now

    cookie = house.client.session.cookie_jar.filter_cookies(house.client.make_url("/"))[SESSION_COOKIE].value
    found = await accounts.by_cookie(house.services, cookie, now())
    assert found is not None
    session, actor = found
    await viewing.state_purpose(
        house.services, actor, session.digest, UUID(interaction_id), purpose=Purpose.parse(purpose), now=now()
    )
