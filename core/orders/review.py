# SPDX-License-Identifier: Apache-2.0
"""A desk's word about a decline. Nobody waits for it: the next unit goes at the decline.

The newest declined order of each unit is kept for it.
"""

from core.dispatch.ordering import issue_again
from core.effects import OrderUpdated
from core.errors import OutOfTurnError, UnknownError
from core.ids import OrderId
from core.orders.order import Order, told
from core.orders.stack import may_stack
from core.state import State
from core.units.columns import Barred
from core.units.status import barred


def keep(state: State, order: Order) -> None:
    """Remember a decline, and let the desk know that it may say something to it."""
    for older in [known for known in state.declined.values() if known.unit_id == order.unit_id]:
        del state.declined[older.order_id]  # one a unit: as many as there are units
    state.declined[order.order_id] = order


def review(state: State, order_id: OrderId, verdict: str, by: str) -> None:
    """Accept a decline, so that the unit stays passed over, or reject it, so that it is told again."""
    order = state.declined.get(order_id)
    if order is None or order.reviewed:
        raise UnknownError(f"no declined order {order_id!r}")
    if verdict == "accepted":
        order.reviewed = True  # and still known: who drives all the same is told that it is over
        state.say(told(order, OrderUpdated, at_us=state.at_us, reason=f"decline accepted by {by}"))
    elif verdict == "rejected":
        _reject(state, order, by)
    else:
        raise OutOfTurnError("order.review needs status accepted or rejected")


def _reject(state: State, order: Order, by: str) -> None:
    incident, unit = state.incidents.get(order.incident_id), state.units[order.unit_id]
    if incident is None:
        raise OutOfTurnError("its incident is closed")
    why_not = barred(unit)
    if why_not is not Barred.FREE and not may_stack(state, incident, unit):
        raise OutOfTurnError(f"{order.unit_id} cannot be ordered: {why_not.name.lower()}")
    del state.declined[order.order_id]
    if state.withdrawn.pop(order.order_id, None) is not None:
        state.drop_timer(f"withdrawn:{order.order_id}")
    if order.unit_id in incident.passed_over:
        incident.passed_over.remove(order.unit_id)
    incident.released, incident.held_ns = True, 0  # the desk vouches for it, and has chosen
    issue_again(state, incident, order, reason=f"decline rejected by {by}")
