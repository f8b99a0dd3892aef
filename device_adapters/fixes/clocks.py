# SPDX-License-Identifier: Apache-2.0
"""How far each device's clock is from ours, by the quickest of its fixes. Pure.

A fix cannot arrive before it was taken, so the least `arrival − tst` of a device is its clock's error and the way's
shortest time together. A backlog does not disturb a minimum; a window that ends forgets it, so that a clock that was
set right is believed again.
"""

WINDOW_S = 120
"A minimum counts in its window and in the next: a device that reports twice a minute says eight times what it is."
STEADY_WINDOWS = 3
"A clock is wrong by a known amount when so many windows in a row agree"
AGREE_S = 5  # ... within this: the spread of a mobile network's shortest way, a guess
OFF_S = 30
"An error up to this costs nobody anything: a position of that age still counts as fresh."
WEEK_S = 604_800
ROLLOVER_WEEKS = (1024, 2048)
"GPS tells weeks in ten bits: a receiver that missed the turn tells a date 1024 weeks ago, or twice that."
ROLLOVER_LATE_S = 86_400
"A rolled-over fix may have waited so long in a backlog, and still is surely one."
ROLLED_S = ROLLOVER_WEEKS[0] * WEEK_S - WINDOW_S
"Nothing that is less late has rolled over."

UNKNOWN = 1 << 60


def mended(tst: int, at_s: int) -> int:
    """Return the time a receiver meant whose week counter has rolled over; any other time as it is."""
    for weeks in ROLLOVER_WEEKS:
        meant = tst + weeks * WEEK_S
        if -WINDOW_S <= at_s - meant <= ROLLOVER_LATE_S:
            return meant
    return tst


class Clocks:
    """The clocks of a fleet, a few list cells for each unit.

    `least` and `ends` are read by whoever has a fix in hand (device_adapters.fixes.desk): `learn` needs to be
    called only for a delay below `least[index]` or an arrival from `ends[index]` on.
    """

    def __init__(self, *, correct: bool = False) -> None:
        self._correct = correct
        self.least: list[int] = []
        "Least delay of the window, s."
        self.ends: list[int] = []
        "When the window ends, s of arrival."
        self.shift: list[int] = []
        "What is added to the device's times, s; 0 unless clocks are corrected and this one is steadily wrong."
        self._before: list[int] = []
        self._agreed: list[int] = []
        self._off: list[bool] = []
        self.off = 0
        "How many clocks are wrong by more than OFF_S, as far as their last whole window says."

    def grow(self, more: int) -> None:
        """Make room for so many units more."""
        self.least.extend([UNKNOWN] * more)
        self.ends.extend([0] * more)
        self.shift.extend([0] * more)
        self._before.extend([UNKNOWN] * more)
        self._agreed.extend([0] * more)
        self._off.extend([False] * more)

    def offset_s(self, index: int) -> int | None:
        """Return the least `arrival − tst` of the last two windows; None when nothing was heard."""
        least = min(self.least[index], self._before[index])
        return None if least == UNKNOWN else least

    def learn(self, index: int, delay_s: int, at_s: int) -> None:
        """Take in a new minimum, or the first fix of a window."""
        if at_s >= self.ends[index]:
            self._turn(index)
            self.least[index] = delay_s
            self.ends[index] = at_s + WINDOW_S
        else:
            self.least[index] = delay_s
        if 0 <= delay_s < self.shift[index]:  # it arrived before it was taken: the clock has been set right
            self.shift[index] = delay_s if delay_s > OFF_S else 0

    def _turn(self, index: int) -> None:
        least, before = self.least[index], self._before[index]
        self._before[index] = least
        if least == UNKNOWN:
            return
        off = abs(least) > OFF_S
        if off != self._off[index]:
            self._off[index] = off
            self.off += 1 if off else -1
        self._agreed[index] = self._agreed[index] + 1 if abs(least - before) <= AGREE_S else 1
        if not off:
            self.shift[index] = 0
        elif self._correct and self._agreed[index] >= STEADY_WINDOWS:
            self.shift[index] = least
