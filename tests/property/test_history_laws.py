# SPDX-License-Identifier: Apache-2.0
"""Whatever order a unit's reports come in, its history is one, and so is what it is taken to be doing."""

from random import Random
from typing import NamedTuple, get_args

from hypothesis import given
from hypothesis import strategies as st

from core import snapshot
from core.events import UnitReported, UnitStatus
from core.ids import UnitId
from core.units.history import REPORTS_KEPT
from core.units.unit import Unit
from tests.play import NOON_S, Play, at, presses, town

SAYABLE = tuple(
    status for status in get_args(UnitStatus) if status not in ("reserved", "dispatched", "emergency")
)
ALL_SAID_S = 2_000
WINDOW_S = 3_600


class Said(NamedTuple):
    tst_s: int
    seq: int
    status: UnitStatus


STATUSES = st.sampled_from(SAYABLE)
SAID = st.builds(Said, st.integers(0, ALL_SAID_S), st.integers(0, 3), STATUSES)


def told_apart(most: int) -> st.SearchStrategy[list[Said]]:
    """Return reports that their device dates differently: those it dates alike stay as they came."""
    return st.lists(SAID, min_size=1, max_size=most, unique_by=lambda said: (said.tst_s, said.seq))


@given(told_apart(REPORTS_KEPT), st.randoms(use_true_random=False), st.integers(0, 5))
def test_any_order_of_arrival_gives_the_same_history(said: list[Said], random: Random, apart_s: int) -> None:
    mixed = [*said]
    random.shuffle(mixed)

    one, other = heard(said, apart_s), heard(mixed, apart_s)

    assert shown(one) == shown(other) == shown(heard(sorted(said), apart_s))
    assert (one.status, one.out_of_turn) == (other.status, other.out_of_turn)
    assert one.status == max(said).status


@given(told_apart(40), st.randoms(use_true_random=False))
def test_of_more_reports_than_are_kept_the_newest_decides_all_the_same(
    said: list[Said], random: Random
) -> None:
    mixed = [*said]
    random.shuffle(mixed)

    unit = heard(mixed, 1)

    assert len(unit.reports) <= REPORTS_KEPT
    assert unit.status == max(said).status


@given(
    st.lists(st.tuples(SAID, st.integers(-600, 120)), max_size=20),
    STATUSES,
)
def test_after_any_clock_that_ran_ahead_a_report_by_the_right_one_is_heard(
    before: list[tuple[Said, int]], status: UnitStatus
) -> None:
    play = town()
    now_s = 0
    for said, ahead_s in before:
        now_s += 7
        play >> report(said._replace(tst_s=now_s + ahead_s), now_s)

    play >> report(Said(now_s + 1, 0, status), now_s + 1)

    assert unit_of(play).status == status


@given(st.lists(st.tuples(SAID, st.integers(-4_000, 120), st.integers(0, 60)), max_size=30), st.booleans())
def test_no_report_ends_an_emergency_and_the_history_stays_in_order(
    told: list[tuple[Said, int, int]], cries: bool
) -> None:
    play = town()
    if cries:
        play >> presses("u1", 2)
    now_s = 3
    for said, ahead_s, pause_s in told:
        now_s += pause_s
        play >> report(said._replace(tst_s=now_s + ahead_s), now_s)
        unit = unit_of(play)
        assert [(one.at_s, one.seq) for one in unit.reports] == sorted(
            (one.at_s, one.seq) for one in unit.reports
        )
        assert all(one.at_s <= NOON_S + now_s for one in unit.reports)
        assert unit.present is None or unit.status == unit.present.status
        assert (unit.status == "emergency") == cries
        assert len(unit.reports) <= REPORTS_KEPT

    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    assert snapshot.take(restored) == snapshot.take(play.engine)


def heard(said: list[Said], apart_s: int) -> Unit:
    """Return the unit after these have come, all when the last was already said, the clock right."""
    play = town(status_window_s=WINDOW_S)
    for place, one in enumerate(said):
        play >> report(one, ALL_SAID_S + place * apart_s)
    return unit_of(play)


def report(said: Said, heard_s: int) -> UnitReported:
    tst = int(NOON_S + said.tst_s)
    return UnitReported(at_ns=at(heard_s), unit_id=UnitId("u1"), status=said.status, tst=tst, seq=said.seq)


def shown(unit: Unit) -> list[tuple[str, int, int, bool]]:
    """Return the history but for what belongs to the way here: when it came, and whether late."""
    return [(one.status, one.at_s, one.seq, one.out_of_turn) for one in unit.reports]


def unit_of(play: Play) -> Unit:
    return play.engine.state.units[UnitId("u1")]
