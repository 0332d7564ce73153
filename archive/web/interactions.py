"""The API of single contacts: the record, the recording by ranges, the history.

Thin: who may see what and what goes on the trail is `archive.viewing`. Links are `archive.web.links`.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from archive import viewing
from archive.domain.access import Permission, Purpose
from archive.domain.filters import Cursor
from archive.domain.interactions import Interaction, Part
from archive.domain.ranges import Span, read_range
from archive.domain.trail import SealedEvent
from archive.errors import ServiceError
from archive.viewing import Opened, View
from archive.web import keys, kit
from archive.web.routes import Route

PURPOSE_HEADER = "Purpose"


class HistoryQuery(BaseModel):
    """Which page of a contact's history."""

    model_config = ConfigDict(extra="forbid")

    cursor: Cursor | None = None
    limit: int = Field(default=50, ge=1, le=500)


async def get_interaction(request: web.Request) -> web.StreamResponse:
    """Everything known of a contact but its content."""
    view = await viewing.look(kit.services(request), kit.actor(request), kit.path_id(request), kit.now())
    return kit.json_answer(record(view))


async def get_history(request: web.Request) -> web.StreamResponse:
    """Who did what with a contact, when, for which purpose; newest first."""
    asked = kit.query(request, HistoryQuery)
    events, following = await viewing.history(
        kit.services(request),
        kit.actor(request),
        kit.path_id(request),
        kit.now(),
        before=kit.read_place(asked.cursor),
        limit=asked.limit,
    )
    cursor = None if following is None else kit.write_place(*following)
    return kit.json_answer({"items": [event_document(event) for event in events], "next": cursor})


async def get_audio(request: web.Request) -> web.StreamResponse:
    """The recording, whole or a range of it; the look is on the trail before the first byte leaves."""
    interaction_id = kit.path_id(request)
    purpose = await purpose_of(request, interaction_id)
    asked = request.headers.get(hdrs.RANGE, "whole")[:100]
    services, session = kit.services(request), request.get(keys.SESSION)
    opened = await viewing.open_recording(
        services,
        kit.actor(request),
        interaction_id,
        purpose,
        kit.now(),
        asked=asked,
        session=None if session is None else session.digest,
    )
    return await send(request, opened)


async def purpose_of(request: web.Request, interaction_id: UUID) -> Purpose:
    """The purpose of a look at content: the header's, else what the session has stated for this contact.

    Raises:
        PurposeRequired: neither says one.

    """
    said = request.headers.get(PURPOSE_HEADER)
    session = request.get(keys.SESSION)
    if said is None and session is not None:
        stated = await viewing.stated_purpose(kit.services(request), session.digest, interaction_id)
        if stated is not None:
            return stated
    return Purpose.parse(said)


async def send(request: web.Request, opened: Opened) -> web.StreamResponse:
    """Stream an opened part, as much of it as the Range header asks for.

    Raises:
        RangeNotSatisfiable: the range lies outside.
        StoreUnavailable: the object store cannot be reached; nothing has been sent.
        Damaged: the object is not what was kept; nothing has been sent.

    """
    part = opened.part
    etag = f'"{part.sha256.hex()}"'
    same = request.headers.get(hdrs.IF_RANGE, etag) == etag
    ranged = read_range(request.headers.get(hdrs.RANGE) if same else None, part.size_bytes)
    span = ranged or Span(start=0, stop=part.size_bytes, size=part.size_bytes)
    answer = web.StreamResponse(status=200 if ranged is None else 206, headers=_headers(part, etag))
    answer.content_length = span.stop - span.start
    if ranged is not None:
        answer.headers[hdrs.CONTENT_RANGE] = span.content_range
    if request.method == hdrs.METH_HEAD:
        return answer
    pieces = viewing.read(kit.services(request), opened, span)
    first = await anext(pieces)
    try:
        await answer.prepare(request)
        await answer.write(first)
        await _pour(request, answer, pieces)
    except ConnectionError as gone:
        # A listener who seeks leaves the range behind: nothing failed.
        raise ConnectionResetError from gone
    return answer


