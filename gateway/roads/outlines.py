# SPDX-License-Identifier: Apache-2.0
"""Outlines of water or land: polygons from GeoJSON or OpenStreetMap, and the cells of a grid that lie in them."""

import math
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.errors import RoadSourceError
from gateway.roads import osm
from gateway.roads.survey import BYTES_MAX, F64

Bool = NDArray[np.bool_]
Polygon = list[F64]
"Rings of (n, 2) lon, lat; the first is the outer one, the others are holes."

POINTS_MAX: Final = 20_000_000
"Corners of all outlines together: all coasts of China in full detail have about a tenth (guess)."


class Grid(NamedTuple):
    """Points at even steps of latitude and longitude, from the south-western one on."""

    south: float
    west: float
    lat_step: float
    lon_step: float
    rows: int
    columns: int


def from_geojson(path: Path) -> list[Polygon]:
    """Read all polygons of a GeoJSON file. Raises RoadSourceError in one line."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise RoadSourceError(f"{path} is larger than {BYTES_MAX >> 30} GiB")
        whole = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise RoadSourceError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RoadSourceError(f"{path} is not GeoJSON: {error}") from None
    polygons: list[Polygon] = []
    corners = 0
    for number, geometry in enumerate(_geometries(whole)):
        where = f"{path}, shape {number + 1}"
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        members = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(kind), [])
        for member in members if isinstance(members, list) else []:
            polygons.append(
                [_ring(where, ring) for ring in member if ring] if isinstance(member, list) else []
            )
            corners += sum(len(ring) for ring in polygons[-1])
        if corners > POINTS_MAX:
            raise RoadSourceError(f"{path} has more than {POINTS_MAX} corners: simplify it first")
    polygons = [polygon for polygon in polygons if polygon]
    if not polygons:
        raise RoadSourceError(f"{path} has no polygons in it")
    return polygons


def from_osm(path: Path) -> list[Polygon]:
    """Read lakes, rivers and harbours drawn as areas; the open sea is not drawn so (give --land for it)."""
    osmium = osm.library()
    polygons: list[Polygon] = []
    with osm.reading(path):
        wanted = osmium.filter.KeyFilter("natural", "waterway")
        for thing in osmium.FileProcessor(str(path)).with_areas(wanted):
            if not thing.is_area():
                continue
            if thing.tags.get("natural") != "water" and thing.tags.get("waterway") not in (
                "riverbank",
                "dock",
            ):
                continue
            for outer in thing.outer_rings():
                rings = [outer, *thing.inner_rings(outer)]
                polygons.append([np.array([(point.lon, point.lat) for point in ring]) for ring in rings])
    return polygons


def box(polygons: list[Polygon]) -> tuple[float, float, float, float]:
    """Return south, west, north, east of all."""
    low = np.min([ring.min(axis=0) for polygon in polygons for ring in polygon], axis=0)
    top = np.max([ring.max(axis=0) for polygon in polygons for ring in polygon], axis=0)
    return float(low[1]), float(low[0]), float(top[1]), float(top[0])


def inside(polygons: list[Polygon], grid: Grid) -> Bool:
    """Return which points of the grid (rows, columns) lie in any polygon; a hole is outside."""
    found = np.zeros((grid.rows, grid.columns), np.bool_)
    for polygon in polygons:
        flips = np.zeros((grid.rows, grid.columns + 1), np.int32)
        rows, lons = _crossings(polygon, grid)
        if not len(rows):
            continue
        columns = np.clip(np.ceil((lons - grid.west) / grid.lon_step), 0, grid.columns).astype(np.int64)
        low, top = rows.min(), rows.max() + 1
        np.add.at(flips, (rows, columns), 1)
        found[low:top] |= np.cumsum(flips[low:top, :-1], axis=1) % 2 == 1
    return found


def _crossings(polygon: Polygon, grid: Grid) -> tuple[NDArray[np.int64], F64]:
    """Return where the outline crosses each row of the grid: a point is inside after an odd number of them."""
    starts = np.concatenate(polygon)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in polygon])
    lat1, lat2 = (starts[:, 1] - grid.south) / grid.lat_step, (ends[:, 1] - grid.south) / grid.lat_step
    first = np.clip(np.ceil(np.minimum(lat1, lat2)), 0, grid.rows).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(lat1, lat2)), 0, grid.rows).astype(
        np.int64
    )  # half-open: a corner counts once
    count = last - first
    edge = np.repeat(np.arange(len(count)), count)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (rows - lat1[edge]) / (lat2[edge] - lat1[edge])
    return rows, starts[edge, 0] + along * (ends[edge, 0] - starts[edge, 0])


def _geometries(whole: Any) -> list[dict[str, Any]]:  # noqa: ANN401  whatever the file says
    """Return the geometries in a GeoJSON object, however deep."""
    waiting, found = [whole], []
    while waiting:
        thing = waiting.pop()
        if not isinstance(thing, dict):
            continue
        if "coordinates" in thing:
            found.append(thing)
        for key in ("features", "geometries"):
            members = thing.get(key)
            waiting += reversed(members) if isinstance(members, list) else []
        waiting.append(thing.get("geometry"))
    return found


def _ring(where: str, ring: Any) -> F64:  # noqa: ANN401
    try:
        corners = np.array([point[:2] for point in ring], np.float64)
    except (TypeError, ValueError):
        raise RoadSourceError(f"{where}: a ring is not a list of longitude and latitude") from None
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 4:
        raise RoadSourceError(f"{where}: a ring has fewer than four corners")
    if not np.isfinite(corners).all():
        raise RoadSourceError(f"{where}: a corner is no number")
    if np.abs(corners[:, 0]).max() > 180 or np.abs(corners[:, 1]).max() > 90:
        worst = corners[np.abs(corners).max(axis=1).argmax()]
        raise RoadSourceError(
            f"{where}: {worst[0]:g}, {worst[1]:g} are not degrees; project the map to WGS-84 (EPSG:4326)"
        )
    return corners


def grid_over(bounds: tuple[float, float, float, float], step_m: float) -> Grid:
    """Return the grid whose points are `step_m` apart in the middle of a box, an odd number each way."""
    south, west, north, east = bounds
    lat_step = step_m / 111_320
    lon_step = lat_step / max(math.cos(math.radians((south + north) / 2)), 0.01)
    rows, columns = int((north - south) / lat_step), int((east - west) / lon_step)
    rows, columns = rows // 2 * 2 + 1, columns // 2 * 2 + 1  # whole squares of two steps, none beyond the box
    return Grid(south, west, lat_step, lon_step, rows, columns)
