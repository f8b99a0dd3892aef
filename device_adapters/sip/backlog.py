# SPDX-License-Identifier: Apache-2.0
"""The calls of numbers that insist: they wait on 100 Trying behind everybody else, and none is refused for it.

A number that rings three hundred times a second would take all the time there is. What costs time is everything that
follows from a call, not the INVITE; so what is put off is telling of it.
"""

from collections import OrderedDict

from core.ids import Leg
from device_adapters.sip.events import Invited
from device_adapters.sip.rates import Bucket
from device_adapters.sip.station import Station
from device_adapters.sip.timers import Timer

BURST_S = 0.2
"Of the pace, at once after a pause: a handful."


class Backlog:
    """Legs nobody has been told of yet, in the order they rang. As many as there may be legs at all."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._insistent = station.settings.insistent_per_hour
        self._turn_s = 1 / station.settings.insistent_per_s
        self._pace = Bucket(
            station.settings.insistent_per_s, max(1, int(station.settings.insistent_per_s * BURST_S))
        )
        self._waiting: OrderedDict[Leg, Invited] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, told: Invited, now: float) -> None:
        """Tell of a call, now or in its turn."""
        insists = told.calls_in_hour >= self._insistent
        if not insists or (not self._waiting and self._pace.take(now)):
            self._station.events.append(told)
            return
        self._station.counters["insistent_waited"] += 1
        self._waiting[told.leg] = told
        if len(self._waiting) == 1:
            self._next(now)

    def release(self, leg: Leg, now: float) -> None:
        """Tell of a leg that waits: its turn has come, or it is over and must not be unheard of."""
        told = self._waiting.pop(leg, None)
        if told is None:
            return
        self._station.timers.drop(Timer.BACKLOG, leg)
        self._station.events.append(told)
        self._next(now)

    def _next(self, now: float) -> None:
        if self._waiting:
            self._station.timers.set(Timer.BACKLOG, next(iter(self._waiting)), now + self._turn_s)
