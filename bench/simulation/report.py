# SPDX-License-Identifier: Apache-2.0
"""The comparison for a reader: one page in Markdown."""

import math
from collections.abc import Iterator

from bench.machine import machine
from bench.simulation.measures import LATE_S, SETTLED_PART, WEIGHTS, Estimate, less_percent, summed
from bench.simulation.policies import BY_DISTANCE
from bench.simulation.runs import Found

HEAD = (
    "policy",
    "weighted, s",
    "less than by distance, %",
    "level 1, s",
    "p90, s",
    "late, %",
    "level 2, s",
    "level 3, s",
    "level 4, s",
    "p90, s",
    "waits for an order, s",
    "called off per 100",
    "ETA off, s",
    "busy, %",
    "decision p50/p99, µs",
)


def page(found: Found, command: str, pictures: dict[str, str]) -> str:
    """Return the whole page; `pictures` is {file: what it shows}, beside the page."""
    return "\n".join([*_opening(found, command), *_tables(found), *_closing(found), *_shown(pictures)]) + "\n"


def in_short(found: Found) -> str:
    """Return the tables alone, for a terminal."""
    return "\n".join(_tables(found))


def _opening(found: Found, command: str) -> Iterator[str]:
    plan, facts = found.plan, machine()
    weights = ", ".join(f"{weight:g}" for weight in WEIGHTS.values())
    yield "# What a dispatch policy is worth"
    yield ""
    yield f"Written by `{command}`; do not edit."
    yield ""
    yield (
        f"A simulated city on the roads of {found.city}: {plan.units} units, {plan.calls} calls a run, "
        f"{len(plan.seeds)} seeds. Each seed is a town, a day and a fate of every call, the same for all policies. The "
        "dispatcher is the real engine (`core.engine.Engine`) in virtual time: calls ring, are answered, classified "
        "and located; it orders units, they turn out, drive, tell where they are every 10 s, arrive and clear. "
        "Policies differ in the engine's settings and in whether it knows the roads. The cars drive on them in any "
        "case, by the fastest ways, which scipy finds: with siren to levels 1 and 2, without to the others and home."
    )
    yield ""
    yield (
        "- **Response**: from the call-taker's sign-off (what and where is known) until the first unit is there. "
        f"**Weighted**: a second counts {weights} for levels 1 to 4. **Late**: level 1 above {LATE_S:g} s."
    )
    yield (
        "- **±**: half of Student's 95 % interval over the seeds, for differences in pairs. "
        f"The first {SETTLED_PART:.0%} of each run are not counted: the city is still empty then."
    )
    yield (
        "- **ETA off**: the drive as it was less the time told with the order, without its sign. "
        "**Decision**: CPU time from the place of an incident to the orders that follow."
    )
    yield (
        "- **Stage times**, levels and hours are those of 11,998 police incidents of one city "
        "(`bench/simulation/stages.csv`, made by `fit.py`); where people call from and where units stand is a guess: "
        "three calls in five from twelve quarters, half of the units beside them."
    )
    names = ", ".join(load.name for load in plan.loads)
    yield f"- **Loads**: {names}. What units were really busy stands in the table."
    yield f"- {facts['cores']} cores, {facts['model']}, Python {facts['python']}."
    yield ""


def _tables(found: Found) -> Iterator[str]:
    for load in found.plan.loads:
        yield f"## {load.name}"
        yield ""
        yield f"| {' | '.join(HEAD)} |"
        yield f"|---|{'---:|' * (len(HEAD) - 1)}"
        for policy in found.plan.policies:
            yield _row(found, load.name, policy.name)
        yield ""


def _row(found: Found, load: str, policy: str) -> str:
    told = summed(found.figures[load, policy])
    base = found.figures.get((load, BY_DISTANCE))
    less = "" if base is None or policy == BY_DISTANCE else gain(found, load, policy)
    cells = [
        policy,
        _in(told["weighted"]),
        less,
        _in(told["level_1"]),
        _in(told["level_1_p90"]),
        _in(told["late"], 1),
        *(_in(told[f"level_{level}"]) for level in (2, 3, 4)),
        _in(told["level_4_p90"]),
        _in(told["waited"]),
        _in(told["diverted"], 1),
        _in(told["eta_off"]),
        f"{told['busy'].mean:.0f}",
        f"{told['decided_us'].mean:.0f}/{told['decided_p99_us'].mean:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def gain(found: Found, load: str, policy: str) -> str:
    """Return by how much the weighted response is lower than by distance, with its interval."""
    ours, base = found.figures[load, policy], found.figures[load, BY_DISTANCE]
    return _in(less_percent([run.weighted for run in ours], [run.weighted for run in base]), 1)


def _closing(found: Found) -> Iterator[str]:
    unreached = sum(run.unreached for runs in found.figures.values() for run in runs)
    yield "## What to make of it"
    yield ""
    yield (
        "It is one model of one city. It knows no traffic, no shifts, no beats, no incident that needs two units and "
        "no officer who refuses; every place is told right, and every diversion the engine wants is driven at once, "
        "without an operator who confirms it. What it can tell is the order of the policies and about how far they "
        "are apart."
    )
    yield ""
    told = ", ".join(f"{name}: {count}" for name, count in sorted(found.refused.items())) or "nothing"
    yield f"Nobody came to {unreached:.0f} calls before the runs ended. The engine refused in all runs: {told}."
    yield ""


def _shown(pictures: dict[str, str]) -> Iterator[str]:
    for file, text in pictures.items():
        yield f"![{text}]({file})"
        yield ""


def _in(one: Estimate, digits: int = 0) -> str:
    if math.isnan(one.mean):
        return "–"
    return f"{one.mean:.{digits}f}" + ("" if math.isnan(one.off) else f" ± {one.off:.{digits}f}")
