# SPDX-License-Identifier: Apache-2.0
"""The roads of one kind of vehicle as they were built, with all that is worth preparing once.

Nothing here changes any more. `prepare` takes some tens of milliseconds for a city, so the gateway does it in a
thread; the engine gets networks that are ready.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.kernels import snap
from core.kernels.layout import F64, I64
from core.roads.graph import I32, RoadGraph
from core.roads.labels import Labels
from core.roads.snapping import LaneCells

Ends = tuple[int, int, int, int]
"Latitude and longitude (1e-7°) where a lane begins and where it ends: the same road in every kind's network."

NOT_ON_WHEELS: Final = frozenset({"boat", "foot"})
"Kinds that a closed road does not stop and a jam does not delay."
LEADS: Final = "car"
"The kind whose lanes closures and the pace of traffic are told by, where there is one."
SIREN: Final = "_siren"
"Ends the name of a kind that is the same vehicle in a hurry."
SLACK: Final = 1.005
"Metres in the plane of the cells over metres on the ellipsoid, with much to spare."

_MIX: Final = 0x9E3779B97F4A7C15
_LOW: Final = 0xFFFFFFFFFFFFFFFF

Networks = Mapping[str, "Network"]
"{kind of vehicle: its roads}"
Library = Mapping[str, Networks]
"{digest: what was built}. From outside; the same digest is the same roads for ever."


@dataclass(eq=False)
class Network:
    """One kind's graph, its labels for the weights it was built with, and its lanes by place and by ends.

    `prepare` fills in what it takes from the other kinds; nobody changes it after that.
    """

    graph: RoadGraph
    labels: Labels | None
    "Of `graph.base_ms`; None when they are not made yet."
    cells: LaneCells
    span_mm: F64
    "(lanes,) Straight from end to end."
    in_leading: I32
    "(lanes,) The same lane of the leading network, -1 where it has none."
    siren_ms: I32
    "(lanes,) What each takes with siren, as built; the lane's own time where there is no such network or lane."

    @classmethod
    def of(cls, graph: RoadGraph, labels: Labels | None) -> "Network":
        """Return the network of a graph that was found valid."""
        cells = LaneCells.over(graph)
        alone = np.arange(graph.lanes, dtype=np.int32)
        return cls(graph, labels, cells, _span_mm(graph, cells), alone, graph.base_ms)

    def make_ready(self) -> None:
        """Make now, in whatever thread this is, what would else be made at the first closure."""
        graph = self.graph
        assert len(self._hashes) == len(self._lane_ends), "a row for each lane"
        assert len(self._lats) == graph.nodes, "a row for each node"
        assert len(graph.first_out) == len(graph.first_in), "a row for each node"
        assert len(graph.tail_in) == len(graph.lane_in), "an arc for each arc"
        if graph.lanes:
            graph.arcs_of(0)

    @cached_property
    def _hash_of_lane(self) -> NDArray[np.uint64]:
        ends = (self.graph.lane_from, self.graph.lane_to)
        mixed = np.zeros(self.graph.lanes, np.uint64)
        for node in ends:
            for column in (self.graph.lat_e7, self.graph.lon_e7):
                mixed = (mixed ^ column[node].astype(np.uint32)) * np.uint64(_MIX)
                mixed ^= mixed >> np.uint64(29)
        return mixed

    @cached_property
    def _by_hash(self) -> I64:
        return np.argsort(self._hash_of_lane, kind="stable")

    @cached_property
    def _hashes(self) -> NDArray[np.uint64]:
        return self._hash_of_lane[self._by_hash]

    @cached_property
    def _by_lat(self) -> I64:
        return np.argsort(self.graph.lat_e7, kind="stable")

    @cached_property
    def _lats(self) -> I32:
        return self.graph.lat_e7[self._by_lat]

    def nodes_near(self, lat_e7: int, lon_e7: int, reach_m: int) -> I64:
        """Return the nodes within so many metres of a place, ascending."""
        cells = self.cells
        row = (lat_e7 - int(cells.grid[snap.SOUTH_E7])) // int(cells.grid[snap.CELL_LAT_E7])
        scale = cells.scales[min(max(row, 0), len(cells.scales) - 1)].tolist()
        band_e7 = reach_m * 1_000_000_000 // scale[snap.NORTH] + 1
        low, high = np.searchsorted(self._lats, [lat_e7 - band_e7, lat_e7 + band_e7 + 1]).tolist()
        nodes = self._by_lat[low:high]
        north = (self.graph.lat_e7[nodes].astype(np.int64) - lat_e7) * scale[snap.NORTH] // 1_000_000
        east = (self.graph.lon_e7[nodes].astype(np.int64) - lon_e7) * scale[snap.EAST] // 1_000_000
        reach_mm = reach_m * 1000
        near = (np.abs(north) <= reach_mm) & (np.abs(east) <= reach_mm)
        near[near] &= north[near] ** 2 + east[near] ** 2 <= reach_mm**2
        return np.sort(nodes[near])

    def along(self, lanes: I64, headings: I64) -> F64:
        """Return the cosine between each lane and a heading of core/kernels/snap.py; 0 for a lane of no length."""
        graph, cells = self.graph, self.cells
        scale = cells.scales[len(cells.scales) // 2]
        tail, head = graph.lane_from[lanes], graph.lane_to[lanes]
        north = (graph.lat_e7[head].astype(np.int64) - graph.lat_e7[tail]) * scale[snap.NORTH] / 1e6
        east = (graph.lon_e7[head].astype(np.int64) - graph.lon_e7[tail]) * scale[snap.EAST] / 1e6
        toward = snap.HEADING[:, headings % snap.HEADINGS]
        length = np.maximum(np.sqrt(north * north + east * east), 1.0)
        cosine: F64 = (toward[0] * east + toward[1] * north) / length
        return cosine

    @cached_property
    def _by_end(self) -> I64:
        return np.argsort(self.graph.lane_to, kind="stable")

    @cached_property
    def _lane_ends(self) -> I32:
        return self.graph.lane_to[self._by_end]

    def lanes_to(self, node: int) -> list[int]:
        """Return the lanes whose `lane_to` is this node, ascending."""
        low, high = (int(np.searchsorted(self._lane_ends, node, side)) for side in ("left", "right"))
        found: list[int] = self._by_end[low:high].tolist()
        return found

    def ends_of(self, lane: int) -> Ends:
        """Return where a lane begins and ends."""
        graph = self.graph
        tail, head = graph.lane_from[lane], graph.lane_to[lane]
        found = (graph.lat_e7[tail], graph.lon_e7[tail], graph.lat_e7[head], graph.lon_e7[head])
        return int(found[0]), int(found[1]), int(found[2]), int(found[3])

    def lanes_between(self, ends: Ends) -> list[int]:
        """Return the lanes with these ends, ascending: none, one, or several side by side."""
        wanted = np.uint64(_hash_of(ends))
        low, high = (int(np.searchsorted(self._hashes, wanted, side)) for side in ("left", "right"))
        return sorted(lane for lane in self._by_hash[low:high].tolist() if self.ends_of(lane) == ends)

    def lanes_in(self, other: "Network") -> I32:
        """Return for each lane of ours the first one of the other's with the same ends; -1: it has none."""
        if other is self:
            return np.arange(self.graph.lanes, dtype=np.int32)
        if not other.graph.lanes:
            return np.full(self.graph.lanes, -1, np.int32)
        at = np.minimum(np.searchsorted(other._hashes, self._hash_of_lane), other.graph.lanes - 1)
        found = other._by_hash[at]
        alike = other._hash_of_lane[found] == self._hash_of_lane
        return np.where(alike, found, -1).astype(np.int32)


