# SPDX-License-Identifier: Apache-2.0
"""In which polygon a place lies: whole 1e-7°, so the answer is exact and every replay has the same.

A polygon's edges are kept in bands of latitude, and a question reads one band. Coordinates within one polygon
differ by less than 90° (core/zones/zone.py), so the products below stay within 2^61.

On a border: inside is who has the border to the west or to the south of itself. So a place on a border that two
polygons share is in one of them, the eastern or the northern, never in both and never in none.
"""

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import I32, I64

SOUTH, WEST, NORTH, EAST = range(4)
"Columns of `boxes`, int32, shape (polygons, 4), both ends included."
FIRST, BANDS, HEIGHT = range(3)
"Columns of `bands`, int64, shape (polygons, 3): the polygon's first band in `starts`, how many, and their height."
LAT1, LON1, LAT2, LON2 = range(4)
"Columns of `edges`, int32, shape (entries, 4): band by band, an edge once in every band it touches."

NOWHERE = -1


def _squares() -> tuple[I32, I64, I64, I32]:
    """Return two squares side by side, the eastern with a hole and in two bands."""
    boxes = np.array([[0, 0, 10, 10], [0, 10, 10, 20]], np.int32)
    bands = np.array([[0, 1, 11], [1, 2, 6]], np.int64)
    starts = np.array([0, 2, 6, 8], np.int64)
    edges = [[0, 0, 10, 0], [10, 10, 0, 10]]
    edges += [[0, 10, 10, 10], [10, 20, 0, 20], [4, 14, 6, 14], [6, 16, 4, 16]]
    edges += [[0, 10, 10, 10], [10, 20, 0, 20]]
    return boxes, bands, starts, np.array(edges, np.int32)


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], i8[::1], i4[:, ::1], i8, i8, i8, i8)",
    trial=lambda: (*_squares(), 5, 17, 0, 2),
)
def find(
    boxes: I32, bands: I64, starts: I64, edges: I32, lat_e7: int, lon_e7: int, first: int, last: int
) -> int:
    """Return the first polygon of [first, last) that holds the place, or NOWHERE."""
    for polygon in range(first, last):
        if (
            lat_e7 < boxes[polygon, SOUTH]
            or lat_e7 > boxes[polygon, NORTH]
            or lon_e7 < boxes[polygon, WEST]
            or lon_e7 > boxes[polygon, EAST]
        ):
            continue
        band = bands[polygon, FIRST] + (lat_e7 - boxes[polygon, SOUTH]) // bands[polygon, HEIGHT]
        inside = False
        for edge in range(starts[band], starts[band + 1]):
            lat1, lat2 = int(edges[edge, LAT1]), int(edges[edge, LAT2])
            if (lat1 > lat_e7) == (lat2 > lat_e7):
                continue
            lon1, lon2 = int(edges[edge, LON1]), int(edges[edge, LON2])
            # The edge passes east of the place: which side of a line that is depends on the way it goes.
            side = (lat_e7 - lat1) * (lon2 - lon1) - (lon_e7 - lon1) * (lat2 - lat1)
            if (side > 0) == (lat2 > lat1) and side != 0:
                inside = not inside
        if inside:
            return polygon
    return NOWHERE
