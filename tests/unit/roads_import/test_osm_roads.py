# SPDX-License-Identifier: Apache-2.0
"""What is on the map of OpenStreetMap is what a vehicle may drive."""

import sys
from pathlib import Path

import pytest

from gateway.errors import RoadSourceError
from gateway.roads import osm
from gateway.roads.network import network
from gateway.roads.profiles import PROFILES
from gateway.roads.survey import KINDS
from tests.unit.roads_import.maps import STREET, Tags, draw, drawn, driven, ms

KM_EAST_MS = 983.1 * 3.6 / 25 * 1000  # from letter to letter at 25 km/h, the residential speed


def test_a_street_is_driven_both_ways_at_the_speed_of_its_class(tmp_path: Path) -> None:
    graph = driven(drawn(tmp_path, [("abc", STREET)])).graph

    assert ms(graph, "a", "c") == ms(graph, "c", "a")
    assert ms(graph, "a", "c") == pytest.approx(2 * KM_EAST_MS, rel=0.001)


@pytest.mark.parametrize(
    ("tags", "there", "back"),
    [
        ({"oneway": "yes"}, True, False),
        ({"oneway": "-1"}, False, True),
        ({"oneway": "no"}, True, True),
        ({"junction": "roundabout"}, True, False),
        ({"highway": "motorway"}, True, False),
        ({"highway": "motorway", "oneway": "no"}, True, True),
        ({"access": "private"}, True, True),
        ({"access": "no"}, False, False),
        ({"access": "no", "motor_vehicle": "yes"}, True, True),
        ({"motor_vehicle": "no"}, False, False),
        ({"motor_vehicle": "emergency"}, False, False),
        ({"access": "unknown"}, True, True),
        ({"motor_vehicle": "no", "motorcar": "destination"}, True, True),
        ({"highway": "footway"}, False, False),
        ({"highway": "construction"}, False, False),
        ({"highway": "road"}, True, True),
        ({"oneway": "reversible"}, False, False),
        ({"area": "yes"}, False, False),
    ],
)
def test_who_may_drive_where(tmp_path: Path, tags: Tags, there: bool, back: bool) -> None:
    graph = driven(drawn(tmp_path, [("kl", STREET), ("ab", {**STREET, **tags})])).graph

    assert (ms(graph, "a", "b") is not None) == there
    assert (ms(graph, "b", "a") is not None) == back


@pytest.mark.parametrize(
    ("sign", "kmh"),
    [("40", 32.0), ("30 mph", 38.6), ("50;60", 40.0), ("none", 25.0), ("CN:urban", 25.0), ("3000", 25.0)],
)
def test_a_sign_counts_for_four_fifths_and_nonsense_for_nothing(
    tmp_path: Path, sign: str, kmh: float
) -> None:
    graph = driven(drawn(tmp_path, [("ab", {**STREET, "maxspeed": sign})])).graph

    assert graph.length_mm[0] / graph.base_ms[0] * 3.6 == pytest.approx(kmh, rel=0.01)


def test_with_the_siren_one_drives_slowly_against_a_street_and_never_a_motorway_or_roundabout(
    tmp_path: Path,
) -> None:
    ring = {**STREET, "junction": "roundabout"}
    survey = drawn(
        tmp_path, [("ab", {**STREET, "oneway": "yes"}), ("kl", {"highway": "motorway"}), ("uv", ring)]
    )
    graph = driven(survey, "car_siren").graph

    along, against = ms(graph, "a", "b"), ms(graph, "b", "a")
    assert along is not None
    assert against is not None
    assert against > along
    for begin, end in ("kl", "uv"):
        assert ms(graph, begin, end) is not None
        assert ms(graph, end, begin) is None


def test_a_road_for_emergencies_alone_is_open_to_the_siren(tmp_path: Path) -> None:
    gated, told = {**STREET, "access": "no", "emergency": "yes"}, {**STREET, "access": "emergency"}
    survey = drawn(tmp_path, [("kl", STREET), ("ab", gated), ("cd", told)])

    for begin, end in ("ab", "cd"):
        assert ms(driven(survey, "car").graph, begin, end) is None
        assert ms(driven(survey, "car_siren").graph, begin, end) is not None


