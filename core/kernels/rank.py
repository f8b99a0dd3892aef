# SPDX-License-Identifier: Apache-2.0
"""Who can be there first: one pass over all units, one call per decision.

A linear scan. Up to about 2,000 units it is as good as any index (measured: grid 2.0 µs,
scan 1.9 µs); at 10,000 a grid would be several times faster. There is no trigonometry and no fastmath in it:
addition, multiplication, division and square root are exact to the last bit on every IEEE machine, and every
cost is a whole number of milliseconds, so a replay decides as the day itself did.
"""

import math

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import BARRED, COUNTY, F64, FIX_S, FREE, I32, I64, LAT_E7, LON_E7, MASK, NARROW, WIDE

ASKED = 11
"Elements of `ask`, int64:"
(
    ROWS,
    NEED,
    NOW_MS,
    HOME,
    LOCATED,
    STALE_MS,
    STALE_COST_PER_S,
    LOST_MS,
    ABROAD_COST_MS,
    UNLOCATED_COST_MS,
    REACH_M,
) = range(ASKED)

SHAPED = 9
"Elements of `shape`, float64: the incident in 1e-7°, the two radii around it as polynomials, ms per metre."
LAT0_E7, LON0_E7, M0, M1, M2, C0, C1, C2, MS_PER_M = range(SHAPED)

KEPT = 6
"Columns of `best`, int64:"
COST, ROW, TRAVEL, DISTANCE_MM, STALE, ABROAD = range(KEPT)

CAPABILITY, NAMED, NO_POSITION, POSITION_LOST, OUT_OF_REACH = range(16, 21)
"Elements of `counts` after the codes of BARRED (below 16; core/units/columns.py)."
COUNTED = 21

RAD_PER_E7 = math.pi / 180 * 1e-7
_HALF_TURN_E7 = 180e7
_TURN_E7 = 360e7


def _trial() -> tuple[I32, I64, I64, F64, I64, I64, I64]:
    """Return one unit excluded for every reason and four to choose from, two of them tied."""
    narrow, wide = np.zeros((NARROW, 10), np.int32), np.zeros((WIDE, 10), np.int64)
    narrow[LAT_E7] = 280_000_000
    narrow[LON_E7] = [1_200_000_000 + 50_000 * (row % 3) for row in range(10)]
    narrow[LON_E7, 5] = 1_300_000_000
    narrow[COUNTY, 7] = 3
    wide[FIX_S] = [1000, 1000, 1000, 0, 100, 1000, 940, 1000, 1000, 1000]
    wide[MASK] = [2, 1, 3, 3, 3, 3, 3, 3, 3, 3]
    wide[BARRED, 0] = 2
    ask = np.array([10, 3, 1_000_500, 0, 1, 30_000, 1, 120_000, 120_000, 900_000, 50_000], np.int64)
    shape = np.array([28e7, 120.003e7, 6.35e6, 3e4, -1e2, 5.6e6, -3e6, -2e6, 126.0], np.float64)
    return (
        narrow,
        wide,
        ask,
        shape,
        np.array([2], np.int64),
        np.zeros((3, KEPT), np.int64),
        np.zeros(COUNTED, np.int64),
    )


@kernel("i8(i4[:, ::1], i8[:, ::1], i8[::1], f8[::1], i8[::1], i8[:, ::1], i8[::1])", trial=_trial)
def nearest(narrow: I32, wide: I64, ask: I64, shape: F64, named: I64, best: I64, counts: I64) -> int:
    """Fill `best` with the rows of least (cost, row), cheapest first; return how many rows could go.

    `named` holds the rows that may not be offered, ascending, each once; `best` has shape (k, 6) and is
    filled from the top; `counts` starts at zero and gets one for each row that could not go, under the first
    of: its BARRED code, a missing capability, named, no position, position lost, out of reach. Ties go to
    the lower row. Without a place (LOCATED 0) the way costs a constant and positions play no part.
    """
    able, kept, nth = 0, 0, 0
    for row in range(ask[ROWS]):
        is_named = nth < named.shape[0] and named[nth] == row
        if is_named:
            nth += 1
        missing = ask[NEED] & ~wide[MASK, row]
        if missing != 0:
            counts[wide[BARRED, row] if missing & FREE else CAPABILITY] += 1
            continue
        if is_named:
            counts[NAMED] += 1
            continue
        travel, distance_mm, stale = ask[UNLOCATED_COST_MS], 0, 0
        if ask[LOCATED]:
            if wide[FIX_S, row] == 0:
                counts[NO_POSITION] += 1
                continue
            age = ask[NOW_MS] - wide[FIX_S, row] * 1000
            if age > ask[LOST_MS]:
                counts[POSITION_LOST] += 1
                continue
            metres = _distance(float(narrow[LAT_E7, row]), float(narrow[LON_E7, row]), shape)
            if metres > ask[REACH_M]:
                counts[OUT_OF_REACH] += 1
                continue
            travel = int(metres * shape[MS_PER_M] + 0.5)
            distance_mm = int(metres * 1000.0 + 0.5)
            stale = max(0, age - ask[STALE_MS]) * ask[STALE_COST_PER_S]
        abroad = ask[ABROAD_COST_MS] if ask[HOME] >= 0 and narrow[COUNTY, row] != ask[HOME] else 0
        able += 1
        cost = travel + stale + abroad
        if kept < best.shape[0]:
            kept += 1
        elif cost >= best[kept - 1, COST]:
            continue
        place = kept - 1
        while place > 0 and cost < best[place - 1, COST]:
            best[place] = best[place - 1]
            place -= 1
        best[place, COST] = cost
        best[place, ROW] = row
        best[place, TRAVEL] = travel
        best[place, DISTANCE_MM] = distance_mm
        best[place, STALE] = stale
        best[place, ABROAD] = abroad
    return able


@kernel("f8(f8, f8, f8[::1])", trial=lambda: (28.3e7, -179.9e7, _trial()[3]))
def _distance(lat_e7: float, lon_e7: float, shape: F64) -> float:
    """Return metres to the incident: radii taken half way in latitude, longitude the short way round."""
    north = (lat_e7 - shape[LAT0_E7]) * RAD_PER_E7
    east_e7 = lon_e7 - shape[LON0_E7]
    if east_e7 > _HALF_TURN_E7:
        east_e7 -= _TURN_E7
    elif east_e7 < -_HALF_TURN_E7:
        east_e7 += _TURN_E7
    half = 0.5 * north
    north_m = north * (shape[M0] + half * (shape[M1] + half * shape[M2]))
    east_m = east_e7 * RAD_PER_E7 * (shape[C0] + half * (shape[C1] + half * shape[C2]))
    return math.sqrt(north_m * north_m + east_m * east_m)
