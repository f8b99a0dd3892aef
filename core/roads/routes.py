# SPDX-License-Identifier: Apache-2.0
"""Travel times by the weights of this moment: Dijkstra's algorithm, from the call outwards until enough is known.

Slower than labels (10–1000 µs) and never out of date: for the minutes between a closure and the next labels.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.kernels import routes as kernel
from core.roads.graph import I32, INFINITE, RoadGraph

_BASE_FIRST = kernel.UNSEEN - (1 << 32)
TRIED_MAX: Final = 4
"Nodes tried before a network counts as one without a main part."


class Routes:
    """Searches on one graph, with the memory they need: 16 bytes a node, 8 an arc. One search at a time.

    Ends are those of `core.roads.labels.Labels`. The weights `lane_ms` (lanes,) are int32, 1 … INFINITE
    (closed), and are read at each search.
    """

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self.settled = 0
        "How many nodes the last search settled: what it cost."
        self._base = _BASE_FIRST
        self._seen = np.full(graph.nodes, kernel.UNSEEN, np.int64)
        self._mark = np.full(graph.nodes, kernel.UNSEEN, np.int64)
        self._heap = np.zeros(graph.arcs, np.int64)

    def many_to_one(
        self,
        lane_ms: I32,
        sources: I32,
        targets: I32,
        *,
        bound_ms: int | None = None,
        enough: int | None = None,
    ) -> I32:
        """Return for each row of `sources` (n, 2·ends) the ms to the nearest of `targets` (ends, 2).

        INFINITE means no way, or none within `bound_ms`, or not among the `enough` fastest; with neither given,
        all are known. A row that has no way makes the search go through the whole network (measured: 4 to 8
        ms for 54,000 nodes): do not ask for one of which labels say that it has none.
        """
        graph = self.graph
        backward = graph.first_in, graph.tail_in, graph.lane_in
        return self._spread(backward, lane_ms, targets, sources, bound_ms, enough)

    def one_to_many(
        self,
        lane_ms: I32,
        sources: I32,
        targets: I32,
        *,
        bound_ms: int | None = None,
        enough: int | None = None,
    ) -> I32:
        """Return for each row of `targets` (n, 2·ends) the ms from the nearest of `sources` (ends, 2)."""
        graph = self.graph
        forward = graph.first_out, graph.head, graph.lane
        return self._spread(forward, lane_ms, sources, targets, bound_ms, enough)

    def main_part(self, lane_ms: I32, first: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return of each node whether one main node can be reached from it, and whether it can from that node.

        `first` is tried as the main one; if it has ways to and from less than half the network, some others are.
        Measured: 1 ms for 23,000 nodes.
        """
        graph, queue = self.graph, np.empty(self.graph.nodes, np.int32)
        best = np.zeros(graph.nodes, np.bool_), np.zeros(graph.nodes, np.bool_)
        most = 0
        for main in (first, *range(0, graph.nodes, 1 + graph.nodes // TRIED_MAX)):
            to, back = np.zeros(graph.nodes, np.bool_), np.zeros(graph.nodes, np.bool_)
            ends = kernel.flood(graph.first_in, graph.tail_in, graph.lane_in, lane_ms, main, to, queue)
            begins = kernel.flood(graph.first_out, graph.head, graph.lane, lane_ms, main, back, queue)
            if min(ends, begins) > most:
                best, most = (to, back), min(ends, begins)
            if 2 * most > graph.nodes:
                break
        return best

    def way(self, lane_ms: I32, sources: I32, targets: I32) -> I32 | None:
        """Return the lanes of the fastest way in order, from the best of `sources` to the best of `targets`.

        Both have shape (ends, 2). None: no way; no lanes: both are the same node. Ties go to the upper row of
        `sources`, then the lower arc at each node, as in `Labels.way`.
        """
        ms = self.many_to_one(lane_ms, sources, targets, enough=1)
        if not len(ms) or ms.min() >= INFINITE:
            return None
        graph, lanes = self.graph, np.empty(self.graph.nodes, np.int32)
        count = kernel.follow(
            graph.first_out,
            graph.head,
            graph.lane,
            lane_ms,
            self._base,
            targets,
            self._seen,
            int(sources[ms.argmin(), 0]),
            lanes,
        )
        return lanes[:count].copy()

    def _spread(
        self,
        arcs: tuple[I32, I32, I32],
        lane_ms: I32,
        seeds: I32,
        rows: I32,
        bound_ms: int | None,
        enough: int | None,
    ) -> I32:
        out, chain = np.empty(len(rows), np.int32), np.empty(rows.size // 2, np.int32)
        room = self.graph.arcs + len(seeds) + len(chain)
        if room > len(self._heap):
            self._heap = np.zeros(room + room // 8, np.int64)
        limits = np.empty(kernel.LIMITS, np.int64)
        limits[kernel.BASE] = self._next_base()
        limits[kernel.BOUND] = INFINITE if bound_ms is None else bound_ms
        limits[kernel.ENOUGH] = len(rows) if enough is None else enough
        self.settled = kernel.spread(
            *arcs, lane_ms, limits, seeds, rows, self._seen, self._mark, chain, self._heap, out
        )
        return out

    def _next_base(self) -> int:
        self._base -= 1 << 32
        if self._base < 0:
            self._base = _BASE_FIRST
            self._seen.fill(kernel.UNSEEN)
            self._mark.fill(kernel.UNSEEN)
        return self._base
