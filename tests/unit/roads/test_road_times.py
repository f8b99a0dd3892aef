# SPDX-License-Identifier: Apache-2.0
"""How long units need in a town with a river, a bridge and an island."""

from collections.abc import Sequence

import numpy as np
import pytest

from core import geodesy
from core.dispatch.matcher import Question, rank_units
from core.kernels import warm
from core.kernels.layout import COURSE_CDEG, LAT_E7, LON_E7, SPEED_CMS
from core.roads.graph import INFINITE
from core.roads.labels import build
from core.roads.network import Network
from core.roads.times import RoadTimes, Way, weights_of
from core.settings import Settings
from core.units.columns import Barred, UnitColumns
from tests.play import NOON_S, place
from tests.river import BRIDGE, MID_BRIDGE, graph, river_town

warm()
SETTINGS = Settings()
TOWN = river_town()["car"]
Unit = tuple[float, float] | tuple[float, float, float, float]


def fleet(*units: Unit) -> UnitColumns:
    """Units at metres east and north of the square; those with a speed (km/h) and a course drive."""
    columns = UnitColumns()
    for unit in units:
        row = columns.add()
        lat, lon = place(*unit[:2])
        columns.narrow[LAT_E7, row], columns.narrow[LON_E7, row] = round(lat * 1e7), round(lon * 1e7)
        if len(unit) == 4:
            columns.narrow[SPEED_CMS, row] = round(unit[2] / 0.036)
            columns.narrow[COURSE_CDEG, row] = round(unit[3] * 100)
        columns.fix_s[row] = NOON_S
        columns.set_barred(row, Barred.FREE)
    return columns


def times(network: Network = TOWN, *, labelled: bool = True) -> RoadTimes:
    labels = network.labels if labelled else None
    return RoadTimes(network, weights_of(network, network.graph.base_ms), labels, SETTINGS.snap_m_max)


def ways(
    roads: RoadTimes, to: tuple[float, float], *units: Unit, settings: Settings = SETTINGS
) -> list[tuple[float, Way]]:
    """Return (s, code) of each unit to a place."""
    lat, lon = place(*to)
    rows = np.arange(len(units))
    ms, codes = roads.ways(round(lat * 1e7), round(lon * 1e7), rows, fleet(*units), settings)
    return [(each / 1000, Way(code)) for each, code in zip(ms.tolist(), codes.tolist(), strict=True)]


def seconds(found: Sequence[tuple[float, Way]]) -> list[int]:
    return [round(s) for s, _ in found]


def bridge_lanes(network: Network = TOWN) -> list[int]:
    (x, y), (u, v) = BRIDGE
    a, b = (tuple(round(c * 1e7) for c in place(*end)) for end in ((x, y), (u, v)))
    return network.lanes_between((*a, *b)) + network.lanes_between((*b, *a))  # type: ignore[arg-type]


def test_a_unit_across_the_river_is_farther_than_one_on_this_bank() -> None:
    found = ways(times(), (0, 0), (0, 500), (1500, -500))

    assert seconds(found) == [350, 200]
    assert {code for _, code in found} == {Way.LABELS}


def test_a_closed_bridge_counts_at_once_and_an_opened_one_again() -> None:
    roads = times()
    units = (1500, 500), (-2000, -1000)

    before = ways(roads, (0, 0), *units)
    roads.close(bridge_lanes())
    closed = ways(roads, (0, 0), *units)
    roads.open(bridge_lanes())
    after = ways(roads, (0, 0), *units)

    assert seconds(before) == [200, 300]
    assert closed[0][1] is Way.NO_ROAD
    assert (round(closed[1][0]), closed[1][1]) == (300, Way.LIVE)
    assert after == before


def test_new_labels_know_of_the_closure_and_nothing_is_searched_any_more() -> None:
    roads, lanes = times(), sorted(bridge_lanes())
    roads.close(lanes)
    weights = weights_of(TOWN, TOWN.graph.base_ms, np.array(lanes, np.int32))

    roads.swap(weights, build(TOWN.graph, weights.lane_ms()))
    found = ways(roads, (0, 0), (1500, 500), (-2000, -1000))

    assert [code for _, code in found] == [Way.NO_ROAD, Way.LABELS]
    assert not roads.live


