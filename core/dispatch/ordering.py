# SPDX-License-Identifier: Apache-2.0
"""Waiting for a unit, being sent one, and losing it to something graver."""

from core.dispatch.lines import Plan, line_for, lines, missing, plan, refit
from core.dispatch.plans import wants
from core.effects import OrderIssued, OrderUpdated
from core.ids import IncidentId, OrderId, UnitId
from core.incidents.handlers import watch_unattended
from core.incidents.incident import Incident
from core.incidents.machine import step
from core.orders import ladder
from core.orders.order import Order, on_the_air, told
from core.orders.withdraw import leave, take_back
from core.state import State
from core.units.status import take_order

NS_PER_S = 1_000_000_000
ORDERS_MAX = 12  # ordered by itself for one incident; then something is wrong that only a person can see


def seek_unit(state: State, incident: Incident) -> bool:
    """Put it in the queue for a unit, if it needs one and there is a place to send it to; True when it is new there."""
    if not incident.wants_unit or not any(missing(state, incident)):
        return False
    if not incident.unattended:
        state.drop_timer(f"unattended:{incident.incident_id}")
    if incident.incident_id in state.incidents_waiting:
        return False
    pushed = state.incidents_waiting.push(
        incident.incident_id, incident.level, incident.waits_since_ms, state.now_ms, incident.cry_stands
    )
    if pushed.left_out is not None:
        left = state.incidents[IncidentId(pushed.left_out)]
        state.warn("incident_queue_full", left.incident_id, left.county, "order a unit by hand")
    return True


def issue(
    state: State,
    incident: Incident,
    unit_id: UnitId,
    *,
    eta_s: float | None,
    line: int = 0,
    chosen: bool = False,
    reason: str = "",
) -> None:
    """Order this unit to this incident, for a line of its plan; `chosen` by a desk."""
    unit = state.units[unit_id]
    order = Order(
        order_id=OrderId(state.new_id("o")),
        incident_id=incident.incident_id,
        unit_id=unit_id,
        county=incident.county,
        unit_county=unit.entry.county,
        level=incident.level,
        category=incident.category,
        lat=incident.lat,
        lon=incident.lon,
        address=incident.address,
        text="",
        issued_ns=state.now_ns,
        deadline_ns=0,  # set as it goes out
        eta_s=eta_s,
        want=line,
        chosen=chosen,
    )
    incident.order_ids.append(order.order_id)
    _let_go_out(state, incident, order)
    state.say(told(order, OrderIssued, at_us=state.at_us, reason=reason))
    state.say(on_the_air(order))
    ladder.watch(state, order)


def issue_again(state: State, incident: Incident, order: Order, *, reason: str) -> None:
    """Tell its unit an order again that it had declined, under a new version, as if nothing had been heard of it."""
    order.supersedes, order.version = order.version, order.version + 1
    order.since_version = order.version
    order.level, order.category = incident.level, incident.category
    order.lat, order.lon, order.address = incident.lat, incident.lon, incident.address
    order.state, order.chosen = "issued", True  # a new version begins anew; a desk named the unit
    order.delivered_ns = order.signed_ns = 0
    order.eta_s = None
    order.want = line_for(state, incident, state.units[order.unit_id])
    _let_go_out(state, incident, order)
    state.say(told(order, OrderUpdated, at_us=state.at_us, reason=reason))
    state.say(on_the_air(order))
    ladder.watch(state, order)


def divert(state: State, order: Order, incident: Incident) -> str:
    """Take a unit from where it is going, for another incident; what it leaves waits again, as old as it is.

    Return the reason to give with its new order: both sides are told.
    """
    let_go(state, order, f"diverted to {incident.incident_id}")
    left = state.incidents[order.incident_id]
    text = f"{order.unit_id} goes to {incident.incident_id} instead"
    state.warn("unit_diverted", left.incident_id, left.county, text)
    wait_again(state, left)
    return f"diverted from {left.incident_id}"


def let_go(state: State, order: Order, reason: str) -> None:
    """Withdraw an order to send its unit elsewhere."""
    take_back(state, order, "cancelled", reason)
    leave(state, order)
    left = state.incidents[order.incident_id]
    left.taken += 1
    state.touch_incident(left)


def wait_again(state: State, incident: Incident) -> None:
    """One of its orders fell through: let it wait for another unit, if it may."""
    if not incident.active_orders:
        incident.state = step(incident.state, "withdrawn")
        if incident.located:
            incident.state = step(incident.state, "located")
        state.touch_incident(incident)
    seek_unit(state, incident)
    watch_unattended(state, incident)


def watch_plan(state: State, incident: Incident) -> None:
    """Set the clock for the next step of its plan, if that goes by itself."""
    key = f"plan:{incident.incident_id}"
    if not state.settings.plans or key in state.timers:
        return
    further = wants(state.settings, incident.category, incident.level, incident.step + 1)
    after_s = min((line.after_s for line in further if line.after_s), default=0)
    if after_s:
        state.set_timer(key, state.now_ns + after_s * NS_PER_S)


def follow_plan(state: State, incident: Incident, before: Plan) -> None:
    """Its plan was `before`: let its orders fill the lines it has now, and set the clock for the next step anew."""
    now = plan(state, incident)
    if now[0] != before[0]:
        refit(state, incident)
    if now[1] != before[1]:
        state.drop_timer(f"plan:{incident.incident_id}")
        if incident.active_orders:
            watch_plan(state, incident)


def exhausted(state: State, incident: Incident) -> bool:
    """Tell whether a person must look: ORDERS_MAX orders where one unit is wanted, one more for each other."""
    wanted = sum(line.count for line in lines(state, incident))
    return len(incident.order_ids) >= ORDERS_MAX + incident.taken + wanted - 1


def _let_go_out(state: State, incident: Incident, order: Order) -> None:
    """Count the order at its incident and its unit, and ask for a signature; the caller tells it."""
    unit = state.units[order.unit_id]
    ladder.ask(state, order)
    order.unheard = True
    order.stacked = bool(unit.order_ids)
    state.orders[order.order_id] = order
    if incident.lat is not None and incident.lon is not None and incident.whose in state.incident_of_caller:
        state.remember_sent(incident.whose, incident.lat, incident.lon)
    incident.state = step(incident.state, "ordered")
    incident.active_orders += 1
    incident.told_stuck = False
    if not any(missing(state, incident)):
        state.incidents_waiting.remove(incident.incident_id)
    state.drop_timer(f"unattended:{incident.incident_id}")
    state.touch_incident(incident)
    take_order(state, unit, order.order_id)
    watch_plan(state, incident)
