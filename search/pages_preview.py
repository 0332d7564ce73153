"""The preview of a hit beside the list: the contact's record in short, and where its words were said.

It is a look at a contact's record like any other, through `archive.viewing`, and on the trail; what was said comes from
the same rows as the list's snippets.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from archive import viewing
from archive.domain.access import Action, Permission
from archive.domain.filters import Absent
from archive.domain.interactions import Interaction
from archive.domain.links import Link, LinkStatus
from archive.errors import Damaged, Invalid
from archive.web import kit
from archive.web.routes import Route
from search import index_words, morphology, near, query, snippets, terms
from search.likeness import Like
from search.query import MAX_QUERY_CHARS
from search.snippets import Row, Snippet
from search.terms import Terms
from search.words import Analyser


class PreviewQuery(BaseModel):
    """The words that were searched for, by the grammar of the search."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    q: Annotated[Annotated[str, StringConstraints(max_length=MAX_QUERY_CHARS)] | None, Absent] = None
    near: Annotated[bool | None, Absent] = None


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
    said = await _said(request, view.interaction, asked) if asked.q else ()
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


async def _said(request: web.Request, contact: Interaction, asked: PreviewQuery) -> tuple[Snippet, ...]:
    """Where the words were said; that they were asked of this contact is on the trail before they leave.

    Nothing where the query cannot be read or the contact is not in the index.
    """
    services = kit.services(request)
    try:
        words = query.read(asked.q or "")
    except Invalid:
        return ()
    analyser = await asyncio.to_thread(morphology.analyser, services.settings.words_analyser)
    async with services.db.begin() as tx:
        row = (await index_words.rows_of(tx, [contact.id])).get(contact.id)
        if row is None or not words.has_words:
            return ()
        looked_for = terms.terms(words, analyser)
        alike = () if asked.near is False else near.words_of(looked_for, words.words, analyser)
        likes = await near.likes_of(tx, contact.id, alike)
        found = await asyncio.to_thread(_cut, row, looked_for, likes, analyser)
        await services.record(
            tx,
            kit.actor(request),
            Action.SEARCHED,
            now=kit.now(),
            companies=[contact.facts.company],
            interaction_id=contact.id,
            detail={"words": services.veil("words", words.text), "hits": len(found)},
        )
    return found


def _cut(row: Row, asked: Terms, likes: Sequence[Like], analyser: Analyser) -> tuple[Snippet, ...]:
    """The places where the words surely were said; where there are none, those that sound like them."""
    try:
        return snippets.cut(row, asked, analyser) or snippets.cut_near(row, likes, asked, analyser) or ()
    except Damaged:
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
