# SPDX-License-Identifier: Apache-2.0
"""Suite `loop`: how long a datagram waits for the loop, seen from another process.

Rare long pauses are what a caller meets, so the ratio is taken where they show: at the 99.9th percentile of a thousand
probes a second, and beside a rebuild of a city's road labels at the worst of all.
"""

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.loop.wire import HEARD
from bench.compare.result import OURS, Comparison, Sample, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell

EVERY_S = 0.001
START_S_MAX = 180.0
"A first start compiles the kernels."
LATE = 0.9
"A house that took in less than this share of the messages was not under the load of the case."


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run the house."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One load, the figure that is compared, and who bears it."""

    name: str
    figure: str
    per_s: int
    records: int
    contenders: tuple[Contender, ...]
    kept_up: bool = True
    "Whoever does not take in the whole load does not count."


CASES = (
    Case(
        name="50k msg/s 300k records, p99.9",
        figure="p999_us",
        per_s=50_000,
        records=300_000,
        contenders=(Contender(OURS, ("--settled",)), Contender("default gc", ())),
    ),
    Case(
        name="label rebuild beside, worst stall",
        figure="max_us",
        per_s=10_000,
        records=10_000,
        contenders=(
            Contender(OURS, ("--settled", "--rebuild", "beside")),
            Contender("the same on the loop", ("--settled", "--rebuild", "within")),
        ),
        kept_up=False,  # on the loop nothing is taken in meanwhile: that is the case
    ),
)
ROUNDS, SECONDS, SECONDS_QUICK = 3, 6.0, 1.0


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    known = {one.name for case in CASES for one in case.contenders}
    if unknown := asked.only - known:
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    rows = []
    for case in CASES:
        here = [one for one in case.contenders if asked.wants(one.name)]
        samples: dict[str, list[Sample]] = {one.name: [] for one in here}
        for number in range(1 if asked.quick else ROUNDS):
            for one in here:
                tell(f"{case.name}: round {number + 1}: {one.name}")
                samples[one.name].append(_sample(case, one, SECONDS_QUICK if asked.quick else SECONDS))
        rows += with_ratios([row(case.name, name, found, "median_us") for name, found in samples.items()])
    return Comparison(
        suite="loop",
        machine={},
        rows=rows,
        notes=["the column of the median holds what the case names: the 99.9th percentile, or the worst"],
    )


def _sample(case: Case, one: Contender, seconds: float) -> Sample:
    load = ("--per-s", f"{case.per_s}", "--records", f"{case.records}", "--seconds", f"{seconds}")
    found = _house((*one.arguments, *load))
    late = case.kept_up and found["messages_per_s"] < LATE * case.per_s
    extra = {"p50_us": round(found["p50_us"], 1), "max_ms": round(found["max_us"] / 1000, 2)}
    extra["messages_per_s"] = float(round(found["messages_per_s"]))
    if found["rebuild_s"]:
        extra["rebuild_s"] = round(found["rebuild_s"], 2)
    return Sample(
        median_us=found[case.figure],
        p99_us=found["p99_us"],
        wrong=f"it took in {found['messages_per_s']:,.0f} messages/s of {case.per_s:,}" if late else "",
        extra={**extra},
    )


def _house(arguments: Sequence[str]) -> dict[str, float]:
    """Run a house, probe it as long as it stands, and return what it found."""
    command = (sys.executable, "-m", "bench.compare.loop.house", *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as house:
        assert house.stdout is not None, "a pipe was asked for"
        assert house.stderr is not None, "a pipe was asked for"
        try:
            port = house.stdout.readline().strip()
            if not port:
                raise CompareError(f"the house did not start: {house.stderr.read().strip()[-300:]}")
            _probe(int(port), house)
            found = house.stdout.readline()
            if not found:
                raise CompareError(f"the house broke down: {house.stderr.read().strip()[-300:]}")
            return dict(json.loads(found))
        finally:
            house.kill()


def _probe(port: int, house: "subprocess.Popen[str]") -> None:
    chance = random.Random(110)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        due = time.monotonic()
        while house.poll() is None:
            due += EVERY_S * chance.uniform(0.5, 1.5)  # never in step with the load
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                sender.send(HEARD.pack(time.monotonic_ns()))
            except ConnectionRefusedError:  # it has closed
                return
