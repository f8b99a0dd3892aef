# SPDX-License-Identifier: Apache-2.0
"""Moving an order on, taking it back, and letting its unit go. What follows for others is decided elsewhere."""

from core.effects import OrderUpdated
from core.orders import ladder
from core.orders.machine import FINAL, OrderHeard, step
from core.orders.order import Order, off_the_air, told
from core.orders.stack import next_turn, stack_max
from core.state import State
from core.units.status import leave_order

NS_PER_S = 1_000_000_000
WITHDRAWN_S = 3600  # how long a withdrawal is repeated to whoever acts on the order; a guess above any drive


def move(state: State, order: Order, heard: OrderHeard, reason: str = "") -> bool:
    """Take the order's next step and tell it; False when what was heard is late or doubled."""
    after = step(order.state, heard)
    if after == order.state:
        return False
    order.state = after
    if not order.delivered_ns and heard not in ("expired", "cancelled"):
        order.delivered_ns = state.now_ns  # whoever answers has it
    if not order.signed_ns and after in {"signed", "enroute", "on_scene", "clear"}:
        order.signed_ns = state.now_ns  # going there is signing
    if after in FINAL or not ladder.awaits_signature(order):
        ladder.settle(state, order)
    state.say(told(order, OrderUpdated, at_us=state.at_us, reason=reason))
    return True


def take_back(state: State, order: Order, heard: OrderHeard, reason: str) -> None:
    """Withdraw the order, under a new version, and remember that its unit must hear of it."""
    order.version += 1
    move(state, order, heard, reason)
    _tell_withdrawn(state, order)


def recall(state: State, order: Order) -> None:
    """Tell the unit, under a new version, that an order is over which it may still take for open."""
    order.version += 1
    _tell_withdrawn(state, order)


def leave(state: State, order: Order) -> None:
    """Let the unit go, or on to its next order, and count one less at the incident."""
    assert order.state in FINAL, "only a finished order leaves its unit"
    unit = state.units[order.unit_id]
    del state.orders[order.order_id]
    leave_order(state, unit, order.order_id)
    incident = state.incidents.get(order.incident_id)
    if incident is not None:
        incident.active_orders -= 1
    if unit.order_ids and not order.stacked:
        next_turn(state, unit)


def _tell_withdrawn(state: State, order: Order) -> None:
    others = [known for known in state.withdrawn.values() if known.unit_id == order.unit_id]
    kept = stack_max(state, state.units[order.unit_id]) - 1  # with this one as many as it may have orders
    for older in others[: max(0, len(others) - kept)]:
        del state.withdrawn[older.order_id]
        state.drop_timer(f"withdrawn:{older.order_id}")
    state.withdrawn[order.order_id] = order
    state.set_timer(f"withdrawn:{order.order_id}", state.now_ns + WITHDRAWN_S * NS_PER_S)
    for act in off_the_air(order):
        state.say(act)
