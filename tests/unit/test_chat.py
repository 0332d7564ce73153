"""What `ingest.chat` takes and complains about, what becomes of it, and how `archive.domain.chats` reads it again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.domain.chats import read_messages
from archive.domain.interactions import Channel, Direction
from archive.errors import Damaged, Invalid, TooLarge
from ingest import facts
from ingest.chat import MAX_MESSAGES, MAX_PARTICIPANTS, MAX_TEXT_CHARS, Chat, judge

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMIT = 8 * 1024**2
CUSTOMER = {"id": "c", "role": "customer"}
AGENT = {"id": "a", "role": "agent", "name": "Aino Esimerkki"}
BOT = {"id": "b", "role": "bot", "name": "Valo"}


def message(time: str, sender: str = "c", text: str = "Hei") -> dict[str, Any]:
    return {"at": f"2026-11-24T{time}+02:00", "from": sender, "text": text}


LEAST: dict[str, Any] = {
    "company": "lahti",
    "started_at": "2026-11-24T09:15:00+02:00",
    "participants": [CUSTOMER, AGENT, BOT],
    "messages": [message("09:15:10")],
}
MOST = LEAST | {
    "ended_at": "2026-11-24T09:40:00+02:00",
    "direction": "outbound",
    "queue": "Laskutus",
    "category": "invoice",
    "agent": {"id": "a17", "name": "Aino E."},
    "customer_number": "100200",
    "language": "fi-FI",
    "attributes": {"metering_point": "643007572001234569", "page": "lasku"},
}


def raw(**changes: Any) -> bytes:
    return json.dumps(LEAST | changes).encode()


def judged(**changes: Any) -> Chat:
    return judge(raw(**changes), NOW, LIMIT)


def complaints(body: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        judge(body, NOW, LIMIT)
    orjson.dumps([{"field": c.field, "message": c.message} for c in caught.value.complaints])  # fit for an answer
    return {c.field: c.message for c in caught.value.complaints}


def about(**changes: Any) -> dict[str, str]:
    return complaints(raw(**changes))


def test_the_least_is_enough() -> None:
    chat = judged()
    assert chat.started_at == datetime(2026, 11, 24, 7, 15, tzinfo=UTC)
    assert chat.over_at == datetime(2026, 11, 24, 7, 15, 10, tzinfo=UTC)
    assert (chat.attributes, chat.queue, chat.language) == ({}, None, None)


def test_everything_is_kept_as_facts() -> None:
    made = facts.of_chat("chat", "1", judge(json.dumps(MOST).encode(), NOW, LIMIT))
    assert (made.channel, made.direction, made.language) == (Channel.CHAT, Direction.OUTBOUND, "fi-FI")
    assert (made.agent_id, made.agent_name, made.queue) == ("a17", "Aino E.", "Laskutus")
    assert (made.given_customer_number, made.given_metering_point) == ("100200", "643007572001234569")
    assert made.ended_at == datetime(2026, 11, 24, 7, 40, tzinfo=UTC)
    assert [party.role for party in made.parties] == ["customer", "agent", "bot"]
    assert made.duration_s is None


def test_a_blank_or_absent_field_is_the_same() -> None:
    optional = [name for name, field in Chat.model_fields.items() if not field.is_required()]
    assert judged(**dict.fromkeys(optional)) == judged() == judged(queue=" ", language="", customer_number="")


@pytest.mark.parametrize(
    ("first", "direction"),
    [
        pytest.param([message("09:15:01", "c")], "inbound", id="customer"),
        pytest.param([message("09:15:01", "a")], "outbound", id="agent"),
        pytest.param([message("09:15:01", "b"), message("09:15:02", "c")], "inbound", id="bot greets"),
        pytest.param([message("09:15:01", "b"), message("09:15:02", "a")], "outbound", id="agent after bot"),
        pytest.param([message("09:15:02", "a"), message("09:15:01", "c")], "inbound", id="in time, not in order"),
        pytest.param([message("09:15:01", "b")], "inbound", id="bot alone"),
    ],
)
def test_who_wrote_first_began_it(first: list[dict[str, Any]], direction: str) -> None:
    assert judged(messages=first).began == direction


def test_among_colleagues_it_is_internal() -> None:
    assert judged(participants=[AGENT], messages=[message("09:15:01", "a")]).began == "internal"


def test_the_only_agent_answered_it() -> None:
    assert facts.of_chat("chat", "1", judged()).agent_id == "a"
    second = {"id": "a2", "role": "agent"}
    assert facts.of_chat("chat", "1", judged(participants=[CUSTOMER, AGENT, second])).agent_id is None


def test_every_complaint_comes_at_once() -> None:
    found = about(
        company=None,
        started_at="yesterday",
        colour=1,
        participants=[{"id": "", "role": "x"}, {"role": "bot", "nick": 1}],
        messages=[{"at": 1, "from": "c", "text": None, "edited": True}, {"sender": "c"}],
        agent={"shoe": 1},
        attributes={"a": 1},
    )
    assert set(found) == {
        *("company", "started_at", "colour", "participants.0.id", "participants.0.role", "participants.1.id"),
        *("participants.1.nick", "messages.0.at", "messages.0.text", "messages.0.edited", "messages.1.at"),
        *("messages.1.from", "messages.1.text", "messages.1.sender", "agent.shoe", "attributes.a"),
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"messages": []}, "messages", id="no messages"),
        pytest.param({"messages": None}, "messages", id="null messages"),
        pytest.param({"messages": {}}, "messages", id="messages no list"),
        pytest.param({"messages": [message("09:15:01", text=" \n")]}, "messages", id="blank messages"),
        pytest.param({"participants": []}, "participants", id="nobody"),
        pytest.param({"participants": [CUSTOMER, CUSTOMER]}, "participants.1.id", id="one id twice"),
        pytest.param({"messages": [message("09:15:01", "x")]}, "messages.0.from", id="from a stranger"),
        pytest.param({"messages": [message("09:15:01", "C")]}, "messages.0.from", id="letter case counts"),
        pytest.param({"messages": [message("08:00:00")]}, "messages.0.at", id="before the start"),
        pytest.param({"ended_at": "2026-11-24T09:00:00+02:00"}, "ended_at", id="ended before it started"),
        pytest.param(
            {"ended_at": "2026-11-24T09:20:00+02:00", "messages": [message("09:15:01"), message("10:00:00")]},
            "messages.1.at",
            id="after the end",
        ),
        pytest.param({"messages": [message("09:15:01", text="a\x00b")]}, "messages.0.text", id="a null"),
        pytest.param({"messages": [message("09:15:01", text="\x1b[2J")]}, "messages.0.text", id="a terminal's code"),
        pytest.param({"messages": [message("09:15:01", text="\ud800")]}, "messages.0.text", id="half a character"),
        pytest.param({"messages": [message("09:15:01", text="x" * 32_769)]}, "messages.0.text", id="a long text"),
        pytest.param({"participants": [CUSTOMER | {"id": "x" * 201}]}, "participants.0.id", id="a long id"),
        pytest.param({"participants": [CUSTOMER | {"email": "nobody"}]}, "participants.0.email", id="no address"),
        pytest.param({"participants": [CUSTOMER | {"role": "Customer"}]}, "participants.0.role", id="a role's case"),
        pytest.param({"started_at": "2026-11-24T09:15:00"}, "started_at", id="no zone"),
        pytest.param({"ended_at": "2027-01-01T00:00:00Z"}, "ended_at", id="the future"),
        pytest.param({"direction": "sideways"}, "direction", id="direction"),
        pytest.param({"attachments": []}, "attachments", id="attachments are not taken yet"),
    ],
)
def test_what_is_out_of_bounds_is_named(changes: dict[str, Any], field: str) -> None:
    assert list(about(**changes)) == [field]


def test_clocks_may_differ_a_little() -> None:
    early, late = message("09:10:00"), message("09:24:59")
    assert judged(ended_at="2026-11-24T09:20:00+02:00", messages=[early, late]).over_at.minute == 20


def test_there_may_not_be_too_many() -> None:
    people = [{"id": str(n), "role": "third_party"} for n in range(MAX_PARTICIPANTS + 1)]
    assert list(about(participants=people, messages=[message("09:15:01", "1")])) == ["participants"]
    assert list(about(messages=[message("09:15:01")] * (MAX_MESSAGES + 1))) == ["messages"]
    assert judged(messages=[message("09:15:01", text="x" * MAX_TEXT_CHARS)]).messages[0].text


def test_more_bytes_than_are_taken_are_not_looked_at() -> None:
    with pytest.raises(TooLarge):
        judge(b" " * 101, NOW, 100)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 99_999, b'{"company": Infinity}'),
        *(b'{"company": "a", "company": "b"}', b'{"started_at": 1' + b"0" * 5_000 + b"}"),
    ],
    ids=range(10),
)
def test_no_document_is_a_complaint(body: bytes) -> None:
    assert complaints(body)


def test_what_is_no_object_is_told_in_words_of_json() -> None:
    assert [*complaints(b"[]").values()] == ["Must be an object"]
    assert about(messages=["hei"])["messages.0"] == "Must be an object"


def test_no_complaint_repeats_what_was_sent() -> None:
    secret = "Eero Esimerkki 010594Y9032"
    found = about(started_at=secret, messages=[message("09:15:01", secret)], participants=[{"id": 7, "role": secret}])
    assert secret not in json.dumps(found, ensure_ascii=False)


_NAMES = st.sampled_from([*LEAST, "id", "role", "at", "from", "text", "x"])
_LEAVES = st.none() | st.booleans() | st.floats() | st.text()
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner), max_leaves=25)


@settings(max_examples=150, deadline=None)
@given(_JSON)
def test_any_other_json_is_complained_about(document: Any) -> None:
    assert complaints(json.dumps(document).encode())


# ------------------------------------------------------------------- reading


def test_messages_are_read_in_the_order_of_time() -> None:
    said = [message("09:17:00", "a", "kolme"), message("09:15:00", "c", "yksi"), message("09:15:00", "b", "kaksi")]
    read = read_messages(raw(messages=said))
    assert [(one.number, one.text, one.role, one.name) for one in read] == [
        (1, "yksi", "customer", None), (2, "kaksi", "bot", "Valo"), (3, "kolme", "agent", "Aino Esimerkki"),
    ]  # fmt: skip
    assert read[0].at == datetime(2026, 11, 24, 7, 15, tzinfo=UTC)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 86_399),
            st.sampled_from("cab"),
            st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: f"{text}\r\n."),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_what_is_taken_is_read(said: list[tuple[int, str, str]]) -> None:
    begin = datetime(2026, 11, 23, 12, tzinfo=UTC)
    messages = [
        {"at": (begin + timedelta(seconds=after)).isoformat(), "from": sender, "text": text}
        for after, sender, text in said
    ]
    body = raw(started_at=begin.isoformat(), messages=messages)
    assert len(judge(body, NOW, LIMIT).messages) == len(said)
    read = read_messages(b"\xef\xbb\xbf" + body)
    assert [one.number for one in read] == list(range(1, len(said) + 1))
    assert sorted(one.text for one in read) == sorted(text.replace("\r\n", "\n") for _, _, text in said)
    assert [one.at for one in read] == sorted(one.at for one in read)


@pytest.mark.parametrize("spelled", ["2026-11-24t09:15:01.123456789z", "2026-11-24 11:15:01.123456+02:00"])
def test_every_time_that_is_taken_is_read(spelled: str) -> None:
    body = raw(messages=[message("09:15:01") | {"at": spelled}])
    assert read_messages(body)[0].at == judge(body, NOW, LIMIT).messages[0].at


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"participants": [], "messages": [{}]}'], ids=range(5))
def test_other_bytes_are_damage(body: bytes) -> None:
    with pytest.raises(Damaged):
        read_messages(body)
