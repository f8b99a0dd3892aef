# SPDX-License-Identifier: Apache-2.0
"""Metres on the ellipsoid, beside Vincenty's geodesic (Survey Review 23, 1975; good to 0.5 mm)."""

import math
import random

import pytest

from core.geodesy import A_M, E2, distance_m, meridian_radius_m, radii_near

WENZHOU = (28.0, 120.7)


def vincenty_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    f = 1 - math.sqrt(1 - E2)
    b = A_M * (1 - f)
    u1, u2 = (math.atan((1 - f) * math.tan(math.radians(lat))) for lat in (lat1, lat2))
    su1, cu1, su2, cu2 = math.sin(u1), math.cos(u1), math.sin(u2), math.cos(u2)
    lam = total = math.radians(lon2 - lon1)
    for _ in range(50):
        sl, cl = math.sin(lam), math.cos(lam)
        ss = math.hypot(cu2 * sl, cu1 * su2 - su1 * cu2 * cl)
        if ss == 0:
            return 0.0
        cs = su1 * su2 + cu1 * cu2 * cl
        sigma = math.atan2(ss, cs)
        sa = cu1 * cu2 * sl / ss
        ca2 = 1 - sa * sa
        cm = cs - 2 * su1 * su2 / ca2
        c = f / 16 * ca2 * (4 + f * (4 - 3 * ca2))
        lam = total + (1 - c) * f * sa * (sigma + c * ss * (cm + c * cs * (2 * cm * cm - 1)))
    k = ca2 * (A_M**2 - b**2) / b**2
    big_a = 1 + k / 16384 * (4096 + k * (-768 + k * (320 - 175 * k)))
    big_b = k / 1024 * (256 + k * (-128 + k * (74 - 47 * k)))
    inner = cs * (2 * cm * cm - 1) - big_b / 6 * cm * (4 * ss * ss - 3) * (4 * cm * cm - 3)
    return b * big_a * (sigma - big_b * ss * (cm + big_b / 4 * inner))


@pytest.mark.parametrize(("reach_m", "error_m"), [(50_000, 0.07), (100_000, 0.6)])
def test_distance_is_that_of_the_geodesic_where_we_serve(reach_m: float, error_m: float) -> None:
    city = random.Random(110)
    far = 0.0
    for _ in range(3000):
        lat, lon = city.uniform(27.0, 28.6), city.uniform(119.5, 121.5)
        there = lat + city.uniform(-0.9, 0.9), lon + city.uniform(-1.0, 1.0)
        truth = vincenty_m(lat, lon, *there)
        if truth <= reach_m:
            far = max(far, truth)
            assert abs(distance_m(lat, lon, *there) - truth) <= error_m
    assert far > 0.98 * reach_m


def test_a_degree_has_its_known_length() -> None:
    assert distance_m(0, 0, 0, 1) == pytest.approx(111_319.491, abs=0.001)
    assert distance_m(44.5, 7, 45.5, 7) == pytest.approx(111_131.778, abs=0.1)
    assert meridian_radius_m(math.pi / 2) == pytest.approx(6_399_593.626, abs=0.001)


def test_distance_goes_the_short_way_over_the_date_line() -> None:
    across = distance_m(-17.0, 179.9, -17.0, -179.9)

    assert across == pytest.approx(distance_m(-17.0, 10.0, -17.0, 10.2))
    assert across == distance_m(-17.0, -179.9, -17.0, 179.9)


def test_distance_to_oneself_is_zero_and_both_ways_are_the_same() -> None:
    assert distance_m(*WENZHOU, *WENZHOU) == 0
    assert distance_m(*WENZHOU, 28.2, 121.0) == distance_m(28.2, 121.0, *WENZHOU)


def test_the_series_starts_at_the_radii_themselves() -> None:
    m0, m1, _, c0, c1, _ = radii_near(28.0)
    step = 1e-6

    assert m0 == pytest.approx(meridian_radius_m(math.radians(28.0)))
    assert m1 == pytest.approx((radii_near(28.0 + math.degrees(step))[0] - m0) / step, rel=1e-3)
    assert c1 == pytest.approx((radii_near(28.0 + math.degrees(step))[3] - c0) / step, rel=1e-3)
