# SPDX-License-Identifier: Apache-2.0
"""The last door before the air: an order leaves only while no other gateway leads (docs/decisions/0010).

Two gateways must not send two cars for one call. So while another holds the lead, or before Redis was first asked,
orders are kept here, and leave when the verdict comes, if the engine still stands by them.
"""

from collections.abc import Callable

import structlog

from core.effects import Effect, OrderUnit
from core.ids import OrderId

log = structlog.get_logger()

WITHDRAWALS_MAX = 10_000
"Kept at most, as many as the broker's adapter takes at once: while another leads for days each order here ends as one."


class WithheldOrders:
    """Keep orders back for a reason, and let them go. Bounded by the orders the engine has open and WITHDRAWALS_MAX."""

    def __init__(
        self,
        send: Callable[[Effect], None],
        why_not: Callable[[], str],
        stands: Callable[[OrderUnit], bool],
    ) -> None:
        """`send` puts it on the air; `why_not` says what forbids it, or ""; `stands`: the engine still means it."""
        self._send = send
        self._why_not = why_not
        self._stands = stands
        self._kept: dict[OrderId, OrderUnit] = {}
        self._withdrawals = 0

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, order: OrderUnit) -> None:
        """Send an order or keep it; a newer word of a kept one takes its place.

        A withdrawal does, too: the order may have left before it was kept here again.
        """
        why_not = self._why_not()
        if not why_not:
            self._send(order)
            return
        kept = self._kept.get(order.order_id)
        if order.second and kept is not None:
            return  # the first channel has not had it yet
        if kept is None:
            log.warning("order_withheld", order_id=order.order_id, reason=why_not)
        self._kept[order.order_id] = order
        self._withdrawals += order.cancelled - (kept is not None and kept.cancelled)
        self._make_room()

    def release(self) -> None:
        """Nothing forbids it any more: send what still stands, in order."""
        kept, self._kept, self._withdrawals = self._kept, {}, 0
        for order in kept.values():
            if self._stands(order):
                self._send(order)

    def _make_room(self) -> None:
        """Forget the oldest withdrawal beyond the limit; an open order never."""
        if self._withdrawals > WITHDRAWALS_MAX:
            del self._kept[next(name for name, order in self._kept.items() if order.cancelled)]
            self._withdrawals -= 1
