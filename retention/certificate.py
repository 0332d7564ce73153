"""The certificate of a disposal: its shape, its canonical form, its Ed25519 signature and the check of all three.

Everything here works offline, on values. What goes into a certificate is gathered in `retention.disposal`;
docs/reference/certificate.md tells outsiders how to check one without us.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive.objects.keyring import is_signed

FORMAT: Final = "tallenne-disposal-certificate/1"
_HEX_KEY = re.compile(r"[0-9a-f]{64}")

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Stamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PartDigest(_Shape):
    """One byte string that was destroyed. `sha256` is of the plain bytes, `sealed_sha256` of the stored object."""

    part: Identifier
    kind: Name
    size_bytes: Count
    sha256: Digest
    sealed_sha256: Digest


class Checks(_Shape):
    """What was found when it was looked for afterwards, in each place. All are 0 for what is destroyed."""

    object_versions: Count
    wrapped_keys: Count
    rows: Count


class DestroyedItem(_Shape):
    """One destroyed contact, named by its id alone."""

    interaction: Identifier
    company: Name
    policy: Name
    keep: Name
    retain_until: Stamp
    destroyed_at: Stamp
    parts: tuple[PartDigest, ...]
    checks: Checks


class Counts(_Shape):
    """How the contacts that were due fared."""

    destroyed: Count
    held: Count
    failed: Count


class Body(_Shape):
    """What is signed. No personal data: ids, digests, rules, times and counts."""

    format: Literal["tallenne-disposal-certificate/1"]
    disposal: Identifier
    requested: Literal["schedule", "request"]
    as_of: Stamp
    started_at: Stamp
    finished_at: Stamp
    counts: Counts
    items: tuple[DestroyedItem, ...]


class Signature(_Shape):
    """An Ed25519 signature (RFC 8032) over the canonical form of `body`; both values in lower-case hex."""

    algorithm: Literal["Ed25519"]
    public_key: Digest
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Certificate(_Shape):
    """The whole document."""

    body: Body
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The outcome of a check: sound when there are no problems.

    `key_given` says whether the key came from outside; otherwise the signature was only checked against the key that
    the certificate itself names, and that key must still be compared with the published one.
    """

    problems: tuple[str, ...]
    key_given: bool
    public_key: str | None = None
    disposal: str | None = None
    destroyed: int = 0

    @property
    def sound(self) -> bool:
        """Whether shape, signature and counts are all right."""
        return not self.problems


def stamp(moment: datetime) -> str:
    """An aware moment as the certificate writes it: RFC 3339 in UTC with Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def canonical(body: Any) -> bytes:
    """The bytes that are signed: RFC 8785 (JSON Canonicalization Scheme).

    A body holds only objects with ASCII names, arrays, strings and whole numbers below 2**53, for which sorted, compact
    JSON in UTF-8 is just that scheme.
    """
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def certify(body: Body, *, public_key: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """The document: the body and its signature, ready to be written as JSON.

    `public_key` is the raw key of 32 bytes that belongs to `sign`, which signs bytes by Ed25519.
    """
    plain = body.model_dump(mode="json")
    signature = {"algorithm": "Ed25519", "public_key": public_key.hex(), "value": sign(canonical(plain)).hex()}
    return {"body": plain, "signature": signature}


def verify(document: object, public_key: str | None = None) -> Verification:
    """Check a certificate that was read from JSON, offline.

    `public_key` is the published key, 64 hex digits; None takes the key that the certificate names.
    """
    given = public_key is not None
    key = None if public_key is None else public_key.strip().lower()
    if key is not None and not _HEX_KEY.fullmatch(key):
        return Verification(problems=("the key is not 64 hexadecimal digits",), key_given=given)
    try:
        # Through JSON text, so that lists are read as tuples while numbers and texts stay strict.
        certificate = Certificate.model_validate_json(json.dumps(document))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        return Verification(problems=_shape_problems(error), key_given=given)
    named = certificate.signature.public_key
    problems = [
        *_key_problems(key, named),
        *_signature_problems(document, certificate),
        *_sum_problems(certificate.body),
    ]
    return Verification(
        problems=tuple(problems),
        key_given=given,
        public_key=named,
        disposal=certificate.body.disposal,
        destroyed=certificate.body.counts.destroyed,
    )


def verify_file(path: Path, public_key: str | None = None) -> Verification:
    """Check a certificate file. A file that is no JSON is a problem, one that cannot be read raises OSError."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return Verification(problems=("the file is no JSON",), key_given=public_key is not None)
    return verify(document, public_key)


def _shape_problems(error: Exception) -> tuple[str, ...]:
    if not isinstance(error, ValidationError):
        return ("the document is no JSON of a certificate",)
    several = error.errors(include_input=False, include_url=False)
    return tuple(f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}" for one in several[:20])


def _key_problems(given: str | None, named: str) -> list[str]:
    return ["the certificate names another key than the one given"] if given is not None and given != named else []


def _signature_problems(document: Any, certificate: Certificate) -> list[str]:
    key, value = bytes.fromhex(certificate.signature.public_key), bytes.fromhex(certificate.signature.value)
    # What was read is what was signed: the bytes are made from the document, not from the model.
    if is_signed(key, value, canonical(document["body"])):
        return []
    return ["the signature does not fit: the certificate was changed or signed with another key"]


def _sum_problems(body: Body) -> list[str]:
    problems = []
    if body.counts.destroyed != len(body.items):
        problems.append("the count of destroyed contacts is not the number of items")
    if len({item.interaction for item in body.items}) != len(body.items):
        problems.append("a contact is listed twice")
    if any(any(item.checks.model_dump().values()) for item in body.items):
        problems.append("a contact is called destroyed although a part of it was still found")
    if any(item.destroyed_at < body.started_at[:19] for item in body.items):
        problems.append("a contact was destroyed before the disposal started")
    return problems
