# SPDX-License-Identifier: Apache-2.0
"""Scenes of the unit index; that it answers as a scan does is a law in tests/property/test_index_laws.py."""

import numpy as np
import pytest

from core.kernels import grid, warm
from core.units import index as index_module
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from core.units.index import UnitIndex, around

warm()

NOW_S = 1_790_000_000
LATER_MS = (NOW_S + 100) * 1000
HERE = (28.0, 120.7)


@pytest.fixture(autouse=True)
def _always_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "INDEX_FROM", 1)


def unit(columns: UnitColumns, north: int = 0, east: int = 0, *, can: int = 0, age_s: int = 0) -> int:
    """Enrol a free unit so many 1e-5° (about a metre) from here."""
    row = columns.add()
    columns.describe(row, county=0, capabilities=can)
    columns.set_barred(row, Barred.FREE)
    drive(columns, row, north, east, age_s=age_s)
    return row


def drive(columns: UnitColumns, row: int, north: int, east: int, *, age_s: int = 0) -> None:
    lat_e7, lon_e7 = round(HERE[0] * 1e7) + north * 100, round(HERE[1] * 1e7) + east * 100
    columns.apply_fixes(np.array([(row, lat_e7, lon_e7, NOW_S - age_s, 0, 0)], FIX_DTYPE).tobytes())


def nearest(columns: UnitColumns, k: int = 9, *, need: int = 0, named: tuple[int, ...] = ()) -> list[int]:
    rows, _ = columns.index.nearest(
        around(*HERE),
        need=need,
        k=k,
        reach_m=50_000,
        now_ms=NOW_S * 1000,
        lost_ms=120_000,
        named=np.array(named, np.int64),
    )
    found: list[int] = rows.tolist()
    return found


def test_the_nearest_come_first_and_a_tie_goes_to_the_lower_row() -> None:
    columns = UnitColumns()
    far, near, twin = unit(columns, 900), unit(columns, 10), unit(columns, 10)

    assert nearest(columns) == [near, twin, far]
    assert nearest(columns, 2) == [near, twin]


def test_a_unit_that_drives_past_another_is_nearer() -> None:
    columns = UnitColumns()
    one, two = unit(columns, 500), unit(columns, 400)
    assert nearest(columns) == [two, one]

    drive(columns, one, 100, 0)

    assert nearest(columns) == [one, two]
    assert columns.index.built == 1


def test_busy_units_leave_and_free_ones_come_back() -> None:
    columns = UnitColumns()
    one, two = unit(columns, 1), unit(columns, 2)
    assert nearest(columns) == [one, two]

    columns.set_barred(one, Barred.BUSY)
    assert nearest(columns) == [two]
    drive(columns, one, 5, 0)
    assert nearest(columns) == [two]
    columns.set_barred(one, Barred.FREE)
    assert nearest(columns) == [two, one]


def test_what_a_roster_takes_away_is_not_offered() -> None:
    columns = UnitColumns()
    boat = unit(columns, 1, can=2)
    car = unit(columns, 2)
    assert (nearest(columns, need=2), nearest(columns)) == ([boat], [boat, car])

    columns.describe(boat, county=0, capabilities=4)

    assert (nearest(columns, need=2), nearest(columns, need=4)) == ([], [boat])


def test_named_lost_far_and_unseen_units_are_left_out() -> None:
    columns = UnitColumns()
    one, two = unit(columns, 1), unit(columns, 2)
    unit(columns, 3, age_s=121)
    last = unit(columns, 4, age_s=120)
    unit(columns, 60_000)
    unseen = columns.add()
    columns.set_barred(unseen, Barred.FREE)

    assert nearest(columns, named=(one, 7)) == [two, last]


def test_a_fleet_that_drives_out_of_the_box_gets_another_one() -> None:
    columns = UnitColumns()
    rows = [unit(columns, row) for row in range(200)]
    nearest(columns)

    for row in rows:
        drive(columns, row, row, 300_000)
    columns.index.nearest(
        around(28.0, 123.7), need=0, k=3, reach_m=50_000, now_ms=NOW_S * 1000, lost_ms=120_000
    )

    assert nearest(columns) == []
    assert columns.index.built == 2


def test_fixes_at_nought_nought_do_not_spoil_the_grid() -> None:
    columns = UnitColumns()
    rows = [unit(columns, row, row) for row in range(300)]
    lost = columns.add()
    columns.set_barred(lost, Barred.FREE)
    columns.apply_fixes(np.array([(lost, 0, 0, NOW_S, 0, 0)], FIX_DTYPE).tobytes())

    assert nearest(columns, 3) == rows[:3]
    book = columns.index._book
    assert book[grid.WILD_UNITS] == 1
    assert book[grid.NX] << book[grid.SHIFT] < 10_000_000


