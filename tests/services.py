"""The real PostgreSQL and SeaweedFS of one test run, kept by a process of their own.

Whichever xdist worker needs them first starts the keeper; the others find it through a lock and a JSON file. The keeper
ends them when it is told to, and also when the run that it belongs to is gone, however that ended.

Run as `python -m tests.services ROOT PID`: keep services under ROOT while PID lives.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from filelock import FileLock

RUN_VARIABLE = "TALLENNE_TEST_RUN"
TEMPLATE = "tallenne_template"
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a test worker needs to know of the running services."""

    keeper: int
    admin_url: str
    environment: dict[str, str]


def begin_run() -> None:
    """Name this run's directory for all its workers; nothing is started."""
    if RUN_VARIABLE not in os.environ:
        os.environ[RUN_VARIABLE] = f"{tempfile.mkdtemp(prefix='tallenne-test-')}:{os.getpid()}"


def end_run() -> None:
    """Stop what was started and remove the run's directory; only the process that began the run does."""
    root, owner = _run()
    if owner != os.getpid():
        return
    ready = root / "ready.json"
    if ready.exists():
        _end(json.loads(ready.read_text())["keeper"])
    shutil.rmtree(root, ignore_errors=True)
    del os.environ[RUN_VARIABLE]


def ensure() -> Kept:
    """Start the services, or find those that another worker started."""
    root, owner = _run()
    ready = root / "ready.json"
    with FileLock(root / "lock", timeout=180):
        if not ready.exists():
            _start_keeper(root, owner)
    return Kept(**json.loads(ready.read_text()))


def make_database(kept: Kept, name: str) -> str:
    """Make an own database from the migrated template; returns its address."""
    in_thread(_run_admin(kept.admin_url, f'CREATE DATABASE "{name}" OWNER tallenne TEMPLATE {TEMPLATE}'))
    return kept.environment["TALLENNE_DATABASE_URL"].replace("/tallenne?", f"/{name}?")


def drop_database(kept: Kept, name: str) -> None:
    """Remove a database, whoever is still connected."""
    in_thread(_run_admin(kept.admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def in_thread(work: Any) -> Any:
    """Run a coroutine to its end on a loop of its own, beside whichever loop the tests have."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _run() -> tuple[Path, int]:
    root, _, owner = os.environ[RUN_VARIABLE].rpartition(":")
    return Path(root), int(owner)


async def _run_admin(admin_url: str, statement: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=30)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _start_keeper(root: Path, owner: int) -> None:
    log = root / "keeper.log"
    with log.open("w") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.services", str(root), str(owner)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + 120
    while not (root / "ready.json").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.kill()
            raise RuntimeError(f"the test services did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)
    # It outlives this worker on purpose; the run's owner ends it.
    keeper.returncode = 0


def _end(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        keeper = psutil.Process(pid)
        keeper.send_signal(signal.SIGTERM)
        with contextlib.suppress(psutil.TimeoutExpired):
            keeper.wait(20)


async def _keep(root: Path, owner: int) -> None:
    from archive import embedded, embedded_database
    from archive.processes import Part
    from archive.store.migrate import migrate

    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    prepared = await embedded.prepare(root / "data", durable=False)
    running = await embedded.start_all(prepared)
    try:
        await embedded.make_room(prepared)
        admin = prepared.database.admin_url
        await embedded_database.make_database(admin, prepared.secrets, TEMPLATE)
        await migrate(prepared.database.url.replace("/tallenne?", f"/{TEMPLATE}?"))
        kept = Kept(keeper=os.getpid(), admin_url=admin, environment=prepared.environment())
        part = root / "ready.part"
        part.write_text(json.dumps(asdict(kept)))
        part.rename(root / "ready.json")
        while not told.is_set() and psutil.pid_exists(owner):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), 1)
    finally:
        processes: dict[Part, Any] = running
        for process in processes.values():  # nothing of it is kept, so nothing needs to be put in order
            process.kill()
        await asyncio.gather(*(process.wait() for process in processes.values()))
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(_keep(Path(sys.argv[1]), int(sys.argv[2])))
