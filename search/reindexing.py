"""Making rows of the index anew: those of another analyser, those that are missing, or all of them.

There is no list of what is to be done: a walk over all contacts looks at each one's row, so that a run that was stopped
goes on by being started again. Between batches it rests for as long as they took, so that search hardly notices; the
rows that are there stay until their new ones are.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from archive.custody import Services
from archive.domain.transcripts import TextState
from archive.errors import StoreUnavailable
from archive.store import jobs, search_rows
from archive.store.search_rows import INDEX, Standing
from search import indexing, morphology

BATCH = 32
REST_FACTOR = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """What a run did: contacts looked at, rows renewed and added, and contacts left to jobs of the worker."""

    looked: int = 0
    renewed: int = 0
    added: int = 0
    queued: int = 0


Progress = Callable[[Reindexed, int], None]
"""Told now and then what was done so far, and about how many contacts there are."""


async def run(
    services: Services, *, before: datetime | None = None, rest_factor: float = REST_FACTOR, progress: Progress
) -> Reindexed:
    """Make the rows anew that another analyser made, or that were made before a moment; make those that are missing.

    A contact that fails is left to a job, which is tried again and ends visibly.

    Raises:
        StoreUnavailable: the database or the object store cannot be reached; start it again.
        Misconfigured: the analyser that the settings name is not there.

    """
    analyser = await asyncio.to_thread(morphology.analyser, services.settings.words_analyser)
    async with services.db.read_bare() as connection:
        about = await search_rows.count_contacts(connection)
    done, after = Reindexed(), None
    while True:
        async with services.db.read_bare() as connection:
            contacts = await search_rows.walk(connection, after)
        if not contacts:
            return done
        wanted = [one for one in contacts if is_due(one, analyser.name, before)]
        for start in range(0, len(wanted), BATCH):
            begun = time.monotonic()
            done = await _do(services, wanted[start : start + BATCH], done)
            progress(done, about)
            await asyncio.sleep((time.monotonic() - begun) * rest_factor)
        done, after = replace(done, looked=done.looked + len(contacts)), contacts[-1].id
        progress(done, about)


def is_due(contact: Standing, analyser: str, before: datetime | None) -> bool:
    """Whether a contact's row is to be made; what nobody wants to be transcribed has no words."""
    if not contact.has_text or contact.text_state is TextState.OFF:
        return False
    if contact.made_by is None or contact.made_at is None or not contact.has_passages or not contact.agrees:
        return True
    return contact.made_by != analyser or (before is not None and contact.made_at < before)


async def _do(services: Services, contacts: Sequence[Standing], done: Reindexed) -> Reindexed:
    payloads = [{"interaction": str(one.id), "company": one.company} for one in contacts]
    outcomes = await asyncio.gather(*(indexing.index(services, one) for one in payloads), return_exceptions=True)
    wrong = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in wrong:
        if isinstance(error, StoreUnavailable) or not isinstance(error, Exception):
            raise error
    left = [one for one, outcome in zip(payloads, outcomes, strict=True) if isinstance(outcome, BaseException)]
    async with services.db.begin() as tx:
        await jobs.enqueue_many(tx, INDEX, left)
    did = [one for one, outcome in zip(contacts, outcomes, strict=True) if outcome is True]
    return replace(
        done,
        renewed=done.renewed + sum(one.made_by is not None for one in did),
        added=done.added + sum(one.made_by is None for one in did),
        queued=done.queued + len(left),
    )
