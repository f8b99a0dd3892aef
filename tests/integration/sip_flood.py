# SPDX-License-Identifier: Apache-2.0
"""Good calls beside a flood, measured: INVITE to 18x, first on a quiet line, then beside ten times the load.

    python -m tests.integration.sip_flood stranger|insane HOST PORT SECONDS RATE

runs one flood by itself; the floods are processes of their own, so that only the gateway feels them.
"""

import itertools
import socket
import sys
import time
from typing import NamedTuple

import msgspec
import uvloop

from device_adapters.simulated.callers import Callers, mono_s
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.demand import Demand, Manner, PlannedCall, even
from device_adapters.simulated.record import CallRecord
from device_adapters.simulated.wire import Address
from tests.integration.house import COUNTY

GOOD_RATE = 35.0
"Ten times Beijing's busiest hour on record (3.5 calls/s)."
STRANGER = "127.0.0.2"
"An address no trunk is listed under."
INSANE = "+865770000110"
FINISH_S = 5.0
METHODS = ("INVITE", "OPTIONS", "REGISTER")
SOON_S = 0.001


class Latency(NamedTuple):
    """What one phase was like for the good callers."""

    phase: str
    placed: int
    answered: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def latency(phase: str, records: list[CallRecord]) -> Latency:
    """Sum up one phase: from when a call should have been placed to the first 18x."""
    waits = sorted((record.heard - record.origin) * 1000 for record in records if record.heard)
    answered = sum(record.outcome == "answered" for record in records)
    if not waits:
        return Latency(phase, len(records), answered, 0.0, 0.0, 0.0)
    p50, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.50, 0.99))
    return Latency(phase, len(records), answered, p50, p99, waits[-1])


def table(phases: list[Latency]) -> str:
    """Return the phases as a person reads them; the last line is flood over quiet."""
    head = f"{'phase':>8} {'placed':>7} {'answered':>9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}"
    rows = [
        f"{row.phase:>8} {row.placed:>7} {row.answered:>9} {row.p50_ms:>8.2f} {row.p99_ms:>8.2f} {row.max_ms:>8.2f}"
        for row in phases
    ]
    quiet, *others = phases
    ratios = [f"{row.phase} p99 is {row.p99_ms / quiet.p99_ms:.1f} times quiet" for row in others]
    return "\n".join([head, *rows, *ratios])


async def good_calls(target: Address, seconds: float, mark: str) -> list[CallRecord]:
    """Place calls at an even rate, each answered and ended by its caller; return what each caller saw."""
    return (await _place(target, _calls(mark, talk_s=0.3), GOOD_RATE, seconds)).records


async def insane_caller(target: Address, seconds: float, rate: float) -> int:
    """Call again and again under one number, through the trunk; return how often."""
    calls = _calls("insane", talk_s=0.05)
    return (await _place(target, calls, rate, seconds, INSANE)).placed


def stranger(target: Address, seconds: float, rate: float) -> int:
    """Send requests from an unlisted address and care for no answer; return how many."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((STRANGER, 0))
        host = f"{STRANGER}:{line.getsockname()[1]}"
        start, sent = time.monotonic(), 0
        while (passed := time.monotonic() - start) < seconds:
            for _ in range(int(passed * rate) - sent):
                line.sendto(_request(host, METHODS[sent % len(METHODS)], sent), target)
                sent += 1
            time.sleep(SOON_S)
    return sent


def _calls(mark: str, talk_s: float) -> Demand:
    return Demand(7, (BY_CODE[COUNTY],), Manner(abandon_share=0.0, talk_s=talk_s, even_talk=True), mark)


async def _place(target: Address, demand: Demand, rate: float, seconds: float, caller: str = "") -> Callers:
    callers = Callers((target,))
    await callers.open()
    planned = demand.calls(even(rate))
    due = itertools.takewhile(lambda call: call.at_s < seconds, (_as(call, caller) for call in planned))
    await callers.place(due, start=mono_s(), seconds=seconds)
    await callers.finish(FINISH_S)
    callers.close()
    return callers


def _as(call: PlannedCall, caller: str) -> PlannedCall:
    return msgspec.structs.replace(call, caller=caller, withheld=False) if caller else call


def _request(host: str, method: str, number: int) -> bytes:
    return (
        f"{method} sip:110@gateway SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bKf{number};rport\r\n"
        f"From: <sip:flood{number % 97}@{STRANGER}>;tag=f{number}\r\nTo: <sip:110@gateway>\r\n"
        f"Call-ID: flood-{number}@{host}\r\nCSeq: 1 {method}\r\nContact: <sip:flood@{host}>\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def main(words: list[str]) -> int:
    """Run one flood; print how many were sent."""
    kind, host, port, seconds, rate = words
    target = (host, int(port))
    if kind == "stranger":
        print(stranger(target, float(seconds), float(rate)))
    else:
        print(uvloop.run(insane_caller(target, float(seconds), float(rate))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
