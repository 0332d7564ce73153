"""What the measurements over HTTP share: a `tallenne up` of their own, a recording of any size, medians with spread.

The pushes come from `bench._pusher` and the raw PUTs from `bench._putter`, each a process of its own; this module
starts them and reads their figures.
"""

import json
import os
import secrets
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from archive.settings import Settings, load

COMPANY = "bench"
IN_FLIGHT = 16
_WAV_HEAD_BYTES = 44
_QUIET_CORES = 0.15
_QUIET_LIMIT_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running installation: its supervisor, its settings, and a token that pushes."""

    root: Path
    process: psutil.Process
    settings: Settings
    token: str

    @property
    def port(self) -> int:
        """Where it serves."""
        return self.settings.port

    def command(self, *words: str) -> str:
        """Run a `tallenne` command on it; its standard output."""
        return _command(self.root, *words)

    def role(self, name: str) -> list[psutil.Process]:
        """The processes of a role, or of a service by the name of its program."""
        return [child for child in self.process.children(recursive=True) if _is(child, name)]

    def settle(self) -> None:
        """Wait until the jobs that a turn left behind are done, so that the next turn does not pay for them."""
        deadline = time.monotonic() + _QUIET_LIMIT_S
        while time.monotonic() < deadline:
            before, began = self.cpu_s(), time.monotonic()
            time.sleep(1)
            if (self.cpu_s() - before) / (time.monotonic() - began) < _QUIET_CORES:
                return

    def cpu_s(self) -> float:
        """Processor seconds that everything here has used."""
        return sum(cpu_s(child) for child in self.process.children(recursive=True))


def _is(process: psutil.Process, name: str) -> bool:
    try:
        return process.name() == name or name in process.cmdline()[1:6]
    except psutil.Error:
        return False


def cpu_s(process: psutil.Process) -> float:
    """Processor seconds of one process; 0 when it is gone."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


@contextmanager
def installation() -> Iterator[Running]:
    """A `tallenne up` in a directory of its own, as it starts by itself, with one company; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tallenne-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, "-m", "archive", "up", "--data", folder, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith("ready"):
                raise SystemExit("tallenne up did not start; run it by hand to see why")
            _command(
                root, "company", "create", COMPANY, "--name", "Bench", "--business-id", "0112038-9", "--kind", "retail"
            )
            token = _command(root, "token", "create", "bench", "--role", "telephony", "--company", COMPANY)
            yield Running(root=root, process=psutil.Process(process.pid), settings=load(root), token=token)
        finally:
            process.terminate()
            process.wait(30)


def _command(root: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLENNE_")}
    done = subprocess.run(
        [sys.executable, "-m", "archive", *words, "--data", str(root)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=environment,
    )
    return done.stdout.strip()


def write_wav(path: Path, size_bytes: int) -> Path:
    """A WAV file (8 kHz, stereo, 16 bits) of exactly so many bytes of noise."""
    sound = size_bytes - _WAV_HEAD_BYTES
    layout = struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", (size_bytes - 8) & 0xFFFFFFFF) + b"WAVEfmt " + layout)
        file.write(b"data" + struct.pack("<I", sound & 0xFFFFFFFF))
        noise = os.urandom(1024 * 1024)
        for at in range(0, sound, len(noise)):
            file.write(noise[: sound - at])
    return path


def push_all(running: Running, audio: Path, count: int, in_flight: int = IN_FLIGHT) -> dict[str, Any]:
    """Push a file so many times under new ids; the generator's figures."""
    job = {
        "port": running.port,
        "token": running.token,
        "company": COMPANY,
        "audio": str(audio),
        "count": count,
        "in_flight": in_flight,
        "prefix": secrets.token_hex(4),
    }
    figures = _figures("bench._pusher", job)
    assert set(figures["statuses"]) == {"201"}, figures["statuses"]
    return figures


def put_all(running: Running, audio: Path, count: int, threads: int = IN_FLIGHT) -> dict[str, Any]:
    """PUT the same bytes to the same bucket with the minio SDK; the figures."""
    settings = running.settings
    job = {
        "endpoint": settings.s3_endpoint,
        "access_key": settings.s3_access_key,
        "secret_key": settings.s3_secret_key.get_secret_value(),
        "region": settings.s3_region,
        "bucket": settings.s3_bucket,
        "audio": str(audio),
        "count": count,
        "threads": threads,
        "prefix": f"{COMPANY}/raw/{secrets.token_hex(4)}",
    }
    return _figures("bench._putter", job)


def _figures(module: str, job: dict[str, Any]) -> dict[str, Any]:
    # The job has keys in it: through a pipe, not in the process table.
    done = subprocess.run(
        [sys.executable, "-m", module], input=json.dumps(job), stdout=subprocess.PIPE, check=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
