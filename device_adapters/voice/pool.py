# SPDX-License-Identifier: Apache-2.0
"""The ports for voice: each of one leg at a time, the longest unused first. Pure."""

from collections import deque
from collections.abc import Iterable

from core.ids import Leg


def even(port_min: int, port_max: int) -> range:
    """Return the ports of a range that voice may have: the odd one above belongs to its RTCP (RFC 3550 11)."""
    return range(port_min + port_min % 2, port_max + 1, 2)


class PortPool:
    """Who has which port. A port that was given back waits longest before it is given again.

    What is still on its way to the caller before does not reach the next one.
    """

    def __init__(self, ports: Iterable[int], legs_max: int, begin: int = 0) -> None:
        """`begin` turns the row, so that two processes in a row do not begin with the same ports."""
        self._free = deque(ports)
        self._free.rotate(-begin)
        self._legs_max = legs_max
        self._legs: dict[Leg, int] = {}
        self._barred: set[int] = set()

    def __len__(self) -> int:
        return len(self._legs)

    def take(self, leg: Leg) -> int:
        """Return the leg's port, the one it has if it has one; 0 when none is free."""
        port = self._legs.get(leg, 0)
        if port:
            return port
        if len(self._legs) >= self._legs_max:
            return 0
        for _ in range(len(self._free)):
            port = self._free.popleft()
            if port not in self._barred:
                self._legs[leg] = port
                return port
            self._free.append(port)
        return 0

    def of(self, leg: Leg) -> int:
        """Return the port a leg has; 0 when it has none."""
        return self._legs.get(leg, 0)

    def release(self, leg: Leg) -> bool:
        """Take the leg's port back; False when it had none."""
        port = self._legs.pop(leg, 0)
        if port:
            self._free.append(port)
        return port > 0

    def bar(self, ports: Iterable[int]) -> None:
        """Give these to nobody: other programs have them. Replaces what was barred before."""
        self._barred = set(ports)
