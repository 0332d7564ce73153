"""The route table: what every address needs, says and takes.

Each module of handlers exposes `ROUTES`, a tuple of `Route`; the roof joins them and calls `mount` once. The middleware
asks `of` which permission a request needs before any handler runs. The OpenAPI document made from the same table is in
`archive.web.openapi`.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

from archive.domain.access import Permission

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one address.

    `permission` None means that anyone may ask without signing in, so only sign-in, health, the API's description and
    static files have it. `surface` says how errors are told: problem+json or a page. `body`, `query` and `answer` are
    the models of the OpenAPI document; `body_type` names another media type for bodies that are streamed. `answers`
    maps further statuses to their sentence.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission | None
    summary: str
    surface: Literal["api", "page"] = "api"
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    body_type: str = "application/json"
    answer_type: str = "application/json"
    answers: tuple[tuple[int, str], ...] = ()
    # aiohttp reads up to this much of a body at once; streamed bodies set their own limits.
    body_limit_bytes: int = 1024 * 1024
    # Whether the handler itself says 100 Continue, once it has judged the headers; else it is said for it.
    says_continue: bool = False

    @property
    def closes_query(self) -> bool:
        """Whether a query that the route does not take is refused. Links to pages and probes may be given more."""
        return self.path.startswith("/api/") and self.surface == "api"


TABLE: web.AppKey[dict[tuple[str, str], Route]] = web.AppKey("route_table", dict[tuple[str, str], Route])


def mount(app: web.Application, routes: Iterable[Route]) -> None:
    """Add every route to the application and keep the table for `of` and the OpenAPI document.

    Raises:
        RuntimeError: two routes have the same method and path.

    """
    table: dict[tuple[str, str], Route] = {}
    for route in routes:
        key = (route.method, route.path)
        if key in table:
            message = f"{route.method} {route.path} is in the table twice"
            raise ValueError(message)
        table[key] = route
        app.router.add_route(route.method, route.path, route.handler, expect_handler=_expected)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, route.handler)
    app[TABLE] = table


async def _expected(_: web.Request) -> None:
    """Say nothing yet: 100 Continue is said by the middleware or the handler, after the sender has been judged."""


def of(request: web.Request) -> Route | None:
    """The table's row for the request, or None when no address matched."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    table: dict[tuple[str, str], Route] = request.config_dict[TABLE]
    return table.get((method, resource.canonical))


def table_of(app: Any) -> tuple[Route, ...]:
    """All mounted routes, in the order of the table."""
    return tuple(app[TABLE].values())
