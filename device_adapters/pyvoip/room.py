# SPDX-License-Identifier: Apache-2.0
"""How many callers may come in at once and in a second. Pure; `now` is an argument."""


class Room:
    """A bucket of one second's calls, and a count of those held."""

    def __init__(self, calls_max: int, calls_per_s: int) -> None:
        self._calls_max = calls_max
        self._calls_per_s = calls_per_s
        self._left = float(calls_per_s)
        self._at: float | None = None

    def refusal(self, held: int, now: float) -> str:
        """Return why one more cannot be taken, as a counter's name, or "" and take it."""
        if self._at is not None:
            self._left = min(self._calls_per_s, self._left + (now - self._at) * self._calls_per_s)
        self._at = now
        if held >= self._calls_max:
            return "refused_full"
        if self._left < 1:
            return "refused_rate"
        self._left -= 1
        return ""
