# SPDX-License-Identifier: Apache-2.0
"""The roads in force: a network for each kind of vehicle, what is closed and slow on them, and how long ways take.

Weights change in two steps. At one fact what is believed is frozen; at a later fact, when the labels for it are
ready, they come into force everywhere at once. Between the two, and after a closure, ways are searched anew
with what is closed now: the answer never waits for labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

from core.kernels import snap
from core.kernels.layout import I64
from core.roads.graph import I32, NOWHERE
from core.roads.labels import Labels, build
from core.roads.network import NOT_ON_WHEELS, Ends, Network, Networks, leading
from core.roads.times import RoadTimes, Weights, weights_of
from core.roads.traffic import Delays, Frozen, Paces, SavedPaces, weigh
from core.settings import Settings
from core.units.columns import UnitColumns

CLOSE_M = 50
"A road is closed or opened by a point not farther from it than this."
CLOSURES_MAX = 1_000  # closed at once; a typhoon closes hundreds. Guess


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A road that somebody closed."""

    road_id: str
    lat: float
    lon: float
    text: str = ""
    by: str = ""
    since_ns: int = 0
    ends: tuple[Ends, ...] = ()
    "The road both ways, by the places of its ends; empty: the leading network has no road there."


class SavedRoads(msgspec.Struct, frozen=True, kw_only=True):
    """The roads as a snapshot keeps them: all that cannot be found again in the road file."""

    digest: str
    closures: list[Closure] = []
    paces: SavedPaces = SavedPaces()
    delays: list[tuple[int, int, int, int]] = []
    in_force: Frozen = Frozen()
    pending: Frozen | None = None


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """The weights and labels that follow from what was frozen."""

    of_seq: int
    parts: dict[str, tuple[Weights, Labels]]
    "By kind of vehicle."


