# SPDX-License-Identifier: Apache-2.0
"""Roads from two tables in CSV, loose or in a zip: `nodes.csv` and `arcs.csv`.

Two layouts are known by the line that names their columns. The plain one:

    node,lat,lon                                         degrees in WGS-84
    from,to,length_m,speed_kmh|travel_s[,oneway][,kind]  oneway: 1 is one way, 0 or empty is two

and that of JEMSS, the ambulance simulator: kilometres, days, travel mode 1 with the siren on and 2 without,
one row for each direction.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from gateway.errors import RoadSourceError
from gateway.roads.cells import Layouts, Row, Table, table, text_of, texts_in
from gateway.roads.survey import (
    BOTH_WAYS,
    EVERYBODY_ON_LAND,
    FOOT,
    I32,
    KINDS,
    ONE_WAY,
    PLACES_MAX,
    Survey,
    lengths_mm,
)

_NODES: Final[Layouts] = {("node", "lat", "lon"): "plain", ("index", "x", "y"): "jemss"}
_ARCS: Final[Layouts] = {
    ("from", "to", "length_m"): "plain",
    ("index", "fromNode", "toNode", "distance"): "jemss",
}
_JEMSS_MODES: Final = {"mode_1": "car_siren", "mode_2": "car"}
_DAY_MS: Final = 86_400_000
_TRAVEL_MS_MAX: Final = 1 << 29  # six days on one piece of road: half of what a graph calls no way at all
_LENGTH_MM_MAX: Final = 2_000_000_000  # int32 holds 2,147 km
_KMH_MAX: Final = 300.0
_YES: Final = frozenset({"1", "1.0", "yes", "true"})
_NO: Final = frozenset({"", "0", "0.0", "no", "false"})
_KIND_FROM_KMH: Final = (
    (85, "motorway"),
    (75, "trunk"),
    (60, "primary"),
    (48, "secondary"),
    (35, "tertiary"),
    (0, "residential"),
)
"Where the table names no class: the one whose cars drive about as fast (profiles.py)."


class _Road(NamedTuple):
    """One row of arcs as it is understood."""

    ends: tuple[int, int]
    length_mm: int
    kind: int
    kmh: float
    told: tuple[float, ...]
    "Its travel times in ms, one for each profile the table tells."
    two_way: bool


@dataclass(slots=True)
class _Roads:
    """The roads so far; one back along another that is there makes that two-way."""

    profiles: tuple[str, ...]
    rows: list[_Road] = field(default_factory=list)
    back: list[tuple[float, ...]] = field(default_factory=list)
    single: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def take(self, road: _Road) -> None:
        begin, end = road.ends
        if not road.two_way:
            for other in self.single.get((end, begin, road.kind), ()):
                if abs(self.rows[other].length_mm - road.length_mm) <= 1000:  # a metre: rounded otherwise
                    self.back[other] = road.told
                    self.rows[other] = self.rows[other]._replace(two_way=True)
                    self.single[end, begin, road.kind].remove(other)
                    return
            self.single.setdefault((begin, end, road.kind), []).append(len(self.rows))
        self.rows.append(road)
        self.back.append(road.told if road.two_way else (0.0,) * len(road.told))


def read(nodes: Path, arcs: Path) -> Survey:
    """Read two tables. Raises RoadSourceError naming the line that is wrong."""
    return _surveyed(str(nodes), text_of(nodes), str(arcs), text_of(arcs))


def read_zip(path: Path) -> Survey:
    """Read `nodes.csv` and `arcs.csv` out of a zip."""
    names = ("nodes.csv", "arcs.csv")
    nodes, arcs = texts_in(path, names)
    return _surveyed(f"{path}:{names[0]}", nodes, f"{path}:{names[1]}", arcs)


def _surveyed(nodes_name: str, nodes: str, arcs_name: str, arcs: str) -> Survey:
    row_of, lat_e7, lon_e7 = _places(table(nodes_name, nodes, _NODES))
    notes: Counter[str] = Counter()
    roads = _roads(table(arcs_name, arcs, _ARCS), row_of, notes)
    if not roads.rows:
        raise RoadSourceError(f"{arcs_name} has no roads in it")
    return _survey(roads, lat_e7, lon_e7, notes)


def _places(nodes: Table) -> tuple[dict[str, int], I32, I32]:
    key, north, east = ("node", "lat", "lon") if nodes.layout == "plain" else ("index", "y", "x")
    row_of: dict[str, int] = {}
    places: list[tuple[float, float]] = []
    for row in nodes.rows:
        lat, lon = row.number(north), row.number(east)
        if abs(lat) > 90 or abs(lon) > 180:
            raise RoadSourceError(
                f"{row.where}: {north} {lat:g}, {east} {lon:g} are not degrees; project the map to WGS-84 (EPSG:4326)"
            )
        node = row.name(key)
        if node in row_of:
            raise RoadSourceError(f"{row.where}: node {node} is listed twice")
        row_of[node] = len(places)
        places.append((lat, lon))
        if len(places) > PLACES_MAX:
            raise RoadSourceError(f"{nodes.name} has more than {PLACES_MAX} nodes: cut the region out first")
    if not places:
        raise RoadSourceError(f"{nodes.name} has no nodes in it")
    e7 = np.rint(np.array(places) * 1e7).astype(np.int32)
    return row_of, np.ascontiguousarray(e7[:, 0]), np.ascontiguousarray(e7[:, 1])


def _roads(arcs: Table, row_of: dict[str, int], notes: Counter[str]) -> _Roads:
    read_row, profiles, ends = _plain(arcs) if arcs.layout == "plain" else _jemss(arcs)
    roads = _Roads(profiles)
    for row in arcs.rows:
        begin, end = (_end(row, column, row_of) for column in ends)
        if begin == end:
            notes["roads from a node to itself, left out"] += 1
        else:
            roads.take(read_row(row, (begin, end)))
    return roads


Reader = Callable[[Row, tuple[int, int]], _Road]


def _plain(arcs: Table) -> tuple[Reader, tuple[str, ...], tuple[str, str]]:
    timed = "travel_s" in arcs.columns
    if not timed and "speed_kmh" not in arcs.columns:
        raise RoadSourceError(f"{arcs.name} tells neither speed_kmh nor travel_s")

    def read_row(row: Row, ends: tuple[int, int]) -> _Road:
        length_mm = row.positive("length_m", 1000, _LENGTH_MM_MAX)
        two_way = not _one_way(row)
        if timed:
            ms = row.positive("travel_s", 1000, _TRAVEL_MS_MAX)
            return _Road(ends, round(length_mm), _kind(row, length_mm / ms * 3.6), 0.0, (ms,), two_way)
        kmh = row.positive("speed_kmh", 1, _KMH_MAX)
        return _Road(ends, round(length_mm), _kind(row, kmh), kmh, (), two_way)

    return read_row, ("car",) if timed else (), ("from", "to")


def _jemss(arcs: Table) -> tuple[Reader, tuple[str, ...], tuple[str, str]]:
    modes = [mode for mode in _JEMSS_MODES if mode in arcs.columns]
    if "mode_2" not in modes:
        raise RoadSourceError(f"{arcs.name} lacks mode_2, the travel time without a siren")

    def read_row(row: Row, ends: tuple[int, int]) -> _Road:
        length_mm = row.positive("distance", 1_000_000, _LENGTH_MM_MAX)
        told = tuple(row.positive(mode, _DAY_MS, _TRAVEL_MS_MAX) for mode in modes)
        return _Road(ends, round(length_mm), _kind(row, length_mm / told[-1] * 3.6), 0.0, told, two_way=False)

    return read_row, tuple(_JEMSS_MODES[mode] for mode in modes), ("fromNode", "toNode")


def _one_way(row: Row) -> bool:
    said = row.text("oneway").lower()
    if said not in _YES | _NO:  # -1 may mean against the arrow: which way is not for us to guess
        raise RoadSourceError(
            f"{row.where}: oneway {said!r} is neither 1 nor 0; turn from and to round for a way back"
        )
    return said in _YES


def _end(row: Row, column: str, row_of: dict[str, int]) -> int:
    node = row.name(column)
    if node not in row_of:
        raise RoadSourceError(
            f"{row.where}: {column} is node {node!r}, which the table of nodes does not have"
        )
    return row_of[node]


def _kind(row: Row, kmh: float) -> int:
    name = row.text("kind") or next(kind for least, kind in _KIND_FROM_KMH if kmh >= least)
    if name not in KINDS:
        raise RoadSourceError(f"{row.where}: kind {name!r} is none of {', '.join(KINDS)}")
    return KINDS.index(name)


def _survey(roads: _Roads, lat_e7: I32, lon_e7: I32, notes: Counter[str]) -> Survey:
    ends = np.array([road.ends for road in roads.rows], np.int32)
    begin, end = np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1])
    length_mm = np.array([road.length_mm for road in roads.rows], np.int32)
    short = (
        length_mm < lengths_mm(lat_e7, lon_e7, begin, end) * 0.9 - 10_000
    )  # 10 m: junctions drawn as points
    if short.any():
        notes["roads told to be shorter than the straight line between their ends"] += int(short.sum())
    kind = np.array([road.kind for road in roads.rows], np.int8)
    fast = np.isin(kind, [KINDS.index(name) for name in ("motorway", "motorway_link")])
    told = np.rint(np.array([[road.told for road in roads.rows], roads.back])).astype(np.int32)
    return Survey(
        lat_e7=lat_e7,
        lon_e7=lon_e7,
        barred=np.zeros(len(lat_e7), np.int8),
        signal=np.zeros(len(lat_e7), np.int8),
        begin=begin,
        end=end,
        length_mm=length_mm,
        kind=kind,
        kmh=np.array([road.kmh for road in roads.rows], np.float64),
        open_to=np.where(fast, EVERYBODY_ON_LAND & ~FOOT, EVERYBODY_ON_LAND).astype(np.int8),
        one_way=np.array([BOTH_WAYS if road.two_way else ONE_WAY for road in roads.rows], np.int8),
        way=np.arange(len(begin), dtype=np.int32),
        told_ms={
            profile: np.ascontiguousarray(told[:, :, column]) for column, profile in enumerate(roads.profiles)
        },
        notes=notes,
    )
