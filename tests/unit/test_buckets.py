"""The prefixes of the index: in order of time, the same for writing and asking, one company's month."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import buckets
from search.buckets import Fact

_MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2120, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(_MOMENTS, _MOMENTS)
def test_months_are_in_order_of_time(one: datetime, other: datetime) -> None:
    early, late = sorted((one, other))
    assert buckets.month_of(early) <= buckets.month_of(late)


@given(_MOMENTS, _MOMENTS, _MOMENTS)
def test_every_moment_of_a_span_is_in_one_of_its_months(one: datetime, other: datetime, third: datetime) -> None:
    since, moment, until = sorted((one, other, third))
    found = buckets.months(since, until)
    assert buckets.month_of(moment) in found
    assert list(found) == sorted(set(found), reverse=True)


def test_a_year_has_twelve_months_the_newest_first() -> None:
    found = buckets.months(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert len(found) == 12
    assert found[0] == buckets.month_of(datetime(2026, 12, 5, tzinfo=UTC))


def test_the_month_is_that_of_utc() -> None:
    helsinki = timezone(timedelta(hours=2))
    assert buckets.month_of(datetime(2026, 3, 1, 1, tzinfo=helsinki)) == buckets.month_of(
        datetime(2026, 2, 3, tzinfo=UTC)
    )


@given(st.text(alphabet="abcdefgh-", min_size=1, max_size=20), _MOMENTS)
def test_a_bucket_is_three_plain_characters(company: str, at: datetime) -> None:
    made = buckets.bucket(company, at)
    assert len(made) == buckets.BUCKET_CHARS
    assert made.isascii()
    assert made.isalnum()
    assert made == buckets.bucket_in(buckets.month_of(at), company)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Fact.QUEUE, "Laskutus ", "8yX/queue:laskutus"),
        (Fact.AGENT_ID, "17", "8yX/agent:17"),
        (Fact.AGENT_NAME, "Aino Öhman", "8yX/name:aino öhman"),
    ],
)
def test_a_fact_stands_apart_from_words(kind: Fact, value: str, expected: str) -> None:
    assert buckets.fact("8yX", kind, value) == expected


def test_what_is_too_long_is_cut_alike() -> None:
    word = "ö" * 3_000
    assert len(buckets.lexeme("8yX", word).encode()) < 2_046
    assert len(buckets.fact("8yX", Fact.QUEUE, word).encode()) < 2_046
