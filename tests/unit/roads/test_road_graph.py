# SPDX-License-Identifier: Apache-2.0
"""A road network is refused by name before anything is computed from it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import RoadError
from core.roads.graph import INFINITE, NOWHERE, RoadGraph, graph_of_lanes


def square() -> RoadGraph:
    """Four places round a block, both ways but the last side, which leads from 3 to 0 only."""
    return graph_of_lanes(
        lat_e7=[0, 0, 1000, 1000],
        lon_e7=[0, 1000, 1000, 0],
        lane_from=[0, 1, 1, 2, 2, 3, 3],
        lane_to=[1, 0, 2, 1, 3, 2, 0],
        length_mm=[100] * 7,
        base_ms=[10, 11, 12, 13, 14, 15, 16],
        kind=[0, 0, 1, 1, 0, 0, 0],
        kinds=("street", "avenue"),
    )


def test_lanes_are_sorted_and_know_the_way_back() -> None:
    graph = square()

    assert (graph.nodes, graph.arcs, graph.lanes) == (4, 7, 7)
    assert graph.lane_from.tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert graph.lane_to.tolist() == [1, 0, 2, 1, 3, 0, 2]
    assert graph.base_ms.tolist() == [10, 11, 12, 13, 14, 16, 15]
    assert graph.twin.tolist() == [1, 0, 3, 2, 6, NOWHERE, 4]


def test_two_roads_between_the_same_places_are_twins_in_the_order_they_came() -> None:
    graph = graph_of_lanes(
        lat_e7=[0, 1],
        lon_e7=[0, 0],
        lane_from=[0, 0, 1, 0],
        lane_to=[1, 1, 0, 0],
        length_mm=[5, 6, 7, 8],
        base_ms=[5, 6, 7, 8],
    )

    assert graph.length_mm.tolist() == [8, 5, 6, 7]
    assert graph.twin.tolist() == [NOWHERE, 3, NOWHERE, 1]


def test_arcs_are_found_from_both_ends_and_from_the_lane() -> None:
    graph = square()

    assert graph.first_out.tolist() == [0, 1, 3, 5, 7]
    assert graph.first_in.tolist() == [0, 2, 4, 6, 7]
    assert graph.tail_in.tolist() == [1, 3, 0, 2, 1, 3, 2]
    assert graph.lane_in.tolist() == [1, 5, 0, 3, 2, 6, 4]
    assert [graph.arcs_of(lane).tolist() for lane in range(7)] == [[lane] for lane in range(7)]


def test_no_roads_at_all_is_a_network_too() -> None:
    graph = graph_of_lanes(lat_e7=[], lon_e7=[], lane_from=[], lane_to=[], length_mm=[], base_ms=[])

    assert (graph.nodes, graph.arcs, graph.lanes) == (0, 0, 0)
    assert graph.first_out.tolist() == [0]


@pytest.mark.parametrize(
    ("column", "row", "value", "words"),
    [
        ("head", 0, 4, "head[0] is 4; must be 0 to 3"),
        ("tail", 0, -1, "tail[0] is -1; must be 0 to 3"),
        ("lane", 6, 7, "lane[6] is 7; must be 0 to 6"),
        ("lat_e7", 2, 900_000_001, "lat_e7[2] is 900000001; must be -900000000 to 900000000"),
        ("lon_e7", 2, -1_800_000_001, "lon_e7[2] is -1800000001; must be -1800000000 to 1800000000"),
        ("base_ms", 3, 0, "base_ms[3] is 0; must be 1 to 1073741823"),
        ("base_ms", 3, -5, "base_ms[3] is -5; must be 1 to 1073741823"),
        ("base_ms", 3, INFINITE, "base_ms[3] is 1073741824; must be 1 to 1073741823"),
        ("length_mm", 1, -1, "length_mm[1] is -1; must be 0 to 2147483647"),
        ("kind", 1, 2, "kind[1] is 2; must be 0 to 1"),
        ("twin", 0, -2, "twin[0] is -2; must be -1 to 6"),
        ("twin", 0, 2, "twin of lane 0 is 2, which has another twin"),
        ("lane_from", 5, 4, "lane_from[5] is 4; must be 0 to 3"),
        ("lane_from", 5, 2, "tail 5: node 3 is elsewhere (node 2)"),
        ("lane_to", 5, 1, "lane_head 5: node 0 is elsewhere (node 1)"),
        ("lane", 5, 6, "arc 5 does not arrive at the head of its lane 6"),
        ("tail", 0, 3, "arcs are not sorted by tail, head and lane"),
        ("head", 6, 3, "arc 6 does not arrive at the head of its lane 6"),
    ],
)
def test_what_does_not_fit_is_told_by_column_and_row(column: str, row: int, value: int, words: str) -> None:
    wrong = getattr(square(), column).copy()
    wrong[row] = value
    graph = replace(square(), **{column: wrong})

    with pytest.raises(RoadError) as told:
        graph.validate()

    assert str(told.value) == words


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("head", np.zeros(7, np.int64), "head is not a column of int32"),
        ("base_ms", np.full(7, np.nan), "base_ms is not a column of int32"),
        ("kind", np.zeros(7, np.int32), "kind is not a column of int8"),
        ("tail", np.zeros((7, 1), np.int32), "tail is not a column of int32"),
        ("lane", np.arange(14, dtype=np.int32)[::2], "lane is not contiguous"),
        ("twin", np.zeros(6, np.int32), "twin has 6 rows and should have 7"),
        ("lon_e7", np.zeros(5, np.int32), "lon_e7 has 5 rows and should have 4"),
        ("kinds", (), "0 classes of road; there must be 1 to 127"),
    ],
)
def test_columns_of_another_shape_are_refused(column: str, value: Any, words: str) -> None:
    graph = replace(square(), **{column: value})

    with pytest.raises(RoadError, match=words):
        graph.validate()


def test_a_twin_that_begins_elsewhere_is_refused() -> None:
    twin = square().twin.copy()
    twin[[0, 2]] = 2, 0
    twin[[1, 3]] = 3, 1

    with pytest.raises(RoadError, match="does not end where it begins"):
        replace(square(), twin=twin).validate()


def test_a_lane_that_nobody_can_drive_is_refused() -> None:
    graph = square()
    without = replace(graph, tail=graph.tail[1:], head=graph.head[1:], lane=graph.lane[1:])

    with pytest.raises(RoadError, match="lane 0 has no arc"):
        without.validate()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"base_ms": [np.nan] * 2}, r"base_ms\[0\] is nan; must be a whole number of 32 bits"),
        ({"base_ms": [1, 2**31]}, r"base_ms\[1\] is 2147483648; must be a whole number"),
        ({"length_mm": [1, 2.5]}, r"length_mm\[1\] is 2.5; must be a whole number"),
        ({"length_mm": [1]}, "length_mm has 1 rows and should have 2"),
        ({"lane_to": [1]}, "lane_to has 1 rows and should have 2"),
        ({"lane_to": [1, 2]}, r"lane_to\[1\] is 2; must be 0 to 1"),
        ({"lat_e7": [np.inf, 0]}, r"lat_e7\[0\] is inf"),
        ({"kind": [0, 1]}, "kind must be 0 to 0"),
    ],
)
def test_numbers_that_are_none_are_refused_on_the_way_in(changed: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "lat_e7": [0, 1],
        "lon_e7": [0, 0],
        "lane_from": [0, 1],
        "lane_to": [1, 0],
        "length_mm": [1, 1],
        "base_ms": [1, 1],
    }

    with pytest.raises(RoadError, match=words):
        graph_of_lanes(**{**given, **changed})
