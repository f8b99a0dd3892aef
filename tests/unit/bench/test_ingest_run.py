# SPDX-License-Identifier: Apache-2.0
"""What the run of calls beside positions says of itself."""

import asyncio
from typing import Any, cast

import pytest

from bench.load.fleet_side import FleetSideError
from bench.load.ingest_plan import Plan
from bench.load.ingest_run import Part, _lived, notes
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


class OneCall:
    placed = 1


class Town:
    callers = OneCall()

    async def run(self) -> None:
        await asyncio.Event().wait()


class Radios:
    async def say(self, word: str) -> int:
        if word == "mute":
            raise FleetSideError("the radios did not answer to 'mute'")
        return 0


class Watching:
    gateway_rss_mib = 0.0

    def look(self, fixes: int) -> None:
        raise AssertionError("there are no fixes to note")


def test_radios_that_are_gone_are_told_by_one_error_and_not_by_a_group() -> None:
    plan = Plan(warm_s=0.01)

    with pytest.raises(FleetSideError, match="mute"):
        _lived(cast(Any, Town()), plan, cast(Any, Watching()), cast(Any, Radios()))
