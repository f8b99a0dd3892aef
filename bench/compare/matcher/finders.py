# SPDX-License-Identifier: Apache-2.0
"""The contenders, each as its users would write it.

What can be laid out beforehand is, untimed: each has its moves in arrays and its questions in the coordinates it
likes. Ours is asked in degrees. `ours with columns` is what the gateway pays in all, from the packed fixes on.
"""

import math
from collections import defaultdict
from typing import ClassVar

import numpy as np

from bench.compare.matcher.plane import plane
from bench.compare.matcher.world import NOW_S, REACH_M, K, World
from core.kernels import grid
from core.kernels.layout import I64
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from core.units.index import NOBODY, around

NOW_MS, LOST_MS = NOW_S * 1000, 120_000
SPHERE_M = 6_371_008.8
ON_A_SPHERE = 0.005
"What distances on a sphere may differ from those on the ellipsoid."
ON_A_PLANE = 0.000_2


class Finder:
    """One contender. `tick` and `ask` are timed."""

    name: ClassVar[str]
    package: ClassVar[str] = ""
    slack: ClassVar[float] = ON_A_PLANE

    def __init__(self, begin: World) -> None:
        """Lay everything out."""

    def tick(self, number: int) -> None:
        """Take the moves of one tick."""
        raise NotImplementedError

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows of the nearest, nearest first."""
        raise NotImplementedError

    def elsewhere_s(self) -> float:
        """Return CPU seconds spent for us in another process so far."""
        return 0.0

    def close(self) -> None:
        """Leave nothing behind."""


class WithColumns(Finder):
    """Ours as the gateway has it: packed fixes are taken apart, late ones refused, speeds kept, units freed singly."""

    name = "ours with columns"
    slack = 0.0

    def __init__(self, begin: World) -> None:
        self._columns = columns = UnitColumns()
        units = begin.mask.size
        for _ in range(units):
            columns.add()
        records = np.zeros(units, FIX_DTYPE)
        records["unit"], records["fix_s"] = np.arange(units), NOW_S
        records["lat_e7"], records["lon_e7"] = begin.lat_e7, begin.lon_e7
        columns.apply_fixes(records.tobytes())
        for row, (mask, free) in enumerate(zip(begin.mask.tolist(), begin.free.tolist(), strict=True)):
            columns.describe(row, county=0, capabilities=mask)
            columns.set_barred(row, Barred.FREE if free else Barred.BUSY)
        self._records = [tick.records for tick in begin.ticks]
        self._flipped = [
            [(row, Barred.FREE if free else Barred.BUSY) for row, free in tick.flipped]
            for tick in begin.ticks
        ]
        self._queries = [[(one.lat, one.lon, one.need) for one in tick.queries] for tick in begin.ticks]
        columns.index.nearest(
            around(28.0, 120.7), need=0, k=K, reach_m=REACH_M, now_ms=NOW_MS, lost_ms=LOST_MS
        )

    def tick(self, number: int) -> None:
        """As the engine does it."""
        columns = self._columns
        columns.apply_fixes(self._records[number])
        for row, barred in self._flipped[number]:
            columns.set_barred(row, barred)

    def ask(self, tick: int, query: int) -> list[int]:
        """As the matcher does it."""
        lat, lon, need = self._queries[tick][query]
        place = around(lat, lon)
        rows, _ = self._columns.index.nearest(
            place, need=need, k=K, reach_m=REACH_M, now_ms=NOW_MS, lost_ms=LOST_MS
        )
        found: list[int] = rows.tolist()
        return found


class Ours(WithColumns):
    """The unit index alone, with its moves in arrays as everybody else has them."""

    name = "ours"

    def __init__(self, begin: World) -> None:
        super().__init__(begin)
        self._moves = [
            (
                tick.rows,
                tick.lat_e7.astype(np.int32),
                tick.lon_e7.astype(np.int32),
                begin.mask[tick.rows] | tick.free,
            )
            for tick in begin.ticks
        ]

    def tick(self, number: int) -> None:
        """Write three columns and let the index follow."""
        columns = self._columns
        rows, lat_e7, lon_e7, mask = self._moves[number]
        columns.lat_e7[rows], columns.lon_e7[rows], columns.mask[rows] = lat_e7, lon_e7, mask
        columns.index.follow(rows)


class Scan(Ours):
    """Our scan of all rows: what serves below INDEX_FROM."""

    name = "our scan"

    def __init__(self, begin: World) -> None:
        super().__init__(begin)
        self._columns.index.forget()
        self._found = np.zeros((grid.FOUND, K), np.int64)

    def ask(self, tick: int, query: int) -> list[int]:
        """One kernel call."""
        lat, lon, need = self._queries[tick][query]
        columns, found = self._columns, self._found
        asked = (columns.rows, need | 1, NOW_S - 120, REACH_M, K)
        many = grid.scan(columns.narrow, columns.wide, around(lat, lon), NOBODY, found, *asked)
        rows: list[int] = found[grid.FOUND_ROW, :many].tolist()
        return rows


class OnThePlane(Finder):
    """Who has coordinates in metres, in two columns."""

    def __init__(self, begin: World) -> None:
        self.x, self.y = plane(begin.lat_e7 / 1e7, begin.lon_e7 / 1e7)
        self.free, self.mask = begin.free.copy(), begin.mask
        self.moves = [
            (tick.rows, *plane(tick.lat_e7 / 1e7, tick.lon_e7 / 1e7), tick.free) for tick in begin.ticks
        ]
        self.queries = [
            [(*_spot(one.lat, one.lon), one.need) for one in tick.queries] for tick in begin.ticks
        ]
        self.able: I64 = np.flatnonzero(self.free)
        self.settle()

    def tick(self, number: int) -> None:
        """Move them, and build what is asked anew."""
        rows, x, y, free = self.moves[number]
        self.x[rows], self.y[rows], self.free[rows] = x, y, free
        self.settle()

    def settle(self) -> None:
        """Build."""


class Numpy(OnThePlane):
    """Every distance, then the ten least of them."""

    name = "numpy"

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        x, y, need = self.queries[tick][query]
        square = (self.x - x) ** 2 + (self.y - y) ** 2
        square[~(self.free & (self.mask & need == need))] = np.inf
        first = np.argpartition(square, K)[:K]
        first = first[np.argsort(square[first])]
        found: list[int] = first[square[first] <= REACH_M**2].tolist()
        return found


class KdTree(OnThePlane):
    """scipy's cKDTree over the free units, in its quickest build; more neighbours until ten can do it."""

    name = "scipy.cKDTree"
    package = "scipy"

    def settle(self) -> None:
        """Build the tree."""
        from scipy.spatial import cKDTree

        self.able = np.flatnonzero(self.free)
        places = np.column_stack((self.x[self.able], self.y[self.able]))
        self.tree = cKDTree(places, balanced_tree=False, compact_nodes=False)
        self.can = self.mask[self.able]

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        x, y, need = self.queries[tick][query]
        many = 32
        while True:
            many = min(many, self.able.size)
            metres, near = self.tree.query((x, y), k=many, distance_upper_bound=REACH_M)
            near = near[np.isfinite(metres)]
            can = near[self.can[near] & need == need]
            if can.size >= K or near.size < many or many == self.able.size:
                found: list[int] = self.able[can[:K]].tolist()
                return found
            many *= 4


