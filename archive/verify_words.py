"""Does the index agree with what is kept? Each contact's state against its row; a part of `archive.verify`.

Whether a row has the right words is not looked at: `tallenne reindex --all` makes them anew.
"""

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

from archive.custody import Services
from archive.domain.findings import Finding
from archive.domain.transcripts import TextState
from archive.store import search_rows
from archive.store.search_rows import Standing


async def verify_words(services: Services, coverage: Counter[TextState]) -> AsyncIterator[Finding]:
    """Compare every contact with its row, and count how far their words have come into `coverage`."""
    async with services.db.read_bare() as connection:
        for doomed in await search_rows.astray(connection):
            yield Finding(kind="index-row-of-marked-contact", where=f"interaction {doomed}")
    after: UUID | None = None
    while True:
        async with services.db.read_bare() as connection:
            several = await search_rows.walk(connection, after)
        if not several:
            return
        for one in several:
            coverage[one.text_state] += 1
            wrong = judged(one)
            if wrong is not None:
                yield Finding(kind=wrong, where=f"interaction {one.id}")
        after = several[-1].id


def judged(contact: Standing) -> str | None:
    """What is wrong with a contact's row; None where nothing is. State and row are written in one transaction."""
    if contact.made_by is None:
        return "words-not-in-index" if contact.text_state is TextState.DONE else None
    if not contact.has_text:
        return "index-row-without-text"
    if not contact.has_passages:
        return "index-row-without-passages"
    return None if contact.agrees else "index-row-differs"
