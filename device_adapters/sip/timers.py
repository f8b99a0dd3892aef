# SPDX-License-Identifier: Apache-2.0
"""All deadlines of one endpoint in one heap: dropped lazily, swept before the dead outnumber the living."""

from collections.abc import Hashable
from enum import Enum, auto
from heapq import heapify, heappop, heappush

SWEEP_MIN = 64
"Below this many entries a sweep is not worth its time (guess)."


class Timer(Enum):
    """What a deadline is for. Letters are RFC 3261 17 and RFC 6026."""

    __hash__ = object.__hash__  # members are single; Enum's own hash is a Python call for every deadline
    A = auto()
    B = auto()
    C = auto()
    D = auto()
    E = auto()
    F = auto()
    G = auto()
    H = auto()
    I = auto()  # noqa: E741 - the RFC's letter
    J = auto()
    K = auto()
    L = auto()
    M = auto()
    OK = auto()
    "Say 200 again until the ACK (13.3.1.4)."
    RING = auto()
    "Say 180 again (13.3.1.1)."
    EXPIRES = auto()
    "The INVITE's own limit (13.3.1)."
    BACKLOG = auto()
    "Tell of a call that waited behind others (backlog.py)."
    RELIABLE = auto()
    "Say a reliable 18x again until its PRACK (RFC 3262 3)."
    SESSION = auto()
    "Refresh the session, or give it up (RFC 4028 10)."
    REFRESH_AGAIN = auto()
    "Our refresh met theirs: once more (RFC 3261 14.1)."


class Timers:
    """Deadlines by (timer, owner). Setting one again moves it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer, Hashable]] = []
        self._live: dict[tuple[Timer, Hashable], int] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._live)

    def set(self, timer: Timer, owner: Hashable, due: float) -> None:
        """Set or move a deadline."""
        self._count += 1
        self._live[timer, owner] = self._count
        heappush(self._heap, (due, self._count, timer, owner))
        if len(self._heap) > SWEEP_MIN + 2 * len(self._live):
            self._heap = [entry for entry in self._heap if self._live.get(entry[2:]) == entry[1]]
            heapify(self._heap)

    def drop(self, timer: Timer, owner: Hashable) -> None:
        """Forget a deadline, if it is set."""
        self._live.pop((timer, owner), None)

    def next_due(self) -> float | None:
        """Return the earliest deadline."""
        heap = self._heap
        while heap and self._live.get(heap[0][2:]) != heap[0][1]:
            heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> tuple[Timer, Hashable] | None:
        """Take the earliest deadline that has come, or None."""
        due = self.next_due()
        if due is None or due > now:
            return None
        _, _, timer, owner = heappop(self._heap)
        del self._live[timer, owner]
        return timer, owner
