"""Certificates offline: signing, checking, every kind of tampering, and someone else's Ed25519."""

import copy
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from retention.certificate import (
    FORMAT,
    Body,
    Checks,
    Counts,
    DestroyedItem,
    PartDigest,
    canonical,
    certify,
    is_weak,
    stamp,
    verify,
    verify_file,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
STARTED = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "certificate.md"


def item(number: int) -> DestroyedItem:
    part = PartDigest(
        part=str(UUID(int=number + 1000)),
        kind="recording",
        size_bytes=160_044,
        sha256="ab" * 32,
        sealed_sha256="cd" * 32,
    )
    return DestroyedItem(
        interaction=str(UUID(int=number)),
        company="energia",
        policy="puhelut",
        keep="P24M",
        retain_until=stamp(STARTED - timedelta(hours=3)),
        destroyed_at=stamp(STARTED + timedelta(seconds=number)),
        parts=(part,),
        checks=Checks(object_versions=0, wrapped_keys=0, rows=0),
    )


def body(count: int = 3) -> Body:
    return Body(
        format="tallenne-disposal-certificate/1",
        disposal=str(UUID(int=77)),
        requested="schedule",
        as_of=stamp(STARTED),
        started_at=stamp(STARTED),
        finished_at=stamp(STARTED + timedelta(minutes=1)),
        counts=Counts(destroyed=count, held=1, failed=0),
        items=tuple(item(number) for number in range(count)),
    )


def signed(content: Body) -> dict[str, Any]:
    return certify(content, public_key=PUBLIC, sign=KEY.sign)


def read_back(document: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(document, indent=2))
    return read


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_was_signed_is_sound(count: int) -> None:
    document = read_back(signed(body(count)))
    verdict = verify(document, PUBLIC.hex())
    assert verdict.problems == ()
    assert verdict.sound
    assert verdict.key_given
    assert verdict.destroyed == count
    assert document["body"]["format"] == FORMAT


def test_without_a_key_the_named_one_is_taken_and_said() -> None:
    verdict = verify(read_back(signed(body())))
    assert verdict.sound
    assert not verdict.key_given
    assert verdict.public_key == PUBLIC.hex()


def test_another_key_is_a_problem() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    assert verify(signed(body()), other).problems == ("the certificate names another key than the one given",)
    forged = signed(body())
    forged["signature"]["public_key"] = other
    assert not verify(forged).sound


@pytest.mark.parametrize("key", ["", "abc", "zz" * 32, "ab" * 33])
def test_a_key_that_is_none_is_said(key: str) -> None:
    assert verify(signed(body()), key).problems == ("the key is not 64 hexadecimal digits",)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in _leaves(inner, (*path, index))]
    return [path]


SOUND = read_back(signed(body()))


@given(path=st.sampled_from(_leaves(SOUND)), kind=st.sampled_from(["drop", "null", "digit", "type"]))
def test_no_value_can_be_changed_unnoticed(path: tuple[Any, ...], kind: str) -> None:
    changed = copy.deepcopy(SOUND)
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    if kind == "drop":
        del holder[path[-1]]
    elif kind == "digit":
        holder[path[-1]] = old + 1 if isinstance(old, int) else _turned(old)
    else:
        holder[path[-1]] = None if kind == "null" else [old]
    assert not verify(changed, PUBLIC.hex()).sound


def _turned(text: str) -> str:
    last = text.rstrip("Z")[-1]
    return text.replace(last, "1" if last == "0" else "0")


@pytest.mark.parametrize(
    "document",
    [None, [], "text", 3, {}, {"body": {}, "signature": {}}, {"body": None, "signature": None}, {"x": float("nan")}],
)
def test_what_is_no_certificate_is_said_without_a_crash(document: object) -> None:
    assert verify(document).problems


def test_an_item_too_many_or_twice_is_noticed_even_when_signed() -> None:
    wrong_count = body().model_copy(update={"counts": Counts(destroyed=2, held=0, failed=0)})
    assert verify(signed(wrong_count)).problems == ("the count of destroyed contacts is not the number of items",)
    twice = body(2).model_copy(update={"items": (item(1), item(1))})
    assert verify(signed(twice)).problems == ("a contact is listed twice",)


