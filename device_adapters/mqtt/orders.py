# SPDX-License-Identifier: Apache-2.0
"""Orders on their way to the broker: kept until it confirms them, in order, one on the way at a time. Pure.

What was not confirmed when a connection ended goes again on the next one; the radio knows an order again by
`order_id` and `version`.
"""

from collections import deque
from typing import Literal

import msgspec

from core.effects import OrderUnit
from device_adapters.mqtt import codec, topics

EXPIRY_S_MAX = 2**32 - 1  # MQTT 5, 3.3.2.3.3: four bytes
LOST_IN_FRONT_MAX = 3  # then the next may try: a broker hangs up on what its ACL denies (mosquitto 2.0.11)
Put = Literal["taken", "full"]


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message to publish at QoS 1; the last three travel with MQTT 5 only."""

    topic: str
    payload: bytes
    expiry_s: int | None = None
    reply_to: str = ""
    correlation: bytes = b""


def as_message(order: OrderUnit, now_s: int) -> Outgoing:
    """Return the order as it is published. A withdrawal never expires: better late than never."""
    return Outgoing(
        topic=topics.orders(order.county, order.unit_id),
        payload=codec.encode_order(order),
        expiry_s=None if order.cancelled else min(EXPIRY_S_MAX, max(1, order.deadline - now_s)),
        reply_to=topics.acks(order.county, order.unit_id),
        correlation=order.order_id.encode(),
    )


class Orders:
    """A bounded line of orders; the first may be on its way."""

    def __init__(self, pending_max: int) -> None:
        self._pending_max = pending_max
        self._line: deque[OrderUnit] = deque()
        self._mid: int | None = None
        self._sent_at_s = 0.0
        self._lost_in_front = 0
        self.sent = 0
        self.confirmed = 0
        self.expired = 0
        self.refused = 0

    def __len__(self) -> int:
        """Return how many wait or are on their way."""
        return len(self._line)

    def put(self, order: OrderUnit, now_s: int) -> Put:
        """Add at the end; when full, orders past their deadline make room, then it is `full`."""
        if len(self._line) >= self._pending_max:
            self._drop_expired(now_s)
        if len(self._line) >= self._pending_max:
            self.refused += 1
            return "full"
        self._line.append(order)
        return "taken"

    def due(self, now_s: int) -> OrderUnit | None:
        """Return the order to publish now, or None: nothing waits, or one is on its way."""
        if self._mid is not None:
            return None
        while self._line and _expired(self._line[0], now_s):
            self._line.popleft()
            self.expired += 1
        return self._line[0] if self._line else None

    def on_its_way(self, mid: int, mono_s: float) -> None:
        """Note that the first order was published as message `mid`."""
        assert self._mid is None, "two orders on their way"
        self._mid = mid
        self._sent_at_s = mono_s
        self.sent += 1

    def settle(self, mid: int, *, refused: bool) -> OrderUnit | None:
        """Take the broker's answer to message `mid`; return the order if it was one of ours."""
        if mid != self._mid:
            return None
        self._mid = None
        self._lost_in_front = 0
        if refused:
            self.refused += 1
        else:
            self.confirmed += 1
        return self._line.popleft()

    def lost(self) -> None:
        """Note that the connection ended: what is unconfirmed goes again, at last from the end of the line."""
        if self._mid is None:
            return
        self._mid = None
        self._lost_in_front += 1
        if self._lost_in_front >= LOST_IN_FRONT_MAX:
            self._lost_in_front = 0
            self._line.rotate(-1)

    def overdue(self, mono_s: float, s_max: float) -> bool:
        """Return whether the broker has owed an answer for too long."""
        return self._mid is not None and mono_s - self._sent_at_s > s_max

    def _drop_expired(self, now_s: int) -> None:
        first = self._line.popleft() if self._mid is not None else None
        kept = [order for order in self._line if not _expired(order, now_s)]
        self.expired += len(self._line) - len(kept)
        self._line = deque(kept)
        if first is not None:
            self._line.appendleft(first)


def _expired(order: OrderUnit, now_s: int) -> bool:
    return not order.cancelled and order.deadline <= now_s
