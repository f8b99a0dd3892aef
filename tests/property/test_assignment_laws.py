# SPDX-License-Identifier: Apache-2.0
"""The assignment is the cheapest there is, after any history, and kernel and twin agree on it."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dispatch.assignment import Assignment
from core.kernels import assignment, twins, warm
from core.kernels.assignment import NOBODY

warm()

CALLS, UNITS = 6, 6
Problem = tuple[dict[int, dict[int, int]], dict[int, int]]
"({call: {unit: cost}}, {call: cost of waiting})"

COSTS = st.one_of(
    st.integers(0, 6), st.integers(0, 10**6)
)  # small ones: ties are where an order could matter
VERBS = (
    "add_call",
    "add_call",
    "add_call",
    "remove_call",
    "add_unit",
    "add_unit",
    "remove_unit",
    "solve",
    "solve",
)
Step = tuple[str, int, list[int], list[int], int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.integers(0, CALLS - 1),
        st.lists(st.integers(0, CALLS - 1), unique=True, max_size=UNITS),
        st.lists(COSTS, min_size=UNITS, max_size=UNITS),
        COSTS,
    ),
    max_size=20,
)


def crowded(seed: int) -> list[Step]:
    """Return a long history in which most calls list most units, and waiting is dear."""
    random = np.random.default_rng(seed)
    highest = int(random.choice([9, 40, 1000]))
    return [
        (
            str(random.choice(VERBS)),
            int(random.integers(0, CALLS)),
            random.permutation(CALLS)[: random.integers(1, CALLS + 1)].tolist(),
            random.integers(0, highest, UNITS).tolist(),
            int(random.integers(highest // 2, 3 * highest)),
        )
        for _ in range(60)
    ]


CROWDED = st.one_of(STEPS, *(st.integers(0, 2**32).map(crowded) for _ in range(3)))


class History:
    """An assignment, and the problem it is the answer to."""

    def __init__(self) -> None:
        self.ours = Assignment(CALLS, UNITS, candidates=2)
        self.lists: dict[int, dict[int, int]] = {}
        self.waits: dict[int, int] = {}
        self.here = set(range(UNITS))
        self.seen: dict[int, int] = {}

    def take(self, kind: str, one: int, others: list[int], costs: list[int], wait: int) -> None:
        if kind == "add_call" and one not in self.lists:
            self.lists[one] = {unit: costs[unit] for unit in others if unit in self.here}
            self.waits[one] = wait
            self.ours.add_call(one, [*self.lists[one]], [*self.lists[one].values()], wait)
        elif kind == "remove_call" and one in self.lists:
            del self.lists[one], self.waits[one]
            self.ours.remove_call(one)
        elif kind == "add_unit" and one not in self.here:
            self.here.add(one)
            calls = [call for call in others if call in self.lists]
            for call in calls:
                self.lists[call][one] = costs[call]
            self.ours.add_unit(one, calls, [costs[call] for call in calls])
        elif kind == "remove_unit" and one in self.here:
            self.here.remove(one)
            for candidates in self.lists.values():
                candidates.pop(one, None)
            self.ours.remove_unit(one)
        elif kind == "solve":
            self.solve()

    def solve(self) -> None:
        for call, before, now in self.ours.solve().tolist():
            assert self.seen.pop(call, NOBODY) == before != now, "what it was is what was told last"
            if now != NOBODY:
                self.seen[call] = now


def cheapest(lists: dict[int, dict[int, int]], waits: dict[int, int]) -> int:
    """The truth: try everything."""
    calls = sorted(lists)

    @cache
    def rest(turn: int, taken: int) -> int:
        if turn == len(calls):
            return 0
        call = calls[turn]
        return min(
            waits[call] + rest(turn + 1, taken),
            *(
                cost + rest(turn + 1, taken | 1 << unit)
                for unit, cost in lists[call].items()
                if not taken >> unit & 1
            ),
            1 << 60,
        )

    return rest(0, 0)


def greedy(lists: dict[int, dict[int, int]], waits: dict[int, int]) -> int:
    """One after the other, each the cheapest that is left."""
    taken: set[int] = set()
    total = 0
    for call, candidates in lists.items():
        left = [(cost, unit) for unit, cost in candidates.items() if unit not in taken and cost < waits[call]]
        if left:
            taken.add(min(left)[1])
        total += min(left)[0] if left else waits[call]
    return total


@given(CROWDED)
def test_after_any_history_the_total_is_the_least_there_is_and_never_above_greedy(steps: list[Step]) -> None:
    history = History()
    for step in steps:
        history.take(*step)

    history.solve()

    total = history.ours.total()
    assert total == cheapest(history.lists, history.waits)
    assert total <= greedy(history.lists, history.waits)
    fresh = Assignment(CALLS, UNITS)
    for call, candidates in history.lists.items():
        fresh.add_call(call, [*candidates], [*candidates.values()], history.waits[call])
    fresh.solve()
    assert fresh.total() == total


@given(CROWDED)
def test_what_it_tells_is_what_is_so(steps: list[Step]) -> None:
    history = History()
    for step in steps:
        history.take(*step)

    history.solve()

    ours = history.ours
    assert history.seen == {
        call: ours.unit_of(call) for call in history.lists if ours.unit_of(call) is not None
    }
    for call, unit in history.seen.items():
        assert unit in history.lists[call]
        assert ours.call_of(unit) == call
    assert len(set(history.seen.values())) == len(history.seen), "a unit goes to one call"
    assert not ours.solve().size, "and nothing has changed since"


@given(CROWDED)
def test_kernels_and_their_twins_leave_the_same_tables(steps: list[Step]) -> None:
    tables: list[bytes] = []
    plain = twins()
    for names in (
        {},
        {name: plain[f"assignment.{name}"] for name in ("put", "seat", "chain", "leave", "come", "go")},
    ):
        with pytest.MonkeyPatch.context() as patch:
            for name, twin in names.items():
                patch.setattr(assignment, name, twin)
            history = History()
            for step in steps:
                history.take(*step)
            history.solve()
        ours = history.ours
        tables.append(ours._calls.tobytes() + ours._units.tobytes())

    assert tables[0] == tables[1]


def test_a_call_waits_when_waiting_costs_less_than_any_unit() -> None:
    ours = Assignment(1, 1)
    ours.add_call(0, [0], [100], 99)

    assert not ours.solve().size

    assert (ours.unit_of(0), ours.total()) == (None, 99)


def test_whoever_gains_most_gets_the_unit_that_came_free_and_others_move_up() -> None:
    ours = Assignment(3, 3)
    ours.add_call(0, [0], [10], 1000)
    ours.add_call(1, [0, 1], [20, 50], 1000)
    ours.add_call(2, [1], [30], 1000)
    ours.solve()
    assert [ours.unit_of(call) for call in range(3)] == [0, None, 1]

    ours.remove_call(0)

    assert ours.solve().tolist() == [[0, 0, -1], [1, -1, 0]]
    assert ours.total() == 50


@pytest.mark.parametrize("cost", [-1, 1 << 50])
def test_a_cost_out_of_bounds_is_our_fault(cost: int) -> None:
    with pytest.raises(AssertionError, match="within bounds"):
        Assignment(1, 1).add_call(0, [0], [cost], 1)
    with pytest.raises(AssertionError, match="within bounds"):
        Assignment(1, 1).add_call(0, [0], [1], cost)


def test_large_problems_of_a_seed_cost_what_a_lists_own_greedy_cannot_beat() -> None:
    random = np.random.default_rng(110)
    units = np.argsort(random.random((60, 80)), axis=1)[:, :12].astype(np.int64)
    costs = random.integers(0, 10**9, (60, 12))
    waits = np.full(60, 10**9, np.int64)

    ours = Assignment(60, 80, 12)
    ours.add_calls(np.arange(60), units, costs, waits)
    ours.solve()

    lists = {call: dict(zip(units[call].tolist(), costs[call].tolist(), strict=True)) for call in range(60)}
    assert ours.total() <= greedy(lists, dict.fromkeys(lists, 10**9))
