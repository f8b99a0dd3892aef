# SPDX-License-Identifier: Apache-2.0
"""The map of zones: a GeoJSON file (RFC 7946) of counties and of places with a police of their own.

Coordinates are WGS-84. A map bought in mainland China is often GCJ-02, some hundred metres off: convert it first.
"""

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import msgspec
import numpy as np

from core.kernels.layout import I64
from core.zones.ground import banded
from core.zones.zone import COUNTY, EXTENT_E7_MAX, Ring, Zone, corners
from gateway.errors import ZonesError

FILE_BYTES_MAX = 64_000_000
"Forty octets for each of the corners below, and as much again for spaces and properties."
ZONES_MAX = 5_000
"China has 2,800 counties: a map of them all, and as many airports and stations again."
CORNERS_MAX = 500_000
"4 MB in each journal that has the map; a province's counties have a tenth. Guess."
PRECEDENCE = {COUNTY: 0}
PRECEDENCE_SPECIAL = 100
DEGREES_TO_E7 = 10_000_000
WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")
"What old files may name as their system (RFC 7946 knows no other)."
TEXT_CHARS_MAX = 128
COMPARED_MAX = 2_000_000
"Pairs of edges looked at in one polygon (0.3 s); a very ragged one is not looked at whole: it is only a doubt."


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    """What a feature says of itself. Other properties are passed over."""

    kind: str
    name: str = ""
    county: str | int = ""
    organ: str = ""
    police_type: str = ""
    precedence: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] | None = None


class ZoneMap(NamedTuple):
    """The zones of a file, and what is doubtful about them."""

    zones: tuple[Zone, ...]
    doubts: tuple[str, ...]
    "One line for each polygon that crosses itself: what is inside of it is anybody's guess."


NO_ZONES = ZoneMap((), ())


