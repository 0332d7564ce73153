"""The house keeps its plan: layers, caps, docstrings, and words that must not stand in it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("archive", "ingest", "search", "retention")
PORTS = {"ingest/transcribe/__init__.py"}  # a port's protocol needs the values that it speaks of
FILE_CAP, TEST_CAP, FUNCTION_CAP = 400, 600, 60
TOP_LEVEL = {"archive", "ingest", "search", "retention", "tests", "docs", "bench"}
# `except Exception` may stand only where everything ends.
CATCH_ALL = {"archive/web/middleware.py", "archive/worker.py", "retention/schedule.py"}


def tracked(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


def test_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_module_of_the_floor_and_roof_has_its_layer() -> None:
    plan = (ROOT / "pyproject.toml").read_text()
    modules = {path.stem for path in (ROOT / "archive").glob("*.py")} | {
        path.parent.name for path in (ROOT / "archive").glob("*/__init__.py")
    }
    assert not {name for name in modules - {"__init__"} if not re.search(rf"archive\.{name}\b", plan)}


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(*PACKAGES, "tests", "bench")
        if (lines := path.read_text().count("\n")) > (TEST_CAP if path.is_relative_to(ROOT / "tests") else FILE_CAP)
    }
    assert not long


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_too_long() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in tracked(*PACKAGES, "tests", "bench")
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_CAP
    }
    assert not long


def test_the_median_function_is_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1 for path in tracked(*PACKAGES) for node in functions(path)
    )
    assert lengths[len(lengths) // 2] <= 12


def test_catch_alls_stand_only_where_everything_ends() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in tracked(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
    }
    assert found <= CATCH_ALL


def test_packages_import_nothing_by_themselves() -> None:
    for path in tracked(*PACKAGES):
        if path.name == "__init__.py" and str(path.relative_to(ROOT)) not in PORTS:
            tree = ast.parse(path.read_text())
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)], path


def test_values_are_frozen_and_slotted() -> None:
    """Every dataclass of the pure floor is a value."""
    for path in tracked("archive/domain"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for decorator in node.decorator_list:
                    if "dataclass" in ast.unparse(decorator):
                        assert "frozen=True" in ast.unparse(decorator), f"{path.name}: {node.name}"
                        assert "slots=True" in ast.unparse(decorator), f"{path.name}: {node.name}"


def test_there_is_no_other_package_at_the_top() -> None:
    named = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {name.split("/")[0] for name in named if "/" in name and not name.startswith(".")}
    assert folders <= TOP_LEVEL


@pytest.mark.parametrize("linter", [["ruff", "check", "."], ["ruff", "format", "--check", "."]])
def test_ruff_is_content(linter: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_types_are_strict() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
