# SPDX-License-Identifier: Apache-2.0
"""The rule by which one word about a place is believed, asked about any words in any order."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.events import Location
from core.ids import CallId
from core.incidents.candidates import DESK, KEPT_MAX, SOURCES, Heard, chosen, heard, weigh

NOW_S = 1_760_000_000
Word = tuple[str, str, int, int, bool]


def word(
    source: str, uncertainty_m: float = 0.0, *, whose: str = "a", second: int = 0, at: int = 0, **how: Any
) -> Heard:
    """A word heard at `second`, true at `at` (0: as it was heard)."""
    place = Location(
        lat=28.0,
        lon=120.0,
        source=source,
        uncertainty_m=uncertainty_m,
        at_ms=(NOW_S + at) * 1000 if at else 0,
    )
    how = {"mobile": False, "witness": False, **how}
    return heard(place, whose=whose, call_id=CallId("c1"), now_ns=(NOW_S + second) * 1_000_000_000, **how)


def believed(*words: Heard) -> int:
    """Return which of them is believed."""
    (found,) = [i for i, one in enumerate(weigh([*words])) if one.candidate.chosen]
    return found


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        (word("cell"), word("pidf-lo"), 1),
        (word("cell", 300), word("held", 3000), 0),
        (word("pidf-lo", 10), word(DESK, whose=DESK), 1),
        (word(DESK, whose=DESK), word("pidf-lo", 1, second=99), 0),
        (word("lookup"), word("cell"), 0),
        (word("lookup", mobile=True), word("cell", 9_000), 1),
        (word("lookup", 1, mobile=True), word("who knows"), 1),
        (word("pidf-lo", 20), word("pidf-lo", 20, whose="b", second=9, witness=True), 0),
        (word("cell", 2000), word("held", 20, whose="b", witness=True), 1),
        (word("held", 50), word("held", 50), 1),  # the same caller again: the newer
        (word("held", 50), word("held", 50, whose="b"), 0),  # another: the one heard first
        (word("held", 20), word("held", 50, second=60), 1),  # may have walked 90 m
        (word("held", 20), word("held", 500, second=60), 0),
        (word("held", 20, second=600, at=1), word("held", 500, second=601), 1),  # ten minutes old when heard
        (word("held", 0, second=600, at=4_000), word("cell", second=601), 0),  # from the future: now
    ],
)
def test_the_better_of_two_is_believed(first: Heard, second: Heard, best: int) -> None:
    assert believed(first, second) == best


def test_a_word_taken_back_is_believed_no_more() -> None:
    words = weigh([word("cell"), word(DESK, whose=DESK)])
    words[1].taken_back = True

    assert [one.candidate.chosen for one in weigh(words)] == [True, False]


def test_a_word_heard_later_of_an_earlier_time_puts_nothing_out_of_date() -> None:
    words = weigh([word("cell", 3000, second=600), word("held", 10, second=601, at=590)])

    assert [one.candidate.outdated for one in words] == [False, False]
    assert [one.candidate.chosen for one in words] == [False, True]


@pytest.mark.parametrize("uncertainty_m", [float("nan"), float("inf"), -5.0])
def test_an_uncertainty_that_is_none_is_not_believed(uncertainty_m: float) -> None:
    found = word("held", uncertainty_m).candidate

    assert found.doubt_m in (SOURCES["held"].assumed_m, 1_000_000.0)
    assert found.uncertainty_m >= 0


WORDS = st.lists(
    st.tuples(
        st.sampled_from([*SOURCES, ""]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([0, 5, 60, 700, 5_000]),
        st.integers(0, 900),
        st.booleans(),
    ),
    min_size=1,
    max_size=2 * KEPT_MAX,
)


def _told(words: list[Word]) -> list[Heard]:
    """Tell the words one after the other."""
    known: list[Heard] = []
    for second, (source, whose, uncertainty_m, age_s, mobile) in enumerate(words, 1000):
        whose = DESK if source == DESK else whose
        one = word(
            source,
            uncertainty_m,
            whose=whose,
            second=second,
            at=second - age_s,
            mobile=mobile,
            witness=whose == "b",
        )
        known = weigh([*known, one])
    return known


@given(WORDS)
def test_one_is_believed_and_none_stands_before_it(words: list[Word]) -> None:
    known = _told(words)

    assert len(known) == min(len(words), KEPT_MAX)
    (best,) = [one.candidate for one in known if one.candidate.chosen]
    assert chosen(known) == best
    assert not best.outdated
    for one in known:
        if not one.candidate.outdated:
            assert (best.standing, best.doubt_m) <= (one.candidate.standing, one.candidate.doubt_m)
    if any(source == DESK for source, *_ in words):
        assert best.standing == 0


@given(WORDS)
@example(
    [("cell", "a", 0, 300, False), ("lookup", "c", 0, 0, False), ("pidf-lo", "c", 0, 400, False)]
)  # a guess now
def test_a_word_moves_the_place_only_by_being_believed_or_by_what_it_says_of_the_one_believed(
    words: list[Word],
) -> None:
    before = chosen(_told(words[:-1]))
    known = _told(words)

    after = chosen(known)

    if before is not None and after is not None and not known[-1].candidate.chosen:
        same = (after.heard_at_us, after.source) == (before.heard_at_us, before.source)
        put_out = [one.candidate for one in known if one.candidate.heard_at_us == before.heard_at_us]
        lowered = put_out and (
            put_out[0].outdated or put_out[0].standing > before.standing
        )  # a guess from now on
        assert same or not put_out or lowered


@given(WORDS)
def test_weighing_again_changes_nothing(words: list[Word]) -> None:
    known = _told(words)

    again = weigh([*known])

    assert [one.candidate for one in again] == [one.candidate for one in known]
