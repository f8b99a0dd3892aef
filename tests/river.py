# SPDX-License-Identifier: Apache-2.0
"""A town on two banks with one bridge, an island beside it, and all its streets driven at 10 m/s.

north bank   y = 500, 1000, 1500        x = -2000 … 2000, every 500 m
river        one bridge at x = 1500
south bank   y = -1000, -500, 0         the square is its crossing (0, 0)
island       x = 6000, 6500; y = 0, 500
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from core.effects import Decision, RebuildRoads, RecommendationMade
from core.engine import Engine
from core.events import CommandGiven, Fact, RoadsLoaded, RoadsRebuilt
from core.roads.atlas import Atlas, Rebuilt
from core.roads.graph import RoadGraph, graph_of_lanes
from core.roads.labels import build
from core.roads.network import Network, prepare
from gateway.roads.file import Built, Imprint, write
from tests.play import Play, at, command, place, starts

Spot = tuple[int, int]
MS_PER_M = 100
BRIDGE: tuple[Spot, Spot] = ((1500, 0), (1500, 500))
MID_BRIDGE = (1500, 250)
COLUMNS = range(-2000, 2001, 500)
SOUTH, NORTH = (-1000, -500, 0), (500, 1000, 1500)
ISLAND = ((6000, 0), (6500, 0), (6500, 500), (6000, 500))


def streets() -> list[tuple[Spot, Spot]]:
    """Every street between two crossings, once."""
    found: list[tuple[Spot, Spot]] = [BRIDGE]
    for bank in (SOUTH, NORTH):
        found += [((x, y), (x + 500, y)) for x in COLUMNS[:-1] for y in bank]
        found += [((x, y), (x, y + 500)) for x in COLUMNS for y in bank[:-1]]
    found += [(ISLAND[i], ISLAND[(i + 1) % 4]) for i in range(4)]
    return found


def graph(
    two_way: Iterable[tuple[Spot, Spot]], one_way: Iterable[tuple[Spot, Spot]] = (), ms_per_m: int = MS_PER_M
) -> RoadGraph:
    """Return the graph of these streets; spots are metres east and north of the square."""
    two_way = list(two_way)
    ways = [*two_way, *((b, a) for a, b in two_way), *one_way]
    spots = sorted({spot for way in ways for spot in way})
    node = {spot: i for i, spot in enumerate(spots)}
    places = [place(*spot) for spot in spots]
    metres = [round(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5) for a, b in ways]
    return graph_of_lanes(
        lat_e7=[round(lat * 1e7) for lat, _ in places],
        lon_e7=[round(lon * 1e7) for _, lon in places],
        lane_from=[node[a] for a, _ in ways],
        lane_to=[node[b] for _, b in ways],
        length_mm=[1000 * m for m in metres],
        base_ms=[max(1, ms_per_m * m) for m in metres],
    )


def river_town(*, siren: bool = False) -> dict[str, Network]:
    """Return the town's networks with their labels."""
    car = graph(streets())
    stored = {"car": (car, build(car, car.base_ms))}
    if siren:
        fast = graph(streets(), ms_per_m=MS_PER_M * 8 // 10)
        stored["car_siren"] = (fast, build(fast, fast.base_ms))
    return prepare(stored)


def road_file(path: Path, networks: dict[str, Network]) -> str:
    """Write them as `gateway roads build` would; return the digest."""
    told = Built(nodes=0, arcs=0, lanes=0, islands=0, main_percent=0, fragments=0, fragment_lanes=0, splits=0)
    profiles = {kind: (each.graph, each.labels) for kind, each in networks.items() if each.labels is not None}
    imprint = Imprint(kinds=("road",), profiles=dict.fromkeys(profiles, told))
    return write(path, imprint, profiles, {kind: np.zeros((0, 4), np.int32) for kind in profiles}).content


DIGEST = "river-town"
LIBRARY = {DIGEST: river_town()}
TIMER = "roads:rebuild"


class Riverside(Play):
    """A play in the town by the river; the roads are loaded unless the scene does so itself."""

    def __init__(self, *, roads: bool = True, **policy: Any) -> None:
        self.engine = Engine(LIBRARY)
        self.facts: list[Fact] = []
        self.told: list[Decision] = []
        _ = self >> starts(0, **policy)
        if roads:
            _ = self >> loads(0)

    def __rshift__(self, fact: Fact) -> "Riverside":
        super().__rshift__(fact)
        self.facts.append(fact)
        self.told += self.decisions
        return self

    def serves_rebuild(self, second: float) -> "Riverside":
        """Do what the gateway does: build what was asked for, offer it, say so."""
        wanted: RebuildRoads = self.last("rebuild_roads")
        self.roads.offer(self.built())
        return self >> RoadsRebuilt(at_ns=at(second), of_seq=wanted.of_seq)

    def built(self) -> Rebuilt:
        """Build what was asked for last."""
        assert self.roads.pending is not None, "a rebuild was asked for"
        return self.roads.rebuild(self.roads.pending)

    @property
    def roads(self) -> Atlas:
        assert self.engine.state.roads is not None, "roads are loaded"
        return self.engine.state.roads

    @property
    def ranked(self) -> list[str]:
        """Who is recommended, best first."""
        made: RecommendationMade = self.last("recommendation.made")
        return [candidate.unit_id for candidate in made.candidates]

    def reason(self, place: int = 0) -> Any:
        made: RecommendationMade = self.last("recommendation.made")
        return made.candidates[place].reasons[0]


def loads(second: float, digest: str = DIGEST) -> RoadsLoaded:
    return RoadsLoaded(at_ns=at(second), digest=digest)


def closes(second: float, spot: tuple[float, float] = MID_BRIDGE, **fields: Any) -> CommandGiven:
    lat, lon = place(*spot)
    return command("road.close", second, lat=lat, lon=lon, **fields)


def opens(second: float, spot: tuple[float, float] = MID_BRIDGE, **fields: Any) -> CommandGiven:
    lat, lon = place(*spot)
    return command("road.open", second, lat=lat, lon=lon, **fields)
