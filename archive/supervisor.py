"""`tallenne up`: everything of one data directory on one machine, started in order, kept alive, stopped in order.

One supervisor a directory, by a lock. It starts the two services, makes room in them, migrates, and then keeps the
roles running as child processes of the same interpreter. What the services and the roles are is `archive.embedded` and
`archive.roles`.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil

from archive import embedded, processes, progress
from archive.embedded import Embedded
from archive.errors import Misconfigured, ServiceError
from archive.layout import Layout, is_new, make_layout, strangers, write_private
from archive.processes import Command, Part, end_leftovers, port_is_free, spawn
from archive.settings import SERVICE_ENV, Settings, load
from archive.store.migrate import migrate
from ingest.transcribe.models import BASE, base_is_here

MIN_FREE_BYTES = 512 * 1024**2
STEADY_S = 30.0
_BACKOFF_S = (0.2, 10.0)
_ROLE_STOP_S = 9.0
_LOOPBACK = "127.0.0.1"


class AlreadyRunning(ServiceError):
    """Another `tallenne up` runs on this directory."""

    code = "already-running"


class Unusable(ServiceError):
    """The data directory cannot be used."""

    code = "unusable"


@dataclass(slots=True, kw_only=True)
class _Kept:
    """A running part and the task that starts it again when it dies."""

    part: Part
    process: Process
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Household:
    """The parts that run now; `stop_parts` ends them and those who would start them again."""

    kept: dict[str, _Kept] = field(default_factory=dict)

    async def add_all(self, parts: Iterable[Part]) -> None:
        """Start parts at once, wait until every one answers, and keep them from now on.

        What was started stays known here also when this fails or is cancelled, so that it is stopped in the end.

        Raises:
            PartFailed: one did not start.

        """
        outcomes = await asyncio.gather(*(self._add(part) for part in parts), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _add(self, part: Part) -> None:
        kept = _Kept(part=part, process=await part.spawn())
        self.kept[part.name] = kept
        await processes.wait_answer(part, kept.process)
        kept.task = asyncio.create_task(self._keep(kept))

    async def stop_parts(self, names: list[str]) -> None:
        """Stop these parts at once, and wait until they are gone."""
        chosen = [self.kept.pop(name) for name in names if name in self.kept]
        for kept in chosen:
            if kept.task:
                kept.task.cancel()
        await asyncio.gather(*(kept.task for kept in chosen if kept.task), return_exceptions=True)
        await asyncio.gather(*(processes.stop(kept.part, kept.process) for kept in chosen))

    async def _keep(self, kept: _Kept) -> None:
        """Start it again whenever it ends; the wait doubles while it does not stay up."""
        wait_s = _BACKOFF_S[0]
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            status = await kept.process.wait()
            if loop.time() - began > STEADY_S:
                wait_s = _BACKOFF_S[0]
            progress.say(f"{kept.part.name} ended ({_ending(status)}); starting it again")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _BACKOFF_S[1])
            with contextlib.suppress(OSError):
                kept.process = await kept.part.spawn()


def _ending(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def up(data: Path, port: int | None, *, demo: bool) -> None:
    """Start everything under `data`, say `ready URL` on standard output, and serve until a signal says stop.

    Raises:
        AlreadyRunning: another one has the directory.
        Unusable: the directory cannot be written, holds something else, or its disk is full.
        Misconfigured: a setting is wrong or the port is taken.
        PartFailed: a service did not start.
        NewerDatabase: the database belongs to a newer version; nothing was changed.

    """
    try:
        _must_be_usable(Layout(root=data.resolve()), port)
        layout = make_layout(data)
        with _lock(layout.run / "lock", layout.root):
            asyncio.run(_run(layout.root, port, demo=demo))
    except OSError as error:
        raise Unusable(f"{data.resolve()} cannot be used: {error.strerror or error}") from error


async def _run(root: Path, port: int | None, *, demo: bool) -> None:
    told = _until_told()
    await asyncio.to_thread(end_leftovers, _is_our_role(root), grace_s=3)
    # What a killed run wrote is no setting of this one.
    (root / SERVICE_ENV).unlink(missing_ok=True)
    host, port = _address(load(root), port)
    household = Household()
    starting = asyncio.create_task(_start(household, root, host, port, demo=demo))
    stopping = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            print(f"ready {starting.result()}", flush=True)  # noqa: T201  # the command's result
            await told.wait()
    finally:
        stopping.cancel()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await _stop(household, root)


def _until_told() -> asyncio.Event:
    """An event that a signal to stop sets; a terminal that goes away is one too, unless we were told to outlive it."""
    told = asyncio.Event()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


def _address(settings: Settings, port: int | None) -> tuple[str, int]:
    """The host and port to serve on.

    Raises:
        Misconfigured: the port is taken.

    """
    wanted = settings.port if port is None else port
    if wanted == 0:
        wanted = processes.choose_ports([], 1)[0]
    if not port_is_free(settings.host, wanted):
        raise Misconfigured(f"port {wanted} is taken; choose another with --port")
    return settings.host, wanted


async def _start(household: Household, root: Path, host: str, port: int, *, demo: bool) -> str:
    """Start everything in order; returns the address to look at."""
    with progress.step(f"preparing {root}"):
        prepared = await embedded.prepare(root)
    with progress.step("starting PostgreSQL and SeaweedFS"):
        await household.add_all(prepared.parts)
    url = f"http://{_LOOPBACK if host in {'0.0.0.0', '::'} else host}:{port}"  # noqa: S104  # compared, not bound
    found = _write_service_env(root, prepared, host, port, os.environ.get("TALLENNE_PUBLIC_URL", url), demo=demo)
    # Our own services, whatever else this shell's environment names.
    os.environ.update(found | {"TALLENNE_DATA": str(root)})
    with progress.step("making the bucket and the database"):
        await embedded.make_room(prepared)
    with progress.step("bringing the database to the newest version"):
        await migrate(found["TALLENNE_DATABASE_URL"])
    settings = load(root)
    if demo:
        with progress.step("making the sample contacts"):
            await _make_demo(settings)
    with progress.step("starting API, worker and timers"):
        count = settings.api_processes or max(2, os.cpu_count() or 2)
        await household.add_all(_roles(root, count, url))
    return url


def _write_service_env(
    root: Path, prepared: Embedded, host: str, port: int, public_url: str, *, demo: bool
) -> dict[str, str]:
    """Write what every other command needs to find the services; returns it."""
    found = prepared.environment() | {
        "TALLENNE_HOST": host,
        "TALLENNE_PORT": str(port),
        "TALLENNE_PUBLIC_URL": public_url,
        "TALLENNE_DEMO": "true" if demo else "false",
    }
    if demo and "TALLENNE_SPEECH_MODEL" not in os.environ and base_is_here():
        found["TALLENNE_SPEECH_MODEL"] = BASE  # so that the sample calls become text by themselves
    write_private(root / SERVICE_ENV, "".join(f"{name}={value}\n" for name, value in found.items()))
    return found


async def _make_demo(settings: Settings) -> None:
    from archive.custody import open_services  # noqa: PLC0415  # only a demo needs so much in this process
    from archive.demo import seed  # noqa: PLC0415

    services = open_services(settings)
    try:
        await seed.seed(services, datetime.now(UTC), progress.say)
    finally:
        await services.close()


def _roles(root: Path, api_processes: int, url: str) -> list[Part]:
    names = [("api", f"api {number}") for number in range(1, api_processes + 1)]
    return [_role(root, role, name, url) for role, name in [*names, ("worker", "worker"), ("timers", "timers")]]


def _role(root: Path, role: str, name: str, url: str) -> Part:
    command = Command(
        argv=[sys.executable, "-m", "archive", role, "--data", str(root), "--parent", str(os.getpid())],
        env=dict(os.environ),
        cwd=Path.cwd(),
    )

    async def start() -> Process:
        return await spawn(command)

    async def answers() -> bool:
        return role != "api" or await _is_ready(url)

    return Part(name=name, spawn=start, answers=answers, start_timeout_s=60, stop_timeout_s=_ROLE_STOP_S)


async def _is_ready(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(f"{url}/readyz") as answer,
        ):
            return answer.status == 200  # noqa: PLR2004
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _stop(household: Household, root: Path) -> None:
    """The roles first, so that nothing is under way when the services go."""
    services = ["PostgreSQL", "SeaweedFS"]
    roles = [name for name in household.kept if name not in services]
    if household.kept:
        with progress.step("stopping"):
            await household.stop_parts(roles)
            await household.stop_parts(services)
    (root / SERVICE_ENV).unlink(missing_ok=True)


def _is_our_role(root: Path) -> processes.Belongs:
    """Roles that a killed supervisor of this directory left behind, known by their command line."""

    def belongs(process: psutil.Process) -> bool:
        words = process.cmdline()
        return "--parent" in words and str(root) in words and "archive" in words

    return belongs


def _must_be_usable(layout: Layout, port: int | None) -> None:
    """Refuse before anything is made or changed; the port of an installation is looked at once its leftovers are gone.

    Raises:
        Unusable: the directory holds something else, or its disk is full.
        Misconfigured: a setting is wrong or the port is taken.

    """
    if is_new(layout):
        if there := strangers(layout):
            raise Unusable(
                f"{layout.root} holds something else ({there[0]}); give an empty directory or one that `up` has made"
            )
        _address(load(layout.root), port)
    _must_have_space(layout.root)


def _must_have_space(root: Path) -> None:
    free = shutil.disk_usage(next(folder for folder in (root, *root.parents) if folder.exists())).free
    if free < MIN_FREE_BYTES:
        raise Unusable(
            f"the disk of {root} is full: {free // 1024**2} MiB are free, {MIN_FREE_BYTES // 1024**2} MiB are needed"
        )


@contextmanager
def _lock(path: Path, root: Path) -> Iterator[None]:
    """Hold the directory; the system lets go of it when this process ends, however it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"another `tallenne up` runs on {root}; stop it first, or use another --data"
            ) from None
        yield
    finally:
        os.close(handle)
