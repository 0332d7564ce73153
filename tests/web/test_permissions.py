"""Every route x every role x no one, another company, an unknown thing: nobody is told what is not theirs.

The table of routes is walked, so that a route added tomorrow is tried too.
"""

import re
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse

from archive.app import tables
from archive.domain.access import GRANTS, PURPOSES, Permission, Role
from archive.web.routes import Route
from tests.house import House, envelope, metadata, sound

PUBLIC = {
    "/healthz", "/readyz", "/api/openapi.json", "/api/docs", "/sign-in", "/welcome/{secret}", "/me/language",
    "/static/{digest}/{path:.+}", "/api/v1/disposals/public-key",
}  # fmt: skip
PURPOSE = {
    Role.HANDLER: "verification", Role.REVIEWER: "development", Role.DPO: "subject-request:1",
}  # fmt: skip
# What names a contact or customer of one company, and so must look the same whether it exists elsewhere or not.
NAMED = re.compile(r"/(interactions|customers)/\{")


def routes() -> list[Route]:
    return [route for route in tables() if route.permission is not None]


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def address(route: Route, **values: str) -> str:
    """The route's path with its places filled; what is not given is a fresh id."""

    def fill(found: re.Match[str]) -> str:
        name = found.group(1).split(":")[0]
        return values.get(name, str(uuid4()))

    return re.sub(r"\{([^}]+)\}", fill, route.path)


async def ask(house: House, route: Route, path: str, headers: dict[str, str]) -> ClientResponse:
    body: dict[str, Any] = {}
    if route.body_type == "multipart/form-data":
        body = {"data": envelope(metadata(house.company), sound(0.2))}
    elif route.method in {"POST", "PUT", "DELETE"}:
        body = {"data": b"{}", "headers": {"Content-Type": route.body_type}}
    headers = {**headers, **body.pop("headers", {})}
    return await house.client.request(route.method, path, headers=headers, allow_redirects=False, **body)


def test_what_anyone_may_ask_is_known() -> None:
    assert {route.path for route in tables() if route.permission is None} <= PUBLIC


@pytest.mark.parametrize("route", routes(), ids=label)
async def test_nobody_gets_nothing(house: House, route: Route) -> None:
    answer = await ask(house, route, address(route), {})
    if route.surface == "page" and route.method == "GET":
        assert (answer.status, answer.headers["Location"].split("?")[0]) == (303, "/sign-in")
    else:
        assert answer.status == 401, await answer.text()
    wrong = await ask(house, route, address(route), {"Authorization": "Bearer tal_guessed"})
    assert wrong.status in {401, 303}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("route", routes(), ids=label)
async def test_a_role_gets_what_its_permission_says(house: House, route: Route, role: Role) -> None:
    assert route.permission is not None
    answer = await ask(house, route, address(route), await house.headers(role))
    if route.permission in GRANTS[role]:
        # What belongs to a signed-in browser is no use to a token.
        own = route.permission is Permission.SELF and route.surface == "page"
        assert answer.status not in ({500} if own else {401, 500}), await answer.text()
        if answer.status == 403:
            text = await answer.text()
            assert "purpose" in text or route.surface == "page", text
    else:
        assert answer.status == 403, await answer.text()


@pytest.mark.parametrize("role", [Role.HANDLER, Role.REVIEWER, Role.DPO])
@pytest.mark.parametrize("route", [route for route in routes() if NAMED.search(route.path)], ids=label)
async def test_another_companys_contact_is_as_unknown_as_none(house: House, route: Route, role: Role) -> None:
    assert route.permission is not None
    if route.permission not in GRANTS[role]:
        return
    number = f"C{uuid4().hex[:8]}"
    await customer(house, number)
    receipt = await house.kept(customer_number=number)
    stranger = await house.another_company()
    headers = await house.headers(role, (stranger,), **purpose(role))
    theirs = await ask(house, route, address(route, id=receipt["id"], number=number, customer_number=number), headers)
    none = await ask(house, route, address(route, id=str(uuid4()), number="nobody", customer_number="nobody"), headers)
    assert (theirs.status, theirs.headers.get("Content-Type")) == (none.status, none.headers.get("Content-Type"))
    assert theirs.status >= 400 or theirs.status == 303
    assert scrub(await theirs.text()) == scrub(await none.text())


def purpose(role: Role) -> dict[str, str]:
    return {"Purpose": PURPOSE[role]}


def scrub(text: str) -> str:
    """What may differ between two answers: ids and numbers that the asker sent, and the address asked."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    return re.sub(r"C[0-9a-f]{8}\b|nobody", "NUMBER", text)


async def customer(house: House, number: str) -> None:
    answer = await house.client.put(
        f"/api/v1/customers/{number}",
        json={"company": house.company, "name": "Testi Asiakas", "kind": "natural", "phones": ["0401234567"]},
        headers=await house.headers(Role.ADMIN),
    )
    assert answer.status == 201, await answer.text()


async def test_search_shows_and_counts_only_ones_own(house: House) -> None:
    await house.kept(queue="secret-queue")
    stranger = await house.another_company()
    for query in ("", "?queue=secret-queue", f"?company={house.company}", "?q=queue:secret-queue"):
        answer = await house.client.get(
            f"/api/v1/search{query}", headers=await house.headers(Role.HANDLER, (stranger,))
        )
        found = await answer.json()
        assert answer.status in {200, 404}
        if answer.status == 200:
            assert (found["items"], found["total"]["value"]) == ([], 0)
            assert found["coverage"].pop("relation") == "eq"
            assert not any(found["coverage"].values())


async def test_the_trail_shows_only_ones_own(house: House) -> None:
    await house.kept()
    stranger = await house.another_company()
    answer = await house.client.get("/api/v1/trail?limit=500", headers=await house.headers(Role.DPO, (stranger,)))
    items = (await answer.json())["items"]
    assert all(item["companies"] == [stranger] for item in items)


@pytest.mark.parametrize("role", list(Role))
async def test_purposes_are_the_roles_own(house: House, role: Role) -> None:
    receipt = await house.kept()
    path = f"/api/v1/interactions/{receipt['id']}/audio"
    for said in ("verification", "complaint:1", "development", "subject-request:1", "authority:1", "curiosity", ""):
        answer = await house.client.get(path, headers=await house.headers(role, Purpose=said))
        kinds = {kind.value for kind in PURPOSES[role]}
        if Permission.CONTENT_OPEN in GRANTS[role] and said.partition(":")[0] in kinds:
            assert answer.status == 200
        else:
            assert answer.status == 403
            code = (await answer.json())["code"]
            assert code in {"forbidden", "purpose-required", "purpose-not-allowed"}
            assert (code == "purpose-required") == (
                Permission.CONTENT_OPEN in GRANTS[role] and said in {"curiosity", ""}
            )
