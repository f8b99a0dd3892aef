# SPDX-License-Identifier: Apache-2.0
"""Onto which lane a fix belongs, and what that means for a drive that begins or ends there.

A *piece* is a road between two nodes, both its lanes in one. Pieces stand in the lists of all cells they touch;
cells are searched in rings outwards until nothing nearer can come. There is no trigonometry and no fastmath in
it: every machine finds the same lane (core/kernels/rank.py says why).
"""

import math

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import COURSE_CDEG, I32, I64, LAT_E7, LON_E7, NARROW, SPEED_CMS

SEATED = 8
"Rows of `seats`, int64: for which fix (latitude, longitude, heading), and the seat it got:"
AT_LAT, AT_LON, AT_HEADING, ALONG_PPM, LANE, OTHER, FRACTION, OFF_MM = range(SEATED)
"ALONG_PPM is the cosine between heading and LANE, in millionths; 0 for a parked one."
"LANE is OFF_ROAD or a lane; OTHER the lane the other way a parked vehicle may as well take, or OFF_ROAD."

SHAPE = 8
"Elements of `grid`, int64:"
SOUTH_E7, WEST_E7, CELL_LAT_E7, CELL_LON_E7, CELL_ROWS, CELL_COLUMNS, RINGS, REACH_MM = range(SHAPE)

NORTH, EAST = range(2)
"Columns of `scales` (cell rows, 2), int64: nanometres in 1e-7° of latitude, of longitude."

OFF_ROAD = -1
WHOLE = 1_000_000
"FRACTION of a lane's end."
HEADINGS = 64
PARKED = HEADINGS
"Heading of a vehicle too slow to have one, or whose device gave none."
NEVER = -1
"AT_HEADING of a seat nobody has taken."
MOVING_CMS = 278  # above 10 km/h: below it a receiver's course is noise
TURN_CDEG = 36_000
"A course from here on is none."
AGAINST_MM = 25_000  # a road across the course counts as this much farther, one against it as twice; guess

INFINITE = 2**30
ALONG, SEARCHED, OFF, NO_WAY = range(4)
"What `arrive` says of each time; core.roads.times.Way has the names."

_STEP = 2 * math.pi / HEADINGS
_EAST_PART = tuple(round(1e6 * math.sin((i + 0.5) * _STEP)) for i in range(HEADINGS))
_NORTH_PART = tuple(round(1e6 * math.cos((i + 0.5) * _STEP)) for i in range(HEADINGS))
HEADING = np.array([_EAST_PART, _NORTH_PART], np.float64) / 1e6
"Unit vector in the middle of each heading, to six digits: the same on every machine."
_NM = 1e6  # in a millimetre
_SLACK_MM = 1.0  # more than rounding can do: what is this much farther than the best so far cannot win


def _small_town() -> tuple[I64, I64, I32, I32, I32, I32]:
    """Return a street of two lanes and a one-way street across its end, in two by two cells."""
    grid = np.array([280_000_000, 1_200_000_000, 22_500, 25_000, 2, 2, 3, 500_000], np.int64)
    scales = np.array([[11_080_000, 9_830_000], [11_080_000, 9_829_000]], np.int64)
    ends = np.array(
        [
            [280_010_000, 1_200_005_000, 280_010_000, 1_200_045_000],
            [280_010_000, 1_200_045_000, 280_040_000, 1_200_045_000],
        ],
        np.int32,
    )
    first, listed = np.array([0, 1, 3, 3, 4], np.int32), np.array([0, 0, 1, 1], np.int32)
    return grid, scales, first, listed, ends, np.array([[0, 1], [2, OFF_ROAD]], np.int32)


def _trial() -> tuple[I32, I64, I64, I64, I64, I32, I32, I32, I32]:
    """Return one car parked, one that drives west, one on the way across, one far away."""
    narrow = np.zeros((NARROW, 4), np.int32)
    narrow[LAT_E7] = [280_010_900, 280_009_100, 280_030_000, 290_000_000]
    narrow[LON_E7] = [1_200_015_000, 1_200_025_000, 1_200_046_000, 1_200_000_000]
    narrow[SPEED_CMS] = [0, 1_400, 900, 0]
    narrow[COURSE_CDEG] = [0, 27_000, 100, 0]
    seats = np.full((SEATED, 4), NEVER, np.int64)
    return narrow, np.array([3, 1, 0, 2], np.int64), seats, *_small_town()


