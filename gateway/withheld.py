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


class WithheldOrders:
    """Keep orders back for a reason, and let them go. Bounded by the orders the engine has open."""

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

    def release(self) -> None:
        """Nothing forbids it any more: send what still stands, in order."""
        kept, self._kept = self._kept, {}
        for order in kept.values():
            if self._stands(order):
                self._send(order)
