# SPDX-License-Identifier: Apache-2.0
"""Who can be there first: what each unit costs at least, and what the chosen ones cost.

`bound` looks at every unit once: it says who cannot go and why, and gives every other the least it can cost. For
the straight line that is the cost itself; for ways by road it is the straight line at a speed no road allows, so
that the roads need not be asked for everybody. `weigh` adds up the few whose way is known. There is no
trigonometry and no fastmath: addition, multiplication, division and square root are exact to the last bit on every
IEEE machine, and every cost is a whole number of milliseconds, so a replay decides as the day itself did.
"""

import math

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import (
    BARRED,
    COUNTY,
    COURSE_CDEG,
    CREW,
    F64,
    FIX_S,
    FREE,
    I32,
    I64,
    LAT_E7,
    LON_E7,
    MASK,
    NARROW,
    ORGAN,
    POLICE_TYPE,
    SHIFT_END,
    SPEED_CMS,
    WIDE,
)
from core.kernels.reckon import BELIEVED_CMS, COURSES, TOWARD
from core.kernels.snap import MOVING_CMS, TURN_CDEG

ASKED = 27
"""Elements of `ask`, int64; the cost of each kind of police follows them, ms. A kind beyond the last costs as the
last."""
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
    TYPE,
    ZONE_COST_MS,
    ZONE_ORGAN,
    ZONE_TYPE,
    CREW_MIN,
    CREW_COST_MS,
    MINUTE,
    SHIFT_END_MIN,
    SHIFT_COST_MS,
    COVERAGE_M,
    COVERAGE_COST_MS,
    NO_ROAD_COST_MS,
    SILENT_MS,
    SILENT_COST_PER_S,
    RECKON_MS,
    BY_ROAD,
) = range(ASKED)
"RECKON_MS: a unit that drives is assumed to have gone on for so long at most. BY_ROAD: some ways are asked of roads."

SHAPED = 9
"""Elements of `shape`, float64: the incident in 1e-7°, the two radii around it as polynomials, ms per metre of a
straight line; then for each kind of police the least ms per metre."""
LAT0_E7, LON0_E7, M0, M1, M2, C0, C1, C2, MS_PER_M = range(SHAPED)

APART_ROW, SWITCH_MS = range(2)
"Rows of `apart`: units treated apart, ascending, each once; below 0 may not be offered, else may be diverted for it."

BOUND, OF_ROW = range(2)
"Rows of `first`."

CHOSEN_ROW, WAY_MS, WAY, DIVERTED_MS = range(4)
"Rows of `chosen`; DIVERTED_MS is NOT_DIVERTED for a free unit."
LABELS, LIVE, OFF_ROAD, NO_ROAD, STRAIGHT = range(5)
"Codes of a way. The first four are core/roads/times.py's; of STRAIGHT the time is found here."
NOT_DIVERTED = -1

PARTS = 6
STALE, ABROAD, KIND, ZONE, CREWED, SHIFT = range(PARTS)
"What a unit costs beside its way: of `best` these columns, and then:"
KEPT = 23
SWITCHED, COVERAGE, NO_WAY, COST, ROW, TRAVEL, DISTANCE_MM, DRIVEN_MM, CODE, COVERED, FIX_OF, SPEED_OF, COUNTY_OF, \
    TYPE_OF, CREW_OF, SHIFT_OF, DIVERTED = range(PARTS, KEPT)  # fmt: skip
"... the last seven from the columns, so that nobody has to look them up again: FIX_OF is s since 1970."

CAPABILITY, OTHER_TYPE, NAMED, NO_POSITION, POSITION_LOST, OUT_OF_REACH = range(16, 22)
"Elements of `counts` after the codes of BARRED (below 16; core/units/columns.py)."
COUNTED = 22

NEVER = 1 << 62
"The bound of a unit that cannot go."
COVERED_MAX = 9
"Others that cover a place; with so many its loss costs nothing."
DAY_MIN = 1_440
LOOSE = 1.01
"Bounds allow for so much more driven than was: metres of roads and of the straight line differ in the fourth digit."
RAD_PER_E7 = math.pi / 180 * 1e-7
_HALF_TURN_E7 = 180e7
_TURN_E7 = 360e7


