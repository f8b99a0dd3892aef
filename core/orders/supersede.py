# SPDX-License-Identifier: Apache-2.0
"""Open orders follow their incident: another place, level or category goes to the units as the next version."""

from core.dispatch.lines import orders_of
from core.effects import OrderUpdated
from core.geodesy import distance_m
from core.incidents.incident import Incident
from core.orders import ladder
from core.orders.order import Order, on_the_air, told
from core.state import State


def follow(state: State, incident: Incident, *, by_desk: bool = False) -> None:
    """Send each of its open orders again that says something else than the incident does now.

    A place that moved by no more than `place_moved_m` since the unit was told is the same place, unless a desk has
    just given it another address.
    """
    for order in orders_of(state, incident):
        named = by_desk and incident.address not in ("", order.address)
        moved = named or _has_moved(state, order, incident)
        changed = [
            what
            for what, differs in (
                ("place", moved),
                ("level", order.level != incident.level),
                ("category", order.category != incident.category),
            )
            if differs
        ]
        if changed:
            _revise(state, order, incident, moved=moved, what=" and ".join(changed))


def _revise(state: State, order: Order, incident: Incident, *, moved: bool, what: str) -> None:
    order.supersedes, order.version = order.version, order.version + 1
    order.level, order.category = incident.level, incident.category
    if moved:
        order.lat, order.lon, order.address = incident.lat, incident.lon, incident.address
        order.eta_s = None  # it was the way to the old place
        if (
            incident.lat is not None
            and incident.lon is not None
            and incident.whose in state.incident_of_caller
        ):
            state.remember_sent(incident.whose, incident.lat, incident.lon)
    order.unheard = True
    if order.state not in ladder.UNSIGNED:  # else the time to sign goes on
        order.unconfirmed = True
        ladder.ask(state, order)
    reason = f"another {what}: supersedes version {order.supersedes}"
    state.say(told(order, OrderUpdated, at_us=state.at_us, reason=reason))
    state.say(on_the_air(order))
    ladder.watch(state, order)  # another level may have another ladder


def _has_moved(state: State, order: Order, incident: Incident) -> bool:
    if incident.lat is None or incident.lon is None:
        return False
    if order.lat is None or order.lon is None:
        return True
    return distance_m(order.lat, order.lon, incident.lat, incident.lon) > state.settings.place_moved_m
