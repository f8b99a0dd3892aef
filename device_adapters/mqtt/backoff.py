# SPDX-License-Identifier: Apache-2.0
"""How long to wait before the next attempt: doubling, with jitter, so that gateways do not knock all at once.

Pure: chance comes in.
"""

from collections.abc import Callable

DOUBLINGS_MAX = 30  # 2**30 times any first pause is above every bound


class Backoff:
    """Pauses between `s_min / 2` and `s_max`."""

    def __init__(self, s_min: float, s_max: float, chance: Callable[[], float]) -> None:
        self._s_min = s_min
        self._s_max = s_max
        self._chance = chance
        self._failures = 0

    def next_s(self) -> float:
        """Return the next pause: half to all of `s_min * 2**failures`, never above `s_max`."""
        whole = min(self._s_max, self._s_min * 2.0**self._failures)
        self._failures = min(self._failures + 1, DOUBLINGS_MAX)
        return whole * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._failures = 0