def _fleet() -> tuple[I32, I64, I64, F64]:
    """Return one unit excluded for every reason and five to choose from, two of them tied; and what is asked."""
    narrow, wide = np.zeros((NARROW, 12), np.int32), np.zeros((WIDE, 12), np.int64)
    narrow[LAT_E7] = 280_000_000
    narrow[LON_E7] = [1_200_000_000 + 50_000 * (row % 3) for row in range(12)]
    narrow[LON_E7, 5] = 1_300_000_000
    narrow[COUNTY, 7] = 3
    narrow[POLICE_TYPE] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0]
    narrow[CREW], narrow[ORGAN], narrow[SHIFT_END, 9] = 1, 4, 700
    narrow[SPEED_CMS, 6:], narrow[COURSE_CDEG, 6:] = (
        [1_500, 900, 20_000, 200, 800, 700],
        [1, 9_950, 0, 7, 36_000, 3],
    )
    wide[FIX_S] = [1000, 1000, 1000, 0, 100, 1000, 940, 990, 1000, 1000, 1000, 999]
    wide[MASK] = [2, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2]
    wide[BARRED, 0], wide[BARRED, 11] = 2, 2
    ask = np.zeros(ASKED + 2, np.int64)
    ask[:] = (12, 3, 1_000_500, 0, 1, 30_000, 1, 120_000, 120_000, 900_000, 50_000, 0, 9, 5, 1, 2, 60_000, 690,
              30, 7_000, 3_000, 90_000, 3_600_000, 50_000, 2, 15_000, 0, 0, 8_000)  # fmt: skip
    shape = np.array([28e7, 120.003e7, 6.35e6, 3e4, -1e2, 5.6e6, -3e6, -2e6, 126.0, 126.0, 90.0])
    return narrow, wide, ask, shape


def _trial_bound() -> tuple[I32, I64, I64, F64, I64, I64, I64, I64]:
    """Return the fleet, a unit that is named and one that may be diverted."""
    apart = np.array([[2, 11], [-1, 5_000]], np.int64)
    return (
        *_fleet(),
        apart,
        np.zeros(12, np.int64),
        np.zeros((2, 3), np.int64),
        np.zeros(COUNTED, np.int64),
    )


def _trial_weigh() -> tuple[I32, I64, I64, F64, I64, I64, int]:
    """Return five chosen units, one way of each kind."""
    chosen = np.array(
        [[8, 6, 9, 7, 11], [7, 0, 7_000, 8, 9], [3, 4, 0, 1, 2], [-1, -1, -1, -1, 500]], np.int64
    )
    return *_fleet(), chosen, np.zeros((3, KEPT), np.int64), 0


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[::1], f8[::1], i8[:, ::1], i8[::1], i8[:, ::1], i8[::1])",
    trial=_trial_bound,
    allocates=True,
)
def bound(
    narrow: I32, wide: I64, ask: I64, shape: F64, apart: I64, bounds: I64, first: I64, counts: I64
) -> int:
    """Write what each unit costs at least; return how many could go.

    `bounds` gets one element for each row, NEVER for a unit that cannot go. `first`, shape (2, k), gets the k least
    by (bound, row), ascending. `counts` starts at zero and gets one for each row that cannot go, under the first
    of: its BARRED code, a missing capability, another kind of police, named, no position, position lost, out of
    reach: by its last fix. Without a place (LOCATED 0) the way costs a constant and positions play no part.

    A unit that drives is assumed farther on. Where roads are asked it can be anywhere it may have driven to.
    """
    parts = np.zeros(PARTS, np.int64)
    able, kept, nth, most = 0, 0, 0, first.shape[1]
    slowest = MOVING_CMS if ask[RECKON_MS] > 0 else NEVER
    for row in range(ask[ROWS]):
        bounds[row] = NEVER
        missing = ask[NEED] & ~wide[MASK, row]
        switch, is_named = 0, False
        if nth < apart.shape[1] and apart[APART_ROW, nth] == row:
            is_named = apart[SWITCH_MS, nth] < 0
            if missing & FREE and not is_named:
                switch = apart[SWITCH_MS, nth]
                missing &= ~FREE
            nth += 1
        if missing != 0:
            counts[wide[BARRED, row] if missing & FREE else CAPABILITY] += 1
            continue
        if ask[TYPE] and narrow[POLICE_TYPE, row] != ask[TYPE]:
            counts[OTHER_TYPE] += 1
            continue
        if is_named:
            counts[NAMED] += 1
            continue
        travel = ask[UNLOCATED_COST_MS]
        if ask[LOCATED]:
            if wide[FIX_S, row] == 0:
                counts[NO_POSITION] += 1
                continue
            if ask[NOW_MS] - wide[FIX_S, row] * 1000 > ask[LOST_MS]:
                counts[POSITION_LOST] += 1
                continue
            metres = _distance(float(narrow[LAT_E7, row]), float(narrow[LON_E7, row]), shape)
            if metres > ask[REACH_M]:
                counts[OUT_OF_REACH] += 1
                continue
            if narrow[SPEED_CMS, row] > slowest:
                if ask[BY_ROAD]:
                    driven = _driven(narrow, wide, row, ask[NOW_MS], ask[RECKON_MS])
                    metres = max(0.0, metres - LOOSE * driven)
                else:
                    metres = _ahead(narrow, wide, row, ask[NOW_MS], ask[RECKON_MS], shape)
            travel = int(metres * shape[min(SHAPED + narrow[POLICE_TYPE, row], shape.shape[0] - 1)] + 0.5)
        able += 1
        least = travel + switch + _beside(narrow, wide, ask, row, parts)
        bounds[row] = least
        if kept < most:
            kept += 1
        elif least >= first[BOUND, kept - 1]:
            continue
        place = kept - 1
        while place > 0 and least < first[BOUND, place - 1]:
            first[BOUND, place] = first[BOUND, place - 1]
            first[OF_ROW, place] = first[OF_ROW, place - 1]
            place -= 1
        first[BOUND, place] = least
        first[OF_ROW, place] = row
    return able


