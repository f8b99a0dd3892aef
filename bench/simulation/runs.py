# SPDX-License-Identifier: Apache-2.0
"""All runs of a comparison: every load, every seed, every policy on the same day."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.simulation import stages
from bench.simulation.city import City, settled
from bench.simulation.demand import Load, draw
from bench.simulation.measures import F64, Figures, figures, responses_s
from bench.simulation.policies import Policy
from bench.simulation.world import World
from core.kernels import warm

UNITS = 60


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run."""

    loads: tuple[Load, ...]
    policies: tuple[Policy, ...]
    seeds: tuple[int, ...]
    calls: int
    units: int = UNITS


@dataclass(kw_only=True)
class Found:
    """What came of all of it; a list has one entry a seed, in the order of the seeds."""

    plan: Plan
    city: str
    figures: dict[tuple[str, str], list[Figures]] = field(default_factory=dict)
    "{(load, policy): runs}"
    level_1_s: dict[tuple[str, str], F64] = field(default_factory=dict)
    "{(load, policy): every response of level 1}"
    refused: dict[str, int] = field(default_factory=dict)
    "What the engine refused in all runs together."


Run = tuple[str, str, Figures, F64, dict[str, int]]
"Load, policy, figures, responses of level 1, what was refused."


def run_all(
    city: City, plan: Plan, *, jobs: int = 1, tell: Callable[[str], None] = lambda text: None
) -> Found:
    """Run the plan, `jobs` seeds side by side; the result does not depend on how many."""
    found = Found(plan=plan, city=city.name)
    if jobs == 1:
        days = (list(_runs(city, plan, seed, tell)) for seed in plan.seeds)
        return _gathered(found, days)
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(plan.seeds)), _take, (city, plan)) as pool:
        done = []
        for seed, runs in zip(plan.seeds, pool.imap(_day, plan.seeds), strict=True):
            tell(f"seed {seed} is done")
            done.append(runs)
    return _gathered(found, done)


def _runs(city: City, plan: Plan, seed: int, tell: Callable[[str], None]) -> Iterator[Run]:
    """Run one seed: one town and, for each load, one day for all policies."""
    for ways in city.ways.values():
        ways.forget()
    town = settled(city, plan.units, np.random.default_rng(seed))
    known = stages.read()
    for load in plan.loads:
        cases = draw(load, town, known, units=plan.units, calls=plan.calls, seed=seed)
        for policy in plan.policies:
            tell(f"seed {seed}, {load.name}, {policy.name}")
            outcome = World(city, town, cases, policy).run()
            yield (
                load.name,
                policy.name,
                figures(cases, outcome, plan.units),
                responses_s(cases, outcome, 1),
                outcome.refused,
            )


def _gathered(found: Found, days: Iterator[list[Run]] | Sequence[list[Run]]) -> Found:
    for runs in days:
        for load, policy, told, level_1_s, refused in runs:
            key = load, policy
            found.figures.setdefault(key, []).append(told)
            found.level_1_s[key] = np.concatenate([found.level_1_s.get(key, np.empty(0)), level_1_s])
            for name, count in refused.items():
                found.refused[name] = found.refused.get(name, 0) + count
    return found


_given: list[tuple[City, Plan]] = []
"In a child: what it works on. It is sent once, not with every seed."


def _take(city: City, plan: Plan) -> None:
    warm()
    _given.append((city, plan))


def _day(seed: int) -> list[Run]:
    city, plan = _given[0]
    return list(_runs(city, plan, seed, lambda text: None))
