"""What a search asks: the grammar of q, dates as days, cursors that cannot be forged or carried elsewhere."""

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
from search.cursor import Place, Ranked, Total
from search.index import Ask
from search.query import Asked, SearchRequest, Sort, read

NO_FILTERS = Filters()
HELSINKI = ZoneInfo("Europe/Helsinki")


def mac(text: str) -> bytes:
    return hashlib.sha256(b"key" + text.encode()).digest()


def asked(text: str, **more: str) -> Asked:
    return SearchRequest(q=text, **more).asked(HELSINKI)


def complaints(text: str, **more: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        asked(text, **more)
    assert caught.value.status == 422
    assert {one.field for one in caught.value.complaints} == {"q"}
    return [one.message for one in caught.value.complaints]


def test_fields_of_q_become_filters() -> None:
    found = asked('agent:"Maija Meikäläinen" QUEUE:laskutus phone:040-1234567 customer:1001 category:x channel:CALL')
    assert found.filters == Filters(
        agent="Maija Meikäläinen", queue="laskutus", phone="+358401234567", customer="1001", category="x",
        channel=Channel.CALL,
    )  # fmt: skip
    assert not found.query.has_words


@pytest.mark.parametrize(
    ("text", "words", "phrases", "without"),
    [
        ("sähkö lasku", ("sähkö", "lasku"), (), ()),
        ("lasku  lasku\tlasku", ("lasku",), (), ()),
        ('"hinta pysyy" -maksu', (), (("hinta", "pysyy"),), (("maksu",),)),
        ('a -"b c"', ("a",), (), (("b", "c"),)),
        ("--x y", ("y",), (), (("x",),)),
        ("”hinta pysyy” «on näin»", (), (("hinta", "pysyy"), ("on", "näin")), ()),
        ('"yksi"', ("yksi",), (), ()),
        ('sähkö"hinta on"x', ("sähkö", "x"), (("hinta", "on"),), ()),
        ("klo 12:30", ("klo", "12:30"), (), ()),
        ('"agent:A1" -"queue:x"', ("agent:A1",), (), (("queue:x",),)),
        ("asia:lasku", ("asia:lasku",), (), ()),
        ("myagent:A1", ("myagent:A1",), (), ()),
        ("x-y 3x25 A", ("x-y", "3x25", "A"), (), ()),
        ("o", ("o",), (), ()),
        ('!!! hei … ""', ("hei",), (), ()),
        ("http://a.fi/b", ("http", "a", "fi", "b"), (), ()),
        ("АБВ 漢字 é", ("АБВ", "漢字", "é"), (), ()),
        ("", (), (), ()),
        ("  \n ", (), (), ()),
    ],
)  # fmt: skip
def test_what_a_person_types_is_understood(
    text: str, words: tuple[str, ...], phrases: tuple[tuple[str, ...], ...], without: tuple[tuple[str, ...], ...]
) -> None:
    query = read(text)
    assert (query.words, query.phrases, query.without, query.fields) == (words, phrases, without, ())
    assert read(query.text) == query


@pytest.mark.parametrize(
    ("text", "what_to_do"),
    [
        ('"auki', "has no pair"),
        ('lasku "', "has no pair"),
        ("-", "right before a word"),
        ("lasku - maksu", "right before a word"),
        ('lasku -""', "right before a word"),
        ("lasku -!", "right before a word"),
        ("-maksu", "at least one word that must be there"),
        ('-"a b" -c agent:A1', "at least one word that must be there"),
        ("!!!", "letters or digits"),
        ("🙂", "letters or digits"),
        ('""', "letters or digits"),
        ("agent:", "needs its value"),
        ('agent:"" lasku', "needs its value"),
        ("agent: A1", "needs its value"),
        ("agent:A1 agent:A2", "is there twice"),
        ("-agent:A1 lasku", "not before a field"),
        ("channel:fax", "call, email and chat"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(text: str, what_to_do: str) -> None:
    (message,) = complaints(text)
    assert what_to_do in message


def test_every_complaint_is_said_at_once_and_none_tells_what_was_typed() -> None:
    found = complaints('-agent:Salainen queue: channel:Salainen - "Salainen')
    assert len(found) == 5
    assert "Salainen" not in " ".join(found)


def test_a_filter_is_asked_once() -> None:
    assert "ask one of them" in complaints("agent:A1", agent="A2")[0]
    assert asked("agent:A1", agent="A1").filters.agent == "A1"


@given(st.text(max_size=500))
def test_any_text_is_understood_or_refused_and_reads_the_same_again(text: str) -> None:
    try:
        query = read(text)
    except Invalid:
        return
    again = read(query.text)
    assert (again.words, again.phrases, again.without) == (query.words, query.phrases, query.without)
    assert query.has_words or not query.without


@settings(max_examples=300)
@given(st.text(alphabet='ab-":é \u201d\x00agent', max_size=40))
def test_any_play_of_signs_is_understood_or_refused_and_reads_the_same_again(text: str) -> None:
    try:
        query = read(text)
    except Invalid:
        return
    again = read(query.text)
    assert (again.words, again.phrases, again.without) == (query.words, query.phrases, query.without)


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


def test_the_trail_gets_no_word() -> None:
    told = asked('Matti "Maija Meikäläinen" -salaisuus queue:Q').told(lambda kind, text: f"{kind} of {len(text)}")
    assert told == {"queue": "queue of 1", "words": "words of 36"}
    assert "Matti" not in repr(asked("Matti").query)


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


moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
spots = st.tuples(moments, st.uuids())
places = st.builds(
    Place,
    started_at=moments,
    id=st.uuids(),
    total=st.builds(Total, value=st.integers(0, 1000), is_capped=st.booleans()),
    is_near=st.booleans(),
    ranked=st.none() | st.builds(Ranked, score=st.floats(0, 100), newest=spots, oldest=spots),
)


def wanted(filters: Filters = NO_FILTERS, q: str = "", **more: Any) -> Asked:
    return Asked(filters=filters, query=read(q), **more)


@given(places)
def test_a_cursor_leads_back_to_its_place(place: Place) -> None:
    search, scope = wanted(Filters(queue="a"), "lasku"), frozenset({"b"})
    assert cursor.read(cursor.write(place, search, scope, mac), search, scope, mac) == place


PLACE = Place(started_at=datetime(2026, 1, 1, tzinfo=UTC), id=UUID(int=7), total=Total(value=3, is_capped=False))
SEARCH = wanted(Filters(queue="a"), "lasku")


@pytest.mark.parametrize(
    ("search", "scope"),
    [
        (wanted(Filters(queue="other"), "lasku"), frozenset({"b"})),
        (wanted(Filters(queue="a"), "maksu"), frozenset({"b"})),
        (wanted(Filters(queue="a"), '"lasku maksu"'), frozenset({"b"})),
        (wanted(Filters(queue="a"), "lasku", sort=Sort.RELEVANCE), frozenset({"b"})),
        (wanted(Filters(queue="a"), "lasku", near=False), frozenset({"b"})),
        (SEARCH, frozenset({"c"})),
        (SEARCH, None),
    ],
    ids=["filter", "word", "phrase", "order", "near", "company", "everywhere"],
)
def test_a_cursor_belongs_to_its_search_and_its_companies(search: Asked, scope: frozenset[str] | None) -> None:
    written = cursor.write(PLACE, SEARCH, frozenset({"b"}), mac)
    assert cursor.read(written, SEARCH, frozenset({"b"}), mac) == PLACE
    with pytest.raises(Invalid):
        cursor.read(written, search, scope, mac)


@given(st.text(max_size=120))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cursor.read(text, wanted(), None, mac)


@given(st.integers(0, 60), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789-_"))
def test_a_cursor_with_one_letter_changed_is_refused_or_the_same(at: int, letter: str) -> None:
    written = cursor.write(PLACE, wanted(), None, mac)
    changed = written[:at] + letter + written[at + 1 :]
    try:
        assert cursor.read(changed, wanted(), None, mac) == PLACE
    except Invalid:
        assert changed != written


names = st.sampled_from(
    ["company", "channel", "direction", "customer", "phone", "agent", "queue", "category", "case", "min_duration_s"]
)


@settings(max_examples=25)
@given(st.sets(names), st.booleans(), st.booleans())
def test_every_shape_of_a_search_has_a_value_for_every_parameter(named: set[str], bound: bool, on: bool) -> None:
    filters = Filters(**{name: 1.0 if name == "min_duration_s" else "x" for name in named})  # type: ignore[arg-type]
    ask = Ask(filters=filters, scope=frozenset({"b"}) if bound else None, limit=5, after=PLACE if on else None)
    for sql, values in (ask.page(), Ask(filters=filters, scope=ask.scope, limit=5).count()):
        assert f"${len(values)}" in sql
        assert f"${len(values) + 1}" not in sql


def test_what_is_no_grammar_of_ours_is_said_and_not_searched_in_silence() -> None:
    for text in ("company:salpa lasku", "from:2026 lasku", "hint*", "lasku OR maksu"):
        assert len(complaints(text)) == 1, text
    assert asked("klo 12:30").query.has_words
    assert asked("lasku tai maksu").query.words == ("lasku", "tai", "maksu")


def test_a_dash_of_a_telephone_is_a_minus_and_one_between_thoughts_is_none() -> None:
    assert asked("hinta \u2013pysyy").query.without == (("pysyy",),)
    assert asked("hinta \u2013 pysyy").query.words == ("hinta", "pysyy")
