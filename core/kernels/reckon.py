# SPDX-License-Identifier: Apache-2.0
"""How far a unit that drives has come along its lane since its last fix.

A fix is seconds old when it is asked about. Its seat on the roads is found once for each fix; from there it is moved
on along the lane, by speed and time, in whole numbers, and never beyond the lane's end: nobody knows which way it
turns there. Without roads core/kernels/rank.py moves it along its course.
"""

import math

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import FIX_S, I32, I64, NARROW, SPEED_CMS, WIDE
from core.kernels.snap import ALONG_PPM, AT_HEADING, FRACTION, LANE, OFF_ROAD, PARKED, SEATED, WHOLE

BELIEVED_CMS = 10_000
"A unit that says it is faster than 360 km/h is not moved on: no vehicle of ours is. Guess."
COURSES = 360
_PPM = 1_000_000
TOWARD = (
    np.array(
        [
            [round(_PPM * math.sin(math.radians(course))) for course in range(COURSES)],
            [round(_PPM * math.cos(math.radians(course))) for course in range(COURSES)],
        ],
        np.float64,
    )
    / _PPM
)
"East and north part of each whole degree of course, to six digits: the same on every machine."


def _trial() -> tuple[I32, I64, I64, I64, I64, int, int, I64]:
    """Return who drives along, who comes to the lane's end, who drives across, who is parked, lost, or too fast."""
    narrow, wide = np.zeros((NARROW, 6), np.int32), np.zeros((WIDE, 6), np.int64)
    narrow[SPEED_CMS] = [1_000, 2_000, 1_500, 0, 1_500, 60_000]
    wide[FIX_S] = [990, 960, 990, 990, 1_003, 990]
    seats = np.zeros((SEATED, 6), np.int64)
    seats[AT_HEADING] = [3, 60, 16, PARKED, 5, 5]
    seats[ALONG_PPM] = [990_000, 1_000_000, -20_000, 0, 800_000, 800_000]
    seats[LANE] = [0, 1, 1, 0, OFF_ROAD, 1]
    seats[FRACTION] = [250_000, 900_000, 100_000, 5, 0, 7]
    rows, lane_mm = np.array([5, 0, 1, 2, 3, 4], np.int64), np.array([200_000, 60_000], np.int64)
    return narrow, wide, seats, rows, lane_mm, 1_000_500, 15_000, np.zeros((SEATED, 6), np.int64)


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1], i8, i8, i8[:, ::1])",
    trial=_trial,
)
def advance(
    narrow: I32,
    wide: I64,
    seats: I64,
    rows: I64,
    lane_mm: I64,
    now_ms: int,
    reckon_ms: int,
    ahead: I64,
) -> int:
    """Copy the seats of `rows` into `ahead`, shape (SEATED, n), moved on to `now_ms`; return how many moved.

    `lane_mm` is the length of each lane, no shorter than the straight line between its ends. A fix older than
    `reckon_ms` is moved on by so much: measured on vehicles in a city, that is nearer the truth at any age than
    the fix itself and than going on (docs/decisions/0049).
    """
    moved = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        for field in range(SEATED):
            ahead[field, i] = seats[field, row]
        lane, along, speed = seats[LANE, row], seats[ALONG_PPM, row], int(narrow[SPEED_CMS, row])
        if lane == OFF_ROAD or seats[AT_HEADING, row] == PARKED or along <= 0 or speed > BELIEVED_CMS:
            continue
        age_ms = min(max(now_ms - wide[FIX_S, row] * 1000, 0), reckon_ms)
        driven_mm = speed * age_ms // 100 * along // _PPM
        left = WHOLE - seats[FRACTION, row]
        ahead[FRACTION, i] += min(driven_mm * WHOLE // max(lane_mm[lane], 1), left)
        moved += 1
    return moved
