# SPDX-License-Identifier: Apache-2.0
"""The road network as columns: junctions, the lanes between them, and the arcs one may drive.

A *lane* is a directed piece of road, what is on the map and under the wheels. An *arc* is a lane as the search
sees it. They differ only where a turn is forbidden: there the junction is split into several nodes at the same
place, and a lane that leaves it has one arc for each copy it may be entered from. Every arc of a lane ends at
the same node, `lane_head`: it is the lane by which a vehicle comes that decides where it may go on.

Times are whole milliseconds in int32. INFINITE and all above it mean that there is no way; two numbers below it
can be added in int32.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import RoadError

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]

INFINITE: Final = 2**30
"No way. In milliseconds twelve days, longer than any drive."
NODES_MAX: Final = 1 << 23
"Ten times a province's junctions (guess): beyond it the labels would need tens of gigabytes."
LANES_MAX: Final = 1 << 25
"Four for each node (guess)."
NOWHERE: Final = -1
"No twin."

_LAT_E7_MAX, _LON_E7_MAX = 900_000_000, 1_800_000_000
_KINDS_MAX = 127  # int8


@dataclass(frozen=True, eq=False, kw_only=True)
class RoadGraph:
    """One network for one kind of vehicle. All arrays are C-contiguous; `validate()` tells what is not right."""

    lat_e7: I32
    "(nodes,) A place may have several nodes."
    lon_e7: I32

    tail: I32
    "(arcs,) The node an arc leaves. Arcs are sorted by tail, then head, then lane."
    head: I32
    "(arcs,) The node it arrives at; `lane_head` of its lane."
    lane: I32
    "(arcs,) The lane it drives along."

    lane_from: I32
    "(lanes,) A node at its beginning, any copy of it."
    lane_to: I32
    "(lanes,) A node at its end, any copy of it."
    lane_head: I32
    "(lanes,) The node a vehicle arrives at that drives along it, and no other."
    twin: I32
    "(lanes,) The same road the other way; NOWHERE for one-way."
    length_mm: I32
    "(lanes,)"
    base_ms: I32
    "(lanes,) At least 1 and below INFINITE."
    kind: I8
    "(lanes,) Its class of road, an index into `kinds`."

    kinds: tuple[str, ...]
    "Names of the classes of road."

    @property
    def nodes(self) -> int:
        """How many nodes."""
        return len(self.lat_e7)

    @property
    def arcs(self) -> int:
        """How many arcs."""
        return len(self.tail)

    @property
    def lanes(self) -> int:
        """How many lanes."""
        return len(self.lane_from)

    @cached_property
    def first_out(self) -> I32:
        """(nodes + 1,) The arcs that leave node v are first_out[v] … first_out[v + 1] - 1."""
        return _offsets(self.tail, self.nodes)

    @cached_property
    def first_in(self) -> I32:
        """(nodes + 1,) The arcs that arrive at node v are arcs_in[first_in[v] : first_in[v + 1]]."""
        return _offsets(self.head, self.nodes)

    @cached_property
    def arcs_in(self) -> I32:
        """(arcs,) All arcs by head, then tail, then lane."""
        return np.argsort(self.head, kind="stable").astype(np.int32)

    @cached_property
    def tail_in(self) -> I32:
        """(arcs,) tail[arcs_in]: the reversed graph's heads."""
        return self.tail[self.arcs_in]

    @cached_property
    def lane_in(self) -> I32:
        """(arcs,) lane[arcs_in]: the reversed graph's lanes."""
        return self.lane[self.arcs_in]

    def arcs_of(self, lane: int) -> I32:
        """Return the arcs that drive along a lane, ascending: one, unless its junction was split."""
        first = self._first_of_lane
        return self._arcs_by_lane[first[lane] : first[lane + 1]]

    def ms_of_arcs(self, lane_ms: I32) -> I32:
        """Return the weight of every arc for these weights of lanes."""
        return lane_ms[self.lane]

    def validate(self) -> None:
        """Raise RoadError with the first thing that is wrong; everything else may then trust the arrays."""
        self._validate_shapes()
        self._validate_nodes()
        self._validate_lanes()
        self._validate_arcs()

    @cached_property
    def _arcs_by_lane(self) -> I32:
        return np.argsort(self.lane, kind="stable").astype(np.int32)

    @cached_property
    def _first_of_lane(self) -> I32:
        return _offsets(self.lane, self.lanes)

    def _validate_shapes(self) -> None:
        for column in fields(self):
            if column.name == "kinds":
                continue
            found = getattr(self, column.name)
            dtype = np.int8 if column.name == "kind" else np.int32
            if not isinstance(found, np.ndarray) or found.dtype != dtype or found.ndim != 1:
                raise RoadError(f"{column.name} is not a column of {dtype.__name__}")
            if not found.flags.c_contiguous:
                raise RoadError(f"{column.name} is not contiguous")
        for names, count in (
            (("lat_e7", "lon_e7"), self.nodes),
            (("tail", "head", "lane"), self.arcs),
            (("lane_from", "lane_to", "lane_head", "twin", "length_mm", "base_ms", "kind"), self.lanes),
        ):
            for name in names:
                if len(getattr(self, name)) != count:
                    raise RoadError(f"{name} has {len(getattr(self, name))} rows and should have {count}")
        if self.nodes > NODES_MAX:
            raise RoadError(f"{self.nodes} nodes are more than {NODES_MAX}")
        if max(self.lanes, self.arcs) > LANES_MAX:
            raise RoadError(f"{max(self.lanes, self.arcs)} lanes or arcs are more than {LANES_MAX}")
        if not self.kinds or len(self.kinds) > _KINDS_MAX:
            raise RoadError(f"{len(self.kinds)} classes of road; there must be 1 to {_KINDS_MAX}")

    def _validate_nodes(self) -> None:
        _within("lat_e7", self.lat_e7, -_LAT_E7_MAX, _LAT_E7_MAX)
        _within("lon_e7", self.lon_e7, -_LON_E7_MAX, _LON_E7_MAX)

    def _validate_lanes(self) -> None:
        for name in ("lane_from", "lane_to", "lane_head"):
            _within(name, getattr(self, name), 0, self.nodes - 1)
        _within("base_ms", self.base_ms, 1, INFINITE - 1)
        _within("length_mm", self.length_mm, 0, 2**31 - 1)
        _within("kind", self.kind, 0, len(self.kinds) - 1)
        _within("twin", self.twin, NOWHERE, self.lanes - 1)
        self._same_place("lane_head", self.lane_head, self.lane_to)
        two_way = np.flatnonzero(self.twin != NOWHERE)
        odd = two_way[self.twin[self.twin[two_way]] != two_way]
        if len(odd):
            raise RoadError(f"twin of lane {odd[0]} is {self.twin[odd[0]]}, which has another twin")
        self._same_place(
            "twin", self.lane_from[two_way], self.lane_to[self.twin[two_way]], "does not end where it begins"
        )

    def _validate_arcs(self) -> None:
        _within("tail", self.tail, 0, self.nodes - 1)
        _within("head", self.head, 0, self.nodes - 1)
        _within("lane", self.lane, 0, self.lanes - 1)
        order = np.lexsort((self.lane, self.head, self.tail))
        if not np.array_equal(order, np.arange(self.arcs)):
            raise RoadError("arcs are not sorted by tail, head and lane")
        odd = np.flatnonzero(self.head != self.lane_head[self.lane])
        if len(odd):
            raise RoadError(f"arc {odd[0]} does not arrive at the head of its lane {self.lane[odd[0]]}")
        self._same_place("tail", self.tail, self.lane_from[self.lane])
        idle = np.flatnonzero(np.bincount(self.lane, minlength=self.lanes) == 0)
        if len(idle):
            raise RoadError(f"lane {idle[0]} has no arc")

    def _same_place(self, name: str, nodes: I32, others: I32, wrong: str = "is elsewhere") -> None:
        odd = np.flatnonzero(
            (self.lat_e7[nodes] != self.lat_e7[others]) | (self.lon_e7[nodes] != self.lon_e7[others])
        )
        if len(odd):
            raise RoadError(f"{name} {odd[0]}: node {nodes[odd[0]]} {wrong} (node {others[odd[0]]})")


