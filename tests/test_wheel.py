"""The wheel works outside the checkout: in an environment of its own, with everything that it needs inside."""

import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.services import CHECKOUT
from tests.upping import clean

pytestmark = pytest.mark.xdist_group("up")
PACKAGES = ("archive", "ingest", "retention", "search")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `tallenne` of a fresh environment into which only the wheel was put; what it depends on is borrowed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    site = next((folder / "env").glob("lib/python3*/site-packages"))
    subprocess.run([*pip, "--python", str(folder / "env/bin/python"), "install", "--no-deps", str(wheel)], check=True)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin" / "tallenne"


def run(program: Path, *words: str) -> str:
    """Run a command far from the checkout."""
    done = subprocess.run([str(program), *words], cwd="/", env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_says_its_version(program: Path) -> None:
    assert run(program, "--version").split()[-1] == version("tallenne")


def test_it_is_the_installed_one_that_answers(program: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(*(m.__file__ for m in ({', '.join(PACKAGES)})))"
    said = subprocess.run(
        [str(program.with_name("python")), "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    assert all(path.startswith(str(program.parents[1])) for path in said.stdout.split())


def test_it_has_every_file_that_is_no_code(program: Path) -> None:
    site = next(program.parents[1].glob("lib/python3*/site-packages"))
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    missing = [name for name in tracked.stdout.splitlines() if not (site / name).exists()]
    assert not missing
    assert (site / "archive/web/static/vendor/htmx.min.js").exists()


def test_it_prints_the_api(program: Path) -> None:
    assert '"openapi": "3.1.0"' in run(program, "openapi")
