"""The reference names everything that there is: settings, routes, permissions, trail actions, commands."""

from pathlib import Path

import click
import pytest
from archive.cli import main

from archive.app import tables
from archive.domain.access import GRANTS, Action, Permission, Role
from archive.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def test_every_setting_is_explained() -> None:
    text = page("reference/settings.md")
    assert not [name for name in Settings.model_fields if f"`TALLENNE_{name.upper()}`" not in text]


def test_every_route_is_listed_with_its_permission() -> None:
    text = page("reference/routes.md")
    rows = {(route.method, route.path): str(route.permission or "everyone") for route in tables()}
    assert not [key for key, who in rows.items() if f"| {key[0]} | `{key[1]}` | `{who}` |" not in text]


def test_every_permission_is_listed_with_its_roles() -> None:
    text = page("reference/permissions.md")
    for permission in Permission:
        roles = ", ".join(role for role in Role if permission in GRANTS[role])
        assert f"| `{permission}` | {roles} |" in text


def test_every_trail_action_is_listed() -> None:
    text = page("reference/trail-actions.md")
    assert not [action for action in Action if f"`{action}`" not in text]


def commands(group: click.Command, path: str = "tallenne") -> list[str]:
    if not isinstance(group, click.Group):
        return [path]
    return [name for child in group.commands.values() for name in commands(child, f"{path} {child.name}")]


def test_every_command_is_listed() -> None:
    text = page("reference/commands.md")
    assert not [name for name in commands(main) if f"`{name}" not in text]


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in (part.split(")")[0] for part in path.read_text().split("](")[1:]):
        if not target.startswith(("http:", "https:", "#", "mailto:")):
            assert (path.parent / target.split("#")[0]).exists(), target