def test_a_bridge_opened_before_the_labels_know_is_searched() -> None:
    roads, lanes = times(), sorted(bridge_lanes())
    roads.close(lanes)
    weights = weights_of(TOWN, TOWN.graph.base_ms, np.array(lanes, np.int32))
    roads.swap(weights, build(TOWN.graph, weights.lane_ms()))

    roads.open(lanes)

    assert ways(roads, (0, 0), (1500, 500)) == [(200.0, Way.LIVE)]


def test_an_incident_on_a_closed_bridge_can_be_reached_from_both_banks() -> None:
    roads = times()
    roads.close(bridge_lanes())

    found = ways(roads, MID_BRIDGE, (1500, 0), (1500, 500), (0, 0))

    assert seconds(found) == [25, 25, 175]


def test_a_unit_on_a_closed_bridge_can_leave_it_either_way() -> None:
    roads = times()
    roads.close(bridge_lanes())

    assert seconds(ways(roads, (1500, 500), MID_BRIDGE)) == [25]
    assert seconds(ways(roads, (1500, 0), MID_BRIDGE)) == [25]


def test_no_road_leads_from_the_island() -> None:
    found = ways(times(), (0, 0), (6250, 0), (500, 0))

    assert [code for _, code in found] == [Way.NO_ROAD, Way.LABELS]
    ((s, code),) = ways(times(), (6250, 0), (6500, 500))
    assert (round(s), code) == (75, Way.LABELS)


def test_a_unit_in_a_field_goes_in_a_straight_line() -> None:
    (field, near) = ways(times(), (0, 0), (-3000, 0), (-2100, 0))

    assert field[1] is Way.OFF_ROAD
    assert field[0] == pytest.approx(3000 * 1.4 / 40 * 3.6, rel=0.005)
    assert near[1] is Way.LABELS
    assert near[0] == pytest.approx(200 + 100 / 15 * 3.6, abs=0.5)


def test_an_incident_in_a_field_has_straight_lines_to_everybody() -> None:
    found = ways(times(), (-4000, 0), (-3000, 0), (0, 0))

    assert {code for _, code in found} == {Way.OFF_ROAD}


def test_how_far_off_road_is_follows_the_settings() -> None:
    far = Settings(snap_m_max=1500, off_road_kmh=36)

    ((seconds_by_road, code),) = ways(times(), (0, 0), (-3000, 0), settings=far)
    assert (round(seconds_by_road), code) == (300, Way.LABELS)


def test_who_stands_before_the_place_on_its_own_road_drives_straight_on() -> None:
    found = ways(times(), (300, 0), (100, 0), (100, 0, 40, 90), (400, 0), (300, 0))

    assert seconds(found) == [20, 20, 10, 0]


def test_who_drives_away_from_the_place_must_turn_round_first() -> None:
    away = ways(times(), (300, 0), (100, 0, 40, 270), (400, 0, 40, 90))

    assert seconds(away) == [10 + 30, 10 + 20]


def test_a_one_way_street_is_driven_round() -> None:
    ring = [((0, 0), (500, 0)), ((500, 0), (500, 500)), ((500, 500), (0, 500)), ((0, 500), (0, 0))]
    town = graph([], one_way=ring)
    network = Network.of(town, build(town, town.base_ms))

    found = ways(times(network), (250, 0), (100, 0), (400, 0))

    assert seconds(found) == [15, 10 + 150 + 25]


def test_searches_and_labels_agree_to_the_millisecond() -> None:
    chance = np.random.default_rng(3)
    units: list[Unit] = [
        (*xy, *drive)
        for xy, drive in zip(
            chance.uniform((-2500, -1500), (7000, 2000), (50, 2)).tolist(),
            chance.uniform((0, 0), (60, 360), (50, 2)).tolist(),
            strict=True,
        )
    ]
    by_labels, by_search = times(), times(labelled=False)

    for to in chance.uniform((-2500, -1500), (7000, 2000), (20, 2)).tolist():
        assert ways(by_labels, tuple(to), *units) == ways(by_search, tuple(to), *units)


