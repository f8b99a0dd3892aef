# SPDX-License-Identifier: Apache-2.0
"""Orders on their way to the broker: kept until it confirms them, in order for each unit, several at a time. Pure.

What was not confirmed when a connection ended goes again on the next one; the radio knows an order again by
`order_id` and `version`.
"""

from collections import OrderedDict, deque
from typing import Literal

import msgspec

from core.effects import OrderUnit
from core.ids import CountyCode, UnitId
from device_adapters.mqtt import codec, topics

EXPIRY_S_MAX = 2**32 - 1  # MQTT 5, 3.3.2.3.3: four bytes
WINDOW = 16  # on their way at a time: paho and mosquitto's default stop at 20
LOST_MAX = (
    3  # connections; then all others come first: a broker hangs up on what its ACL denies (mosquitto 2.0.11)
)
ORDERS_IN_A_ROW = (
    4  # then one who only has withdrawals to hear: a car that drives in vain is missed elsewhere
)
Put = Literal["taken", "full"]
Listener = tuple[CountyCode, UnitId]


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message to publish at QoS 1; the last three travel with MQTT 5 only."""

    topic: str
    payload: bytes
    expiry_s: int | None = None
    reply_to: str = ""
    correlation: bytes = b""


def as_message(order: OrderUnit, now_s: int) -> Outgoing:
    """Return the order as it is published. Better late than never: a withdrawal, and what supersedes another."""
    channel = topics.alerts if order.second else topics.orders
    return Outgoing(
        topic=channel(order.county, order.unit_id),
        payload=codec.encode_order(order),
        expiry_s=None if _lasts(order) else min(EXPIRY_S_MAX, max(1, order.deadline - now_s)),
        reply_to=topics.acks(order.county, order.unit_id),
        correlation=order.order_id.encode(),
    )


class _Line(msgspec.Struct):
    """What one unit is still to hear; the first may be on its way."""

    waiting: deque[OrderUnit]
    on_its_way: bool = False
    losses: int = 0
    "Connections that ended while its first was on its way, since the last answer."

    @property
    def urgent(self) -> bool:
        """True while there is more than withdrawals to hear."""
        return not all(order.cancelled for order in self.waiting)


class Orders:
    """A bounded number of orders, a line for each unit; of each line the first may be on its way.

    Units with an order to hear go before those with withdrawals alone. Whose message was on its way when a connection
    ended go first and one at a time: one of them may be why it ended.
    """

    def __init__(self, pending_max: int, window: int = WINDOW) -> None:
        self._pending_max = pending_max
        self._window = window
        self._lines: dict[Listener, _Line] = {}
        self._suspects: OrderedDict[Listener, None] = OrderedDict()
        self._urgent: OrderedDict[Listener, None] = OrderedDict()
        self._calm: OrderedDict[Listener, None] = OrderedDict()
        self._last: OrderedDict[Listener, None] = OrderedDict()
        self._sent: OrderedDict[int, tuple[Listener, float]] = OrderedDict()
        "{message id: whose, since when}, the oldest first."
        self._next: Listener | None = None
        self._in_a_row = 0
        self._waiting = 0
        self.sent = 0
        self.confirmed = 0
        self.expired = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return how many wait or are on their way."""
        return self._waiting

    def put(self, order: OrderUnit, now_s: int) -> Put:
        """Add at the end of its unit's line, or in the place of an older word of the same order that waits there.

        When full, orders past their deadline make room, then it is `full`.
        """
        whose = (order.county, order.unit_id)
        line = self._lines.get(whose)
        if line is not None and (replaced := _replace(line, order)):
            self._waiting -= replaced - 1
            self._rank(whose, line)
            return "taken"
        if self._waiting >= self._pending_max:
            self._drop_expired(now_s)
        if self._waiting >= self._pending_max:
            self.refused += 1
            return "full"
        line = self._lines.setdefault(whose, _Line(deque()))
        line.waiting.append(order)
        self._waiting += 1
        self._rank(whose, line)
        return "taken"

    def due(self, now_s: int) -> OrderUnit | None:
        """Return the order to publish now, or None: nobody waits, or as many as may be are on their way."""
        self._next = None
        while (whose := self._turn()) is not None:
            line = self._lines[whose]
            while line.waiting and _expired(line.waiting[0], now_s):
                line.waiting.popleft()
                self._waiting -= 1
                self.expired += 1
            if line.waiting:
                self._next = whose
                return line.waiting[0]
            self._rank(whose, line)
        return None

    def on_its_way(self, mid: int, mono_s: float) -> None:
        """Note that the order which was due was published as message `mid`."""
        assert self._next is not None, "nothing was due"
        whose, self._next = self._next, None
        self._in_a_row = self._in_a_row + 1 if whose in self._urgent else 0
        self._lines[whose].on_its_way = True
        self._rank(whose, self._lines[whose])
        self._sent[mid] = (whose, mono_s)
        self.sent += 1

    def settle(self, mid: int, *, refused: bool) -> OrderUnit | None:
        """Take the broker's answer to message `mid`; return the order if it was one of ours."""
        whose, _ = self._sent.pop(mid, (None, 0.0))
        if whose is None:
            return None
        line = self._lines[whose]
        line.on_its_way, line.losses = False, 0
        order = line.waiting.popleft()
        self._waiting -= 1
        if refused:
            self.refused += 1
        else:
            self.confirmed += 1
        self._rank(whose, line)
        return order

    def lost(self) -> None:
        """Note that the connection ended: what is unconfirmed goes again, at last behind all others."""
        gone = [whose for whose, _ in self._sent.values()]
        self._sent.clear()
        for whose in gone:
            line = self._lines[whose]
            line.on_its_way = False
            line.losses += 1
            self._rank(whose, line)

    def overdue(self, mono_s: float, s_max: float) -> bool:
        """Return whether the broker has owed an answer for too long."""
        return bool(self._sent) and mono_s - next(iter(self._sent.values()))[1] > s_max

    def _turn(self) -> Listener | None:
        """Return whose turn it is, if another may be on its way now."""
        if self._suspects:
            return None if self._sent else next(iter(self._suspects))
        if len(self._sent) >= self._window or any(
            self._lines[sent].losses for sent, _ in self._sent.values()
        ):
            return None
        if self._urgent or self._calm:
            calm_now = self._calm and (not self._urgent or self._in_a_row >= ORDERS_IN_A_ROW)
            return next(iter(self._calm if calm_now else self._urgent))
        return None if self._sent else next(iter(self._last), None)

    def _rank(self, whose: Listener, line: _Line) -> None:
        """Put a unit where it belongs: nowhere while its first is on its way, or with nothing to hear."""
        if not line.waiting:
            del self._lines[whose]
        if line.losses:
            belongs = self._suspects if line.losses < LOST_MAX else self._last
        else:
            belongs = self._urgent if line.urgent else self._calm
        for turns in (self._suspects, self._urgent, self._calm, self._last):
            if turns is belongs and line.waiting and not line.on_its_way:
                turns.setdefault(whose)
            else:
                turns.pop(whose, None)

    def _drop_expired(self, now_s: int) -> None:
        for whose, line in list(self._lines.items()):
            first = line.waiting.popleft() if line.on_its_way else None
            kept = deque(order for order in line.waiting if not _expired(order, now_s))
            dropped = len(line.waiting) - len(kept)
            if first is not None:
                kept.appendleft(first)
            line.waiting = kept
            self.expired += dropped
            self._waiting -= dropped
            self._rank(whose, line)


def _replace(line: _Line, order: OrderUnit) -> int:
    """Let it take the place of what waits there and says less of the same order; return how many those were."""
    waiting = line.waiting
    stale = [
        n
        for n, older in enumerate(waiting)
        if older.order_id == order.order_id
        and (older.second == order.second or older.version < order.version)
        and not (n == 0 and line.on_its_way)
    ]
    if stale:
        waiting[stale[0]] = order
        for n in reversed(stale[1:]):
            del waiting[n]
    return len(stale)


def _lasts(order: OrderUnit) -> bool:
    return order.cancelled or order.supersedes > 0


def _expired(order: OrderUnit, now_s: int) -> bool:
    return not _lasts(order) and order.deadline <= now_s
