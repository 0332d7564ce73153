"""What the families of subcommands share: the `--data` option, the settings, the services, and who is acting."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from archive.custody import Services, open_services
from archive.domain.access import Actor, Role
from archive.roles import must_have_services
from archive.settings import Settings, load

Result = TypeVar("Result")

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TALLENNE_DATA",
    default=Path("var"),
    show_default="$TALLENNE_DATA, else ./var",
    help="The data directory.",
)

role_option = click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What the holder may do."
)

companies_option = click.option(
    "--company", "companies", multiple=True, metavar="CODE", help="Covers only this one; may be repeated."
)


def settings_of(data: Path) -> Settings:
    """The settings for a data directory, which must name services.

    Raises:
        Misconfigured: they do not, or one is wrong.

    """
    settings = load(data)
    must_have_services(settings)
    return settings


def with_services(data: Path, use: Callable[[Services], Awaitable[Result]]) -> Result:
    """Open the services, do the work, close them.

    Raises:
        Misconfigured: a setting or a key file is wrong.

    """
    settings = settings_of(data)

    async def run() -> Result:
        services = open_services(settings)
        try:
            return await use(services)
        finally:
            await services.close()

    return asyncio.run(run())


def shell_actor() -> Actor:
    """Who sits at the command line: the trail names the account of the operating system."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "unknown"
    return Actor(id=f"shell:{name}", name=f"{name} (command line)", role=None)
