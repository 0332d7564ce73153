"""Running the `tallenne` command as a process of its own, as an operator would."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from archive.processes import choose_ports
from tests.services import CHECKOUT

READY_S = 90
STOP_S = 15


@dataclass(slots=True, kw_only=True)
class Up:
    """A running `tallenne up`; `log` is its standard error."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    log: Path
    ready_s: float

    def children(self) -> dict[str, psutil.Process]:
        """Its child processes, by what they are: postgres, weed, api, worker, timers (one api of several)."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            words = child.cmdline()
            name = words[words.index("archive") + 1] if "archive" in words else Path(words[0]).name
            found[name] = child
        return found

    def said(self, text: str, within_s: float = 30) -> bool:
        """Whether it says this on standard error, waiting for it."""
        deadline = time.monotonic() + within_s
        while text not in self.log.read_text():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def stop(self) -> float:
        """Ask it to stop; returns how long that took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_S * 2)
        return time.monotonic() - began


def run(*words: str, data: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    place = ["--data", str(data)] if data else []
    return subprocess.run(
        [sys.executable, "-m", "archive", *words, *place],
        cwd=CHECKOUT,
        env=clean() | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def must(*words: str, data: Path | None = None) -> str:
    """Run one command that has to succeed; returns its standard output."""
    done = run(*words, data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def clean() -> dict[str, str]:
    """Our environment without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TALLENNE_")}


@contextmanager
def up(data: Path, *words: str, env: dict[str, str] | None = None) -> Iterator[Up]:
    """Run `tallenne up` until the block ends."""
    port = choose_ports([], 1)[0]
    log = data.parent / f"{data.name}.{port}.log"
    began = time.monotonic()
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "archive", "up", "--data", str(data), "--port", str(port), *words],
            cwd=CHECKOUT,
            env=clean() | (env or {}),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == f"ready http://127.0.0.1:{port}\n", log.read_text()
        url = line.removeprefix("ready ").strip()
        yield Up(process=process, data=data, url=url, log=log, ready_s=time.monotonic() - began)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Whatever the block did, nothing of it runs on."""
    children = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S * 2)
        process.kill()
        process.wait()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    if process.stdout:
        process.stdout.close()
