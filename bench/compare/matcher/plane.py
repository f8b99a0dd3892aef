# SPDX-License-Identifier: Apache-2.0
"""The city on a plane, for neighbours that know no other: Gauss-Krüger about its middle, good to 1e-4."""

import math

import numpy as np

from bench.compare.matcher.world import EAST, NORTH, SOUTH, WEST
from core.geodesy import A_M, E2
from core.kernels.layout import F64

MIDDLE = (math.radians((SOUTH + NORTH) / 2), math.radians((WEST + EAST) / 2))


def plane(lat: F64, lon: F64) -> tuple[F64, F64]:
    """Return metres east and north of the middle of the city."""
    phi, east = np.radians(lat), np.radians(lon) - MIDDLE[1]
    s, c = np.sin(phi), np.cos(phi)
    normal = A_M / np.sqrt(1 - E2 * s * s)
    north = phi - MIDDLE[0]
    arc = north / 6 * (_meridian(MIDDLE[0]) + 4 * _meridian(MIDDLE[0] + north / 2) + _meridian(phi))
    x = normal * c * east + normal * c**3 * east**3 / 6 * (1 - (s / c) ** 2)
    return x, arc + normal * s * c * east**2 / 2


def _meridian(phi: float | F64) -> F64:
    radius: F64 = A_M * (1 - E2) / (1 - E2 * np.sin(phi) ** 2) ** 1.5
    return radius
