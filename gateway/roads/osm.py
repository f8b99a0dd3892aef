# SPDX-License-Identifier: Apache-2.0
"""Roads from OpenStreetMap: .osm.pbf, .osm or .osm.bz2, in two passes, ways first and then their points.

The only file that knows osmium, which comes with the extra `roads`: who serves a graph needs none of it.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from gateway.errors import RoadSourceError
from gateway.roads import tags as meaning
from gateway.roads.survey import BYTES_MAX, PLACES_MAX, Survey, Turn, lengths_mm

_WAY_KEYS: Final = ("highway", "waterway", "route")


@dataclass(slots=True)
class _Ways:
    """The ways as they are read: one row each, their points in one long column."""

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    points: "array[int]" = field(default_factory=lambda: array("q"))
    first: "array[int]" = field(default_factory=lambda: array("q", [0]))
    kind: "array[int]" = field(default_factory=lambda: array("b"))
    open_to: "array[int]" = field(default_factory=lambda: array("b"))
    one_way: "array[int]" = field(default_factory=lambda: array("b"))
    kmh: "array[float]" = field(default_factory=lambda: array("d"))
    restrictions: list[tuple[str, int, int, list[tuple[str, str, int]]]] = field(default_factory=list)
    "(what, bits free of it, its own id, [(role, n|w|r, id)])"


def read(path: Path) -> Survey:
    """Read the roads and waterways of a file. Raises RoadSourceError in one line."""
    if not path.is_file():
        raise RoadSourceError(f"{path} is not a file")
    if path.stat().st_size > BYTES_MAX:
        raise RoadSourceError(
            f"{path} is larger than {BYTES_MAX >> 30} GiB: cut the region out of it first (osmium extract)"
        )
    notes: Counter[str] = Counter()
    with reading(path):
        ways = _read_ways(path, notes)
        if not ways.ids:
            raise RoadSourceError(f"{path} has no roads in it")
        return _surveyed(path, ways, notes)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say what osmium finds wrong in our own words."""
    osmium = library()
    try:
        yield
    except (RuntimeError, ValueError, OSError, osmium.InvalidLocationError) as error:
        raise RoadSourceError(f"{path} is not a whole OpenStreetMap file: {error}") from None


def library() -> Any:  # noqa: ANN401  an optional guest
    """Return osmium. Raises RoadSourceError when it is not installed."""
    try:
        import osmium
        import osmium.filter
    except ImportError:
        raise RoadSourceError(
            "reading OpenStreetMap needs osmium: `make setup` in a checkout brings it; or give tables (--nodes, --arcs)"
        ) from None
    return osmium


def _read_ways(path: Path, notes: Counter[str]) -> _Ways:
    osmium = library()
    ways = _Ways()
    kinds = osmium.osm.WAY | osmium.osm.RELATION
    wanted = osmium.filter.KeyFilter(*_WAY_KEYS, "type")
    for thing in osmium.FileProcessor(str(path), kinds).with_filter(wanted):
        if thing.is_relation():
            if thing.tags.get("type", "").startswith("restriction"):
                _take_restriction(ways, thing, notes)
            continue
        known = dict(thing.tags)
        kind = meaning.kind(known)
        if kind is None:
            continue
        direction = meaning.one_way(known)
        if direction is None:
            notes["roads whose direction changes by the hour, left out"] += 1
            continue
        points = [point.ref for point in thing.nodes]
        ways.ids.append(thing.id)
        ways.points.extend(points if direction[1] else reversed(points))
        ways.first.append(len(ways.points))
        ways.kind.append(kind)
        ways.open_to.append(meaning.open_to(known))
        ways.one_way.append(direction[0])
        ways.kmh.append(meaning.kmh(known))
        if len(ways.points) > 2 * PLACES_MAX:
            raise RoadSourceError(
                f"{path} has more than {PLACES_MAX} points on its roads: cut the region out first"
            )
    return ways


