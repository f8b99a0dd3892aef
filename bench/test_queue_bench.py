# SPDX-License-Identifier: Apache-2.0
"""The queue beside heapq with lazy deletion and SortedList, on one mixed history at a steady size.

All must give the same pops first. `python -m bench.compare queue` measures the same with rounds and ratios, also in
batches; this is for comparing two versions of ours (pytest-benchmark's --benchmark-compare).

    pytest bench/test_queue_bench.py --benchmark-enable
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.compare.queue.history import history
from bench.compare.queue.queues import IN_BATCHES, ONE_BY_ONE, Contender
from core.kernels import kernels, warm

OPERATIONS = 2000


@pytest.mark.parametrize("size", [100, 10_000])
@pytest.mark.parametrize(
    "contender", [*ONE_BY_ONE, IN_BATCHES[0]], ids=["ours", "names", "heapq", "sortedlist", "batch"]
)
def test_mixed_work_on_a_queue(benchmark: BenchmarkFixture, contender: Contender, size: int) -> None:
    """Time 2,000 operations at a steady size; filling the queue is part of a round, the same for all."""
    warm()
    work = history(size, OPERATIONS, seed=size)
    assert contender.run(work)[1] == work.popped, "the answers must be equal before the times are"

    benchmark.group = f"queue, {size} members, {OPERATIONS} mixed operations"
    benchmark.extra_info["kernels"] = kernels()["heap.push"]
    benchmark.pedantic(contender.run, args=(work,), rounds=20, warmup_rounds=1)  # type: ignore[no-untyped-call]