@kernel("i8(i8[::1], i8, i8, i8, i8[::1])", trial=lambda: (_bounds(), 7, 5, 1, np.zeros(2, np.int64)))
def within(bounds: I64, limit: int, after: int, after_row: int, rows: I64) -> int:
    """Write the rows that cost at least `after` and at most `limit`, ascending; return how many there are.

    Of those at exactly `after` only rows behind `after_row`: the others are known. `rows` may be shorter.
    """
    found = 0
    for row in range(bounds.shape[0]):
        least = bounds[row]
        if after <= least <= limit and (least > after or row > after_row):
            if found < rows.shape[0]:
                rows[found] = row
            found += 1
    return found


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[::1], f8[::1], i8[:, ::1], i8[:, ::1], i8)",
    trial=_trial_weigh,
    allocates=True,
)
def weigh(narrow: I32, wide: I64, ask: I64, shape: F64, chosen: I64, best: I64, kept: int) -> int:
    """Put the chosen units among the `kept` ones of `best`, cheapest first; return how many it holds then.

    `best` has shape (k, KEPT): beyond k the dearest fall out. Ties go to the lower row.
    """
    parts = np.zeros(KEPT, np.int64)
    most = best.shape[0]
    for i in range(chosen.shape[1]):
        row, code, diverted = chosen[CHOSEN_ROW, i], chosen[WAY, i], chosen[DIVERTED_MS, i]
        parts[:] = 0
        metres, driven, travel = 0.0, 0.0, ask[UNLOCATED_COST_MS]
        if ask[LOCATED]:
            driven = _driven(narrow, wide, row, ask[NOW_MS], ask[RECKON_MS])
            metres = _ahead(narrow, wide, row, ask[NOW_MS], ask[RECKON_MS], shape)
            travel = int(metres * shape[MS_PER_M] + 0.5) if code == STRAIGHT else chosen[WAY_MS, i]
            parts[NO_WAY] = ask[NO_ROAD_COST_MS] if code == NO_ROAD else 0
        parts[SWITCHED] = max(0, diverted)
        cost = travel + parts[NO_WAY] + parts[SWITCHED] + _beside(narrow, wide, ask, row, parts)
        if kept == most and (cost, row) >= (best[most - 1, COST], best[most - 1, ROW]):
            continue
        if ask[LOCATED] and ask[COVERAGE_COST_MS] and diverted == NOT_DIVERTED:
            others = _covering(narrow, wide, ask, shape, row)
            parts[COVERED] = others
            parts[COVERAGE] = ask[COVERAGE_COST_MS] // (1 + others) if others < COVERED_MAX else 0
            cost += parts[COVERAGE]
        parts[COST], parts[ROW], parts[TRAVEL], parts[CODE] = cost, row, travel, code
        parts[DISTANCE_MM], parts[DRIVEN_MM] = int(metres * 1000.0 + 0.5), int(driven * 1000.0 + 0.5)
        parts[DIVERTED] = diverted != NOT_DIVERTED
        parts[FIX_OF], parts[SPEED_OF] = wide[FIX_S, row], narrow[SPEED_CMS, row]
        parts[COUNTY_OF], parts[TYPE_OF] = narrow[COUNTY, row], narrow[POLICE_TYPE, row]
        parts[CREW_OF], parts[SHIFT_OF] = narrow[CREW, row], narrow[SHIFT_END, row]
        if kept < most:
            kept += 1
        elif (cost, row) >= (best[most - 1, COST], best[most - 1, ROW]):
            continue
        place = kept - 1
        while place > 0 and (cost, row) < (best[place - 1, COST], best[place - 1, ROW]):
            best[place] = best[place - 1]
            place -= 1
        best[place] = parts
    return kept


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[::1], i8, i8, f8[::1], i8[::1])",
    trial=lambda: (
        *_fleet()[:2],
        np.array([7, 0, 6], np.int64),
        1_000_500,
        15_000,
        _fleet()[3],
        np.zeros(3, np.int64),
    ),
)
def straight(narrow: I32, wide: I64, rows: I64, now_ms: int, reckon_ms: int, shape: F64, ms: I64) -> int:
    """Write the ms of each of `rows` over the straight line, as `weigh` has them; return how many. None may be lost."""
    done = 0
    for row in rows:
        ms[done] = int(_ahead(narrow, wide, row, now_ms, reckon_ms, shape) * shape[MS_PER_M] + 0.5)
        done += 1
    return done


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[::1], i8, i8[::1])",
    trial=lambda: (*_fleet()[:3], 9, np.zeros(PARTS, np.int64)),
)
def _beside(narrow: I32, wide: I64, ask: I64, row: int, parts: I64) -> int:
    """Write what the unit costs beside its way, and return the sum. All of it is known without the roads."""
    age = ask[NOW_MS] - wide[FIX_S, row] * 1000
    kind = narrow[POLICE_TYPE, row]
    parts[STALE] = 0
    if age > ask[STALE_MS] and ask[LOCATED]:
        parts[STALE] = (age - ask[STALE_MS]) * ask[STALE_COST_PER_S]
    if age > ask[SILENT_MS] and ask[LOCATED]:
        parts[STALE] += (age - ask[SILENT_MS]) * ask[SILENT_COST_PER_S]
    parts[ABROAD] = ask[ABROAD_COST_MS] if ask[HOME] >= 0 and narrow[COUNTY, row] != ask[HOME] else 0
    parts[KIND] = ask[min(ASKED + kind, ask.shape[0] - 1)]
    of_zone = ask[ZONE_ORGAN] > 0 and narrow[ORGAN, row] == ask[ZONE_ORGAN]
    of_zone = of_zone or (ask[ZONE_TYPE] > 0 and kind == ask[ZONE_TYPE])
    parts[ZONE] = 0 if of_zone else ask[ZONE_COST_MS]
    crew = narrow[CREW, row]
    parts[CREWED] = ask[CREW_COST_MS] if 0 < crew < ask[CREW_MIN] else 0
    minutes = abs(narrow[SHIFT_END, row] - ask[MINUTE])
    near = narrow[SHIFT_END, row] > 0 and min(minutes, DAY_MIN - minutes) <= ask[SHIFT_END_MIN]
    parts[SHIFT] = ask[SHIFT_COST_MS] if near else 0
    total: int = parts[STALE] + parts[ABROAD] + parts[KIND] + parts[ZONE] + parts[CREWED] + parts[SHIFT]
    return total


