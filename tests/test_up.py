"""`tallenne up` from outside: starts, restarts, refuses, stops, and comes back after a kill of everything."""

import asyncio
import os
import signal
import socket
import stat
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
import urllib3

from archive import supervisor
from archive.settings import load
from archive.supervisor import Unusable
from tests.upping import STOP_S, Up, run, up

pytestmark = pytest.mark.xdist_group("up")


def status(url: str, within_s: float = 30) -> int:
    """The status of an address, once it answers with anything but an error of ours."""
    deadline = time.monotonic() + within_s
    while True:
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            try:
                code = http.request("GET", url).status
            except urllib3.exceptions.HTTPError:
                code = 0
        if 0 < code < 500 or time.monotonic() > deadline:
            return code
        time.sleep(0.2)


def query(data: Path, statement: str) -> object:
    """Ask the database of a running installation one thing."""

    async def ask() -> object:
        connection = await asyncpg.connect(load(data).database_url.get_secret_value())
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def slow_upload(running: Up) -> socket.socket:
    """Begin an upload and leave it half done."""
    host, port = running.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(
        b"PUT /api/v1/recordings/s/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    return client


def test_up_starts_keeps_alive_comes_back_and_stops(tmp_path: Path) -> None:
    data = tmp_path / "var"
    with up(data) as first:
        assert status(f"{first.url}/readyz") == 200
        assert stat.S_IMODE((data / "run" / "service.env").stat().st_mode) == 0o600
        _second_is_refused(first)
        _dead_children_are_started_again(first)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        # Its children run on, holding port, sockets and files; the next one finds and ends them.
        with up(data) as second:
            assert status(f"{second.url}/readyz") == 200
            assert query(data, "SELECT 1 FROM alembic_version") == 1
            client = slow_upload(second)
            children = list(second.children().values())
            assert second.stop() < STOP_S
            assert second.process.returncode == 0
            client.close()
        assert not any(child.is_running() for child in children)
        assert not (data / "run" / "service.env").exists()


def _second_is_refused(running: Up) -> None:
    refused = run("up", "--port", "0", data=running.data)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "another `tallenne up` runs" in refused.stderr
    assert status(f"{running.url}/readyz") == 200


def _dead_children_are_started_again(running: Up) -> None:
    before = running.children()
    for name, said in {"worker": "worker", "weed": "SeaweedFS", "postgres": "PostgreSQL", "api": "api"}.items():
        before[name].kill()
        assert running.said(f"{said} ended (SIGKILL)" if name != "api" else "ended (SIGKILL); starting it again"), name
    assert status(f"{running.url}/readyz") == 200
    deadline = time.monotonic() + 30
    while set(running.children()) != set(before) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert set(running.children()) == set(before)


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "var"
    with up(data):
        query(data, "UPDATE alembic_version SET version_num = '9999' RETURNING 1")
    refused = run("up", "--port", "0", data=data)
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].startswith("tallenne: The database belongs to a newer version")
    assert not [p for p in psutil.process_iter() if str(data) in " ".join(_words(p))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_taken_port_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("up", "--port", str(port), data=tmp_path / "var")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"tallenne: port {port} is taken; choose another with --port\n"
    assert not (tmp_path / "var").exists()


def test_a_directory_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "run" / "user").mkdir(parents=True)
    shared.chmod(0o1777)
    refused = run("up", "--port", "0", data=shared)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "holds something else (run)" in refused.stderr
    assert [path.name for path in shared.iterdir()] == ["run"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


def test_an_empty_directory_keeps_its_mode_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run("up", "--port", str(taken.getsockname()[1]), data=tmp_path).returncode == 1
    assert list(tmp_path.iterdir()) == []
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = run("up", "--port", "0", data=tmp_path / "file" / "var")
    assert refused.returncode == 1
    assert refused.stderr.startswith("tallenne: ")
    assert "cannot be used: Not a directory" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_directory_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    pid = os.fork()  # as root may write everywhere, a child that is not root tries
    if pid == 0:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            supervisor.up(closed / "var", 0, demo=False)
        except Unusable as error:
            os._exit(17 if "Permission denied" in str(error) else 18)
        os._exit(19)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 17


def test_a_full_disk_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(Unusable, match="is full"):
        supervisor.up(tmp_path / "var", 0, demo=False)
    assert not (tmp_path / "var").exists()
