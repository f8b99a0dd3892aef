# SPDX-License-Identifier: Apache-2.0
"""Chinese map datums to WGS-84, once, at the edge. Pure.

GCJ-02 shifts WGS-84 by up to some 700 m with a published-by-others formula over Krasovsky's ellipsoid; BD-09
shifts GCJ-02 again. Neither has a closed inverse: the inverse here repeats "move by the error of the forward
shift" until it moves less than 0.1 mm. Outside China there is no shift.
"""

import math
from collections.abc import Callable

KRASOVSKY_A_M = 6_378_245.0
KRASOVSKY_EE = 0.00669342162296594323
STEPS_MAX = 12  # four are enough anywhere in China; the rest is a bound
STEP_DEG_MIN = 1e-9  # 0.1 mm
_BD_PI = math.pi * 3000.0 / 180.0

LatLon = tuple[float, float]


def in_china(lat: float, lon: float) -> bool:
    """Return whether the shift applies: the rectangle every map vendor uses."""
    return 0.8293 <= lat <= 55.8271 and 72.004 <= lon <= 137.8347


def gcj02_from_wgs84(lat: float, lon: float) -> LatLon:
    """Return the shifted position."""
    return _shifted(lat, lon) if in_china(lat, lon) else (lat, lon)


def wgs84_from_gcj02(lat: float, lon: float) -> LatLon:
    """Return the true position."""
    return _inverse(_shifted, lat, lon) if in_china(lat, lon) else (lat, lon)


def bd09_from_wgs84(lat: float, lon: float) -> LatLon:
    """Return the position shifted twice."""
    return _bd09_from_gcj02(*_shifted(lat, lon)) if in_china(lat, lon) else (lat, lon)


def wgs84_from_bd09(lat: float, lon: float) -> LatLon:
    """Return the true position."""
    if not in_china(lat, lon):
        return lat, lon
    return _inverse(_shifted, *_inverse(_bd09_from_gcj02, lat, lon))


def _inverse(forward: Callable[[float, float], LatLon], lat: float, lon: float) -> LatLon:
    """Return where `forward` leads to (lat, lon), to less than a millimetre."""
    at_lat, at_lon = lat, lon
    for _ in range(STEPS_MAX):
        there_lat, there_lon = forward(at_lat, at_lon)
        off_lat, off_lon = there_lat - lat, there_lon - lon
        at_lat -= off_lat
        at_lon -= off_lon
        if abs(off_lat) < STEP_DEG_MIN and abs(off_lon) < STEP_DEG_MIN:
            break
    return at_lat, at_lon


def _shifted(lat: float, lon: float) -> LatLon:
    east, north = lon - 105.0, lat - 35.0
    phi = math.radians(lat)
    m = 1.0 - KRASOVSKY_EE * math.sin(phi) ** 2
    metres_per_lat = KRASOVSKY_A_M * (1.0 - KRASOVSKY_EE) / (m * math.sqrt(m)) * math.pi / 180.0
    metres_per_lon = KRASOVSKY_A_M / math.sqrt(m) * math.cos(phi) * math.pi / 180.0
    return (
        lat + _north_m(east, north) / metres_per_lat,
        lon + _east_m(east, north) / metres_per_lon,
    )


def _north_m(x: float, y: float) -> float:
    plain = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    return plain + (_ripple(x) + _waves(y, 20.0, 40.0) + _swell(y, 160.0, 12.0, 320.0)) * 2.0 / 3.0


def _east_m(x: float, y: float) -> float:
    plain = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    return plain + (_ripple(x) + _waves(x, 20.0, 40.0) + _swell(x, 150.0, 12.0, 300.0)) * 2.0 / 3.0


def _ripple(x: float) -> float:
    return 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)


def _waves(z: float, high: float, low: float) -> float:
    return high * math.sin(z * math.pi) + low * math.sin(z / 3.0 * math.pi)


def _swell(z: float, high: float, length: float, low: float) -> float:
    return high * math.sin(z / length * math.pi) + low * math.sin(z * math.pi / 30.0)


def _bd09_from_gcj02(lat: float, lon: float) -> LatLon:
    z = math.hypot(lat, lon) + 0.00002 * math.sin(lat * _BD_PI)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _BD_PI)
    return z * math.sin(theta) + 0.006, z * math.cos(theta) + 0.0065


WGS84_FROM: dict[str, Callable[[float, float], LatLon]] = {
    "wgs84": lambda lat, lon: (lat, lon),
    "gcj02": wgs84_from_gcj02,
    "bd09": wgs84_from_bd09,
}
"By the names of core.events.Datum."
FROM_WGS84: dict[str, Callable[[float, float], LatLon]] = {
    "wgs84": lambda lat, lon: (lat, lon),
    "gcj02": gcj02_from_wgs84,
    "bd09": bd09_from_wgs84,
}
"... and out again, for whoever draws on another datum's map."
