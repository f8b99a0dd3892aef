# SPDX-License-Identifier: Apache-2.0
"""What is done about an order while nobody signs it, rung by rung. The end is `sign_due` in core/orders/handlers.py."""

from core.dispatch.dispatcher import recommend
from core.effects import OrderUpdated
from core.events import TimerFired
from core.ids import OrderId
from core.orders import ladder
from core.orders.order import Order, on_the_air, told
from core.settings import Rung
from core.state import State


def rung_due(state: State, fact: TimerFired) -> None:
    """Nobody has signed for so long: do what the ladder says, and say that it was done."""
    order = state.orders.get(OrderId(fact.key.partition(":")[2]))
    if order is None or not ladder.awaits_signature(order):
        return
    if "mqtt" in state.away:  # nobody can hear or sign while the broker is away
        ladder.put_off(state, order)
        return
    reached = ladder.due(state, order)
    for rung in reached:
        order.alert += 1
        order.rung_s = rung.after_s
        done = _do(state, order, rung)
        reason = f"not signed after {rung.after_s} s: {done}"
        state.say(told(order, OrderUpdated, at_us=state.at_us, reason=reason))
    ladder.await_next(state, order)


def _do(state: State, order: Order, rung: Rung) -> str:
    """Carry out one rung; return in words what was done."""
    if rung.do == "re_alert":
        state.say(on_the_air(order))
        return "alerted again"
    if rung.do == "second_channel":
        order.on_second = True
        state.say(on_the_air(order, second=True))
        return "alerted on the second channel"
    if rung.do == "duty_chief":
        text = f"{order.unit_id} has not signed for {rung.after_s} s"
        state.warn("order_unsigned_chief", order.order_id, order.county, text, order.lat, order.lon)
        return "duty chief told"
    incident = state.incidents[order.incident_id]
    recommend(state, incident)
    return f"{incident.best} could go instead" if incident.best else "nobody could go instead"
