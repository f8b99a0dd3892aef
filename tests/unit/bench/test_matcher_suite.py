# SPDX-License-Identifier: Apache-2.0
"""The suite `matcher`: everybody finds the same units, and a wrong answer is told as one."""

import pytest

from bench.compare.matcher import districts
from bench.compare.matcher.finders import HERE, Finder
from bench.compare.matcher.world import Truth, World, world
from core.kernels import warm

warm()

TICKS = 3


@pytest.fixture(scope="module")
def city() -> World:
    return world(800, TICKS, seed=7)


@pytest.mark.parametrize("contender", HERE, ids=lambda one: one.name)
def test_everybody_finds_the_nearest_after_every_tick(contender: type[Finder], city: World) -> None:
    if contender.package:
        pytest.importorskip(contender.package.replace("scikit-learn", "sklearn"))
    finder, truth = contender(city), Truth(city)

    for number, tick in enumerate(city.ticks):
        finder.tick(number)
        truth.follow(tick)
        for at, query in enumerate(tick.queries[:3]):
            assert truth.wrong(query, finder.ask(number, at), finder.slack) == ""


def test_an_answer_that_leaves_a_unit_out_or_names_a_busy_one_is_wrong(city: World) -> None:
    finder, truth, query = HERE[0](city), Truth(city), city.ticks[0].queries[0]
    right = finder.ask(0, 0)
    busy = int((~city.free).argmax())

    assert truth.wrong(query, right, 0.0) == ""
    assert "it found" in truth.wrong(query, right[1:], 0.0)
    assert "cannot go" in truth.wrong(query, [busy, *right[1:]], 0.0)
    assert "cannot go" in truth.wrong(query, [right[0], *right[:-1]], 0.0)
    assert "left out" in truth.wrong(query, right[::-1], 0.0)


def test_districts_share_their_borders_and_leave_no_gap() -> None:
    rings = districts.districts(3)
    ours = districts.Ours(rings)

    found = [ours.number(ours.find(*place)) for place in districts.places(4)]

    assert set(found) == {-1, *range(districts.ROWS * districts.COLUMNS)}
    inside = [
        number
        for number, (lat, lon) in zip(found, districts.places(4), strict=True)
        if districts.SOUTH + 0.01 < lat < districts.SOUTH + districts.ROWS * districts.SIDE - 0.01
        and districts.WEST + 0.01 < lon < districts.WEST + districts.COLUMNS * districts.SIDE - 0.01
    ]
    assert -1 not in inside
