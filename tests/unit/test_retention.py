"""Retention rules without a database: periods, the rule that wins, the date, and the sentence that explains it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.domain.retention import Period, Rule, Trigger, Why, choose, explain, retain_until, tied_with
from retention.policy import HoldOn, Reason, Record, Verdict, decide

COMPANIES = ("energia", "verkko")
CHANNELS = ("call", "email", "chat")
CATEGORIES = ("complaint", "sale")
ENDED = datetime(2024, 8, 31, 21, 30, tzinfo=UTC)

# 1990 to 2100, in seconds since 1970.
moments = st.integers(631_152_000, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, tz=UTC))
periods = st.one_of(
    st.builds(Period, years=st.integers(0, 40), months=st.integers(0, 600), days=st.integers(1, 900)),
    st.builds(Period, weeks=st.integers(1, 5000)),
)


def rule(
    name: str = "calls",
    *,
    company: str | None = None,
    channel: str | None = None,
    category: str | None = None,
    keep: str = "P24M",
    trigger: Trigger = Trigger.INTERACTION_END,
) -> Rule:
    period = Period.parse(keep)
    return Rule(name=name, company=company, channel=channel, category=category, keep=period, trigger=trigger)


rules = st.builds(
    Rule,
    name=st.sampled_from("abcdefgh"),
    company=st.sampled_from((None, *COMPANIES)),
    channel=st.sampled_from((None, *CHANNELS)),
    category=st.sampled_from((None, *CATEGORIES)),
    keep=periods,
    trigger=st.sampled_from(Trigger),
)


@pytest.mark.parametrize("text", ["P24M", "P2Y", "P1Y6M", "P6W", "P90D", "P1Y2M3D", "P100Y", "P1200M"])
def test_a_period_is_written_as_it_was_read(text: str) -> None:
    assert str(Period.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "24M", "p24m", "P0M", "P0Y0D", "-P1M", "P-1M", "P1M2Y", "P1W2D", "P1.5M", "PT5M", "P1MT1H"),
        *("P101Y", "P1201M", "P100Y1D", "P99999W", "P999999D", "P24M ", " P24M", "P٢٤M", "P24M\n", "P1Y1Y", "R3/P1M"),
    ],
)
def test_nonsense_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match=r"keep period"):
        Period.parse(text)


@given(period=periods)
def test_every_period_survives_being_written(period: Period) -> None:
    assert Period.parse(str(period)) == period


@given(period=periods, moment=moments)
def test_a_period_ends_later_than_it_starts(period: Period, moment: datetime) -> None:
    assert period.after(moment, UTC) > moment


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("P6M", datetime(2025, 2, 28, 21, 30, tzinfo=UTC)),
        ("P24M", datetime(2026, 8, 31, 21, 30, tzinfo=UTC)),
        ("P42M", datetime(2028, 2, 29, 21, 30, tzinfo=UTC)),
        ("P2W", datetime(2024, 9, 14, 21, 30, tzinfo=UTC)),
        ("P1D", datetime(2024, 9, 1, 21, 30, tzinfo=UTC)),
    ],
)
def test_months_follow_the_calendar(keep: str, expected: datetime) -> None:
    assert retain_until(rule(keep=keep), ENDED, UTC) == expected


def test_the_zone_of_the_end_does_not_move_the_date() -> None:
    local = ENDED.astimezone(timezone(timedelta(hours=3)))
    assert retain_until(rule(keep="P6M"), local, UTC) == retain_until(rule(keep="P6M"), ENDED, UTC)


HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    ("keep", "ended_at", "expected"),
    [
        # Half past midnight on 1 March at home is still February in UTC; the contact is one of March.
        ("P6M", "2026-03-01T00:30:00+02:00", "2026-09-01T00:30:00+03:00"),
        ("P12M", "2026-03-01T00:30:00+02:00", "2027-03-01T00:30:00+02:00"),
        ("P6M", "2026-08-31T23:30:00+03:00", "2027-02-28T23:30:00+02:00"),
        ("P6M", "2027-08-31T00:30:00+03:00", "2028-02-29T00:30:00+02:00"),
        ("P12M", "2028-02-29T00:30:00+02:00", "2029-02-28T00:30:00+02:00"),
        ("P24M", "2026-02-28T00:30:00+02:00", "2028-02-28T00:30:00+02:00"),
        ("P1M", "2026-01-31T23:59:59+02:00", "2026-02-28T23:59:59+02:00"),
        # The clocks went forward on 29 March 2026, at three; there was no half past three.
        ("P1D", "2026-03-28T12:00:00+02:00", "2026-03-29T12:00:00+03:00"),
        ("P1D", "2026-03-28T03:30:00+02:00", "2026-03-29T04:30:00+03:00"),
        # They went back on 25 October 2026, at four; half past three came twice.
        ("P1D", "2026-10-24T12:00:00+03:00", "2026-10-25T12:00:00+02:00"),
        ("P1D", "2026-10-24T03:30:00+03:00", "2026-10-25T03:30:00+02:00"),
        ("P1W", "2026-10-25T03:30:00+03:00", "2026-11-01T03:30:00+02:00"),
    ],
)
def test_days_and_months_are_those_of_the_house(keep: str, ended_at: str, expected: str) -> None:
    until = retain_until(rule(keep=keep), datetime.fromisoformat(ended_at), HELSINKI)
    assert until == datetime.fromisoformat(expected)
    assert until.tzinfo is UTC


@given(period=periods, moment=moments)
def test_a_period_ends_at_the_same_time_of_day_or_within_the_change_of_clocks(period: Period, moment: datetime) -> None:
    until = period.after(moment, HELSINKI).astimezone(HELSINKI)
    start = moment.astimezone(HELSINKI)
    assert until.time() == start.time() or until.hour == start.hour + 1 == 4
    assert abs(period.after(moment, HELSINKI) - period.after(moment, UTC)) <= timedelta(days=4)


def test_the_calendar_has_an_end() -> None:
    assert retain_until(rule(keep="P100Y"), datetime(9950, 1, 1, tzinfo=UTC), UTC) == datetime(9999, 12, 31, tzinfo=UTC)


def test_an_end_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        retain_until(rule(), datetime(2024, 1, 1), UTC)  # noqa: DTZ001 - the mistake under test


def test_without_a_rule_nothing_has_a_date() -> None:
    assert choose([], company="energia", channel="call", category=None) is None
    assert retain_until(None, ENDED, UTC) is None
    assert explain(None, None).why is Why.NO_POLICY


def test_category_beats_channel_beats_company() -> None:
    every = rule("every")
    company = rule("company", company="energia")
    channel = rule("channel", channel="call")
    both = rule("both", company="energia", channel="call")
    category = rule("category", category="complaint")
    order = [every, company, channel, both, category]
    for last in range(1, len(order) + 1):
        won = choose(order[:last], company="energia", channel="call", category="complaint")
        assert won == order[last - 1]


@given(several=st.lists(rules, max_size=8), company=st.sampled_from(COMPANIES), channel=st.sampled_from(CHANNELS))
def test_no_matching_rule_is_more_specific_than_the_winner(several: list[Rule], company: str, channel: str) -> None:
    matching = [one for one in several if one.matches(company=company, channel=channel, category="complaint")]
    won = choose(several, company=company, channel=channel, category="complaint")
    assert (won is None) == (not matching)
    if won is not None:
        assert won in matching
        assert all(one.rank <= won.rank for one in matching)


@given(several=st.lists(rules, max_size=8), order=st.randoms(use_true_random=False))
def test_rules_admitted_without_a_tie_give_one_answer_in_any_order(several: list[Rule], order: Random) -> None:
    admitted: dict[str, Rule] = {}
    for one in several:
        if tied_with(one, admitted.values()) is None:
            admitted[one.name] = one
    shuffled = list(admitted.values())
    order.shuffle(shuffled)
    for company in COMPANIES:
        for channel in CHANNELS:
            first = choose(admitted.values(), company=company, channel=channel, category="sale")
            assert choose(shuffled, company=company, channel=channel, category="sale") == first


def test_a_rule_may_replace_itself_but_not_double_another() -> None:
    known = [rule("calls", channel="call")]
    assert tied_with(rule("calls", channel="call", keep="P12M"), known) is None
    assert tied_with(rule("phone", channel="call"), known) == known[0]
    assert tied_with(rule("phone", channel="call", company="energia"), known) is None


def test_other_triggers_wait_for_their_event() -> None:
    closed = ENDED + timedelta(days=30)
    case = rule(keep="P12M", trigger=Trigger.CASE_CLOSED)
    assert retain_until(case, ENDED, UTC) is None
    assert retain_until(case, ENDED, UTC, case_closed_at=closed) == case.keep.after(closed, UTC)
    contract = rule(keep="P12M", trigger=Trigger.CONTRACT_END)
    assert retain_until(contract, ENDED, UTC, contract_ended_at=ENDED - timedelta(days=900)) == case.keep.after(
        ENDED, UTC
    )


@given(one=rules, ended_at=moments)
def test_the_sentence_agrees_with_the_date(one: Rule, ended_at: datetime) -> None:
    until = retain_until(one, ended_at, UTC)
    said = explain(one, until)
    assert said.until == until
    assert one.name in said.english
    assert str(one.keep) in said.english
    assert ("may be destroyed from" in said.english) == (until is not None)


# ------------------------------------------------------------------ the verdict

ids = st.sampled_from([UUID(int=number) for number in range(4)])
holds = st.builds(HoldOn, hold_id=ids, interaction_id=ids, released_at=st.none() | moments)
records = st.builds(
    Record,
    id=ids,
    company=st.sampled_from(COMPANIES),
    channel=st.sampled_from(CHANNELS),
    category=st.sampled_from((None, *CATEGORIES)),
    ended_at=moments,
)


@given(record=records, several=st.lists(rules, max_size=6), on=st.lists(holds, max_size=4), now=moments)
def test_destroyed_only_when_due_by_the_winning_rule_and_free_of_holds(
    record: Record, several: list[Rule], on: list[HoldOn], now: datetime
) -> None:
    verdict = decide(record, several, on, now, zone=UTC).verdict
    held = any(hold.interaction_id == record.id and hold.released_at is None for hold in on)
    won = choose(several, company=record.company, channel=record.channel, category=record.category)
    until = retain_until(won, record.ended_at, UTC)
    assert (verdict is Verdict.HOLD) == held
    assert (verdict is Verdict.DESTROY) == (not held and until is not None and until <= now)


@given(record=records, several=st.lists(rules, max_size=6), on=st.lists(holds, max_size=4), now=moments)
def test_a_decision_says_its_rule_and_date(
    record: Record, several: list[Rule], on: list[HoldOn], now: datetime
) -> None:
    decision = decide(record, several, on, now, zone=UTC)
    won = choose(several, company=record.company, channel=record.channel, category=record.category)
    assert decision.policy == (won.name if won else None)
    assert decision.keep == (str(won.keep) if won else None)
    assert decision.retain_until == decision.explanation.until == retain_until(won, record.ended_at, UTC)


@given(record=records, several=st.lists(rules, max_size=6), first=moments, second=moments)
def test_time_never_makes_a_due_contact_kept_again(
    record: Record, several: list[Rule], first: datetime, second: datetime
) -> None:
    early, late = sorted((first, second))
    if decide(record, several, (), early, zone=UTC).verdict is Verdict.DESTROY:
        assert decide(record, several, (), late, zone=UTC).verdict is Verdict.DESTROY


@given(record=records, several=st.lists(rules, max_size=6), on=st.lists(holds, max_size=4), now=moments)
def test_releasing_every_hold_leaves_just_the_rules(
    record: Record, several: list[Rule], on: list[HoldOn], now: datetime
) -> None:
    released = [replace(hold, released_at=now) for hold in on]
    assert decide(record, several, released, now, zone=UTC) == decide(record, several, (), now, zone=UTC)


def test_the_reasons() -> None:
    record = Record(id=UUID(int=1), company="energia", channel="call", category=None, ended_at=ENDED)
    hold = HoldOn(hold_id=UUID(int=9), interaction_id=record.id)
    due = rule(keep="P1M").keep.after(ENDED, UTC)
    waiting = rule(trigger=Trigger.CASE_CLOSED)
    assert decide(record, [], (), due, zone=UTC).reason is Reason.NO_POLICY
    assert decide(record, [waiting], (), due, zone=UTC).reason is Reason.EVENT_AWAITED
    assert decide(record, [rule(keep="P1M")], (), due - timedelta(microseconds=1), zone=UTC).reason is Reason.NOT_YET
    assert decide(record, [rule(keep="P1M")], (), due, zone=UTC).reason is Reason.DUE
    assert decide(record, [rule(keep="P1M")], (hold,), due, zone=UTC).reason is Reason.ON_HOLD
    assert decide(record, [rule(keep="P1M")], (hold,), due, zone=UTC).holds == (hold.hold_id,)
