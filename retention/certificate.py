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
# The prime of Curve25519, and the y of the points of order 8; those of order 1, 2 and 4 have y = 1, -1 and 0.
_P: Final = 2**255 - 19
_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826

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
        """Whether shape, signature, counts and times are all right."""
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
        *_time_problems(certificate.body),
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
        document = json.loads(path.read_bytes().decode(), object_pairs_hook=_named_once, parse_constant=_no_number)
    except _Repeated:
        problem = "a name stands twice in one object: readers would not agree on what was signed"
        return Verification(problems=(problem,), key_given=public_key is not None)
    except (ValueError, RecursionError):
        return Verification(problems=("the file is no JSON",), key_given=public_key is not None)
    return verify(document, public_key)


class _Repeated(Exception):
    """A name stands twice in one object."""


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise _Repeated
    return found


def _no_number(word: str) -> None:
    raise ValueError(word)  # NaN and the infinities, which Python alone takes for JSON


def _shape_problems(error: Exception) -> tuple[str, ...]:
    if not isinstance(error, ValidationError):
        return ("the document is no JSON of a certificate",)
    several = error.errors(include_input=False, include_url=False)
    return tuple(f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}" for one in several[:20])


def _key_problems(given: str | None, named: str) -> list[str]:
    if given is not None and given != named:
        return ["the certificate names another key than the one given"]
    return ["the key is one for which anybody can make signatures"] if is_weak(bytes.fromhex(named)) else []


def is_weak(public_key: bytes) -> bool:
    """Whether an Ed25519 key (32 raw bytes) is a point of small order or not in its one form.

    For a point of small order a signature can be written down without any private key, and it fits many texts.
    """
    y = int.from_bytes(public_key, "little") & ((1 << 255) - 1)  # the top bit is the sign of x
    return y >= _P or y in {0, 1, _P - 1, _Y8, _P - _Y8}


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
    return problems


def _time_problems(body: Body) -> list[str]:
    try:
        as_of, started, finished = map(datetime.fromisoformat, (body.as_of, body.started_at, body.finished_at))
        times = [
            (datetime.fromisoformat(item.retain_until), datetime.fromisoformat(item.destroyed_at))
            for item in body.items
        ]
    except ValueError:
        return ["a time is none of the calendar's"]
    problems = []
    if finished < started:
        problems.append("the disposal finished before it started")
    if any(until > as_of for until, _ in times):
        problems.append("a contact was not yet due at the moment of the plan")
    if any(at < started.replace(microsecond=0) for _, at in times):
        problems.append("a contact was destroyed before the disposal started")
    if any(at > finished for _, at in times):
        problems.append("a contact was destroyed after the disposal finished")
    return problems
