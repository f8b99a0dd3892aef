# SPDX-License-Identifier: Apache-2.0
"""Which lane a fix belongs to."""

import math

import numpy as np
import pytest

from core.kernels import snap, twins, warm
from core.kernels.layout import COURSE_CDEG, I32, LAT_E7, LON_E7, NARROW, SPEED_CMS
from core.roads.graph import RoadGraph
from core.roads.snapping import LaneCells, Snapper, Spot, spot_of
from tests.play import place
from tests.river import graph, river_town, streets

warm()
CROSS = graph([((0, 0), (400, 0)), ((400, 0), (400, 400))], one_way=[((0, 100), (400, 100))])


def snapper(of: RoadGraph, reach_m: int = 500) -> Snapper:
    return Snapper(LaneCells.over(of), reach_m)


def fix(east_m: float, north_m: float, speed_kmh: float = 0, course: float = 0) -> I32:
    lat, lon = place(east_m, north_m)
    narrow = np.zeros((NARROW, 1), np.int32)
    narrow[LAT_E7], narrow[LON_E7] = round(lat * 1e7), round(lon * 1e7)
    narrow[SPEED_CMS], narrow[COURSE_CDEG] = round(speed_kmh / 0.036), round(course * 100)
    return narrow


def seat(of: RoadGraph, narrow: I32, reach_m: int = 500) -> Spot:
    finder = snapper(of, reach_m)
    finder.seat(narrow, np.zeros(1, np.int64))
    return spot_of(finder.seats, 0)


