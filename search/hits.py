"""Where in one contact the words of a query were said: every moment, for the marks on its page.

The page of the contact asks for them by `GET /search/hits/{id}?q=`. They tell of content, so they need a stated purpose
and are on the trail before they leave. What words mean is `search.terms`; passages are `search.texts`.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from archive.custody import Services
from archive.domain.access import Action, Actor, Permission, Purpose
from archive.domain.interactions import PartKind
from archive.errors import Destroyed, Invalid, NotFound
from archive.store import interactions
from archive.web import kit
from archive.web.interactions import purpose_of
from archive.web.routes import Route
from search import index_words, likeness, morphology, near, query, sounds, terms
from search.query import MAX_QUERY_CHARS, Query
from search.rows import is_finnish, is_known
from search.snippets import Row
from search.sounds import Said
from search.terms import Alternatives, Terms
from search.texts import Passage, unpack
from search.words import Analyser, Token

_MOST = 1_000
"""More marks than this nobody goes through."""

_Span = tuple[int, int]
"""The first and the last of some words, by their places."""


class HitsQuery(BaseModel):
    """What is looked for in the contact, by the grammar of the search."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    q: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUERY_CHARS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Words that were found: `at` and `length` are characters of the text that a speaker began at `start_s`.

    `moment_s` is when the first of the words was said. Of what was written both are None, and `message` is the number
    of the message in the order of time. `kind` is sure or near.
    """

    start_s: float | None
    speaker: str
    at: int
    length: int
    moment_s: float | None
    message: int | None = None
    kind: str = "sure"


async def get_hits(request: web.Request) -> web.Response:
    """Every moment at which the words of a query were said in one contact."""
    asked = kit.query(request, HitsQuery)
    interaction_id = kit.path_id(request)
    purpose = await purpose_of(request, interaction_id)
    services, actor = kit.services(request), kit.actor(request)
    found = await find_in(services, actor, interaction_id, purpose=purpose, asked=query.read(asked.q), now=kit.now())
    return kit.json_answer({"hits": [asdict(moment) for moment in found]})


async def find_in(
    services: Services, actor: Actor, interaction_id: UUID, *, purpose: Purpose, asked: Query, now: datetime
) -> tuple[Moment, ...]:
    """The moments of a contact in order of time; that they were asked for is on the trail when this returns.

    Raises:
        PurposeNotAllowed: the purpose is not the role's.
        NotFound: there is no such contact for this actor.
        Destroyed: it was lawfully destroyed.

    """
    purpose.must_suit(actor.role)
    async with services.db.read() as tx:
        contact = await interactions.get(tx, interaction_id, actor.companies)
        if contact is None:
            raise Destroyed if await interactions.is_tombstone(tx, interaction_id, actor.companies) else NotFound
        row = (await index_words.rows_of(tx, [interaction_id])).get(interaction_id)
    found = () if row is None else await asyncio.to_thread(_read, row, asked, services.settings.words_analyser)
    async with services.db.begin() as tx:
        await services.record(
            tx,
            actor,
            Action.SEARCHED,
            now=now,
            companies=[contact.facts.company],
            interaction_id=interaction_id,
            purpose=purpose,
            detail={"words": services.veil("words", asked.text), "hits": len(found)},
        )
    return found


def _read(row: Row, asked: Query, wanted: str) -> tuple[Moment, ...]:
    analyser = morphology.analyser(wanted)
    try:
        looked_for = terms.terms(asked, analyser)
    except Invalid:
        return ()  # nothing but fields or signs: nothing of that was said
    alike = near.words_of(looked_for, asked.words, analyser)
    return moments(unpack(row.segments), looked_for, alike, analyser, row.language)


def moments(
    passages: Sequence[Passage],
    asked: Terms,
    alike: Sequence[near.Word],
    analyser: Analyser,
    language: str | None,
) -> tuple[Moment, ...]:
    """Where the words and phrases stand in what was said or written, and what sounds `alike`, in order of time.

    A word in two of them counts once; what is surely there is no near hit.
    """
    found: list[Moment] = []
    messages = 0
    for passage in passages:
        is_message = passage.kind == PartKind.MESSAGE
        messages += is_message
        if is_message or (passage.kind == PartKind.TRANSCRIPT and passage.start_s is not None):
            heard = analyser.tokens(passage.text, language)
            sure = _apart(_sure(heard, asked))
            close = _apart(_near(heard, alike), besides=sure) if is_finnish(language) else []
            for kind, spans in (("sure", sure), ("near", close)):
                found += [_moment(passage, heard, span, kind, messages if is_message else None) for span in spans]
    return tuple(sorted(found, key=lambda moment: (moment.moment_s or 0.0, moment.message or 0, moment.at))[:_MOST])


def _moment(passage: Passage, heard: Sequence[Token], span: _Span, kind: str, message: int | None) -> Moment:
    start, end = heard[span[0]].start, heard[span[1]].end
    return Moment(
        start_s=passage.start_s,
        speaker=passage.speaker,
        at=start,
        length=end - start,
        moment_s=passage.moment_s(start),
        message=message,
        kind=kind,
    )


def _apart(spans: Iterable[_Span], besides: Sequence[_Span] = ()) -> list[_Span]:
    """Spans of words that do not overlap, the longer of two that begin together."""
    kept: list[_Span] = []
    for first, last in sorted(spans, key=lambda span: (span[0], -span[1])):
        if all(last < other[0] or other[1] < first for other in (*besides, *kept[-1:])):
            kept.append((first, last))
    return kept


def _sure(heard: Sequence[Token], asked: Terms) -> set[_Span]:
    words = {(place, place) for word in asked.words for place in _places(heard, word)}
    return words | {span for phrase in asked.phrases for span in _side_by_side(heard, phrase)}


def _near(heard: Sequence[Token], words: Sequence[near.Word]) -> Iterator[_Span]:
    """Of each word that is not surely there, the likest place, if it is like enough."""
    line = sounds.line([Said(text=token.plain, is_known=is_known(token)) for token in heard])
    for word in words:
        if next(_places(heard, word.any_of), None) is None:
            yield from ((like.first, like.last) for like in likeness.likest(line, word.sought))


def _places(heard: Sequence[Token], word: Alternatives) -> Iterator[int]:
    return (place for place, token in enumerate(heard) if any(term in token.terms for term in word))


def _side_by_side(heard: Sequence[Token], phrase: Sequence[Alternatives]) -> Iterator[tuple[int, int]]:
    later = [set(_places(heard, word)) for word in phrase[1:]]
    for first in _places(heard, phrase[0]):
        if all(first + step in places for step, places in enumerate(later, 1)):
            yield first, first + len(later)


ROUTES = (
    Route(
        method="GET",
        path="/search/hits/{id}",
        handler=get_hits,
        permission=Permission.CONTENT_OPEN,
        summary="Where in a contact the words of a query were said",
        surface="page",
        query=HitsQuery,
    ),
)
