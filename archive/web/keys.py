"""The names under which an application and a request carry what handlers need."""

from aiohttp import web

from archive.accounts import Session
from archive.custody import Services
from archive.domain.access import Actor

SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
SESSION: web.RequestKey[Session | None] = web.RequestKey("session", object)  # type: ignore[arg-type]
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


class Marks:
    """What the whole installation is marked with: whether its contacts are samples."""

    def __init__(self, *, demo: bool) -> None:
        self.demo = demo


MARKS: web.AppKey[Marks] = web.AppKey("marks", Marks)
