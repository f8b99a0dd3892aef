# SPDX-License-Identifier: Apache-2.0
"""What went over the wire in each call, from the journal: one line a message, or all of one call."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from core.events import CallAbandoned, CallEnded, CallReceived
from device_adapters.sip.trace import TraceLine, UnreadableTraceError, read_trace
from gateway.journal.reader import entries

ARROW = {True: "-->", False: "<--"}
"From the caller's side, or from us."
ADOPTED = " (taken up after a restart: the beginning is missing, and times count from there)"


def ladders(folder: Path, call: str | None) -> int:
    """Print the SIP messages of every call that is over; of one Call-ID or leg whole. Return 1 if there is none."""
    found = False
    for head, trace in _over(folder, call):
        found = True
        sys.stdout.write(f"{head}\n")
        for line in trace:
            sys.stdout.write(_whole(line) if call else _short(line))
    if not found:
        sys.stderr.write(f"gateway: no call that is over{f' is {call!r}' if call else ''}\n")
    return 0 if found else 1


def _over(folder: Path, call: str | None) -> Iterator[tuple[str, list[TraceLine]]]:
    began: dict[str, int] = {}
    for entry in entries(folder):
        if entry.type not in ("call.received", "call.ended", "call.abandoned"):
            continue
        fact = entry.fact()
        assert isinstance(fact, CallReceived | CallEnded | CallAbandoned), "the type says so"
        if isinstance(fact, CallReceived):
            began[fact.leg] = fact.at_ns
            continue
        at_ns = began.pop(fact.leg, entry.at_ns)
        if call is None or call in (fact.leg, fact.sip_call_id):
            moment = datetime.fromtimestamp(at_ns / 1e9, UTC)
            head = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z {fact.sip_call_id} {entry.type} {fact.reason}"
            try:
                trace = read_trace(fact.trace)
                adopted = trace and not trace[0].heard
                yield head + (ADOPTED if adopted else ""), trace
            except UnreadableTraceError as wrong:
                yield f"{head} (trace unreadable: {wrong})", []


def _short(line: TraceLine) -> str:
    first = line.text.partition(b"\r\n")[0]
    return f"  {line.at_ms:>8} ms {ARROW[line.heard]} {_tame(first)}\n"


def _whole(line: TraceLine) -> str:
    rows = line.text.rstrip(b"\r\n").split(b"\r\n")
    body = "".join(f"    {_tame(row)}\n" for row in rows)
    return f"  {line.at_ms:>8} ms {ARROW[line.heard]}\n{body}\n"


def _tame(octets: bytes) -> str:
    """Return what a terminal may show: a stranger wrote this, and could steer it."""
    text = octets.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "·" for letter in text)
