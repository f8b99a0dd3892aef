# SPDX-License-Identifier: Apache-2.0
"""How the gateway is: the counters of every part, whether calls can be taken, and how late the loop runs."""

import asyncio
import time
from collections.abc import Callable, Mapping
from resource import RUSAGE_SELF, getrusage

from gateway.notify import notify

LAG_EVERY_S = 0.25  # the loop is asked four times a second how late it wakes

Part = Callable[[], Mapping[str, int]]


class Watch:
    """Ask every part for its statistics; judge readiness."""

    def __init__(self, clock_offset_s: Callable[[], float]) -> None:
        """`clock_offset_s` says by how much the system's clock was stepped since the start."""
        self._clock_offset_s = clock_offset_s
        self._parts: dict[str, Part] = {}
        self._unready: dict[str, str] = {"start": "starting"}
        self._degraded: Callable[[], Mapping[str, str]] = dict
        self.loop_lag_ms_max = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def add(self, name: str, part: Part) -> None:
        """Include a part under this name."""
        self._parts[name] = part

    def unready(self, reason: str, text: str) -> None:
        """Say why calls cannot be taken."""
        self._unready[reason] = text

    def ready(self, reason: str) -> None:
        """Take a reason back. What held the loop up while it started counts no more: nobody waited for it."""
        self._unready.pop(reason, None)
        self.loop_lag_ms_max = 0.0

    def degraded(self, reasons: Callable[[], Mapping[str, str]]) -> None:
        """Say who knows what is away; calls are taken all the same."""
        self._degraded = reasons

    @property
    def away(self) -> dict[str, str]:
        """What is away, and why."""
        return dict(self._degraded())

    @property
    def reasons(self) -> dict[str, str]:
        """Why calls cannot be taken; empty when they can."""
        return dict(self._unready)

    def statistics(self) -> dict[str, dict[str, int]]:
        """Return every part's counters."""
        found = {name: dict(part()) for name, part in self._parts.items()}
        usage = getrusage(RUSAGE_SELF)
        found["process"] = {
            "loop_lag_us_max": int(self.loop_lag_ms_max * 1000),
            "clock_offset_ms": int(self._clock_offset_s() * 1000),
            "rss_peak_kib": usage.ru_maxrss,
            "cpu_ms": int((usage.ru_utime + usage.ru_stime) * 1000),
        }
        return found

    def start(self) -> None:
        """Start measuring the loop's lag."""
        self._again()

    def stop(self) -> None:
        """Stop measuring."""
        if self._handle is not None:
            self._handle.cancel()

    def _again(self) -> None:
        due = time.monotonic() + LAG_EVERY_S
        self._handle = asyncio.get_running_loop().call_later(LAG_EVERY_S, self._woke, due)

    def _woke(self, due: float) -> None:
        notify("WATCHDOG=1")  # systemd restarts a loop that has not turned for WatchdogSec
        self.loop_lag_ms_max = max(self.loop_lag_ms_max, (time.monotonic() - due) * 1000)
        self._again()
