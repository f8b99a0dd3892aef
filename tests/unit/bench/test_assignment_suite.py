# SPDX-License-Identifier: Apache-2.0
"""The suite `assignment`: everybody is given the same problem, and nobody's wrong answer is a figure."""

from dataclasses import replace

import pytest

from bench.compare.assignment import suite
from bench.compare.assignment.problems import CANDIDATES, problem
from bench.compare.assignment.solvers import CONTENDERS, Contender, too_large
from bench.compare.result import OURS
from bench.compare.suite import Asked, CompareError


def test_a_problem_is_the_same_for_everybody_and_every_time() -> None:
    first, second = problem(10, 100, 2), problem(10, 100, 2)

    assert (first.units == second.units).all()
    assert (first.costs == second.costs).all()
    assert first.units.shape == first.costs.shape == (10, CANDIDATES)


@pytest.mark.parametrize("contender", CONTENDERS[1:], ids=lambda contender: contender.name)
@pytest.mark.parametrize("size", [(1, 1), (10, 100), (40, 12)])
def test_every_neighbour_comes_to_our_total(contender: Contender, size: tuple[int, int]) -> None:
    if contender.missing:
        pytest.skip(contender.missing)
    one = problem(*size, seed=3)

    assert contender.lay_out(one)() == CONTENDERS[0].lay_out(one)()


def test_a_total_that_is_not_ours_is_told_and_not_counted() -> None:
    sample = suite._sample(lambda: 7, 8)

    assert (sample.checked, sample.wrong) == (False, "its total is 7, not 8")


def test_one_call_more_comes_to_the_total_of_the_whole_again_and_again() -> None:
    whole = problem(30, 40, 5)
    step = suite._one_more(whole)

    assert [step() for _ in range(3)] == [CONTENDERS[0].lay_out(whole)()] * 3


def test_a_full_table_of_half_a_gigabyte_is_not_built() -> None:
    (table,) = [one for one in CONTENDERS if one.name == "scipy.linear_sum_assignment"]

    assert not too_large(table, problem(10, 100, 2))
    assert too_large(table, replace(problem(10, 100, 2), calls=3000, fleet=4000))


def test_a_stranger_is_told_by_name() -> None:
    with pytest.raises(CompareError, match="nobody is called kuhn"):
        suite.compare(Asked(only=frozenset({"kuhn"})))


def test_ours_is_one_of_them() -> None:
    assert CONTENDERS[0].name == OURS
    assert not CONTENDERS[0].missing