def _take_restriction(ways: _Ways, relation: Any, notes: Counter[str]) -> None:  # noqa: ANN401
    what = relation.tags.get("restriction") or relation.tags.get("restriction:motorcar") or ""
    if not what.startswith(("no_", "only_")):
        notes["turn restrictions that hold at times or for few, left out"] += 1
        return
    members = [(member.role, member.type, member.ref) for member in relation.members]
    ways.restrictions.append((what, meaning.free_of(relation.tags.get("except", "")), relation.id, members))


def _surveyed(path: Path, ways: _Ways, notes: Counter[str]) -> Survey:
    points = np.frombuffer(ways.points, np.int64)
    ids, place_of_point = np.unique(points, return_inverse=True)
    lat_e7, lon_e7, barred, signal, located = _read_points(path, ids)
    first = np.frombuffer(ways.first, np.int64)
    way_of_point = np.repeat(np.arange(len(ways.ids)), np.diff(first))
    inside = way_of_point[:-1] == way_of_point[1:]
    begin, end, way = place_of_point[:-1][inside], place_of_point[1:][inside], way_of_point[:-1][inside]
    whole = located[begin] & located[end]
    real = whole & (begin != end)
    if not whole.all():
        notes["pieces whose points are not in the file (cut at its border), left out"] += int((~whole).sum())
    begin, end, way = (column[real].astype(np.int32) for column in (begin, end, way))
    if not len(begin):
        raise RoadSourceError(f"{path} has roads but not the points they run along")
    return Survey(
        lat_e7=lat_e7,
        lon_e7=lon_e7,
        barred=barred,
        signal=signal,
        begin=begin,
        end=end,
        length_mm=lengths_mm(lat_e7, lon_e7, begin, end),
        kind=np.frombuffer(ways.kind, np.int8)[way],
        kmh=np.frombuffer(ways.kmh, np.float64)[way],
        open_to=np.frombuffer(ways.open_to, np.int8)[way],
        one_way=np.frombuffer(ways.one_way, np.int8)[way],
        way=way,
        turns=_turns(ways, ids, notes),
        notes=notes,
    )


def _read_points(path: Path, ids: Any) -> tuple[Any, ...]:  # noqa: ANN401  columns
    osmium = library()
    lat_e7, lon_e7 = np.zeros(len(ids), np.int32), np.zeros(len(ids), np.int32)
    barred, signal = np.zeros(len(ids), np.int8), np.zeros(len(ids), np.int8)
    located = np.zeros(len(ids), np.bool_)
    row_of = {int(point): row for row, point in enumerate(ids)}
    for node in osmium.FileProcessor(str(path), osmium.osm.NODE):
        row = row_of.get(node.id)
        if row is None or not node.location.valid():
            continue
        lat_e7[row], lon_e7[row], located[row] = node.location.y, node.location.x, True
        if node.tags:
            known = dict(node.tags)
            barred[row] = meaning.barred(known) if "barrier" in known else 0
            signal[row] = known.get("highway") == "traffic_signals"
    return lat_e7, lon_e7, barred, signal, located


def _turns(ways: _Ways, ids: Any, notes: Counter[str]) -> tuple[Turn, ...]:  # noqa: ANN401
    row_of_way = {way: row for row, way in enumerate(ways.ids)}
    turns: list[Turn] = []
    for what, free, _, members in sorted(ways.restrictions, key=lambda restriction: restriction[2]):
        via = [(kind, ref) for role, kind, ref in members if role == "via"]
        if len(via) != 1 or via[0][0] != "n":
            notes["turn restrictions over a whole road, left out"] += 1
            continue
        place = int(np.searchsorted(ids, via[0][1]))
        for entry in (ref for role, kind, ref in members if role == "from" and kind == "w"):
            for leave in (ref for role, kind, ref in members if role == "to" and kind == "w"):
                if (
                    entry not in row_of_way
                    or leave not in row_of_way
                    or place == len(ids)
                    or ids[place] != via[0][1]
                ):
                    notes["turn restrictions about roads that are not in the file"] += 1
                    continue
                turns.append(
                    Turn(
                        only=what.startswith("only_"),
                        from_way=row_of_way[entry],
                        via=place,
                        to_way=row_of_way[leave],
                        around=what.endswith("u_turn"),
                        free=free,
                    )
                )
    return tuple(turns)
