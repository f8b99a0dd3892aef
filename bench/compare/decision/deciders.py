# SPDX-License-Identifier: Apache-2.0
"""Who decides: ours, and what one would build of good libraries in an afternoon.

The neighbours get for nothing what they would have to work for: where every unit stands on the road, and where
every call does. They ask for the ways of the nearest fifty and leave it at that; they give no reasons, count nobody
who cannot go, and know one cost. A tree is built anew when positions have come in; what that costs is theirs, but in
the rows "tree for nothing".
"""

import importlib.metadata
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.compare.decision.town import NEED, NOW_S, WAITING, Town
from bench.compare.result import OURS
from bench.peers import LazyHeap, TreeMatcher
from core.dispatch.matcher import Question, rank_units
from core.dispatch.queue import DispatchQueue
from core.dispatch.reasons import to_candidates
from core.effects import RecommendationMade
from core.ids import CallId, CountyCode, IncidentId
from core.kernels.layout import I32
from core.settings import Settings

CANDIDATES = 50
TOP = 5
COUNTY = CountyCode("330302")
_ENCODER = msgspec.json.Encoder()


class Decider:
    """One contender, laid out for a town."""

    def decide(self, call: int) -> bytes:
        """Take the next who waits and another in, and return who should go there, as JSON."""
        raise NotImplementedError

    def tick(self) -> None:
        """Positions have come in: do what need not be timed."""

    def first(self, answer: bytes) -> str:
        """Return the unit an answer puts first."""
        candidates = json.loads(answer)["candidates"]
        return str(candidates[0]["unit_id"]) if candidates else ""


class Ours(Decider):
    """The dispatcher's own pieces, with the whole recommendation written down."""

    def __init__(self, town: Town, *, most: int) -> None:
        self.town = town
        self.settings = Settings(road_candidates=CANDIDATES, road_candidates_max=most)
        self.names = itertools.count()
        self.queue = DispatchQueue(10_000, self.settings.curves())
        for waiting in range(WAITING):
            self.queue.push(f"c{waiting}", 1 + waiting % 4, NOW_S * 1000 - waiting, NOW_S * 1000)

    def decide(self, call: int) -> bytes:
        """Pop, rank, ask the roads, say why, write."""
        town, now_ms = self.town, NOW_S * 1000
        self.queue.push(f"n{next(self.names)}", 1 + call % 4, now_ms, now_ms)
        member = self.queue.pop(now_ms) or ""
        lat, lon = town.places[call]
        question = Question(lat=lat, lon=lon, now_ms=now_ms, county=0, need_mask=NEED, level=3)
        ranking = rank_units(town.columns, self.settings, question, town.atlas)
        return _ENCODER.encode(
            RecommendationMade(
                at_us=now_ms * 1000,
                county=COUNTY,
                incident_id=IncidentId("i1"),
                revision=1,
                call_id=CallId(member),
                sip_call_id="a@trunk",
                level=2,
                waited_s=1.0,
                located=True,
                candidates=to_candidates(ranking, town.ids, [COUNTY], self.settings),
                excluded=ranking.excluded,
                considered=ranking.considered,
                proven=ranking.proven,
            )
        )


Ways = Callable[[I32, I32], NDArray[np.float64]]
"Returns the ms from each unit (n, 4) to the call (ends, 2)."


class Afternoon(Decider):
    """heapq with lazy deletion, a cKDTree, json, and somebody who knows the roads."""

    def __init__(self, town: Town, *, ways: Ways | None = None, tree_free: bool = False) -> None:
        self.town, self.ways, self.tree_free = town, ways, tree_free
        nearest = CANDIDATES if ways is not None else TOP
        self.tree = TreeMatcher(town.columns, Settings(candidates_max=nearest))
        self.tree.tick(1 | NEED, NOW_S)
        self.names = itertools.count(WAITING)
        self.queue = LazyHeap()
        for waiting in range(WAITING):
            self.queue.push(waiting, waiting)

    def tick(self) -> None:
        """Build the tree outside the clock, for who has it for nothing."""
        if self.tree_free:
            self.tree.tick(1 | NEED, NOW_S)

    def decide(self, call: int) -> bytes:
        """Pop, match, ask the roads, write."""
        if not self.tree_free:
            self.tree.tick(1 | NEED, NOW_S)
        turn = next(self.names)
        self.queue.push(turn, turn)
        member = self.queue.pop()
        rows = self.tree.nearest(*self.town.places[call])
        if self.ways is not None and rows:
            ms = self.ways(self.town.sources[rows], self.town.targets[call])
            order = sorted(range(len(rows)), key=lambda i: (ms[i], rows[i]))[:TOP]
            best = [{"unit_id": f"u{rows[i]}", "eta_s": ms[i] / 1000} for i in order]
        else:
            best = [{"unit_id": f"u{row}"} for row in rows]
        return json.dumps({"call": f"c{member}", "candidates": best}).encode()


