# SPDX-License-Identifier: Apache-2.0
"""In or out is exact: the kernel says what fractions say, and neighbours share no place and leave none out."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernels import polygons, twins, warm
from core.zones.ground import Ground, banded, table
from core.zones.zone import Zone

warm()

SMALL = st.tuples(st.integers(-8, 8), st.integers(-8, 8))
LARGE = st.tuples(st.integers(-450_000_000, 450_000_000), st.integers(800_000_000, 1_699_000_000))
RINGS = st.one_of(
    st.lists(st.lists(SMALL, min_size=3, max_size=40), min_size=1, max_size=3),
    st.lists(st.lists(LARGE, min_size=3, max_size=40), min_size=1, max_size=2),
)


def inside(rings: list[list[tuple[int, int]]], lat: int, lon: int) -> bool:
    """The truth: a line eastwards crosses the border an odd number of times."""
    crossed = 0
    for ring in rings:
        for (lat1, lon1), (lat2, lon2) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if (lat1 > lat) != (lat2 > lat):
                crossed += lon1 + Fraction((lat - lat1) * (lon2 - lon1), lat2 - lat1) > lon
    return crossed % 2 == 1


def packed(rings: list[list[tuple[int, int]]]) -> tuple[bytes, ...]:
    return tuple(np.array(ring, "<i4").tobytes() for ring in rings)


@given(RINGS, st.lists(st.one_of(SMALL, LARGE), max_size=10))
@settings(deadline=None)
def test_a_place_is_inside_when_fractions_say_so(
    rings: list[list[tuple[int, int]]], places: list[tuple[int, int]]
) -> None:
    ground = Ground((Zone(name="x", kind="county", county="330302", polygons=(packed(rings),)),))

    for lat, lon in [*places, *rings[0]]:
        assert (ground.find(lat / 1e7, lon / 1e7).county == "330302") == inside(rings, lat, lon)


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=8), st.lists(SMALL, max_size=20))
@settings(deadline=None)
def test_on_a_border_that_two_share_a_place_is_in_one_of_them(
    border: list[int], places: list[tuple[int, int]]
) -> None:
    line = list(zip(range(-4, 12, 2), border, strict=False))
    last = line[-1][0]
    west = [(-4, -20), *line, (last, -20)]
    east = [(last, 20), *reversed(line), (-4, 20)]
    ground = [
        Ground((Zone(name="x", kind="county", county="330302", polygons=(packed([side]),)),))
        for side in (west, east)
    ]

    for lat, lon in [*places, *line, *[(lat + 1, lon) for lat, lon in line]]:
        held = sum(bool(one.find(lat / 1e7, lon / 1e7).county) for one in ground)
        assert held == (-4 <= lat < last)


@given(st.lists(RINGS, min_size=1, max_size=4), st.lists(st.one_of(SMALL, LARGE), min_size=1, max_size=10))
@settings(deadline=None, max_examples=40)
def test_the_polygon_kernel_and_its_twin_agree(
    shapes: list[list[list[tuple[int, int]]]], places: list[tuple[int, int]]
) -> None:
    pieces = [banded(packed(rings)) for rings in shapes]
    boxes = np.array([piece[0] for piece in pieces], np.int32)
    whole = (boxes, *table(pieces))
    slow: Any = twins()["polygons.find"]

    for lat, lon in places:
        assert polygons.find(*whole, lat, lon, 0, len(pieces)) == slow(*whole, lat, lon, 0, len(pieces))
