"""The transcript as a page of its own, of which the page of the contact takes its lines.

What may be seen, masked and for which purpose is `archive.viewing_text`; the lines are made in `transcript_view`.
"""

from aiohttp import web

from archive import viewing_text
from archive.domain.access import Permission
from archive.web import kit
from archive.web.interactions import purpose_of
from archive.web.routes import Route
from archive.web.transcript_view import TranscriptPage, lines_of
from archive.web.transcripts import SPEAKERS


async def transcript(request: web.Request) -> web.StreamResponse:
    """Show what was said; that it was opened is on the trail before the page leaves.

    Raises:
        PurposeRequired: none has been stated for this contact.
        NotFound: there is no such contact for this actor, or no transcript of it yet.
        Destroyed: it was lawfully destroyed.

    """
    interaction_id = kit.path_id(request)
    purpose = await purpose_of(request, interaction_id)
    opened = await viewing_text.open_transcript(
        kit.services(request), kit.actor(request), interaction_id, purpose, kit.now()
    )
    context = TranscriptPage(
        interaction_id=str(interaction_id),
        model=opened.model,
        speakers=SPEAKERS,
        lines=tuple(lines_of(opened)),
    )
    answer = await kit.page(request, "transcript.html", context)
    answer.enable_compression()
    return answer


ROUTES = (
    Route(
        method="GET",
        path="/interactions/{id}/transcript",
        handler=transcript,
        permission=Permission.CONTENT_OPEN,
        summary="What was said in a contact",
        surface="page",
    ),
)
