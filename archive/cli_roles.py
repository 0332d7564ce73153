"""Subcommands that run something for long, prepare it or look at it: up, api, worker, timers, migrate, doctor."""

import asyncio
import sys
from pathlib import Path

import click

from archive import doctor as doctor_checks
from archive import roles, supervisor
from archive.cli_kit import data_option, settings_of
from archive.errors import StoreUnavailable
from archive.settings import load
from archive.store import migrate as migrations

# Given by the supervisor only: its process, without which the role is not to live on.
_parent_option = click.option("--parent", type=int, default=None, hidden=True)


@click.command()
@data_option
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Serve on this port; 0 takes any free one.")
@click.option("--demo", is_flag=True, help="Fill an empty installation with made-up contacts.")
def up(data: Path, port: int | None, *, demo: bool) -> None:
    """Start everything on this machine, print `ready URL`, and serve until told to stop."""
    supervisor.up(data, port, demo=demo)


@click.command()
@data_option
@_parent_option
def api(data: Path, parent: int | None) -> None:
    """Serve API and pages."""
    roles.run(roles.api, load(data), parent)


@click.command()
@data_option
@_parent_option
def worker(data: Path, parent: int | None) -> None:
    """Do the jobs that wait."""
    roles.run(roles.worker, load(data), parent)


@click.command()
@data_option
@_parent_option
def timers(data: Path, parent: int | None) -> None:
    """Do what is due by the clock; of several, one leads."""
    roles.run(roles.timers, load(data), parent)


@click.command()
@data_option
def migrate(data: Path) -> None:
    """Bring the database to the newest version."""
    settings = settings_of(data)
    try:
        click.echo(asyncio.run(migrations.migrate(settings.database_url.get_secret_value())))
    except OSError:
        raise StoreUnavailable("the database cannot be reached") from None


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