def prepare(stored: Mapping[str, tuple[RoadGraph, Labels | None]]) -> dict[str, Network]:
    """Return the networks of what a road file holds, in the order of their names."""
    networks = {kind: Network.of(*stored[kind]) for kind in sorted(stored)}
    for network in networks.values():
        network.make_ready()
    if networks:
        lead = leading(networks)
        for network in networks.values():
            network.in_leading = network.lanes_in(networks[lead])
        networks[lead].siren_ms = _siren_ms(networks[lead], networks.get(f"{lead}{SIREN}"))
    return networks


def leading(networks: Networks) -> str:
    """Return the kind whose lanes closures and paces are told by."""
    wheels = [kind for kind in sorted(networks) if kind not in NOT_ON_WHEELS]
    return LEADS if LEADS in networks else (wheels or sorted(networks))[0]


def _siren_ms(network: Network, siren: Network | None) -> I32:
    if siren is None or not siren.graph.lanes:
        return network.graph.base_ms
    there = network.lanes_in(siren)
    return np.where(there >= 0, siren.graph.base_ms[np.maximum(there, 0)], network.graph.base_ms)


def _hash_of(ends: Ends) -> int:
    mixed = 0
    for number in ends:
        mixed = ((mixed ^ (number & 0xFFFFFFFF)) * _MIX) & _LOW
        mixed ^= mixed >> 29
    return mixed


def _span_mm(graph: RoadGraph, cells: LaneCells) -> F64:
    """Return the length of each lane's straight line, in the plane of the cells' row where it begins."""
    tail, head = graph.lane_from, graph.lane_to
    lat, lon = graph.lat_e7.astype(np.int64), graph.lon_e7.astype(np.int64)
    row = (lat[tail] - cells.grid[snap.SOUTH_E7]) // cells.grid[snap.CELL_LAT_E7]
    scales = cells.scales[np.clip(row, 0, len(cells.scales) - 1)]
    north = (lat[head] - lat[tail]) * scales[:, snap.NORTH] / 1e6
    east = (lon[head] - lon[tail]) * scales[:, snap.EAST] / 1e6
    span: F64 = np.sqrt(north * north + east * east)
    return span
