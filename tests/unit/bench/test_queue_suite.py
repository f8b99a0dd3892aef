# SPDX-License-Identifier: Apache-2.0
"""The suite `queue`: everybody is told the same, and whoever pops somebody else is found out."""

import dataclasses

import pytest

from bench.compare.queue.history import POP, history
from bench.compare.queue.queues import IN_BATCHES, ONE_BY_ONE, Contender

WORK = history(40, 600, seed=7)


def test_the_same_seed_gives_the_same_history() -> None:
    assert history(40, 600, seed=7) == WORK
    assert history(40, 600, seed=8) != WORK
    assert 100 < sum(one.verb == POP for one in WORK.operations) < 260


@pytest.mark.parametrize("contender", [*ONE_BY_ONE, IN_BATCHES[0]])
def test_everybody_pops_the_same(contender: Contender) -> None:
    assert contender.run(WORK)[1] == WORK.popped


@pytest.mark.parametrize("contender", [ONE_BY_ONE[0], IN_BATCHES[0]])
def test_a_slot_of_somebody_else_is_noticed(contender: Contender) -> None:
    place = next(i for i, one in enumerate(WORK.operations) if one.verb == POP)
    operations = list(WORK.operations)
    operations[place] = dataclasses.replace(operations[place], slot=operations[place].slot + 1)

    popped = contender.run(dataclasses.replace(WORK, operations=operations))[1]

    assert popped[0] is None
