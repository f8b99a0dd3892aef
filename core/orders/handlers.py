# SPDX-License-Identifier: Apache-2.0
"""Issuing an order, hearing about it, and what follows when it falls through."""

from core.dispatch.dispatcher import recommend, serve_waiting
from core.dispatch.ordering import wait_again
from core.effects import OrderUpdated
from core.errors import OutOfTurnError, UnknownError
from core.events import Ack, OrderAcked, TimerFired, UnitStatus
from core.ids import OrderId
from core.incidents.handlers import finish
from core.orders import ladder, review
from core.orders.ladder import UNSIGNED
from core.orders.machine import FINAL
from core.orders.order import Order, off_the_air, on_the_air, told
from core.orders.stack import drive_first
from core.orders.withdraw import leave, move, recall, take_back
from core.state import State
from core.units.status import take_ack

STATUS_AFTER: dict[Ack, UnitStatus] = {
    "signed": "acknowledged",
    "enroute": "enroute",
    "on_scene": "on_scene",
}
"What an ack says about the unit itself."
GOES = frozenset({"enroute", "on_scene"})


def acked(state: State, fact: OrderAcked) -> None:
    """A unit answered. A stranger's ack or one for a version to come is not an answer.

    What it says of an older version counts, for the unit does what it says; it is told the newer one again.
    """
    if _is_over(state, fact):
        return
    order = _known(state, fact.order_id)
    if order.unit_id != fact.unit_id:
        raise OutOfTurnError("an ack from a unit the order is not for")
    if fact.version > order.version:
        raise OutOfTurnError("an ack for another version of the order")
    if fact.version < order.since_version:
        _tell_again(state, order, fact)
        return
    if fact.version == order.version:
        moved = _take(state, order, fact)
    else:
        moved = _take_of_older(state, order, fact)
    if moved:
        _follow_up(state, order, fact)


def sign_due(state: State, fact: TimerFired) -> None:
    """Nobody signed in time: take the order back, tell the desk, send the next unit."""
    order = state.orders.get(OrderId(fact.key.partition(":")[2]))
    if order is None or not ladder.awaits_signature(order):
        return
    if "mqtt" in state.away and ladder.grant(state, order):  # nobody can sign while the broker is away
        return
    if order.state not in UNSIGNED:  # it is on its way, to what it was told before: no reason to lose it
        text = f"{order.unit_id} has not signed the change: tell it by voice"
        state.warn("change_unsigned", order.order_id, order.county, text, order.lat, order.lon)
        state.drop_timer(f"rung:{order.order_id}")
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
        for act in off_the_air(order):
            state.say(act)


def grant_time(state: State) -> None:
    """The machine or the broker is back: send again what may not have left, and give time to sign it."""
    for order in state.orders.values():
        if order.state in UNSIGNED or f"sign:{order.order_id}" in state.timers:
            ladder.grant(state, order)
        if order.state == "issued" or order.unheard:
            state.say(on_the_air(order))


def forget_withdrawn(state: State, fact: TimerFired) -> None:
    """A unit that has not heard of a withdrawal by now will not act on the order any more."""
    state.withdrawn.pop(OrderId(fact.key.partition(":")[2]), None)


def _is_over(state: State, fact: OrderAcked) -> bool:
    """Take an ack of an order that was taken back or declined; who acts on one has not heard, and is told."""
    acts = fact.ack in STATUS_AFTER
    order = state.withdrawn.get(fact.order_id)
    if order is not None and order.unit_id == fact.unit_id:
        state.count("ack_of_withdrawn")
        if fact.version < order.version and acts:
            for act in off_the_air(order):
                state.say(act)
        return True
    order = state.declined.get(fact.order_id)
    if order is not None and order.unit_id == fact.unit_id:
        state.count("ack_of_declined")
        if acts:
            recall(state, order)
        return True
    return False


def _take(state: State, order: Order, fact: OrderAcked) -> bool:
    """Take what the unit says of the newest version: it has that now, and with a person's word knows it."""
    order.unheard = False
    confirms = order.unconfirmed and fact.ack in STATUS_AFTER
    if confirms:
        order.unconfirmed = False
    moved = move(state, order, fact.ack, fact.reason)
    if confirms and not moved:
        ladder.settle(state, order)
        reason = f"version {order.version} {fact.ack}"
        state.say(told(order, OrderUpdated, at_us=state.at_us, reason=reason))
    return moved


def _take_of_older(state: State, order: Order, fact: OrderAcked) -> bool:
    """Take what the unit says of an older version: it goes, but has not signed what has changed since."""
    if order.state in UNSIGNED and fact.ack in STATUS_AFTER:
        order.unconfirmed = True
    moved = move(state, order, fact.ack, fact.reason)
    if moved and order.state == "clear":  # perhaps of a place where nobody waited
        text = f"{order.unit_id} is clear of version {fact.version}, not {order.version}"
        state.warn("change_unsigned", order.order_id, order.county, text, order.lat, order.lon)
    _tell_again(state, order, fact)
    return moved


def _tell_again(state: State, order: Order, fact: OrderAcked) -> None:
    """The unit speaks of an older version: whoever acts on that is told the newest, or that it is over."""
    state.count("ack_of_older_version")
    if order.state in FINAL:
        recall(state, order)
    elif fact.ack in STATUS_AFTER:
        state.say(on_the_air(order))


def _follow_up(state: State, order: Order, fact: OrderAcked) -> None:
    """Do what an ack that moved the order means for its unit and its incident."""
    unit = state.units[order.unit_id]
    if fact.ack in STATUS_AFTER:
        if fact.ack in GOES:
            drive_first(state, unit, order)
        if unit.status != "emergency" and not order.stacked:
            take_ack(state, unit, STATUS_AFTER[fact.ack], tst=fact.tst, seq=fact.seq)
    elif order.state == "clear":
        _finish(state, order)
    elif order.state == "declined":
        text = f"{order.unit_id} declined: {fact.reason or 'no reason given'}"
        state.warn("order_declined", order.order_id, order.county, text)
        review.keep(state, order)
        _fall_through(state, order)


def _known(state: State, order_id: OrderId) -> Order:
    order = state.orders.get(order_id)
    if order is None:
        raise UnknownError("an ack for an order that is not open")
    return order


def _finish(state: State, order: Order) -> None:
    leave(state, order)
    incident = state.incidents.get(order.incident_id)
    if incident is not None and not incident.active_orders:
        finish(state, incident)
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
    if order.state != "cancelled" and state.settings.dispatch != "automatic":
        recommend(state, incident)  # a desk orders the next one: it is shown who that could be
    serve_waiting(state)
