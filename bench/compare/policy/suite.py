# SPDX-License-Identifier: Apache-2.0
"""Suite `policy`: a simulated city at 63 % load, the same days under each policy.

The figure is the weighted response: a time, so it stands in µs like every other, though it is minutes. `ours` is the
engine with roads, policy `reoptimise`; the neighbours are simpler policies in the same engine, the first of them
what others do who do not know the roads. The CPU is what the engine takes for one decision. No row is checked: other
policies give other answers.
"""

import math
import os

from bench.compare.result import OURS, Comparison, Row, Sample, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from bench.simulation import policies
from bench.simulation.city import the_city
from bench.simulation.demand import LOADS, Load
from bench.simulation.measures import Estimate, less_percent, summed
from bench.simulation.runs import Found, Plan, run_all

LOAD = "63 % load"
CASE = f"{LOAD} weighted response"
NAMES = (policies.OURS, policies.BY_DISTANCE, "road eta", "divert")
SEEDS, CALLS = 5, 1_200
"Five days of twenty calls an hour: what the suite's ninety seconds hold. `python -m bench.simulation` runs more."
QUICK_CALLS, QUICK_SIDE = 150, 40
US = 1_000_000


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    names = {_shown(name) for name in NAMES}
    if unknown := asked.only - names:
        raise CompareError(
            f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(sorted(names))}"
        )
    plan = Plan(
        loads=(_load(),),
        policies=tuple(policies.named(name) for name in NAMES if asked.wants(_shown(name))),
        seeds=(1,) if asked.quick else tuple(range(1, SEEDS + 1)),
        calls=QUICK_CALLS if asked.quick else CALLS,
    )
    tell("reading the roads")
    city = the_city(QUICK_SIDE if asked.quick else 0)
    found = run_all(city, plan, jobs=1 if asked.quick else os.cpu_count() or 1, tell=tell)
    rows = [_row(found, policy.name) for policy in plan.policies]
    return Comparison(
        suite="policy",
        machine={},
        rows=with_ratios(rows),
        notes=[
            f"roads of {city.name}: {plan.units} units, {plan.calls} calls a day, {len(plan.seeds)} days in pairs; "
            "a response counts from the sign-off to the first unit on scene, a second 10, 3, 1 and 1 for levels 1 to 4",
            "every diversion is driven at once, without an operator who confirms it",
            *_gains(found),
            *(f"the engine refused {name}: {count}" for name, count in sorted(found.refused.items())),
        ],
    )


def _row(found: Found, policy: str) -> Row:
    """Sum up one policy over its days; all days together are one round."""
    told = summed(found.figures[LOAD, policy])
    unreached = round(told["unreached"].mean * len(found.plan.seeds))
    sample = Sample(
        median_us=told["weighted"].mean * US,
        cpu_us=told["decided_us"].mean,
        wrong=f"{unreached} calls were never reached" if unreached else "",
        extra={
            "level_1_s": told["level_1"].mean,
            "late_percent": told["late"].mean,
            **_late_ratio(found, policy),
            "diverted_percent": told["diverted"].mean,
            "busy_percent": told["busy"].mean,
            "eta_off_s": told["eta_off"].mean,
        },
    )
    return row(CASE, _shown(policy), [sample], "median_us")


def _late_ratio(found: Found, policy: str) -> dict[str, float]:
    """Return how many times as many of level 1 come late as under ours; all days together, for they are few."""
    ours, theirs = (sum(run.late for run in found.figures[LOAD, name]) for name in (policies.OURS, policy))
    return {"late_ratio": theirs / ours} if ours else {}


def _gains(found: Found) -> list[str]:
    """Return how sure the ratios are."""
    ours = [run.weighted for run in found.figures[LOAD, policies.OURS]]
    return [
        f"ours is {_in(less_percent(ours, [run.weighted for run in found.figures[LOAD, policy.name]]))} lower than "
        f"{policy.name} (95 %, days in pairs)"
        for policy in found.plan.policies
        if policy.name != policies.OURS
    ]


def _in(one: Estimate) -> str:
    return f"{one.mean:.1f} %" if math.isnan(one.off) else f"{one.mean:.1f} ± {one.off:.1f} %"


def _shown(policy: str) -> str:
    return OURS if policy == policies.OURS else policy


def _load() -> Load:
    return next(load for load in LOADS if load.name == LOAD)
