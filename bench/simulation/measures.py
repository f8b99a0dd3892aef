# SPDX-License-Identifier: Apache-2.0
"""What a run was worth, and how sure it is that one policy does better than another.

The response counts from the moment the call-taker has signed off (what and where is known) until the first unit is
there: before that no policy can do anything. The first cases of a run are left out, the city is still empty then.
Seeds are compared in pairs: the same day, the same city, another policy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from bench.simulation.demand import NS_PER_S, Case
from bench.simulation.outcome import NEVER, Outcome
from bench.simulation.stages import LEVELS

WEIGHTS = {1: 10.0, 2: 3.0, 3: 1.0, 4: 1.0}
"What a second counts for each level (guess, that of the published studies' order)."
LATE_S = 480.0
"Eight minutes: the target of most published studies of emergency response."
SETTLED_PART = 0.2
"This part of the cases comes before the measuring."
SURE = 0.95

F64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One run in numbers; s where nothing else is said."""

    weighted: float
    "Mean response, each call with the weight of its level."
    all: float
    level_1: float
    level_2: float
    level_3: float
    level_4: float
    level_1_p90: float
    level_2_p90: float
    level_3_p90: float
    level_4_p90: float
    late: float
    "Per cent of level 1 that took longer than LATE_S."
    from_ring: float
    "Level 1, from the first ring."
    waited: float
    "Mean from the sign-off to the first order."
    busy: float
    "Per cent of the units' time."
    diverted: float
    "Orders taken back on the way, for each 100 calls."
    unreached: float
    "Calls nobody had come to when the run was ended."
    eta_off: float
    "Mean difference, without its sign, between the drive and the time the engine had told for it."
    decided_us: float
    "Median time of the engine's decision, µs."
    decided_p99_us: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over the seeds, with what it may be off by."""

    mean: float
    off: float
    "Half of the interval that holds the true mean with SURE; NaN of a single seed."

    @property
    def low(self) -> float:
        """Return the lower end."""
        return self.mean - self.off

    @property
    def high(self) -> float:
        """Return the upper end."""
        return self.mean + self.off


def responses_s(cases: Sequence[Case], outcome: Outcome, level: int) -> F64:
    """Return the responses of one level that are measured; those who were not reached count to the end of the run."""
    levels = np.array([case.level for case in cases])
    mine: F64 = _responses_s(cases, outcome)[(levels == level) & _measured(len(cases))]
    return mine


def figures(cases: Sequence[Case], outcome: Outcome, units: int) -> Figures:
    """Sum up one run."""
    measured = _measured(len(cases))
    levels = np.array([case.level for case in cases])
    response = _responses_s(cases, outcome)
    mine = {level: response[measured & (levels == level)] for level in LEVELS}
    weights = np.array([WEIGHTS[level] for level in levels.tolist()])[measured]
    rings_ns = np.array([case.ring_ns for case in cases])
    before = (outcome.ready_ns - rings_ns)[measured & (levels == 1)] / NS_PER_S
    ordered_ns = np.where(outcome.ordered_ns == NEVER, outcome.ready_ns, outcome.ordered_ns)
    return Figures(
        weighted=float(np.average(response[measured], weights=weights)),
        all=float(response[measured].mean()),
        **{f"level_{level}": _mean(own) for level, own in mine.items()},
        **{
            f"level_{level}_p90": float(np.quantile(own, 0.9)) if len(own) else math.nan
            for level, own in mine.items()
        },
        late=100 * _mean(mine[1] > LATE_S),
        from_ring=_mean(mine[1] + before),
        waited=float((ordered_ns - outcome.ready_ns)[measured].mean()) / NS_PER_S,
        busy=100 * _busy(outcome, int(rings_ns[measured][0]), int(rings_ns[-1]), units),
        diverted=100 * outcome.called_off / len(cases),
        unreached=float((outcome.reached_ns == NEVER).sum()),
        eta_off=_mean(np.abs(np.array(outcome.eta_off_s))),
        decided_us=float(np.median(outcome.decided_us)),
        decided_p99_us=float(np.quantile(outcome.decided_us, 0.99)),
    )


def estimated(values: Sequence[float]) -> Estimate:
    """Return the mean of independent runs with Student's interval."""
    known = np.array([value for value in values if not math.isnan(value)])
    if len(known) < 2:
        return Estimate(mean=_mean(known), off=math.nan)
    spread = float(known.std(ddof=1)) / math.sqrt(len(known))
    return Estimate(mean=float(known.mean()), off=float(student.ppf((1 + SURE) / 2, len(known) - 1)) * spread)


def summed(runs: Sequence[Figures]) -> dict[str, Estimate]:
    """Return every figure over the seeds."""
    return {one.name: estimated([getattr(run, one.name) for run in runs]) for one in fields(Figures)}


def less_percent(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return by how many per cent ours is lower, seed by seed: positive is better."""
    return estimated([100 * (1 - mine / other) for mine, other in zip(ours, theirs, strict=True) if other])


def _measured(cases: int) -> NDArray[np.bool_]:
    return np.arange(cases) >= int(cases * SETTLED_PART)


def _responses_s(cases: Sequence[Case], outcome: Outcome) -> F64:
    """Return all responses; who was never reached waited at least until the world ended."""
    end_ns = max(int(outcome.reached_ns.max()), cases[-1].ring_ns)
    reached_ns = np.where(outcome.reached_ns == NEVER, end_ns, outcome.reached_ns)
    ready_ns = np.where(outcome.ready_ns == NEVER, end_ns, outcome.ready_ns)
    return (reached_ns - ready_ns) / NS_PER_S


def _busy(outcome: Outcome, begin_ns: int, end_ns: int, units: int) -> float:
    """Return the share of all units' time that they worked between two moments."""
    worked = sum(max(0, min(end, end_ns) - max(begin, begin_ns)) for begin, end in outcome.worked_ns)
    return worked / max(1, (end_ns - begin_ns) * units)


def _mean(values: F64 | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else math.nan
