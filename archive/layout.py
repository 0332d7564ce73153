"""Where everything of an installation lies under its data directory, and the secrets that are made there once.

    DIR/secrets    keys and passwords, each file 0600       DIR/run    sockets, ports, lock, service.env
    DIR/postgres   the database                             DIR/seaweed    the objects
    DIR/log        what the two services write

Nothing is started here.
"""

import json
import os
import re
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from archive.objects import keyfiles

# A unix socket's path holds 107 bytes (unix(7)); the server adds "/.s.PGSQL.5432.lock" to its directory.
_SOCKET_DIR_MAX_BYTES = 86
_BESIDE = re.compile(r"\..*|lost\+found|.*\.(log|out|err|pid)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places below one data directory (an absolute path)."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The database cluster."""
        return self.root / "postgres"

    @property
    def seaweed(self) -> Path:
        """The objects and their index."""
        return self.root / "seaweed"

    @property
    def secrets(self) -> Path:
        """Keys and passwords."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """What belongs to one run: sockets, ports, the lock."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """The services' own logs."""
        return self.root / "log"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """The generated secrets; never printed. The paths are files of the settings with the same names."""

    database_admin: str
    database_password: str
    s3_access_key: str
    s3_secret_key: str
    weed_signing: str
    keyring_file: Path
    index_key_file: Path
    signing_key_file: Path


def is_new(layout: Layout) -> bool:
    """Whether nothing of an installation lies there yet; nothing is made.

    Raises:
        OSError: the directory cannot be looked at.

    """
    return not any(folder.is_dir() for folder in (layout.secrets, layout.postgres, layout.seaweed))


def strangers(layout: Layout) -> list[str]:
    """What lies in a directory that is to become ours and is not for us to live with.

    A new disk's `lost+found`, a home's dot files, what a shell made while starting us and empty directories of our
    names are not in the way.

    Raises:
        OSError: the directory cannot be looked at.

    """
    places = sorted(layout.root.iterdir()) if layout.root.is_dir() else []
    empty = {place for place in (layout.run, layout.log) if place.is_dir() and not any(place.iterdir())}
    return [place.name for place in places if place not in empty and not _BESIDE.fullmatch(place.name)]


def make_layout(root: Path) -> Layout:
    """Make the directories that are missing; what is there keeps its mode.

    Raises:
        OSError: the directory cannot be made or written.

    """
    layout = Layout(root=root.resolve())
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (layout.secrets, layout.run, layout.log, layout.seaweed):
        folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        _let_pass(layout.root)
        _let_pass(layout.run)
    return layout


def _let_pass(folder: Path) -> None:
    """The database runs as another system user than root; it passes through, and reads nothing but its own."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & stat.S_IXOTH:
        folder.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)


def make_secrets(layout: Layout) -> Secrets:
    """Read the secrets, making those that are missing. What is there is never replaced."""
    folder = layout.secrets

    def once(name: str, text: str) -> Path:
        path = folder / name
        if not path.exists():
            write_private(path, text + "\n")
        return path

    def word(name: str) -> str:
        return once(name, secrets.token_urlsafe(32)).read_text().strip()

    keyfiles.create_files(folder)
    return Secrets(
        database_admin=word("database_admin"),
        database_password=word("database_password"),
        s3_access_key=once("s3_access_key", "TALLENNE" + secrets.token_hex(6).upper()).read_text().strip(),
        s3_secret_key=word("s3_secret_key"),
        weed_signing=word("weed_signing"),
        keyring_file=folder / keyfiles.KEYRING,
        index_key_file=folder / keyfiles.INDEX_KEY,
        signing_key_file=folder / keyfiles.SIGNING_KEY,
    )


def identities(access_key: str, secret_key: str) -> str:
    """SeaweedFS's file of who may do what: one identity that may do everything."""
    pair = {"accessKey": access_key, "secretKey": secret_key}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    return json.dumps({"identities": [{"name": "tallenne", "credentials": [pair], "actions": actions}]})


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all, and on the disk before this returns.

    What is sealed under a key must never outlive that key in a crash.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def socket_folder(layout: Layout, owner: int) -> Path:
    """The directory for the unix socket: DIR/run/s, or a short private one where that path is too long.

    A short one is kept in DIR/run/socket_folder, so that the next run reuses it while it is still `owner`'s.
    """
    folder = layout.run / "s"
    if len(os.fsencode(folder)) <= _SOCKET_DIR_MAX_BYTES:
        folder.mkdir(mode=0o700, exist_ok=True)
    else:
        folder = _short_folder(layout.run / "socket_folder", owner)
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, -1)
    return folder


def _short_folder(note: Path, owner: int) -> Path:
    if note.exists():
        kept = Path(note.read_text().strip())
        if kept.is_dir() and not kept.is_symlink() and kept.stat().st_uid == owner:
            return kept
    made = Path(tempfile.mkdtemp(prefix="tallenne-"))
    write_private(note, f"{made}\n")
    return made
