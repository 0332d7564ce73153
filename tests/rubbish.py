"""Malformed pushes, generated: what a broken or hostile sender may put on the wire, byte for byte.

Nothing made here may be kept. `cases` yields as many as are asked for from one seed, each kind in turn, so that a
failure can be repeated by its seed and number. How they are sent is in `tests/web/test_rubbish.py`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.audio import call

AUDIO = call(1.5)
BOUNDARY = "tallenne-boundary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Bytes to send; afterwards the sender hangs up (`hang_up`) or waits for the answer."""

    name: str
    number: int
    wire: bytes
    hang_up: bool = False


@dataclass(slots=True, kw_only=True)
class Push:
    """A push that would be kept, until something about it is spoilt."""

    company: str
    token: str
    source: str = "rubbish"
    external_id: str = "1"
    method: str = "PUT"
    version: str = "HTTP/1.1"
    headers: list[tuple[str, str]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    raw_metadata: bytes | None = None
    audio: bytes = AUDIO
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}"
    length: str | None = None
    authorization: str | None = None

    def metadata(self) -> bytes:
        """The metadata as it goes out."""
        if self.raw_metadata is not None:
            return self.raw_metadata
        least = {"company": self.company, "started_at": "2026-11-02T09:15:00+02:00", "direction": "inbound"}
        return json.dumps(least | self.said).encode()

    def parts(self) -> list[bytes]:
        """The two parts."""
        return [part("metadata", self.metadata(), "application/json"), part("audio", self.audio, "audio/wav")]

    def body(self, parts: list[bytes] | None = None, end: bytes = b"--\r\n") -> bytes:
        """The multipart body."""
        mark = b"--" + BOUNDARY.encode()
        pieces = b"".join(mark + b"\r\n" + one + b"\r\n" for one in (self.parts() if parts is None else parts))
        return pieces + mark + end

    def head(self, length: int | str | None) -> bytes:
        """The request line and headers."""
        lines = [f"{self.method} /api/v1/recordings/{self.source}/{self.external_id} {self.version}"]
        lines += ["Host: localhost", f"Authorization: {self.authorization or 'Bearer ' + self.token}"]
        lines += [f"Content-Type: {self.content_type}"] if self.content_type else []
        lines += [f"Content-Length: {length}"] if length is not None else []
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"

    def wire(self, body: bytes | None = None) -> bytes:
        """Everything."""
        body = self.body() if body is None else body
        return self.head(self.length or len(body)) + body


