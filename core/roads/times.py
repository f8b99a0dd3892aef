# SPDX-License-Identifier: Apache-2.0
"""How long units need to a place along the roads: one kind of vehicle, one set of weights.

What is answered depends on the weights and on what is closed, never on how it was found: labels are only the
fast way, and Dijkstra's search gives the same milliseconds where there are none yet. So nothing of a search need
be remembered across a restart, and a replay needs no labels.

A closure touches few drives. Labels still tell which: a drive whose time is that of the way through a closed lane
may have gone through it and is searched anew; every other is as it was (measured on 54,000 nodes: 0.1 ms for 50
units none of which is touched, 8 ms for a search of the whole city). A search goes through the whole city when one
of those asked for has no way, so those that are cut off from its main part are found first, once for each closure.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geodesy
from core.kernels import rank, reckon, snap
from core.kernels.layout import I64
from core.roads.graph import I32, INFINITE
from core.roads.labels import Labels, build
from core.roads.network import SLACK, Network
from core.roads.routes import Routes
from core.roads.snapping import Snapper
from core.settings import Settings
from core.units.columns import UnitColumns

_NO_LANES: Final = np.empty(0, np.int32)
LANES_ASKED_MAX: Final = 64
"Closed lanes that labels are asked about; with more of them a search is no slower."
SEARCHES_MAX: Final = 200
"So many searches take as long as labels: whoever replays builds them then."


class Way(IntEnum):
    """How a time was found; the codes that come with `ways`."""

    LABELS = snap.ALONG
    "Along the roads."
    LIVE = snap.SEARCHED
    "Along the roads, searched anew: something was closed or opened since the weights in force were taken."
    OFF_ROAD = snap.OFF
    "The unit or the place is on no road: straight line, as without a road graph."
    NO_ROAD = snap.NO_WAY
    "Both are on roads and no way leads from one to the other (an island): the time is the straight line's."


@dataclass(frozen=True, eq=False)
class Weights:
    """What the lanes of one network cost from some moment on. Never changed: the next ones replace them."""

    open_ms: I32
    "(lanes,) As if nothing were closed; each 1 … INFINITE - 1."
    closed: I32
    "Lanes that were closed at that moment, ascending."
    fastest_mps: float
    "Straight from end to end of any lane."

    def lane_ms(self) -> I32:
        """Return what labels are built for: INFINITE where it is closed."""
        lane_ms = self.open_ms.copy()
        lane_ms[self.closed] = INFINITE
        return lane_ms


def weights_of(network: Network, open_ms: I32, closed: I32 = _NO_LANES) -> Weights:
    """Return weights with their greatest speed, rounded up to 1 cm/s."""
    fastest = float((network.span_mm / open_ms).max()) if len(open_ms) else 0.0
    return Weights(open_ms, closed, math.ceil(fastest * 100) / 100)


class RoadTimes:
    """One network at work."""

    def __init__(self, network: Network, weights: Weights, labels: Labels | None, reach_m: int) -> None:
        self.network = network
        self.snapper = Snapper(network.cells, reach_m)
        self._routes = Routes(network.graph)
        self._lane_mm: I64 = np.maximum(network.graph.length_mm, np.ceil(network.span_mm).astype(np.int64))
        self._closed: set[int] = set()
        self._main: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None
        "What `Routes.main_part` said of what is closed now; None: not asked yet."
        self.alone = False
        "True in a replay: nobody waits, so labels may be built on the spot."
        self.swap(weights, labels)

    def swap(self, weights: Weights, labels: Labels | None) -> None:
        """Take new weights, and the labels that were built for them; what is closed stays closed."""
        self.weights = weights
        self.labels = labels
        "None: Dijkstra does it meanwhile."
        self._lane_ms = weights.open_ms.copy()
        self._lane_ms[sorted(self._closed)] = INFINITE
        self._labelled = set(weights.closed.tolist())
        self._searches = 0
        self._compare()

    def close(self, lanes: list[int]) -> None:
        """Let nobody drive through these from now on; drives that begin or end on them still do."""
        self._closed.update(lanes)
        self._lane_ms[lanes] = INFINITE
        self._compare()

    def open(self, lanes: list[int]) -> None:
        """Let everybody drive through these again."""
        self._closed.difference_update(lanes)
        self._lane_ms[lanes] = self.weights.open_ms[lanes]
        self._compare()

    def ways(
        self,
        lat_e7: int,
        lon_e7: int,
        rows: I64,
        columns: UnitColumns,
        settings: Settings,
        now_ms: int = 0,
    ) -> tuple[I64, I64]:
        """Return (ms, code) to a place for each of `rows`, int64 (n,) each; who drives has gone on until `now_ms`."""
        self.snapper.reach(settings.snap_m_max)
        place = self.snapper.place(lat_e7, lon_e7)
        ms, codes = np.zeros(len(rows), np.int64), np.full(len(rows), snap.OFF, np.int64)
        wayless = len(rows)
        if place[snap.LANE, 0] != snap.OFF_ROAD and wayless:
            self.snapper.seat(columns.narrow, rows)
            seats, at = self._seats_now(rows, columns, settings.reckon_s_max * 1000, now_ms)
            open_ms, kmh = self.weights.open_ms, settings.off_road_kmh
            sources = np.empty((len(rows), 4), np.int32)
            snap.leave(seats, at, self.network.graph.lane_head, open_ms, kmh, sources)
            times = self.drives(sources, self.ends_at(place, kmh))
            how = snap.SEARCHED if self.live else snap.ALONG
            wayless = snap.arrive(seats, at, place, open_ms, kmh, how, times, ms, codes)
        if wayless:
            lost = codes >= snap.OFF
            ms[lost] = _straight_ms(lat_e7, lon_e7, rows[lost], columns, settings, now_ms)
        return ms, codes

    def _seats_now(self, rows: I64, columns: UnitColumns, reckon_ms: int, now_ms: int) -> tuple[I64, I64]:
        """Return seats, and which of their columns are those of `rows`: the units' own, or where they are by now."""
        if not reckon_ms:
            return self.snapper.seats, rows
        ahead = np.empty((snap.SEATED, len(rows)), np.int64)
        narrow, wide, seats = columns.narrow, columns.wide, self.snapper.seats
        reckon.advance(narrow, wide, seats, rows, self._lane_mm, now_ms, reckon_ms, ahead)
        return ahead, np.arange(len(rows))

    def fastest_mps(self, settings: Settings) -> float:
        """Return a speed over the straight line that nothing `ways` tells can beat, as Roads has it."""
        straight = settings.speed_kmh * 100 / (3.6 * settings.detour_percent)
        return SLACK * max(self.weights.fastest_mps, settings.off_road_kmh / 3.6, straight)

    def drives(self, sources: I32, targets: I32) -> I32:
        """Return the ms of each source to the nearest target, by the weights in force and what is closed now."""
        if self.labels is None and self.alone and not self.live:
            self._searches += 1
            if self._searches > SEARCHES_MAX:
                order = self.network.labels.order if self.network.labels is not None else None
                self.labels = build(self.network.graph, self.weights.lane_ms(), order)
        if self.labels is None or self._opened or len(self._newly) > LANES_ASKED_MAX:
            return self._searched(sources, targets)
        times = self.labels.many_to_one(sources, targets)
        if self._newly:
            through = self._through(self.labels, sources, targets, times)
            if through.any():
                times[through] = self._searched(sources[through], targets)
        return times

    def ends_at(self, place: I64, off_road_kmh: int) -> I32:
        """Return the nodes from which the place is reached, and the ms from there (ends, 2)."""
        graph, open_ms = self.network.graph, self.weights.open_ms
        lane, other, fraction, off_mm = place[snap.LANE :, 0].tolist()
        walk_ms = -(-off_mm * 36 // (10 * off_road_kmh))
        ends: list[tuple[int, int]] = []
        for along, part in ((lane, fraction), (other, snap.WHOLE - fraction)):
            if along != snap.OFF_ROAD:
                ms = walk_ms - (-int(open_ms[along]) * part // snap.WHOLE)
                ends += [(node, ms) for node in graph.tail[graph.arcs_of(along)].tolist()]
        return np.array(ends, np.int32)

    def _searched(self, sources: I32, targets: I32) -> I32:
        """Return what a search says, without one for those that surely have no way."""
        times = np.full(len(sources), INFINITE, np.int32)
        asked = self._may_have_a_way(sources, targets)
        if asked.any():
            rows = np.ascontiguousarray(sources[asked])
            times[asked] = self._routes.many_to_one(self._lane_ms, rows, targets)
        return times

    def _may_have_a_way(self, sources: I32, targets: I32) -> NDArray[np.bool_]:
        """Return false for each source that no target can be reached from.

        Who gets from s to t gets to the main node from s if he does from t, and from it to t if he does to s.
        """
        if self._main is None:
            important = self.network.labels.order[-1:].tolist() if self.network.labels is not None else []
            self._main = self._routes.main_part(self._lane_ms, *(important or [0]))
        to_main, from_main = self._main
        reached = targets[targets[:, 0] >= 0, 0]
        nodes = sources[:, 0::2]
        may, anywhere = np.zeros(nodes.shape, np.bool_), np.ones(nodes.shape, np.bool_)
        for to, back in zip(to_main[reached].tolist(), from_main[reached].tolist(), strict=True):
            leaves = to_main[nodes] if to else anywhere
            comes = anywhere if back else ~from_main[nodes]
            may |= leaves & comes
        return np.asarray((may & (nodes >= 0)).any(axis=1))

    def _compare(self) -> None:
        """See how what is closed differs from what the weights in force know of."""
        self._main = None
        self.live = self._closed != self._labelled
        self._newly = sorted(self._closed - self._labelled)
        self._opened = not self._labelled <= self._closed

    def _through(self, labels: Labels, sources: I32, targets: I32, times: I32) -> NDArray[np.bool_]:
        """Return which of the drives may have gone through a lane that was closed since."""
        graph, open_ms = self.network.graph, self.weights.open_ms
        touched = np.zeros(len(times), np.bool_)
        for lane in self._newly:
            head = np.array([[graph.lane_head[lane], 0]], np.int32)
            onward = int(open_ms[lane]) + int(labels.many_to_one(head, targets)[0])
            if onward < INFINITE:
                tails = graph.tail[graph.arcs_of(lane)]
                ends = np.stack([tails, np.full(len(tails), onward, np.int32)], axis=1)
                touched |= labels.many_to_one(sources, ends) <= times
        return touched & (times < INFINITE)


def _straight_ms(
    lat_e7: int, lon_e7: int, rows: I64, columns: UnitColumns, settings: Settings, now_ms: int
) -> I64:
    """Return the ms over the straight line, to the last bit what a house without roads says."""
    ms_per_m = settings.detour_percent * 36 / settings.speed_kmh
    shape = np.array((lat_e7, lon_e7, *geodesy.radii_near(lat_e7 / 1e7), ms_per_m), np.float64)
    ms = np.empty(len(rows), np.int64)
    rank.straight(columns.narrow, columns.wide, rows, now_ms, settings.reckon_s_max * 1000, shape, ms)
    return ms
