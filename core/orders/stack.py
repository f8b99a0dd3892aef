# SPDX-License-Identifier: Apache-2.0
"""Several orders of one unit: the first is the one it works on, the others wait their turn.

Only a desk gives a unit more than one, up to `stack_max` of its police type. What the unit says of an order that waits
does not change what it is doing; but where it drives to is what it works on.
"""

from core.effects import OrderState, OrderUpdated
from core.events import UnitStatus
from core.incidents.incident import Incident
from core.orders import ladder
from core.orders.order import Order, on_the_air, told
from core.state import State
from core.units.columns import Barred
from core.units.status import barred, take_status
from core.units.unit import Unit

STATUS_IN: dict[OrderState, UnitStatus] = {
    "issued": "dispatched",
    "delivered": "dispatched",
    "signed": "acknowledged",
    "enroute": "enroute",
    "on_scene": "on_scene",
}
"What a unit does whose turn to this order has come."
ITS_OWN = frozenset({"emergency", "off_duty", "out_of_service", "transporting", "at_destination"})
"What a unit says of itself and no order changes."


def stack_max(state: State, unit: Unit) -> int:
    """Return how many orders the unit may have at once."""
    return state.settings.stack_max.get(unit.entry.police_type, 1)


def may_stack(state: State, incident: Incident, unit: Unit) -> bool:
    """Tell whether a desk may give this busy unit one order more."""
    if barred(unit) is not Barred.BUSY or not 0 < len(unit.order_ids) < stack_max(state, unit):
        return False
    return all(state.orders[name].incident_id != incident.incident_id for name in unit.order_ids)


def drive_first(state: State, unit: Unit, order: Order) -> None:
    """The unit works on this order, whatever was its turn."""
    if not order.stacked:
        return
    before = state.orders[unit.order_ids[0]]
    unit.order_ids.remove(order.order_id)
    unit.order_ids.insert(0, order.order_id)
    order.stacked, before.stacked = False, True
    state.touch_unit(unit)
    reason = f"{order.order_id} goes first"
    for one in (order, before):
        state.say(told(one, OrderUpdated, at_us=state.at_us, reason=reason))


def next_turn(state: State, unit: Unit) -> None:
    """What the unit worked on is over: the next of its orders is what it works on, with time to sign it."""
    order = state.orders[unit.order_ids[0]]
    order.stacked = False
    if unit.status not in ITS_OWN:
        take_status(state, unit, STATUS_IN[order.state])
    if ladder.awaits_signature(order):
        ladder.grant(state, order)
    state.say(told(order, OrderUpdated, at_us=state.at_us, reason="its turn"))
    state.say(on_the_air(order))
