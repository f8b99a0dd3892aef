# SPDX-License-Identifier: Apache-2.0
"""The order of importance of a graph's nodes, and the arcs each has to more important ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import RoadError
from core.kernels import hierarchy as kernel
from core.roads.graph import I32, INFINITE, RoadGraph

ARCS_SPARE = 1.2
"Shortcuts for each arc that there is room for at first (measured: Auckland 1.06); more is found when needed."
FOUND_MIN = 4096
"Shortcuts of one node that there is room for at first (guess)."
HEAP = 4096
"Room of a search for a way round; one that is full makes a shortcut that may not have been needed."


@dataclass(frozen=True, eq=False, kw_only=True)
class Hierarchy:
    """What contraction leaves; the layout is that of `core.kernels.hierarchy`."""

    order: I32
    "(nodes,) Least important first."
    arcs: I32
    first: I32


def contract(graph: RoadGraph, lane_ms: I32, order: I32 | None = None) -> Hierarchy:
    """Return the hierarchy for these weights; in the order given, or in one of its own."""
    tail, head, ms = _simple(graph, lane_ms)
    arcs, first = _linked(graph.nodes, tail, head, ms)
    nodes = np.arange(graph.nodes)
    state = np.zeros(kernel.STATE, np.int64)
    state[kernel.ARCS] = len(tail)
    state[kernel.QUEUED] = graph.nodes
    state[kernel.GIVEN] = order is not None
    weight = np.zeros((graph.nodes, 2), np.int32)
    queue = nodes + (-(2**31) << 32)  # below any cost: each is looked at once before one is taken out
    taken = np.zeros(graph.nodes, np.int32) if order is None else np.array(order, np.int32)
    seen = np.full(graph.nodes, 2**63 - 1, np.int64)
    heap, found = np.zeros(HEAP, np.int64), np.zeros((FOUND_MIN, 3), np.int32)
    while more := kernel.contract(state, arcs, first, weight, queue, taken, seen, heap, found):
        arcs = np.concatenate((arcs, np.zeros((len(arcs) // 2 + more, kernel.ARC), np.int32)))
        found = np.zeros((max(len(found), 2 * more), 3), np.int32)
    return Hierarchy(order=taken, arcs=arcs, first=first)


def check_order(graph: RoadGraph, order: NDArray[np.int32]) -> None:
    """Raise RoadError unless every node stands in `order` once."""
    if order.shape != (graph.nodes,) or not np.array_equal(np.sort(order), np.arange(graph.nodes)):
        raise RoadError("the order given is not one of this graph's nodes")


def _simple(graph: RoadGraph, lane_ms: I32) -> tuple[I32, I32, I32]:
    """Return the arcs without loops, closed ones and all but the fastest between the same two nodes."""
    ms = graph.ms_of_arcs(lane_ms)
    kept = np.flatnonzero((graph.tail != graph.head) & (ms < INFINITE))
    tail, head, ms = graph.tail[kept], graph.head[kept], ms[kept]
    if not len(kept):
        return tail, head, ms
    another = np.flatnonzero(np.diff(tail, prepend=-1) | np.diff(head, prepend=-1))
    return tail[another], head[another], np.minimum.reduceat(ms, another)


def _linked(nodes: int, tail: I32, head: I32, ms: I32) -> tuple[I32, I32]:
    """Return the table of arcs with room for shortcuts, and where each node's two lists begin."""
    count = len(tail)
    arcs = np.zeros((count + int(ARCS_SPARE * count) + FOUND_MIN, kernel.ARC), np.int32)
    first = np.full((nodes, 2), kernel.NONE, np.int32)
    arcs[:count, kernel.TAIL] = tail
    arcs[:count, kernel.HEAD] = head
    arcs[:count, kernel.MS] = ms
    rows = np.arange(count, dtype=np.int32)
    for side, end, of_end in ((kernel.OUT, tail, rows), (kernel.IN, head, np.argsort(head, kind="stable"))):
        owner = end[of_end]
        last = np.append(owner[1:] != owner[:-1], True)[:count]
        arcs[of_end, kernel.NEXT_OUT + side] = np.where(
            last, kernel.NONE, np.append(of_end[1:], kernel.NONE)[:count]
        )
        begins = np.append(True, owner[1:] != owner[:-1])[:count]
        first[owner[begins], side] = of_end[begins]
    return arcs, first
