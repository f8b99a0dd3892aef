# SPDX-License-Identifier: Apache-2.0
"""Suite `queue`: four sizes, one operation at a time and in batches, in rounds that everybody takes part in.

The loop around the operations is part of every figure. Where the neighbours have no batches, they do the same
operations one at a time.
"""

import importlib.metadata
from collections.abc import Sequence

from bench.compare.queue.history import History, history
from bench.compare.queue.queues import BATCH, IN_BATCHES, ONE_BY_ONE, Contender
from bench.compare.result import Comparison, Row, Sample, Skipped, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from core.kernels import kernels, warm

SIZES = {"N=100": 100, "N=1k": 1_000, "N=10k": 10_000, "N=100k": 100_000}
QUICK = ("N=100", "N=10k")
OPERATIONS, OPERATIONS_QUICK = 20_000, 4_000
ROUNDS = 7
SEED = 110


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    known = {one.name: one for one in (*ONE_BY_ONE, *IN_BATCHES)}
    if unknown := asked.only - set(known):
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    warm()
    versions = {one.package: _version(one.package) for one in known.values() if one.package}
    missing = {name for name, version in versions.items() if not version}
    rows: list[Row] = []
    for name, size in SIZES.items():
        if asked.quick and name not in QUICK:
            continue
        work = history(size, OPERATIONS_QUICK if asked.quick else OPERATIONS, SEED + size)
        for case, contenders in ((name, ONE_BY_ONE), (f"{name} batch={BATCH}", IN_BATCHES)):
            here = [one for one in contenders if asked.wants(one.name) and one.package not in missing]
            rows += _case(case, work, here, 1 if asked.quick else ROUNDS)
    notes = [f"µs of CPU for one operation; {BATCH} operations lie in an array before a batch is timed"]
    if "python" in kernels().values():
        notes.append("without numba: ours is plain Python here")
    return Comparison(
        suite="queue",
        machine={},
        rows=rows,
        skipped=[Skipped(name, "not installed: make setup BENCH=1") for name in sorted(missing)],
        notes=notes,
        peers={name: version for name, version in versions.items() if version},
    )


def _case(case: str, work: History, here: Sequence[Contender], rounds: int) -> list[Row]:
    samples: dict[str, list[Sample]] = {one.name: [] for one in here}
    for number in range(rounds):
        for one in here:
            tell(f"{case}: round {number + 1}: {one.name}")
            each_s, popped = one.run(work)
            same = popped == work.popped
            samples[one.name].append(
                Sample(cpu_us=each_s * 1e6, checked=same, wrong="" if same else "it popped others")
            )
    return with_ratios([row(case, name, found, "cpu_us") for name, found in samples.items()])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