class Roads(Protocol):
    """What the recommender asks."""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The kinds of vehicle there are roads for."""

    def ways(
        self,
        profile: str,
        lat_e7: int,
        lon_e7: int,
        rows: I64,
        columns: UnitColumns,
        settings: Settings,
        now_ms: int = 0,
    ) -> tuple[I64, I64]:
        """Return (ms, code) to a place for each of `rows`, int64 (n,) each; code is a core.roads.times.Way.

        `rows` is int64, C-contiguous, any order; every row must have a position. ms is never "no way": for
        OFF_ROAD and NO_ROAD it is the straight line's (detour, speed_kmh). Both arrays are the caller's to keep.
        By `now_ms`, ms since 1970, who drives has gone on since its fix (`reckon_s_max`); 0 leaves all at theirs.
        """

    def fastest_mps(self, profile: str, settings: Settings) -> float:
        """Return a speed over the straight line that nothing `ways` tells can beat, in m/s.

        A unit whose fix is d metres away in a straight line, and that is assumed to have driven on for s metres, has
        ms >= (d - s) / fastest_mps * 1000, whatever its code.
        """


class Atlas:
    """All networks of one road file at work (Roads)."""

    def __init__(self, digest: str, networks: Networks, settings: Settings, *, alone: bool = False) -> None:
        """`networks` are those of this digest, and at least one; `alone` while nobody waits for an answer."""
        self.digest = digest
        self.networks = networks
        self.profiles = tuple(sorted(networks))
        self.lead = leading(networks)
        self._wheels = [kind for kind in self.profiles if kind not in NOT_ON_WHEELS] or [self.lead]
        self.times = {
            kind: RoadTimes(
                network, weights_of(network, network.graph.base_ms), network.labels, settings.snap_m_max
            )
            for kind, network in networks.items()
        }
        self.alone(alone)
        self.closures: dict[str, Closure] = {}
        self.paces = Paces(networks[self.lead].graph.lanes)
        self.delays = Delays()
        self.in_force = Frozen()
        self.pending: Frozen | None = None
        "What labels are being built for."
        self._offered: Rebuilt | None = None

    # What the recommender asks

    def ways(
        self,
        profile: str,
        lat_e7: int,
        lon_e7: int,
        rows: I64,
        columns: UnitColumns,
        settings: Settings,
        now_ms: int = 0,
    ) -> tuple[I64, I64]:
        """Return how long each of `rows` needs to a place, as Roads has it."""
        return self.times[profile].ways(lat_e7, lon_e7, rows, columns, settings, now_ms)

    def fastest_mps(self, profile: str, settings: Settings) -> float:
        """Return a speed that nothing `ways` tells can beat, as Roads has it."""
        return self.times[profile].fastest_mps(settings)

    @property
    def live(self) -> bool:
        """Whether something is closed or opened since the weights in force were taken."""
        return any(times.live for times in self.times.values())

    def alone(self, alone: bool) -> None:
        """Say whether somebody waits for the next answer, or only for the last one (a replay)."""
        for times in self.times.values():
            times.alone = alone

    # What is closed

    def piece_at(self, lat: float, lon: float) -> tuple[Ends, ...]:
        """Return the road piece nearest to a place, both ways; none when there is none within CLOSE_M.

        Both ways of a one-way street too: who drives with siren may come against it.
        """
        spot = self.times[self.lead].snapper.spot(round(lat * 1e7), round(lon * 1e7), CLOSE_M)
        if spot.lane == NOWHERE:
            return ()
        lat_e7, lon_e7, to_lat_e7, to_lon_e7 = self.networks[self.lead].ends_of(spot.lane)
        return (lat_e7, lon_e7, to_lat_e7, to_lon_e7), (to_lat_e7, to_lon_e7, lat_e7, lon_e7)

    def close(self, *closures: Closure) -> None:
        """Let nobody drive through these any more; at once."""
        self.closures.update((closure.road_id, closure) for closure in closures)
        ends = [each for closure in closures for each in closure.ends]
        for kind in self._wheels:
            self.times[kind].close(self._lanes(kind, ends))

    def open(self, road_id: str) -> Closure:
        """Let everybody through again, unless another closure is at the same place."""
        closure = self.closures.pop(road_id)
        still = {ends for other in self.closures.values() for ends in other.ends}
        ends = [each for each in closure.ends if each not in still]
        for kind in self._wheels:
            self.times[kind].open(self._lanes(kind, ends))
        return closure

    def closed_lanes(self) -> int:
        """Return how many lanes of the leading network are closed."""
        return len({ends for closure in self.closures.values() for ends in closure.ends})

    # New weights

    def freeze(self, seq: int, at_ns: int, settings: Settings) -> Frozen | None:
        """Freeze what is believed now, for new weights; None: the same weights would follow as are in force."""
        at_s = at_ns // 1_000_000_000
        lanes, paces = np.empty(0, np.int32), np.empty(0, np.int16)
        if settings.roads_live:
            lanes, paces = self.paces.believed(at_s, settings.utc_offset_s)
        frozen = Frozen(
            of_seq=seq,
            lanes=lanes.tobytes(),
            paces=paces.tobytes(),
            delays=self.delays.believed(at_s),
            closed=tuple(sorted({ends for closure in self.closures.values() for ends in closure.ends})),
        )
        if frozen.same_as(self.in_force):
            return None
        self.pending = frozen
        return frozen

    def rebuild(self, frozen: Frozen) -> Rebuilt:
        """Return the weights that follow, with their labels. Changes nothing: for a thread beside the loop."""
        parts: dict[str, tuple[Weights, Labels]] = {}
        for kind, network in self.networks.items():
            weights = self._weigh(kind, frozen)
            labels = self._labels_at_hand(kind, weights)
            if labels is None:
                order = network.labels.order if network.labels is not None else None
                labels = build(network.graph, weights.lane_ms(), order)
            parts[kind] = (weights, labels)
        return Rebuilt(frozen.of_seq, parts)

    def offer(self, rebuilt: Rebuilt) -> None:
        """Take what a thread has made: for the swap that is to come, or labels for the weights in force."""
        if rebuilt.of_seq == self.in_force.of_seq:
            for kind, (weights, labels) in rebuilt.parts.items():
                self.times[kind].swap(weights, labels)
        else:
            self._offered = rebuilt

    def swap(self, of_seq: int) -> bool:
        """Let what was frozen at that fact come into force, for every kind at once; False: nobody waits for it.

        Without an offer (a replay) the weights are found here, and labels are made when the replay is over.
        """
        if self.pending is None or self.pending.of_seq != of_seq:
            return False
        frozen, self.pending = self.pending, None
        offered, self._offered = self._offered, None
        if offered is not None and offered.of_seq == of_seq:
            for kind, (weights, labels) in offered.parts.items():
                self.times[kind].swap(weights, labels)
        else:
            self._take(frozen)
        self.in_force = frozen
        return True

    def unlabelled(self) -> Frozen | None:
        """Return what to rebuild so that the weights in force have their labels; None when they have."""
        return self.in_force if any(times.labels is None for times in self.times.values()) else None

    # Snapshots

    def saved(self) -> SavedRoads:
        """Return what a snapshot needs."""
        return SavedRoads(
            digest=self.digest,
            closures=[*self.closures.values()],
            paces=self.paces.saved(),
            delays=self.delays.items(),
            in_force=self.in_force,
            pending=self.pending,
        )

    def fill(self, saved: SavedRoads) -> None:
        """Take over what was saved."""
        assert saved.digest == self.digest, "these are other roads"
        self.paces.fill(saved.paces)
        self.delays = Delays(saved.delays)
        self._take(saved.in_force)
        self.in_force, self.pending = saved.in_force, saved.pending
        self.close(*saved.closures)

    def _take(self, frozen: Frozen) -> None:
        for kind in self.profiles:
            weights = self._weigh(kind, frozen)
            self.times[kind].swap(weights, self._labels_at_hand(kind, weights))

    def _weigh(self, kind: str, frozen: Frozen) -> Weights:
        return weigh(self.networks[kind], frozen, on_wheels=kind in self._wheels)

    def _labels_at_hand(self, kind: str, weights: Weights) -> Labels | None:
        """Return labels there are for exactly these weights: the road file's, or those in force."""
        times, network = self.times[kind], self.networks[kind]
        if _same(weights, times.weights.open_ms, times.weights.closed) and times.labels is not None:
            return times.labels
        return network.labels if _same(weights, network.graph.base_ms, weights.closed[:0]) else None

    def _lanes(self, kind: str, many: Iterable[Ends]) -> list[int]:
        network: Network = self.networks[kind]
        return [lane for ends in many for lane in network.lanes_between(ends)]


def _same(weights: Weights, open_ms: I32, closed: I32) -> bool:
    return np.array_equal(weights.open_ms, open_ms) and np.array_equal(weights.closed, closed)


assert snap.OFF_ROAD == NOWHERE, "one mark for no lane"
