# SPDX-License-Identifier: Apache-2.0
"""Who of those we ask is away, told to the house once when they go and once when they are back."""

from collections.abc import Callable

import structlog

from core.events import Fact, NeighbourBack, NeighbourGone
from device_adapters.adapter import Clock

REASON_CHARS_MAX = 200
"Of an error's text in a fact; a guess."

log = structlog.get_logger(__name__)


class Neighbours:
    """By name: `lookup:phone`, `lookup:held`, `lookup:tables`, `lookup:https`."""

    def __init__(self, clock: Clock, feed: Callable[[Fact], None]) -> None:
        self._clock = clock
        self._feed = feed
        self._away: set[str] = set()

    def gone(self, name: str, reason: str) -> None:
        """Tell, unless it was away already."""
        if name in self._away:
            return
        self._away.add(name)
        reason = reason[:REASON_CHARS_MAX]
        log.warning("neighbour_gone", name=name, reason=reason)
        self._feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=name, reason=reason))

    def back(self, name: str) -> None:
        """Tell, if it was away."""
        if name not in self._away:
            return
        self._away.discard(name)
        log.info("neighbour_back", name=name)
        self._feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=name))
