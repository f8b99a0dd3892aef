# SPDX-License-Identifier: Apache-2.0
"""Which free units are nearest to a place, without looking at the whole fleet.

By their last fixes: where a unit that drives is assumed by now (docs/decisions/0049) no cell could follow. No decision
asks it.
"""

from typing import Final, Protocol

import numpy as np

from core.geodesy import around as around
from core.kernels import grid
from core.kernels.layout import F64, FIX_S, FREE, I32, I64, LAT_E7, LON_E7, MASK

INDEX_FROM = 2_000
"Rows from which the grid is worth its keep (docs/decisions/0036): a question takes 1.8 µs, a scan 3.2."
ROWS_PER_CELL = 16
"""With 2 rows to a cell the nearest ten of 10,000 took 3.5 µs, with 16 2.3 (measured): a cell costs a visit, its units
hardly more than none, for nothing is decided by a branch until a handful is gathered."""
WILD_MIN = 64
"Units outside the box that are not worth a new one: a question looks at them in 60 ns."
LATER_MAX = 1_024
"Changes of single units that wait for a question: as many as a tick has moves."
SWEEP_S = 60
"Lost units are thrown out when a question could pass over this many seconds of them. Guess: half of `lost_s`."
SPREAD_E7_MIN = 1_000_000
"A box is at least 0.1° each way: a fleet that starts from one yard drives out of it."
BLOCK: Final = 1 << grid.BLOCK_SHIFT
FOUND_AT_FIRST = 64

NOBODY: Final = np.empty(0, np.int64)


class Columns(Protocol):
    """What the index reads of the columns (core/units/columns.py)."""

    rows: int
    narrow: I32
    wide: I64


