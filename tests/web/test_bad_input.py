"""Ordinary bad input is complained about: no address fails over it, and none takes it in silence."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic.fields import FieldInfo
from yarl import URL

from archive.app import tables
from archive.domain.access import GRANTS, Permission, Role
from archive.errors import Invalid
from archive.web import parsing
from archive.web.routes import Route
from tests.house import House, envelope, metadata, sound

NEAR_THE_START = "0001-01-01T00:00:00%2B14:00"
NEAR_THE_END = "9999-12-31T23:59:59-14:00"
AN_ID = "50e76e7a-b74c-4ee6-8b8c-e53cf1e0c9d8"


def cursor_of(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


PLACES = (
    cursor_of("2020-01-01T00:00:00Z", 5),
    cursor_of("2020-01-01T00:00:00", AN_ID),
    cursor_of("0001-01-01T00:00:00+14:00", AN_ID),
    cursor_of("9999-12-31T23:59:59-14:00", AN_ID),
    cursor_of(None, None),
    cursor_of({}, []),
)
BAD = ("%00", "a%00b", NEAR_THE_START, NEAR_THE_END, "0001-01-01", "9999-12-31", "99999999999999999999", "-1", *PLACES)


def good_address(route: Route) -> str:
    return re.sub(r"\{\w+\}", "1001", route.path.replace("{id}", AN_ID))


def addresses(route: Route) -> Iterator[str]:
    """The route's address with each piece of bad input in each place where the route takes any."""
    good = good_address(route)
    if "{" in route.path:
        for bad in ("%00", "a%00b", "%ED%A0%80", "x" * 300):
            yield "/".join(bad if step.startswith("{") else step for step in route.path.split("/"))
    model = route.query
    for name, field in ({} if model is None else model.model_fields).items():
        yield from (f"{good}?{field.alias or name}={bad}" for bad in BAD)


def role_of(permission: Permission | None) -> Role:
    return next((role for role in Role if permission is None or permission in GRANTS[role]), Role.DPO)


@pytest.mark.parametrize("companies", [None, "own"])
async def test_no_bad_input_is_a_failure_of_ours(house: House, companies: str | None) -> None:
    asked = 0
    for route in tables():
        headers = await house.headers(role_of(route.permission), companies)
        for address in addresses(route) if route.method == "GET" else ():
            answer = await house.client.get(URL(address, encoded=True), headers=headers, allow_redirects=False)
            assert answer.status < 500, f"{answer.status} for {address}"
            asked += 1
    assert asked > 300


@pytest.mark.parametrize("cursor", PLACES, ids=range(len(PLACES)))
def test_a_place_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        parsing.read_place(cursor)


def test_a_place_is_read_as_it_was_written() -> None:
    place = (datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC), uuid4())
    assert parsing.read_place(parsing.write_place(*place)) == place


@pytest.mark.parametrize(
    "address",
    [
        f"/api/v1/trail?from={NEAR_THE_START}",
        f"/api/v1/trail?cursor={PLACES[1]}",
        "/api/v1/trail?actor=%00",
        "/api/v1/trail?action=a%00",
        f"/api/v1/holds?cursor={PLACES[2]}",
        f"/api/v1/disposals?cursor={PLACES[3]}",
        "/api/v1/customers/a%00b",
        "/customers/a%00",
        f"/customers/1001?cursor={PLACES[0]}",
        "/trail?to=9999-12-31",
    ],
)
async def test_bad_input_is_told_to_be_so(house: House, address: str) -> None:
    answer = await house.client.get(URL(address, encoded=True), headers=await house.headers(Role.DPO))
    assert answer.status == 422, await answer.text()


def fields_of(route: Route) -> dict[str, FieldInfo]:
    return {} if route.query is None else route.query.model_fields


async def test_no_address_of_the_api_takes_a_field_that_it_does_not_know(house: House) -> None:
    asked = 0
    for route in tables():
        if not route.path.startswith("/api/") or route.surface != "api":
            continue
        headers = await house.headers(role_of(route.permission))
        for query in ("bogus=1", "bogus=", "bogus=1&bogus=2"):
            address = f"{good_address(route)}?{query}"
            answer = await house.client.request(route.method, address, headers=headers)
            assert answer.status == 422, f"{answer.status} for {route.method} {address}"
            needed = [name for name, field in fields_of(route).items() if field.is_required()]
            assert [error["field"] for error in (await answer.json())["errors"]] == [*needed, "bogus"]
            asked += 1
    assert asked > 60


async def test_a_push_with_a_query_is_refused_and_keeps_nothing(house: House) -> None:
    headers = await house.headers(Role.TELEPHONY)
    form = envelope(metadata(house.company), sound())
    answer = await house.client.put("/api/v1/recordings/pbx/q-1?bogus=1", data=form, headers=headers)
    assert answer.status == 422
    assert (await house.push("q-1")).status == 201


async def test_a_query_is_told_only_to_those_who_may_ask(house: House) -> None:
    assert (await house.client.get("/api/v1/policies?bogus=1")).status == 401
    headers = await house.headers(Role.TELEPHONY)
    assert (await house.client.get("/api/v1/policies?bogus=1", headers=headers)).status == 403


async def test_probes_may_add_what_they_like(house: House) -> None:
    assert (await house.client.get("/healthz?at=1")).status == 200


async def test_a_preview_of_the_end_of_time_is_refused(house: House) -> None:
    headers = await house.headers(Role.DPO)
    answer = await house.client.post("/api/v1/disposals/preview", json={"as_of": NEAR_THE_END}, headers=headers)
    assert answer.status == 422
