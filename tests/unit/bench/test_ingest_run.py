# SPDX-License-Identifier: Apache-2.0
"""What the run of calls beside positions says of itself."""

from bench.load.ingest_run import Part, notes
from bench.load.result import Spread


def part(late_ms: float | None) -> Part:
    late = Spread(n=2_000, p99=late_ms)
    return Part(calls=2_000, fixes=0, invite_to_18x=Spread(n=2_000), placed_late=late, processes={})


def test_a_quiet_machine_needs_no_note() -> None:
    assert list(notes({"before": part(1.2), "with": part(None)}, 0.04)) == []


def test_whoever_reads_figures_of_a_busy_machine_is_told_so() -> None:
    told = list(notes({"before": part(1.2), "with": part(78.5)}, 0.473))

    assert told == [
        "other programs took 47% of all cores",
        "with: this tool itself was late, p99 78.5 ms; waits of calls hold it",
    ]
