# SPDX-License-Identifier: Apache-2.0
"""The shapes a place may have, each as the circle that holds it (RFC 5491 5.2). Pure.

Latitude comes first: EPSG 4326 and 4979 both say so (RFC 5491 5.1). Height is read over. An uncertainty needs
no ellipsoid: the Earth is a ball here.
"""

import math
from collections.abc import Callable
from typing import NamedTuple
from xml.etree import ElementTree

POINTS_MAX = 64
"RFC 5491 5.2.3 recommends polygons of at most 15."
EARTH_M = 6_371_008.8
"Mean radius."
DIMENSIONS = {"4326": 2, "4979": 3}
"By EPSG number: WGS-84 flat and with height. Nothing else is a place (RFC 5491 5.1)."


class UnreadableLocationError(Exception):
    """There was something that should have been a location."""


class Circle(NamedTuple):
    """Centre and radius; radius 0 for a point."""

    lat: float
    lon: float
    radius_m: float


def name_of(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _point(shape: ElementTree.Element) -> Circle:
    return Circle(*_centre(shape), 0.0)


def _circle(shape: ElementTree.Element) -> Circle:
    """Return a circle, or the shadow of a sphere."""
    return Circle(*_centre(shape), _number(shape, "radius"))


def _ellipse(shape: ElementTree.Element) -> Circle:
    """Return the circle around an ellipse, or around the shadow of an ellipsoid: its longer half axis."""
    axes = _number(shape, "semiMajorAxis"), _number(shape, "semiMinorAxis", 0.0)
    return Circle(*_centre(shape), max(axes))


def _arc_band(shape: ElementTree.Element) -> Circle:
    """Return the smallest circle around a sector of a ring: what a mast knows of a telephone's distance.

    Along the bisector the circle is bound by the ends of the outer arc, as long as those of the inner one are
    nearer; from half a turn on it is the outer circle itself.
    """
    lat, lon = _centre(shape)
    inner, outer = sorted((_number(shape, "innerRadius"), _number(shape, "outerRadius")))
    start = _number(shape, "startAngle")
    opening = _number(shape, "openingAngle")
    if start > 360 or opening > 360:
        raise UnreadableLocationError("not an angle")
    if opening >= 180:
        return Circle(lat, lon, outer)
    half = math.radians(opening / 2)
    away = min(outer * math.cos(half), (inner + outer) / (2 * math.cos(half)))
    radius_m = math.sqrt(max(0.0, outer * outer - 2 * outer * away * math.cos(half) + away * away))
    return Circle(*_moved(lat, lon, away, start + opening / 2), radius_m)


def _polygon(shape: ElementTree.Element) -> Circle:
    """Return the mean of the corners and the distance of the farthest: a circle that holds them all.

    A prism is its base.
    """
    width = _dimensions(shape) or 2
    flat = [n for part in shape.iter() if name_of(part) == "posList" for n in _numbers(part.text)]
    corners = list(zip(flat[::width], flat[1::width], strict=False))
    if not corners:
        singles = [_numbers(part.text) for part in shape.iter() if name_of(part) == "pos"]
        corners = [(one[0], one[1]) for one in singles if len(one) > 1]
    if not 3 <= len(corners) <= POINTS_MAX or (flat and len(flat) % width):
        raise UnreadableLocationError("not a polygon")
    ring = corners[:-1] if corners[0] == corners[-1] else corners
    for corner in ring:
        _checked(*corner)
    lat, lon = sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)
    return Circle(lat, lon, max(_apart_m(lat, lon, p[0], p[1]) for p in ring))


def _dimensions(shape: ElementTree.Element) -> int:
    """Return how many numbers a position has, by what the shape or a part of it says; 0: nothing was said."""
    said = 0
    for part in shape.iter():
        srs = part.get("srsName")
        if not srs:
            continue
        dimensions = DIMENSIONS.get(srs.rpartition(":")[2])
        if dimensions is None:
            raise UnreadableLocationError("not WGS-84")
        said = said or dimensions
    return said


def _centre(shape: ElementTree.Element) -> tuple[float, float]:
    _dimensions(shape)
    at = _numbers(next((part.text for part in shape.iter() if name_of(part) == "pos"), None))
    if len(at) not in (2, 3):
        raise UnreadableLocationError("no position")
    return _checked(at[0], at[1])


def _number(shape: ElementTree.Element, name: str, default: float | None = None) -> float:
    """Return a length in metres or an angle in degrees: RFC 5491 5.2 allows no other unit."""
    text = next((part.text for part in shape.iter() if name_of(part) == name), None)
    if text is None and default is not None:
        return default
    found = _numbers(text)
    if len(found) != 1 or not 0 <= found[0] <= math.pi * EARTH_M:
        raise UnreadableLocationError(f"no {name}")
    return found[0]


def _numbers(text: str | None) -> list[float]:
    try:
        numbers = [float(word) for word in (text or "").split()]
    except ValueError as wrong:
        raise UnreadableLocationError("not a number") from wrong
    if not all(map(math.isfinite, numbers)):
        raise UnreadableLocationError("not finite")
    return numbers


def _checked(lat: float, lon: float) -> tuple[float, float]:
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise UnreadableLocationError("not on Earth")
    return lat, lon


def _apart_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    north = math.radians(other_lat - lat)
    east = math.radians(other_lon - lon) * math.cos(math.radians(lat))
    return EARTH_M * math.hypot(north, east)


def _moved(lat: float, lon: float, away_m: float, bearing_deg: float) -> tuple[float, float]:
    """Return the place so far away, on a flat Earth; good to metres over a mast's reach."""
    bearing, turn = math.radians(bearing_deg), away_m / EARTH_M
    north = math.degrees(turn * math.cos(bearing))
    east = math.degrees(turn * math.sin(bearing) / max(math.cos(math.radians(lat)), 1e-6))
    return _checked(lat + north, lon + east)


SHAPES: dict[str, Callable[[ElementTree.Element], Circle]] = {
    "Point": _point,
    "Circle": _circle,
    "Sphere": _circle,
    "Ellipse": _ellipse,
    "Ellipsoid": _ellipse,
    "ArcBand": _arc_band,
    "Polygon": _polygon,
    "Prism": _polygon,
}
"RFC 5491 5.2, by element name."