def test_what_was_still_found_is_not_destroyed() -> None:
    left = item(0).model_copy(update={"checks": Checks(object_versions=1, wrapped_keys=0, rows=0)})
    assert not verify(signed(body(1).model_copy(update={"items": (left,)}))).sound


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"retain_until": stamp(STARTED + timedelta(microseconds=1))}, "not yet due"),
        ({"destroyed_at": stamp(STARTED - timedelta(seconds=1))}, "before the disposal started"),
        ({"destroyed_at": stamp(STARTED + timedelta(minutes=1, microseconds=1))}, "after the disposal finished"),
        ({"destroyed_at": "2026-13-24T01:15:00Z"}, "none of the calendar's"),
    ],
)
def test_times_that_cannot_be_are_noticed_even_when_signed(change: dict[str, str], problem: str) -> None:
    wrong = body(1).model_copy(update={"items": (item(0).model_copy(update=change),)})
    (said,) = verify(signed(wrong), PUBLIC.hex()).problems
    assert problem in said


P = 2**255 - 19
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


def test_the_points_of_order_eight_are_known() -> None:
    d = -121665 * pow(121666, -1, P) % P
    assert (d * pow(Y8, 4, P) + 2 * Y8 * Y8 - 1) % P == 0  # their double is (x, 0), which is of order 4


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, Y8, P - Y8])
def test_a_key_of_small_order_signs_nothing(y: int, sign: int) -> None:
    key = (y | sign << 255).to_bytes(32, "little").hex()
    forged = signed(body()) | {"signature": {"algorithm": "Ed25519", "public_key": key, "value": key + "00" * 32}}
    for given_key in (None, key):
        assert any("anybody can make" in problem for problem in verify(forged, given_key).problems)


def test_a_sound_key_is_not_weak() -> None:
    assert not is_weak(PUBLIC)


def test_the_canonical_form_is_sorted_compact_utf8() -> None:
    assert canonical({"b": [1, "ä"], "a": {"d": "\n", "c": 2}}) == '{"a":{"c":2,"d":"\\n"},"b":[1,"ä"]}'.encode()


def test_a_stamp_is_utc() -> None:
    helsinki = timezone(timedelta(hours=2))
    assert stamp(datetime(2026, 1, 1, 1, 30, tzinfo=helsinki)) == "2025-12-31T23:30:00Z"


def test_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(SOUND))
    assert verify_file(path, PUBLIC.hex()).sound
    for text in ("{", json.dumps(SOUND) + "{}", '{"body": NaN}', '{"body": "\\ud800"'):
        path.write_text(text)
        assert verify_file(path).problems == ("the file is no JSON",)
    path.write_bytes(json.dumps(SOUND).encode("utf-16"))
    assert not verify_file(path).sound


@pytest.mark.parametrize("name", ["body", "signature"])
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(SOUND).replace("{", f'{{"{name}": {json.dumps(SOUND[name])}, ', 1))
    assert "twice" in verify_file(path, PUBLIC.hex()).problems[0]


def test_ten_lines_of_someone_elses_ed25519_agree(tmp_path: Path) -> None:
    """The script of docs/reference/certificate.md, as it stands there, run on a sound and on a changed certificate."""
    script = re.search(r"```python\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    assert script is not None
    assert len(script[1].splitlines()) <= 10
    assert "cryptography" not in script[1]
    (tmp_path / "check.py").write_text(script[1])
    changed = copy.deepcopy(SOUND)
    changed["body"]["items"][0]["policy"] = "toinen"
    for document, status in ((SOUND, 0), (changed, 1)):
        (tmp_path / "certificate.json").write_text(json.dumps(document))
        command = [sys.executable, "check.py", "certificate.json", PUBLIC.hex()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, "the signature holds" in done.stdout) == (status, status == 0), done.stderr
