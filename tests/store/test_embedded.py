"""The embedded services: made once, found again after a kill, closed to others, and locking what they are told to."""

import asyncio
import contextlib
import io
import os
import stat
from pathlib import Path

import asyncpg
import psutil
import pytest
from minio import Minio

from archive import embedded
from archive.layout import Layout, is_new, make_layout, make_secrets, socket_folder, strangers
from archive.processes import Part
from tests.conftest import minio
from tests.services import Kept


def test_every_secret_file_is_ours_alone_and_is_made_once(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / "var")
    first = make_secrets(layout)
    again = make_secrets(layout)
    assert first == again
    for path in layout.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o700])
def test_a_directory_that_was_there_loses_nothing_of_its_mode(tmp_path: Path, mode: int) -> None:
    (root := tmp_path / "var").mkdir()
    root.chmod(mode)
    layout = make_layout(root)
    passable = 0o011 if os.geteuid() == 0 else 0
    assert stat.S_IMODE(root.stat().st_mode) == mode | passable
    assert stat.S_IMODE(layout.run.stat().st_mode) == 0o700 | passable
    made = make_layout(tmp_path / "new" / "var")
    assert stat.S_IMODE(made.root.stat().st_mode) == 0o700 | passable


def test_a_new_directory_is_told_from_ours_and_from_others(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path / "var")
    assert is_new(layout)
    assert strangers(layout) == []
    layout.root.mkdir()
    for name in ("lost+found", ".bashrc", "up.log", "log", "letter.txt"):
        (layout.root / name).touch()
    layout.run.mkdir()
    assert strangers(layout) == ["letter.txt", "log"]
    make_secrets(make_layout(tmp_path / "other"))
    assert not is_new(Layout(root=tmp_path / "other"))


def test_secrets_do_not_show_in_their_repr(tmp_path: Path) -> None:
    secrets = make_secrets(make_layout(tmp_path / "var"))
    assert secrets.s3_secret_key not in repr(secrets)


def test_a_long_path_gets_a_short_socket_folder_and_keeps_it(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path / ("x" * 120))
    layout.run.mkdir(parents=True)
    folder = socket_folder(layout, os.geteuid())
    assert len(str(folder)) < 60
    assert socket_folder(layout, os.geteuid()) == folder
    folder.rmdir()


async def test_the_database_refuses_a_wrong_password(services_env: dict[str, str]) -> None:
    address = services_env["TALLENNE_DATABASE_URL"]
    secret = address.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(address.replace(secret, "guess"))


async def test_the_programs_role_is_no_superuser(services_env: dict[str, str]) -> None:
    connection = await asyncpg.connect(services_env["TALLENNE_DATABASE_URL"])
    try:
        assert await connection.fetchval("SHOW is_superuser") == "off"
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()


def test_the_objects_refuse_a_wrong_key(services_env: dict[str, str]) -> None:
    client = Minio(services_env["TALLENNE_S3_ENDPOINT"], access_key="x", secret_key="y" * 20, secure=False)
    with pytest.raises(Exception, match=r"InvalidAccessKeyId|access key"):
        client.list_buckets()


def test_the_bucket_has_object_lock(services_env: dict[str, str]) -> None:
    client = minio(services_env)
    client.get_object_lock_config(services_env["TALLENNE_S3_BUCKET"])
    assert client.get_bucket_versioning(services_env["TALLENNE_S3_BUCKET"]).status == "Enabled"


def test_every_door_of_the_services_is_on_loopback(kept: Kept) -> None:
    keeper = psutil.Process(kept.keeper)
    addresses = set()
    for process in keeper.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # the database's short-lived helpers come and go
            addresses |= {
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }
    assert addresses == {"127.0.0.1"}


async def test_after_a_kill_of_everything_the_next_start_has_it_all(tmp_path: Path) -> None:
    root = tmp_path / "closed" / "var"
    root.parent.mkdir(mode=0o700)  # as /root is: the database's system user cannot pass here by itself
    first = await embedded.prepare(root)
    running = await embedded.start_all(first)
    await embedded.make_room(first)
    connection = await asyncpg.connect(first.database.url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    client = minio(first.environment())
    kept = client.put_object(embedded.BUCKET, "kept", io.BytesIO(b"answer"), 6)
    for process in running.values():
        process.kill()
    connection.terminate()
    # Nothing is waited for and nothing cleaned: lock files, sockets and the database's other processes are left over.
    second = await embedded.prepare(root)
    running = await embedded.start_all(second)
    try:
        await embedded.make_room(second)
        connection = await asyncpg.connect(second.database.url)
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
        found = minio(second.environment()).get_object(embedded.BUCKET, "kept", version_id=kept.version_id)
        assert found.read() == b"answer"
        found.close()
        assert second.objects.endpoint == first.objects.endpoint
    finally:
        await embedded.stop_all(running)


async def test_leftovers_that_still_run_are_ended_before_the_next_start(tmp_path: Path) -> None:
    first = await embedded.prepare(tmp_path / "var", durable=False)
    left = await embedded.start_all(first)
    second = await embedded.prepare(tmp_path / "var", durable=False)
    running: dict[Part, asyncio.subprocess.Process] = await embedded.start_all(second)
    try:
        statuses = await asyncio.gather(*(process.wait() for process in left.values()))
        assert len(statuses) == 2
        assert await second.database.part.answers()
        assert await second.objects.part.answers()
    finally:
        await embedded.stop_all(running)
