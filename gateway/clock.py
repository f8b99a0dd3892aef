# SPDX-License-Identifier: Apache-2.0
"""The one source of time, and the alarms the engine asks for.

Wall time is read once, at the start, and carried on by the monotonic clock: it never steps, forward or
back, while the process lives. A step of the system's clock is reported (`offset_s`) and taken over at the next start.
"""

import asyncio
import heapq
import time
from collections.abc import Callable

ALARMS_SLACK = 4096  # dropped and moved alarms kept in the heap before it is rebuilt: 64 kB
RING_MAX = 64  # alarms rung before the loop has its turn: some 10 ms; ten thousand at once would be a second


class SystemClock:
    """Wall time that goes evenly, and monotonic time."""

    def __init__(self) -> None:
        self._mono_ns = time.monotonic_ns()
        self._wall_ns = time.time_ns()

    def wall_ns(self) -> int:
        """Return ns since 1970; never steps back within one run."""
        return self._wall_ns + time.monotonic_ns() - self._mono_ns

    def mono_s(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()

    def mono_ns(self) -> int:
        """Return ns of the monotonic clock."""
        return time.monotonic_ns()

    def offset_s(self) -> float:
        """Return by how much the system's clock has been stepped since the start."""
        return (time.time_ns() - self.wall_ns()) / 1e9


class Alarms:
    """Named alarms on the loop. Setting a name again moves it; each rings once."""

    def __init__(self, clock: SystemClock, ring: Callable[[str], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due_ns: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due_ns)

    def set(self, key: str, due_ns: int) -> None:
        """Ring with this key at this wall time (at once when it is past)."""
        self._due_ns[key] = due_ns
        heapq.heappush(self._heap, (due_ns, key))
        self._tidy()
        if self._heap[0] == (due_ns, key):
            self._arm()

    def drop(self, key: str) -> None:
        """Forget it."""
        self._due_ns.pop(key, None)
        self._tidy()

    def stop(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tidy(self) -> None:
        """Forget what was dropped or moved, when that is more than what is set."""
        if len(self._heap) > 2 * len(self._due_ns) + ALARMS_SLACK:
            self._heap = [(due_ns, name) for name, due_ns in self._due_ns.items()]
            heapq.heapify(self._heap)

    def _arm(self) -> None:
        self.stop()
        if self._heap:
            wait_s = max(0.0, (self._heap[0][0] - self._clock.wall_ns()) / 1e9)
            self._handle = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        self._handle = None
        # uvloop wakes up to 1 ms early (uvloop #739): what is not due yet is simply armed again.
        now_ns = self._clock.wall_ns()
        rung = 0
        while self._heap and self._heap[0][0] <= now_ns and rung < RING_MAX:
            due_ns, key = heapq.heappop(self._heap)
            if self._due_ns.get(key) == due_ns:
                del self._due_ns[key]
                self._ring(key)
                rung += 1
        self._arm()
