# SPDX-License-Identifier: Apache-2.0
"""Whether a service is there. Pure.

One that is away is not asked, but for one caller's question after each pause: the answer tells. The pause
doubles. Nothing is asked that a caller did not bring, so what is told lags behind as long as nobody calls.
"""


class Breaker:
    """One service."""

    def __init__(self, failures_max: int, pause_s_min: float, pause_s_max: float) -> None:
        self._failures_max = failures_max
        self._pause_s_min = pause_s_min
        self._pause_s_max = pause_s_max
        self._failures = 0
        self._pause_s = pause_s_min
        self._next_at = 0.0
        self.away = False

    def may_ask(self, now: float) -> bool:
        """Tell whether to ask now; while it is away that takes the one question of this pause."""
        if not self.away:
            return True
        if now < self._next_at:
            return False
        self._pause(now)
        return True

    def answered(self) -> bool:
        """It speaks; tell whether it was away."""
        was_away, self.away, self._failures = self.away, False, 0
        return was_away

    def failed(self, now: float) -> bool:
        """It did not; tell whether it counts as away from now on."""
        if self.away:
            return False  # asked before it went, or the question of a pause
        self._failures += 1
        if self._failures < self._failures_max:
            return False
        self.away = True
        self._pause_s = self._pause_s_min
        self._pause(now)
        return True

    def _pause(self, now: float) -> None:
        self._next_at = now + self._pause_s
        self._pause_s = min(self._pause_s_max, 2 * self._pause_s)
