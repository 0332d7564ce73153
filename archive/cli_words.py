"""Subcommands about the words: reindex. What they do is in the walls."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from archive import progress
from archive.cli_kit import with_services
from archive.cli_options import data_option
from archive.custody import Services
from archive.store import jobs
from ingest.transcription import CATCH_UP
from search import reindexing
from search.reindexing import Reindexed

_SAID_EVERY_S = 10.0
_time = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"])


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every row, not only those that need it.")
@click.option("--before", type=_time, help="With --all: only rows made before this time (UTC), to go on with a run.")
@data_option
def reindex(everything: bool, before: datetime | None, data: Path) -> None:
    """Make rows of the search index anew where they need it, while search goes on; a run that was stopped goes on."""
    if before is not None and not everything:
        raise click.UsageError("--before goes with --all")
    until = (before or datetime.now(UTC)).replace(tzinfo=UTC) if everything else None
    if until is not None:
        progress.say(f"to go on after a stop: tallenne reindex --all --before {until:%Y-%m-%dT%H:%M:%S}")
    done = with_services(data, lambda services: _reindex(services, until))
    click.echo(
        f"looked at {done.looked} contacts, renewed {done.renewed} rows, added {done.added}, left {done.queued} to the"
        " worker"
    )


async def _reindex(services: Services, before: datetime | None) -> Reindexed:
    async with services.db.begin() as tx:
        await jobs.enqueue(tx, CATCH_UP, {})
    said_s = time.monotonic()

    def say(done: Reindexed, about: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s > _SAID_EVERY_S:
            said_s = time.monotonic()
            progress.say(f"looked at {done.looked} of about {about}, renewed {done.renewed}, added {done.added}")

    return await reindexing.run(services, before=before, progress=say)
