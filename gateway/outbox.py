# SPDX-License-Identifier: Apache-2.0
"""What has been decided and may not be said yet: effects wait here until their fact is on the disk.

Order is kept: effects leave in the order of their facts. One exception, and it is the point of the house:
ringing and answering wait for the disk no longer than RING_WAIT_S. Answering beats recording.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from core.effects import AnswerCaller, Effect, RingCaller
from gateway.journal.record import Numbered

RING_WAIT_S = 0.05  # docs/decisions/0003: a caller does not hear 50 ms; a dead disk must not be heard at all

Held = Effect | Numbered
Deliver = Callable[[int, Held], None]


class Gate:
    """Hold effects back until the watermark passes their fact."""

    def __init__(self, deliver: Deliver, at_risk: Callable[[int], None]) -> None:
        """`deliver(seq, effect)` does it; `at_risk(seq)` is told of a call that rang before it was durable."""
        self._deliver = deliver
        self._at_risk = at_risk
        self._held: deque[tuple[int, Held]] = deque()
        self._urgent: deque[tuple[int, Effect, float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._thens: deque[tuple[int, Callable[[], None]]] = deque()
        self.durable_seq = 0

    def __len__(self) -> int:
        return len(self._held) + len(self._urgent) + len(self._thens)

    def hold(self, seq: int, effect: Held) -> None:
        """Take an act or a decision of fact `seq`."""
        if isinstance(effect, RingCaller | AnswerCaller):
            self._hold_urgent(seq, effect)
        else:
            self._held.append((seq, effect))

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` once fact `seq` is on the disk; at once if it is."""
        if seq <= self.durable_seq:
            then()
        else:
            self._thens.append((seq, then))

    def durable(self, seq: int) -> None:
        """The disk has come this far: let go what waited for it, callers first."""
        self.durable_seq = seq
        while self._urgent and self._urgent[0][0] <= seq:
            fact_seq, effect, _ = self._urgent.popleft()
            self._deliver(fact_seq, effect)
        while self._held and self._held[0][0] <= seq:
            self._deliver(*self._held.popleft())
        while self._thens and self._thens[0][0] <= seq:
            self._thens.popleft()[1]()

    def _hold_urgent(self, seq: int, effect: Effect) -> None:
        loop = asyncio.get_running_loop()
        self._urgent.append((seq, effect, loop.time() + RING_WAIT_S))
        if self._alarm is None:
            self._alarm = loop.call_later(RING_WAIT_S, self._overdue)

    def _overdue(self) -> None:
        self._alarm = None
        loop = asyncio.get_running_loop()
        told = 0
        while self._urgent and self._urgent[0][2] <= loop.time():
            seq, effect, _ = self._urgent.popleft()
            if seq != told:
                self._at_risk(seq)
                told = seq
            self._deliver(seq, effect)
        if self._urgent:
            self._alarm = loop.call_at(self._urgent[0][2], self._overdue)