@pytest.mark.parametrize(("lat", "lon"), [(-17.0, 179.99), (-17.0, -179.99), (89.99, 10.0), (-89.9, 0.0)])
def test_the_date_line_and_the_poles_are_places_too(lat: float, lon: float) -> None:
    columns = UnitColumns()
    for row in range(40):
        columns.add()
        columns.set_barred(row, Barred.FREE)
        there = lon + (row - 20) / 1000
        there -= 360 if there > 180 else 0
        fix = (row, round(lat * 1e7), round(there * 1e7), NOW_S, 0, 0)
        columns.apply_fixes(np.array([fix], FIX_DTYPE).tobytes())

    rows, distances_mm = columns.index.nearest(
        around(lat, lon), need=0, k=40, reach_m=50_000, now_ms=NOW_S * 1000, lost_ms=120_000
    )

    assert rows[0] == 20
    assert sorted(rows.tolist()) == list(range(40))
    assert distances_mm.tolist() == sorted(distances_mm.tolist())


def test_a_question_over_the_date_line_is_scanned_and_counted() -> None:
    columns = UnitColumns()
    unit(columns)

    columns.index.nearest(
        around(28.0, -120.0), need=0, k=1, reach_m=50_000, now_ms=NOW_S * 1000, lost_ms=120_000
    )

    assert columns.index.scanned == 1


def test_units_not_heard_of_for_long_are_thrown_out_and_come_back_with_a_fix() -> None:
    columns = UnitColumns()
    quiet, loud = unit(columns, 1, age_s=100), unit(columns, 2)
    index = columns.index
    assert nearest(columns) == [quiet, loud]

    drive(columns, loud, 2, 0, age_s=-100)
    index.nearest(around(*HERE), need=0, k=9, reach_m=50_000, now_ms=LATER_MS, lost_ms=120_000)
    assert index._book[grid.HELD] == 1
    drive(columns, quiet, 1, 0, age_s=-100)

    rows, _ = index.nearest(around(*HERE), need=0, k=9, reach_m=50_000, now_ms=LATER_MS, lost_ms=120_000)
    assert rows.tolist() == [quiet, loud]
    assert index.built == 1


def test_an_earlier_question_than_the_last_sweep_is_answered_all_the_same() -> None:
    columns = UnitColumns()
    quiet, loud = unit(columns, 1, age_s=100), unit(columns, 2)
    columns.index.nearest(around(*HERE), need=0, k=9, reach_m=50_000, now_ms=LATER_MS, lost_ms=120_000)

    assert nearest(columns) == [quiet, loud]


def test_a_cell_of_many_units_empties_page_by_page() -> None:
    columns = UnitColumns()
    rows = [unit(columns, 0, row % 7) for row in range(100)]
    assert len(nearest(columns, 100)) == 100

    for row in rows[::2]:
        columns.set_barred(row, Barred.BUSY)

    assert sorted(nearest(columns, 100)) == rows[1::2]
    book = columns.index._book
    assert book[grid.HELD] == 50
    assert book[grid.SPARES] > 0


def test_a_small_fleet_is_scanned_without_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "INDEX_FROM", 2_000)
    columns = UnitColumns()
    one = unit(columns, 1)

    assert nearest(columns) == [one]
    assert columns.index.built == 0


def test_a_bigger_answer_than_ever_fits() -> None:
    columns = UnitColumns()
    rows = [unit(columns, row) for row in range(150)]

    assert nearest(columns, 150) == rows
    assert nearest(columns, 2) == rows[:2]


def test_nobody_asks_for_nobody() -> None:
    with pytest.raises(AssertionError, match="nobody"):
        UnitIndex(UnitColumns()).nearest(around(*HERE), need=0, k=0, reach_m=1, now_ms=0, lost_ms=0)


def test_columns_filled_anew_are_not_answered_from_the_old_ones() -> None:
    columns, saved = UnitColumns(), UnitColumns()
    near, far = unit(columns), unit(columns, north=500)
    unit(saved, north=500)
    unit(saved)
    assert nearest(columns) == [near, far]

    columns.fill(saved.narrow[:, : saved.rows].copy(), saved.wide[:, : saved.rows].copy(), saved.free)

    assert nearest(columns) == [far, near]