@kernel("i8(i4[:, ::1], i8[:, ::1], i8[::1], f8[::1], i8)", trial=lambda: (*_fleet(), 8))
def _covering(narrow: I32, wide: I64, ask: I64, shape: F64, row: int) -> int:
    """Return how many other free units of its kind are near a unit's place, COVERED_MAX at most.

    By the two radii at the incident, and by fixes: a beat is small, and here no centimetre decides who is nearest.
    """
    north_m, east_m = RAD_PER_E7 * shape[M0], RAD_PER_E7 * shape[C0]
    reach = float(ask[COVERAGE_M])
    found = 0
    for other in range(ask[ROWS]):
        if not wide[MASK, other] & FREE or wide[FIX_S, other] == 0 or other == row:
            continue
        north = (narrow[LAT_E7, other] - float(narrow[LAT_E7, row])) * north_m
        if abs(north) > reach or narrow[POLICE_TYPE, other] != narrow[POLICE_TYPE, row]:
            continue
        east_e7 = abs(narrow[LON_E7, other] - float(narrow[LON_E7, row]))
        east = min(east_e7, _TURN_E7 - east_e7) * east_m
        if north * north + east * east > reach * reach:
            continue
        if ask[NOW_MS] - wide[FIX_S, other] * 1000 <= ask[LOST_MS]:
            found += 1
            if found == COVERED_MAX:
                break
    return found