@pytest.mark.parametrize(
    ("barrier", "through"),
    [
        ({"barrier": "bollard"}, {"motorcycle", "foot"}),
        ({"barrier": "stile"}, {"foot"}),
        ({"barrier": "gate"}, {"car", "car_siren", "motorcycle", "foot"}),
        ({"barrier": "lift_gate", "access": "private"}, {"car", "car_siren", "motorcycle", "foot"}),
        ({"barrier": "gate", "access": "no"}, set()),
        ({"barrier": "bollard", "emergency": "yes"}, {"car_siren", "motorcycle", "foot"}),
    ],
)
def test_a_barrier_lets_through_whom_it_lets_through(
    tmp_path: Path, barrier: Tags, through: set[str]
) -> None:
    survey = drawn(tmp_path, [("abc", STREET)], points={"b": barrier})

    for profile in ("car", "car_siren", "motorcycle", "foot"):
        graph = driven(survey, profile).graph
        assert (ms(graph, "a", "c") is not None) == (profile in through), profile
        assert ms(graph, "a", "b") is not None, "one gets as far as the barrier"
        assert ms(graph, "b", "c") is not None, "who stands there may go either way"


def test_one_turns_round_at_a_barrier(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abc", STREET)], points={"b": {"barrier": "bollard"}})

    found = network(survey, PROFILES["car"], fragment_km=1.5)

    assert (found.islands, found.fragments) == (2, 0)
    assert ms(found.graph, "a", "b") is not None


def test_a_light_costs_a_car_two_seconds_and_a_siren_nothing(tmp_path: Path) -> None:
    dark = drawn(tmp_path, [("abc", STREET)])
    lit = drawn(tmp_path, [("abc", STREET)], points={"b": {"highway": "traffic_signals"}})

    for profile, cost_ms in (("car", 2000), ("car_siren", 0)):
        without, with_light = (ms(driven(survey, profile).graph, "a", "c") for survey in (dark, lit))
        assert without is not None
        assert with_light == without + cost_ms


def test_rivers_and_ferries_are_for_boats(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("kl", STREET), ("ab", {"waterway": "river"}), ("bc", {"route": "ferry"})])

    assert ms(driven(survey, "boat").graph, "a", "c") is not None
    assert ms(driven(survey, "car").graph, "a", "b") is None


def test_pieces_that_leave_the_extract_are_counted_and_left_out(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("abcd", STREET)], unknown="d")

    assert survey.pieces == 2
    assert sum(survey.notes.values()) == 1


def test_the_classes_of_road_are_kept(tmp_path: Path) -> None:
    survey = drawn(tmp_path, [("ab", {"highway": "trunk_link"}), ("bc", {"highway": "steps"})])

    assert [KINDS[kind] for kind in survey.kind] == ["trunk_link", "steps"]


@pytest.mark.parametrize(
    ("name", "octets", "said"),
    [
        ("broken.osm.pbf", b"not a map at all, but long enough to be one", "not a whole OpenStreetMap file"),
        ("empty.osm.pbf", b"", "not a whole OpenStreetMap file"),
        ("empty.osm", b'<osm version="0.6"></osm>', "has no roads in it"),
        ("half.osm", b'<osm version="0.6"><way id="1" vers', "not a whole OpenStreetMap file"),
        ("map.shp", b"x", "not a whole OpenStreetMap file"),
    ],
)
def test_a_map_that_is_none_is_refused_in_one_line(
    tmp_path: Path, name: str, octets: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(octets)

    with pytest.raises(RoadSourceError, match=said) as refused:
        osm.read(tmp_path / name)

    assert "\n" not in str(refused.value)


def test_ways_without_their_points_are_named(tmp_path: Path) -> None:
    draw(tmp_path / "map.osm", [("ab", STREET)], unknown="ab")

    with pytest.raises(RoadSourceError, match="not the points they run along"):
        osm.read(tmp_path / "map.osm")


def test_without_osmium_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "map.osm", [("ab", STREET)])
    monkeypatch.setitem(sys.modules, "osmium", None)

    with pytest.raises(RoadSourceError, match="make setup"):
        osm.read(tmp_path / "map.osm")
