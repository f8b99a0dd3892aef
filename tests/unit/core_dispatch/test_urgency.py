# SPDX-License-Identifier: Apache-2.0
"""Curves of urgency: what they say, what they refuse, and how long somebody can be passed by."""

import msgspec
import pytest

from core.dispatch.urgency import Curve, check, counts_as_since, counts_ms, overtaking_ms, plain
from core.settings import Settings

STEP = Curve(points=((0, 0), (1800, 1800), (1800, 5400)))
HOUR_MS = 3_600_000


def settings_of(**urgency: object) -> Settings:
    levels = {name.removeprefix("of"): curve for name, curve in urgency.items()}
    return msgspec.convert({"urgency": levels}, Settings)


def test_a_head_start_is_added_to_the_waiting_also_before_the_time() -> None:
    assert [counts_ms(plain(900), waited) for waited in (-5_000, 0, 7)] == [895_000, 900_000, 900_007]


def test_between_two_points_urgency_rises_along_a_straight_line() -> None:
    slow = Curve(points=((0, 0), (600, 60)), then_percent=50)

    assert [counts_ms(slow, waited) for waited in (0, 9, 10, 300_000)] == [0, 0, 1, 30_000]
    assert [counts_ms(slow, waited) for waited in (600_000, 600_001, 600_002)] == [60_000, 60_000, 60_001]


def test_a_step_counts_from_its_moment_on() -> None:
    assert [counts_ms(STEP, waited) for waited in (1_799_999, 1_800_000)] == [1_799_999, 5_400_000]


def test_what_is_published_is_since_when_someone_counts_as_waiting_now() -> None:
    assert counts_as_since(plain(900), HOUR_MS, 2 * HOUR_MS) == HOUR_MS - 900_000
    assert counts_as_since(STEP, 0, 1_800_000) == 1_800_000 - 5_400_000


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[5, 0]], "the first point is of waiting 0 s, not of 5"),
        ([[0, 0], [60, 60], [30, 90]], "the point of 30 s stands behind that of 60 s"),
        ([[0, 0], [60, 60], [90, 50]], "urgency falls from 60 to 50 s at 90 s of waiting"),
        ([[0, 0], [60, 60], [60, 70], [60, 80]], "more than two points of 60 s"),
        ([], "length >= 1"),
        ([[0, 2_000_000]], "<= 1000000"),
    ],
)
def test_a_curve_that_is_none_is_refused_with_a_sentence(points: list[list[int]], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        settings_of(of3={"points": points})


def test_without_curves_the_head_starts_count() -> None:
    assert Settings().curves() == (plain(3600), plain(900), plain(300), plain(0))
    assert settings_of(of4={"points": [[0, 0], [1800, 1800], [1800, 5400]]}).curves()[3] == STEP


def test_a_level_that_could_wait_for_ever_is_refused() -> None:
    capped = {"points": [[0, 0], [600, 600]], "then_percent": 0}

    with pytest.raises(
        msgspec.ValidationError, match="level 4 could wait for ever behind later ones of level 1"
    ):
        settings_of(of4=capped)
    with pytest.raises(msgspec.ValidationError, match="of level 2, which are lesser"):
        settings_of(of1=capped)


def test_a_grave_level_may_be_declared_to_go_before_all() -> None:
    capped = {"points": [[0, 600]], "then_percent": 0}
    first = {"points": [[0, 3600]], "before_all": True}
    settings = settings_of(of1=first, of2=capped, of3=capped, of4=capped)

    assert overtaking_ms(settings.curves(), 2, by=1) is None
    assert overtaking_ms(settings.curves(), 3, by=2) == 0


def test_a_level_that_does_not_exist_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="there is no level '5'"):
        settings_of(of5={"points": [[0, 0]]})


def test_with_head_starts_nobody_is_passed_by_who_comes_later_than_their_difference() -> None:
    curves = Settings().curves()

    assert overtaking_ms(curves, 2, by=1) == (3600 - 900) * 1000
    assert overtaking_ms(curves, 4, by=3) == 300_000
    assert overtaking_ms(curves, 1, by=4) == 0
    assert overtaking_ms(curves, 2, by=2) == 0


def test_a_deadline_shortens_how_long_one_can_be_passed_by() -> None:
    assert overtaking_ms((plain(3600), STEP), 2, by=1) == 1_800_000
    assert overtaking_ms((plain(3600), plain(0)), 2, by=1) == HOUR_MS


def test_who_is_no_more_urgent_for_a_while_can_be_passed_by_for_so_long() -> None:
    rests = Curve(points=((0, 50), (600, 50)))

    assert overtaking_ms((plain(10), rests), 2, by=1) == 560_000
    assert overtaking_ms((plain(60), rests), 2, by=1) == 610_000


def test_equal_curves_starve_nobody() -> None:
    check([Curve(points=((0, 0), (60, 600)), then_percent=10)] * 8)
