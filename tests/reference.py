"""Writes docs/reference from the code: `python -m tests.reference`. The test of the docs compares the two."""

from collections.abc import Iterable
from pathlib import Path

import click
from pydantic_core import PydanticUndefined

from archive.app import tables
from archive.cli import cli
from archive.domain.access import GRANTS, PURPOSES, Action, Permission, Role
from archive.settings import Settings

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def settings() -> str:
    """Every setting with its default."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else str(field.default)
        rows.append((f"`TALLENNE_{name.upper()}`", f"`{default}`" if default else "", field.description or ""))
    return f"""# Settings

Every role reads these once, from the environment; a command run beside `tallenne up` also finds them in
`DIR/run/service.env`. A mistake is told with all others at once, and nothing starts.

{table(("variable", "default", "what it is"), rows)}"""


def routes() -> str:
    """Every route with its permission."""
    rows = [
        (route.method, f"`{route.path}`", f"`{route.permission or 'everyone'}`", route.summary) for route in tables()
    ]
    return f"""# Routes

Each route names the permission it needs; which roles have it is in [permissions](permissions.md). Bodies, queries and
answers of the API are in the OpenAPI document: `tallenne openapi`, or `/api/docs` of a running installation.

{table(("method", "path", "permission", "what it does"), rows)}"""


def permissions() -> str:
    """Every permission with its roles, and each role's purposes."""
    rows = [(f"`{one}`", ", ".join(role for role in Role if one in GRANTS[role])) for one in Permission]
    purposes = [(role, ", ".join(f"`{kind}`" for kind in PURPOSES[role]) or "none") for role in Role]
    return f"""# Permissions and purposes

Deny by default: a role has what its name stands beside, and nothing else. Every grant is also bound to companies.

{table(("permission", "roles"), rows)}
Content is opened for a purpose, and a role may state only its own:

{table(("role", "purposes"), purposes)}"""


def actions() -> str:
    """Every action of the trail."""
    rows = [(f"`{one}`", one.name.lower().replace("_", " ")) for one in Action]
    return f"""# Actions on the trail

{table(("action", "when"), rows)}"""


def commands() -> str:
    """Every command with its usage and help."""
    lines = ["# Commands", "", "Every command takes `--data DIR`. Exit status: 0 done, 1 failed, 2 wrong usage.", ""]
    for path, command in walk(cli, "tallenne"):
        context = click.Context(command, info_name=path)
        usage = " ".join(command.collect_usage_pieces(context))
        help_text = (command.help or "").split("\f")[0].strip()
        lines += [f"## `{path}`", "", f"`{path} {usage}`", "", help_text, ""]
        options = [option for option in command.params if isinstance(option, click.Option) and option.help]
        lines += [f"* `{', '.join(option.opts)}`: {option.help}" for option in options]
        lines += [""] if options else []
    return "\n".join(lines).rstrip() + "\n"


def walk(command: click.Command, path: str) -> Iterable[tuple[str, click.Command]]:
    """Every command below a group."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from walk(child, f"{path} {name}")


PAGES = {
    "settings.md": settings,
    "routes.md": routes,
    "permissions.md": permissions,
    "trail-actions.md": actions,
    "commands.md": commands,
}

if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write())
