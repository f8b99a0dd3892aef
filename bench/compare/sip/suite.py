# SPDX-License-Identifier: Apache-2.0
"""Suite `sip`: the cases, and the order in which everybody takes part in them.

Round-robin: in each round every server is started anew, warmed with a few calls, left idle for a moment (what it
uses then is taken off), called by the probe and by sipp. So what others do to the machine hits all alike. A server
that cannot take the rate of a case is asked for less, and its row says what it was asked for.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare.result import OURS, Comparison, Figure, Row, Sample, Skipped, row, with_ratios
from bench.compare.sip.caller import binary
from bench.compare.sip.servers import Server, SilentError, servers
from bench.compare.sip.visit import Visit, visit
from bench.compare.suite import Asked, CompareError, tell

CPU_PER_S, FIRST_PER_S, LOSS_PER_S = 200, 50, 100
LOST_PERCENT = 5
LOSS_S_MAX = 6.0
"Of calls placed; a server asked for a tenth of the rate gets fewer calls."
FORGOTTEN_S = 33.0
"32 s after its BYE a transaction is forgotten (RFC 3261 17.2.2, timer J): only then is all work of a call done."
ASIDE_PER_S = 20
"Probe calls beside a load."
ROUNDS_S_MAX = 300.0
"No new round after this: with the losses and the load behind it the suite keeps to eight minutes on a busy machine."
LADDER_PER_S = (1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000)
LADDER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long everything takes."""

    rounds: int
    cpu_s: float
    first_s: float
    loss_calls: int
    loss_over_s: float
    "After the last call. Longer brings few calls back, and the suite has eight minutes for all."
    load_per_s: int
    load_s: int
    forgotten_s: float


FULL = Size(
    rounds=5,
    cpu_s=2.0,
    first_s=1.2,
    loss_calls=300,
    loss_over_s=9.0,
    load_per_s=1_000,
    load_s=30,
    forgotten_s=FORGOTTEN_S,
)
QUICK = Size(
    rounds=1,
    cpu_s=0.5,
    first_s=0.4,
    loss_calls=60,
    loss_over_s=5.0,
    load_per_s=300,
    load_s=3,
    forgotten_s=0.0,
)


@dataclass(frozen=True, slots=True)
class Case:
    """What is done on a visit."""

    name: str
    figure: Figure
    measure: Callable[[Visit], Sample]


class Suite:
    """One run of it."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size = size
        self.silent: dict[str, str] = {}
        "{server: why it fell out}"
        self._folder = folder
        self._visits = 0
        self._samples: dict[tuple[str, str], list[Sample]] = {}
        self._cases: dict[str, Case] = {}

    def round(self, number: int, here: Sequence[Server], cases: Sequence[Case]) -> None:
        """Visit each server once."""
        for server in here:
            if server.name in self.silent:
                continue
            tell(f"{', '.join(case.name for case in cases)}: round {number}: {server.name}")
            self._visits += 1
            try:
                with visit(server, self._folder / str(self._visits)) as guest:
                    for case in cases:
                        self._cases[case.name] = case
                        self._samples.setdefault((case.name, server.name), []).append(case.measure(guest))
            except SilentError as wrong:
                self.silent[server.name] = str(wrong)

    def rows(self, names: Sequence[str]) -> list[Row]:
        """Sum up, case by case, in the order of the names."""
        found: list[Row] = []
        for case in self._cases.values():
            told = [
                (name, self._samples[case.name, name]) for name in names if (case.name, name) in self._samples
            ]
            found += with_ratios([row(case.name, name, samples, case.figure) for name, samples in told])
        return found

    # Cases

    def first(self, guest: Visit) -> Sample:
        """How soon the caller hears anything."""
        return guest.probed(round(self.size.first_s * guest.rate(FIRST_PER_S)), FIRST_PER_S)

    def cpu(self, guest: Visit) -> Sample:
        """What a call costs."""
        return guest.called(round(self.size.cpu_s * guest.rate(CPU_PER_S)), CPU_PER_S)

    def loss(self, guest: Visit) -> Sample:
        """How many callers do not get through when datagrams are lost, either way."""
        calls = min(self.size.loss_calls, round(LOSS_S_MAX * guest.rate(LOSS_PER_S)))
        over_s_max = self.size.loss_over_s
        return guest.called(calls, LOSS_PER_S, lost_percent=LOST_PERCENT, over_s_max=over_s_max)

    def load(self, guest: Visit) -> Sample:
        """What a busy hour in half a minute does: time, work until all is forgotten, memory."""
        size = self.size
        return guest.loaded(size.load_per_s, size.load_s, ASIDE_PER_S, forgotten_s=size.forgotten_s)


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    binary()
    known = servers()
    if unknown := asked.only - {server.name for server in known}:
        names = ", ".join(server.name for server in known)
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {names}")
    wanted = [server for server in known if asked.wants(server.name)]
    here = [server for server in wanted if not server.missing]
    ours = [server for server in here if server.name == OURS]
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gateway110-bench-") as name:
        suite = Suite(QUICK if asked.quick else FULL, Path(name))
        size = suite.size
        usual = [
            Case(f"first response {FIRST_PER_S}/s", "median_us", suite.first),
            Case(f"cpu {CPU_PER_S} calls/s", "cpu_us", suite.cpu),
        ]
        until_s = time.monotonic() + ROUNDS_S_MAX
        for number in range(1, size.rounds + 1):
            if time.monotonic() > until_s:
                notes.append(f"only {number - 1} of {size.rounds} rounds: the machine was too slow for more")
                break
            suite.round(number, here, usual)
        loss = Case(f"loss {LOST_PERCENT}%", "failed", suite.loss)
        suite.round(1, ours if asked.quick else here, [loss])
        load = Case(f"{size.load_per_s} calls/s {size.load_s} s", "cpu_us", suite.load)
        suite.round(1, ours, [load])
        if asked.ladder:
            notes.append(_ladder(ours[0], Path(name)))
    if OURS in suite.silent:
        raise CompareError(f"ours did not answer: {suite.silent[OURS]}")
    gone = {server.name: server.missing for server in wanted if server.missing} | suite.silent
    return Comparison(
        suite="sip",
        machine={},
        rows=suite.rows([server.name for server in here]),
        skipped=[Skipped(name, reason) for name, reason in gone.items()],
        notes=notes,
        peers={server.name: server.version for server in here if server.version},
    )


def _ladder(server: Server, folder: Path) -> str:
    """Return the highest rate at which no call failed and nothing was said twice; each rung has a fresh server."""
    reached, stopped = 0, "the ladder ends there"
    for calls_per_s in LADDER_PER_S:
        tell(f"ladder: {calls_per_s} calls/s")
        try:
            with visit(server, folder / f"ladder-{calls_per_s}") as guest:
                sample = guest.called(round(LADDER_S * calls_per_s), calls_per_s)
        except SilentError as wrong:
            stopped = f"at {calls_per_s} calls/s {wrong}"
            break
        failed, again = sample.extra["failed"], sample.extra["retransmissions"]
        if failed or again:
            stopped = f"at {calls_per_s} calls/s {failed} failed and {again} messages were sent again"
            break
        reached = calls_per_s
    return (
        f"ladder: {reached} calls/s for {LADDER_S:g} s without a failed call or a retransmission; {stopped}"
    )
