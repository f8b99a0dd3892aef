# SPDX-License-Identifier: Apache-2.0
"""Where a boat goes: a lattice laid over the water, tied to the lines of rivers and canals.

The water is cut into square cells, `lattice_m` wide along the shore and up to four times that in the open,
because the labels of an even lattice grow with the square root of its points (measured: docs/roads.md). One
goes from the middle of a cell to that of each neighbour across a side, and across a corner to one of the same
size, when the water between is wet. A way over cells of one size is at most 8 % longer than the straight line
(√(4 - 2·√2)). Land thinner than half a cell, such as a pier, may be sailed through.
"""

from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.errors import RoadSourceError
from gateway.roads import outlines
from gateway.roads.outlines import Bool, Grid
from gateway.roads.survey import BOAT, BOTH_WAYS, I32, KINDS, Survey, lay_together, lengths_mm, with_pieces

LATTICE_M: Final = 500
"Along the shore: narrower channels are found only where a river or canal is drawn as a line."
WIDEST: Final = 4
"How many times that a cell of the open water is wide: 2 km, so that no boat is farther than 500 m from a lane."
CELLS_MAX: Final = 40_000
"Cells of all sizes: the labels of more take an hour (measured: docs/roads.md)."
_GRID_MAX: Final = 200_000_000
_WATERWAY, _WATER = KINDS.index("waterway"), KINDS.index("water")
_DRY: Final = -1

I64 = NDArray[np.int64]


class _Cells(NamedTuple):
    """The water in cells; a square is the ground of one cell of the smallest size."""

    cell: I32
    "(rows, columns) The cell each square belongs to, or _DRY."
    size: I32
    "(cells,) How many squares it is wide."
    lat_e7: I32
    "(cells,) Its middle."
    lon_e7: I32


def with_water(
    roads: Survey | None, water: Path | None, land: Path | None, osm: Path | None, lattice_m: int
) -> Survey | None:
    """Return the survey with the water the files show laid beside it; as it is when they show none."""
    lakes = [*(outlines.from_geojson(water) if water else []), *(outlines.from_osm(osm) if osm else [])]
    dry = outlines.from_geojson(land) if land else []
    if not lakes and not dry:
        return roads
    grid = outlines.grid_over(outlines.box(lakes + dry), lattice_m / 2)
    if grid.rows * grid.columns > _GRID_MAX:
        raise RoadSourceError(
            f"the water spreads over {grid.rows} × {grid.columns} points: take a wider --lattice than {lattice_m}"
        )
    wet = outlines.inside(lakes, grid)
    if dry:
        wet |= ~outlines.inside(dry, grid)
    cells = _cut(grid, wet)
    if len(cells.size) > CELLS_MAX:
        raise RoadSourceError(
            f"a lattice of {lattice_m} m has {len(cells.size):,} cells on this water, and {CELLS_MAX:,} are allowed: "
            "take a wider --lattice, or cut the open sea off the map"
        )
    if not len(cells.size):
        return roads
    lattice = _water_survey(cells.lat_e7, cells.lon_e7, *_neighbours(cells.cell, cells.size, wet))
    if roads is None:
        return lattice
    return _tied(roads, lattice, grid, cells.cell)


def _cut(grid: Grid, wet: Bool) -> _Cells:
    """Cut the water into cells, the widest first. The grid has two points a square: its middle and its sides."""
    squares = wet[1::2, 1::2]
    cell = np.full(squares.shape, _DRY, np.int32)
    sizes, lats, lons = [], [], []
    count, size = 0, WIDEST
    while size:
        rows, columns = _free_blocks(wet, cell, size)
        ids = np.arange(count, count + len(rows), dtype=np.int32)
        for north in range(size):
            for east in range(size):
                cell[rows * size + north, columns * size + east] = ids
        count += len(rows)
        sizes.append(np.full(len(rows), size, np.int32))
        lats.append(grid.south + (2 * rows + 1) * size * grid.lat_step)
        lons.append(grid.west + (2 * columns + 1) * size * grid.lon_step)
        size //= 2
    lat_e7, lon_e7 = (np.rint(np.concatenate(parts) * 1e7).astype(np.int32) for parts in (lats, lons))
    return _Cells(cell, np.concatenate(sizes), lat_e7, lon_e7)


