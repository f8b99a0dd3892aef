# SPDX-License-Identifier: Apache-2.0
"""One zone, as it is journaled."""

import msgspec
import numpy as np

from core.kernels.layout import I32

COUNTY = "county"
"The kind that says which county an incident belongs to; every other kind is special."
EXTENT_E7_MAX = 900_000_000
"A polygon of more than 90° is a mistake (or lies across the date line), and its products would not fit 63 bits."

Ring = bytes
"int32 little-endian, (lat, lon) in 1e-7° for each corner; the last is joined to the first."


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of ground that belongs to someone: a county, or an airport, a railway, the sea, a motorway."""

    name: str
    kind: str
    county: str = ""
    "GB/T 2260; of a special zone: the county its incidents belong to, empty when the ground says."
    organ: str = ""
    "Whose units know their way there."
    police_type: str = ""
    precedence: int = 0
    "Of several zones here the highest counts, then the smallest."
    polygons: tuple[tuple[Ring, ...], ...]
    "Each with its outer ring first, then its holes."


def corners(ring: Ring) -> I32:
    """Return the corners of a ring, shape (corners, 2): latitude and longitude in 1e-7°."""
    return np.frombuffer(ring, "<i4").reshape(-1, 2).astype(np.int32)


def area(zone: Zone) -> int:
    """Return twice its area in square 1e-7°, holes taken away: good for comparing zones of one neighbourhood."""
    return sum(
        (1 if at == 0 else -1) * _doubled(corners(ring))
        for rings in zone.polygons
        for at, ring in enumerate(rings)
    )


def _doubled(ring: I32) -> int:
    # Away from the first corner the products are small; Python's integers hold any sum.
    lats, lons = (ring.astype(np.int64) - ring[0].astype(np.int64)).T
    parts: list[int] = (lats * np.roll(lons, -1) - np.roll(lats, -1) * lons).tolist()
    return abs(sum(parts))
