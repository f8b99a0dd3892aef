# SPDX-License-Identifier: Apache-2.0
"""Who goes to whom, together: the least total cost over all who wait and all who are free, kept as they change.

Calls and units are small numbers of the caller's own. Costs are whole (ms, times a weight) and not negative. A call
names its candidates; leaving it waiting has a cost, too, and is what happens when every candidate costs more.
"""

from collections.abc import Sequence

import numpy as np

from core.kernels import assignment
from core.kernels.assignment import CALL, COST, COST_MAX, COUNT, FIRST, GONE, I64, NOBODY, TAKEN, UNIT, VIA


class Assignment:
    """The best assignment of units to calls, kept best by small steps.

    A step (one more call, a unit gone) costs one search among the candidates it touches. New calls have their place
    after the next `solve`; whatever else happens is settled at once.
    """

    def __init__(self, calls: int, units: int, candidates: int = 32) -> None:
        """`calls` and `units` are how many numbers there are; `candidates` what a call lists, it grows as needed.

        All units are free, and stand in nobody's list until a call names them.
        """
        self._calls, self._units, self._edges, self._heap, self._chains = assignment.empty(
            calls, units, max(1, candidates)
        )
        self._chained = False
        self._new: list[int] = []

    def add_call(self, call: int, units: Sequence[int], costs: Sequence[int], wait: int) -> None:
        """Add a call that could have these units, each named once, or be left waiting at the cost `wait`."""
        self.add_calls(
            np.array((call,), np.int64),
            np.array((units,), np.int64).reshape(1, -1),
            np.array((costs,), np.int64).reshape(1, -1),
            np.array((wait,), np.int64),
        )

    def add_calls(self, calls: I64, units: I64, costs: I64, waits: I64) -> None:
        """Add many: `units` and `costs` have one line a call, `units` -1 after its last candidate.

        They find their places in this order, and among equally good ones the first in the list.
        """
        assert units.shape == costs.shape, "a candidate has a cost"
        if units.shape[1] > self._edges.shape[1]:
            self._widen(units.shape[1])
        put = assignment.put(self._calls, self._edges, calls, units, costs, waits)
        assert put != NOBODY, "a call is added once, at costs within bounds"
        if self._chained:
            assignment.chain(self._calls, self._units, self._edges, self._chains, calls)
        self._new += calls.tolist()

    def remove_call(self, call: int) -> None:
        """Take a call out; its unit goes to whoever gains most by it."""
        assert self._calls[call, TAKEN] != GONE, "there is no such call"
        self._chain()
        assignment.leave(self._calls, self._units, self._edges, self._heap, self._chains, call)

    def add_unit(self, unit: int, calls: Sequence[int], costs: Sequence[int]) -> None:
        """Give a unit that was removed (or that nobody lists yet) to the lists of these calls."""
        self._chain()
        assert self._units[unit, FIRST] == NOBODY, "a unit is added once"
        rows, priced = np.array(calls, np.int64), np.array(costs, np.int64)
        assert rows.shape == priced.shape, "a candidate has a cost"
        assert (self._calls[rows, TAKEN] != GONE).all(), "there is no such call"
        assert all(0 <= cost < COST_MAX for cost in costs), "no such cost"
        if int(self._calls[rows, COUNT].max(initial=0)) == self._edges.shape[1]:
            self._widen(2 * self._edges.shape[1])
        assignment.come(self._calls, self._units, self._edges, self._heap, self._chains, unit, rows, priced)

    def remove_unit(self, unit: int) -> None:
        """Take a unit out of all lists; whoever had it gets the next best place."""
        self._chain()
        assignment.go(self._calls, self._units, self._edges, self._heap, self._chains, unit)

    def solve(self) -> I64:
        """Seat the new calls; return (call, unit before, unit now) of each that differs since the last time, by call.

        -1 is no unit.
        """
        if self._new:
            rows = np.array(self._new, np.int64)
            self._new.clear()
            assignment.seat(self._calls, self._units, self._edges, self._heap, rows)
        told = np.empty((self._calls.shape[0], 3), np.int64)
        return told[: assignment.changed(self._calls, self._edges, told)]

    def unit_of(self, call: int) -> int | None:
        """Return the unit a call has; None when it waits, is not settled yet or is not there."""
        place = int(self._calls[call, TAKEN])
        return int(self._edges[call, place, UNIT]) if place >= 0 else None

    def call_of(self, unit: int) -> int | None:
        """Return the call that has a unit; None when it is free or gone."""
        return _number(int(self._units[unit, CALL]))

    def total(self) -> int:
        """Return the cost of it all, those who wait included, once all are settled."""
        places = self._calls[:, TAKEN]
        rows = np.flatnonzero(places >= 0)
        waiting = self._calls[places == assignment.WAITS, assignment.WAIT]
        return int(self._edges[rows, places[rows], COST].sum() + waiting.sum())

    def _chain(self) -> None:
        """Chain the edges of each unit, from the first step after the first solution on."""
        if not self._chained:
            self._chained = True
            here = np.flatnonzero(self._calls[:, TAKEN] != GONE)
            assignment.chain(self._calls, self._units, self._edges, self._chains, here)

    def _widen(self, width: int) -> None:
        """Make room for longer lists. Edges are numbered by call and place, so all get new numbers."""
        before, calls = self._edges.shape[1], self._calls.shape[0]
        _, _, edges, heap, chains = assignment.empty(calls, 0, width)
        heap[0] = self._heap[0]
        edges[:, :before], chains[:, :before] = self._edges, self._chains
        for numbers in (chains[:, :before], self._units[:, FIRST], self._units[:, VIA]):
            numbers[:] = np.where(numbers >= 0, numbers // before * width + numbers % before, numbers)
        self._edges, self._heap, self._chains = edges, heap, chains


def _number(number: int) -> int | None:
    return number if number >= 0 else None