class StrTree(OnThePlane):
    """shapely's STRtree; an eighth of the reach first, and then all of it."""

    name = "shapely.STRtree"
    package = "shapely"

    def settle(self) -> None:
        """Build the tree."""
        import shapely

        self.able = np.flatnonzero(self.free)
        self.tree = shapely.STRtree(shapely.points(self.x[self.able], self.y[self.able]))
        self.can = self.mask[self.able]
        self.point = shapely.Point

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        x, y, need = self.queries[tick][query]
        for reach_m in (REACH_M / 8, REACH_M):
            near = self.tree.query(self.point(x, y), predicate="dwithin", distance=reach_m)
            near = near[self.can[near] & need == need]
            if near.size >= K:
                break
        rows = self.able[near]
        square = (self.x[rows] - x) ** 2 + (self.y[rows] - y) ** 2
        found: list[int] = rows[np.argsort(square)[:K]].tolist()
        return found


class BallTree(Finder):
    """scikit-learn's BallTree with the haversine metric: the usual answer for latitude and longitude."""

    name = "sklearn.BallTree"
    package = "scikit-learn"
    slack = ON_A_SPHERE

    def __init__(self, begin: World) -> None:
        self.places = np.radians(np.column_stack((begin.lat_e7, begin.lon_e7)) / 1e7)
        self.free, self.mask = begin.free.copy(), begin.mask
        self.moves = [
            (tick.rows, np.radians(np.column_stack((tick.lat_e7, tick.lon_e7)) / 1e7), tick.free)
            for tick in begin.ticks
        ]
        self.queries = [
            [(np.radians([[one.lat, one.lon]]), one.need) for one in tick.queries] for tick in begin.ticks
        ]
        self._build()

    def _build(self) -> None:
        from sklearn.neighbors import BallTree as Tree

        self.able = np.flatnonzero(self.free)
        self.tree = Tree(self.places[self.able], metric="haversine")
        self.can = self.mask[self.able]

    def tick(self, number: int) -> None:
        """Move them and build the tree."""
        rows, places, free = self.moves[number]
        self.places[rows], self.free[rows] = places, free
        self._build()

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        place, need = self.queries[tick][query]
        many = 32
        while True:
            many = min(many, self.able.size)
            arcs, near = self.tree.query(place, k=many)
            near = near[0][arcs[0] * SPHERE_M <= REACH_M]
            can = near[self.can[near] & need == need]
            if can.size >= K or near.size < many or many == self.able.size:
                found: list[int] = self.able[can[:K]].tolist()
                return found
            many *= 4


