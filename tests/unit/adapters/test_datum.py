# SPDX-License-Identifier: Apache-2.0
"""Anchors from eviltransform's and coordtransform's own tests; the inverse is exact to a millimetre."""

import math
import random

import pytest

from device_adapters import datum

ANCHORS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.915, 116.404), (39.91640428150164, 116.41024449916938)),
]


def apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot((a[0] - b[0]) * 111_320, (a[1] - b[1]) * 111_320 * math.cos(math.radians(a[0])))


@pytest.mark.parametrize(("wgs84", "gcj02"), ANCHORS)
def test_the_shift_is_the_one_the_map_vendors_use(
    wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    assert apart_m(datum.gcj02_from_wgs84(*wgs84), gcj02) < 1e-3


@pytest.mark.parametrize(("wgs84", "gcj02"), ANCHORS)
def test_the_inverse_leads_back(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert apart_m(datum.wgs84_from_gcj02(*gcj02), wgs84) < 1e-3


def test_both_inverses_are_exact_to_a_millimetre_anywhere_in_china() -> None:
    chance = random.Random(110)
    for _ in range(500):
        true = chance.uniform(18.0, 53.0), chance.uniform(74.0, 134.0)

        assert apart_m(datum.wgs84_from_gcj02(*datum.gcj02_from_wgs84(*true)), true) < 1e-3
        assert apart_m(datum.wgs84_from_bd09(*datum.bd09_from_wgs84(*true)), true) < 1e-3


def test_wenzhou_is_541_metres_off() -> None:
    assert apart_m(datum.gcj02_from_wgs84(28.0, 120.7), (28.0, 120.7)) == pytest.approx(541, abs=1)


@pytest.mark.parametrize("shift", [datum.wgs84_from_gcj02, datum.wgs84_from_bd09, datum.gcj02_from_wgs84])
def test_outside_china_nothing_moves(shift: object) -> None:
    assert callable(shift)
    assert shift(51.5, -0.12) == (51.5, -0.12)
