"""Subcommands for whoever looks after an installation: migrate, doctor."""

import asyncio
import sys
from pathlib import Path

import click

from archive import deploy
from archive import doctor as doctor_checks
from archive.cli_options import data_option, settings_of
from archive.errors import StoreUnavailable
from archive.objects.s3 import Bucket
from archive.settings import load
from archive.store import migrate as migrations


@click.command()
@data_option
def migrate(data: Path) -> None:
    """Bring the database to the newest version, and make the bucket when there is none."""
    settings = settings_of(data)

    async def work() -> str:
        version = await migrations.migrate(settings.database_url.get_secret_value())
        async with Bucket.open(settings) as bucket:
            await bucket.ensure()
        return version

    try:
        click.echo(asyncio.run(work()))
    except OSError:
        raise StoreUnavailable("the database cannot be reached") from None


@click.command()
@data_option
def secrets(data: Path) -> None:
    """Make the secret files that docker-compose.yml mounts, in DIR/secrets; what is there stays."""
    click.echo(deploy.make_secret_files(data))


@click.command()
@data_option
def doctor(data: Path) -> None:
    """Look at everything this installation depends on; exit 1 when something is wrong."""
    settings = load(data)
    wrong = 0
    for check in asyncio.run(doctor_checks.examine(settings)):
        wrong += not check.right
        click.echo(f"{'ok  ' if check.right else 'FAIL'}  {check.name}: {check.said}")
    if wrong:
        click.echo(f"tallenne: {wrong} of the checks failed", err=True)
        sys.exit(1)
