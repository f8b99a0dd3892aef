# SPDX-License-Identifier: Apache-2.0
"""Issuing an order, hearing about it, and what follows when it falls through."""

from core.dispatch.dispatcher import serve_waiting
from core.dispatch.ordering import wait_again
from core.errors import OutOfTurnError, UnknownError
from core.events import Ack, OrderAcked, TimerFired, UnitStatus
from core.ids import OrderId
from core.incidents.handlers import close
from core.orders.order import Order, on_the_air
from core.orders.withdraw import leave, move, take_back
from core.state import State
from core.units.status import take_status

NS_PER_S = 1_000_000_000
GRACE_S = 30  # to sign after the machine or the broker was away: the measure of a prompt signature
GRACE_S_MAX = 600  # of all such grace together: whoever has not signed by then is not coming
UNSIGNED = frozenset({"issued", "delivered"})

STATUS_AFTER: dict[Ack, UnitStatus] = {
    "signed": "acknowledged",
    "enroute": "enroute",
    "on_scene": "on_scene",
}
"What an ack says about the unit itself."


def acked(state: State, fact: OrderAcked) -> None:
    """A unit answered. A stranger's ack or one for another version is not an answer."""
    order = state.withdrawn.get(fact.order_id)
    if order is not None and order.unit_id == fact.unit_id:
        state.count("ack_of_withdrawn")
        if fact.version < order.version and fact.ack in STATUS_AFTER:
            state.say(on_the_air(order, cancelled=True))  # it acts on what we took back: it has not heard
        return
    order = _known(state, fact.order_id)
    if order.unit_id != fact.unit_id:
        raise OutOfTurnError("an ack from a unit the order is not for")
    if order.version != fact.version:
        raise OutOfTurnError("an ack for another version of the order")
    if not move(state, order, fact.ack, fact.reason):
        return
    unit = state.units[order.unit_id]
    if fact.ack in STATUS_AFTER and unit.status != "emergency":
        take_status(state, unit, STATUS_AFTER[fact.ack])
    elif order.state == "clear":
        _finish(state, order)
    elif order.state == "declined":
        _fall_through(state, order)


def sign_due(state: State, fact: TimerFired) -> None:
    """Nobody signed in time: take the order back, tell the desk, send the next unit."""
    order = state.orders.get(OrderId(fact.key.partition(":")[2]))
    if order is None or order.state not in UNSIGNED:
        return
    if "mqtt" in state.away and _grant(state, order):  # nobody can sign while the broker is away
        return
    state.warn("order_unsigned", order.order_id, order.county, f"{order.unit_id} did not sign")
    incident = state.incidents.get(order.incident_id)
    if incident is not None:
        incident.unsigned.append(order.unit_id)
    take_back(state, order, "expired", "not signed in time")
    _fall_through(state, order)


def cancel(state: State, order: Order, reason: str) -> None:
    """A desk takes an order back: nobody else is sent by itself, the desk decides what follows."""
    incident = state.incidents.get(order.incident_id)
    if incident is not None and incident.active_orders == 1:
        incident.held_ns = state.now_ns
        state.incidents_waiting.remove(incident.incident_id)
    elif incident is not None:
        incident.settled.append(order.want)
    take_back(state, order, "cancelled", reason)
    _fall_through(state, order)


def resume(state: State) -> None:
    """After a restart: send again what may not have left; the unit knows the id and version.

    Whoever has not signed gets time: the machine was away, not the unit.
    """
    grant_time(state)
    for order in state.withdrawn.values():
        state.say(on_the_air(order, cancelled=True))


def grant_time(state: State) -> None:
    """The machine or the broker is back: send again what may not have left, and give time to sign it."""
    for order in state.orders.values():
        if order.state in UNSIGNED:
            _grant(state, order)
        if order.state == "issued":
            state.say(on_the_air(order))


def forget_withdrawn(state: State, fact: TimerFired) -> None:
    """A unit that has not heard of a withdrawal by now will not act on the order any more."""
    state.withdrawn.pop(OrderId(fact.key.partition(":")[2]), None)


def _grant(state: State, order: Order) -> bool:
    """Give a little more time to sign; False when it has had all the time there is."""
    last_ns = order.issued_ns + (state.settings.sign_s + GRACE_S_MAX) * NS_PER_S
    order.deadline_ns = max(order.deadline_ns, min(state.now_ns + GRACE_S * NS_PER_S, last_ns))
    state.set_timer(f"sign:{order.order_id}", order.deadline_ns)
    return order.deadline_ns > state.now_ns


def _known(state: State, order_id: OrderId) -> Order:
    order = state.orders.get(order_id)
    if order is None:
        raise UnknownError("an ack for an order that is not open")
    return order


def _finish(state: State, order: Order) -> None:
    leave(state, order)
    incident = state.incidents.get(order.incident_id)
    if incident is not None and not incident.active_orders:
        close(state, incident, "handled")
    elif incident is not None:
        incident.settled.append(order.want)  # it was there: its line of the plan needs nobody else
    serve_waiting(state)


def _fall_through(state: State, order: Order) -> None:
    leave(state, order)
    incident = state.incidents.get(order.incident_id)
    if incident is None:
        return
    if order.state == "declined":
        incident.passed_over.append(order.unit_id)
    wait_again(state, incident)
    serve_waiting(state)
