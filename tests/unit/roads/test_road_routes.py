# SPDX-License-Identifier: Apache-2.0
"""The search reads the weights of the moment, stops when it knows enough, and can go on for years."""

import numpy as np

from core.kernels import warm
from core.roads.graph import I32, INFINITE, RoadGraph, graph_of_lanes
from core.roads.routes import Routes

warm()


def street(places: int) -> RoadGraph:
    """A street of places 10 ms apart, driven both ways."""
    there = list(range(places - 1))
    return graph_of_lanes(
        lat_e7=range(places),
        lon_e7=[0] * places,
        lane_from=there + [v + 1 for v in there],
        lane_to=[v + 1 for v in there] + there,
        length_mm=[10] * (2 * places - 2),
        base_ms=[10] * (2 * places - 2),
    )


def ends(*pairs: tuple[int, int]) -> I32:
    """Rows of one end each."""
    return np.array(pairs, np.int32).reshape(len(pairs), 2)


def test_a_lane_closed_between_two_questions_counts_in_the_second() -> None:
    graph, lane_ms = street(5), street(5).base_ms.copy()
    routes = Routes(graph)
    before = routes.many_to_one(lane_ms, ends((4, 0), (1, 0)), ends((0, 0)))

    lane_ms[(graph.lane_from == 2) & (graph.lane_to == 1)] = INFINITE
    after = routes.many_to_one(lane_ms, ends((4, 0), (1, 0)), ends((0, 0)))
    other_way = routes.one_to_many(lane_ms, ends((0, 0)), ends((4, 0), (1, 0)))

    assert before.tolist() == [40, 10]
    assert after.tolist() == [INFINITE, 10]
    assert other_way.tolist() == [40, 10]
    assert routes.way(lane_ms, ends((4, 0)), ends((0, 0))) is None


def test_it_stops_when_the_fastest_are_known() -> None:
    graph = street(1000)
    routes = Routes(graph)
    units = ends((999, 0), (500, 0), (2, 0), (1, 100))

    one = routes.many_to_one(graph.base_ms, units, ends((0, 0)), enough=1)
    settled = routes.settled
    everyone = routes.many_to_one(graph.base_ms, units, ends((0, 0)))

    assert one.tolist() == [INFINITE, INFINITE, 20, INFINITE]
    assert settled == 3
    assert everyone.tolist() == [9990, 5000, 20, 110]
    assert routes.settled == 1000


def test_one_who_is_far_from_the_junction_is_not_taken_for_the_fastest() -> None:
    graph = street(100)

    found = Routes(graph).many_to_one(graph.base_ms, ends((1, 500), (9, 0)), ends((0, 0)), enough=1)

    assert found.tolist() == [INFINITE, 90]


def test_equal_times_go_to_the_upper_row() -> None:
    graph = street(9)

    found = Routes(graph).many_to_one(graph.base_ms, ends((8, 0), (0, 0)), ends((4, 0)), enough=1)

    assert found.tolist() == [40, INFINITE]


def test_a_bound_is_the_last_ms_that_counts() -> None:
    graph = street(9)

    found = Routes(graph).many_to_one(graph.base_ms, ends((3, 0), (3, 1), (4, 0)), ends((0, 0)), bound_ms=30)

    assert found.tolist() == [30, INFINITE, INFINITE]


def test_many_units_at_one_junction_are_all_met() -> None:
    graph = street(4)
    units = ends(*[(2, ms) for ms in range(40)])

    assert Routes(graph).many_to_one(graph.base_ms, units, ends((0, 0))).tolist() == list(range(20, 60))


def test_nothing_of_one_search_is_left_for_the_next_even_when_the_counter_begins_anew() -> None:
    graph = street(6)
    routes = Routes(graph)
    routes._base = 2 << 32

    found = [
        routes.many_to_one(graph.base_ms, ends((0, v), (5, 0)), ends((v, 0)))[0].item() for v in range(6)
    ]

    assert found == [11 * v for v in range(6)]
    assert routes._base > 2**60, "the counter began anew on the way"


def test_no_vehicles_or_no_place_give_no_times() -> None:
    graph = street(3)
    routes, nobody = Routes(graph), ends()

    assert routes.many_to_one(graph.base_ms, nobody, ends((0, 0))).tolist() == []
    assert routes.many_to_one(graph.base_ms, ends((0, 0)), nobody).tolist() == [INFINITE]
    assert routes.way(graph.base_ms, nobody, ends((0, 0))) is None
