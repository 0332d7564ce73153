"""The reference is what the code says, and no page leads nowhere."""

import re
from pathlib import Path

import pytest

from tests.reference import PAGES, REFERENCE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_reference_is_what_the_code_says(name: str) -> None:
    assert (REFERENCE / name).read_text() == PAGES[name](), "write it anew: python -m tests.reference"


def test_every_setting_is_explained() -> None:
    rows = PAGES["settings.md"]().splitlines()
    assert not [row for row in rows if row.endswith("|  |")]


@pytest.mark.parametrize("path", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith(("http:", "https:", "#", "mailto:")):
            assert (path.parent / target.split("#")[0]).exists(), target


def test_files_that_the_internals_name_exist() -> None:
    for page in (DOCS / "internals").glob("*.md"):
        named = re.findall(r"`((?:archive|ingest|search|retention|tests|bench)/[\w/.]+)", page.read_text())
        missing = {name for name in named if not (ROOT / name).exists()}
        assert not missing, page.name
