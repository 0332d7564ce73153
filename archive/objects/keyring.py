"""The installation's keys in use: wrapping, small sealed fields, keyed hashes, signatures.

Here: what is done with the keys. How their files are read, made and grown is in `archive.objects.keyfiles`; which rows
are wrapped with which key, and their re-wrapping, in `archive.keys`. No error and no `repr` here carries key material.

Wrapping is AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces: one key serves 2**32 wrappings, far beyond what an
archive makes before its yearly rotation. Every use is bound to its context, so a wrapped identity moved to another row
does not open there.
"""

import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive.errors import Damaged, Misconfigured
from archive.objects import keyfiles
from archive.settings import Settings

NONCE_BYTES = 12
_IDENTITY = b"tallenne identity\0"
_TEXT = b"tallenne text\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A secret under the wrapping key `key_id`: nonce, ciphertext and tag."""

    key_id: str
    data: bytes


class UnknownKey(Damaged):
    """The key that this was wrapped with is not in the keyring."""

    code = "unknown-key"


class Keyring:
    """The keys of one installation, read from the files that the settings name.

    A key that another process added is found without a restart: before every wrapping the file is looked at (one
    `stat`), and an unknown key id makes it be read again.

    Raises:
        Misconfigured: a file is missing or malformed.

    """

    def __init__(self, settings: Settings) -> None:
        self._file = settings.keyring_file
        self._stamp = keyfiles.stamp(self._file)
        self._keys = keyfiles.read_keyring(self._file)
        self._index_key = keyfiles.read_index_key(settings.index_key_file)
        self._signer = keyfiles.read_signing_key(settings.signing_key_file)

    def __repr__(self) -> str:
        return f"Keyring({len(self._keys)} keys)"

    @property
    def active_id(self) -> str:
        """The id of the key that wraps now: the file's first."""
        self._look()
        return next(iter(self._keys))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every id, the active one first."""
        self._look()
        return tuple(self._keys)

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        """Wrap an identity's secret with the active key, bound to `context` (the interaction's id in bytes)."""
        key_id = self.active_id
        return Wrapped(key_id=key_id, data=_encrypt(self._keys[key_id], secret, _IDENTITY + context))

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The secret again.

        Raises:
            UnknownKey: the key is not in the keyring, read again just now.
            Damaged: the bytes were changed, or belong to another context.

        """
        return _decrypt(self._key(wrapped.key_id), wrapped.data, _IDENTITY + context)

    def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped:
        """The same secret under the active key; raises as `unwrap` does."""
        return self.wrap(self.unwrap(wrapped, context), context)

    def seal_text(self, text: str, context: bytes) -> bytes:
        """Seal a small field, such as an identifier or an account number, bound to `context`.

        The answer names its key itself: it begins with `text_prefix(key_id)`, which a query can compare.
        """
        key_id = self.active_id
        return text_prefix(key_id) + _encrypt(self._keys[key_id], text.encode(), _TEXT + context)

    def open_text(self, sealed: bytes, context: bytes) -> str:
        """The field again; raises as `unwrap` does."""
        key_id = text_key_id(sealed)
        return _decrypt(self._key(key_id), sealed[len(text_prefix(key_id)) :], _TEXT + context).decode()

    def reseal_text(self, sealed: bytes, context: bytes) -> bytes:
        """The same field under the active key; raises as `unwrap` does."""
        return self.seal_text(self.open_text(sealed, context), context)

    def keyed_hash(self, label: str, text: str) -> bytes:
        """HMAC-SHA256 of a text for matching without reading it; the same text under another label differs.

        The index key is never rotated: every stored hash would have to be made anew from opened fields.
        """
        if "\0" in label:
            raise ValueError("a label with a zero byte")
        return hmac.digest(self._index_key, label.encode() + b"\0" + text.encode(), "sha256")

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature (RFC 8032) of 64 bytes."""
        return self._signer.sign(data)

    @property
    def public_key(self) -> bytes:
        """The raw Ed25519 public key of 32 bytes, for publishing."""
        return self._signer.public_key().public_bytes_raw()

    def _key(self, key_id: str) -> bytes:
        if key_id not in self._keys:
            self._read_again()
        if key_id not in self._keys:
            raise UnknownKey
        return self._keys[key_id]

    def _look(self) -> None:
        try:
            changed = keyfiles.stamp(self._file) != self._stamp
        except Misconfigured:
            return
        if changed:
            self._read_again()

    def _read_again(self) -> None:
        """Take up the file as it is now; one that cannot be read leaves the keys that are in use in use."""
        try:
            stamp = keyfiles.stamp(self._file)
            self._keys = keyfiles.read_keyring(self._file)
        except Misconfigured:
            return
        self._stamp = stamp


def text_prefix(key_id: str) -> bytes:
    """The first bytes of every text that is sealed with the key: the id's length and the id."""
    name = key_id.encode()
    return bytes((len(name),)) + name


def text_key_id(sealed: bytes) -> str:
    """The id of the key that a text is sealed with.

    Raises:
        Damaged: this is no sealed text.

    """
    name = sealed[1 : 1 + sealed[0]] if sealed else b""
    if not name or len(name) != sealed[0] or not name.isascii():
        raise Damaged("a malformed sealed field")
    return name.decode()


def is_signed(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the Ed25519 signature is by the raw public key over exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _decrypt(key: bytes, data: bytes, context: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise Damaged("a wrapped value does not authenticate") from None
