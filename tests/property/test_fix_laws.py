# SPDX-License-Identifier: Apache-2.0
"""Laws of the fix desk, over whatever order, outliers and clocks a fleet can come up with."""

import random

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.fixes import Fix
from device_adapters.fixes.desk import RECORD, TAKEN, FixDesk
from device_adapters.fixes.settings import FixSettings

NOON_S = 1_700_000_000
NS = 1_000_000_000
M_E7 = 90
SPEED_M_S = 25

anything = st.tuples(
    st.integers(0, 3),
    st.integers(-900_000_000, 900_000_000),
    st.integers(-1_800_000_000, 1_800_000_000),
    st.one_of(st.integers(-700, 700), st.integers(-NOON_S, 2_000_000_000)),
    st.integers(0, 3),
    st.integers(0, 2_000),
    st.integers(-200, 4_000),
)
"Unit, latitude, longitude, device time (from noon), seq, accuracy, arrival (from noon)."

COUNTED = ("fixes_taken", "fixes_jumped", "fixes_coarse", "fixes_future", "late", "duplicate")


def at(second: int, north_m: int, seq: int = 0) -> Fix:
    return Fix(280_000_000 + north_m * M_E7, 1_207_000_000, NOON_S + second, 2_500, 0, seq)


def take_in(desk: FixDesk, one: Fix, late_s: int = 0) -> str:
    return desk.put(0, one, (one.tst + late_s) * NS)


@given(st.lists(anything, max_size=60), st.booleans())
def test_what_is_shown_of_a_unit_never_goes_back_in_time(
    said: list[tuple[int, ...]], correct_clocks: bool
) -> None:
    desk = FixDesk(2, FixSettings(correct_clocks=correct_clocks))
    track = desk.keep_track()
    newest: dict[int, tuple[int, int]] = {}

    for index, lat, lon, second, seq, accuracy_m, at_s in said:
        fix = Fix(lat, lon, min(max(0, NOON_S + second), 2**32 - 1), 0, 0, seq, accuracy_m=accuracy_m)
        shown = desk.put(index, fix, (NOON_S + at_s) * NS) in TAKEN
        n, data = desk.take()
        assert n == shown
        for unit, _, _, tst, _, _ in RECORD.iter_unpack(data):
            assert (tst, seq) > newest.get(unit, (-1, -1))
            assert tst <= NOON_S + at_s + 120
            newest[unit] = (tst, seq)
    assert len(track.take()) <= 40 * len(said)
    assert sum(desk.statistics()[name] for name in COUNTED) == len(said)


@given(st.integers(0, 2**32), st.integers(8, 60), st.integers(0, 400))
def test_a_steady_car_is_where_its_newest_good_fix_says(seed: int, fixes: int, speed_dm_s: int) -> None:
    """Duplicates, any order within some fixes, and isolated outliers no vehicle could reach; the first one is good."""
    chance = random.Random(seed)
    desk = FixDesk(1)
    second, moments = 0, []
    for number in range(fixes):
        second += chance.randrange(1, 30)
        outlier = number > 0 and number % 2 == 1 and chance.random() < 0.5
        north_m = second * speed_dm_s // 10
        north_m += chance.choice((-1, 1)) * chance.randrange(150_000, 2_000_000) if outlier else 0
        delay = chance.choice((0, 0, 0, 1.5, 4.5)) if number else 0
        moments.append((number + delay, at(second, north_m, number), outlier))
        if chance.random() < 0.2:
            moments.append((moments[-1][0] + 2, *moments[-1][1:]))
    moments.append((fixes + 9, at(second + 1, (second + 1) * speed_dm_s // 10, fixes), False))
    good = max((one for _, one, outlier in moments if not outlier), key=lambda one: one.tst)

    shown = good
    for _, one, _ in sorted(moments, key=lambda moment: moment[0]):
        if desk.put(0, one, (NOON_S + second + 1) * NS) in TAKEN:
            shown = one

    assert shown == good


@given(
    st.integers(0, 30),
    st.integers(1, 60),
    st.integers(20_000, 4_000_000).flatmap(lambda m: st.sampled_from((m, -m))),
)
def test_after_a_true_move_the_third_fix_at_most_shows_it(
    fixes_before: int, every_s: int, moved_m: int
) -> None:
    """A ferry, a tow truck, a bad first fix; never more than three, however long the unit was believed elsewhere."""
    desk = FixDesk(1)
    for number in range(fixes_before):
        take_in(desk, at(number * every_s, number * every_s * SPEED_M_S))
    desk.take()

    began_s = fixes_before * every_s
    for number in range(3):
        take_in(desk, at(began_s + number * every_s, began_s * SPEED_M_S + moved_m + number))

    (_, lat_e7, _, tst, _, _) = next(RECORD.iter_unpack(desk.take()[1]))
    assert (lat_e7, tst) == (
        280_000_000 + (began_s * SPEED_M_S + moved_m + 2) * M_E7,
        NOON_S + began_s + 2 * every_s,
    )


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 100_000)), max_size=300))
def test_memory_is_bounded_by_the_fleet(said: list[tuple[int, int]]) -> None:
    desk = FixDesk(41)
    before = [len(column) for column in columns(desk)]

    for number, (index, north_m) in enumerate(said):
        desk.put(index, at(number, north_m), (NOON_S + number) * NS)

    assert [len(column) for column in columns(desk)] == before
    assert len(desk) <= 41


def columns(desk: FixDesk) -> list[list[object]]:
    owners = (desk, desk._gate, desk._clocks)
    return [
        value
        for owner in owners
        for name, value in vars(owner).items()
        if isinstance(value, list) and name != "_touched"
    ]


@given(st.lists(anything, max_size=40))
def test_the_same_history_gives_the_same_verdicts(said: list[tuple[int, ...]]) -> None:
    verdicts: list[list[str]] = []
    for _ in range(2):
        desk = FixDesk()
        verdicts.append(
            [
                desk.put(
                    index,
                    Fix(lat, lon, min(max(0, NOON_S + second), 2**32 - 1), 0, 0, seq, accuracy_m),
                    (NOON_S + at_s) * NS,
                )
                for index, lat, lon, second, seq, accuracy_m, at_s in said
            ]
        )

    assert verdicts[0] == verdicts[1]
