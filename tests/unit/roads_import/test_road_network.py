# SPDX-License-Identifier: Apache-2.0
"""What of a survey becomes a graph: islands stay, fragments go and are counted, the graph is sound."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RoadSourceError
from gateway.roads.components import components
from gateway.roads.network import network
from gateway.roads.profiles import PROFILES, chosen
from gateway.roads.survey import lay_together
from tests.unit.roads_import.maps import STREET, drawn, driven, ms


def test_an_island_keeps_its_roads_and_a_fragment_goes(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abcdef", STREET), ("klmn", STREET), ("uv", STREET)])

    found = network(survey, PROFILES["car"], fragment_km=2.5)

    assert (found.islands, found.fragments, found.fragment_lanes) == (2, 1, 2)
    assert found.graph.nodes == 10
    assert found.main_percent == 62.5
    assert ms(found.graph, "k", "n") is not None
    assert ms(found.graph, "a", "n") is None
    assert found.lost_mm.tolist() == [[280_200_000, 1_206_500_000, 280_200_000, 1_206_600_000]]


def test_a_way_one_cannot_come_back_from_is_a_fragment(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abcdef", STREET), ("fgh", {**STREET, "oneway": "yes"})])

    found = network(survey, PROFILES["car"], fragment_km=1)

    assert ms(found.graph, "a", "f") is not None
    assert ms(found.graph, "a", "h") is None
    assert (found.fragments, found.fragment_lanes) == (2, 2)


def test_places_a_profile_never_touches_are_no_fragments(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abcdef", STREET), ("klm", {"highway": "steps"})])

    assert network(survey, PROFILES["car"], fragment_km=1).fragments == 0


def test_a_map_in_pieces_is_refused(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abc", STREET), ("uv", STREET)])

    with pytest.raises(RoadSourceError, match=r"parts of at most 3\.9 km of lanes"):
        network(survey, PROFILES["car"], fragment_km=5)
    with pytest.raises(RoadSourceError, match="nothing in it that a boat can drive on"):
        network(survey, PROFILES["boat"])


def test_surveys_laid_together_stay_what_they_were(tmp_path: Path) -> None:
    turns = [("no_straight_on", 0, "b", 1)]
    west = drawn(
        tmp_path,
        [("ab", STREET), ("bc", STREET), ("bl", STREET), ("lm", STREET), ("mc", STREET)],
        turns=turns,
    )
    north = drawn(tmp_path, [("uv", STREET), ("vw", {**STREET, "oneway": "yes"})])
    alone = driven(west).graph

    both = driven(lay_together([north, west])).graph

    for begin, end in (("a", "c"), ("c", "a"), ("a", "b")):
        assert ms(both, begin, end) == ms(alone, begin, end)
    assert ms(both, "u", "w") is not None
    assert ms(both, "w", "u") is None


def test_every_profile_drives_on_classes_there_are() -> None:
    from gateway.roads.survey import KINDS

    for profile in PROFILES.values():
        assert profile.kmh.keys() <= set(KINDS)
        assert profile.against_kmh.keys() <= set(KINDS)
        assert all(0 < kmh <= profile.kmh_max for kmh in profile.kmh.values())


def test_profiles_are_chosen_by_name() -> None:
    assert [profile.name for profile in chosen("foot, car,car")] == ["car", "foot"]
    with pytest.raises(RoadSourceError, match="no profile bicycle: there are car, car_siren"):
        chosen("car,bicycle")
    with pytest.raises(RoadSourceError, match="no profile was named"):
        chosen("")


arcs_of = st.integers(1, 12).flatmap(
    lambda nodes: st.tuples(
        st.just(nodes), st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=40)
    )
)


@given(arcs_of)
def test_nodes_are_in_one_component_when_each_reaches_the_other(
    drawn_graph: tuple[int, list[tuple[int, int]]],
) -> None:
    nodes, arcs = drawn_graph
    reach = np.eye(nodes, dtype=bool)
    for tail, head in arcs:
        reach[tail, head] = True
    for middle in range(nodes):
        reach |= np.outer(reach[:, middle], reach[middle])
    ends = np.array(arcs, np.int32).reshape(-1, 2)

    found = components(nodes, ends[:, 0], ends[:, 1])

    assert ((found[:, None] == found[None, :]) == (reach & reach.T)).all()
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all(), "0 is the largest"
