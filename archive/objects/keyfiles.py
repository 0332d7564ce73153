"""The files that hold the installation's keys: their form, their making, and a further key added.

Here: reading and writing, with nothing of a key in any error. What the keys do is in `archive.objects.keyring`.

The keyring is text, one key a line, `ID HEX64`; the first line is the active key, the others only open. Blank lines
and lines beginning with # are passed over. The index key is HEX64. The signing key is Ed25519 in PEM (PKCS8).
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from archive.errors import Misconfigured

KEYRING, INDEX_KEY, SIGNING_KEY = "keyring", "index.key", "signing.pem"
KEY_BYTES = 32
_SECRET_MODE = 0o600
_LINE = re.compile(r"([A-Za-z0-9_.-]{1,32})[ \t]+([0-9A-Fa-f]{64})")


def create_files(folder: Path) -> None:
    """Make the three key files in a folder, mode 0600; one that is already there is left as it is.

    Raises:
        Misconfigured: the folder cannot be written.

    """
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with _writable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in (
            (KEYRING, _new_line()[1].encode()),
            (INDEX_KEY, secrets.token_hex(KEY_BYTES).encode() + b"\n"),
            (SIGNING_KEY, pem),
        ):
            if not (folder / name).exists():
                _replace(folder / name, content, _SECRET_MODE)


def add_key(keyring: Path) -> str:
    """Put a fresh key before all others, so that it becomes the active one; return its id.

    The file is replaced as a whole, so a reader sees the old or the new one and a crash loses neither. Two at once
    take turns: losing a key that something was wrapped with would be losing that something.

    Raises:
        Misconfigured: the file is missing, malformed or cannot be replaced.

    """
    with _writable(keyring.parent), _turn(keyring.parent):
        known = read_keyring(keyring)
        key_id, line = _new_line()
        while key_id in known:
            key_id, line = _new_line()
        _replace(keyring, line.encode() + keyring.read_bytes(), keyring.stat().st_mode & 0o777)
    return key_id


def stamp(keyring: Path) -> tuple[int, int, int]:
    """What changes when the file does: inode, size and time of change.

    Raises:
        Misconfigured: the file is not there.

    """
    try:
        found = keyring.stat()
    except OSError as error:
        raise Misconfigured(f"{keyring}: {error.strerror}") from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_keyring(keyring: Path) -> dict[str, bytes]:
    """Every key by its id, the active one first.

    Raises:
        Misconfigured: the file cannot be read, has no key, a malformed line (named by number) or an id twice.

    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(_read(keyring).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Misconfigured(f"{keyring}: line {number} is not ID and 64 hexadecimal digits")
        if match[1] in keys:
            raise Misconfigured(f"{keyring}: line {number} repeats a key id")
        keys[match[1]] = bytes.fromhex(match[2])
    if not keys:
        raise Misconfigured(f"{keyring}: no key")
    return keys


def read_index_key(path: Path) -> bytes:
    """The key of the keyed hashes, 32 bytes.

    Raises:
        Misconfigured: the file cannot be read or is not 64 hexadecimal digits.

    """
    text = _read(path).strip()
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text) is None:
        raise Misconfigured(f"{path}: not 64 hexadecimal digits")
    return bytes.fromhex(text)


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The key that signs certificates.

    Raises:
        Misconfigured: the file cannot be read or holds no Ed25519 private key without a passphrase.

    """
    try:
        key = load_pem_private_key(_read(path).encode(), password=None)
    except (ValueError, TypeError):
        raise Misconfigured(f"{path}: no private key in PEM without a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"{path}: not an Ed25519 key")
    return key


def _new_line() -> tuple[str, str]:
    key_id = f"k{secrets.token_hex(4)}"
    return key_id, f"{key_id} {secrets.token_hex(KEY_BYTES)}\n"


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}: not plain text") from None


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write beside, sync, rename, sync the folder: after a power cut the file is whole, old or new."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            # The umask may have taken bits away that the replaced file had.
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; closing the descriptor, also by dying, lets go."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"{folder}: {error.strerror}") from None
