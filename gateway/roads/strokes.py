# SPDX-License-Identifier: Apache-2.0
"""From places on the earth to strokes on paper: a plane for the picture, and pieces of road joined to long lines."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.roads.survey import I32

Corner = tuple[int, int]
Piece = tuple[Corner, Corner]

TENTHS: Final = 10
"Corners are whole tenths of a pixel: finer than a screen, and short to write."


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A sheet over a box of the earth, north up, as wide or as high as it may be."""

    south: float
    west: float
    x_per_deg: float
    y_per_deg: float
    width: int
    height: int
    left: int
    top: int

    @classmethod
    def over(
        cls, lat_e7: I32, lon_e7: I32, *, width_max: int, height_max: int, left: int, top: int
    ) -> "Plane":
        """Return the plane that shows all of these places."""
        south, north = float(lat_e7.min()) / 1e7, float(lat_e7.max()) / 1e7
        west, east = float(lon_e7.min()) / 1e7, float(lon_e7.max()) / 1e7
        squeeze = max(math.cos(math.radians((south + north) / 2)), 0.01)
        wide, high = max((east - west) * squeeze, 1e-4), max(north - south, 1e-4)
        scale = min(width_max / wide, height_max / high)
        return cls(
            south=south,
            west=west,
            x_per_deg=scale * squeeze,
            y_per_deg=scale,
            width=math.ceil(wide * scale),
            height=math.ceil(high * scale),
            left=left,
            top=top,
        )

    @property
    def px_per_km(self) -> float:
        """How many pixels a kilometre is."""
        return self.y_per_deg / 111.32

    def tenths(self, lat_e7: I32, lon_e7: I32) -> NDArray[np.int64]:
        """Return the corners (n, 2) of places, in tenths of a pixel."""
        x = self.left + (lon_e7 / 1e7 - self.west) * self.x_per_deg
        y = self.top + self.height - (lat_e7 / 1e7 - self.south) * self.y_per_deg
        return np.rint(np.stack((x, y), axis=1) * TENTHS).astype(np.int64)


def path(pieces: Iterable[Piece]) -> str:
    """Return the `d` of one SVG path over all pieces, each drawn once, in as few lines as come of it."""
    links: dict[Corner, dict[Corner, None]] = defaultdict(dict)  # a set that keeps its order
    for one, other in pieces:
        if one != other:
            links[one][other] = None
            links[other][one] = None
    ends = [corner for corner, others in links.items() if len(others) % 2]
    words: list[str] = []
    for corner in (*ends, *list(links)):
        while links[corner]:
            words.append(_line(links, corner))
    return "".join(words)


def _line(links: dict[Corner, dict[Corner, None]], corner: Corner) -> str:
    """Take one line out of the links, as far as it goes."""
    words = [f"M{corner[0]} {corner[1]}l"]
    while links[corner]:
        other = next(iter(links[corner]))
        del links[corner][other]
        del links[other][corner]
        east, south = other[0] - corner[0], other[1] - corner[1]
        words.append(f"{east}{south}" if south < 0 else f"{east} {south}")
        words.append(" ")
        corner = other
    words.pop()
    return "".join(words)