def test_nothing_is_faster_than_the_fastest() -> None:
    chance, roads = np.random.default_rng(4), times()
    units = [tuple(xy) for xy in chance.uniform((-2900, -1900), (7400, 2400), (60, 2)).tolist()]
    columns, fastest = fleet(*units), roads.fastest_mps(SETTINGS)

    for to in chance.uniform((-2900, -1900), (7400, 2400), (20, 2)).tolist():
        lat, lon = place(*to)
        for row, (s, code) in enumerate(ways(roads, tuple(to), *units)):
            metres = geodesy.distance_m(lat, lon, columns.lat_e7[row] / 1e7, columns.lon_e7[row] / 1e7)
            assert s + 0.001 >= metres / fastest, (units[row], to, code)


def test_the_straight_line_is_the_one_of_a_house_without_roads() -> None:
    columns = fleet((-3000, 40), (-4000, 900), (2900, 2300))
    lat, lon = place(-3900, -2000)

    ms, codes = times().ways(round(lat * 1e7), round(lon * 1e7), np.arange(3), columns, SETTINGS)
    without = rank_units(
        columns,
        SETTINGS,
        Question(lat=round(lat * 1e7) / 1e7, lon=round(lon * 1e7) / 1e7, now_ms=NOON_S * 1000),
    )

    assert set(codes.tolist()) == {Way.OFF_ROAD}
    assert {each.row: each.travel_ms for each in without.candidates} == dict(enumerate(ms.tolist()))


def test_a_town_where_nobody_is_asked_about_answers_nothing() -> None:
    assert ways(times(), (0, 0)) == []


def test_weights_close_what_they_say() -> None:
    weights = weights_of(TOWN, TOWN.graph.base_ms, np.array([2, 5], np.int32))

    assert np.flatnonzero(weights.lane_ms() == INFINITE).tolist() == [2, 5]
    assert weights.fastest_mps == pytest.approx(10, rel=0.01)


def test_what_labels_tell_of_a_closure_is_what_a_search_finds() -> None:
    chance = np.random.default_rng(8)
    by_labels, by_search = times(), times(labelled=False)
    spots = chance.uniform((-2500, -1500), (2500, 2000), (12, 2)).tolist()
    for _ in range(12):
        lanes = [int(lane) for lane in chance.choice(TOWN.graph.lanes, 3, replace=False)]
        for roads in (by_labels, by_search):
            roads.close(lanes)
        for to in spots[:4]:
            assert ways(by_labels, tuple(to), *map(tuple, spots)) == ways(
                by_search, tuple(to), *map(tuple, spots)
            )
    assert by_labels.live


def test_whoever_replays_builds_the_labels_when_searches_have_cost_as_much() -> None:
    roads = times(labelled=False)
    before = ways(roads, (0, 0), (1500, 500))
    assert roads.labels is None

    roads.alone = True
    for _ in range(201):
        assert ways(roads, (0, 0), (1500, 500)) == before

    assert roads.labels is not None


def test_who_has_no_way_does_not_send_the_search_through_the_whole_town() -> None:
    roads = times(labelled=False)
    near, island, field = (250, 0), (6250, 0), (-3000, 0)

    (found,) = ways(roads, (0, 0), near)
    local = roads._routes.settled
    with_strays = ways(roads, (0, 0), near, island, field)

    assert with_strays[0] == found
    assert [code for _, code in with_strays] == [Way.LABELS, Way.NO_ROAD, Way.OFF_ROAD]
    assert roads._routes.settled == local < TOWN.graph.nodes / 2


def test_who_is_cut_off_by_a_closure_is_known_before_the_search() -> None:
    roads = times(labelled=False)
    ways(roads, (0, 0), (250, 0))
    roads.close(bridge_lanes())

    cut_off = ways(roads, (0, 0), (1500, 500), (250, 0))
    settled = roads._routes.settled

    assert [code for _, code in cut_off] == [Way.NO_ROAD, Way.LIVE]
    assert settled < TOWN.graph.nodes / 2
    roads.open(bridge_lanes())
    assert ways(roads, (0, 0), (1500, 500))[0][1] is not Way.NO_ROAD


def test_a_car_without_a_course_may_go_either_way() -> None:
    driving, silent = (100, 0, 40, 270), (100, 0, 40, 360)

    away, unknown = ways(times(), (300, 0), driving, silent)

    assert round(away[0]) == 40
    assert round(unknown[0]) == 20
