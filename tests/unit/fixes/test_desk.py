# SPDX-License-Identifier: Apache-2.0
"""What becomes of a fix, one by one."""

import numpy as np
import pytest

from device_adapters.fixes import Fix
from device_adapters.fixes.clocks import WEEK_S
from device_adapters.fixes.desk import RECORD, FixDesk
from device_adapters.fixes.settings import FixSettings
from device_adapters.fixes.track import ROW_DTYPE, VERDICTS

NOON_S = 1_700_000_000
M_E7 = 90
"One metre of latitude in 1e-7°, nearly."
KM_E7 = 1_000 * M_E7


def fix(second: int, north_m: int = 0, seq: int = 0, accuracy_m: int = 0) -> Fix:
    return Fix(
        280_000_000 + north_m * M_E7, 1_207_000_000, NOON_S + second, 1_000, 9_000, seq, accuracy_m=accuracy_m
    )


def put(desk: FixDesk, one: Fix, index: int = 0, late_s: int = 0) -> str:
    return desk.put(index, one, (one.tst + late_s) * 1_000_000_000)


def drive(desk: FixDesk, seconds: range, north_m: int = 0) -> list[str]:
    return [put(desk, fix(second, north_m + 10 * second)) for second in seconds]


def shown(desk: FixDesk) -> list[tuple[int, ...]]:
    return list(RECORD.iter_unpack(desk.take()[1]))


# The batch of a tick


def test_the_newest_fix_of_each_unit_is_in_the_batch_once() -> None:
    desk = FixDesk(10)

    verdicts = [put(desk, fix(0), 3), put(desk, fix(0), 7), put(desk, fix(1, 10), 3)]

    assert verdicts == ["taken", "taken", "taken"]
    assert len(desk) == 2
    assert shown(desk) == [
        (3, 280_000_900, 1_207_000_000, NOON_S + 1, 1_000, 9_000),
        (7, 280_000_000, 1_207_000_000, NOON_S, 1_000, 9_000),
    ]


def test_a_record_has_20_bytes_and_a_new_tick_begins_empty() -> None:
    desk = FixDesk(1)
    put(desk, fix(0))

    assert [len(desk.take()[1]), desk.take(), len(desk)] == [20, (0, b""), 0]


def test_a_reloaded_roster_may_be_longer() -> None:
    desk = FixDesk(1)
    put(desk, fix(100))

    assert put(desk, fix(100), 40) == "taken"
    assert put(desk, fix(99)) == "late"
    assert [row[0] for row in shown(desk)] == [0, 40]


# Order


def test_a_late_fix_is_not_shown_even_after_the_tick() -> None:
    desk = FixDesk(1)
    put(desk, fix(100))
    desk.take()

    assert put(desk, fix(99, seq=9), late_s=5) == "late"
    assert desk.take() == (0, b"")


def test_the_same_time_needs_a_higher_seq() -> None:
    desk = FixDesk(1)

    said = [put(desk, fix(100, north_m=seq, seq=seq)) for seq in (5, 5, 4, 6)]

    assert said == ["taken", "duplicate", "duplicate", "taken"]


def test_a_car_that_stands_is_fresh_all_the_same() -> None:
    desk = FixDesk(1)

    assert [put(desk, fix(second)) for second in (0, 5, 10)] == ["taken", "still", "still"]
    assert shown(desk)[0][3] == NOON_S + 10


# Jumps


def test_nobody_drives_thirty_kilometres_in_five_seconds() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 20, 5))

    assert put(desk, fix(20, 30_000)) == "jump"
    assert put(desk, fix(25, 250)) == "taken"


def test_a_unit_that_was_towed_is_believed_at_the_third_fix() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))

    assert drive(desk, range(30, 50, 5), north_m=30_000) == ["jump", "jump", "reanchored", "taken"]


def test_jumps_that_do_not_agree_with_each_other_are_never_believed() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))

    said = [put(desk, fix(30 + nth, 20_000 * (nth + 1))) for nth in range(10)]

    assert said == ["jump"] * 10


def test_a_fix_between_two_jumps_begins_the_count_anew() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))

    said = [put(desk, fix(second, north_m)) for second, north_m in ((30, 30_000), (35, 350), (40, 30_000))]

    assert said == ["jump", "taken", "jump"]
    assert put(desk, fix(45, 30_000)) == "jump"


def test_after_a_burst_of_outliers_one_true_fix_is_enough() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))
    burst = drive(desk, range(30, 55, 5), north_m=30_000)

    assert burst == ["jump", "jump", "reanchored", "taken", "taken"]
    assert drive(desk, range(55, 65, 5)) == ["returned", "taken"]


def test_a_bad_first_fix_costs_one_fix() -> None:
    desk = FixDesk(1)

    said = [put(desk, fix(0, 40_000)), *drive(desk, range(5, 20, 5))]

    assert said == ["taken", "reanchored", "taken", "taken"]


def test_a_device_that_falls_back_on_one_wrong_place_is_not_at_home_there() -> None:
    desk = FixDesk(1)
    put(desk, fix(0, 40_000))
    drive(desk, range(5, 15, 5))

    assert put(desk, fix(15, 40_000)) == "jump"
    assert drive(desk, range(20, 30, 5)) == ["taken", "taken"]


def test_what_is_possible_only_because_of_a_gap_is_doubted() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))

    after_the_gap = put(desk, fix(600, 20_000))
    contradicted = put(desk, fix(605, 6_050))

    assert (after_the_gap, contradicted) == ("taken", "returned")


