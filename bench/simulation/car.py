# SPDX-License-Identifier: Apache-2.0
"""One police car: where it is at any moment, and which order it follows."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bench.simulation.ways import Ways
from core.ids import OrderId

NS_PER_MS = 1_000_000
NO_ORDER = OrderId("")


class Place(NamedTuple):
    """Where a car is, as its receiver tells it."""

    lat_e7: int
    lon_e7: int
    speed_cms: int
    course_cdeg: int


class Bend(NamedTuple):
    """The next junction a car comes to, and the lane and the part of it that are still before it."""

    node: int
    lane: int
    left: float
    "Share of the lane; 0 at the junction."


class Drive:
    """One way through the roads: when it is at which junction."""

    def __init__(self, ways: Ways, start: Bend, end: int, here: Place, at_ns: int) -> None:
        graph = ways.graph
        first = [start.lane] if start.left else []
        lanes = np.array([*first, *ways.lanes(start.node, end)], np.int64)
        took_ms = graph.base_ms[lanes].astype(np.float64)
        if start.left:
            took_ms[0] *= start.left
        reached = graph.lane_head[lanes]
        took_ns = np.rint(np.cumsum(took_ms) * NS_PER_MS).astype(np.int64)
        self._at_ns: list[int] = [at_ns, *(at_ns + took_ns).tolist()]
        self._lat: list[int] = [here.lat_e7, *graph.lat_e7[reached].tolist()]
        self._lon: list[int] = [here.lon_e7, *graph.lon_e7[reached].tolist()]
        self._nodes: list[int] = reached.tolist()
        self._lanes: list[int] = lanes.tolist()
        self._ways = ways
        self._share = start.left or 1.0
        self.end = end

    @property
    def arrives_ns(self) -> int:
        """When it is there."""
        return self._at_ns[-1]

    def place(self, at_ns: int) -> Place:
        """Return where the car is: on the straight line between two junctions."""
        leg = bisect_right(self._at_ns, at_ns) - 1
        if leg >= len(self._lanes):
            return Place(self._lat[-1], self._lon[-1], 0, 0)
        begin_ns, end_ns = self._at_ns[leg], self._at_ns[leg + 1]
        north, east = self._lat[leg + 1] - self._lat[leg], self._lon[leg + 1] - self._lon[leg]
        done = (at_ns - begin_ns) / (end_ns - begin_ns)
        graph, lane = self._ways.graph, self._lanes[leg]
        speed_cms = int(graph.length_mm[lane]) * 100 // int(graph.base_ms[lane])
        course = np.degrees(np.arctan2(east * np.cos(np.radians(self._lat[leg] / 1e7)), north)) % 360
        return Place(
            self._lat[leg] + round(north * done),
            self._lon[leg] + round(east * done),
            min(speed_cms, 0xFFFF),
            int(course * 100) % 36_000,
        )

    def bend(self, at_ns: int) -> Bend:
        """Return the first junction at which it can turn elsewhere."""
        leg = bisect_right(self._at_ns, at_ns) - 1
        if leg >= len(self._lanes):
            return Bend(self.end, 0, 0.0)
        begin_ns, end_ns = self._at_ns[leg], self._at_ns[leg + 1]
        left = (end_ns - at_ns) / (end_ns - begin_ns)
        return Bend(self._nodes[leg], self._lanes[leg], left * (self._share if leg == 0 else 1.0))


@dataclass(kw_only=True)
class Car:
    """What the officers in it know."""

    row: int
    base: int
    node: int
    "Where it stands, when it does not drive."
    drive: Drive | None = None
    order_id: OrderId = NO_ORDER
    on_scene: bool = False
    drives: int = 0
    "How often it set out: what was planned for an earlier way is void."
    rolled_ns: int = 0
    "When it last set out."
    busy_from_ns: int = 0
    worked_ns: list[tuple[int, int]] = field(default_factory=list)
    "From the order until it was clear or called off, ns."
    _standing: Place | None = None
    "Found once for each stop: most cars stand most of the time, and tell so every 10 s."

    def place(self, ways: Ways, at_ns: int) -> Place:
        """Return where it is."""
        if self.drive is not None:
            return self.drive.place(at_ns)
        if self._standing is None:
            self._standing = Place(int(ways.graph.lat_e7[self.node]), int(ways.graph.lon_e7[self.node]), 0, 0)
        return self._standing

    def set_out(self, ways: Ways, end: int, at_ns: int) -> Drive:
        """Turn to another place at the next junction; return the drive there."""
        start = self.drive.bend(at_ns) if self.drive is not None else Bend(self.node, 0, 0.0)
        self.drive = Drive(ways, start, end, self.place(ways, at_ns), at_ns)
        self.drives += 1
        self.rolled_ns = at_ns
        return self.drive

    def stand(self, node: int) -> None:
        """Stop at a place."""
        self.drive, self.node, self._standing = None, node, None

    def work(self, order_id: OrderId, at_ns: int) -> None:
        """Take an order."""
        if not self.order_id:
            self.busy_from_ns = at_ns
        self.order_id = order_id

    def rest(self, at_ns: int) -> None:
        """Be free again."""
        self.worked_ns.append((self.busy_from_ns, at_ns))
        self.order_id, self.on_scene = NO_ORDER, False