def read_zones(path: Path) -> ZoneMap:
    """Read a GeoJSON file. Raises ZonesError: one line that says what is wrong, and where."""
    features = _features(_parsed(path), str(path))
    if not features:
        raise ZonesError(f"{path}: there is not one feature in it")
    if len(features) > ZONES_MAX:
        raise ZonesError(f"{path}: {len(features)} zones; {ZONES_MAX} are the most")
    zones: list[Zone] = []
    special = set[str]()
    doubts: list[str] = []
    many = 0
    for number, feature in enumerate(features, 1):
        zone = _zone(feature, f"{path}, feature {number}")
        where = f"{path}, feature {number} ({zone.name})"
        if zone.kind != COUNTY:
            if zone.name in special:
                raise ZonesError(f"{where}: another special zone has this name")
            special.add(zone.name)
        many += sum(len(ring) // 8 for rings in zone.polygons for ring in rings)
        if many > CORNERS_MAX:
            raise ZonesError(
                f"{where}: up to here {many} corners; {CORNERS_MAX} are the most: simplify the map"
            )
        doubts += [
            f"{where}, polygon {at}: its border crosses itself near {near}"
            for at, rings in enumerate(zone.polygons, 1)
            if (near := _crossing(rings))
        ]
        zones.append(zone)
    return ZoneMap(tuple(zones), tuple(doubts))


def _parsed(path: Path) -> Any:  # noqa: ANN401  JSON
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise ZonesError(f"{path}: {size} bytes; {FILE_BYTES_MAX} are the most")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ZonesError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ZonesError(f"{path} is not UTF-8: byte {error.start}") from None
    if not text.strip():
        raise ZonesError(f"{path} is empty")

    def refuse(name: str) -> NoReturn:
        raise ZonesError(f"{path}: {name} is no number of GeoJSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ZonesError(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except ValueError:  # a number of a thousand digits
        raise ZonesError(f"{path} is not GeoJSON: a number in it cannot be read") from None
    except RecursionError:
        raise ZonesError(f"{path} is not GeoJSON: too deep") from None


def _features(whole: Any, where: str) -> list[Any]:  # noqa: ANN401
    kind = whole.get("type") if isinstance(whole, dict) else None
    if kind not in ("FeatureCollection", "Feature"):
        raise ZonesError(f"{where} is not GeoJSON: its type is {kind!r}, not FeatureCollection")
    system = whole.get("crs")
    if system is not None and not any(name in str(system) for name in WGS84):
        raise ZonesError(f"{where}: coordinates must be WGS-84 degrees, not {str(system)[:80]!a}")
    features = [whole] if kind == "Feature" else whole.get("features")
    if not isinstance(features, list):
        raise ZonesError(f"{where} is not GeoJSON: it has no list of features")
    return features


def _zone(feature: Any, where: str) -> Zone:  # noqa: ANN401
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise ZonesError(f"{where} is not a Feature")
    try:
        said = msgspec.convert(feature.get("properties") or {}, Properties)
    except msgspec.ValidationError as error:
        raise ZonesError(f"{where}, properties: {error}") from None
    county = str(said.county)
    for text in (said.kind, said.name, said.organ, said.police_type):
        if len(text) > TEXT_CHARS_MAX or not text.isprintable():
            raise ZonesError(
                f"{where}, properties: {text[:TEXT_CHARS_MAX]!a} is too long or cannot be printed"
            )
    if county and not (len(county) == 6 and county.isascii() and county.isdigit()):
        raise ZonesError(f"{where}: county {county!r} must be a six-digit GB/T 2260 code")
    if said.kind == COUNTY and not county:
        raise ZonesError(f"{where}: a county needs its code: property county")
    if not said.kind or (said.kind != COUNTY and not said.name):
        raise ZonesError(f"{where}: a zone needs a kind, and a special one a name")
    where = f"{where} ({said.name or county})"
    default = PRECEDENCE.get(said.kind, PRECEDENCE_SPECIAL)
    return Zone(
        name=said.name or county,
        kind=said.kind,
        county=county,
        organ=said.organ,
        police_type=said.police_type,
        precedence=default if said.precedence is None else said.precedence,
        polygons=_polygons(feature.get("geometry"), where),
    )


def _polygons(geometry: Any, where: str) -> tuple[tuple[Ring, ...], ...]:  # noqa: ANN401
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise ZonesError(f"{where}: its geometry is {kind!r}; Polygon or MultiPolygon is wanted")
    given = geometry.get("coordinates")
    several = [given] if kind == "Polygon" else given
    if not isinstance(several, list) or not several:
        raise ZonesError(f"{where}: it has no coordinates")
    found = []
    for number, rings in enumerate(several, 1):
        if not isinstance(rings, list) or not rings:
            raise ZonesError(f"{where}, polygon {number}: it has no rings")
        polygon = f"{where}, polygon {number}"
        packed = tuple([_ring(ring, f"{polygon}, ring {at}") for at, ring in enumerate(rings, 1)])
        whole = np.vstack([corners(ring) for ring in packed]).astype(np.int64)
        if (whole.max(0) - whole.min(0)).max() > EXTENT_E7_MAX:
            raise ZonesError(f"{polygon}: wider than 90°; cut it at the date line (RFC 7946, 3.1.9)")
        found.append(packed)
    return tuple(found)


def _ring(ring: Any, where: str) -> Ring:  # noqa: ANN401
    if not isinstance(ring, list) or len(ring) < 4:
        raise ZonesError(f"{where}: a ring has at least four positions (RFC 7946, 3.1.6)")
    places = [_corner(position, f"{where}, position {at}") for at, position in enumerate(ring, 1)]
    if places[0] != places[-1]:
        raise ZonesError(
            f"{where}: the ring is not closed: the last position must be the first (RFC 7946, 3.1.6)"
        )
    if len(set(places)) < 3:
        raise ZonesError(f"{where}: the ring has no inside")
    return np.array(places[:-1], "<i4").tobytes()


def _corner(position: Any, where: str) -> tuple[int, int]:  # noqa: ANN401
    if not isinstance(position, list) or len(position) < 2:
        raise ZonesError(f"{where} is not [longitude, latitude]")
    lon, lat = position[:2]
    for one in (lon, lat):
        if isinstance(one, bool) or not isinstance(one, int | float):
            raise ZonesError(f"{where}: {one!r} is no number of degrees")
    if abs(lat) > 90 or abs(lon) > 180:
        why = (
            "longitude comes first (RFC 7946, 3.1.1)"
            if abs(lat) <= 180 and abs(lon) <= 90
            else "they look projected; WGS-84 degrees are wanted"
        )
        raise ZonesError(f"{where}: [{lon}, {lat}] are no degrees: {why}")
    return round(lat * DEGREES_TO_E7), round(lon * DEGREES_TO_E7)


def _crossing(rings: tuple[Ring, ...]) -> str:
    """Return where a polygon's border crosses itself (latitude, longitude), empty when it does not.

    Edges that may meet share a band. To touch is allowed: two rings may share a corner.
    """
    _, many, _, counts, edges = banded(rings)
    band = np.repeat(np.arange(many), counts)
    for apart in range(1, min(int(counts.max()), COMPARED_MAX // max(1, len(edges)) + 1)):
        pairs = band[apart:] == band[:-apart]
        one, other = edges[:-apart][pairs].astype(np.int64), edges[apart:][pairs].astype(np.int64)
        met = (_side(one, other[:, :2]) * _side(one, other[:, 2:]) < 0) & (
            _side(other, one[:, :2]) * _side(other, one[:, 2:]) < 0
        )
        if met.any():
            lat_e7, lon_e7 = one[met][0, :2].tolist()
            return f"{lat_e7 / DEGREES_TO_E7:.5f}, {lon_e7 / DEGREES_TO_E7:.5f}"
    return ""


def _side(edges: I64, places: I64) -> I64:
    """Return on which side of each edge each place lies: 1, -1, or 0 when in line with it."""
    way, there = edges[:, 2:] - edges[:, :2], places - edges[:, :2]
    side: I64 = np.sign(there[:, 0] * way[:, 1] - there[:, 1] * way[:, 0])
    return side