def _scipy(town: Town) -> Ways:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    tail, head, ms = _arcs(town)
    nodes = _graph_nodes(town)
    backwards = csr_matrix((ms.astype(np.float64), (head, tail)), shape=(nodes, nodes))

    def ways(sources: I32, targets: I32) -> NDArray[np.float64]:
        found: NDArray[np.float64] = dijkstra(backwards, indices=targets[:, 0])
        return _least(sources, (found + targets[:, 1:]).min(axis=0))

    return ways


def _networkit(town: Town) -> Ways:
    import networkit

    networkit.setNumberOfThreads(1)
    nodes = _graph_nodes(town)
    backwards = networkit.Graph(nodes, weighted=True, directed=True)
    for tail, head, ms in zip(*(column.tolist() for column in _arcs(town)), strict=True):
        backwards.addEdge(head, tail, float(ms))

    def ways(sources: I32, targets: I32) -> NDArray[np.float64]:
        asked = sorted({node for node in (*sources[:, 0].tolist(), *sources[:, 2].tolist()) if node >= 0})
        best = np.full(len(asked), np.inf)
        for node, ms in targets.tolist():
            search = networkit.distance.MultiTargetDijkstra(backwards, node, asked)
            search.run()
            np.minimum(best, np.array(search.getDistances()) + ms, out=best)
        of_node = dict(zip(asked, best.tolist(), strict=True))
        return np.array(
            [
                min(
                    of_node[one] + its,
                    of_node[other] + others if other >= 0 else np.inf,
                )
                for one, its, other, others in sources.tolist()
            ]
        )

    return ways


def _arcs(town: Town) -> tuple[I32, I32, I32]:
    """Return (tail, head, ms), of arcs between the same two nodes the fastest: scipy would add them up."""
    assert town.atlas is not None, "there are roads in this case"
    graph = town.atlas.networks["car"].graph
    ms = graph.ms_of_arcs(graph.base_ms)
    order = np.lexsort((ms, graph.head, graph.tail))
    tail, head, ms = graph.tail[order], graph.head[order], ms[order]
    first = np.append(True, (np.diff(tail) != 0) | (np.diff(head) != 0))
    return tail[first], head[first], ms[first]


def _graph_nodes(town: Town) -> int:
    assert town.atlas is not None, "there are roads in this case"
    return town.atlas.networks["car"].graph.nodes


def _least(sources: I32, found: NDArray[np.float64]) -> NDArray[np.float64]:
    one = found[sources[:, 0]] + sources[:, 1]
    other = np.where(sources[:, 2] >= 0, found[sources[:, 2]] + sources[:, 3], np.inf)
    least: NDArray[np.float64] = np.minimum(one, other)
    return least


@dataclass(frozen=True, slots=True)
class Contender:
    """Someone who takes part, and what must be installed for it."""

    name: str
    package: str
    lay_out: Callable[[Town], Decider]

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


BY_ROAD = (
    Contender(OURS, "", lambda town: Ours(town, most=CANDIDATES)),
    Contender("ours, proven", "", lambda town: Ours(town, most=100_000)),
    Contender("cKDTree+networkit", "networkit", lambda town: Afternoon(town, ways=_networkit(town))),
    Contender("cKDTree+scipy.csgraph", "scipy", lambda town: Afternoon(town, ways=_scipy(town))),
)
STRAIGHT = (
    Contender(OURS, "", lambda town: Ours(town, most=CANDIDATES)),
    Contender("heapq+cKDTree", "scipy", Afternoon),
    Contender("heapq+cKDTree, tree for nothing", "scipy", lambda town: Afternoon(town, tree_free=True)),
)
