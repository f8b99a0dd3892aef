# SPDX-License-Identifier: Apache-2.0
"""Scenes of the ground: counties side by side, zones within zones, holes and borders."""

import numpy as np

from core.kernels import warm
from core.zones.ground import Ground
from core.zones.zone import Ring, Zone, area

warm()


def square(south: int, west: int, side: int) -> Ring:
    """Return a square of so many 1e-5°."""
    corners = [(south, west), (south, west + side), (south + side, west + side), (south + side, west)]
    return (np.array(corners, "<i4") * 100).tobytes()


def county(code: str, *rings: Ring, precedence: int = 0) -> Zone:
    return Zone(name=code, kind="county", county=code, polygons=(rings,), precedence=precedence)


def special(name: str, *rings: Ring, precedence: int = 100, code: str = "") -> Zone:
    return Zone(name=name, kind="airport", county=code, polygons=(rings,), precedence=precedence)


def at(ground: Ground, south: float, west: float) -> tuple[str, str]:
    found = ground.find(south / 1e5, west / 1e5)
    return (found.special.name if found.special else "", found.county)


def test_without_a_map_nobody_says_whose_the_ground_is() -> None:
    assert at(Ground(), 5, 5) == ("", "")


def test_a_place_is_in_its_county_and_beyond_the_map_in_none() -> None:
    ground = Ground((county("330302", square(0, 0, 10)), county("330303", square(0, 10, 10))))

    assert [at(ground, 5, west) for west in (-1, 5, 15, 21)] == [
        ("", ""),
        ("", "330302"),
        ("", "330303"),
        ("", ""),
    ]


def test_a_border_belongs_to_the_county_east_and_north_of_it() -> None:
    ground = Ground(
        (
            county("330302", square(0, 0, 10)),
            county("330303", square(0, 10, 10)),
            county("330304", square(10, 0, 10)),
        )
    )

    assert at(ground, 5, 10) == ("", "330303")
    assert at(ground, 10, 5) == ("", "330304")
    assert at(ground, 10, 10) == ("", "")
    assert at(ground, 0, 0) == ("", "330302")


def test_a_hole_is_not_ground_and_what_lies_in_it_is() -> None:
    ground = Ground(
        (county("330302", square(0, 0, 30), square(10, 10, 10)), county("330303", square(10, 10, 10)))
    )

    assert (at(ground, 5, 5), at(ground, 15, 15)) == (("", "330302"), ("", "330303"))


def test_of_nested_zones_the_smallest_counts_and_precedence_before_size() -> None:
    airport, apron = special("airport", square(0, 0, 30)), special("apron", square(10, 10, 10))
    home = county("330302", square(0, 0, 100))
    first = special("first", square(0, 0, 60), precedence=101)

    assert at(Ground((airport, apron, home)), 15, 15) == ("apron", "330302")
    assert at(Ground((apron, airport, home)), 5, 5) == ("airport", "330302")
    assert at(Ground((home, apron, airport, first)), 15, 15) == ("first", "330302")


def test_a_county_of_higher_precedence_than_a_zone_has_none() -> None:
    ground = Ground((special("old", square(0, 0, 10)), county("330302", square(0, 0, 20), precedence=200)))

    assert at(ground, 5, 5) == ("", "330302")


def test_a_special_zone_may_say_whose_county_it_is() -> None:
    ground = Ground((special("airport", square(0, 0, 20), code="330303"), county("330302", square(0, 0, 10))))

    assert (at(ground, 5, 5), at(ground, 15, 15)) == (("airport", "330303"), ("airport", "330303"))
    assert ground.named("airport") is ground.zones[0]
    assert ground.named("") is None


def test_parts_that_overlap_are_no_hole() -> None:
    parts = ((square(0, 0, 20),), (square(5, 5, 20),))
    ground = Ground((Zone(name="x", kind="county", county="330302", polygons=parts),))

    assert at(ground, 10, 10) == ("", "330302")


def test_an_area_is_what_is_left_without_the_holes() -> None:
    assert area(county("330302", square(0, 0, 30), square(10, 10, 10))) == 2 * (900 - 100) * 100**2


def test_a_flat_zone_holds_nothing() -> None:
    flat = np.array([(0, 0), (0, 500), (0, 900)], "<i4").tobytes()

    assert at(Ground((county("330302", flat),)), 0, 0.000_05) == ("", "")