@kernel(
    "i8(i4[:, ::1], i8[::1], i8[:, ::1], i8[::1], i8[:, ::1], i4[::1], i4[::1], i4[:, ::1], i4[:, ::1])",
    trial=_trial,
)
def seat(
    narrow: I32,
    rows: I64,
    seats: I64,
    grid: I64,
    scales: I64,
    first: I32,
    listed: I32,
    ends: I32,
    lanes: I32,
) -> int:
    """Find the seat of each of `rows` whose fix is not the one it was found for; return how many were looked for.

    `narrow` and `seats` have a column for each row. Pieces of cell c are listed[first[c] : first[c + 1]];
    `ends` (pieces, 4) has latitude and longitude of both ends, `lanes` (pieces, 2) the lane from the first end
    to the second and the one back.
    """
    anew = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        lat, lon, heading = int(narrow[LAT_E7, row]), int(narrow[LON_E7, row]), PARKED
        if narrow[SPEED_CMS, row] > MOVING_CMS and narrow[COURSE_CDEG, row] < TURN_CDEG:
            heading = int(narrow[COURSE_CDEG, row]) * HEADINGS // TURN_CDEG
        if seats[AT_LAT, row] == lat and seats[AT_LON, row] == lon and seats[AT_HEADING, row] == heading:
            continue
        seats[AT_LAT, row] = lat
        seats[AT_LON, row] = lon
        seats[AT_HEADING, row] = heading
        _seek(row, seats, grid, scales, first, listed, ends, lanes)
        anew += 1
    return anew


def _trial_seek() -> tuple[int, I64, I64, I64, I32, I32, I32, I32]:
    seats = np.full((SEATED, 2), NEVER, np.int64)
    seats[:ALONG_PPM, 1] = 280_009_000, 1_200_044_000, 20
    return 1, seats, *_small_town()


