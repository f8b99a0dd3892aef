# SPDX-License-Identifier: Apache-2.0
"""One server, freshly started, and what can be measured on it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.compare.child import Child
from bench.compare.result import Extra, Sample
from bench.compare.sip.caller import OVER_S_MAX, Caller
from bench.compare.sip.probe import Probe
from bench.compare.sip.servers import Server, SilentError, running
from gateway.demo.child import free_udp_port

WARM_CALLS, WARM_PER_S = 5, 50.0
WARM_TRIES = 3
"Some have bound their port and do not read it yet."
IDLE_S = 0.5
SETTLE_S = 0.2
"After the last call: the last BYE's work is counted too."
ENDED_S_MAX = 3.0
"The probe waits so long for its last answer; pyVoIP lets every caller wait 1 s."


class Visit:
    """A warm server."""

    def __init__(self, server: Server, process: Child, ports: tuple[int, int], folder: Path) -> None:
        self._server = server
        self._process = process
        self._port, self._caller_port = ports
        self._folder = folder
        self._checked = False
        "Every warming call was answered right: sipp alone does not look into an answer."
        self._idle_share = 0.0
        "Seconds of CPU it uses in a second when nobody calls."

    def rate(self, calls_per_s: float) -> float:
        """Return the rate it is really asked for."""
        return min(calls_per_s, self._server.calls_per_s_max)

    def warm(self) -> None:
        """Make it import and cache what it does late, and see that it answers; then look how it idles."""
        for _ in range(WARM_TRIES):
            probed = self._probe().call(WARM_CALLS, self.rate(WARM_PER_S), ENDED_S_MAX)
            if not probed.failed:
                break
        if not probed.right:
            raise SilentError(f"none of {WARM_CALLS} calls was answered right")
        self._checked = not probed.failed
        time.sleep(SETTLE_S)
        used_s, began_s = self._process.cpu_s(), time.monotonic()
        time.sleep(IDLE_S)
        self._idle_share = (self._process.cpu_s() - used_s) / (time.monotonic() - began_s)

    def probed(self, calls: int, calls_per_s: float) -> Sample:
        """Call with the probe."""
        meter = _Meter(self._process, self._idle_share)
        probed = self._probe().call(calls, self.rate(calls_per_s), ENDED_S_MAX)
        return Sample(
            median_us=probed.quantile(0.5),
            p99_us=probed.quantile(0.99),
            cpu_us=meter.us_per_call(probed.right),
            checked=self._checked,
            wrong=_wrong(probed.failed, calls),
            extra=self._extra(calls_per_s, calls=calls, failed=probed.failed),
        )

    def called(
        self, calls: int, calls_per_s: float, *, lost_percent: int = 0, over_s_max: float = OVER_S_MAX
    ) -> Sample:
        """Call with sipp."""
        meter = _Meter(self._process, self._idle_share)
        found = self._caller(calls, calls_per_s, lost_percent, over_s_max).result()
        return Sample(
            cpu_us=meter.us_per_call(found.answered, idle_s_max=calls / self.rate(calls_per_s)),
            checked=self._checked,
            wrong=_wrong(found.failed, calls),
            extra=self._extra(
                calls_per_s, calls=calls, failed=found.failed, retransmissions=found.retransmissions
            ),
        )

    def loaded(self, calls_per_s: int, seconds: int, aside_per_s: int, *, forgotten_s: float) -> Sample:
        """Call with sipp and, beside it, with the probe; count its work until it has forgotten all calls."""
        before_mib = self._process.rss_mib()
        meter = _Meter(self._process, self._idle_share)
        calls = calls_per_s * seconds
        caller = self._caller(calls, calls_per_s, 0, OVER_S_MAX)
        probed = Probe(self._port).call(aside_per_s * seconds, aside_per_s, ENDED_S_MAX)
        found = caller.result()
        loaded_mib = self._process.rss_mib()
        time.sleep(forgotten_s)
        failed = found.failed + probed.failed
        return Sample(
            median_us=probed.quantile(0.5),
            p99_us=probed.quantile(0.99),
            cpu_us=meter.us_per_call(found.answered + probed.right),
            checked=self._checked,
            wrong=_wrong(failed, calls + probed.calls),
            extra={
                "calls": calls + probed.calls,
                "failed": failed,
                "retransmissions": found.retransmissions,
                "idle_percent": round(100 * self._idle_share, 2),
                "rss_mib_before": round(before_mib, 1),
                "rss_mib_loaded": round(loaded_mib, 1),
                "rss_mib_after": round(self._process.rss_mib(), 1),
            },
        )

    def _probe(self) -> Probe:
        return Probe(self._port, self._caller_port)

    def _caller(self, calls: int, calls_per_s: float, lost_percent: int, over_s_max: float) -> Caller:
        return Caller(
            self._port,
            self._caller_port,
            self._folder,
            calls=calls,
            calls_per_s=self.rate(calls_per_s),
            lost_percent=lost_percent,
            over_s_max=over_s_max,
        )

    def _extra(self, calls_per_s: float, **counts: int) -> dict[str, Extra]:
        asked = self.rate(calls_per_s)
        less: dict[str, Extra] = {"asked": f"{asked:g} calls/s"} if asked < calls_per_s else {}
        return {**counts, "idle_percent": round(100 * self._idle_share, 2), **less}


@contextmanager
def visit(server: Server, folder: Path) -> Iterator[Visit]:
    """Start a server and warm it; raise SilentError when it does not answer."""
    ports = free_udp_port(), free_udp_port()
    with running(server, folder, *ports) as process:
        guest = Visit(server, process, ports, folder)
        guest.warm()
        yield guest


class _Meter:
    """Counts a process's CPU from now on, less what it would have used idle."""

    def __init__(self, process: Child, idle_share: float) -> None:
        self._process, self._idle_share = process, idle_share
        self._used_s, self._began_s = process.cpu_s(), time.monotonic()

    def us_per_call(self, calls: int, *, idle_s_max: float = math.inf) -> float | None:
        """Return µs for each call so far; None when idling explains all of it.

        `idle_s_max`: of so many seconds the idle work is taken off. Who polls does so less while it works: over a
        long wait for lost calls the polls would be taken for all of its work.
        """
        time.sleep(SETTLE_S)
        idle_s = self._idle_share * min(time.monotonic() - self._began_s, idle_s_max)
        used_s = self._process.cpu_s() - self._used_s - idle_s
        return round(1e6 * used_s / calls, 1) if calls and used_s > 0 else None


def _wrong(failed: int, calls: int) -> str:
    return f"{failed} of {calls} calls failed" if failed else ""