def driven(of: RoadGraph, lane: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a lane begins and ends, in degrees."""
    tail, head = of.lane_from[lane], of.lane_to[lane]
    return (of.lat_e7[tail] / 1e7, of.lon_e7[tail] / 1e7), (of.lat_e7[head] / 1e7, of.lon_e7[head] / 1e7)


def test_a_parked_car_may_leave_either_way() -> None:
    spot = seat(CROSS, fix(100, 20))

    ahead, back = driven(CROSS, spot.lane), driven(CROSS, spot.other)
    assert ahead == (back[1], back[0])
    assert abs(spot.off_mm - 20_000) < 100
    assert {spot.fraction, snap.WHOLE - spot.fraction} == {250_000, 750_000} or abs(
        min(spot.fraction, snap.WHOLE - spot.fraction) - 250_000
    ) < 300


@pytest.mark.parametrize(("course", "goes_east"), [(90, True), (70, True), (270, False), (250, False)])
def test_a_car_that_drives_is_on_the_lane_of_its_course(course: float, goes_east: bool) -> None:
    spot = seat(CROSS, fix(100, 5, speed_kmh=40, course=course))

    begin, end = driven(CROSS, spot.lane)
    assert spot.other == snap.OFF_ROAD
    assert (end[1] > begin[1]) == goes_east
    assert abs(spot.fraction - (250_000 if goes_east else 750_000)) < 300


def test_a_car_that_crosses_is_not_on_the_road_it_crosses() -> None:
    near_the_corner = (390, 12)

    north = seat(CROSS, fix(*near_the_corner, speed_kmh=40, course=0))
    east = seat(CROSS, fix(*near_the_corner, speed_kmh=40, course=90))

    assert driven(CROSS, north.lane)[0][1] == driven(CROSS, north.lane)[1][1]
    assert driven(CROSS, east.lane)[0][0] == driven(CROSS, east.lane)[1][0]


def test_a_course_without_speed_says_nothing() -> None:
    slow = seat(CROSS, fix(390, 12, speed_kmh=9, course=90))
    parked = seat(CROSS, fix(390, 12))

    assert slow == parked


def test_who_drives_against_a_one_way_street_is_rather_on_the_street_beside_it() -> None:
    between = fix(200, 60, speed_kmh=50, course=270)

    spot = seat(CROSS, between)

    assert CROSS.twin[spot.lane] >= 0
    assert abs(spot.off_mm - 60_000) < 100


def test_a_one_way_street_has_no_other_lane() -> None:
    spot = seat(CROSS, fix(200, 104))

    assert CROSS.twin[spot.lane] == -1
    assert spot.other == snap.OFF_ROAD


def test_what_is_farther_than_the_reach_is_off_road() -> None:
    field = fix(-300, 0)

    assert seat(CROSS, field, reach_m=301).lane >= 0
    assert seat(CROSS, field, reach_m=299) == Spot(snap.OFF_ROAD, snap.OFF_ROAD, 0, 0)


def test_a_place_outside_every_cell_is_found_from_the_edge() -> None:
    spot = seat(CROSS, fix(800, 400), reach_m=500)

    assert abs(spot.off_mm - 400_000) < 1_000


def test_a_network_without_roads_has_everybody_off_road() -> None:
    assert seat(graph([]), fix(0, 0)).lane == snap.OFF_ROAD


def test_a_lane_of_no_length_is_a_place_like_any() -> None:
    spot = seat(graph([((0, 0), (0, 0)), ((900, 0), (1000, 0))]), fix(30, 40))

    assert abs(spot.off_mm - 50_000) < 200
    assert spot.fraction == 0


def test_a_unit_that_has_not_moved_is_not_looked_for_again() -> None:
    finder, rows = snapper(CROSS), np.zeros(1, np.int64)

    looked = [finder.seat(fix(100, 5, 40, course), rows) for course in (90, 90, 91, 200, 200)]
    looked.append(finder.seat(fix(101, 5, 40, 200), rows))

    assert looked == [1, 0, 0, 1, 0, 1]  # 90 and 91 degrees are the same sixty-fourth


def test_another_reach_forgets_who_was_off_road() -> None:
    finder, rows, field = snapper(CROSS, 100), np.zeros(1, np.int64), fix(-300, 0)
    finder.seat(field, rows)

    finder.reach(400)
    finder.seat(field, rows)

    assert spot_of(finder.seats, 0).lane != snap.OFF_ROAD


def test_a_fleet_that_grows_keeps_its_seats() -> None:
    finder = snapper(CROSS)
    finder.seat(fix(100, 5), np.zeros(1, np.int64))
    two = np.concatenate([fix(100, 5), fix(380, 200)], axis=1)

    looked = finder.seat(np.ascontiguousarray(two), np.array([0, 1], np.int64))

    assert looked == 1
    assert spot_of(finder.seats, 1).lane != spot_of(finder.seats, 0).lane


def test_a_road_over_many_cells_is_found_everywhere_along_it() -> None:
    far = graph([((0, 0), (9_000, 7_000)), ((20_000, 0), (20_100, 0))])
    for part in range(1, 20):
        spot = seat(far, fix(450 * part, 350 * part), reach_m=50)
        assert spot.lane != snap.OFF_ROAD, part
        assert abs(min(spot.fraction, snap.WHOLE - spot.fraction) - 50_000 * min(part, 20 - part)) < 1_000


def nearest(of: RoadGraph, narrow: I32) -> float:
    """The slow truth: metres from a fix to the nearest lane, all lanes looked at."""
    best = math.inf
    east, north = (
        math.cos(math.radians(narrow[LAT_E7, 0] / 1e7)) * 0.0111320,
        0.0110800,
    )
    for lane in range(of.lanes):
        tail, head = of.lane_from[lane], of.lane_to[lane]
        ax, ay = (
            (int(of.lon_e7[tail]) - int(narrow[LON_E7, 0])) * east,
            (int(of.lat_e7[tail]) - int(narrow[LAT_E7, 0])) * north,
        )
        bx, by = (
            (int(of.lon_e7[head]) - int(of.lon_e7[tail])) * east,
            (int(of.lat_e7[head]) - int(of.lat_e7[tail])) * north,
        )
        part = min(max(-(ax * bx + ay * by) / max(bx * bx + by * by, 1e-9), 0), 1)
        best = min(best, math.hypot(ax + part * bx, ay + part * by))
    return best


def test_no_lane_is_nearer_than_the_one_found() -> None:
    town, chance = river_town()["car"].graph, np.random.default_rng(7)
    finder = snapper(town, 2_000)
    for east, north in chance.uniform((-2500, -1500), (7000, 2000), (60, 2)).tolist():
        narrow = fix(east, north)
        spot = finder.spot(int(narrow[LAT_E7, 0]), int(narrow[LON_E7, 0]))
        truth = nearest(town, narrow)
        if spot.lane == snap.OFF_ROAD:
            assert truth > 1_990
        else:
            assert abs(spot.off_mm / 1000 - truth) < 0.002 * truth + 0.1


def test_the_plain_twin_finds_the_same_lanes() -> None:
    town, chance = graph(streets()), np.random.default_rng(11)
    cells, n = LaneCells.over(town), 40
    narrow = np.concatenate(
        [
            fix(*chance.uniform((-2500, -1500), (2500, 2000)), *chance.uniform((0, 0), (30, 360)))
            for _ in range(n)
        ],
        axis=1,
    )
    narrow = np.ascontiguousarray(narrow)
    seats = [np.full((snap.SEATED, n), snap.NEVER, np.int64) for _ in range(2)]

    for seat_rows, own in zip((snap.seat, twins()["snap.seat"]), seats, strict=True):
        seat_rows(
            narrow,
            np.arange(n),
            own,
            cells.within(600),
            cells.scales,
            cells.first,
            cells.listed,
            cells.ends,
            cells.lanes,
        )

    np.testing.assert_array_equal(seats[0], seats[1])