@kernel(
    "i8(i8, i8[:, ::1], i8[::1], i8[:, ::1], i4[::1], i4[::1], i4[:, ::1], i4[:, ::1])", trial=_trial_seek
)
def _seek(
    row: int, seats: I64, grid: I64, scales: I64, first: I32, listed: I32, ends: I32, lanes: I32
) -> int:
    """Write the seat of the fix in one column of `seats`; return its piece. Ties go to the lower piece.

    What counts is the distance, and for a vehicle that drives how far the road's direction is from its own.
    """
    lat, lon, heading = seats[AT_LAT, row], seats[AT_LON, row], seats[AT_HEADING, row]
    own_y = min(max((lat - grid[SOUTH_E7]) // grid[CELL_LAT_E7], 0), grid[CELL_ROWS] - 1)
    own_x = min(max((lon - grid[WEST_E7]) // grid[CELL_LON_E7], 0), grid[CELL_COLUMNS] - 1)
    north, east = scales[own_y, NORTH] / _NM, scales[own_y, EAST] / _NM
    least = 0.999 * min(grid[CELL_LAT_E7] * north, grid[CELL_LON_E7] * east)
    reach = float(grid[REACH_MM])
    best, best_piece, best_part, best_off, best_along = math.inf, -1, 0.0, 0.0, 0.0
    square_max = (reach + _SLACK_MM) ** 2
    for ring in range(grid[RINGS] + 1):
        if best <= (ring - 1) * least:
            break
        for y in range(max(own_y - ring, 0), min(own_y + ring, grid[CELL_ROWS] - 1) + 1):
            far_y = _beyond(lat - grid[SOUTH_E7] - y * grid[CELL_LAT_E7], grid[CELL_LAT_E7]) * north
            step = 1 if abs(y - own_y) == ring else 2 * ring
            for x in range(own_x - ring, own_x + ring + 1, step):
                if x < 0 or x >= grid[CELL_COLUMNS]:
                    continue
                far_x = _beyond(lon - grid[WEST_E7] - x * grid[CELL_LON_E7], grid[CELL_LON_E7]) * east
                if far_x * far_x + far_y * far_y > square_max:
                    continue  # mostly only the fix's own cell is left: its road is nearer than the next cell
                cell = y * grid[CELL_COLUMNS] + x
                for j in range(first[cell], first[cell + 1]):
                    piece = int(listed[j])
                    from_x = (int(ends[piece, 1]) - lon) * east
                    from_y = (int(ends[piece, 0]) - lat) * north
                    by_x = (int(ends[piece, 3]) - int(ends[piece, 1])) * east
                    by_y = (int(ends[piece, 2]) - int(ends[piece, 0])) * north
                    square = by_x * by_x + by_y * by_y
                    part = 0.0
                    if square > 0.0:
                        part = min(max(-(from_x * by_x + from_y * by_y) / square, 0.0), 1.0)
                    off_x, off_y = from_x + part * by_x, from_y + part * by_y
                    off = off_x * off_x + off_y * off_y
                    if off > square_max:
                        continue
                    off = math.sqrt(off)
                    if off > reach:
                        continue
                    score, along = off, 0.0
                    if heading != PARKED and square > 0.0:
                        along = (HEADING[0, heading] * by_x + HEADING[1, heading] * by_y) / math.sqrt(square)
                        alike = along if lanes[piece, 1] == OFF_ROAD else abs(along)
                        score += AGAINST_MM * (1.0 - alike)
                    if score < best or (score == best and piece < best_piece):
                        best, best_piece, best_part, best_off, best_along = score, piece, part, off, along
                        square_max = (min(best, reach) + _SLACK_MM) ** 2
    seats[ALONG_PPM, row] = 0
    seats[LANE, row] = OFF_ROAD
    seats[OTHER, row] = OFF_ROAD
    seats[FRACTION, row] = 0
    seats[OFF_MM, row] = 0
    if best_piece >= 0:
        back = int(lanes[best_piece, 1])
        fraction = int(best_part * WHOLE + 0.5)
        turned = best_along < 0.0 and back != OFF_ROAD
        seats[LANE, row] = back if turned else int(lanes[best_piece, 0])
        seats[FRACTION, row] = WHOLE - fraction if turned else fraction
        seats[OFF_MM, row] = int(best_off + 0.5)
        seats[ALONG_PPM, row] = int((abs(best_along) if turned else best_along) * 1e6)
        if heading == PARKED:
            seats[OTHER, row] = back
    return best_piece


@kernel("f8(i8, i8)", trial=lambda: (-7, 5))
def _beyond(at: int, extent: int) -> float:
    """Return how far something is before or behind a stretch from 0 to `extent`; 0 within it."""
    return float(max(-at, at - extent, 0))


def _trial_seats() -> I64:
    """Return seats: parked on lane 0, driving on lane 1, on no road."""
    seats = np.zeros((SEATED, 3), np.int64)
    seats[LANE], seats[OTHER] = [0, 1, OFF_ROAD], [1, OFF_ROAD, OFF_ROAD]
    seats[FRACTION], seats[OFF_MM] = [250_000, 333_333, 0], [10_000, 1, 0]
    return seats


@kernel(
    "i8(i8[:, ::1], i8[::1], i4[::1], i4[::1], i8, i4[:, ::1])",
    trial=lambda: (
        _trial_seats(),
        np.array([2, 0, 1], np.int64),
        np.array([5, 6], np.int32),
        np.array([9_000, 9_001], np.int32),
        15,
        np.zeros((3, 4), np.int32),
    ),
)
def leave(seats: I64, rows: I64, lane_head: I32, lane_ms: I32, off_road_kmh: int, sources: I32) -> int:
    """Write where each of `rows` first comes to a node, and in how many ms; return how many are on a road.

    A row of `sources` (n, 4) is node, ms, node, ms: what is left of the lane, and of the other one; node
    OFF_ROAD where there is none. The way to the road is in it. Parts of a millisecond count as one.
    """
    seated = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        sources[i, 0] = OFF_ROAD
        sources[i, 1] = 0
        sources[i, 2] = OFF_ROAD
        sources[i, 3] = 0
        lane, other, fraction = seats[LANE, row], seats[OTHER, row], seats[FRACTION, row]
        if lane == OFF_ROAD:
            continue
        seated += 1
        way = (seats[OFF_MM, row] * 36 + 10 * off_road_kmh - 1) // (10 * off_road_kmh)
        sources[i, 0] = lane_head[lane]
        sources[i, 1] = way + (int(lane_ms[lane]) * (WHOLE - fraction) + WHOLE - 1) // WHOLE
        if other != OFF_ROAD:
            sources[i, 2] = lane_head[other]
            sources[i, 3] = way + (int(lane_ms[other]) * fraction + WHOLE - 1) // WHOLE
    return seated


@kernel(
    "i8(i8[:, ::1], i8[::1], i8[:, ::1], i4[::1], i8, i8, i4[::1], i8[::1], i8[::1])",
    trial=lambda: (
        _trial_seats(),
        np.array([0, 1, 2], np.int64),
        _trial_seats(),
        np.array([9_000, 9_001], np.int32),
        15,
        SEARCHED,
        np.array([7_000_000, INFINITE, INFINITE], np.int32),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
    ),
)
def arrive(
    seats: I64,
    rows: I64,
    place: I64,
    lane_ms: I32,
    off_road_kmh: int,
    how: int,
    times: I32,
    ms: I64,
    codes: I64,
) -> int:
    """Write the ms and the code of each of `rows` to the place in column 0 of `place`; return how many have no way.

    `times` are the drives over nodes; who stands on the place's own lane, before it, drives straight on.
    The ms of OFF and NO_WAY is 0: somebody else must know.
    """
    wayless = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        ms[i] = 0
        if seats[LANE, row] == OFF_ROAD or place[LANE, 0] == OFF_ROAD:
            codes[i] = OFF
            wayless += 1
            continue
        best = int(times[i])
        off_mm = seats[OFF_MM, row] + place[OFF_MM, 0]
        for turned in range(2):
            lane = seats[OTHER if turned else LANE, row]
            if lane == OFF_ROAD:
                continue
            begin = WHOLE - seats[FRACTION, row] if turned else seats[FRACTION, row]
            for back in range(2):
                if place[OTHER if back else LANE, 0] != lane:
                    continue
                end = WHOLE - place[FRACTION, 0] if back else place[FRACTION, 0]
                if begin <= end:
                    ahead = (int(lane_ms[lane]) * (end - begin) + WHOLE - 1) // WHOLE
                    best = min(best, ahead + (off_mm * 36 + 10 * off_road_kmh - 1) // (10 * off_road_kmh))
        if best >= INFINITE:
            codes[i] = NO_WAY
            wayless += 1
        else:
            ms[i] = best
            codes[i] = how
    return wayless
