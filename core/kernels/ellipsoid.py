# SPDX-License-Identifier: Apache-2.0
"""The two radii of the earth around a place, as polynomials: what every distance of one question starts from."""

import math

import numpy as np

from core.kernels._jit import kernel
from core.kernels.layout import F64

A_M = 6_378_137.0
"Equatorial radius."
E2 = 6.694_379_990_141_4e-3
"First eccentricity squared."

PLACED = 8
"Elements of `place`, float64: 1e-7° twice, then the radii (core/geodesy.py, `radii_near`)."
LAT0_E7, LON0_E7, M0, M1, M2, C0, C1, C2 = range(PLACED)


@kernel("i8(f8, f8, f8, f8, f8[::1])", trial=lambda: (28.0, 120.7, 0.46947, 0.88295, np.zeros(PLACED)))
def around(lat: float, lon: float, s: float, c: float, place: F64) -> int:
    """Write a place in degrees as the other kernels take it; `s` and `c` are sine and cosine of its latitude.

    Those come from Python: sine and cosine are not the same to the last bit in every library.
    """
    w = 1 - E2 * s * s
    w1, w2 = -2 * E2 * s * c, -2 * E2 * (c * c - s * s)  # dw/dφ, d²w/dφ²
    m = A_M * (1 - E2)
    v = 1 / math.sqrt(w)  # w to the power of -1/2; then of -3/2, -5/2, -7/2
    w3 = v / w
    w5 = w3 / w
    v1 = -0.5 * w3 * w1
    v2 = 0.75 * w5 * w1 * w1 - 0.5 * w3 * w2
    place[LAT0_E7], place[LON0_E7] = lat * 1e7, lon * 1e7
    place[M0] = m * w3
    place[M1] = m * -1.5 * w5 * w1
    place[M2] = m * (3.75 * w5 / w * w1 * w1 - 1.5 * w5 * w2) / 2
    place[C0] = A_M * c * v
    place[C1] = A_M * (c * v1 - s * v)
    place[C2] = A_M * (c * v2 - 2 * s * v1 - c * v) / 2
    return PLACED
