# SPDX-License-Identifier: Apache-2.0
"""The truth about driving: the fastest way along the roads, found by scipy and by nothing of ours.

The engine's own times are what is on trial; so the world in which its units drive must not come from them. A tree
towards each place that anybody ever drives to, one byte a junction, is kept: every policy's units use the same.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from core.roads.graph import I32, RoadGraph

I8 = NDArray[np.int8]
I64 = NDArray[np.int64]

THERE = -1
"The hop of a node that is the place itself, or from which there is no way."


class Ways:
    """Fastest ways on one graph."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self._trees: dict[int, I8] = {}
        pair = graph.tail.astype(np.int64) << 32 | graph.head
        fastest = np.lexsort((graph.ms_of_arcs(graph.base_ms), pair))
        self._pairs, first = np.unique(pair[fastest], return_index=True)
        self._arcs = fastest[first]  # of arcs side by side only the fastest is ever driven
        ms = graph.ms_of_arcs(graph.base_ms)[self._arcs].astype(np.float64)
        ends = graph.head[self._arcs], graph.tail[self._arcs]
        self._back = csr_matrix((ms, ends), shape=(graph.nodes, graph.nodes))
        assert np.diff(graph.first_out).max() < np.iinfo(np.int8).max, "a hop is one byte"

    def lanes(self, begin: int, end: int) -> list[int]:
        """Return the lanes from one node to another, in order; there must be a way."""
        tree = self._tree(end)
        first_out, head, lane = self.graph.first_out, self.graph.head, self.graph.lane
        node, found = begin, []
        while node != end:
            hop = int(tree[node])
            assert hop != THERE, f"there is no way from node {begin} to node {end}"
            arc = int(first_out[node]) + hop
            found.append(int(lane[arc]))
            node = int(head[arc])
        return found

    def forget(self) -> None:
        """Drop all trees: another town has other places."""
        self._trees.clear()

    def _tree(self, end: int) -> I8:
        tree = self._trees.get(end)
        if tree is None:
            tree = self._trees[end] = self._grown(end)
        return tree

    def _grown(self, end: int) -> I8:
        """Return for each node which of its arcs leads to the place fastest."""
        _, after = dijkstra(self._back, indices=end, return_predecessors=True)
        nodes = np.flatnonzero(after >= 0)
        pair = nodes.astype(np.int64) << 32 | after[nodes].astype(np.int64)
        arcs = self._arcs[np.searchsorted(self._pairs, pair)]
        tree = np.full(self.graph.nodes, THERE, np.int8)
        tree[nodes] = arcs - self.graph.first_out[nodes]
        return tree


def main_land(graph: RoadGraph) -> I32:
    """Return the nodes of the largest part in which one can drive from anywhere to anywhere."""
    arcs = csr_matrix((np.ones(graph.arcs, np.int8), (graph.tail, graph.head)), shape=(graph.nodes,) * 2)
    _, part = connected_components(arcs, connection="strong")
    return np.flatnonzero(part == np.bincount(part).argmax()).astype(np.int32)
