# SPDX-License-Identifier: Apache-2.0
"""Scenes of the columns; that they keep the newest fix is a law in tests/property/test_matcher_laws.py."""

import struct

import numpy as np
import pytest

from core.effects import Position
from core.errors import RosterError
from core.kernels import warm
from core.units import columns as columns_module
from core.units.columns import AHEAD_S_MAX, FIX_BYTES, FIX_DTYPE, Barred, UnitColumns

warm()

NOW_S = 1_790_000_000


def fix(unit: int, time_s: int, lat_e7: int = 280_000_000) -> bytes:
    return np.array([(unit, lat_e7, 1_207_000_000, time_s, 1500, 9000)], FIX_DTYPE).tobytes()


def one_unit() -> UnitColumns:
    columns = UnitColumns()
    columns.add()
    return columns


def test_a_record_is_the_twenty_bytes_of_the_contract() -> None:
    assert FIX_DTYPE.itemsize == FIX_BYTES == 20
    assert fix(1, 2, -3) == struct.pack("<IiiIHH", 1, -3, 1_207_000_000, 2, 1500, 9000)


def test_a_fix_becomes_the_units_position() -> None:
    columns = one_unit()
    assert columns.position(0) is None

    applied = columns.apply_fixes(fix(0, NOW_S), now_s=NOW_S)

    assert (applied.accepted, applied.first) == (fix(0, NOW_S), (0,))
    assert columns.position(0) == Position(lat=28.0, lon=120.7, tst=NOW_S, vel=54.0, cog=90.0)


def test_a_late_fix_an_unknown_unit_a_timeless_and_a_future_one_are_refused_and_counted() -> None:
    columns = one_unit()
    columns.apply_fixes(fix(0, NOW_S))
    batch = fix(0, NOW_S - 1) + fix(1, NOW_S) + fix(0, 0) + fix(0, NOW_S + AHEAD_S_MAX + 1) + fix(0, NOW_S, 7)

    applied = columns.apply_fixes(batch, now_s=NOW_S)

    assert (applied.late, applied.unknown, applied.timeless, applied.ahead) == (1, 1, 1, 1)
    assert (applied.accepted, applied.first) == (fix(0, NOW_S, 7), ())
    assert columns.lat_e7[0] == 7


def test_an_empty_batch_changes_nothing() -> None:
    assert one_unit().apply_fixes(b"").accepted == b""


def test_half_a_record_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="whole records"):
        one_unit().apply_fixes(b"1234")


def test_a_unit_is_barred_until_told_else_and_free_ones_are_counted() -> None:
    columns = one_unit()
    columns.add()
    assert (columns.free, columns.barred.tolist()) == (0, [Barred.NOT_ON_ROSTER] * 2)

    columns.police_types += ["patrol", "traffic"]
    columns.describe(0, county=3, capabilities=6, police_type=2)
    columns.set_barred(0, Barred.FREE)
    columns.set_barred(0, Barred.FREE)
    assert (columns.free, columns.mask.tolist()) == (1, [7, 0])

    columns.describe(0, county=3, capabilities=4, police_type=2)
    assert columns.mask[0] == 5

    columns.set_barred(0, Barred.BUSY)
    assert (columns.free, columns.mask[0], columns.barred[0]) == (0, 4, Barred.BUSY)
    assert (columns.county[0], columns.police_type[0]) == (3, 2)


def test_growing_keeps_every_unit_where_it_was() -> None:
    columns = UnitColumns()
    for row in range(300):
        assert columns.add() == row
        columns.describe(row, county=row, capabilities=0)
        columns.apply_fixes(fix(row, NOW_S + row))

    assert columns.county.tolist() == list(range(300))
    assert columns.fix_s.tolist() == list(range(NOW_S, NOW_S + 300))
    assert columns.narrow.flags.c_contiguous
    assert columns.wide.flags.c_contiguous


def test_a_fleet_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "UNITS_MAX", 70)
    columns = UnitColumns()
    for _ in range(70):
        columns.add()

    with pytest.raises(RosterError, match="70"):
        columns.add()
    assert columns.narrow.shape[1] == 70
