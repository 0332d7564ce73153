"""The commands of docs/quickstart.md, word by word, against a fresh installation."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import sound
from tests.services import CHECKOUT
from tests.upping import clean, up

pytestmark = pytest.mark.xdist_group("up")


def test_a_newcomer_gets_from_nothing_to_the_first_recording(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs/quickstart.md").read_text()
    look, begin, *rest = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert look == "make up\n"
    assert begin.split() == [".venv/bin/tallenne", "up", "--data", "/var/lib/tallenne"]
    (tmp_path / "call.wav").write_bytes(sound())
    with up(tmp_path / "var") as running:
        command = f'tallenne() {{ {shlex.quote(sys.executable)} -m archive "$@"; }}\n'
        said = []
        for block in rest:
            script = block.replace("alias tallenne=.venv/bin/tallenne\n", "")
            script = script.replace("http://127.0.0.1:8080", running.url)
            script = script.replace("/var/lib/tallenne", str(running.data))
            done = subprocess.run(
                ["sh", "-eu", "-c", f"export TALLENNE_DATA={shlex.quote(str(running.data))}\n{command}{script}"],
                cwd=tmp_path,
                env=clean(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
    accounts, pushed, taken = said
    assert accounts.count("/welcome/") == 2
    assert json.loads(pushed)["external_id"] == "call-0001"
    assert taken.startswith("kept ")
