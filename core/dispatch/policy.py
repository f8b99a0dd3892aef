# SPDX-License-Identifier: Apache-2.0
"""Whom the policy lets an incident have: units on their way to something lesser, and the reserve.

Nobody takes a unit from level 1. Nobody takes one that has arrived. An incident that has lost TAKEN_MAX units keeps
the next: so nobody is starved by a stream of graver ones.
"""

from core.dispatch.lines import orders_of
from core.ids import IncidentId
from core.incidents.incident import Incident
from core.orders.order import Order
from core.settings import Settings
from core.state import State
from core.units.columns import Barred
from core.units.status import barred
from core.units.unit import Unit

TAKEN_MAX = 3  # a guess: twice is bad luck, three times is a pattern somebody should look at
NS_PER_S = 1_000_000_000
GRAVEST = 1
ON_THE_WAY = frozenset({"dispatched", "acknowledged", "enroute"})
UNDER_WAY = frozenset({"issued", "delivered", "signed", "enroute"})


def order_on_the_way(state: State, unit: Unit) -> Order | None:
    """Return the one order a unit is driving for; None when it has none, or more, or has arrived."""
    if unit.status not in ON_THE_WAY or len(unit.order_ids) != 1 or barred(unit) is not Barred.BUSY:
        return None
    order = state.orders[unit.order_ids[0]]
    return order if order.state in UNDER_WAY else None


def takeable(state: State, incident: Incident, unit: Unit) -> Order | None:
    """Return the order this unit could be taken from for the incident, by a desk or by the machine; None: not."""
    if state.settings.policy == "closest":
        return None
    if state.settings.policy == "divert" and incident.level != GRAVEST:
        return None
    order = order_on_the_way(state, unit)
    if order is None:
        return None
    other = state.incidents.get(order.incident_id)
    if other is None or other is incident or other.level <= incident.level or other.taken >= TAKEN_MAX:
        return None
    return order


def divertible(state: State, incident: Incident) -> dict[int, int]:
    """Return {row: what taking it costs, ms} of the units that could be taken for this incident."""
    if not may_divert(state.settings, incident) or incident.incident_id not in state.incidents:
        return {}
    cost_ms = state.settings.switch_cost_s * 1000
    already = {order.unit_id for order in orders_of(state, incident)}
    rows: dict[int, int] = {}
    for order in state.orders.values():
        unit = state.units[order.unit_id]
        if order.chosen and not state.settings.divert_confirm:
            continue  # a person named it: only a person sends it elsewhere
        other = state.incidents.get(order.incident_id)
        if other is None or not other.wants_unit:
            continue  # it would not wait for another: only a person may leave it alone
        if order.unit_id not in already and takeable(state, incident, unit) is order:
            rows[unit.row] = cost_ms
    return rows


def may_divert(settings: Settings, incident: Incident) -> bool:
    """Tell whether units under way are asked about for such an incident, one by one.

    Where the machine itself reoptimises it weighs them all together instead (core/dispatch/joint.py).
    """
    if settings.policy == "divert":
        return incident.level == GRAVEST
    return settings.policy == "reoptimise" and settings.divert_confirm and incident.level < 4


def from_where(state: State, rows: dict[int, int]) -> dict[int, IncidentId]:
    """Return where the units of these rows are on their way to."""
    units = {row: state.units[state.unit_ids[row]] for row in rows}
    return {row: state.orders[unit.order_ids[0]].incident_id for row, unit in units.items()}


def kept_back(state: State, incident: Incident) -> bool:
    """Tell whether the free units that are left are kept for graver incidents than this."""
    settings = state.settings
    if not settings.reserve_units or state.columns.free > settings.reserve_units:
        return False
    if incident.level < settings.reserve_level or incident.cry_stands:
        return False
    return state.now_ns - incident.opened_ns < settings.reserve_s_max * NS_PER_S