def part(name: str, data: bytes, content_type: str, *more: str, quoted: bool = True) -> bytes:
    """One part of the body with its headers."""
    said = f'"{name}"' if quoted else name
    lines = [f"Content-Disposition: form-data; name={said}; filename=x", f"Content-Type: {content_type}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


Made = tuple[bytes, bool]
Kind = Callable[[Random, Push], Made]


def cut_and_gone(dice: Random, push: Push) -> Made:
    """The sender dies at any byte, headers included."""
    wire = push.wire()
    return wire[: dice.randrange(len(wire))], True


def cut_with_honest_length(dice: Random, push: Push) -> Made:
    """A body that ends early, and says so."""
    body = push.body()
    return push.wire(body[: dice.randrange(len(body) - 4)]), False


def longer_than_sent(dice: Random, push: Push) -> Made:
    """More is promised than comes, then the sender hangs up."""
    push.length = str(len(push.body()) + dice.randrange(1, 1 << 20))
    return push.wire(), True


def shorter_than_sent(dice: Random, push: Push) -> Made:
    """Less is promised than comes."""
    push.length = str(dice.randrange(len(push.body()) - 4))
    return push.wire(), False


def odd_length(dice: Random, push: Push) -> Made:
    """A length that is none, or beyond what is taken."""
    push.length = dice.choice(
        ["-1", "abc", "1e3", "99999999999999999999", "0x10", " ", "1,2", "+5", "10 10", "9" * 400]
    )
    return push.wire(), False


def two_lengths(dice: Random, push: Push) -> Made:
    """Length and chunks, or two lengths: the smuggler's tools."""
    tools = [("Transfer-Encoding", "chunked"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked, identity")]
    push.headers.append(dice.choice(tools))
    return push.wire(), False


def bad_chunks(dice: Random, push: Push) -> Made:
    """Chunked, with sizes that are none, or cut."""
    push.headers.append(("Transfer-Encoding", "chunked"))
    body = push.body()
    whole = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    spoilt = [
        b"zz\r\n" + body,
        b"-5\r\n" + body,
        b"f" * 30 + b"\r\n" + body,
        whole[: dice.randrange(6, len(whole) - 10)],
        b"%x\r\n" % (len(body) - 3) + body + b"\r\n0\r\n\r\n",
        b"%x;%s\r\n" % (len(body), b"e" * 20_000) + body[:-30] + b"\r\n0\r\n\r\n",
    ]
    return push.head(None) + dice.choice(spoilt), False


def wrong_digest(dice: Random, push: Push) -> Made:
    """Other bytes than were announced, or no digest at all."""
    push.said["sha256"] = dice.choice([dice.randbytes(32).hex(), "0" * 63, "g" * 64, "", 7, None, "ä" * 64]) or "0" * 64
    return push.wire(), False


def boundary_games(dice: Random, push: Push) -> Made:
    """Boundaries that are missing, long, odd, or other than the one that is used."""
    body = push.body()
    mark = BOUNDARY.encode()
    push.content_type = "multipart/form-data; boundary=" + dice.choice(
        [
            "",
            '""',
            "x" * 71,
            "x" * 5_000,
            "other",
            '"unclosed',
            "a b",
            "\x0b",
            "ä",
            "--",
            f"{BOUNDARY};boundary=b",
            "'",
        ],
    )
    bodies = [
        body,
        body.replace(mark, mark + b" "),
        body.replace(b"--" + mark, mark),
        b"",
        b"\r\n" * 5_000,
        mark * 2_000,
    ]
    return push.wire(dice.choice(bodies)), False


def bad_framing(dice: Random, push: Push) -> Made:
    """The right boundary, wrongly used."""
    body, mark = push.body(), b"--" + BOUNDARY.encode()
    spoilt = [
        push.body(end=b""),
        push.body(end=b"\r\n"),
        push.body(end=b"- -\r\n"),
        body.replace(b"\r\n\r\n", b"\r\n", 1),
        body.replace(b"Content-Disposition", b"Content-Disposition\x00"),
        body.replace(b"Content-Disposition", b"X-Disposition"),
        mark + b"--\r\n",
        mark * 500,
        mark + b"\r\n" + b"\r\n" * 3_000,
        mark + b"\r\n" + b"a: b\r\n" * 10_000 + b"\r\n" + body,
        mark + b"\r\n" + b"a" * 100_000 + b": b\r\n\r\n" + body,
        body.replace(b"\r\n", b"\r"),
    ]
    return push.wire(dice.choice(spoilt)), False


def wrong_parts(dice: Random, push: Push) -> Made:
    """Parts in the wrong order, twice, too many, too few, or under odd names."""
    said, audio = push.parts()
    other = part(dice.choice(["siprec2", "x" * 3_000, "metadata[]", "audio ", "Audio", "äänite"]), b"x", "text/plain")
    nested = part("metadata", push.body(), f"multipart/mixed; boundary={BOUNDARY}")
    orders: list[list[bytes]] = [
        *([audio, said], [said, said, audio], [said, audio, audio], [audio], [said], [], [said, other, audio]),
        *([other, said, audio], [said, audio, other], [said, audio, said], [nested, audio], [said] * 100),
        [b"\r\n" + push.metadata(), audio],
        [part("", push.metadata(), "application/json"), audio],
        [said, part("audio", AUDIO, "audio/wav", "Content-Transfer-Encoding: base64")],
        [said, part("audio", AUDIO, "audio/wav", "Content-Encoding: gzip")],
        [said, part("audio", AUDIO, "audio/wav", "Content-Encoding: deflate"), other],
    ]
    return push.wire(push.body(dice.choice(orders))), False


def rubbish_metadata(dice: Random, push: Push) -> Made:
    """Metadata that is no JSON, no UTF-8, too deep, too big, or of another shape."""
    push.raw_metadata = dice.choice(
        [
            *(b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe{}", b"\x00" * 500, dice.randbytes(300)),
            *(b"[" * 100_000, b'{"a":' * 30_000, b'{"company": NaN}', b'{"a": ' + b"9" * 9_000 + b"}"),
            *(b'{"company":"a","company":"b"}', b'{"\\ud800": "\\udfff"}', b"<rs/>", push.metadata() + b"}"),
            push.metadata()[: dice.randrange(len(push.metadata()))],
            json.dumps({f"field{n}": n for n in range(3_000)}).encode(),
        ]
    )
    return push.wire(), False


def wrong_values(dice: Random, push: Push) -> Made:
    """One field out of bounds, often with a second one."""
    wrong: list[tuple[str, Any]] = [
        *(("company", "no-such"), ("company", "../x"), ("company", None), ("started_at", "today"), ("started_at", 0)),
        *(("started_at", "2026-11-02T09:15:00"), ("started_at", "9999-01-01T00:00:00Z"), ("direction", "up")),
        *(("duration_s", -1), ("duration_s", "60"), ("duration_s", 1e300), ("queue", "\x00"), ("queue", "x" * 10_000)),
        *(("parties", [{"role": "agent"}] * 500), ("parties", [{}]), ("channels", ["agent"] * 99), ("agent", [1])),
        *(("attributes", {"a": {"b": 1}}), ("attributes", {"x" * 5_000: "y"}), ("language", "%s%n"), ("call_id", {})),
        *(("customer_number", 12), ("colour", "red"), ("sha256", "0" * 64), ("$where", "1"), ("__class__", "x")),
    ]
    push.said.update(dice.sample(wrong, dice.randrange(1, 3)))
    return push.wire(), False


def huge_metadata(dice: Random, push: Push) -> Made:
    """Five megabytes of it."""
    push.raw_metadata = push.metadata()[:-1] + b" " * dice.choice([300_000, 5_000_000]) + b"}"
    return push.wire(), False


def no_audio(dice: Random, push: Push) -> Made:
    """An empty part, or bytes that are something else."""
    push.audio = dice.choice(
        [
            *(
                b"",
                b"\x00",
                b"\r\n",
                b"hello",
                b"RIFF",
                b"RIFF\x00\x00\x00\x00WAVE",
                b"ID3\x04\x00\x00\x00\x00\x0f\x76",
            ),
            *(b"OggS" + bytes(60), b"fLaC", b"#!AMR\n", b"\x1aE\xdf\xa3", b"%PDF-1.7\n", b"PK\x03\x04" + AUDIO),
            *(
                b"\xff\xd8\xff\xe0" + dice.randbytes(5_000),
                b"\x89PNG" + AUDIO,
                b"\xff\xfb\x90\x64" * 2_000,
                b"\n" + AUDIO,
            ),
            *(dice.randbytes(70_000)[:-1] + b"\n", bytes(100_000), b"MZ" + bytes(70_000), b"\x00\x00\x00\x18ftypavif"),
        ]
    )
    return push.wire(), False


def too_large(dice: Random, push: Push) -> Made:
    """More audio than is taken, announced or in chunks."""
    push.audio = AUDIO + bytes(1_200_000)
    if dice.random() < 0.5:
        return push.wire(), False
    push.headers.append(("Transfer-Encoding", "chunked"))
    body = push.body()
    return push.head(None) + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n", False


def odd_headers(dice: Random, push: Push) -> Made:
    """Headers too many, too long, malformed, or saying another kind of body."""
    kind = dice.randrange(7)
    if kind == 0:
        push.headers += [(f"x-{n}", "y") for n in range(10_000)]
    elif kind == 1:
        push.headers.append(("x-long", "y" * dice.choice([9_000, 1_000_000])))
    elif kind == 2:
        push.headers.append((dice.choice(["bad name", "x\x00", "", "ä", "x\r\n folded", ":"]), "y"))
        push.said["direction"] = "up"
    elif kind == 3:
        types = [
            "",
            "text/plain",
            "application/json",
            "multipart/mixed; boundary=x",
            "multipart/form-data",
            "x" * 500,
            "/",
            ";",
        ]
        push.content_type = dice.choice(types)
    elif kind == 4:
        push.headers.append(("Content-Encoding", dice.choice(["gzip", "deflate", "br", "zstd", "rubbish"])))
        push.said["sha256"] = "0" * 64
    elif kind == 5:
        push.headers.append(("Expect", dice.choice(["200-ok", "100-continue, x", "rubbish"])))
        push.said["direction"] = "up"
    else:
        push.version = dice.choice(["HTTP/1.7", "HTTP/9.9", "HTTP/x", "", "FTP/1.1", "HTTP/2.0 extra"])
        push.said["direction"] = "up"
    return push.wire(), False


def odd_names(dice: Random, push: Push) -> Made:
    """Addresses with names that are none."""
    names = [
        "%00",
        "%2F",
        "..",
        ".",
        "a%2Fb",
        "%",
        "%zz",
        "a%20b",
        "%ff%fe",
        "x" * 201,
        "x" * 9_000,
        "%C3%A4",
        "a%0d%0ab",
        "",
    ]
    setattr(push, dice.choice(["source", "external_id"]), dice.choice(names))
    if push.external_id == "1":
        push.said["direction"] = "up"
    return push.wire(), False


def who_are_you(dice: Random, push: Push) -> Made:
    """No token, a wrong one, or one spoilt."""
    spoilt = push.token[:-1], push.token + "x", push.token.upper(), "", "\x7f", "x" * 9_000, "a b c"
    schemes = [f"Bearer {one}" for one in spoilt] + ["Basic dTpw", "bearer", "Bearer", "Negotiate x", push.token]
    push.authorization = dice.choice(schemes)
    return push.wire(), False


def other_methods(dice: Random, push: Push) -> Made:
    """The right address, asked in another way."""
    push.method = dice.choice(["POST", "PATCH", "DELETE", "GET", "TRACE", "OPTIONS", "put", "P T", "\x00", "X" * 300])
    return push.wire(), False


def no_http(dice: Random, _: Push) -> Made:
    """Something else altogether."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(200)
    return dice.choice([hello, dice.randbytes(400), b"\r\n" * 2_000, b"GET", b"PUT " + b"/" * 20_000]), True


def flipped_bytes(dice: Random, push: Push) -> Made:
    """A few bytes changed anywhere before the audio; the digest is wrong, should nothing else be."""
    push.said["sha256"] = "0" * 64
    wire = bytearray(push.wire())
    end = wire.index(b"RIFF")
    for _ in range(dice.randrange(1, 6)):
        wire[dice.randrange(end)] = dice.randrange(256)
    return bytes(wire), False


KINDS: tuple[Kind, ...] = (
    *(cut_and_gone, cut_with_honest_length, longer_than_sent, shorter_than_sent, odd_length, two_lengths, bad_chunks),
    *(wrong_digest, boundary_games, bad_framing, wrong_parts, rubbish_metadata, wrong_values, huge_metadata, no_audio),
    *(too_large, odd_headers, odd_names, who_are_you, other_methods, no_http, flipped_bytes),
)


def cases(seed: int, count: int, *, company: str, token: str) -> Iterator[Case]:
    """So many malformed pushes, each kind in turn; the same seed makes the same ones."""
    for number in range(count):
        dice = Random(f"{seed}-{number}")
        kind = KINDS[number % len(KINDS)]
        wire, hang_up = kind(dice, Push(company=company, token=token, external_id=str(number)))
        yield Case(name=kind.__name__, number=number, wire=wire, hang_up=hang_up)
