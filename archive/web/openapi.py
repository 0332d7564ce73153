"""The description of the API (OpenAPI 3.1), made from the route table and the models that judge requests.

Nothing is written twice: an address, its summary, its permission and its fields are those of the table. The page of the
same content is our own template, so that reading it loads nothing from elsewhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from archive import errors
from archive.web import kit, routes
from archive.web.routes import Route

VERSION = "1"
_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REASONS = {
    400: "The request could not be read",
    401: errors.Unauthenticated.title(),
    403: errors.Forbidden.title(),
    404: errors.NotFound.title(),
    408: errors.UploadTimeout.title(),
    409: errors.Conflict.title(),
    410: errors.Destroyed.title(),
    413: errors.TooLarge.title(),
    415: errors.UnsupportedMedia.title(),
    416: errors.RangeNotSatisfiable.title(),
    422: errors.Invalid.title(),
    429: errors.TooMany.title(),
    503: errors.StoreUnavailable.title(),
}


def document(table: Iterable[Route], server: str = "") -> dict[str, Any]:
    """The OpenAPI document of every API route of the table."""
    shown = [route for route in table if route.surface == "api"]
    schemas, refs = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallenne",
            "version": VERSION,
            "summary": "A contact archive: push, find, hear for a purpose, hold and destroy on time.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server or "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_Refs = dict[tuple[Any, str], dict[str, Any]]


def _schemas(table: list[Route]) -> tuple[dict[str, Any], _Refs]:
    taken: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = []
    for route in table:
        taken += [(model, "validation") for model in (route.body, route.query) if model is not None]
        taken += [(route.answer, "serialization")] if route.answer is not None else []
    refs, definitions = models_json_schema(list(dict.fromkeys(taken)), ref_template=_REF)
    return definitions.get("$defs", {}), {(model, mode): ref for (model, mode), ref in refs.items()}


def _operation(route: Route, refs: _Refs) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, refs),
    }
    if route.permission is None:
        operation["security"] = []
    else:
        operation["x-permission"] = route.permission.value
    if route.body is not None:
        schema = refs[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {route.body_type: {"schema": schema}}}
    elif route.body_type != "application/json":
        operation["requestBody"] = {"required": True, "content": {route.body_type: {}}}
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", route.path.replace("/api/v1", ""))
    return "_".join([route.method.lower(), *words])


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = _PARAMETER.findall(route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REF)
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]


def _responses(route: Route, refs: _Refs) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if route.answer is not None:
        good["content"] = {route.answer_type: {"schema": refs[route.answer, "serialization"]}}
    elif route.answer_type != "application/json":
        good["content"] = {route.answer_type: {}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {str(route.status): good}
    for status, reason in route.answers:
        answers[str(status)] = {**good, "description": reason}
    for status in _possible(route):
        answers.setdefault(str(status), {"description": _REASONS[status], "content": problem})
    return answers


def _possible(route: Route) -> list[int]:
    """The errors that a route may answer with, from what it takes."""
    found = [503]
    if route.permission is not None:
        found += [401, 403, 404]
    if route.body is not None or route.body_type != "application/json":
        found += [400, 413, 415, 422, 409, 410, 429, 408]
    if route.closes_query:
        found.append(422)
    if _PARAMETER.search(route.path):
        found += [404, 410]
    if route.method != "GET":
        found.append(409)
    return sorted(set(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of the page: an address with what it takes and answers."""

    method: str
    path: str
    summary: str
    permission: str | None
    parameters: tuple[tuple[str, str], ...]
    body: str | None
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPage:
    """The description for people: every operation and the fields of every model."""

    operations: tuple[Operation, ...]
    models: tuple[tuple[str, str], ...]


async def openapi_json(request: web.Request) -> web.StreamResponse:
    """Answer with the document."""
    settings = kit.services(request).settings
    return kit.json_answer(document(routes.table_of(request.config_dict), settings.public_url))


async def docs_page(request: web.Request) -> web.StreamResponse:
    """Answer with the page."""
    whole = document(routes.table_of(request.config_dict))
    schemas = whole["components"]["schemas"]
    told = tuple(
        (name, orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()) for name, schema in sorted(schemas.items())
    )
    lines = (_line(path, method, op) for path, methods in whole["paths"].items() for method, op in methods.items())
    return await kit.page(request, "api_docs.html", ApiPage(operations=tuple(lines), models=told))


def _line(path: str, method: str, operation: dict[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    return Operation(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        permission=operation.get("x-permission"),
        parameters=tuple((p["name"], p["in"]) for p in operation["parameters"]),
        body=next((f"{kind} {_model_of(value)}".strip() for kind, value in content.items()), None),
        answers=tuple((status, answer["description"]) for status, answer in operation["responses"].items()),
    )


def _model_of(media: dict[str, Any]) -> str:
    return str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]


ROUTES = (
    Route(
        method="GET",
        path="/api/openapi.json",
        handler=openapi_json,
        permission=None,
        summary="The description of this API (OpenAPI 3.1)",
    ),
    Route(
        method="GET",
        path="/api/docs",
        handler=docs_page,
        permission=None,
        summary="The description of this API, to read",
        surface="page",
    ),
)
