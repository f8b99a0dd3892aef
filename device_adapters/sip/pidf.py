# SPDX-License-Identifier: Apache-2.0
"""Where the caller is, when the INVITE carries it: PIDF-LO by value (RFC 4119, RFC 5491, RFC 5139, RFC 6442).

XML comes from strangers: no document type, no entities, a size cap, and only then the parser. What cannot
be read is no location; the call goes on.
"""

import math
import re
from typing import NamedTuple
from xml.etree import ElementTree

from core.events import Location
from device_adapters.sip.body import Part
from device_adapters.sip.message import Message

PIDF = "application/pidf+xml"
PIDF_BYTES_MAX = 32_768
"A long civic address with a polygon is 4 kB."
TAGS_MAX = 1_000
"Opening and closing together; a polygon of POINTS_MAX with a civic address has some 250."
POINTS_MAX = 64
"RFC 5491 5.2.3 recommends polygons of at most 15."
EARTH_M = 6_371_008.8
"Mean radius; an uncertainty needs no ellipsoid."

_CID = re.compile(r"<?\s*cid:([^>;\s]+)", re.IGNORECASE)
_DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_EPSG = re.compile(r"(?:^|:)(4326|4979)$")
CIVIC_ORDER = (
    *"country A1 A2 A3 A4 A5 A6 PRM PRD RD STS POD HNO HNS LMK LOC".split(),
    *"NAM BLD UNIT FLR ROOM SEAT PLC".split(),  # codespell:ignore
)
"RFC 5139 3: from the land to the seat; what is not here stands behind."


class Place(NamedTuple):
    """What a PIDF-LO said: coordinates, a civic address, or both."""

    location: Location | None
    address: str


class UnreadableLocationError(Exception):
    """There was something that should have been a location."""


def place_of(message: Message, parts: list[Part]) -> Place | None:
    """Return the location an INVITE carries by value, or None when it carries none."""
    chosen = _chosen(message, parts)
    return None if chosen is None else read_pidf(chosen.content)


def read_pidf(document: bytes) -> Place:
    """Read one PIDF-LO; raise UnreadableLocationError when it holds no place we understand."""
    root = _parsed(document)
    address = next(filter(None, map(_civic, _all(root, "civicAddress"))), "")
    for shape in root.iter():
        reader = SHAPES.get(_name(shape))
        if reader is not None:
            lat, lon, uncertainty_m = reader(shape)
            source = "pidf-lo"
            place = Location(lat=lat, lon=lon, uncertainty_m=uncertainty_m, source=source, address=address)
            return Place(place, address)
    if not address:
        raise UnreadableLocationError("no shape and no civic address")
    return Place(None, address)


def _chosen(message: Message, parts: list[Part]) -> Part | None:
    """Return the part Geolocation points to, else the first of the right kind (RFC 6442 4.1)."""
    located = [part for part in parts if part.kind == PIDF]
    for value in message.listed("geolocation"):
        cid = _CID.match(value)
        if cid is not None:
            for part in located:
                if part.content_id == cid[1]:
                    return part
    return located[0] if located else None


def _parsed(document: bytes) -> ElementTree.Element:
    if len(document) > PIDF_BYTES_MAX:
        raise UnreadableLocationError("too long")
    if document.count(b"<") > TAGS_MAX:
        raise UnreadableLocationError("too many tags")
    if b"\0" in document or _DECLARATION.search(document):
        raise UnreadableLocationError("declarations or UTF-16")
    try:
        return ElementTree.fromstring(document.strip())  # noqa: S314 - no declarations, so nothing to expand
    except (ElementTree.ParseError, ValueError, LookupError) as wrong:
        raise UnreadableLocationError("not XML") from wrong


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if _name(element) == name]


def _civic(civic: ElementTree.Element) -> str:
    given = {_name(child): " ".join((child.text or "").split()) for child in civic}
    order = [*CIVIC_ORDER, *sorted(set(given) - set(CIVIC_ORDER))]
    return " ".join(given[name] for name in order if given.get(name))


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


def _position(shape: ElementTree.Element) -> tuple[float, float]:
    """Return latitude and longitude: EPSG 4326 and 4979 both say latitude first (RFC 5491 5.1)."""
    srs = shape.get("srsName", "")
    if srs and not _EPSG.search(srs):
        raise UnreadableLocationError("not WGS-84")
    at = _numbers(next((pos.text for pos in _all(shape, "pos")), None))
    if len(at) not in (2, 3):
        raise UnreadableLocationError("no position")
    return _checked(at[0], at[1])


def _length(shape: ElementTree.Element, name: str) -> float:
    found = _numbers(next((length.text for length in _all(shape, name)), None))
    if len(found) != 1 or found[0] < 0:
        raise UnreadableLocationError(f"no {name}")
    return found[0]


def _point(shape: ElementTree.Element) -> tuple[float, float, float]:
    return (*_position(shape), 0.0)


def _circle(shape: ElementTree.Element) -> tuple[float, float, float]:
    return (*_position(shape), _length(shape, "radius"))


def _ellipse(shape: ElementTree.Element) -> tuple[float, float, float]:
    return (*_position(shape), _length(shape, "semiMajorAxis"))


def _polygon(shape: ElementTree.Element) -> tuple[float, float, float]:
    """Return the mean of the corners and the distance of the farthest: a circle that holds them all."""
    srs = shape.get("srsName", "")
    if srs and not _EPSG.search(srs):
        raise UnreadableLocationError("not WGS-84")
    width = 3 if srs.endswith("4979") else 2
    flat = [n for part in _all(shape, "posList") for n in _numbers(part.text)]
    corners = list(zip(flat[::width], flat[1::width], strict=False))
    corners = corners or [
        (n[0], n[1]) for n in (_numbers(pos.text) for pos in _all(shape, "pos")) if len(n) > 1
    ]
    if not 3 <= len(corners) <= POINTS_MAX:
        raise UnreadableLocationError("not a polygon")
    ring = corners[:-1] if corners[0] == corners[-1] else corners
    lat, lon = _checked(sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring))
    return lat, lon, max(_apart_m(lat, lon, p[0], p[1]) for p in ring)


def _apart_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    north = math.radians(other_lat - lat)
    east = math.radians(other_lon - lon) * math.cos(math.radians(lat))
    return EARTH_M * math.hypot(north, east)


SHAPES = {
    "Point": _point,
    "Circle": _circle,
    "Ellipse": _ellipse,
    "Sphere": _circle,
    "Ellipsoid": _ellipse,
    "Polygon": _polygon,
}
"RFC 5491 5.2: shapes by element name. An arc band is not simple: without another shape it is no location."
