# SPDX-License-Identifier: Apache-2.0
"""Labels of small networks one can draw, and of one real city."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import RoadError
from core.kernels import hierarchy as hierarchy_kernel
from core.kernels import kernels, twins, warm
from core.kernels import labels as labels_kernel
from core.roads.graph import I32, INFINITE, RoadGraph, graph_of_lanes
from core.roads.labels import Labels, build, restored
from core.roads.routes import Routes

warm()


def ends(*pairs: tuple[int, int]) -> I32:
    """Rows of one end each."""
    return np.array(pairs, np.int32).reshape(len(pairs), 2)


def network(places: int, lanes: list[tuple[int, int, int]]) -> RoadGraph:
    """A network of (from, to, ms)."""
    return graph_of_lanes(
        lat_e7=range(places),
        lon_e7=[0] * places,
        lane_from=[one[0] for one in lanes],
        lane_to=[one[1] for one in lanes],
        length_mm=[one[2] for one in lanes],
        base_ms=[one[2] for one in lanes],
    )


def river() -> RoadGraph:
    """Places 0, 1, 2 on one bank and 3, 4 on the other, a bridge from 2 to 3, and 5 on an island."""
    there = [(0, 1, 100), (1, 2, 100), (2, 3, 50), (3, 4, 100)]
    return network(6, there + [(v, u, ms) for u, v, ms in there])


def city(side: int, seed: int) -> RoadGraph:
    """A grid of streets, some missing, some one-way."""
    random = np.random.default_rng(seed)
    at = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        (
            np.column_stack((at[:, :-1].ravel(), at[:, 1:].ravel())),
            np.column_stack((at[:-1].ravel(), at[1:].ravel())),
        )
    )
    ms = random.integers(1000, 9000, len(pairs))
    there, back = random.random(len(pairs)) < 0.9, random.random(len(pairs)) < 0.8
    lanes = [(u, v, t) for (u, v), t in zip(pairs[there].tolist(), ms[there].tolist(), strict=True)]
    lanes += [(v, u, t) for (u, v), t in zip(pairs[back].tolist(), ms[back].tolist(), strict=True)]
    return network(side * side, lanes)


def test_a_unit_over_the_bridge_and_one_on_an_island() -> None:
    labels = build(river(), river().base_ms)

    assert labels.many_to_one(ends((0, 0), (4, 0), (5, 0), (2, 7)), ends((1, 3))).tolist() == [
        103,
        253,
        INFINITE,
        110,
    ]
    assert labels.one_to_many(ends((1, 3)), ends((0, 0), (4, 0), (5, 0))).tolist() == [103, 253, INFINITE]


def test_a_parked_car_leaves_by_the_better_end_and_a_place_is_reached_from_the_better_side() -> None:
    labels = build(river(), river().base_ms)
    parked = np.array([[0, 90, 1, 10], [-1, 0, 4, 5], [-1, 0, -1, 0]], np.int32)

    found = labels.many_to_one(parked, ends((2, 30), (3, 60), (-1, 0)))

    assert found.tolist() == [140, 165, INFINITE]


def test_without_vehicles_or_without_a_way_in_there_is_no_time() -> None:
    labels, graph = build(river(), river().base_ms), river()
    nobody = np.empty((0, 2), np.int32)

    assert labels.many_to_one(nobody, ends((1, 0))).tolist() == []
    assert labels.many_to_one(ends((1, 0)), nobody).tolist() == [INFINITE]
    assert labels.way(graph, graph.base_ms, nobody, ends((1, 0))) is None
    assert labels.way(graph, graph.base_ms, ends((5, 0)), ends((1, 0))) is None


def test_a_question_leaves_nothing_behind() -> None:
    labels = build(river(), river().base_ms)

    first = labels.many_to_one(ends((4, 0)), ends((0, 0), (1, 500)))
    labels.many_to_one(ends((0, 0)), ends((4, 0)))

    assert labels.many_to_one(ends((4, 0)), ends((0, 0), (1, 500))).tolist() == first.tolist() == [350]
    assert labels.many_to_one(ends((4, 0)), ends((5, 0))).tolist() == [INFINITE]


def test_a_way_is_told_lane_by_lane() -> None:
    graph = river()
    labels = build(graph, graph.base_ms)

    lanes = labels.way(graph, graph.base_ms, ends((0, 0)), ends((4, 0)))
    here = labels.way(graph, graph.base_ms, ends((3, 0)), ends((3, 0)))

    assert lanes is not None
    assert [(int(graph.lane_from[lane]), int(graph.lane_to[lane])) for lane in lanes] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
    ]
    assert here is not None
    assert here.tolist() == []


def test_a_way_of_equal_length_goes_by_the_lower_arc() -> None:
    diamond = network(4, [(0, 1, 5), (0, 2, 5), (1, 3, 5), (2, 3, 5)])

    lanes = build(diamond, diamond.base_ms).way(diamond, diamond.base_ms, ends((0, 0)), ends((3, 0)))

    assert lanes is not None
    assert diamond.lane_to[lanes].tolist() == [1, 3]


def test_a_closed_bridge_is_no_way() -> None:
    graph = river()
    closed = graph.base_ms.copy()
    closed[(graph.lane_from == 2) & (graph.lane_to == 3)] = INFINITE

    labels = build(graph, closed, build(graph, graph.base_ms).order)

    assert labels.many_to_one(ends((0, 0)), ends((4, 0))).tolist() == [INFINITE]
    assert labels.many_to_one(ends((4, 0)), ends((0, 0))).tolist() == [350]


def test_a_drive_longer_than_twelve_days_is_no_way() -> None:
    far = network(3, [(0, 1, INFINITE // 2), (1, 2, INFINITE // 2)])
    nearly = network(3, [(0, 1, INFINITE // 2), (1, 2, INFINITE // 2 - 1)])

    assert build(far, far.base_ms).many_to_one(ends((0, 0)), ends((2, 0))).tolist() == [INFINITE]
    assert build(nearly, nearly.base_ms).many_to_one(ends((0, 0)), ends((2, 0))).tolist() == [INFINITE - 1]


@pytest.mark.parametrize("places", [0, 1])
def test_a_network_of_nothing_has_labels(places: int) -> None:
    graph = network(places, [])

    labels = build(graph, graph.base_ms)

    assert labels.nodes == places
    assert labels.many_to_one(ends(*[(v, 4) for v in range(places)]), ends((-1, 0))).tolist() == (
        [INFINITE] * places
    )


def test_tables_grow_when_a_node_needs_more_shortcuts_or_a_label_more_hubs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.roads.hierarchy.FOUND_MIN", 16)
    monkeypatch.setattr("core.roads.labels.ENTRIES_SPARE", 1)
    spokes = range(1, 13)  # 12 · 11 shortcuts when the hub goes first
    wheel = network(13, [(0, v, v) for v in spokes] + [(v, 0, v) for v in spokes])

    labels = build(wheel, wheel.base_ms, np.arange(13, dtype=np.int32))

    everywhere = ends(*[(v, 0) for v in range(13)])
    expected = [3, *[0 if v == 3 else v + 3 for v in spokes]]
    assert labels.many_to_one(everywhere, ends((3, 0))).tolist() == expected
    assert len(labels.out_hub) > 3 * labels.nodes


@pytest.mark.parametrize(
    ("lane_ms", "words"),
    [
        (np.zeros(8, np.int64), "must be a column of int32 with 8 rows"),
        (np.ones(7, np.int32), "must be a column of int32 with 8 rows"),
        (np.full(8, -1, np.int32), r"lane_ms\[0\] is -1; must be 1 to 1073741824"),
        (np.zeros(8, np.int32), r"lane_ms\[0\] is 0"),
        (np.full(8, INFINITE + 1, np.int32), r"lane_ms\[0\] is 1073741825"),
    ],
)
def test_weights_that_cannot_be_are_refused(lane_ms: Any, words: str) -> None:
    with pytest.raises(RoadError, match=words):
        build(river(), lane_ms)


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4, 6]])
def test_an_order_of_another_network_is_refused(order: list[int]) -> None:
    with pytest.raises(RoadError, match="the order given is not one of this graph's nodes"):
        build(river(), river().base_ms, np.array(order, np.int32))


def test_labels_come_back_from_their_columns() -> None:
    labels = build(river(), river().base_ms)

    again = restored(river(), labels.arrays())

    assert again.nbytes == labels.nbytes == sum(column.nbytes for column in labels.arrays().values())
    assert again.many_to_one(ends((0, 0)), ends((4, 0))).tolist() == [350]


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("out_at", None, "out_at is missing or not of int32"),
        ("out_ms", np.zeros(3), "out_ms is missing or not of int32"),
        ("in_at", np.zeros((7, 2), np.int32), "in_at is not of a graph of 6 nodes"),
        ("order", np.zeros(6, np.int32), "the order given"),
        ("out_hub", np.zeros(2, np.int32), "the columns of the way out contradict each other"),
        ("in_at", np.full((6, 2), 999, np.int32), "the columns of the way in contradict each other"),
        ("in_at", np.array([[2, 1]] * 6, np.int32), "the columns of the way in contradict each other"),
    ],
)
def test_columns_that_are_not_labels_of_this_network_are_refused(name: str, wrong: Any, words: str) -> None:
    arrays: dict[str, Any] = build(river(), river().base_ms).arrays()
    arrays[name] = wrong

    with pytest.raises(RoadError, match=words):
        restored(river(), arrays)


@pytest.mark.parametrize(
    ("name", "value"), [("out_hub", 6), ("in_hub", -1), ("in_ms", -1), ("out_ms", INFINITE)]
)
def test_a_label_out_of_range_is_refused(name: str, value: int) -> None:
    arrays = build(river(), river().base_ms).arrays()
    arrays[name] = arrays[name].copy()
    arrays[name][0] = value

    with pytest.raises(RoadError, match=r"contradict|out of range"):
        restored(river(), arrays)


def test_machine_code_and_plain_python_make_the_same_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = city(side=8, seed=110)
    compiled = build(graph, graph.base_ms)
    plain = twins()
    monkeypatch.setattr(hierarchy_kernel, "contract", plain["hierarchy.contract"])
    monkeypatch.setattr(labels_kernel, "extend", plain["labels.extend"])

    slow = build(graph, graph.base_ms)

    assert {name: column.tobytes() for name, column in slow.arrays().items()} == {
        name: column.tobytes() for name, column in compiled.arrays().items()
    }


def test_a_lane_with_two_arcs_is_entered_from_either_copy_of_its_junction() -> None:
    # 0 → 1 → 2, and 1 is split: who comes from 0 arrives at node 3 and may go on to 2 only, not back.
    graph = network(3, [(0, 1, 10), (1, 0, 10), (1, 2, 10), (2, 1, 10)])
    onward = int(np.flatnonzero((graph.lane_from == 1) & (graph.lane_to == 2))[0])
    arriving = int(np.flatnonzero(graph.lane_from == 0)[0])
    lane_head = graph.lane_head.copy()
    lane_head[arriving] = 3
    tail, lane = np.append(graph.tail, np.int32(3)), np.append(graph.lane, np.int32(onward))
    graph = replace(
        graph,
        lat_e7=np.append(graph.lat_e7, graph.lat_e7[1]),
        lon_e7=np.append(graph.lon_e7, graph.lon_e7[1]),
        tail=tail,
        head=lane_head[lane],
        lane=lane,
        lane_head=lane_head,
    )
    graph.validate()

    labels: Labels = build(graph, graph.base_ms)

    assert graph.arcs_of(onward).tolist() == [2, 4]
    assert labels.many_to_one(ends((0, 0), (3, 0)), ends((2, 0))).tolist() == [20, 10]
    assert labels.many_to_one(ends((3, 0)), ends((0, 0))).tolist() == [30]


AUCKLAND = Path(__file__).parents[4] / "shared/data/roads/auckland_roads.zip"


@pytest.mark.skipif(not AUCKLAND.is_file(), reason="needs ../shared/data")
@pytest.mark.skipif("python" in kernels().values(), reason="needs machine code")
def test_a_real_city_tells_the_same_by_labels_and_by_search() -> None:
    columns = np.loadtxt(_member("arcs.csv"), delimiter=",", usecols=(1, 2, 4))
    places = np.loadtxt(_member("nodes.csv"), delimiter=",", usecols=(1, 2))
    ms = np.maximum(1, np.rint(columns[:, 2] * 86_400_000))
    graph = graph_of_lanes(
        lat_e7=np.rint(places[:, 1] * 1e7),
        lon_e7=np.rint(places[:, 0] * 1e7),
        lane_from=columns[:, 0] - 1,
        lane_to=columns[:, 1] - 1,
        length_mm=ms,
        base_ms=ms,
    )
    random = np.random.default_rng(110)
    units = np.column_stack((random.integers(0, graph.nodes, 50), random.integers(0, 9000, 50))).astype(
        np.int32
    )
    labels, routes = build(graph, graph.base_ms), Routes(graph)

    for node in random.integers(0, graph.nodes, 5).tolist():
        place = ends((node, 500), (node + 1, 900))
        assert np.array_equal(
            labels.many_to_one(units, place), routes.many_to_one(graph.base_ms, units, place)
        )


def _member(name: str) -> list[str]:
    with zipfile.ZipFile(AUCKLAND) as packed:
        return [line for line in packed.read(name).decode().splitlines() if line[:1].isdigit()]
