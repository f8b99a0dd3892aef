# SPDX-License-Identifier: Apache-2.0
"""What the machine in a car makes of the orders it hears: each once, the newest version, several in turn. Pure.

A device knows an order by `order_id` and `version`, however often and by whichever channel it comes.
"""

from dataclasses import dataclass, field
from enum import Enum

import msgspec

DUTIES_MAX = 4
"One served, three waiting; more than any desk stacks on one car, a guess."
SEEN_MAX = 500
"Orders remembered: some days of one car."


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a radio reads of an order."""

    order_id: str
    version: int = 1
    lat: float | None = None
    lon: float | None = None
    cancelled: bool = False
    alert: int = 0
    "Above 0: the same order again, louder."


class Heard(Enum):
    """What an order is to this device."""

    NEW = "new"
    CHANGED = "changed"
    DROPPED = "dropped"
    BEEP = "told again, louder"
    AGAIN = "told again"
    OLDER = "a version that another has taken the place of"
    FULL = "one too many"


class Stage(Enum):
    """How far a duty has come."""

    TOLD = "told"
    SIGNED = "signed"
    ENROUTE = "enroute"
    ON_SCENE = "on_scene"


@dataclass(slots=True, eq=False)
class Duty:
    """An order and what has become of it."""

    order: Order
    stage: Stage = Stage.TOLD
    over: bool = False
    leg: int = 0
    "Counts the ways begun: an arrival of a way that was changed is none."


@dataclass(slots=True)
class Handset:
    """The orders of one car; the first of `duties` is served."""

    duties: list[Duty] = field(default_factory=list)
    beeps: int = 0
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    "{order id: newest version, loudest alert of it}, the newest order last."

    def take(self, order: Order) -> tuple[Heard, Duty | None]:
        """Return what the order is, and its duty where there is one."""
        version, alert = self._seen.get(order.order_id, (0, 0))
        duty = self.find(order.order_id)
        if order.version < version:
            return Heard.OLDER, duty
        if order.cancelled:
            self._remember(order)
            return (Heard.DROPPED if duty is not None else Heard.AGAIN), duty
        if order.version == version:
            if order.alert <= alert or duty is None:
                return Heard.AGAIN, duty
            self._remember(order)
            self.beeps += 1
            return Heard.BEEP, duty
        if duty is not None:
            self._remember(order)
            duty.order = order
            return Heard.CHANGED, duty
        if len(self.duties) >= DUTIES_MAX:
            return Heard.FULL, None
        self._remember(order)
        self.duties.append(Duty(order))
        return Heard.NEW, self.duties[-1]

    def find(self, order_id: str) -> Duty | None:
        """Return the open duty of an order."""
        return next((duty for duty in self.duties if duty.order.order_id == order_id), None)

    def end(self, duty: Duty) -> None:
        """Take a duty off the list; the next one is served."""
        duty.over = True
        self.duties.remove(duty)

    def _remember(self, order: Order) -> None:
        self._seen.pop(order.order_id, None)
        self._seen[order.order_id] = (order.version, order.alert)
        if len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
