"""Identities and headers of the age v1 format.

Here: an X25519 identity and its text forms, and the header that carries a file key to one. The payload's chunks are in
`archive.objects.seal`; the wrapping of identities with the installation's key is in `archive.objects.keyring`. Pure: no
I/O and no clock. Format: https://age-encryption.org/v1 (C2SP age.md), text forms: BIP-173 (Bech32).
"""

import base64
import binascii
import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from archive.errors import Damaged

VERSION_LINE = b"age-encryption.org/v1\n"
KEY_BYTES = 32
FILE_KEY_BYTES = 16
PAYLOAD_NONCE_BYTES = 16
TAG_BYTES = 16
HEADER_BYTES = 184
"""Length of the header that `write_header` makes, payload nonce included: one X25519 stanza, always the same."""

MAX_HEADER_BYTES = 16 * 1024

_X25519_INFO = b"age-encryption.org/v1/X25519"
_ZERO_NONCE = bytes(12)
_BODY_COLUMNS = 64
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An X25519 age identity; the secret never shows in `repr`."""

    secret: bytes = field(repr=False)
    public: bytes

    @classmethod
    def of(cls, secret: bytes) -> "Identity":
        """The identity of a raw secret of 32 bytes.

        Raises:
            Damaged: the secret has another length.

        """
        if len(secret) != KEY_BYTES:
            raise Damaged("an identity of a wrong length")
        private = X25519PrivateKey.from_private_bytes(secret)
        return cls(secret=secret, public=private.public_key().public_bytes_raw())

    @property
    def recipient(self) -> str:
        """The public text form, `age1...`."""
        return _bech32("age", self.public)

    @property
    def secret_text(self) -> str:
        """The secret text form, `AGE-SECRET-KEY-1...`, as the age tool reads it. Never log it."""
        return _bech32("age-secret-key-", self.secret).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header and the key of the payload that follows it."""

    raw: bytes
    payload_key: bytes = field(repr=False)


def new_identity() -> Identity:
    """A fresh identity from the system's random source."""
    return Identity.of(os.urandom(KEY_BYTES))


def write_header(recipient: bytes) -> Header:
    """Make a header of `HEADER_BYTES` for one recipient (raw public key) with a fresh file key and payload nonce."""
    file_key, nonce = os.urandom(FILE_KEY_BYTES), os.urandom(PAYLOAD_NONCE_BYTES)
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    wrapped = ChaCha20Poly1305(_wrap_key(shared, share, recipient)).encrypt(_ZERO_NONCE, file_key, None)
    head = b"".join((VERSION_LINE, b"-> X25519 ", _b64(share), b"\n", _b64(wrapped), b"\n---"))
    raw = b"".join((head, b" ", _b64(_mac(file_key, head)), b"\n", nonce))
    return Header(raw=raw, payload_key=_payload_key(file_key, nonce))


def cut_header(sealed: bytes) -> bytes:
    """The header, payload nonce included, at the front of a sealed object.

    Raises:
        Damaged: the bytes do not begin with a whole age v1 header.

    """
    front = bytes(sealed[:MAX_HEADER_BYTES])
    mark = front.find(b"\n---")
    line_end = front.find(b"\n", mark + 1)
    stop = line_end + 1 + PAYLOAD_NONCE_BYTES
    if not front.startswith(VERSION_LINE) or mark < 0 or line_end < 0 or len(front) < stop:
        raise Damaged("no age header")
    return front[:stop]


def read_header(secret: bytes, raw: bytes) -> Header:
    """Open a header (with its payload nonce) with a raw identity secret.

    Raises:
        Damaged: the header is malformed, was changed, or is not for this identity.

    """
    body, nonce = raw[:-PAYLOAD_NONCE_BYTES], raw[-PAYLOAD_NONCE_BYTES:]
    head, _, mac_line = body.rpartition(b" ")
    if cut_header(raw) != raw or not head.endswith(b"\n---"):
        raise Damaged("a malformed age header")
    file_key = _file_key(secret, head)
    if not hmac.compare_digest(_mac(file_key, head), _unb64(mac_line.removesuffix(b"\n"))):
        raise Damaged("a changed age header")
    return Header(raw=raw, payload_key=_payload_key(file_key, nonce))


def _file_key(secret: bytes, head: bytes) -> bytes:
    """Try the identity on every X25519 stanza; other kinds (age writes such decoys on purpose) are passed over."""
    private = X25519PrivateKey.from_private_bytes(secret)
    public = private.public_key().public_bytes_raw()
    for share, wrapped in _x25519_stanzas(head):
        try:
            # exchange() refuses an all-zero shared secret, as the format demands, with ValueError.
            shared = private.exchange(X25519PublicKey.from_public_bytes(share))
            file_key = ChaCha20Poly1305(_wrap_key(shared, share, public)).decrypt(_ZERO_NONCE, wrapped, None)
        except (InvalidTag, ValueError):
            continue
        # The length is checked before the key is used (age.md: against partitioning oracles).
        if len(file_key) == FILE_KEY_BYTES:
            return file_key
    raise Damaged("an age header that this identity does not open")


def _x25519_stanzas(head: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    lines = iter(head.split(b"\n")[1:-1])
    for line in lines:
        arguments = line.removeprefix(b"-> ").split(b" ")
        if not line.startswith(b"-> "):
            raise Damaged("a malformed age header")
        body = b""
        for body_line in lines:
            body += body_line
            # A body ends with its first short line, which may be empty.
            if len(body_line) < _BODY_COLUMNS:
                break
        if arguments[0] == b"X25519" and len(arguments) == 2:  # noqa: PLR2004 - the type and one argument, the share
            found.append((_unb64(arguments[1]), _unb64(body)))
    return found


def _wrap_key(shared: bytes, share: bytes, recipient: bytes) -> bytes:
    return _hkdf(shared, share + recipient, _X25519_INFO)


def _payload_key(file_key: bytes, nonce: bytes) -> bytes:
    return _hkdf(file_key, nonce, b"payload")


def _mac(file_key: bytes, head: bytes) -> bytes:
    return hmac.digest(_hkdf(file_key, b"", b"header"), head, "sha256")


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(secret)


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    """Strict: no padding, and one spelling only, as the format demands."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise Damaged("a malformed age header") from None
    if _b64(data) != text:
        raise Damaged("a malformed age header")
    return data


def _bech32(prefix: str, data: bytes) -> str:
    """Encode as BIP-173 says; the length limit of addresses there does not bind age."""
    bits, width, groups = 0, 0, list[int]()
    for byte in data:
        bits, width = (bits << 8 | byte) & 0xFFF, width + 8
        while width >= 5:  # noqa: PLR2004 - Bech32 has five bits a character
            width -= 5
            groups.append(bits >> width & 31)
    if width:
        groups.append(bits << 5 - width & 31)
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _polymod([*head, *groups, 0, 0, 0, 0, 0, 0]) ^ 1
    groups += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return f"{prefix}1{''.join(_BECH32[g] for g in groups)}"


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    return check
