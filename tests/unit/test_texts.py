"""Passages for snippets: packed and read again unchanged, and every word's moment found by its place in the text."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import Damaged
from search import texts
from search.texts import Passage

_SECONDS = st.none() | st.floats(min_value=0, max_value=10_000, allow_nan=False)
_PASSAGES = st.builds(
    Passage,
    kind=st.sampled_from(["transcript", "message", "subject"]),
    text=st.text(st.characters(codec="utf-8"), max_size=60),
    speaker=st.sampled_from(["", "agent", "customer"]),
    start_s=_SECONDS,
    end_s=_SECONDS,
    at=st.none() | st.just("2026-11-24T19:00:00+00:00"),
    first=st.integers(min_value=1, max_value=10**6),
    steps=st.lists(st.integers(min_value=-5, max_value=600), max_size=8).map(tuple),
)


@given(st.lists(_PASSAGES, max_size=8))
def test_what_was_packed_is_read_again(passages: list[Passage]) -> None:
    assert tuple(texts.unpack(texts.pack(passages))) == tuple(passages)


@pytest.mark.parametrize("data", [b"", b"nothing", zlib.compress(b"{"), zlib.compress(b"[[1]]")])
def test_anything_else_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        texts.unpack(data)


@given(
    st.lists(
        st.tuples(st.text(alphabet="abcåäö", min_size=1, max_size=8), st.floats(min_value=0, max_value=3)),
        min_size=1,
        max_size=40,
    ),
    st.floats(min_value=0, max_value=7_200),
)
def test_a_word_is_found_at_its_moment(words: list[tuple[str, float]], start_s: float) -> None:
    timed, at_s = [], start_s
    for text, lasts_s in words:
        timed.append((text, at_s))
        at_s += lasts_s
    passage = Passage(
        kind="transcript",
        text=" ".join(text for text, _ in timed),
        start_s=start_s,
        end_s=at_s,
        steps=texts.steps_of(start_s, timed),
    )
    offset = 0
    for text, begins_s in timed:
        for place in (offset, offset + len(text) - 1):
            assert passage.moment_s(place) == pytest.approx(begins_s, abs=0.11)
        offset += len(text) + 1


def test_a_mark_with_spaces_moves_no_word_after_it() -> None:
    timed = [("tunnus", 1.0), ("[henkilötunnus poistettu]", 2.0), ("kiitos", 9.0)]
    passage = Passage(
        kind="transcript", text=" ".join(text for text, _ in timed), start_s=1.0, steps=texts.steps_of(1.0, timed)
    )
    assert passage.moment_s(passage.text.index("kiitos")) == 9.0


def test_words_without_times_share_their_passage_out() -> None:
    passage = Passage(kind="transcript", text="hinta pysyy", start_s=10.0, end_s=21.0)
    assert passage.moment_s(passage.text.index("pysyy")) == 16.0
    assert Passage(kind="message", text="hinta pysyy").moment_s(6) is None
