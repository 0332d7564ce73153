"""The subcommand up. It is alone, so that the supervisor stays small and starts at once."""

from pathlib import Path

import click

from archive import supervisor
from archive.cli_options import data_option


@click.command()
@data_option
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Serve on this port; 0 takes any free one.")
@click.option("--demo", is_flag=True, help="Fill an empty installation with made-up contacts.")
def up(data: Path, port: int | None, *, demo: bool) -> None:
    """Start everything on this machine, print `ready URL`, and serve until told to stop."""
    supervisor.up(data, port, demo=demo)
