# SPDX-License-Identifier: Apache-2.0
"""All units side by side: one row per unit, one column per quantity, as the kernels read them."""

from enum import IntEnum
from typing import Final

import msgspec
import numpy as np

from core.effects import Position
from core.errors import RosterError
from core.kernels import fixes, layout
from core.kernels.layout import FREE, I32, I64
from core.units.index import UnitIndex

UNITS_MAX = 100_000
"Guess: ten times the fleet of a provincial capital. 4.8 MB."
ROWS_AT_FIRST = 64
LATEST_S = 0xFFFFFFFF
"The last second a record can tell: 2106."
AHEAD_S_MAX = 120
"A device clock further ahead than this is wrong, not fast (docs/contract). GNSS devices agree within a second."

FIX_DTYPE: Final = np.dtype(
    [
        ("unit", "<u4"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("fix_s", "<u4"),
        ("speed_cms", "<u2"),
        ("course_cdeg", "<u2"),
    ]
)
"One record of `UnitsMoved.data`: unit index, 1e-7°, 1e-7°, device time s, cm/s, 0.01°; 20 bytes."
FIX_BYTES: Final = 20


class Barred(IntEnum):
    """Why a unit may not be ordered. The lower-case name is the reason published in `excluded`."""

    FREE = 0
    OFF_DUTY = 1
    BUSY = 2
    OFFLINE = 3
    OUT_OF_SERVICE = 4
    EMERGENCY = 5
    NOT_ON_ROSTER = 6


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one batch of fixes. `accepted` and the refusals add up to the batch."""

    accepted: bytes
    "The records that were taken, in order, as they came."
    first: tuple[int, ...]
    "Rows that have a position now and never had one."
    late: int
    "Older than the row's last."
    unknown: int
    "Of no row."
    timeless: int
    "Without a device time."
    ahead: int
    "Later than any right clock says: taken, they would shut out every true fix after them."


class UnitColumns:
    """The fleet as columns. A row is given once, in order from 0, and never changes its unit."""

    def __init__(self) -> None:
        self.rows = 0
        self.free = 0
        "How many may be ordered."
        self.police_types = [""]
        "Names of the kinds of police by index, as far as the roster has named them; 0 is none."
        self.narrow: I32 = np.zeros((layout.NARROW, ROWS_AT_FIRST), np.int32)
        self.wide: I64 = np.zeros((layout.WIDE, ROWS_AT_FIRST), np.int64)
        self._room = np.empty(0, np.int64)
        "Where a batch is taken apart: memory new at each tick would cost more than the work (measured: page faults)."
        self.index = UnitIndex(self)
        "The free ones by place."

    def add(self) -> int:
        """Return the row of a new unit, barred as not on the roster until told else.

        Raises RosterError when the columns are full.
        """
        if self.rows == UNITS_MAX:
            raise RosterError(f"more than {UNITS_MAX} units")
        if self.rows == self.narrow.shape[1]:
            more = min(self.rows, UNITS_MAX - self.rows)
            self.narrow = np.pad(self.narrow, ((0, 0), (0, more)))
            self.wide = np.pad(self.wide, ((0, 0), (0, more)))
            self.index.forget()
        row = self.rows
        self.rows += 1
        self.barred[row] = Barred.NOT_ON_ROSTER
        return row

    def fill(self, narrow: I32, wide: I64, free: int) -> None:
        """Take over columns that were saved, shapes (NARROW, rows) and (WIDE, rows)."""
        self.rows = narrow.shape[1]
        room = max(self.rows, ROWS_AT_FIRST)
        self.narrow = np.zeros((layout.NARROW, room), np.int32)
        self.wide = np.zeros((layout.WIDE, room), np.int64)
        self.narrow[:, : self.rows] = narrow
        self.wide[:, : self.rows] = wide
        self.free = free
        self.index.forget()

    def describe(
        self,
        row: int,
        *,
        county: int,
        capabilities: int,
        police_type: int = 0,
        crew: int = 0,
        organ: int = 0,
        shift_end_min: int = 0,
    ) -> None:
        """Write what the roster says of a unit: indices, and a mask without bit 0. The rest stays.

        `crew`, `organ` and `shift_end_min` (1 to 1,440: the minute of the day, local) are 0 when it does not say.
        """
        assert capabilities & FREE == 0, "bit 0 says free, not a capability"
        assert police_type < len(self.police_types), "a kind of police has a name"
        self.county[row] = county
        self.police_type[row] = police_type
        self.narrow[layout.CREW, row] = crew
        self.narrow[layout.ORGAN, row] = organ
        self.narrow[layout.SHIFT_END, row] = shift_end_min
        self.mask[row] = capabilities | (int(self.mask[row]) & FREE)
        self.index.follow_one(row)

    def set_barred(self, row: int, barred: Barred) -> None:
        """Say why a unit may not be ordered, or that it may: `Barred.FREE`."""
        wide = self.wide  # by both indices at once: a view for each column would cost three times as much
        mask = int(wide[layout.MASK, row])
        wide[layout.BARRED, row] = barred
        wide[layout.MASK, row] = mask | FREE if barred is Barred.FREE else mask & ~FREE
        self.free += (barred is Barred.FREE) - (mask & FREE)
        self.index.follow_one(row)

    def apply_fixes(self, data: bytes, *, now_s: int | None = None) -> Applied:
        """Take a packed batch of fixes (FIX_DTYPE) in order; say which were taken and which refused.

        With `now_s`, the time of the fact in s since 1970, a fix more than AHEAD_S_MAX later is refused;
        without it the edge has looked at that.
        """
        assert len(data) % FIX_BYTES == 0, "a batch is whole records"
        records = np.frombuffer(data, FIX_DTYPE)
        fields = FIX_DTYPE.names or ()
        many = records.shape[0]
        if (len(fields) + 1) * many > self._room.size:
            self._room = np.empty((len(fields) + 1) * many, np.int64)
        table = self._room[: len(fields) * many].reshape(len(fields), many)
        for column, name in enumerate(fields):
            table[column] = records[name]
        latest_s = LATEST_S if now_s is None else now_s + AHEAD_S_MAX
        verdicts = self._room[table.size : table.size + many]
        taken = fixes.apply(self.narrow, self.wide, table, self.rows, latest_s, verdicts)
        self.index.follow(table[fixes.INDEX])
        if taken == verdicts.shape[0]:
            accepted = data
        else:
            accepted = records[verdicts <= fixes.FIRST].tobytes()
        count = np.bincount(verdicts, minlength=fixes.AHEAD + 1).tolist()
        first = table[fixes.INDEX, verdicts == fixes.FIRST].tolist() if count[fixes.FIRST] else ()
        return Applied(
            accepted=accepted,
            first=tuple(first),
            late=count[fixes.LATE],
            unknown=count[fixes.UNKNOWN],
            timeless=count[fixes.TIMELESS],
            ahead=count[fixes.AHEAD],
        )

    def position(self, row: int) -> Position | None:
        """Return a unit's last accepted fix, None when it never had one."""
        if self.fix_s[row] == 0:
            return None
        return Position(
            lat=int(self.lat_e7[row]) / 1e7,
            lon=int(self.lon_e7[row]) / 1e7,
            tst=int(self.fix_s[row]),
            vel=int(self.speed_cms[row]) * 36 / 1000,
            cog=int(self.course_cdeg[row]) / 100,
        )

    @property
    def lat_e7(self) -> I32:
        """Latitude, 1e-7°. This and the next are views of the living columns, shape (rows,): do not keep."""
        return self.narrow[layout.LAT_E7, : self.rows]

    @property
    def lon_e7(self) -> I32:
        """Longitude, 1e-7°."""
        return self.narrow[layout.LON_E7, : self.rows]

    @property
    def speed_cms(self) -> I32:
        """Speed over ground, cm/s."""
        return self.narrow[layout.SPEED_CMS, : self.rows]

    @property
    def course_cdeg(self) -> I32:
        """Course over ground, 0.01°."""
        return self.narrow[layout.COURSE_CDEG, : self.rows]

    @property
    def county(self) -> I32:
        """Index of the county the unit belongs to."""
        return self.narrow[layout.COUNTY, : self.rows]

    @property
    def police_type(self) -> I32:
        """Index of the kind of police."""
        return self.narrow[layout.POLICE_TYPE, : self.rows]

    @property
    def fix_s(self) -> I64:
        """Device time of the last fix, s since 1970; 0 when there was never one."""
        return self.wide[layout.FIX_S, : self.rows]

    @property
    def mask(self) -> I64:
        """Bit 0: free to be ordered; the others: capabilities. Bit 0 is written by `set_barred` only."""
        return self.wide[layout.MASK, : self.rows]

    @property
    def barred(self) -> I64:
        """Why a unit may not be ordered, a `Barred`."""
        return self.wide[layout.BARRED, : self.rows]
