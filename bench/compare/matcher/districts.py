# SPDX-License-Identifier: Apache-2.0
"""Twelve districts that share ragged borders, and who says in which one a place lies."""

from typing import Any

import numpy as np

from core.kernels.layout import F64, I64
from core.zones.ground import Ground
from core.zones.zone import Zone

ROWS, COLUMNS = 3, 4
SOUTH, WEST, SIDE = 27.2, 119.9, 0.4
CORNERS_PER_SIDE = 500
RAGGED = 0.02
PLACES = 2_000


def districts(seed: int) -> list[I64]:
    """Return each district's ring, shape (corners, 2), latitude and longitude in 1e-7°; borders are shared."""
    rng = np.random.default_rng(seed)
    steps = np.arange(CORNERS_PER_SIDE) / CORNERS_PER_SIDE
    level = rng.uniform(-RAGGED, RAGGED, (ROWS + 1, COLUMNS, CORNERS_PER_SIDE))
    upright = rng.uniform(-RAGGED, RAGGED, (ROWS, COLUMNS + 1, CORNERS_PER_SIDE))
    level[:, :, 0] = upright[:, :, 0] = 0  # corners of four stay where they are

    def eastwards(row: int, column: int) -> F64:
        return np.column_stack((row + level[row, column], column + steps))

    def northwards(row: int, column: int) -> F64:
        return np.column_stack((row + steps, column + upright[row, column]))

    rings = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            corners = np.array([[row + 1, column + 1], [row + 1, column]])
            top = np.vstack((corners[:1], eastwards(row + 1, column)[:0:-1]))
            left = np.vstack((corners[1:], northwards(row, column)[:0:-1]))
            ring = np.vstack((eastwards(row, column), northwards(row, column + 1), top, left))
            rings.append(np.round((np.array([SOUTH, WEST]) + SIDE * ring) * 1e7).astype(np.int64))
    return rings


def places(seed: int) -> list[tuple[float, float]]:
    """Return places in and around them."""
    rng = np.random.default_rng(seed)
    lat = rng.uniform(SOUTH - SIDE / 4, SOUTH + (ROWS + 0.25) * SIDE, PLACES)
    lon = rng.uniform(WEST - SIDE / 4, WEST + (COLUMNS + 0.25) * SIDE, PLACES)
    return [
        (round(a * 1e7) / 1e7, round(b * 1e7) / 1e7) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)
    ]


class Ours:
    """The ground."""

    name = "ours"

    def __init__(self, rings: list[I64]) -> None:
        self._ground = Ground(
            tuple(
                Zone(
                    name=str(number),
                    kind="county",
                    county=str(330300 + number),
                    polygons=((ring.astype("<i4").tobytes(),),),
                )
                for number, ring in enumerate(rings)
            )
        )

    def find(self, lat: float, lon: float) -> Any:  # noqa: ANN401
        """Return what is found."""
        return self._ground.find(lat, lon)

    def number(self, found: Any) -> int:  # noqa: ANN401
        """Return which district that is, -1 for none."""
        return int(found.county) - 330300 if found.county else -1


class StrTree:
    """shapely: the tree's boxes, and its prepared polygons."""

    name = "shapely.STRtree"

    def __init__(self, rings: list[I64]) -> None:
        import shapely

        self._shapely = shapely
        self._polygons = shapely.polygons([ring[:, ::-1] / 1e7 for ring in rings])
        shapely.prepare(self._polygons)
        self._tree = shapely.STRtree(self._polygons)

    def find(self, lat: float, lon: float) -> Any:  # noqa: ANN401
        """Return what is found."""
        return self._tree.query(self._shapely.Point(lon, lat), predicate="within")

    def number(self, found: Any) -> int:  # noqa: ANN401
        """Return which district that is, -1 for none."""
        return int(found[0]) if found.size else -1
