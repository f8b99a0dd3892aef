# SPDX-License-Identifier: Apache-2.0
"""Suite `assignment`: whole problems of growing size, and one call more in the largest.

In each round every contender solves the same problems in turn, so that what others do to the machine hits all
alike; all totals must be the same. For one call more the neighbours solve again from the beginning: none of them
can go on from a solution.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.compare.assignment.problems import Problem, problem
from bench.compare.assignment.solvers import CONTENDERS, Contender, too_large
from bench.compare.result import OURS, Comparison, Row, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from core.dispatch.assignment import Assignment
from core.kernels import kernels, warm

SEED = 2
ROUND_S = 0.25
"Time of one contender in one round; at least one solution, at most REPEATS_MAX."
REPEATS_MAX = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One size."""

    name: str
    calls: int
    fleet: int
    one_more: bool = False


CASES = (
    Case("10x100", 10, 100),
    Case("50x300", 50, 300),
    Case("500x500", 500, 500),
    Case("2000x5000", 2000, 5000),
    Case("+1 call 2000x5000", 2000, 5000, one_more=True),
)
QUICK = CASES[:2]


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    names = {contender.name for contender in CONTENDERS}
    if unknown := asked.only - names:
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    warm()
    if any(how == "python" for name, how in kernels().items() if name.startswith("assignment.")):
        raise CompareError("the kernels of ours are not compiled: see `gateway warmup`")
    wanted = [contender for contender in CONTENDERS if asked.wants(contender.name)]
    here = [contender for contender in wanted if not contender.missing]
    rows: list[Row] = []
    notes: list[str] = []
    for case in QUICK if asked.quick else CASES:
        rows += _case(case, here, 1 if asked.quick else 7, notes)
    return Comparison(
        suite="assignment",
        machine={},
        rows=rows,
        skipped=[Skipped(contender.name, contender.missing) for contender in wanted if contender.missing],
        notes=notes,
        peers={contender.name: contender.version for contender in here if contender.version},
    )


def _case(case: Case, here: Sequence[Contender], rounds: int, notes: list[str]) -> list[Row]:
    """Let all solve one problem, round by round."""
    whole = problem(case.calls, case.fleet, SEED)
    taking_part = [contender for contender in here if not too_large(contender, whole)]
    notes += [
        f"{case.name}: {contender.name} would need a table of {case.calls} by {case.calls + case.fleet} cells"
        for contender in here
        if contender not in taking_part
    ]
    solve = {contender.name: contender.lay_out(whole) for contender in taking_part}
    if case.one_more:
        solve[OURS] = _one_more(whole)
    expected = solve[OURS]()
    samples: dict[str, list[Sample]] = {name: [] for name in solve}
    for number in range(rounds):
        for name in samples:
            tell(f"{case.name}: round {number + 1}: {name}")
            samples[name].append(_sample(solve[name], expected))
    return confirmed(
        with_ratios([row(case.name, name, taken, "median_us") for name, taken in samples.items()])
    )


def _one_more(whole: Problem) -> Callable[[], int]:
    """Return what adds the last call to the solution of all others; `_sample` takes it out again."""
    last = whole.calls - 1
    assignment = Assignment(whole.calls, whole.fleet, whole.units.shape[1])
    assignment.add_calls(np.arange(last), whole.units[:last], whole.costs[:last], whole.waits[:last])
    assignment.solve()
    units, costs, wait = whole.units[last].tolist(), whole.costs[last].tolist(), int(whole.waits[last])

    def add() -> None:
        assignment.add_call(last, units, costs, wait)
        assignment.solve()

    def take_out() -> int:
        total = assignment.total()
        assignment.remove_call(last)
        assignment.solve()
        return total

    return _Step(add, take_out)


class _Step:
    """Something to time, and to undo untimed, which returns the total it had come to."""

    def __init__(self, add: Callable[[], None], take_out: Callable[[], int]) -> None:
        self.add, self.take_out = add, take_out

    def __call__(self) -> int:
        """Do both."""
        self.add()
        return self.take_out()


def _sample(solve: Callable[[], int], expected: int) -> Sample:
    """Solve again and again for a moment."""
    took_ns: list[int] = []
    total = expected
    until_s = time.perf_counter() + ROUND_S
    while not took_ns or (time.perf_counter() < until_s and len(took_ns) < REPEATS_MAX):
        began_ns = time.perf_counter_ns()
        if isinstance(solve, _Step):
            solve.add()
        else:
            total = solve()
        took_ns.append(time.perf_counter_ns() - began_ns)
        if isinstance(solve, _Step):
            total = solve.take_out()
        if total != expected:
            break
    return Sample(
        median_us=float(np.median(took_ns)) / 1000,
        p99_us=float(np.percentile(took_ns, 99)) / 1000,
        checked=total == expected,
        wrong="" if total == expected else f"its total is {total}, not {expected}",
    )
