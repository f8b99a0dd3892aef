# SPDX-License-Identifier: Apache-2.0
"""Suite `decision`: from the queue to the JSON, by road and by straight line.

In each round every contender takes the same calls, one after the other; before each, thirty units move. With equal
means all put the same unit first. "ours, proven" does more: it asks on until nobody could be faster, and its note
says how often it found someone the others miss.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.compare.decision.deciders import BY_ROAD, STRAIGHT, Contender, Decider
from bench.compare.decision.town import Town, atlas_of, city, town
from bench.compare.result import OURS, Comparison, Row, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from core.kernels import kernels, warm

SEED = 110
CALLS, CALLS_QUICK = 200, 60
ROUNDS = 5
WARM_CALLS = 20
PROVEN = "ours, proven"


@dataclass(frozen=True, slots=True)
class Case:
    """One fleet."""

    name: str
    units: int
    by_road: bool


CASES = (
    Case("2k units 50 candidates road eta", 2_000, by_road=True),
    Case("300 units straight line", 300, by_road=False),
    Case("5k units straight line", 5_000, by_road=False),
)


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    known = {one.name: one for one in (*BY_ROAD, *STRAIGHT)}
    if unknown := asked.only - set(known):
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    warm()
    if any(how == "python" for name, how in kernels().items() if name.startswith("rank.")):
        raise CompareError("the kernels of ours are not compiled: see `gateway warmup`")
    rows: list[Row] = []
    notes = ["one decision: a call in, the most urgent out, its units ranked, the answer written as JSON"]
    for case in CASES:
        here = [one for one in (BY_ROAD if case.by_road else STRAIGHT) if asked.wants(one.name)]
        rows += _case(case, [one for one in here if not one.missing], asked, notes)
    wanted = [one for one in known.values() if asked.wants(one.name)]
    return Comparison(
        suite="decision",
        machine={},
        rows=rows,
        skipped=[Skipped(one.name, one.missing) for one in wanted if one.missing],
        notes=notes,
        peers={one.package: one.version for one in wanted if one.package and one.version},
    )


def _case(case: Case, here: Sequence[Contender], asked: Asked, notes: list[str]) -> list[Row]:
    """Let all decide on the same calls, round by round."""
    tell(f"{case.name}: laying out")
    atlas = None
    if case.by_road:
        name, graph = city()
        atlas = atlas_of(graph)
        notes.append(f"{case.name}: {name}, {graph.nodes:,} junctions")
    scene = town(case.name, case.units, CALLS_QUICK if asked.quick else CALLS, SEED, atlas)
    deciders = {one.name: one.lay_out(scene) for one in here}
    samples: dict[str, list[Sample]] = {name: [] for name in deciders}
    for number in range(1 if asked.quick else ROUNDS):
        expected: list[str] = []
        for name, decider in deciders.items():
            tell(f"{case.name}: round {number + 1}: {name}")
            took_ns, sent = _round(scene, decider)
            expected = expected or sent
            samples[name].append(_sample(took_ns, sent, expected, proven=name == PROVEN))
    return confirmed(
        with_ratios([row(case.name, name, taken, "median_us") for name, taken in samples.items()])
    )


def _round(scene: Town, decider: Decider) -> tuple[list[int], list[str]]:
    """Decide on every call; return the time each took, and who is sent."""
    for call in range(WARM_CALLS):
        decider.decide(call)
    took_ns, sent = [], []
    for call in range(len(scene.places)):
        scene.move(call)
        decider.tick()
        began_ns = time.perf_counter_ns()
        answer = decider.decide(call)
        took_ns.append(time.perf_counter_ns() - began_ns)
        sent.append(decider.first(answer))
    return took_ns, sent


def _sample(took_ns: list[int], sent: list[str], expected: list[str], *, proven: bool) -> Sample:
    differ = sum(one != other for one, other in zip(sent, expected, strict=True))
    wrong = f"it sends another unit in {differ} of {len(sent)} calls" if differ and not proven else ""
    return Sample(
        median_us=float(np.median(took_ns)) / 1000,
        p99_us=float(np.percentile(took_ns, 99)) / 1000,
        checked=not differ,
        wrong=wrong,
        extra={"faster_found": differ} if proven else {},
    )


assert BY_ROAD[0].name == STRAIGHT[0].name == OURS, "ours goes first: the others are compared with it"
