# SPDX-License-Identifier: Apache-2.0
"""Labels, searches and slow arithmetic agree on every network, to the millisecond."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernels import warm
from core.roads.graph import I32, INFINITE, RoadGraph, graph_of_lanes
from core.roads.labels import Labels, build
from core.roads.network import Network
from core.roads.routes import Routes
from core.roads.times import RoadTimes, weights_of

warm()

TIMES = st.one_of(st.integers(1, 4), st.integers(1, 40_000), st.sampled_from([INFINITE // 2, INFINITE - 1]))
SHORT = st.integers(1, 4)
"So short that many ways are equally long, or one ms apart."
NO_END = -1


@st.composite
def networks(draw: st.DrawFn, nodes_max: int = 12) -> RoadGraph:
    """Up to a dozen places and four lanes for each, loops and parallel ones too, some turns forbidden."""
    places = draw(st.integers(1, nodes_max))
    place = st.integers(0, places - 1)
    lane = st.tuples(place, place, draw(st.sampled_from([TIMES, SHORT])))
    lanes = draw(st.lists(lane, min_size=draw(st.sampled_from([0, 2 * places])), max_size=4 * places))
    graph = graph_of_lanes(
        lat_e7=range(places),
        lon_e7=[0] * places,
        lane_from=[one[0] for one in lanes],
        lane_to=[one[1] for one in lanes],
        length_mm=[one[2] for one in lanes],
        base_ms=[one[2] for one in lanes],
    )
    if lanes:
        for _ in range(draw(st.integers(0, 3))):
            arriving = draw(st.integers(0, graph.lanes - 1))
            graph = split(graph, arriving, draw(st.sets(st.integers(0, graph.lanes - 1), max_size=3)))
    graph.validate()
    return graph


def split(graph: RoadGraph, lane: int, forbidden: set[int]) -> RoadGraph:
    """Return the graph in which a vehicle on `lane` may not turn into the forbidden ones."""
    old, new = int(graph.lane_head[lane]), graph.nodes
    onward = [arc for arc in range(graph.arcs) if graph.tail[arc] == old and graph.lane[arc] not in forbidden]
    lane_head = graph.lane_head.copy()
    lane_head[lane] = new
    tail = np.append(graph.tail, np.full(len(onward), new)).astype(np.int32)
    along = np.append(graph.lane, graph.lane[onward]).astype(np.int32)
    head = lane_head[along]
    order = np.lexsort((along, head, tail))
    return replace(
        graph,
        lat_e7=np.append(graph.lat_e7, graph.lat_e7[old]),
        lon_e7=np.append(graph.lon_e7, graph.lon_e7[old]),
        tail=tail[order],
        head=head[order],
        lane=along[order],
        lane_head=lane_head,
    )


def ends(graph: RoadGraph, pairs: int) -> st.SearchStrategy[I32]:
    """Rows of `pairs` ends each: a node or none, and some ms."""
    pair = st.tuples(st.integers(NO_END, graph.nodes - 1), st.one_of(st.just(0), TIMES))
    rows = st.lists(st.lists(pair, min_size=pairs, max_size=pairs), max_size=5)
    return rows.map(lambda found: np.array(found, np.int32).reshape(len(found), 2 * pairs))


def truth(graph: RoadGraph, lane_ms: I32) -> list[list[int]]:
    """Return the ms between all nodes, by trying every arc until nothing gets better."""
    least = [[0 if u == v else INFINITE for v in range(graph.nodes)] for u in range(graph.nodes)]
    arcs = list(zip(*(graph.tail.tolist(), graph.head.tolist(), lane_ms[graph.lane].tolist()), strict=True))
    better = True
    while better:
        better = False
        for from_u in least:
            for u, v, ms in arcs:
                if from_u[u] + ms < from_u[v]:
                    from_u[v] = from_u[u] + ms
                    better = True
    return least


def expected(least: list[list[int]], rows: I32, others: I32, *, to_others: bool) -> list[int]:
    """Return what every row should get: the least over its ends and all others."""
    found = []
    for row in rows.tolist():
        times = [INFINITE]
        for u, before in zip(row[::2], row[1::2], strict=True):
            for v, after in others.tolist():
                if u >= 0 and v >= 0:
                    times.append(before + (least[u][v] if to_others else least[v][u]) + after)
        found.append(min(times))
    return found


def weights(graph: RoadGraph) -> st.SearchStrategy[I32]:
    """Other weights for the lanes; some are closed."""
    times = st.lists(st.one_of(TIMES, st.just(INFINITE)), min_size=graph.lanes, max_size=graph.lanes)
    return times.map(lambda found: np.array(found, np.int32))


def same(one: Labels, other: Labels) -> bool:
    """Whether two labels are the same to the bit."""
    theirs = other.arrays()
    return all(np.array_equal(column, theirs[name]) for name, column in one.arrays().items())


@given(st.data())
def test_labels_and_searches_tell_the_true_time_between_any_ends(data: st.DataObject) -> None:
    graph = data.draw(networks())
    rows, others = data.draw(ends(graph, data.draw(st.integers(1, 2)))), data.draw(ends(graph, 1))
    least, labels, routes = truth(graph, graph.base_ms), build(graph, graph.base_ms), Routes(graph)

    there = expected(least, rows, others, to_others=True)
    back = expected(least, rows, others, to_others=False)

    assert labels.many_to_one(rows, others).tolist() == there
    assert labels.one_to_many(others, rows).tolist() == back
    assert routes.many_to_one(graph.base_ms, rows, others).tolist() == there
    assert routes.one_to_many(graph.base_ms, others, rows).tolist() == back


@given(st.data())
def test_other_weights_in_the_old_order_and_closed_lanes_give_the_true_time(data: st.DataObject) -> None:
    graph = data.draw(networks())
    order = build(graph, graph.base_ms).order
    lane_ms = data.draw(weights(graph))
    everywhere = np.array([[v, 0] for v in range(graph.nodes)], np.int32)
    least = truth(graph, lane_ms)

    kept, anew, routes = build(graph, lane_ms, order), build(graph, lane_ms), Routes(graph)

    assert np.array_equal(kept.order, order)
    for v in range(graph.nodes):
        to_v = [row[v] for row in least]
        assert kept.many_to_one(everywhere, everywhere[v : v + 1]).tolist() == to_v
        assert anew.many_to_one(everywhere, everywhere[v : v + 1]).tolist() == to_v
        assert routes.many_to_one(lane_ms, everywhere, everywhere[v : v + 1]).tolist() == to_v


@given(st.data())
def test_a_way_is_a_legal_drive_of_that_time_and_the_same_however_it_is_found(data: st.DataObject) -> None:
    graph = data.draw(networks())
    sources, targets = data.draw(ends(graph, 1)), data.draw(ends(graph, 1))
    lane_ms, labels, routes = graph.base_ms, build(graph, graph.base_ms), Routes(graph)
    ms = labels.many_to_one(sources, targets)

    lanes = labels.way(graph, lane_ms, sources, targets)
    again = routes.way(lane_ms, sources, targets)

    if not len(ms) or ms.min() == INFINITE:
        assert lanes is None
        assert again is None
        return
    assert lanes is not None
    assert again is not None
    assert lanes.tolist() == again.tolist()
    at, before = sources[ms.argmin()].tolist()
    for lane in lanes.tolist():
        assert any(graph.tail[arc] == at for arc in graph.arcs_of(lane)), "the turn is allowed"
        at = int(graph.lane_head[lane])
    after = min(there for node, there in targets.tolist() if node == at)
    assert before + sum(lane_ms[lanes].tolist()) + after == ms.min()


@given(st.data())
def test_a_search_that_stops_early_knows_the_fastest_and_nothing_wrong(data: st.DataObject) -> None:
    graph = data.draw(networks())
    rows, targets = data.draw(ends(graph, 2)), data.draw(ends(graph, 1))
    bound, enough = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 4))
    routes = Routes(graph)
    all_known = routes.many_to_one(graph.base_ms, rows, targets)

    near = routes.many_to_one(graph.base_ms, rows, targets, bound_ms=bound)
    few = routes.many_to_one(graph.base_ms, rows, targets, enough=enough)

    assert near.tolist() == np.where(all_known <= bound, all_known, INFINITE).tolist()
    fastest = sorted((ms, row) for row, ms in enumerate(all_known.tolist()) if ms < INFINITE)[:enough]
    assert sorted((ms, row) for row, ms in enumerate(few.tolist()) if ms < INFINITE) == fastest


@given(st.data())
def test_a_label_holds_true_times_and_no_hub_that_a_greater_one_covers(data: st.DataObject) -> None:
    graph = data.draw(networks())
    labels, least = build(graph, graph.base_ms), truth(graph, graph.base_ms)
    node_of = labels.order[::-1]

    for v in range(graph.nodes):
        begin, end = labels.out_at[v]
        hubs, times = node_of[labels.out_hub[begin:end]].tolist(), labels.out_ms[begin:end].tolist()
        assert (hubs[0], times[0]) == (v, 0)
        assert times == [least[v][hub] for hub in hubs]
        for hub in hubs:
            greater = node_of[: node_of.tolist().index(hub)].tolist()
            assert all(least[v][other] + least[other][hub] > least[v][hub] for other in greater)


@given(st.data())
def test_the_same_roads_give_the_same_labels_to_the_bit(data: st.DataObject) -> None:
    graph = data.draw(networks())
    once = build(graph, graph.base_ms)

    assert same(once, build(graph, graph.base_ms))
    assert same(once, build(graph, graph.base_ms, once.order))


@pytest.mark.soak
@settings(max_examples=300)
@given(st.data())
def test_a_larger_network_tells_the_true_time_too(data: st.DataObject) -> None:
    graph: Any = data.draw(networks(nodes_max=120))
    everywhere = np.array([[v, 0] for v in range(graph.nodes)], np.int32)
    least, labels, routes = truth(graph, graph.base_ms), build(graph, graph.base_ms), Routes(graph)

    for v in range(graph.nodes):
        to_v = [row[v] for row in least]
        assert labels.many_to_one(everywhere, everywhere[v : v + 1]).tolist() == to_v
        assert routes.many_to_one(graph.base_ms, everywhere, everywhere[v : v + 1]).tolist() == to_v


@given(st.data())
def test_whoever_is_not_searched_for_has_no_way(data: st.DataObject) -> None:
    graph = data.draw(networks().filter(lambda found: found.lanes > 0))
    rows, others = data.draw(ends(graph, data.draw(st.integers(1, 2)))), data.draw(ends(graph, 1))
    network = Network.of(graph, build(graph, graph.base_ms) if data.draw(st.booleans()) else None)
    roads = RoadTimes(network, weights_of(network, graph.base_ms), None, 500)
    for closed in data.draw(st.lists(st.lists(st.integers(0, graph.lanes - 1), unique=True), max_size=3)):
        roads.close(closed)
        lane_ms = graph.base_ms.copy()
        lane_ms[sorted(roads._closed)] = INFINITE

        found = roads.drives(rows, others).tolist()

        assert found == expected(truth(graph, lane_ms), rows, others, to_others=True)