def _free_blocks(wet: Bool, cell: I32, size: int) -> tuple[I64, I64]:
    """Return the blocks of `size` squares that belong to no cell yet and are wet: all over, or a square's middle."""
    rows, columns = cell.shape[0] // size, cell.shape[1] // size
    free = cell[: rows * size, : columns * size].reshape(rows, size, columns, size) == _DRY
    whole = free.all(axis=(1, 3))
    if size == 1:
        return _where(whole & wet[1::2, 1::2])
    step = 2 * size
    for north in range(step + 1):
        for east in range(step + 1):
            whole &= wet[north:, east:][: rows * step : step, : columns * step : step][:rows, :columns]
    return _where(whole)


def _where(found: Bool) -> tuple[I64, I64]:
    rows, columns = np.nonzero(found)
    return rows.astype(np.int64), columns.astype(np.int64)


def _neighbours(cell: I32, size: I32, wet: Bool) -> tuple[I32, I32]:
    """Return which cells one goes between, each pair once."""
    rows, columns = cell.shape
    sides = wet[1 : 2 * rows : 2, 2 : 2 * columns : 2], wet[2 : 2 * rows : 2, 1 : 2 * columns : 2]
    corners = wet[2 : 2 * rows : 2, 2 : 2 * columns : 2]
    pairs = [
        _pairs(cell[:, :-1], cell[:, 1:], sides[0]),
        _pairs(cell[:-1], cell[1:], sides[1]),
        _alike(size, _pairs(cell[:-1, :-1], cell[1:, 1:], corners)),
        _alike(size, _pairs(cell[:-1, 1:], cell[1:, :-1], corners)),
    ]
    once = np.unique(np.concatenate(pairs), axis=0).astype(np.int32)
    return np.ascontiguousarray(once[:, 0]), np.ascontiguousarray(once[:, 1])


def _pairs(one: I32, other: I32, between: Bool) -> I32:
    real = (one != other) & (one != _DRY) & (other != _DRY) & between
    return np.stack((np.minimum(one[real], other[real]), np.maximum(one[real], other[real])), axis=1)


def _alike(size: I32, pairs: I32) -> I32:
    alike: I32 = pairs[size[pairs[:, 0]] == size[pairs[:, 1]]]
    return alike


def _tied(roads: Survey, lattice: Survey, grid: Grid, cell: I32) -> Survey:
    """Lay the lattice beside the roads, and tie each point of a waterway to the cell it lies in."""
    afloat = roads.kind == _WATERWAY
    places = np.unique(np.concatenate((roads.begin[afloat], roads.end[afloat])))
    rows = np.floor((roads.lat_e7[places] / 1e7 - grid.south) / (2 * grid.lat_step)).astype(np.int64)
    columns = np.floor((roads.lon_e7[places] / 1e7 - grid.west) / (2 * grid.lon_step)).astype(np.int64)
    real = (rows >= 0) & (rows < cell.shape[0]) & (columns >= 0) & (columns < cell.shape[1])
    places, cells = places[real], cell[rows[real], columns[real]]
    shore = places[cells != _DRY].astype(np.int32)
    both = lay_together([roads, lattice])
    ties = _water_survey(both.lat_e7, both.lon_e7, shore, cells[cells != _DRY] + np.int32(roads.places))
    return with_pieces(both, ties)


def _water_survey(lat_e7: I32, lon_e7: I32, begin: I32, end: I32) -> Survey:
    count = len(begin)
    return Survey(
        lat_e7=lat_e7,
        lon_e7=lon_e7,
        barred=np.zeros(len(lat_e7), np.int8),
        signal=np.zeros(len(lat_e7), np.int8),
        begin=begin,
        end=end,
        length_mm=lengths_mm(lat_e7, lon_e7, begin, end),
        kind=np.full(count, _WATER, np.int8),
        kmh=np.zeros(count, np.float64),
        open_to=np.full(count, BOAT, np.int8),
        one_way=np.full(count, BOTH_WAYS, np.int8),
        way=np.zeros(count, np.int32),
        notes=Counter(),
    )
