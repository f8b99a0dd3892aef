# SPDX-License-Identifier: Apache-2.0
"""The roads to measure on: two real cities where their data is, else one made up, the same on every machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.roads.graph import I32, RoadGraph, graph_of_lanes
from core.roads.labels import Labels, build
from gateway.errors import GatewayError
from gateway.roads import osm, table
from gateway.roads.components import components
from gateway.roads.network import network
from gateway.roads.profiles import PROFILES

DATA = Path("../shared/data/roads")
PBF = DATA / "poa.osm.pbf"
FLEET = 300
UNITS = 50
"The nearest of the fleet: those one would ask for."
SIDE = 230
"Junctions along each side of the city made up: about as many as Auckland has."


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """One network with its labels, and the junctions of its largest part, all of which reach each other."""

    name: str
    graph: RoadGraph
    labels: Labels
    places: I32


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call and the units nearest to it, as nodes."""

    call: int
    units: I32


def cities(quick: bool) -> tuple[list[City], list[str]]:
    """Return those there is data for, and why others are missing."""
    found: list[City] = []
    missing: list[str] = []
    for name, read in READERS.items():
        if quick and found:
            break
        try:
            found.append(_city(name, read()))
        except (GatewayError, OSError) as error:
            missing.append(f"{name}: {error}")
    return found or [_city("made up", made_up())], missing


def questions(city: City, count: int, seed: int) -> list[Question]:
    """Return calls anywhere in the city, each with a fleet of its own."""
    random = np.random.default_rng(seed)
    lat, lon = city.graph.lat_e7.astype(np.float64), city.graph.lon_e7.astype(np.float64)
    lon *= np.cos(np.radians(lat.mean() / 1e7))
    asked = []
    for _ in range(count):
        call, *fleet = random.choice(city.places, FLEET + 1, replace=False).tolist()
        away = (lat[fleet] - lat[call]) ** 2 + (lon[fleet] - lon[call]) ** 2
        nearest = np.array(fleet, np.int32)[np.argsort(away, kind="stable")[:UNITS]]
        asked.append(Question(call=call, units=nearest))
    return asked


def made_up() -> RoadGraph:
    """Return a grid of streets with gaps, faster every eighth, and a river with a bridge every sixteenth."""
    random = np.random.default_rng(110)
    at = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    row, column = np.divmod(at, SIDE)
    east = _streets(random, (at[:, :-1], at[:, 1:]), row[:, :-1], column[:, :-1] == SIDE // 3)
    north = _streets(random, (at[:-1], at[1:]), column[:-1], np.zeros((SIDE - 1, SIDE), bool))
    begin, end, ms = (np.concatenate(pair) for pair in zip(east, north, strict=True))
    return graph_of_lanes(
        lat_e7=280_000_000 + row.ravel() * 9_000 + random.integers(-2_000, 2_000, at.size),
        lon_e7=1_206_000_000 + column.ravel() * 10_000 + random.integers(-2_000, 2_000, at.size),
        lane_from=np.concatenate((begin, end)),
        lane_to=np.concatenate((end, begin)),
        length_mm=np.full(2 * len(begin), 100_000),
        base_ms=np.concatenate((ms, ms)),
    )


Ints = NDArray[np.int64]


def _streets(
    random: np.random.Generator, ends: tuple[Ints, Ints], line: Ints, over_river: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints]:
    wide = line % 8 == 0
    kept = (wide | (random.random(line.shape) < 0.8)) & (~over_river | (line % 16 == 0))
    ms = np.where(wide, 7_000, 14_000) * random.integers(90, 130, line.shape) // 100
    return ends[0][kept], ends[1][kept], ms[kept]


def _city(name: str, graph: RoadGraph) -> City:
    part = components(graph.nodes, graph.tail, graph.head)
    places = np.flatnonzero(part == np.bincount(part).argmax()).astype(np.int32)
    return City(name=name, graph=graph, labels=build(graph, graph.base_ms), places=places)


READERS: dict[str, Callable[[], RoadGraph]] = {
    "porto alegre": lambda: network(osm.read(PBF), PROFILES["car"]).graph,
    "auckland": lambda: network(table.read_zip(DATA / "auckland_roads.zip"), PROFILES["car"]).graph,
}
