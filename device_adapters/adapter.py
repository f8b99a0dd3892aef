# SPDX-License-Identifier: Apache-2.0
"""What every adapter is: it runs, feeding facts to the door, and is sent effects that are due."""

from collections.abc import Callable
from typing import Protocol

from core.effects import Effect
from core.events import Fact


class Clock(Protocol):
    """The two times there are. Tests hand in one that they move themselves."""

    def wall_ns(self) -> int:
        """Return ns since 1970; never steps back within one run. For `at_ns`."""
        ...

    def mono_s(self) -> float:
        """Return seconds of a clock that only ever goes forward evenly. For durations and timers."""
        ...


class Door(Protocol):
    """The one door into the gateway (gateway.pipeline.Pipeline)."""

    def feed(self, fact: Fact) -> int:
        """Take the fact all the way to the outboxes, without waiting; return its sequence number."""
        ...

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` on the loop once fact `seq` is on the disk (at once if it already is)."""
        ...


class Adapter(Protocol):
    """A neighbour's side of the house."""

    name: str

    async def run(self, door: Door) -> None:
        """Serve until `stop()`. Returns only then."""
        ...

    def send(self, effect: Effect) -> None:
        """Do it. Called when the fact behind it is durable; never waits."""
        ...

    def stop(self) -> None:
        """Ask `run` to return soon. Never cancels: on 3.11 a cancel can be swallowed (aiomqtt)."""
        ...

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        ...
