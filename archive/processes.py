"""One operating-system process that is kept running: started, asked whether it answers, stopped, found again.

What the processes are is not here: see `archive.embedded` for the two services and `archive.supervisor` for our roles.
Leftovers of a killed run are known by what they run on (a data directory), never by a number that may be another's by
now.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from archive.errors import ServiceError

LOG_MAX_BYTES = 20 * 1024 * 1024
Belongs = Callable[[psutil.Process], bool]
"""Whether a process is one of ours."""

_POLL_S = 0.05
_PORT_WAIT_S = 2.0
_PORTS = (20_000, 32_000)


class PartFailed(ServiceError):
    """A part of the archive did not start; see its log."""

    code = "part-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one process is started, asked and stopped. Times in seconds."""

    name: str
    spawn: Callable[[], Awaitable[Process]]
    answers: Callable[[], Awaitable[bool]]
    start_timeout_s: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10
    log: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line with its surroundings; `uid` and `gid` drop root's rights when they are set."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path | None = None
    uid: int | None = None
    gid: int | None = None


async def spawn(command: Command) -> Process:
    """Start a process in a process group of its own, so that Ctrl-C at the terminal reaches only us.

    Standard output and error go to the log, or to our standard error when there is none: our own output is for results.
    """
    output = open_log(command.log) if command.log else os.dup(sys.stderr.fileno())
    try:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            umask=0o077,
            process_group=0,
            user=command.uid,
            group=command.gid,
            extra_groups=[] if command.uid is not None else None,
        )
    finally:
        os.close(output)


def open_log(path: Path) -> int:
    """Open a log for appending; one that grew large is set aside first, so at most two are kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_MAX_BYTES:
            path.replace(path.with_suffix(".1.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


async def start(part: Part) -> Process:
    """Start a part and wait until it answers.

    Raises:
        PartFailed: it ended, or did not answer in time (then it is ended); the text names its log.

    """
    process = await part.spawn()
    try:
        await wait_answer(part, process)
    except BaseException:
        await stop(part, process)
        raise
    return process


async def wait_answer(part: Part, process: Process) -> None:
    """Wait until a started part answers.

    Raises:
        PartFailed: it ended or the time was over.

    """
    where = f"; see {part.log}" if part.log else ""
    deadline = asyncio.get_running_loop().time() + part.start_timeout_s
    while not await part.answers():
        if process.returncode is not None:
            raise PartFailed(f"{part.name} ended while starting (status {process.returncode}){where}")
        if asyncio.get_running_loop().time() > deadline:
            raise PartFailed(f"{part.name} did not answer within {part.start_timeout_s:.0f} s{where}")
        await asyncio.sleep(_POLL_S)


async def stop(part: Part, process: Process) -> bool:
    """Ask a part to stop and end it when it does not; True when it stopped by itself."""
    if process.returncode is not None:
        return True
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(part.stop_signal)
    try:
        await asyncio.wait_for(process.wait(), part.stop_timeout_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return True


def end_leftovers(belongs: Belongs, *, ask: signal.Signals = signal.SIGTERM, grace_s: float = 8) -> int:
    """End processes of an earlier run that was killed; returns how many there were."""
    found = [process for process in psutil.process_iter() if _is_leftover(process, belongs)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(ask)
    _, alive = psutil.wait_procs(found, timeout=grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return len(found)


def _is_leftover(process: psutil.Process, belongs: Belongs) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return process.status() != psutil.STATUS_ZOMBIE and belongs(process)
    except (psutil.Error, OSError):
        return False


def choose_ports(wanted: Sequence[int], count: int) -> list[int]:
    """Choose `count` free loopback ports, keeping the wanted ones that are still free.

    They lie below the range that the system hands out to outgoing connections, so that none of those takes one while
    its listener is down. A process that was just killed may need a moment to let go of its own: that is waited for.
    """
    deadline = time.monotonic() + _PORT_WAIT_S
    kept = [port if _becomes_free(port, deadline) else 0 for port in wanted[:count]]
    kept += [0] * (count - len(kept))
    others = iter(random.SystemRandom().sample(range(*_PORTS), 1000))
    fresh = (port for port in others if port not in kept and port_is_free("127.0.0.1", port))
    return [port or next(fresh) for port in kept]


def _becomes_free(port: int, deadline: float) -> bool:
    while not port_is_free("127.0.0.1", port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def port_is_free(host: str, port: int) -> bool:
    """Whether a listener could be opened there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
