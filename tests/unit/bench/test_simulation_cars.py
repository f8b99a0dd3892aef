# SPDX-License-Identifier: Apache-2.0
"""Cars of the simulated city drive as cars do."""

import math

import numpy as np
import pytest

pytest.importorskip("scipy", reason="comes with `make setup BENCH=1`")

from bench.simulation.car import Bend, Car, Drive, Place
from bench.simulation.city import SIREN, settled, the_city
from bench.simulation.demand import NS_PER_S
from bench.simulation.ways import Ways
from core.roads.graph import graph_of_lanes


def street() -> Ways:
    """0 — 1 — 2 in a row, a second each; from 0 to 2 there is also a slow lane past 1."""
    return Ways(
        graph_of_lanes(
            lat_e7=[280_000_000, 280_000_000, 280_000_000],
            lon_e7=[1_200_000_000, 1_200_001_000, 1_200_002_000],
            lane_from=[0, 1, 1, 2, 0],
            lane_to=[1, 0, 2, 1, 2],
            length_mm=[10_000] * 5,
            base_ms=[1000, 1000, 1000, 1000, 9000],
        )
    )


def rolling(ways: Ways, begin: int, end: int) -> Drive:
    graph = ways.graph
    here = Place(int(graph.lat_e7[begin]), int(graph.lon_e7[begin]), 0, 0)
    return Drive(ways, Bend(begin, 0, 0.0), end, here, 0)


def test_a_way_is_the_fastest_one_and_not_the_one_with_the_fewest_lanes() -> None:
    ways = street()

    lanes = ways.lanes(0, 2)

    assert [(int(ways.graph.lane_from[lane]), int(ways.graph.lane_to[lane])) for lane in lanes] == [
        (0, 1),
        (1, 2),
    ]


def test_of_two_lanes_side_by_side_the_faster_is_driven() -> None:
    ways = Ways(
        graph_of_lanes(
            lat_e7=[0, 0],
            lon_e7=[0, 1000],
            lane_from=[0, 0],
            lane_to=[1, 1],
            length_mm=[1000, 1000],
            base_ms=[500, 300],
        )
    )

    assert [int(ways.graph.base_ms[lane]) for lane in ways.lanes(0, 1)] == [300]


def test_where_there_is_no_way_nobody_pretends_there_is() -> None:
    ways = Ways(
        graph_of_lanes(lat_e7=[0, 0], lon_e7=[0, 9], lane_from=[0], lane_to=[1], length_mm=[1], base_ms=[1])
    )

    with pytest.raises(AssertionError, match="no way from node 1 to node 0"):
        ways.lanes(1, 0)


def test_a_drive_takes_as_long_as_its_lanes_and_is_half_way_at_half_time() -> None:
    drive = rolling(street(), 0, 2)

    assert drive.arrives_ns == 2 * NS_PER_S
    assert drive.place(NS_PER_S // 2) == Place(280_000_000, 1_200_000_500, 1000, 9000)
    assert drive.place(3 * NS_PER_S) == Place(280_000_000, 1_200_002_000, 0, 0)


def test_a_car_that_is_sent_elsewhere_goes_on_to_the_next_junction_first() -> None:
    ways, car = street(), Car(row=0, base=0, node=0)
    car.set_out(ways, 2, 0)

    back = car.set_out(ways, 0, NS_PER_S * 3 // 2)

    assert back.arrives_ns == 4 * NS_PER_S  # half a second to node 2, two back
    assert car.place(ways, NS_PER_S * 3 // 2).lon_e7 == 1_200_001_500
    assert car.place(ways, 2 * NS_PER_S).lon_e7 == 1_200_002_000


def test_a_car_that_is_turned_twice_within_one_lane_still_needs_the_rest_of_it_once() -> None:
    ways, car = street(), Car(row=0, base=0, node=0)
    car.set_out(ways, 2, 0)
    car.set_out(ways, 0, NS_PER_S // 4)

    again = car.set_out(ways, 2, NS_PER_S // 2)

    assert again.arrives_ns == 2 * NS_PER_S


def test_a_car_never_jumps() -> None:
    city = the_city(side=20)
    town = settled(city, 1, np.random.default_rng(1))
    ways, chance = city.ways[SIREN], np.random.default_rng(3)
    car = Car(row=0, base=int(town.bases[0]), node=int(town.bases[0]))
    fastest_e7 = 1e7 * (130 / 3.6) / 111_000  # 1e-7° in a second at 130 km/h; express ways are driven at 112
    seen = car.place(ways, 0)
    for second in range(1, 600):
        if second % 50 == 1:
            car.set_out(ways, int(chance.choice(town.places)), second * NS_PER_S)
        place = car.place(ways, second * NS_PER_S)
        east = (place.lon_e7 - seen.lon_e7) * math.cos(math.radians(28))
        assert math.hypot(place.lat_e7 - seen.lat_e7, east) <= fastest_e7
        seen = place
