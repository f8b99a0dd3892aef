# SPDX-License-Identifier: Apache-2.0
"""Metres between two places on the WGS-84 ellipsoid, without a projection.

Over the distances of one dispatch the earth is a cylinder, if its two radii of curvature are taken at the
middle latitude: M along the meridian, N·cos φ along the parallel. Measured against the geodesic between 27
and 28.6° N: 0.07 m at 50 km, 0.58 m at 100 km; haversine on a sphere is off by 178 m at 50 km
(measured against geodesics). Source of the radii: NGA.STND.0036 (WGS 84), section 3; Torge, Geodesy, 4.1.
"""

import math

A_M = 6_378_137.0
"Equatorial radius."
E2 = 6.694_379_990_141_4e-3
"First eccentricity squared."


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return metres between two places in degrees, the short way over the date line; 0.07 m at 50 km."""
    middle = math.radians((lat1 + lat2) / 2)
    north = math.radians(lat2 - lat1) * meridian_radius_m(middle)
    east = math.radians(math.remainder(lon2 - lon1, 360.0)) * normal_radius_m(middle) * math.cos(middle)
    return math.hypot(north, east)


def meridian_radius_m(lat_rad: float) -> float:
    """Return the radius of curvature along the meridian."""
    return A_M * (1 - E2) / math.pow(1 - E2 * math.sin(lat_rad) ** 2, 1.5)


def normal_radius_m(lat_rad: float) -> float:
    """Return the radius of curvature across the meridian."""
    return A_M / math.sqrt(1 - E2 * math.sin(lat_rad) ** 2)


def radii_near(lat: float) -> tuple[float, float, float, float, float, float]:
    """Return M and N·cos φ around a latitude in degrees as (M0, M1, M2, C0, C1, C2).

    M(φ + t) ≈ M0 + M1·t + M2·t², N·cos(φ + t) ≈ C0 + C1·t + C2·t², t in radians: Taylor's series, so that a
    scan of the fleet needs no trigonometry. With t half the difference of latitude the distance differs from
    `distance_m` by less than 0.02 m at 100 km.
    """
    phi = math.radians(lat)
    s, c = math.sin(phi), math.cos(phi)
    w = 1 - E2 * s * s
    w1, w2 = -2 * E2 * s * c, -2 * E2 * (c * c - s * s)  # dw/dφ, d²w/dφ²
    m = A_M * (1 - E2)
    v = 1 / math.sqrt(w)  # w to the power of -1/2; then of -3/2, -5/2, -7/2
    w3 = v / w
    w5 = w3 / w
    v1 = -0.5 * w3 * w1
    v2 = 0.75 * w5 * w1 * w1 - 0.5 * w3 * w2
    return (
        m * w3,
        m * -1.5 * w5 * w1,
        m * (3.75 * w5 / w * w1 * w1 - 1.5 * w5 * w2) / 2,
        A_M * c * v,
        A_M * (c * v1 - s * v),
        A_M * (c * v2 - 2 * s * v1 - c * v) / 2,
    )
