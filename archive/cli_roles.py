"""Subcommands that run a role until a signal: api, worker, timers. What each does is `archive.roles`."""

from pathlib import Path

import click

from archive import roles
from archive.cli_options import data_option, settings_of

# Given by the supervisor only: its process, without which the role is not to live on.
_parent_option = click.option("--parent", type=int, default=None, hidden=True)


@click.command()
@data_option
@_parent_option
def api(data: Path, parent: int | None) -> None:
    """Serve API and pages."""
    roles.run(roles.api, settings_of(data), parent)


@click.command()
@data_option
@_parent_option
def worker(data: Path, parent: int | None) -> None:
    """Do the jobs that wait."""
    roles.run(roles.worker, settings_of(data), parent)


@click.command()
@data_option
@_parent_option
def timers(data: Path, parent: int | None) -> None:
    """Do what is due by the clock; of several, one leads."""
    roles.run(roles.timers, settings_of(data), parent)
