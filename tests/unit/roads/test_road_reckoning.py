# SPDX-License-Identifier: Apache-2.0
"""Who drives has come farther along its road since its fix, and no farther than its end."""

import msgspec
import numpy as np
import pytest

from core.dispatch.matcher import Question, rank_units
from core.kernels import warm
from core.kernels.layout import COURSE_CDEG, LAT_E7, LON_E7, SPEED_CMS
from core.roads.labels import build
from core.roads.network import Network
from core.roads.times import RoadTimes, Way, weights_of
from core.settings import Settings
from core.units.columns import Barred, UnitColumns
from tests.play import NOON_S, place
from tests.river import graph, river_town

warm()
SETTINGS = Settings(reckon_s_max=15)
TOWN = river_town()["car"]
EAST, WEST, NORTH = 90, 270, 0
KMH = 36
"""10 m/s, as all streets of the town are driven."""


def fleet(*units: tuple[float, float, float, float]) -> UnitColumns:
    """Units at metres east and north of the square, with speed (km/h) and course."""
    columns = UnitColumns()
    for east_m, north_m, kmh, course in units:
        row = columns.add()
        lat, lon = place(east_m, north_m)
        columns.narrow[LAT_E7, row], columns.narrow[LON_E7, row] = round(lat * 1e7), round(lon * 1e7)
        columns.narrow[SPEED_CMS, row] = round(kmh / 0.036)
        columns.narrow[COURSE_CDEG, row] = course * 100
        columns.fix_s[row] = NOON_S
        columns.set_barred(row, Barred.FREE)
    return columns


def times(network: Network = TOWN, *, labelled: bool = True) -> RoadTimes:
    labels = network.labels if labelled else None
    return RoadTimes(network, weights_of(network, network.graph.base_ms), labels, SETTINGS.snap_m_max)


def after(
    s: float,
    to: tuple[float, float],
    *units: tuple[float, float, float, float],
    roads: RoadTimes | None = None,
    settings: Settings = SETTINGS,
) -> list[tuple[int, Way]]:
    """Return (s, code) of each unit to a place, so many seconds after all the fixes."""
    lat, lon = (round(degrees * 1e7) for degrees in place(*to))
    ms, codes = (roads or times()).ways(
        lat, lon, np.arange(len(units)), fleet(*units), settings, round((NOON_S + s) * 1000)
    )
    return [(round(each / 1000), Way(code)) for each, code in zip(ms.tolist(), codes.tolist(), strict=True)]


@pytest.mark.parametrize(("s", "left_s"), [(-2, 40), (0, 40), (4, 36), (15, 25), (16, 25), (90, 25)])
def test_a_car_that_comes_has_so_much_less_to_drive(s: float, left_s: int) -> None:
    assert after(s, (500, 0), (100, 0, KMH, EAST)) == [(left_s, Way.LABELS)]


def test_a_car_is_moved_on_by_its_own_speed() -> None:
    fast, slow = after(10, (500, 0), (100, 0, 2 * KMH, EAST), (100, 0, KMH / 2, EAST))

    assert (fast[0], slow[0]) == (20, 35)


def test_nobody_knows_which_way_it_turns_at_the_junction() -> None:
    ahead, aside, back = (after(12, to, (450, 0, KMH, EAST))[0][0] for to in ((1000, 0), (500, -400), (0, 0)))

    assert (ahead, aside, back) == (50, 40, 50)


def test_who_drives_away_is_farther_and_must_turn_round() -> None:
    assert after(10, (300, 0), (200, 0, KMH, WEST)) == [(10 + 30, Way.LABELS)]


def test_who_has_passed_the_place_must_come_back_to_it() -> None:
    before, passed = (after(s, (300, 0), (280, 0, KMH, EAST))[0][0] for s in (1, 10))

    assert (before, passed) == (1, 12 + 20)


def test_who_is_parked_or_has_no_course_or_is_too_fast_stays() -> None:
    parked, unknown, absurd = (100, 0, 9, EAST), (100, 0, KMH, 360), (100, 0, 400, EAST)

    assert [s for s, _ in after(10, (500, 0), parked, unknown, absurd)] == [40, 40, 40]


def test_who_crosses_a_road_goes_no_farther_along_it() -> None:
    (slant,) = after(10, (500, 0), (100, 0, KMH, 30))

    assert slant[0] == 40 - 5  # half of its speed is along the road
    assert after(10, (500, 0), (100, 0, KMH, 1))[0][0] in (39, 40)


def test_who_comes_against_a_one_way_street_is_not_moved() -> None:
    ring = [((0, 0), (500, 0)), ((500, 0), (500, 500)), ((500, 500), (0, 500)), ((0, 500), (0, 0))]
    town = graph([], one_way=ring)
    roads = times(Network.of(town, build(town, town.base_ms)))

    assert after(10, (250, 0), (100, 0, KMH, WEST), roads=roads)[0][0] == 15


def test_across_the_fields_it_goes_straight_on_as_in_a_house_without_roads() -> None:
    columns, now_ms = fleet((-3000, 40, 50, WEST), (-4000, 900, 70, 191)), NOON_S * 1000 + 8_250
    lat, lon = (round(degrees * 1e7) for degrees in place(-3900, -2000))

    ms, codes = times().ways(lat, lon, np.arange(2), columns, SETTINGS, now_ms)
    without = rank_units(columns, SETTINGS, Question(lat=lat / 1e7, lon=lon / 1e7, now_ms=now_ms))

    assert set(codes.tolist()) == {Way.OFF_ROAD}
    assert {each.row: each.travel_ms for each in without.candidates} == dict(enumerate(ms.tolist()))


def test_labels_and_searches_agree_on_who_drives() -> None:
    chance = np.random.default_rng(3)
    units = [
        (float(east), float(north), float(kmh), int(course))
        for east, north, kmh, course in chance.uniform((-2500, -1500, 0, 0), (7000, 2000, 90, 359), (50, 4))
    ]
    by_labels, by_search = times(), times(labelled=False)

    for s, to in enumerate(chance.uniform((-2500, -1500), (7000, 2000), (15, 2)).tolist()):
        assert after(s, tuple(to), *units, roads=by_labels) == after(s, tuple(to), *units, roads=by_search)


def test_without_reckoning_time_plays_no_part() -> None:
    off = msgspec.structs.replace(SETTINGS, reckon_s_max=0)
    roads, units = times(), [(100, 0, KMH, EAST), (-900, 500, 60, NORTH)]

    found = [after(s, (500, 0), *units, roads=roads, settings=off) for s in (0, 9, 60)]

    assert found[0] == found[1] == found[2]


def test_being_asked_moves_nobodys_seat() -> None:
    roads, car = times(), (100, 0, KMH, EAST)

    first = [after(s, (500, 0), car, roads=roads)[0][0] for s in (5, 10, 5)]

    assert first == [35, 30, 35]
