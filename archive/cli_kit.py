"""What subcommands share that work with rows and objects: the services, and who is acting."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from archive.cli_options import settings_of
from archive.custody import Services, open_services
from archive.domain.access import Actor

Result = TypeVar("Result")


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
