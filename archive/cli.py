"""The `tallenne` command: which subcommands there are, and how a failure is said.

A thin shell. The families of subcommands are the modules `archive.cli_*`, loaded only when asked for. The work is done
elsewhere.
"""

import importlib
import sys

import click

from archive.errors import ArchiveError, Invalid

# Each subcommand and where it is; the order is the one in which help lists them.
COMMANDS = {
    "up": "archive.cli_up:up",
    "api": "archive.cli_roles:api",
    "worker": "archive.cli_roles:worker",
    "timers": "archive.cli_roles:timers",
    "migrate": "archive.cli_care:migrate",
    "secrets": "archive.cli_care:secrets",
    "doctor": "archive.cli_care:doctor",
    "company": "archive.cli_accounts:company",
    "token": "archive.cli_accounts:token",
    "user": "archive.cli_accounts:user",
    "customers": "archive.cli_records:customers",
    "ingest": "archive.cli_records:ingest",
    "retention": "archive.cli_records:retention",
    "verify": "archive.cli_records:verify",
    "reindex": "archive.cli_words:reindex",
    "verify-certificate": "archive.cli_records:verify_certificate",
    "keys": "archive.cli_records:keys",
    "sources": "archive.cli_records:sources",
    "openapi": "archive.cli_records:openapi",
}


class _Lazy(click.Group):
    """A group that imports a subcommand only when it is needed, so that `--version` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Name every subcommand."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Load one subcommand; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tallenne", prog_name="tallenne")
def cli() -> None:
    """Keep, link, find, hear for a purpose, hold and destroy on time every contact with a customer.

    Every command takes --data DIR (default $TALLENNE_DATA, else ./var) and works with the services that `tallenne up`
    runs there, or with those that the environment names.
    """


def main() -> None:
    """Run the command; exit 0 when done, 1 when it failed (one line on standard error says why), 2 for wrong usage."""
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        _fail("stopped")
    except ArchiveError as error:
        _fail(said(error))
    sys.exit(status if isinstance(status, int) else 0)


def said(error: ArchiveError) -> str:
    """One line that says what is wrong, every complaint included."""
    complaints = (
        "; ".join(f"{one.field}: {one.message}" for one in error.complaints) if isinstance(error, Invalid) else ""
    )
    return complaints or str(error)


def _fail(text: str) -> None:
    click.echo(f"tallenne: {' '.join(text.split())}", err=True)
    sys.exit(1)
