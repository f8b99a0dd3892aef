# SPDX-License-Identifier: Apache-2.0
"""Fewer points, the same roads: no way gets longer or shorter, nothing that matters at a point is lost."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from core.roads.graph import RoadGraph
from gateway.roads.reach import times_from
from gateway.roads.straight import PIECE_M_MAX, straightened
from gateway.roads.survey import EVERYBODY_ON_LAND, KINDS, Survey, Turn, lengths_mm
from tests.unit.roads_import.maps import driven

METRE_E7 = 90.0
"A metre north in 1e-7°."


def road(points_m: list[tuple[float, float]], *, one_way: int = 0, ways: list[int] | None = None) -> Survey:
    """Return one road along points given in metres north and east."""
    lat_e7 = np.array([280_000_000 + north * METRE_E7 for north, _ in points_m]).astype(np.int32)
    lon_e7 = np.array([1_206_500_000 + east * 102 for _, east in points_m]).astype(np.int32)
    return survey(lat_e7, lon_e7, [(row, row + 1) for row in range(len(points_m) - 1)], one_way, ways)


def survey(
    lat_e7: np.ndarray,
    lon_e7: np.ndarray,
    ends: list[tuple[int, int]],
    one_way: int = 0,
    ways: list[int] | None = None,
) -> Survey:
    begin, end = (np.array(column, np.int32) for column in zip(*ends, strict=True))
    count = len(begin)
    return Survey(
        lat_e7=lat_e7,
        lon_e7=lon_e7,
        barred=np.zeros(len(lat_e7), np.int8),
        signal=np.zeros(len(lat_e7), np.int8),
        begin=begin,
        end=end,
        length_mm=lengths_mm(lat_e7, lon_e7, begin, end),
        kind=np.full(count, KINDS.index("residential"), np.int8),
        kmh=np.zeros(count),
        open_to=np.full(count, EVERYBODY_ON_LAND, np.int8),
        one_way=np.full(count, one_way, np.int8),
        way=np.array(ways or [0] * count, np.int32),
    )


def test_a_bend_within_the_tolerance_goes_and_one_beyond_it_stays() -> None:
    nearly = road([(0, 0), (2, 50), (0, 100), (30, 150), (0, 200)])

    found = straightened(nearly, 3.0)

    assert sorted(zip(found.begin.tolist(), found.end.tolist(), strict=True)) == [(0, 2), (2, 3), (3, 4)]
    assert found.length_mm.sum() == nearly.length_mm.sum()
    assert straightened(road([(0, 0), (5, 50), (0, 100)]), 4.5).pieces == 2
    assert straightened(road([(0, 0), (5, 50), (0, 100)]), 5.5).pieces == 1


def test_a_one_way_street_leads_the_same_way_however_it_was_listed() -> None:
    street = road([(0, 0), (0, 50), (0, 100), (0, 150)], one_way=1)
    listed_backward = replace(street, begin=street.begin[::-1].copy(), end=street.end[::-1].copy())

    found = straightened(listed_backward, 3.0)

    assert (found.begin.tolist(), found.end.tolist()) == ([0], [3])


def test_no_piece_becomes_longer_than_a_closure_may_shut() -> None:
    found = straightened(road([(0, 10.0 * step) for step in range(201)]), 3.0)

    assert found.pieces < 20
    assert found.length_mm.max() <= PIECE_M_MAX * 1000
    assert found.length_mm.sum() == pytest.approx(2_000_000, rel=0.01)


@pytest.mark.parametrize("why", ["signal", "barred", "kind", "kmh", "one_way", "via", "junction"])
def test_a_point_that_matters_stays(why: str) -> None:
    straight = road([(0, 0), (0, 50), (0, 100)])
    if why in ("signal", "barred"):
        getattr(straight, why)[1] = 1
    elif why in ("kind", "kmh", "one_way"):
        getattr(straight, why)[1] = 1
    elif why == "via":
        straight = replace(straight, turns=(Turn(False, 0, 1, 0, True, 0),))
    else:
        lat_e7, lon_e7 = (
            np.append(straight.lat_e7, np.int32(280_009_000)),
            np.append(straight.lon_e7, straight.lon_e7[1]),
        )
        straight = survey(lat_e7, lon_e7, [(0, 1), (1, 2), (1, 3)])

    assert straightened(straight, 3.0).pieces == straight.pieces


def test_a_road_a_restriction_speaks_of_is_not_joined_to_another() -> None:
    bound = replace(
        road([(0, 0), (0, 50), (0, 100), (0, 150)], ways=[0, 1, 1]), turns=(Turn(False, 1, 3, 2, False, 0),)
    )

    found = straightened(bound, 3.0)

    assert sorted(zip(found.begin.tolist(), found.end.tolist(), found.way.tolist(), strict=True)) == [
        (0, 1, 0),
        (1, 3, 1),
    ]


def test_a_ring_stays_a_ring() -> None:
    lat_e7 = np.array([280_000_000, 280_000_000, 280_000_100, 280_000_100], np.int32)
    lon_e7 = np.array([1_206_500_000, 1_206_510_000, 1_206_510_100, 1_206_510_000], np.int32)

    found = straightened(survey(lat_e7, lon_e7, [(0, 1), (1, 2), (2, 3), (3, 1)]), 3.0)

    assert (found.begin != found.end).all()
    assert found.length_mm.sum() == survey(lat_e7, lon_e7, [(0, 1), (1, 2), (2, 3), (3, 1)]).length_mm.sum()


@pytest.mark.parametrize("seed", range(4))
def test_every_way_takes_as_long_as_before(seed: int) -> None:
    town = _town(seed)
    profile = "car" if seed % 2 else "car_siren"
    before, after = (driven(roads, profile).graph for roads in (town, straightened(town, 8.0)))
    rows = {
        place: row
        for row, place in enumerate(zip(before.lat_e7.tolist(), before.lon_e7.tolist(), strict=True))
    }
    common = [rows[place] for place in zip(after.lat_e7.tolist(), after.lon_e7.tolist(), strict=True)]

    assert after.nodes < before.nodes * 0.7
    for start in range(0, after.nodes, max(1, after.nodes // 5)):
        told, truth = times_from(after, start), times_from(before, common[start])[common]
        reached = truth < 1 << 30
        assert ((told < 1 << 30) == reached).all()
        assert np.abs(told[reached] - truth[reached]).max() <= 60, (
            "a millisecond for each piece, from rounding"
        )
    assert _lanes_km(before) == pytest.approx(_lanes_km(after))


def _town(seed: int) -> Survey:
    """Return a grid of streets that wind a little, some of them one-way, some told with times of their own."""
    rng = np.random.default_rng(seed)
    lats: list[int] = []
    lons: list[int] = []
    ends: list[tuple[int, int]] = []
    one_way: list[int] = []
    ways: list[int] = []
    for north in range(6):
        for east in range(6):
            lats.append(280_000_000 + north * 30_000)
            lons.append(1_206_500_000 + east * 30_000)
    for one in range(36):
        for other in (one + 1, one + 6):
            if other >= 36 or (other == one + 1 and other % 6 == 0):
                continue
            points = [one]
            for step in range(1, 6):
                points.append(len(lats))
                lats.append(int(lats[one] + (lats[other] - lats[one]) * step / 6 + rng.normal(0, 300)))
                lons.append(int(lons[one] + (lons[other] - lons[one]) * step / 6 + rng.normal(0, 300)))
            points.append(other)
            pieces = list(pairwise(points))
            if rng.random() < 0.3:
                pieces = [(end, begin) for begin, end in reversed(pieces)]
            direction = int(rng.random() < 0.2)
            for begin, end in pieces:
                flipped = not direction and rng.random() < 0.3
                ends.append((end, begin) if flipped else (begin, end))
                one_way.append(direction)
                ways.append(len(ways))
    town = survey(np.array(lats, np.int32), np.array(lons, np.int32), ends, ways=ways)
    town = replace(town, one_way=np.array(one_way, np.int8))
    if seed == 3:
        there = rng.integers(2_000, 9_000, town.pieces).astype(np.int32)
        back = np.where(town.one_way > 0, 0, there + 500).astype(np.int32)
        town = replace(town, told_ms={"car": np.stack((there, back))})
    return town


def _lanes_km(graph: RoadGraph) -> float:
    return float(graph.length_mm.sum(dtype=np.int64)) / 1e6
