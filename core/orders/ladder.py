# SPDX-License-Identifier: Apache-2.0
"""The clock of an order nobody has signed: its next rung, its end, and more time when the machine was away.

Two timers: `rung:{order}` for the next thing to do about it, `sign:{order}` for the end of waiting. Both are named in
the state, so a restart goes on with them. What is done on a rung: core/orders/alerts.py.
"""

from core.orders.order import Order
from core.settings import Rung
from core.state import State

NS_PER_S = 1_000_000_000
GRACE_S = 30  # to sign after the machine or the broker was away: the measure of a prompt signature
GRACE_S_MAX = 600  # of all such grace together: whoever has not signed by then is not coming
UNSIGNED = frozenset({"issued", "delivered"})


def awaits_signature(order: Order) -> bool:
    """Tell whether a person has yet to sign it, or the change of it."""
    return order.state in UNSIGNED or order.unconfirmed


def ask(state: State, order: Order) -> None:
    """Ask for a signature within `sign_s` from now, from the foot of the ladder; `watch` follows when it is told."""
    order.asked_ns = order.ladder_ns = state.now_ns
    order.deadline_ns = state.now_ns + state.settings.sign_s * NS_PER_S
    order.rung_s = order.alert = 0


def watch(state: State, order: Order) -> None:
    """Set the clocks of what was asked for."""
    state.set_timer(f"sign:{order.order_id}", order.deadline_ns)
    await_next(state, order)


def settle(state: State, order: Order) -> None:
    """It is signed, or over: nobody is waited for."""
    order.unconfirmed = False
    state.drop_timer(f"sign:{order.order_id}")
    state.drop_timer(f"rung:{order.order_id}")


def due(state: State, order: Order) -> list[Rung]:
    """Return the rungs whose time has come."""
    waited_ns = state.now_ns - order.ladder_ns
    rungs = state.settings.ladder_of[order.level]
    return [rung for rung in rungs if order.rung_s < rung.after_s <= waited_ns // NS_PER_S]


def await_next(state: State, order: Order) -> None:
    """Set the clock for the next rung, if one comes before the end."""
    rung = _next(state, order)
    due_ns = order.ladder_ns + rung.after_s * NS_PER_S if rung is not None else order.deadline_ns
    if due_ns < order.deadline_ns:
        state.set_timer(f"rung:{order.order_id}", due_ns)
    else:
        state.drop_timer(f"rung:{order.order_id}")


def grant(state: State, order: Order) -> bool:
    """Give a little more time to sign, and as much before the next rung; False when it has had all there is."""
    last_ns = (order.asked_ns or order.issued_ns) + (state.settings.sign_s + GRACE_S_MAX) * NS_PER_S
    order.deadline_ns = max(order.deadline_ns, min(state.now_ns + GRACE_S * NS_PER_S, last_ns))
    state.set_timer(f"sign:{order.order_id}", order.deadline_ns)
    put_off(state, order)
    return order.deadline_ns > state.now_ns


def put_off(state: State, order: Order) -> None:
    """Let the ladder stand still: its next rung comes no sooner than the grace from now."""
    order.ladder_ns = order.ladder_ns or order.issued_ns  # an older snapshot knew of no ladder
    rung = _next(state, order)
    if rung is not None:
        order.ladder_ns = max(order.ladder_ns, state.now_ns + (GRACE_S - rung.after_s) * NS_PER_S)
    await_next(state, order)


def _next(state: State, order: Order) -> Rung | None:
    rungs = state.settings.ladder_of[order.level]
    return next((rung for rung in rungs if rung.after_s > order.rung_s), None)