async def _pour(request: web.Request, answer: web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    """Send the rest; what fails now is no answer any more: the connection is cut, so that nobody takes it for whole."""
    try:
        async for piece in pieces:
            await answer.write(piece)
        await answer.write_eof()
    except ServiceError:
        if request.transport is not None:
            request.transport.abort()
        raise


def _headers(part: Part, etag: str) -> dict[str, str]:
    return {
        hdrs.CONTENT_TYPE: part.media_type,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: etag,
        hdrs.CACHE_CONTROL: "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        hdrs.CONTENT_DISPOSITION: "inline",
    }


def record(view: View) -> dict[str, Any]:
    """A view as the contract's JSON."""
    kept, facts = view.interaction, view.interaction.facts
    return {
        "id": kept.id,
        "channel": facts.channel,
        "company": facts.company,
        "direction": facts.direction,
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "duration_s": facts.duration_s,
        "source": facts.source,
        "external_id": facts.external_id,
        "call_id": facts.call_id,
        "queue": facts.queue,
        "category": facts.category,
        "language": facts.language,
        "agent": {"id": facts.agent_id, "name": facts.agent_name},
        "channels": facts.channel_roles,
        "customer_number": facts.given_customer_number,
        "attributes": facts.attributes,
        "parties": [asdict(party) for party in facts.parties],
        "links": [
            {"customer_number": link.customer_number, "evidence": link.evidence, "status": link.status}
            for link in view.links
        ],
        "legs": [_leg(leg) for leg in view.legs if leg.id != kept.id],
        "parts": [part_document(part) for part in kept.parts],
        "received_at": kept.received_at,
        "retain_until": kept.retain_until,
        "policy": kept.policy,
        "retention": view.explanation.english,
        "on_hold": view.on_hold,
        "holds": [
            {"id": hold.id, "reason": hold.reason, "placed_at": hold.placed_at, "released_at": hold.released_at}
            for hold in view.holds
        ],
        "derived": {"state": kept.derive_state, "media": kept.media},
        "text": {"state": kept.text_state, "reason": kept.text_reason},
        "receipt": kept.receipt,
    }


def _leg(leg: Interaction) -> dict[str, Any]:
    return {"id": leg.id, "started_at": leg.facts.started_at, "queue": leg.facts.queue}


def part_document(part: Part) -> dict[str, Any]:
    """A part without its place in the store."""
    return {
        "id": part.id,
        "kind": part.kind,
        "media_type": part.media_type,
        "size_bytes": part.size_bytes,
        "sha256": part.sha256,
        "sealed_sha256": part.sealed_sha256,
        "created_at": part.created_at,
    }


def event_document(sealed: SealedEvent) -> dict[str, Any]:
    """A trail event as JSON; `seq` is null until it is sealed."""
    event = sealed.event
    return {
        "id": event.id,
        "at": event.at,
        "actor": event.actor_id,
        "actor_name": event.actor_name,
        "role": event.role,
        "action": event.action,
        "companies": event.companies,
        "interaction": event.interaction_id,
        "purpose": event.purpose,
        "detail": event.detail,
        "seq": sealed.seq,
        "mac": sealed.mac,
    }


_GONE = ((410, "It was lawfully destroyed"),)
ROUTES = (
    Route(
        method="GET",
        path="/api/v1/interactions/{id}",
        handler=get_interaction,
        permission=Permission.INTERACTION_READ,
        summary="Everything known of a contact but its content",
        answers=_GONE,
    ),
    Route(
        method="GET",
        path="/api/v1/interactions/{id}/history",
        handler=get_history,
        permission=Permission.HISTORY_READ,
        summary="Who did what with a contact, when, for which purpose",
        query=HistoryQuery,
    ),
    Route(
        method="GET",
        path="/api/v1/interactions/{id}/audio",
        handler=get_audio,
        permission=Permission.CONTENT_OPEN,
        summary="The recording, by ranges; needs the header Purpose",
        answer_type="audio/*",
        answers=((206, "The range asked for"), (403, "Purpose missing or not the role's"), *_GONE),
    ),
)
