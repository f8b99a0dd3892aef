# SPDX-License-Identifier: Apache-2.0
"""Counties and their streets."""

import itertools

import numpy as np
import pytest

from device_adapters.simulated.counties import BY_CODE, COUNTIES, County, shares
from device_adapters.simulated.streets import distance_m, offset, rail_line, sea_lanes, towns

CODES = "330302 330303 330304 330305 330324 330326 330327 330328 330329 330381 330382 330383".split()


def test_the_twelve_counties_are_wenzhou_s() -> None:
    assert [county.code for county in COUNTIES] == CODES
    assert len({county.letters for county in COUNTIES}) == 12
    assert sum(shares(COUNTIES)) == pytest.approx(1.0)
    assert all(26.9 < county.centre[0] < 28.8 and 119.3 < county.centre[1] < 121.9 for county in COUNTIES)


@pytest.mark.parametrize("county", COUNTIES, ids=lambda county: county.name_en)
def test_every_corner_can_be_driven_to(county: County) -> None:
    net = towns(county, np.random.default_rng(1))
    reached, frontier = {0}, [0]
    while frontier:
        here = frontier.pop()
        near = {int(row) for row in net.to[net.start[here] : net.start[here + 1]]} - reached
        reached |= near
        frontier += near

    assert len(reached) == len(net.lat)
    assert bool((net.seconds > 0).all())


def test_the_same_seed_lays_the_same_streets() -> None:
    one = towns(BY_CODE["330302"], np.random.default_rng(7))
    other = towns(BY_CODE["330302"], np.random.default_rng(7))

    assert np.array_equal(one.lat, other.lat)
    assert np.array_equal(one.to, other.to)


def test_a_drive_starts_here_ends_there_and_takes_a_sane_time() -> None:
    net = towns(BY_CODE["330302"], np.random.default_rng(2))
    here, there = (28.005, 120.655), (28.018, 120.668)

    way = net.drive(here, there)

    assert (way.fix(0).lat, way.fix(0).lon) == pytest.approx(here)
    assert way.end == pytest.approx(there)
    assert distance_m(here, there) / (50 / 3.6) < way.seconds < 4 * distance_m(here, there) / (30 / 3.6)
    assert bool((np.diff(way.at_s) > 0).all())


def test_a_driver_moves_no_faster_than_the_street_allows() -> None:
    net = towns(BY_CODE["330302"], np.random.default_rng(3))
    way, _ = net.stroll(np.random.default_rng(4), 0, 60)
    fixes = [way.fix(t) for t in np.arange(0, way.seconds, 1.0)]

    steps = [distance_m((a.lat, a.lon), (b.lat, b.lon)) for a, b in itertools.pairwise(fixes)]

    assert max(steps) <= 50 / 3.6 + 0.2
    assert all(0 <= fix.course < 360 for fix in fixes)


def test_at_the_end_the_driver_stands() -> None:
    net = towns(BY_CODE["330302"], np.random.default_rng(3))
    way, corner = net.stroll(np.random.default_rng(4), 5, 3)

    assert way.fix(way.seconds + 100).speed_ms == 0
    assert way.end == (net.lat[corner], net.lon[corner])


def test_the_quickest_way_is_as_quick_as_the_slow_truth() -> None:
    net = towns(BY_CODE["330302"], np.random.default_rng(5))
    n = len(net.lat)
    best = np.full(n, np.inf)
    best[0] = 0.0
    for _ in range(n):
        for a in range(n):
            for row in range(int(net.start[a]), int(net.start[a + 1])):
                best[net.to[row]] = min(best[net.to[row]], best[a] + net.seconds[row])

    way = net.quickest(0, n - 1)

    spent = sum(net.street_s(a, b) for a, b in itertools.pairwise(way))
    assert spent == pytest.approx(best[n - 1])


def test_boats_and_trains_have_ways_of_their_own() -> None:
    dongtou, ouhai = BY_CODE["330305"], BY_CODE["330304"]
    rng = np.random.default_rng(6)

    sea, rail = sea_lanes(dongtou, rng), rail_line(ouhai, rng)

    assert min(distance_m(dongtou.centre, (a, b)) for a, b in zip(sea.lat, sea.lon, strict=True)) > 8_000
    assert rail.stroll(rng, 0, 20)[0].seconds > 0


def test_an_offset_is_as_far_as_it_says() -> None:
    assert distance_m((28.0, 120.6), offset((28.0, 120.6), 300, 400)) == pytest.approx(500, rel=1e-3)