def graph_of_lanes(
    *,
    lat_e7: ArrayLike,
    lon_e7: ArrayLike,
    lane_from: ArrayLike,
    lane_to: ArrayLike,
    length_mm: ArrayLike,
    base_ms: ArrayLike,
    kind: ArrayLike | None = None,
    kinds: tuple[str, ...] = ("road",),
) -> RoadGraph:
    """Return the graph of lanes without forbidden turns: one arc for each lane, in the order of the arcs.

    Lanes are sorted by (from, to), those between the same two nodes as they came. A lane becomes the twin of
    the one the other way: the first there with the first back, the second with the second.
    """
    begin, end = _column("lane_from", lane_from), _column("lane_to", lane_to)
    if len(begin) != len(end):
        raise RoadError(f"lane_to has {len(end)} rows and should have {len(begin)}")
    order = np.lexsort((end, begin))  # stable
    begin, end = begin[order], end[order]
    kinds_of = np.zeros(len(begin), np.int32) if kind is None else _column("kind", kind)
    if len(kinds_of) and not 0 <= kinds_of.min() <= kinds_of.max() < len(kinds):
        raise RoadError(f"kind must be 0 to {len(kinds) - 1}")
    graph = RoadGraph(
        lat_e7=_column("lat_e7", lat_e7),
        lon_e7=_column("lon_e7", lon_e7),
        tail=begin.copy(),
        head=end.copy(),
        lane=np.arange(len(begin), dtype=np.int32),
        lane_from=begin,
        lane_to=end,
        lane_head=end.copy(),
        twin=_twins(begin, end),
        length_mm=_sorted("length_mm", length_mm, order),
        base_ms=_sorted("base_ms", base_ms, order),
        kind=kinds_of[order].astype(np.int8),
        kinds=kinds,
    )
    graph.validate()
    return graph


