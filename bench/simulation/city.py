# SPDX-License-Identifier: Apache-2.0
"""A city to simulate: its roads, where its people are, and where its units stand when nothing happens.

Auckland, when its roads are on this machine; else one that is drawn from a seed, with a river and four bridges.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.simulation.ways import Ways, main_land
from core.kernels import warm
from core.roads.graph import I32, RoadGraph, graph_of_lanes
from core.roads.labels import build
from core.roads.network import Network, Networks
from gateway.roads import table
from gateway.roads.network import network
from gateway.roads.profiles import PROFILES

SIREN, ORDINARY = "car_siren", "car"
ZIP = Path("../shared/data/roads/auckland_roads.zip")
CORE_KM = 17.5
"Half the side of the square around the middle of all junctions where people live and units stand (guess)."
METRES_PER_DEGREE = 111_320.0
HOT_SPOTS, HOT_SHARE, HOT_NODES, HOT_PLACES = 12, 0.6, 600, 40
"Three calls in five come from twelve quarters of so many junctions each, and of these from so many (guess)."
QUIET_NODES = 500
"... the others from so many junctions anywhere."
SIDE = 150
"Crossings of a drawn city, each way."
BLOCK_M = 150.0
AVENUE_EVERY, EXPRESSWAY_EVERY, BRIDGE_EVERY = 8, 32, 16


@dataclass(frozen=True, kw_only=True)
class City:
    """The roads of a city for both ways of driving: the same junctions and lanes, other times."""

    name: str
    ways: dict[str, Ways]
    "{profile: the truth}"
    networks: Networks
    "The same roads as the engine takes them."
    land: I32
    "Nodes from which one can drive to each other, in the square where people live."

    @property
    def graph(self) -> RoadGraph:
        """Return the network; junctions and lanes are the same for every profile."""
        return self.ways[SIREN].graph


@dataclass(frozen=True, kw_only=True)
class Town:
    """Where things are in one run: drawn anew for each seed, the same for every policy."""

    places: I32
    "Nodes that calls come from."
    shares: NDArray[np.float64]
    bases: I32
    "By unit."


def the_city(side: int = 0) -> City:
    """Return Auckland; where its roads are not on this machine, or a `side` is given, a drawn city."""
    if side or not ZIP.exists():
        return _of(f"a drawn city of {side or SIDE}² crossings", drawn(side or SIDE))
    survey = table.read_zip(ZIP)
    profiles = (ORDINARY, SIREN)
    return _of("Auckland", {name: network(survey, PROFILES[name]).graph for name in profiles})


def settled(city: City, units: int, chance: np.random.Generator) -> Town:
    """Draw where people live and where units stand: half of them in the hot quarters, half anywhere."""
    graph, land = city.graph, city.land
    lat, lon = graph.lat_e7[land].astype(np.int64), graph.lon_e7[land].astype(np.int64)
    centres = chance.choice(len(land), HOT_SPOTS, replace=False)
    around = min(HOT_NODES, len(land) // HOT_SPOTS)
    places = min(HOT_PLACES, around)
    hot = []
    for centre in centres.tolist():
        apart = (lat - lat[centre]) ** 2 + ((lon - lon[centre]) * np.cos(np.radians(lat[centre] / 1e7))) ** 2
        quarter = land[np.argsort(apart, kind="stable")[:around]]
        hot.append(chance.choice(quarter, places, replace=False))
    quiet = chance.choice(land, min(QUIET_NODES, len(land)), replace=False)
    shares = [np.full(HOT_SPOTS * places, HOT_SHARE / (HOT_SPOTS * places))]
    shares.append(np.full(len(quiet), (1 - HOT_SHARE) / len(quiet)))
    stations = np.resize(land[centres], units // 2)
    anywhere = chance.choice(land, units - units // 2)
    return Town(
        places=np.concatenate([*hot, quiet]),
        shares=np.concatenate(shares),
        bases=np.concatenate([stations, anywhere]),
    )


def _of(name: str, graphs: dict[str, RoadGraph]) -> City:
    siren, ordinary = graphs[SIREN], graphs[ORDINARY]
    for column in ("lat_e7", "lon_e7", "tail", "head", "lane"):
        assert np.array_equal(getattr(siren, column), getattr(ordinary, column)), "one network, two speeds"
    warm()
    return City(
        name=name,
        ways={profile: Ways(graph) for profile, graph in graphs.items()},
        networks={
            profile: Network.of(graph, build(graph, graph.base_ms)) for profile, graph in graphs.items()
        },
        land=_in_the_middle(siren),
    )


def _in_the_middle(graph: RoadGraph) -> I32:
    """Return the nodes of the main land within CORE_KM of the middle."""
    land = main_land(graph)
    lat, lon = graph.lat_e7[land] / 1e7, graph.lon_e7[land] / 1e7
    north_m = (lat - np.median(lat)) * METRES_PER_DEGREE
    east_m = (lon - np.median(lon)) * METRES_PER_DEGREE * np.cos(np.radians(np.median(lat)))
    middle: I32 = land[np.maximum(np.abs(north_m), np.abs(east_m)) <= CORE_KM * 1000]
    return middle


def drawn(side: int, seed: int = 110) -> dict[str, RoadGraph]:
    """Return a city of `side` by `side` crossings: uneven blocks, a fifth of the streets missing, a river."""
    chance = np.random.default_rng(seed)
    cell = np.arange(side * side).reshape(side, side)
    row, column = np.divmod(cell.ravel(), side)
    north_m = row * BLOCK_M + chance.normal(0, BLOCK_M / 5, side * side)
    east_m = column * BLOCK_M + chance.normal(0, BLOCK_M / 5, side * side)
    begin = np.concatenate([cell[:, :-1].ravel(), cell[:-1].ravel()])
    end = np.concatenate([cell[:, 1:].ravel(), cell[1:].ravel()])
    along = np.concatenate([row.reshape(side, side)[:, :-1].ravel(), column.reshape(side, side)[:-1].ravel()])
    kmh = np.where(along % EXPRESSWAY_EVERY == 0, 80.0, np.where(along % AVENUE_EVERY == 0, 50.0, 30.0))
    kept = (chance.random(len(begin)) > 0.2) | (along % AVENUE_EVERY == 0)
    wet = (row[begin] == side // 2) & (row[end] != row[begin])  # the river runs through the middle
    kept &= ~wet | (along % BRIDGE_EVERY == 0)
    begin, end, kmh = begin[kept], end[kept], kmh[kept]
    straight_m = np.hypot(north_m[begin] - north_m[end], east_m[begin] - east_m[end])
    length_m = straight_m * chance.uniform(1, 1.3, len(begin))
    lat_e7 = np.rint((28.0 + north_m / METRES_PER_DEGREE) * 1e7)
    lon_e7 = np.rint((120.6 + east_m / (METRES_PER_DEGREE * np.cos(np.radians(28.0)))) * 1e7)
    return {
        profile: graph_of_lanes(
            lat_e7=lat_e7.astype(np.int32),
            lon_e7=lon_e7.astype(np.int32),
            lane_from=np.concatenate([begin, end]),
            lane_to=np.concatenate([end, begin]),
            length_mm=np.tile(np.rint(length_m * 1000).astype(np.int32), 2),
            base_ms=np.tile(np.maximum(1, np.rint(length_m * 3600 / (kmh * pace))).astype(np.int32), 2),
        )
        for profile, pace in ((ORDINARY, 1.0), (SIREN, 1.4))
    }
