# SPDX-License-Identifier: Apache-2.0
"""The contenders on the same graph, each as its users would write it; what can be laid out beforehand is.

All but ours and pandana search anew for each call, from it backwards; networkit stops when all units are met.
"""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.compare.eta.cities import UNITS, City, Question
from bench.compare.result import OURS
from core.roads.graph import I32

Answer = Callable[[Question], NDArray[np.int64]]
"Returns the ms from each unit to the call."


@dataclass(frozen=True, slots=True)
class Searcher:
    """Someone who answers questions about a city once it is laid out."""

    name: str
    package: str
    lay_out: Callable[[City], Answer]

    @property
    def version(self) -> str:
        """Return what is installed; empty when it is not."""
        try:
            return importlib.metadata.version(self.package) if self.package else ""
        except importlib.metadata.PackageNotFoundError:
            return ""

    @property
    def missing(self) -> str:
        """Return why it cannot take part."""
        here = not self.package or self.version
        return "" if here else f"{self.package} is not installed: make setup BENCH=1"


def simple_arcs(city: City) -> tuple[I32, I32, I32]:
    """Return (tail, head, ms), of arcs between the same two nodes the fastest: scipy would add them up."""
    graph = city.graph
    ms = graph.ms_of_arcs(graph.base_ms)
    order = np.lexsort((ms, graph.head, graph.tail))
    tail, head, ms = graph.tail[order], graph.head[order], ms[order]
    first = np.append(True, (np.diff(tail) != 0) | (np.diff(head) != 0))
    return tail[first], head[first], ms[first]


def _ours(city: City) -> Answer:
    labels, pairs = city.labels, np.zeros((UNITS, 2), np.int32)
    target = np.zeros((1, 2), np.int32)

    def answer(question: Question) -> NDArray[np.int64]:
        target[0, 0] = question.call
        pairs[:, 0] = question.units
        return labels.many_to_one(pairs, target).astype(np.int64)

    return answer


def _scipy(city: City) -> Answer:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    tail, head, ms = simple_arcs(city)
    backwards = csr_matrix((ms.astype(np.float64), (head, tail)), shape=(city.graph.nodes,) * 2)

    def answer(question: Question) -> NDArray[np.int64]:
        found: NDArray[np.float64] = dijkstra(backwards, indices=question.call)
        return found[question.units].astype(np.int64)

    return answer


def _networkit(city: City) -> Answer:
    import networkit

    networkit.setNumberOfThreads(1)
    backwards = networkit.Graph(city.graph.nodes, weighted=True, directed=True)
    for tail, head, ms in zip(*(column.tolist() for column in simple_arcs(city)), strict=True):
        backwards.addEdge(head, tail, float(ms))

    def answer(question: Question) -> NDArray[np.int64]:
        search = networkit.distance.MultiTargetDijkstra(backwards, question.call, question.units.tolist())
        search.run()
        return np.array(search.getDistances(), np.int64)

    return answer


def _igraph(city: City) -> Answer:
    import igraph

    tail, head, ms = (column.tolist() for column in simple_arcs(city))
    graph = igraph.Graph(n=city.graph.nodes, edges=list(zip(tail, head, strict=True)), directed=True)

    def answer(question: Question) -> NDArray[np.int64]:
        (found,) = graph.distances(question.call, question.units.tolist(), weights=ms, mode="in")
        return np.array(found, np.int64)

    return answer


def _pandana(city: City) -> Answer:
    net = pandana_network(city)

    def answer(question: Question) -> NDArray[np.int64]:
        found = net.shortest_path_lengths(question.units.tolist(), [question.call] * len(question.units))
        return np.array(np.rint(np.multiply(found, 1000)), np.int64)

    return answer


def pandana_network(city: City) -> Any:  # noqa: ANN401  pandana is untyped
    """Return pandana's network, which contracts the graph when it is made.

    It counts in thousandths of what it is given, cut off, in 32 bits: so seconds, and a little more than whole.
    """
    import pandana
    import pandas as pd

    tail, head, ms = simple_arcs(city)
    graph = city.graph
    return pandana.Network(
        pd.Series(graph.lon_e7 / 1e7),
        pd.Series(graph.lat_e7 / 1e7),
        pd.Series(tail),
        pd.Series(head),
        pd.DataFrame({"s": (ms + 0.25) / 1000}),
        twoway=False,
    )


SEARCHERS = (
    Searcher(OURS, "", _ours),
    Searcher("scipy.csgraph", "scipy", _scipy),
    Searcher("networkit", "networkit", _networkit),
    Searcher("igraph", "igraph", _igraph),
    Searcher("pandana", "pandana", _pandana),
)