def _twins(begin: I32, end: I32) -> I32:
    """Return for each lane, sorted by (from, to), the one the other way, the nth with the nth."""
    twin = np.full(len(begin), NOWHERE, np.int32)
    there = begin.astype(np.int64) << 32 | end
    back = end.astype(np.int64) << 32 | begin
    nth = np.arange(len(begin)) - np.searchsorted(there, there, side="left")
    found = np.searchsorted(there, back, side="left") + nth
    exists = (found < np.searchsorted(there, back, side="right")) & (begin != end)
    twin[exists] = found[exists]
    return twin


def _sorted(name: str, values: ArrayLike, order: NDArray[np.int64]) -> I32:
    column = _column(name, values)
    if len(column) != len(order):
        raise RoadError(f"{name} has {len(column)} rows and should have {len(order)}")
    return column[order]


def _column(name: str, values: ArrayLike) -> I32:
    """Return whole numbers as int32; what does not fit, is not whole or is not a number is refused."""
    given = np.atleast_1d(np.asarray(values))
    fits = (given >= -(2**31)) & (given < 2**31) & (given == np.floor(given))  # false for NaN
    if not fits.all():
        odd = np.flatnonzero(~fits)[0]
        raise RoadError(f"{name}[{odd}] is {given[odd]}; must be a whole number of 32 bits")
    return np.array(given, np.int32)


def _offsets(of: I32, count: int) -> I32:
    """Return where the rows of each of `count` members begin when sorted by `of`, and where the last end."""
    first = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(of, minlength=count), out=first[1:])
    return first


def _within(name: str, column: I8 | I32, least: int, most: int) -> None:
    odd = np.flatnonzero((column < least) | (column > most))
    if len(odd):
        raise RoadError(f"{name}[{odd[0]}] is {column[odd[0]]}; must be {least} to {most}")