@kernel(
    "f8(i4[:, ::1], i8[:, ::1], i8, i8, i8, f8[::1])",
    trial=lambda: (*_fleet()[:2], 7, 1_000_500, 15_000, _fleet()[3]),
)
def _ahead(narrow: I32, wide: I64, row: int, now_ms: int, reckon_ms: int, shape: F64) -> float:
    """Return metres to the incident from where a unit is assumed: its fix, and on along its course.

    What it has driven is laid down in the incident's own plane: 200 km away, 300 m are 3 m wrong.
    """
    driven = _driven(narrow, wide, row, now_ms, reckon_ms)
    course = (int(narrow[COURSE_CDEG, row]) + 50) // 100 % COURSES
    lat_e7, lon_e7 = float(narrow[LAT_E7, row]), float(narrow[LON_E7, row])
    north_m = _north_m(lat_e7, shape) + driven * TOWARD[1, course]
    east_m = _east_m(lat_e7, lon_e7, shape) + driven * TOWARD[0, course]
    return math.sqrt(north_m * north_m + east_m * east_m)


@kernel("f8(i4[:, ::1], i8[:, ::1], i8, i8, i8)", trial=lambda: (*_fleet()[:2], 7, 1_000_500, 15_000))
def _driven(narrow: I32, wide: I64, row: int, now_ms: int, reckon_ms: int) -> float:
    """Return the metres a unit is assumed to have driven since its fix: 0 if it is parked or told no course.

    core/kernels/reckon.py says who is moved and for how long.
    """
    speed = int(narrow[SPEED_CMS, row])
    if speed <= MOVING_CMS or speed > BELIEVED_CMS or narrow[COURSE_CDEG, row] >= TURN_CDEG:
        return 0.0
    age_ms = min(max(now_ms - wide[FIX_S, row] * 1000, 0), reckon_ms)
    return float(speed * age_ms) * 1e-5


@kernel("f8(f8, f8, f8[::1])", trial=lambda: (28.3e7, -179.9e7, _fleet()[3]))
def _distance(lat_e7: float, lon_e7: float, shape: F64) -> float:
    """Return metres to the incident: radii taken half way in latitude, longitude the short way round."""
    north_m, east_m = _north_m(lat_e7, shape), _east_m(lat_e7, lon_e7, shape)
    return math.sqrt(north_m * north_m + east_m * east_m)


@kernel("f8(f8, f8[::1])", trial=lambda: (28.3e7, _fleet()[3]))
def _north_m(lat_e7: float, shape: F64) -> float:
    """Return how many metres north of the incident."""
    north = (lat_e7 - shape[LAT0_E7]) * RAD_PER_E7
    half = 0.5 * north
    metres: float = north * (shape[M0] + half * (shape[M1] + half * shape[M2]))
    return metres


@kernel("f8(f8, f8, f8[::1])", trial=lambda: (28.3e7, -179.9e7, _fleet()[3]))
def _east_m(lat_e7: float, lon_e7: float, shape: F64) -> float:
    """Return how many metres east of it, the short way round."""
    east_e7 = lon_e7 - shape[LON0_E7]
    if east_e7 > _HALF_TURN_E7:
        east_e7 -= _TURN_E7
    elif east_e7 < -_HALF_TURN_E7:
        east_e7 += _TURN_E7
    half = 0.5 * ((lat_e7 - shape[LAT0_E7]) * RAD_PER_E7)
    metres: float = east_e7 * RAD_PER_E7 * (shape[C0] + half * (shape[C1] + half * shape[C2]))
    return metres


def _bounds() -> I64:
    """Return bounds on both sides of a limit, and one at it."""
    return np.array([9, 5, 5, 7, 3, NEVER], np.int64)