class Hexagons(OnThePlane):
    """Uber's h3: a dictionary of cells (resolution 8, half a kilometre), searched ring by ring."""

    name = "h3"
    package = "h3"
    RESOLUTION = 8
    RING = 1.5 * 0.9
    "Edges by which the next ring is farther at least, with a tenth off for the cells' distortion."

    def __init__(self, begin: World) -> None:
        import h3

        self.h3 = h3
        super().__init__(begin)
        self.edge_m = h3.average_hexagon_edge_length(self.RESOLUTION, "m")
        self.degrees = [[(one.lat, one.lon) for one in tick.queries] for tick in begin.ticks]
        self.placed = [
            list(
                zip(
                    tick.rows.tolist(),
                    (tick.lat_e7 / 1e7).tolist(),
                    (tick.lon_e7 / 1e7).tolist(),
                    *(column.tolist() for column in moves[1:]),
                    strict=True,
                )
            )
            for tick, moves in zip(begin.ticks, self.moves, strict=True)
        ]
        self.xs, self.ys, self.masks = self.x.tolist(), self.y.tolist(), self.mask.tolist()
        self.cells: dict[str, set[int]] = defaultdict(set)
        self.cell_of: list[str] = [""] * len(self.masks)
        places = zip((begin.lat_e7 / 1e7).tolist(), (begin.lon_e7 / 1e7).tolist(), strict=True)
        for row, (lat, lon) in enumerate(places):
            if begin.free[row]:
                self._move(row, h3.latlng_to_cell(lat, lon, self.RESOLUTION))

    def _move(self, row: int, cell: str) -> None:
        if self.cell_of[row]:
            self.cells[self.cell_of[row]].discard(row)
        if cell:
            self.cells[cell].add(row)
        self.cell_of[row] = cell

    def tick(self, number: int) -> None:
        """Move them one by one."""
        for row, lat, lon, x, y, free in self.placed[number]:
            self.xs[row], self.ys[row] = x, y
            cell = self.h3.latlng_to_cell(lat, lon, self.RESOLUTION) if free else ""
            if cell != self.cell_of[row]:
                self._move(row, cell)

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        x, y, need = self.queries[tick][query]
        middle = self.h3.latlng_to_cell(*self.degrees[tick][query], self.RESOLUTION)
        found: list[tuple[float, int]] = []
        ring = 0
        while True:
            for cell in self.h3.grid_ring(middle, ring):
                for row in self.cells.get(cell, ()):
                    metres = math.hypot(self.xs[row] - x, self.ys[row] - y)
                    if self.masks[row] & need == need and metres <= REACH_M:
                        found.append((metres, row))
            least_m = ring * self.edge_m * self.RING - self.edge_m
            found.sort()
            if least_m > REACH_M or (len(found) >= K and found[K - 1][0] <= least_m):
                return [row for _, row in found[:K]]
            ring += 1


def _spot(lat: float, lon: float) -> tuple[float, float]:
    x, y = plane(np.float64(lat), np.float64(lon))  # type: ignore[arg-type]
    return float(x), float(y)


HERE: tuple[type[Finder], ...] = (Ours, WithColumns, Scan, KdTree, StrTree, BallTree, Hexagons, Numpy)
