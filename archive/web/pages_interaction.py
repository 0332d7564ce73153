"""The page of one contact: the player behind a stated purpose, its parties, links, holds, policy, digests and history.

Making and undoing links and placing holds is done by the walls whose forms stand on this page; the audio itself comes
from the API. What the page shows is gathered in `archive.web.interaction_view`.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from archive import viewing
from archive.domain.access import Permission, Purpose, PurposeKind
from archive.domain.trail import SealedEvent
from archive.errors import PurposeRequired
from archive.web import interaction_view, kit
from archive.web.kit import N_
from archive.web.routes import Route

_HISTORY_LIMIT = 200
_PEAKS_AGE = "private, max-age=300"


class PurposeForm(BaseModel):
    """For which purpose the contact is opened; some purposes need their reference. `q` is what was being looked for."""

    model_config = ConfigDict(extra="forbid")
    kind: PurposeKind
    reference: Annotated[str, Field(max_length=64)] | None = None
    q: Annotated[str, Field(max_length=400)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Who did what with one contact, newest first; `is_cut` when there is more on the trail."""

    interaction_id: str
    events: tuple[SealedEvent, ...]
    is_cut: bool


async def interaction(request: web.Request) -> web.StreamResponse:
    """Show a contact; that it was looked at is on the trail before the page leaves.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    view = await viewing.look(kit.services(request), kit.actor(request), kit.path_id(request), kit.now())
    return await kit.page(request, "interaction.html", await interaction_view.gather(request, view))


async def state_purpose(request: web.Request) -> web.StreamResponse:
    """Remember for which purpose this session opens the contact, and show its content.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor.

    """
    form, interaction_id = await kit.body(request, PurposeForm), kit.path_id(request)
    page = f"/interactions/{interaction_id}" + (f"?{urlencode({'q': form.q})}" if form.q else "")
    try:
        purpose = Purpose.parse(f"{form.kind.value}:{form.reference}" if form.reference else form.kind.value)
    except PurposeRequired:
        return kit.go(request, page, N_("Give the reference: letters, digits, dots, dashes and slashes."))
    digest = kit.session(request).digest
    await viewing.state_purpose(
        kit.services(request), kit.actor(request), digest, interaction_id, purpose=purpose, now=kit.now()
    )
    return kit.go(request, page)


async def peaks(request: web.Request) -> web.StreamResponse:
    """The stored waveform as JSON: `bucket_s`, `peaks[channel][bucket]` of 0 to 127, `silence[]`.

    Raises:
        NotFound: there is no such contact for this actor, or the waveform has not been drawn yet.

    """
    data = await viewing.peaks(kit.services(request), kit.actor(request), kit.path_id(request))
    answer = web.Response(body=data, content_type="application/json", headers={"Cache-Control": _PEAKS_AGE})
    answer.enable_compression()
    return answer


async def history(request: web.Request) -> web.StreamResponse:
    """Show who did what with the contact; looking at it is itself on the trail.

    Raises:
        NotFound: there is no such contact for this actor, and never was.

    """
    interaction_id = kit.path_id(request)
    events, following = await viewing.history(
        kit.services(request), kit.actor(request), interaction_id, kit.now(), limit=_HISTORY_LIMIT
    )
    context = HistoryPage(interaction_id=str(interaction_id), events=tuple(events), is_cut=following is not None)
    return await kit.page(request, "history.html", context)


_PAGE = "/interactions/{id}"
ROUTES = (
    Route(
        method="GET",
        path=_PAGE,
        handler=interaction,
        permission=Permission.INTERACTION_READ,
        summary="One contact",
        surface="page",
    ),
    Route(
        method="POST",
        path=f"{_PAGE}/purpose",
        handler=state_purpose,
        permission=Permission.CONTENT_OPEN,
        summary="State the purpose of opening a contact",
        surface="page",
        body=PurposeForm,
    ),
    Route(
        method="GET",
        path=f"{_PAGE}/peaks",
        handler=peaks,
        permission=Permission.CONTENT_OPEN,
        summary="The waveform of a contact's recording",
        surface="page",
    ),
    Route(
        method="GET",
        path=f"{_PAGE}/history",
        handler=history,
        permission=Permission.HISTORY_READ,
        summary="Who did what with a contact",
        surface="page",
    ),
)
