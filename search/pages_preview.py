"""The preview of a hit beside the list: the contact's record in short, and where its words were said.

It is a look at a contact's record like any other, through `archive.viewing`, and on the trail; what was said comes from
the same rows as the list's snippets.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from archive import viewing
from archive.custody import Services
from archive.domain.access import Permission
from archive.domain.filters import Absent
from archive.domain.interactions import Interaction
from archive.domain.links import Link, LinkStatus
from archive.errors import Damaged, Invalid
from archive.web import kit
from archive.web.routes import Route
from search import index_words, morphology, query, snippets, terms
from search.query import MAX_QUERY_CHARS
from search.snippets import Row, Snippet


class PreviewQuery(BaseModel):
    """The words that were searched for, by the grammar of the search."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    q: Annotated[Annotated[str, StringConstraints(max_length=MAX_QUERY_CHARS)] | None, Absent] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPart:
    """One contact's record in short; `suggested` counts the customers it might belong to; `url` leads to its page."""

    contact: Interaction
    on_hold: bool
    links: tuple[Link, ...]
    suggested: int
    snippets: tuple[Snippet, ...]
    url: str


async def preview(request: web.Request) -> web.StreamResponse:
    """Show a contact's record in short; that it was looked at is on the trail before it leaves.

    Raises:
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    asked = kit.query(request, PreviewQuery)
    services, interaction_id = kit.services(request), kit.path_id(request)
    view = await viewing.look(services, kit.actor(request), interaction_id, kit.now())
    said = await _said(services, interaction_id, asked.q) if asked.q else ()
    query_string = f"?{request.query_string}" if asked.q else ""
    part = PreviewPart(
        contact=view.interaction,
        on_hold=view.on_hold,
        links=tuple(link for link in view.links if link.status is LinkStatus.LINKED),
        suggested=sum(link.status is LinkStatus.SUGGESTED for link in view.links),
        snippets=said,
        url=f"/interactions/{interaction_id}{query_string}",
    )
    return kit.html(await kit.render(request, "search/preview.html", part))


async def _said(services: Services, interaction_id: UUID, q: str) -> tuple[Snippet, ...]:
    """Where the words were said; nothing where the query cannot be read or the contact is not in the index."""
    async with services.db.read() as tx:
        row = (await index_words.rows_of(tx, [interaction_id])).get(interaction_id)
    return () if row is None else await asyncio.to_thread(_cut, row, q, services.settings.words_analyser)


def _cut(row: Row, q: str, wanted: str) -> tuple[Snippet, ...]:
    analyser = morphology.analyser(wanted)
    try:
        return snippets.cut(row, terms.terms(query.read(q), analyser), analyser) or ()
    except (Invalid, Damaged):
        return ()


ROUTES = (
    Route(
        method="GET",
        path="/search/preview/{id}",
        handler=preview,
        permission=Permission.INTERACTION_READ,
        summary="A contact's record in short, for the list beside it",
        surface="page",
        query=PreviewQuery,
    ),
)
