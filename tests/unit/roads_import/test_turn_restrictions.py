# SPDX-License-Identifier: Apache-2.0
"""A forbidden turn is not in the graph; all others are.

The cross: `a`–`b`–`c` from west to east, `l` north of `b`, and a long way round from `c` over `m` to `l`.
"""

from pathlib import Path

import numpy as np
import pytest

from core.roads.graph import RoadGraph
from tests.unit.roads_import.maps import STREET, Tags, Way, drawn, driven, ms, place_of

CROSS: list[Way] = [("ab", STREET), ("bc", STREET), ("bl", STREET), ("cm", STREET), ("ml", STREET)]


def test_what_is_forbidden_is_driven_round(tmp_path: Path) -> None:
    free = driven(drawn(tmp_path, CROSS)).graph
    bound = driven(drawn(tmp_path, CROSS, turns=[("no_left_turn", 0, "b", 2)]))

    direct, round_about = ms(free, "a", "l"), ms(bound.graph, "a", "l")

    assert direct is not None
    assert round_about is not None
    assert round_about > direct, "from the west one may not turn north"
    assert bound.splits == 1
    for begin, end in (("c", "l"), ("l", "a"), ("a", "c"), ("l", "c")):
        assert ms(bound.graph, begin, end) == ms(free, begin, end), f"{begin}→{end} is allowed"


def test_only_straight_on_forbids_the_rest(tmp_path: Path) -> None:
    bound = driven(drawn(tmp_path, CROSS, turns=[("only_straight_on", 0, "b", 1)])).graph

    assert not _follows(bound, "ab", "bl")
    assert not _follows(bound, "ab", "ba")
    assert _follows(bound, "ab", "bc")
    assert _follows(bound, "cb", "bl"), "who comes from elsewhere is not bound"


def test_turning_round_is_forbidden_and_nothing_else(tmp_path: Path) -> None:
    bound = driven(drawn(tmp_path, CROSS, turns=[("no_u_turn", 0, "b", 0)])).graph

    assert not _follows(bound, "ab", "ba")
    assert _follows(bound, "ab", "bc")
    assert _follows(bound, "ab", "bl")


def test_two_restrictions_on_one_approach_share_a_copy_of_the_junction(tmp_path: Path) -> None:
    turns = [("no_left_turn", 0, "b", 2), ("no_straight_on", 0, "b", 1), ("no_right_turn", 1, "b", 2)]

    bound = driven(drawn(tmp_path, CROSS, turns=turns))

    assert not _follows(bound.graph, "ab", "bl")
    assert not _follows(bound.graph, "ab", "bc")
    assert not _follows(bound.graph, "cb", "bl")
    assert bound.splits == 2


def test_a_siren_turns_where_it_must(tmp_path: Path) -> None:
    survey = drawn(tmp_path, CROSS, turns=[("no_left_turn", 0, "b", 2)])

    assert not _follows(driven(survey, "car").graph, "ab", "bl")
    assert _follows(driven(survey, "car_siren").graph, "ab", "bl")


@pytest.mark.parametrize(
    ("extra", "free"),
    [
        ({"except": "motorcycle"}, ["motorcycle"]),
        ({"except": "psv"}, []),
        ({"except": "motorcar;psv"}, ["car"]),
    ],
)
def test_an_exception_frees_those_it_names(tmp_path: Path, extra: Tags, free: list[str]) -> None:
    tags = {"type": "restriction", "restriction": "no_left_turn", **extra}
    words = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    relation = (
        '<relation id="9" version="1"><member type="way" ref="0" role="from"/><member type="node" ref="98" role="via"/>'
        f'<member type="way" ref="2" role="to"/>{words}</relation>'
    )
    survey = drawn(tmp_path, CROSS, more=relation)

    for profile in ("car", "motorcycle"):
        assert _follows(driven(survey, profile).graph, "ab", "bl") == (profile in free)


def test_what_cannot_be_taken_over_is_counted(tmp_path: Path) -> None:
    relations = "".join(
        f'<relation id="{number}" version="1"><member type="way" ref="0" role="from"/>{via}'
        f'<member type="way" ref="{leave}" role="to"/><tag k="type" v="restriction"/>{what}</relation>'
        for number, (via, leave, what) in enumerate(
            (
                ('<member type="way" ref="1" role="via"/>', 3, '<tag k="restriction" v="no_left_turn"/>'),
                ('<member type="node" ref="98" role="via"/>', 77, '<tag k="restriction" v="no_left_turn"/>'),
                (
                    '<member type="node" ref="98" role="via"/>',
                    2,
                    '<tag k="restriction:hgv" v="no_left_turn"/>',
                ),
            ),
            1,
        )
    )

    survey = drawn(tmp_path, CROSS, more=relations)

    assert survey.turns == ()
    assert sum(survey.notes.values()) == 3


def _follows(graph: RoadGraph, first: str, then: str) -> bool:
    """Whether one may go on along the second street after the first."""
    lane, onto = _lane(graph, first), _lane(graph, then)
    arcs = graph.arcs_of(onto)
    return bool((graph.tail[arcs] == graph.lane_head[lane]).any())


def _lane(graph: RoadGraph, letters: str) -> int:
    (begin, end) = (np.array(place_of(letter)) for letter in letters)
    found = [
        lane
        for lane in range(graph.lanes)
        if np.allclose(_place(graph, graph.lane_from[lane]), begin, atol=1e-6)
        and np.allclose(_place(graph, graph.lane_to[lane]), end, atol=1e-6)
    ]
    (lane,) = found
    return lane


def _place(graph: RoadGraph, node: int) -> tuple[float, float]:
    return graph.lat_e7[node] / 1e7, graph.lon_e7[node] / 1e7
