"""What a search asks: fields of q, dates as days, cursors that cannot be forged or carried elsewhere."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archive.domain.filters import FilterRequest, Filters
from archive.domain.interactions import Channel
from archive.errors import Invalid
from search import cursor
from search.cursor import Place, Total
from search.index import Ask
from search.query import SearchRequest, WordsNotSearchable, read_fields

HELSINKI = ZoneInfo("Europe/Helsinki")


def mac(text: str) -> bytes:
    return hashlib.sha256(b"key" + text.encode()).digest()


def test_fields_of_q_become_filters() -> None:
    asked = SearchRequest(q='agent:"Maija Meikäläinen" QUEUE:laskutus phone:040-1234567 customer:1001').asked(HELSINKI)
    assert asked == Filters(agent="Maija Meikäläinen", queue="laskutus", phone="+358401234567", customer="1001")


@pytest.mark.parametrize("text", ["lasku", "agent:A1 lasku", '"tarkka lause"', "-ei", "foo:bar", "agent :x"])
def test_words_are_refused_kindly_with_their_own_code(text: str) -> None:
    with pytest.raises(WordsNotSearchable) as caught:
        read_fields(text)
    assert (caught.value.code, caught.value.status) == ("words-not-searchable", 422)
    assert text not in caught.value.complaints[0].message


def test_a_field_is_asked_once_and_has_a_value() -> None:
    for text in ("agent:A1 agent:A2", 'agent:""'):
        with pytest.raises(Invalid):
            read_fields(text)
    with pytest.raises(Invalid):
        SearchRequest(q="agent:A1", agent="A2").asked(HELSINKI)
    assert SearchRequest(q="agent:A1", agent="A1").asked(HELSINKI).agent == "A1"


def test_dates_are_whole_days_of_the_installation_and_times_are_themselves() -> None:
    days = FilterRequest.model_validate({"from": "2026-03-29", "to": "2026-03-29"}).filters(HELSINKI)
    assert days.since == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert days.until == datetime(2026, 3, 29, 21, tzinfo=UTC)  # the day on which the clock goes forward
    times = FilterRequest.model_validate({"from": "2026-03-29T10:00:00Z"}).filters(HELSINKI)
    assert times.since == datetime(2026, 3, 29, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "2026-03-29T10:00:00"}, {"from": "tänään"}, {"from": "2026-02-30"}, {"from": "9999-12-31"},
        {"from": "2026-02-01", "to": "2026-01-01"}, {"channel": "fax"}, {"min_duration_s": -1}, {"company": "a b"},
        {"min_duration_s": "inf"}, {"phone": "x" * 300}, {"typo": "1"}, {"agent": "a\x00b"},
    ],
)  # fmt: skip
def test_wrong_filters_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        FilterRequest.model_validate(wrong)


def test_the_trail_gets_no_free_text() -> None:
    texts: dict[str, Any] = {
        name: f"Matti {name}" for name in ("customer", "phone", "agent", "queue", "category", "case")
    }
    asked = Filters(company="a", channel=Channel.CALL, since=datetime(2026, 1, 1, tzinfo=UTC), **texts)
    told = asked.told(lambda kind, text: f"{kind} of {len(text)}")
    assert told == {
        **{name: f"{name} of {len(text)}" for name, text in texts.items()},
        "company": "a",
        "channel": "call",
        "since": "2026-01-01T00:00:00+00:00",
    }
    assert "401234567" not in repr(Filters(phone="+358401234567", customer="1001"))


places = st.builds(
    Place,
    started_at=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    id=st.uuids(),
    total=st.builds(Total, value=st.integers(0, 1000), is_capped=st.booleans()),
)


@given(places)
def test_a_cursor_leads_back_to_its_place(place: Place) -> None:
    asked, scope = Filters(queue="a"), frozenset({"b"})
    assert cursor.read(cursor.write(place, asked, scope, mac), asked, scope, mac) == place


PLACE = Place(started_at=datetime(2026, 1, 1, tzinfo=UTC), id=UUID(int=7), total=Total(value=3, is_capped=False))


@pytest.mark.parametrize(
    ("asked", "scope"),
    [(Filters(queue="other"), frozenset({"b"})), (Filters(queue="a"), frozenset({"c"})), (Filters(queue="a"), None)],
)
def test_a_cursor_belongs_to_its_search_and_its_companies(asked: Filters, scope: frozenset[str] | None) -> None:
    written = cursor.write(PLACE, Filters(queue="a"), frozenset({"b"}), mac)
    with pytest.raises(Invalid):
        cursor.read(written, asked, scope, mac)


@given(st.text(max_size=120))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cursor.read(text, Filters(), None, mac)


@given(st.integers(0, 60), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789-_"))
def test_a_cursor_with_one_letter_changed_is_refused_or_the_same(at: int, letter: str) -> None:
    written = cursor.write(PLACE, Filters(), None, mac)
    changed = written[:at] + letter + written[at + 1 :]
    try:
        assert cursor.read(changed, Filters(), None, mac) == PLACE
    except Invalid:
        assert changed != written


names = st.sampled_from(
    ["company", "channel", "direction", "customer", "phone", "agent", "queue", "category", "case", "min_duration_s"]
)


@settings(max_examples=25)
@given(st.sets(names), st.booleans(), st.booleans())
def test_every_shape_of_a_search_has_a_value_for_every_parameter(asked: set[str], bound: bool, on: bool) -> None:
    filters = Filters(**{name: 1.0 if name == "min_duration_s" else "x" for name in asked})  # type: ignore[arg-type]
    ask = Ask(filters=filters, scope=frozenset({"b"}) if bound else None, limit=5, after=PLACE if on else None)
    for sql, values in (ask.page(), Ask(filters=filters, scope=ask.scope, limit=5).count()):
        assert f"${len(values)}" in sql
        assert f"${len(values) + 1}" not in sql
