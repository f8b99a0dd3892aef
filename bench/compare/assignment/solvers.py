# SPDX-License-Identifier: Apache-2.0
"""The contenders, each as its users would write it. All know the same candidates and may leave a call waiting.

What can be laid out beforehand is: scipy's matrices stand ready, and are not timed. OR-tools is given its arcs in
arrays, which is its fast way, within the time: its solver holds one problem and is made anew for each.
"""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.compare.assignment.problems import Problem
from bench.compare.result import OURS
from core.dispatch.assignment import Assignment

NEVER = 1 << 50
"Cost of a pair that is no candidate, for a solver that knows only full tables."
DENSE_MAX = 1 << 24
"Cells of a full table: 128 MiB."


@dataclass(frozen=True, slots=True)
class Contender:
    """Someone who solves a problem: `lay_out` it, untimed, and get what solves it and returns the total."""

    name: str
    package: str
    lay_out: Callable[[Problem], Callable[[], int]]

    @property
    def version(self) -> str:
        """Return what is installed; empty when it is not."""
        try:
            return importlib.metadata.version(self.package) if self.package else ""
        except importlib.metadata.PackageNotFoundError:
            return ""

    @property
    def missing(self) -> str:
        """Return why it cannot take part."""
        here = not self.package or self.version
        return "" if here else f"{self.package} is not installed: make setup BENCH=1"


def _ours(problem: Problem) -> Callable[[], int]:
    order = np.argsort(-problem.waits, kind="stable")
    calls, units, costs, waits = order, problem.units[order], problem.costs[order], problem.waits[order]

    def solve() -> int:
        assignment = Assignment(problem.calls, problem.fleet, units.shape[1])
        assignment.add_calls(calls, units, costs, waits)
        assignment.solve()
        return assignment.total()

    return solve


def _full_table(problem: Problem) -> Callable[[], int]:
    from scipy.optimize import linear_sum_assignment

    table = np.full((problem.calls, problem.fleet + problem.calls), NEVER, np.int64)
    np.put_along_axis(table, problem.units, problem.costs, 1)
    rows = np.arange(problem.calls)
    table[rows, problem.fleet + rows] = problem.waits

    def solve() -> int:
        chosen, places = linear_sum_assignment(table)
        return int(table[chosen, places].sum())

    return solve


def _sparse_table(problem: Problem) -> Callable[[], int]:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, width = np.arange(problem.calls), problem.units.shape[1]
    heads = np.concatenate([problem.units.ravel(), problem.fleet + rows])
    tails = np.concatenate([np.repeat(rows, width), rows])
    costs = np.concatenate([problem.costs.ravel(), problem.waits])
    shape = (problem.calls, problem.fleet + problem.calls)
    table = csr_matrix((costs.astype(np.float64), (tails, heads)), shape=shape)

    def solve() -> int:
        chosen, places = min_weight_full_bipartite_matching(table)
        return int(np.asarray(table[chosen, places]).sum())

    return solve


def _flow(problem: Problem) -> Callable[[], int]:
    from ortools.graph.python import min_cost_flow

    calls, fleet, width = problem.calls, problem.fleet, problem.units.shape[1]
    rows, units, end = 1 + np.arange(calls), 1 + calls + np.arange(fleet), 1 + calls + fleet
    tails = np.concatenate([np.zeros(calls, np.int64), np.repeat(rows, width), rows, units])
    heads = np.concatenate([rows, 1 + calls + problem.units.ravel(), np.full(calls + fleet, end)])
    nothing = np.zeros(calls, np.int64), np.zeros(fleet, np.int64)
    costs = np.concatenate([nothing[0], problem.costs.ravel(), problem.waits, nothing[1]])
    one = np.ones(tails.shape[0], np.int64)
    supplies = np.zeros(end + 1, np.int64)
    supplies[0], supplies[end] = calls, -calls

    def solve() -> int:
        flow = min_cost_flow.SimpleMinCostFlow()
        flow.add_arcs_with_capacity_and_unit_cost(tails, heads, one, costs)
        flow.set_nodes_supplies(np.arange(end + 1), supplies)
        flow.solve()
        return int(flow.optimal_cost())

    return solve


CONTENDERS = (
    Contender(OURS, "", _ours),
    Contender("scipy.linear_sum_assignment", "scipy", _full_table),
    Contender("scipy.min_weight_full_bipartite_matching", "scipy", _sparse_table),
    Contender("ortools", "ortools", _flow),
)


def too_large(contender: Contender, problem: Problem) -> bool:
    """Tell whether a full table would take more memory than a comparison is worth."""
    return contender.lay_out is _full_table and problem.calls * (problem.fleet + problem.calls) > DENSE_MAX