def test_a_helicopter_may_be_faster_than_a_car() -> None:
    said = {}
    for police_type in ("patrol", "air"):
        desk = FixDesk(1, FixSettings(speeds_m_s_max={"air": 120.0}))
        desk.limit_speeds({0: police_type})
        said[police_type] = [put(desk, fix(10 * nth, 900 * nth)) for nth in range(4)][-1]

    assert said == {"patrol": "reanchored", "air": "taken"}


def test_without_a_limit_nothing_is_a_jump() -> None:
    desk = FixDesk(1, FixSettings(speed_m_s_max=0, speeds_m_s_max={"air": 120.0}))
    desk.limit_speeds({0: "air"})

    assert [put(desk, fix(nth, 50_000 * nth)) for nth in range(5)] == ["taken"] * 5


def test_the_date_line_is_no_jump() -> None:
    desk = FixDesk(1)

    said = [
        desk.put(0, Fix(0, lon_e7, NOON_S + nth, 0, 0, 0), (NOON_S + nth) * 10**9)
        for nth, lon_e7 in enumerate((1_799_999_000, 1_799_999_900, -1_799_999_200, -1_799_998_300))
    ]

    assert said == ["taken"] * 4


def test_a_fix_of_a_mast_counts_only_when_there_is_no_better() -> None:
    desk = FixDesk(1)
    put(desk, fix(0))

    said = [put(desk, fix(second, 300, accuracy_m=900)) for second in (10, 59, 60)]

    assert said == ["coarse", "coarse", "taken"]


# Clocks


@pytest.mark.parametrize("weeks", [1024, 2048])
def test_a_receiver_whose_weeks_rolled_over_is_mended_and_counted(weeks: int) -> None:
    desk = FixDesk(1)
    one = fix(0)
    one.tst -= weeks * WEEK_S

    assert desk.put(0, one, (NOON_S + 3) * 1_000_000_000) == "taken"
    assert shown(desk)[0][3] == NOON_S
    assert desk.statistics()["weeks_mended"] == 1


def test_a_clock_ahead_is_refused_and_known() -> None:
    desk = FixDesk(1)

    said = [put(desk, fix(second), late_s=-121) for second in (0, 60, 120, 180)]

    assert said == ["future"] * 4
    assert desk.offset_s(0) == -121
    assert desk.statistics()["clocks_off"] == 1
    assert desk.take() == (0, b"")


def test_two_minutes_ahead_is_not_too_far() -> None:
    assert put(FixDesk(1), fix(0), late_s=-120) == "taken"


def test_a_backlog_does_not_make_a_clock_wrong() -> None:
    desk = FixDesk(1)

    put(desk, fix(600), late_s=1)
    for second in range(0, 600, 5):
        desk.put(0, fix(second), (NOON_S + 602) * 1_000_000_000)

    assert desk.offset_s(0) == 1


def test_a_steadily_wrong_clock_is_corrected_where_that_is_asked_for() -> None:
    desk = FixDesk(1, FixSettings(correct_clocks=True))

    said = [put(desk, fix(second, second), late_s=-600) for second in range(0, 600, 5)]

    assert said[0] == "future"
    assert said[-1] == "taken"
    assert shown(desk)[0][3] == NOON_S + 595 - 600


def test_a_clock_that_was_set_right_is_believed_again() -> None:
    desk = FixDesk(1, FixSettings(correct_clocks=True))
    for second in range(0, 600, 5):
        put(desk, fix(second, second), late_s=300)

    said = [put(desk, fix(second, second)) for second in range(900, 1_300, 5)]

    assert set(said) == {"taken"}
    assert shown(desk)[0][3] == NOON_S + 1_295


def test_a_clock_that_was_ahead_and_is_set_right_counts_again_within_two_windows() -> None:
    desk = FixDesk(1, FixSettings(correct_clocks=True))
    for second in range(600, 1_200, 5):
        put(desk, fix(second, second), late_s=-600)

    said = [put(desk, fix(second, second)) for second in range(600, 1_000, 5)]

    assert said[-1] == "taken"
    assert shown(desk)[0][3] == NOON_S + 995


# The track


def test_nothing_is_kept_for_a_track_nobody_asked_for() -> None:
    desk = FixDesk(1)
    drive(desk, range(0, 30, 5))

    assert desk.keep_track().take() == b""


def test_the_track_has_what_was_late_and_what_jumped_but_no_duplicate() -> None:
    desk = FixDesk(1)
    track = desk.keep_track()
    drive(desk, range(10, 40, 5))

    for one in (fix(35, 350), fix(0), fix(40, 30_000)):
        put(desk, one, late_s=2)
    rows = np.frombuffer(track.take(), ROW_DTYPE)

    assert [VERDICTS[why] for why in rows["why"].tolist()[-2:]] == ["late", "jump"]
    assert len(rows) == 8
    assert rows["tst"].tolist()[-2:] == [NOON_S, NOON_S + 40]
    assert track.take() == b""


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed_m_s_max": -1},
        {"slack_m": -1},
        {"agreeing": 0},
        {"accuracy_m_max": -1},
        {"speeds_m_s_max": {"air": -1.0}},
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"mqtt.fixes.*{next(iter(wrong))}"):
        FixSettings(**wrong)  # type: ignore[arg-type]
