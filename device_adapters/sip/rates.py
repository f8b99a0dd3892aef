# SPDX-License-Identifier: Apache-2.0
"""How often: so many a second with a burst, and how many calls of one number within the hour."""

from array import array
from collections import OrderedDict

from core.calls.number import plain

NS = 1_000_000_000
SLOT_S = 300
SLOTS = 12
"An hour of five minutes each: a count is of the last 55 to 60 minutes."
COUNT_MAX = 65_535
"Calls of one slot; an unsigned short holds no more. 200 a second are not told from 300."
CALLER_CHARS_MAX = 64
"Of a number, to know it again: E.164 has 15 digits. A SIP user part may fill a datagram."


class Bucket:
    """A token bucket: `per_s` a second, `burst` at once after a pause.

    In whole nanoseconds and billionths of a token, so that no rounding ever lets one more through.
    """

    __slots__ = ("_at_ns", "_full", "_held", "_per_s")

    def __init__(self, per_s: int, burst: int) -> None:
        self._per_s = per_s
        self._full = burst * NS
        self._held = self._full
        self._at_ns: int | None = None

    def has(self, now: float) -> bool:
        """Tell whether one may pass now; takes nothing. A time before the last one counts as the last one."""
        at_ns = int(now * NS)
        if self._at_ns is None:
            self._at_ns = at_ns
        elif at_ns > self._at_ns:
            self._held = min(self._full, self._held + (at_ns - self._at_ns) * self._per_s)
            self._at_ns = at_ns
        return self._held >= NS

    def take(self, now: float, many: int = 1) -> bool:
        """Let so many pass if one may: what is more than there is, is owed."""
        if not self.has(now):
            return False
        self._held -= many * NS
        return True

    def owe(self, now: float, many: int) -> float:
        """Let so many pass, come what may; return in how many seconds they are paid for."""
        self.has(now)
        self._held -= many * NS
        return max(0, -self._held) / (self._per_s * NS)


class _Count:
    """The calls of one number: a slot for each five minutes, over and over."""

    __slots__ = ("slot", "slots", "total")

    def __init__(self, slot: int) -> None:
        self.slots = array("H", (0,) * SLOTS)
        self.slot = slot
        "Since the clock began; the newest one that holds calls."
        self.total = 0

    def turn_to(self, slot: int) -> None:
        """Empty the slots that are an hour old."""
        for passed in range(self.slot + 1, min(slot, self.slot + SLOTS) + 1):
            self.total -= self.slots[passed % SLOTS]
            self.slots[passed % SLOTS] = 0
        self.slot = max(slot, self.slot)

    def add(self) -> None:
        here = self.slot % SLOTS
        if self.slots[here] < COUNT_MAX:
            self.slots[here] += 1
            self.total += 1


class CallerCounts:
    """How often each number called within the last hour. The longest silent are forgotten first."""

    def __init__(self, callers_max: int) -> None:
        self._callers_max = callers_max
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def look(self, caller: str, now: float) -> int:
        """Return how often a number called within the hour; 0 for a withheld one."""
        count = self._counts.get(plain(caller[:CALLER_CHARS_MAX]))
        if count is None:
            return 0
        count.turn_to(int(now // SLOT_S))
        return count.total

    def add(self, caller: str, now: float) -> int:
        """Count a call; return how many this makes within the hour, 0 when nobody can be told by the number."""
        key = plain(caller[:CALLER_CHARS_MAX])
        if not key:
            return 0
        slot = int(now // SLOT_S)
        count = self._counts.get(key)
        if count is None:
            self._make_room(slot)
            count = self._counts[key] = _Count(slot)
        else:
            self._counts.move_to_end(key)
        count.turn_to(slot)
        count.add()
        return count.total

    def _make_room(self, slot: int) -> None:
        """Forget one that was silent for an hour, if any: who calls anew pays for one who left."""
        if self._counts:
            oldest, count = next(iter(self._counts.items()))
            if count.slot <= slot - SLOTS or len(self._counts) >= self._callers_max:
                del self._counts[oldest]
