"""What `ingest.metadata` takes, and how it complains about the rest."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.errors import Invalid, TooLarge
from ingest.metadata import METADATA_BYTES, RecordingMetadata, judge, judge_names

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEAST = {"company": "lahti", "started_at": "2026-11-24T09:15:00+02:00", "direction": "inbound"}
MOST = LEAST | {
    "duration_s": 61.5,
    "queue": "Laskutus",
    "category": "invoice",
    "agent": {"id": "a17", "name": "Aino Esimerkki"},
    "parties": [
        {"role": "customer", "phone": "040 123 4567", "email": "eero@example.fi", "name": "Eero Esimerkki"},
        {"role": "third_party"},
    ],
    "channels": ["agent", "customer"],
    "customer_number": "100200",
    "call_id": "a84b4c76e66710@pbx.example",
    "language": "fi-FI",
    "sha256": "AB" * 32,
    "attributes": {"metering_point": "643007572001234567", "note": "kaksi\nriviä"},
}


def judged(**changes: Any) -> RecordingMetadata:
    return judge(json.dumps(LEAST | changes).encode(), NOW)


def complaints(raw: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        judge(raw, NOW)
    orjson.dumps([{"field": c.field, "message": c.message} for c in caught.value.complaints])  # fit for an answer
    return {c.field: c.message for c in caught.value.complaints}


def complaints_about(**changes: Any) -> dict[str, str]:
    return complaints(json.dumps(LEAST | changes).encode())


def test_the_least_is_enough() -> None:
    metadata = judged()
    assert metadata.started_at == datetime(2026, 11, 24, 7, 15, tzinfo=UTC)
    assert metadata.started_at.tzinfo is UTC
    assert metadata.ended_at == metadata.started_at
    assert (metadata.parties, metadata.channels, metadata.attributes, metadata.agent) == ((), (), {}, None)


def test_everything_is_read() -> None:
    metadata = judge(json.dumps(MOST).encode(), NOW)
    assert metadata.ended_at - metadata.started_at == timedelta(seconds=61.5)
    assert metadata.parties[0].phone == "040 123 4567"
    assert metadata.channels == ("agent", "customer")
    assert metadata.sha256 == "ab" * 32
    assert metadata.attributes["note"] == "kaksi\nriviä"


def test_a_byte_order_mark_and_blank_texts_are_forgiven() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(LEAST | {"queue": "  ", "customer_number": "", "parties": None}).encode()
    metadata = judge(raw, NOW)
    assert (metadata.queue, metadata.customer_number, metadata.parties) == (None, None, ())


def test_null_is_the_same_as_leaving_a_field_out() -> None:
    optional = [name for name, field in RecordingMetadata.model_fields.items() if not field.is_required()]
    assert judged(**dict.fromkeys(optional)) == judged()


def test_every_complaint_comes_at_once() -> None:
    found = complaints(
        json.dumps(
            {"direction": "sideways", "started_at": "yesterday", "colour": 1, "parties": [{"role": "x"}, {}]}
            | {"duration_s": -1, "channels": ["dog"], "attributes": {"a": 1}, "agent": {"shoe": 1}}
        ).encode()
    )
    assert set(found) == {
        *("company", "direction", "started_at", "colour", "parties.0.role", "parties.1.role"),
        *("duration_s", "channels.0", "attributes.a", "agent.shoe"),
    }


@pytest.mark.parametrize(
    "spelled",
    [
        *("2026-11-24T09:15:00", "2026-11-24", "2026-11-24T09:15:00+0200", "1790000000", "2026-13-01T00:00:00Z"),
        *("2026-11-24T25:00:00Z", "2026-11-24T09:15:00+99:00", "0000-01-01T00:00:00Z", "２０２６-11-24T09:15:00Z"),
        *("now", "", "Z"),
    ],
)
def test_a_time_without_zone_or_of_another_form_is_refused(spelled: str) -> None:
    assert "RFC 3339" in complaints_about(started_at=spelled)["started_at"]


def test_times_beyond_reason_are_refused() -> None:
    assert "future" in complaints_about(started_at="2026-11-26T00:00:00Z")["started_at"]
    assert "future" in complaints_about(started_at="9999-12-31T23:59:59-14:00")["started_at"]
    assert "1970" in complaints_about(started_at="0001-01-01T00:00:00+14:00")["started_at"]
    assert "RFC 3339" in complaints_about(started_at=1_790_000_000)["started_at"]
    assert judged(started_at="2026-11-24T14:00:00Z").started_at > NOW  # the clock of a recorder may run ahead
    assert judged(started_at="2026-11-24t09:15:00.123456789z").started_at.microsecond == 123_456


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("company", ""), ("company", "a/b"), ("company", "x" * 65), ("company", None), ("company", 7)),
        *(("duration_s", "61"), ("duration_s", True), ("duration_s", -0.1), ("duration_s", 700_000)),
        *(("queue", "x" * 201), ("queue", "a\x00b"), ("queue", "a\x1bb"), ("queue", "a\nb"), ("queue", "\ud800")),
        *(("language", "suomea puhutaan"), ("language", "f"), ("sha256", "ab" * 31), ("sha256", "zz" * 32)),
        *(("call_id", ["a"]), ("customer_number", 100_200), ("attributes", []), ("agent", "Aino"), ("parties", {})),
        *(("channels", "agent"), ("channels", ["agent"] * 9), ("parties", [{"role": "agent"}] * 51)),
        *(("attributes", {str(at): "" for at in range(101)}), ("direction", "Inbound")),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(field: str, value: object) -> None:
    assert set(complaints_about(**{field: value})) == {field}


def test_inner_bounds_are_named_by_path() -> None:
    assert set(complaints_about(attributes={"a": "x" * 2_001})) == {"attributes.a"}
    assert set(complaints_about(attributes={"a": "x\x00"})) == {"attributes.a"}
    assert len(complaints_about(attributes={"x" * 101: "", "": "", "a\x00": ""})) == 3
    assert set(complaints_about(parties=[{"role": "agent", "email": "nobody"}])) == {"parties.0.email"}
    assert set(complaints_about(parties=[{"role": "agent", "phone": "0" * 129}])) == {"parties.0.phone"}


def test_complaints_are_counted_and_never_repeat_what_was_sent() -> None:
    assert len(complaints_about(**{f"unknown{at}": 1 for at in range(1_000)})) == 100
    found = complaints_about(language="secret words", queue="secret" * 99, agent={"id": "secret\x00"})
    assert not any("secret" in message for message in found.values())


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"[]", b"null", b'"text"', b"{}}", b"\xff\xfe{\x00}\x00", b'{"company": "\xe4"}', b"\x00" * 99),
        *(b'{"duration_s": NaN}', b'{"duration_s": -Infinity}', b'{"a": ' + b"9" * 5_000 + b"}", b"[" * 200_000),
        *(
            b'{"a":' * 40_000,
            b'{"company": "a", "company": "b"}',
            b'{"a\\ud800": 1}',
            b'{"a\\u0000": 1, "a\\u0000": 2}',
        ),
    ],
)
def test_what_is_no_document_is_refused(raw: bytes) -> None:
    assert complaints(raw)


def test_a_repeated_name_is_told() -> None:
    assert complaints(b'{"company": "a", "company": "b"}') == {"company": "Appears twice in one object"}
    assert complaints(b'{"x": {"queue": 1, "queue": 2}}') == {"queue": "Appears twice in one object"}


def test_thousands_of_names_with_one_repeated_are_judged_at_once() -> None:
    names = [f"n{at:06}" for at in range(21_000)]
    raw = ("{" + ",".join(f'"{name}":0' for name in [*names, names[-1]]) + "}").encode()
    assert len(raw) < METADATA_BYTES
    began = time.perf_counter()
    assert complaints(raw) == {names[-1]: "Appears twice in one object"}
    # Comparing each name with each other one takes seconds, in which nobody else is served.
    assert time.perf_counter() - began < 0.5


def test_five_megabytes_are_too_large() -> None:
    with pytest.raises(TooLarge):
        judge(b"{" + b" " * 5_000_000 + b"}", NOW)


def test_the_largest_document_within_the_bounds_is_taken() -> None:
    party = {"role": "customer", "phone": "0" * 128, "email": "a@" + "b" * 252, "name": "n" * 200}
    attributes = {f"{at:0100}": "x" * 2_000 for at in range(100)}
    raw = json.dumps(MOST | {"parties": [party] * 50, "attributes": attributes}).encode()
    assert len(raw) < METADATA_BYTES
    assert len(judge(raw, NOW).attributes) == 100


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(list(MOST.values())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def judged_or_refused(raw: bytes) -> bool:
    """Whether the document was taken; a refusal must say why, in an answer that can be sent."""
    try:
        judge(raw, NOW)
    except Invalid as error:
        return not error.complaints or not orjson.dumps([(c.field, c.message) for c in error.complaints])
    return True


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from([*MOST, "role"]) | st.text(max_size=4), VALUES, max_size=8))
def test_any_document_is_judged_or_refused(changes: dict[str, object]) -> None:
    taken = judged_or_refused(json.dumps(MOST | changes).encode())
    assert not taken or set(changes) <= set(MOST)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_without_a_crash(raw: bytes) -> None:
    with pytest.raises(Invalid):
        judge(raw, NOW)


@given(st.integers(0, len(json.dumps(MOST)) - 1), st.integers(0, 255))
def test_a_changed_byte_is_judged_or_refused(at: int, value: int) -> None:
    raw = bytearray(json.dumps(MOST).encode())
    raw[at] = value
    assert judged_or_refused(bytes(raw)) in {True, False}


@pytest.mark.parametrize("name", ["1", "a84b4c76@pbx.example", "{0C55-11}", "x" * 200, "a.b", "a:b;c=1,2", "[1]&(2)"])
def test_external_ids_that_are_taken(name: str) -> None:
    judge_names("pbx-1.lahti", name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a b", "a\nb", "ä", "x" * 201, "a%2Fb", "a?b", "a#b", "\x00"]
)
def test_external_ids_that_are_not(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        judge_names("pbx", name)
    assert [c.field for c in caught.value.complaints] == ["external_id"]


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a@b", "ä", "x" * 65, "a\n"])
def test_sources_that_are_not(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        judge_names(name, "..")
    assert [c.field for c in caught.value.complaints] == ["source", "external_id"]
