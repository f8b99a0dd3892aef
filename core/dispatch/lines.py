# SPDX-License-Identifier: Apache-2.0
"""How far an incident's plan is filled: its lines, the orders that fill them, and how many units are missing.

A plan of one unit is filled by whoever goes: a desk that sends a car to a drowning knows why. In a plan of several
each order fills the line it was issued for.
"""

from core.dispatch.plans import Want, wants
from core.incidents.incident import Incident
from core.orders.order import Order
from core.state import State
from core.units.unit import Unit

Plan = tuple[tuple[Want, ...], tuple[Want, ...]]
NO_LINE = -1


def lines(state: State, incident: Incident) -> tuple[Want, ...]:
    """Return the lines of its plan that are under way: those of all steps so far."""
    asked = wants(state.settings, incident.category, incident.level)
    for step in range(2, incident.step + 1):
        asked += wants(state.settings, incident.category, incident.level, step)
    return asked


def orders_of(state: State, incident: Incident) -> list[Order]:
    """Return its open orders, in the order they were issued."""
    return [state.orders[order_id] for order_id in incident.order_ids if order_id in state.orders]


def missing(state: State, incident: Incident) -> list[int]:
    """Return how many units each line still lacks."""
    left = [line.count for line in lines(state, incident)]
    if sum(left) == 1:
        return [0 if incident.active_orders else 1]
    for line in (*(order.want for order in orders_of(state, incident)), *incident.settled):
        if 0 <= line < len(left):
            left[line] = max(0, left[line] - 1)
    if not (incident.active_orders or any(left)):
        left[0] = 1  # all it wanted have been there and nobody is now, though it is not over
    return left


def still_open(state: State, incident: Incident) -> list[int]:
    """Return the lines that lack someone, the most particular first: a boat is not spent where any car would do."""
    asked, left = lines(state, incident), missing(state, incident)
    return sorted((n for n, count in enumerate(left) if count), key=lambda n: (-_demands(asked[n]), n))


def line_for(state: State, incident: Incident, unit: Unit) -> int:
    """Return the line this unit would fill, or NO_LINE: then it goes beyond the plan."""
    asked = lines(state, incident)
    if sum(line.count for line in asked) == 1:
        return 0
    return next((n for n in still_open(state, incident) if _fits(unit, asked[n])), NO_LINE)


def plan(state: State, incident: Incident) -> Plan:
    """Return the lines of its plan that are under way, and those of the next step."""
    return lines(state, incident), wants(state.settings, incident.category, incident.level, incident.step + 1)


def refit(state: State, incident: Incident) -> None:
    """Its plan is another one now: let the open orders fill the lines they can."""
    incident.settled = []
    for order in orders_of(state, incident):
        order.want = NO_LINE
    for order in orders_of(state, incident):
        order.want = line_for(state, incident, state.units[order.unit_id])


def _fits(unit: Unit, line: Want) -> bool:
    kind = not line.police_type or unit.entry.police_type == line.police_type
    return kind and set(line.capabilities) <= set(unit.entry.capabilities)


def _demands(line: Want) -> int:
    return bool(line.police_type) + len(line.capabilities)
