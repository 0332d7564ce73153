"""Who may do what, purposes, ranges, and the life of an interaction."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.domain.access import GRANTS, HOUSE, PURPOSES, Actor, Permission, Purpose, Role
from archive.domain.interactions import TRANSITIONS, Event, State, advance
from archive.domain.ranges import Span, read_range
from archive.errors import Conflict, NotFound, PurposeNotAllowed, PurposeRequired, RangeNotSatisfiable


def test_every_permission_belongs_to_someone() -> None:
    assert set(Permission) == set().union(*GRANTS.values())


def test_admin_sees_no_content_and_telephony_sees_nothing() -> None:
    seeing = {Permission.CONTENT_OPEN, Permission.INTERACTION_READ, Permission.SEARCH, Permission.CUSTOMER_READ}
    assert not seeing & GRANTS[Role.ADMIN]
    assert GRANTS[Role.TELEPHONY] == {Permission.RECORDING_PUSH, Permission.CHAT_PUSH}


def test_a_company_without_a_grant_is_unknown() -> None:
    actor = Actor(id="token:1", name="x", role=Role.HANDLER, companies=frozenset({"a"}))
    actor.must_cover("a")
    with pytest.raises(NotFound):
        actor.must_cover("b")
    assert (actor.scope(), actor.scope("b"), HOUSE.scope()) == (frozenset({"a"}), frozenset(), None)


@given(st.text(max_size=100) | st.none())
def test_a_purpose_is_read_or_refused(said: str | None) -> None:
    try:
        purpose = Purpose.parse(said)
    except PurposeRequired:
        return
    assert Purpose.parse(str(purpose)) == purpose


def test_purposes_suit_their_roles_alone() -> None:
    for role, kind in product(Role, {kind for kinds in PURPOSES.values() for kind in kinds}):
        if kind in PURPOSES[role]:
            Purpose(kind=kind).must_suit(role)
        else:
            with pytest.raises(PurposeNotAllowed):
                Purpose(kind=kind).must_suit(role)


@given(st.sampled_from(State), st.lists(st.tuples(st.sampled_from(Event), st.booleans()), max_size=6))
def test_a_life_follows_the_table(state: State, events: list[tuple[Event, bool]]) -> None:
    for event, held in events:
        was = state
        try:
            state = advance(state, event, held=held)
        except Conflict:
            assert (state, event) not in TRANSITIONS or held
        else:
            assert TRANSITIONS[was, event] == state
            assert not (held and was is State.KEPT and event is Event.MARK)


def test_nothing_comes_back_from_destruction() -> None:
    after = {to for (state, _), to in TRANSITIONS.items() if state in {State.DESTROYING, State.DESTROYED}}
    assert after <= {State.DESTROYING, State.DESTROYED}


@given(st.integers(0, 10_000), st.integers(0, 12_000) | st.none(), st.integers(0, 12_000) | st.none())
def test_a_range_gives_what_rfc_9110_says(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    content = bytes(i % 251 for i in range(size))
    if first is None and last is None:
        assert read_range(header, size) is None
    elif first is None:
        assert last is not None
        expected = content[max(0, size - last) :] if last else b""
        check(header, content, expected)
    elif last is not None and last < first:
        assert read_range(header, size) is None
    else:
        check(header, content, content[first : None if last is None else last + 1])


def check(header: str, content: bytes, expected: bytes) -> None:
    if not expected:
        with pytest.raises(RangeNotSatisfiable):
            read_range(header, len(content))
        return
    span = read_range(header, len(content))
    assert span is not None
    assert content[span.start : span.stop] == expected


@given(st.text(max_size=40), st.integers(0, 100))
def test_no_header_makes_trouble(header: str, size: int) -> None:
    try:
        span = read_range(header, size)
    except RangeNotSatisfiable:
        return
    assert span is None or 0 <= span.start < span.stop <= size


def test_content_range_is_inclusive() -> None:
    assert Span(start=0, stop=10, size=20).content_range == "bytes 0-9/20"
