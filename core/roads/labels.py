# SPDX-License-Identifier: Apache-2.0
"""Travel times in microseconds: hub labels (Abraham et al. 2011) over a contraction hierarchy (Geisberger 2008).

Each node knows the few important nodes (hubs) one passes on the way out of it, and on the way into it, with the
times. A drive from one node to another passes a hub that both know: the least sum of the two is the time,
exactly that of Dijkstra's algorithm, in the milliseconds the labels were built for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import RoadError
from core.kernels import labels as kernel
from core.roads.graph import I32, INFINITE, RoadGraph
from core.roads.hierarchy import Hierarchy, check_order, contract

ENTRIES_SPARE = 40
"Entries of a label, one way, that there is room for at first; more is found when needed. Measured: Auckland 35."


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """The labels of one graph for one set of weights. Never changed; a rebuild makes new ones.

    Ask one question at a time: the answers share a scratch pad.
    """

    order: I32
    "(nodes,) The nodes as they were contracted, least important first; give it to `build` to skip ordering."
    out_at: I32
    "(nodes, 2) Where a node's label of the way out begins and ends in out_hub and out_ms."
    out_hub: I32
    out_ms: I32
    in_at: I32
    "(nodes, 2) The same for the way in."
    in_hub: I32
    in_ms: I32

    @property
    def nodes(self) -> int:
        """How many nodes they are for."""
        return len(self.order)

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        return sum(column.nbytes for column in self.arrays().values())

    def arrays(self) -> dict[str, I32]:
        """Return the columns by name, for a file; `restored` makes labels of them again."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def many_to_one(self, sources: I32, targets: I32) -> I32:
        """Return for each row of `sources` the ms to the nearest target; INFINITE: no way.

        `sources` has shape (n, 2·ends): a row is one vehicle, each pair in it a node where it can be and the
        ms it needs until there (a parked one can leave either way: two pairs; a node below 0: none). `targets`
        has shape (ends, 2): the nodes from which the place can be reached, and the ms from there. Both are
        C-contiguous int32, the ms at least 0; the least over all ends counts.
        """
        out = np.empty(len(sources), np.int32)
        kernel.ask(*self._out, *self._in, self._scratch, targets, sources, out)
        return out

    def one_to_many(self, sources: I32, targets: I32) -> I32:
        """Return for each row of `targets` (n, 2·ends) the ms from the nearest of `sources` (ends, 2)."""
        out = np.empty(len(targets), np.int32)
        kernel.ask(*self._in, *self._out, self._scratch, sources, targets, out)
        return out

    def way(self, graph: RoadGraph, lane_ms: I32, sources: I32, targets: I32) -> I32 | None:
        """Return the lanes of the fastest way in order, from the best of `sources` (ends, 2) to `targets`.

        None: no way; no lanes: source and target are the same node. `lane_ms` must be what the labels were
        built for. Ties go to the upper row of `sources`, then the lower arc at each node.
        """
        ms = self.many_to_one(sources, targets)
        if not len(ms) or ms.min() >= INFINITE:
            return None
        lanes = np.empty(self.nodes, np.int32)
        count = kernel.walk(
            *self._out,
            *self._in,
            self._scratch,
            targets,
            int(sources[ms.argmin(), 0]),
            graph.first_out,
            graph.head,
            graph.lane,
            lane_ms,
            lanes,
        )
        assert count >= 0, "the labels were built for other weights"
        return lanes[:count].copy()

    @cached_property
    def _out(self) -> tuple[I32, I32, I32]:
        return self.out_at, self.out_hub, self.out_ms

    @cached_property
    def _in(self) -> tuple[I32, I32, I32]:
        return self.in_at, self.in_hub, self.in_ms

    @cached_property
    def _scratch(self) -> I32:
        return np.full(self.nodes, INFINITE, np.int32)


def build(graph: RoadGraph, lane_ms: I32, order: I32 | None = None) -> Labels:
    """Return the labels of a graph for these weights (lanes,), each 1 … INFINITE (which closes the lane).

    Holds the GIL for some ms at a time at most. The same arguments give the same labels to the bit. An `order` of
    labels built before, of the same graph with other weights, saves the ordering: a quarter to a half of the time.
    """
    if lane_ms.dtype != np.int32 or lane_ms.shape != (graph.lanes,):
        raise RoadError(f"lane_ms must be a column of int32 with {graph.lanes} rows")
    odd = np.flatnonzero((lane_ms < 1) | (lane_ms > INFINITE))
    if len(odd):
        raise RoadError(f"lane_ms[{odd[0]}] is {lane_ms[odd[0]]}; must be 1 to {INFINITE}")
    if order is not None:
        check_order(graph, order)
    return _labelled(contract(graph, lane_ms, order))


def restored(graph: RoadGraph, arrays: Mapping[str, NDArray[np.int32]]) -> Labels:
    """Return labels from what `Labels.arrays` gave, or raise RoadError if they are not of this graph."""
    columns = {}
    for column in fields(Labels):
        found = arrays.get(column.name)
        shape = (graph.nodes, 2) if column.name.endswith("_at") else (-1,)
        if found is None or found.dtype != np.int32 or found.ndim != len(shape):
            raise RoadError(f"labels: {column.name} is missing or not of int32")
        if len(shape) == 2 and found.shape != shape:
            raise RoadError(f"labels: {column.name} is not of a graph of {graph.nodes} nodes")
        columns[column.name] = np.ascontiguousarray(found)
    check_order(graph, columns["order"])
    for side in ("out", "in"):
        at, hub, ms = (columns[f"{side}_{name}"] for name in ("at", "hub", "ms"))
        if (
            len(hub) != len(ms)
            or (at[:, 0] > at[:, 1]).any()
            or _beyond(at, len(hub))
            or _beyond(hub, graph.nodes - 1)
        ):
            raise RoadError(f"labels: the columns of the way {side} contradict each other")
        if _beyond(ms, INFINITE - 1):
            raise RoadError(f"labels: {side}_ms has a time out of range")
    return Labels(**columns)


def _beyond(column: I32, most: int) -> bool:
    return bool(len(column)) and not 0 <= int(column.min()) <= int(column.max()) <= most


def _labelled(ranked: Hierarchy) -> Labels:
    nodes = len(ranked.order)
    node_of = np.ascontiguousarray(ranked.order[::-1])
    hub_of = np.empty(nodes, np.int32)
    hub_of[node_of] = np.arange(nodes, dtype=np.int32)
    firsts = [np.zeros(nodes + 1, np.int32) for _ in range(2)]
    tables = [np.empty((ENTRIES_SPARE * nodes + nodes, 2), np.int32) for _ in range(2)]
    best, touched = np.full(nodes, INFINITE, np.int32), np.empty(nodes, np.int32)
    done = 0
    while True:
        sides = (firsts[0], tables[0], firsts[1], tables[1])
        done = kernel.extend(ranked.arcs, ranked.first, hub_of, node_of, done, *sides, best, touched)
        if done == nodes:
            break
        tables = [
            np.concatenate((table, np.empty((len(table) // 2 + nodes, 2), np.int32))) for table in tables
        ]
    columns = {"order": ranked.order}
    for side, first, table in zip(("out", "in"), firsts, tables, strict=True):
        at = np.column_stack((first[:-1], first[1:]))[hub_of]
        columns[f"{side}_at"] = np.ascontiguousarray(at)
        columns[f"{side}_hub"] = table[: first[-1], kernel.HUB].copy()
        columns[f"{side}_ms"] = table[: first[-1], kernel.TIME].copy()
    return Labels(**columns)
