"""The OpenAPI document is true: generated requests get answers that it announces, and never a failure of ours."""

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import status_code_conformance

from archive.app import tables
from archive.domain.access import Role
from tests.house import House

EXAMPLES = 12
# Bodies that are streamed have tests of their own (2,000 malformed pushes, imports).
STREAMED = {"multipart/form-data", "application/x-ndjson"}


async def test_every_route_is_in_the_document(house: House) -> None:
    answer = await house.client.get("/api/openapi.json")
    document = await answer.json()
    said = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    api = {(route.method, route.path) for route in tables() if route.path.startswith("/api/v1/")}
    assert document["openapi"].startswith("3.1")
    assert api <= said


async def test_generated_requests_get_announced_answers(house: House) -> None:
    document = await (await house.client.get("/api/openapi.json")).json()
    base_url = str(house.client.make_url("")).rstrip("/")
    headers = {role: await house.headers(role) for role in Role}
    await asyncio.to_thread(try_everything, document, base_url, headers)


def try_everything(document: dict[str, Any], base_url: str, headers: dict[Role, dict[str, str]]) -> None:
    """Try every operation of the API as every role, with valid and invalid requests."""
    schema = schemathesis.openapi.from_dict(document)
    streamed = {(route.method, route.path) for route in tables() if route.body_type in STREAMED}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if (operation.method.upper(), operation.path) not in streamed:
            for role in Role:
                try_operation(operation, base_url, headers[role])


def try_operation(operation: Any, base_url: str, headers: dict[str, str]) -> None:
    """A handful of requests to one operation by one role."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        response = case.call(base_url=base_url, headers=headers, allow_redirects=False)
        case.validate_response(response, checks=[not_a_server_error, status_code_conformance])

    send()
