# SPDX-License-Identifier: Apache-2.0
"""One tick of positions into the columns, in one call."""

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import COURSE_CDEG, FIX_S, I32, I64, LAT_E7, LON_E7, NARROW, SPEED_CMS, WIDE

INDEX, LAT, LON, TIME, SPEED, COURSE = range(6)
"Rows of the fixes table, int64."

ACCEPTED, FIRST, LATE, UNKNOWN, TIMELESS, AHEAD = range(6)
"What became of a fix. FIRST is accepted too: the unit had never been seen."


def _trial() -> tuple[I32, I64, I64, int, int, I64]:
    """Return three units, the last never seen, and one fix of each kind."""
    narrow, wide = np.zeros((NARROW, 4), np.int32), np.zeros((WIDE, 4), np.int64)
    wide[FIX_S] = 100, 200, 0, 0
    fixes = np.array(
        [[0, 1, 2, 3, 0, 1, -1], [7] * 7, [8] * 7, [100, 199, 50, 300, 0, 900, 300], [1] * 7, [2] * 7],
        np.int64,
    )
    return narrow, wide, fixes, 3, 800, np.empty(7, np.int64)


@kernel("i8(i4[:, ::1], i8[:, ::1], i8[:, ::1], i8, i8, i8[::1])", trial=_trial)
def apply(narrow: I32, wide: I64, fixes: I64, rows: int, latest_s: int, verdicts: I64) -> int:
    """Write each fix over its unit's last, in order; return how many were taken, and in `verdicts` each fate.

    `fixes` has shape (6, n). A fix of the same second as the last one is taken: devices give whole seconds.
    One of a row beyond `rows`, older than the last, without a time, or later than `latest_s` is refused: a
    clock that runs ahead would shut out every true fix after it.
    """
    taken = 0
    for i in range(fixes.shape[1]):
        row = fixes[INDEX, i]
        if row < 0 or row >= rows:
            verdicts[i] = UNKNOWN
        elif fixes[TIME, i] <= 0:
            verdicts[i] = TIMELESS
        elif fixes[TIME, i] > latest_s:
            verdicts[i] = AHEAD
        elif fixes[TIME, i] < wide[FIX_S, row]:
            verdicts[i] = LATE
        else:
            verdicts[i] = FIRST if wide[FIX_S, row] == 0 else ACCEPTED
            wide[FIX_S, row] = fixes[TIME, i]
            narrow[LAT_E7, row] = fixes[LAT, i]
            narrow[LON_E7, row] = fixes[LON, i]
            narrow[SPEED_CMS, row] = fixes[SPEED, i]
            narrow[COURSE_CDEG, row] = fixes[COURSE, i]
            taken += 1
    return taken