class UnitIndex:
    """The free units of some columns by place; always there as `columns.index`, whatever the fleet's size.

    It is only a cache: what it holds follows from the columns, the answers too, and no snapshot needs it. Below
    INDEX_FROM rows it is the scan itself.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._stale = True
        "True until a question needs the grid: a roster of a thousand rows is not indexed a thousand times."
        self._wild_max = WILD_MIN
        self._oldest_s = 0
        self._later: list[int] = []
        "Rows that changed one by one since the last question: brought over in one call (10 ns each, alone 600)."
        self._make_room(FOUND_AT_FIRST)
        self._near = np.zeros((2, grid.NEAR), np.int64)
        self.built = 0
        "How often the grid was laid out anew."
        self.scanned = 0
        "Questions from INDEX_FROM rows on that the grid could not answer: from beyond the date line."

    def nearest(
        self,
        place: F64,
        *,
        need: int,
        k: int,
        reach_m: int,
        now_ms: int,
        lost_ms: int,
        named: I64 = NOBODY,
    ) -> tuple[I64, I64]:
        """Return (rows, distances_mm) of the `k` nearest units that could go, by (distance_mm, row).

        Exactly those a scan of all rows finds: free, with every bit of `need` (bit 0 is always asked), a position
        not older than `lost_ms` at `now_ms`, not farther than `reach_m`, and not in `named` (rows, int64,
        ascending, each once). Fewer than `k` when there are no more; `k` may be as large as the fleet.

        `place` is what `around` returns, or a longer float64 array that begins so (such as `shape` of
        core/kernels/rank.py). A distance is metres by the formula of that file, in whole mm rounded half up.
        Both arrays (int64, C-contiguous) are views of a buffer that the next call writes over: copy what is kept.
        """
        assert k > 0, "nobody asks for nobody"
        columns = self._columns
        if k > self._k_max:
            self._make_room(k)
        found = self._found
        need |= FREE
        oldest_s = max(1, -((lost_ms - now_ms) // 1000))  # the first whole second that is not lost
        many = grid.FOLDED
        if columns.rows >= INDEX_FROM:
            if self._later:
                self._catch_up()
            if self._stale or oldest_s < self._oldest_s:
                self._build(oldest_s)
            elif oldest_s > self._oldest_s + SWEEP_S:
                self._sweep(oldest_s)
            many = grid.nearest(
                *self._grid,
                self._book,
                columns.wide,
                place,
                named,
                found,
                self._near,
                need,
                oldest_s,
                reach_m,
                k,
            )
        if many < 0:
            self.scanned += columns.rows >= INDEX_FROM
            many = grid.scan(
                columns.narrow, columns.wide, place, named, found, columns.rows, need, oldest_s, reach_m, k
            )
        return self._rows[:many], self._mm[:many]

    def forget(self) -> None:
        """The columns have grown or were filled: lay the grid out anew when it is next asked."""
        self._stale = True

    def follow(self, rows: I64) -> None:
        """These rows have moved, or are free now, or not any more, or can do other things."""
        if self._stale:
            return
        columns = self._columns
        wild = grid.sync(*self._grid, self._where, self._book, columns.narrow, columns.wide, rows)
        self._stale = wild > self._wild_max

    def follow_one(self, row: int) -> None:
        """The same for one row, before the next question."""
        if not self._stale:
            self._later.append(row)
            if len(self._later) == LATER_MAX:
                self._catch_up()

    def _make_room(self, k: int) -> None:
        self._k_max = k
        self._found = np.zeros((grid.FOUND, k), np.int64)
        self._rows, self._mm = self._found[grid.FOUND_ROW], self._found[grid.FOUND_MM]

    def _catch_up(self) -> None:
        rows = np.array(self._later, np.int64)
        self._later.clear()
        self.follow(rows)

    def _build(self, oldest_s: int) -> None:
        """Lay the grid out over the units there are: box, cells, room for every row, and put them in."""
        columns = self._columns
        room = columns.narrow.shape[1]
        able = (columns.wide[MASK] & FREE != 0) & (columns.wide[FIX_S] >= oldest_s)
        rows = np.flatnonzero(able)
        book = np.zeros(grid.BOOKED, np.int64)
        book[grid.SOUTH_E7], south_to_north = _extent(columns.narrow[LAT_E7, rows])
        book[grid.WEST_E7], west_to_east = _extent(columns.narrow[LON_E7, rows])
        shift, cells_max = 0, max(BLOCK**2, room // ROWS_PER_CELL)
        while True:
            high, broad = (_blocks(extent, shift) * BLOCK for extent in (south_to_north, west_to_east))
            if high * broad <= cells_max:
                break
            shift += 1
        book[grid.NY], book[grid.NX], book[grid.SHIFT], book[grid.OLDEST_S] = high, broad, shift, oldest_s
        # A cell has one page that is not full at most.
        pages = room // grid.SLOTS + min(high * broad + 1, room) + 1
        cells = np.zeros((high * broad + 1, 2), np.int32)
        cells[:, grid.HEAD] = -1
        self._grid = (
            np.zeros((pages, 3, grid.SLOTS), np.int32),
            np.zeros((pages, grid.SLOTS), np.int64),
            np.full((2, pages), -1, np.int32),
            cells,
            np.zeros(high * broad // BLOCK**2, np.int32),
        )
        self._where = np.full((room, 2), -1, np.int32)
        self._book = book
        self._oldest_s, self._stale, self._wild_max = oldest_s, False, room
        self._later.clear()
        self.follow(rows)
        self._wild_max = max(WILD_MIN, 2 * int(book[grid.WILD_UNITS]))
        self.built += 1

    def _sweep(self, oldest_s: int) -> None:
        """Throw out those not heard of since."""
        self._oldest_s = self._book[grid.OLDEST_S] = oldest_s
        held = self._where[:, grid.SLOT] >= 0
        self.follow(np.flatnonzero(held & (self._columns.wide[FIX_S] < oldest_s)))


def _extent(places_e7: I32) -> tuple[int, int]:
    """Return where a box begins in one dimension and how far it goes: all places but what lies far outside."""
    if not places_e7.size:
        return 0, SPREAD_E7_MIN
    tail = places_e7.size // 32
    among = np.partition(places_e7, (tail, places_e7.size - 1 - tail))
    low, high = int(among[tail]), int(among[places_e7.size - 1 - tail])
    spread = max(high - low, SPREAD_E7_MIN)
    first = max(int(places_e7.min()), low - spread) - SPREAD_E7_MIN // 8
    last = min(int(places_e7.max()), high + spread) + SPREAD_E7_MIN // 8
    return first, max(last - first, SPREAD_E7_MIN)


def _blocks(extent_e7: int, shift: int) -> int:
    return extent_e7 // (BLOCK << shift) + 1
