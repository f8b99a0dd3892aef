# SPDX-License-Identifier: Apache-2.0
"""Where on the roads things are: which lane a fix belongs to, how far along, and how far off.

The answer depends on the fix alone: latitude, longitude and, for a vehicle that drives, its heading in sixty-fourths
of a turn. So what is remembered of a unit is only ever a saving; a parked one is looked for once.

A lane is a straight line between its two nodes. A road across the date line is not found.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import geodesy
from core.kernels import snap
from core.kernels.layout import I32, I64, LAT_E7, LON_E7, NARROW
from core.roads.graph import NOWHERE, RoadGraph

CELL_E7: Final = 22_500
"Height of a cell, 1e-7°: 250 m. Measured: 1.2 µs for a new fix in a city; half as much is no better."
CELLS_MAX: Final = 1 << 22
"Of 4 octets each. A network spread over more has larger cells."
RINGS_MAX: Final = 4096
_MM_PER_E7: Final = 11.05  # at the equator; more at the poles


class Spot(NamedTuple):
    """A place on the roads."""

    lane: int
    "The nearest one; OFF_ROAD when none is within reach."
    other: int
    "The lane the other way; OFF_ROAD when there is none, or when the vehicle drives along `lane`."
    fraction: int
    "How much of `lane` lies behind, of snap.WHOLE."
    off_mm: int
    "Straight to the lane."


@dataclass(frozen=True, eq=False)
class LaneCells:
    """The lanes of one graph, to be found by place. Never changed, and the same for every reach."""

    grid: I64
    "As core/kernels/snap.py has it; RINGS and REACH_MM are 0."
    scales: I64
    first: I32
    listed: I32
    ends: I32
    lanes: I32

    @classmethod
    def over(cls, graph: RoadGraph) -> "LaneCells":
        """Return the cells over a graph. Measured: 20 ms for 90,000 lanes."""
        lanes = np.arange(graph.lanes, dtype=np.int32)
        pieces = lanes[(graph.twin == NOWHERE) | (lanes < graph.twin)]
        begin, end = graph.lane_from[pieces], graph.lane_to[pieces]
        ends: I32 = np.stack(
            [graph.lat_e7[begin], graph.lon_e7[begin], graph.lat_e7[end], graph.lon_e7[end]], axis=1
        )
        grid, scales = _cells_over(ends)
        first, listed = _listed(ends, grid)
        both: I32 = np.stack([pieces, graph.twin[pieces]], axis=1).astype(np.int32)
        return cls(grid, scales, first, listed, ends, both)

    def within(self, reach_m: int) -> I64:
        """Return the grid for a search that goes no farther than this."""
        cell_mm = 0.99 * min(
            int(self.grid[snap.CELL_LAT_E7]) * _MM_PER_E7,
            int(self.grid[snap.CELL_LON_E7]) * int(self.scales[:, snap.EAST].min()) / 1e6,
        )
        grid = self.grid.copy()
        grid[snap.REACH_MM] = reach_m * 1000
        grid[snap.RINGS] = min(2 + math.ceil(reach_m * 1000 / max(cell_mm, 1.0)), RINGS_MAX)
        return grid

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        return sum(array.nbytes for array in (self.scales, self.first, self.listed, self.ends, self.lanes))


class Snapper:
    """Finds the lanes of fixes, and remembers where on them the fleet is."""

    def __init__(self, cells: LaneCells, reach_m: int) -> None:
        """`reach_m`: what is farther from every road than this is off road."""
        self._cells = cells
        self._grid = cells.within(reach_m)
        self.reach_m = reach_m
        self.seats: I64 = np.full((snap.SEATED, 0), snap.NEVER, np.int64)
        "By row of the fleet, as core/kernels/snap.py has it; up to date for those asked for last."

    def reach(self, reach_m: int) -> None:
        """Look no farther than this from now on; what was found with another reach is forgotten."""
        if reach_m != self.reach_m:
            self.reach_m = reach_m
            self._grid = self._cells.within(reach_m)
            self.seats[snap.AT_HEADING] = snap.NEVER

    def seat(self, narrow: I32, rows: I64) -> int:
        """Bring the seats of these rows of the fleet up to date; return how many had moved."""
        if self.seats.shape[1] < narrow.shape[1]:
            more = narrow.shape[1] - self.seats.shape[1]
            self.seats = np.pad(self.seats, ((0, 0), (0, more)), constant_values=snap.NEVER)
        return self._seat(narrow, rows, self.seats, self._grid)

    def place(self, lat_e7: int, lon_e7: int, reach_m: int | None = None) -> I64:
        """Return the seat of something that does not move, shape (SEATED, 1)."""
        narrow = np.zeros((NARROW, 1), np.int32)
        narrow[LAT_E7, 0], narrow[LON_E7, 0] = lat_e7, lon_e7
        seats = np.full((snap.SEATED, 1), snap.NEVER, np.int64)
        grid = self._grid if reach_m is None else self._cells.within(reach_m)
        self._seat(narrow, _ONLY, seats, grid)
        return seats

    def spot(self, lat_e7: int, lon_e7: int, reach_m: int | None = None) -> Spot:
        """Return where on the roads a place is."""
        return spot_of(self.place(lat_e7, lon_e7, reach_m), 0)

    def _seat(self, narrow: I32, rows: I64, seats: I64, grid: I64) -> int:
        cells = self._cells
        return snap.seat(
            narrow, rows, seats, grid, cells.scales, cells.first, cells.listed, cells.ends, cells.lanes
        )


_ONLY: Final = np.zeros(1, np.int64)


def spot_of(seats: I64, row: int) -> Spot:
    """Return one column of seats with names."""
    lane, other, fraction, off_mm = seats[snap.LANE :, row].tolist()
    return Spot(lane, other, fraction, off_mm)


def _cells_over(ends: I32) -> tuple[I64, I64]:
    """Return the grid over all pieces, without reach, and the scale of each of its rows."""
    grid = np.zeros(snap.SHAPE, np.int64)
    if not len(ends):
        ends = np.zeros((1, 4), np.int32)
    lats, lons = ends[:, 0::2].astype(np.int64), ends[:, 1::2].astype(np.int64)
    south, west = int(lats.min()), int(lons.min())
    high, wide = int(lats.max()) - south + 1, int(lons.max()) - west + 1
    middle = min(abs(south + high // 2) / 1e7, 89.0)
    cell_lat, cell_lon = CELL_E7, round(CELL_E7 / math.cos(math.radians(middle)))
    while -(-high // cell_lat) * -(-wide // cell_lon) > CELLS_MAX:
        cell_lat, cell_lon = cell_lat * 2, cell_lon * 2
    grid[[snap.SOUTH_E7, snap.WEST_E7]] = south, west
    grid[[snap.CELL_LAT_E7, snap.CELL_LON_E7]] = cell_lat, cell_lon
    grid[[snap.CELL_ROWS, snap.CELL_COLUMNS]] = -(-high // cell_lat), -(-wide // cell_lon)
    scales = np.empty((int(grid[snap.CELL_ROWS]), 2), np.int64)
    for y in range(len(scales)):
        phi = math.radians(min(max((south + (y + 0.5) * cell_lat) / 1e7, -89.9), 89.9))
        radian_nm = math.radians(1e-7) * 1e9
        scales[y, snap.NORTH] = round(geodesy.meridian_radius_m(phi) * radian_nm)
        scales[y, snap.EAST] = round(geodesy.normal_radius_m(phi) * math.cos(phi) * radian_nm)
    return grid, scales


def _listed(ends: I32, grid: I64) -> tuple[I32, I32]:
    """Return for each cell the pieces that touch it, ascending, as first (cells + 1,) and listed."""
    south, west, high, wide, rows, columns = grid[: snap.RINGS].tolist()
    flipped = ends[:, 0] > ends[:, 2]
    low_lat, low_lon = (
        np.where(flipped, ends[:, b], ends[:, a]).astype(np.int64) for a, b in ((0, 2), (1, 3))
    )
    top_lat, top_lon = (
        np.where(flipped, ends[:, a], ends[:, b]).astype(np.int64) for a, b in ((0, 2), (1, 3))
    )
    low_y, top_y = (low_lat - south) // high, (top_lat - south) // high
    piece, y = _spread(np.arange(len(ends), dtype=np.int64), low_y, top_y)
    rise = np.maximum(top_lat - low_lat, 1)[piece]
    run = (top_lon - low_lon)[piece]

    def lon_at(lat: I64) -> I64:
        """Longitude of the piece at a latitude of it, rounded down."""
        up = np.clip(lat - low_lat[piece], 0, (top_lat - low_lat)[piece])
        at: I64 = low_lon[piece] + up * run // rise
        return at

    flat = (top_lat == low_lat)[piece]
    enter = np.where(flat, low_lon[piece], lon_at(south + y * high))
    leave = np.where(flat, top_lon[piece], lon_at(south + (y + 1) * high))
    left, right = np.minimum(enter, leave) - 1, np.maximum(enter, leave) + 1
    low_x = np.clip((left - west) // wide, 0, columns - 1)
    top_x = np.clip((right - west) // wide, 0, columns - 1)
    nth, x = _spread(np.arange(len(piece), dtype=np.int64), low_x, top_x)
    cell = y[nth] * columns + x
    order = np.lexsort((piece[nth], cell))
    first = np.zeros(rows * columns + 1, np.int32)
    np.cumsum(np.bincount(cell, minlength=rows * columns), out=first[1:])
    return first, piece[nth][order].astype(np.int32)


def _spread(of: I64, low: I64, top: I64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each of `of` as often as there are numbers from its low to its top, and those numbers."""
    many = top - low + 1
    nth = np.repeat(np.arange(len(of)), many)
    begin = np.cumsum(many) - many
    return of[nth], low[nth] + np.arange(len(nth)) - begin[nth]
