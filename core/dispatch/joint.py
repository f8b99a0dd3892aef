# SPDX-License-Identifier: Apache-2.0
"""Weighing all who wait and all who are on their way against each other, and changing what is worth a change.

Each missing unit of a waiting incident and each unit on its way is one row of an assignment; the units are the free
ones and those on their way. A row costs its seconds times its weight: the level's, growing with the time waited. A
row that would get another unit than the one on its way pays `switch_cost_s` on top, so small gains change nothing;
one that would get none pays more.
Level 1 never loses a unit but to a faster one; what a desk chose is left alone.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from core.dispatch.asking import rank_for
from core.dispatch.assignment import Assignment
from core.dispatch.lines import missing, orders_of
from core.dispatch.ordering import exhausted, issue, let_go, wait_again
from core.dispatch.policy import GRAVEST, TAKEN_MAX, kept_back, order_on_the_way
from core.ids import IncidentId
from core.incidents.incident import Incident
from core.kernels.assignment import COST_MAX, NOBODY
from core.orders.order import Order
from core.state import State

WAITING_MAX = 16  # units that the most urgent ones lack; the others are served one by one
ROWS_MAX = 32  # with those on their way whose units they could have; each is a ranking of 0.2 ms
CANDIDATES = 16  # of a row, by their whole cost: as many as there are others who might want the same
WEIGHTS = (10, 3, 1, 1)  # of levels 1 to 4: those of the response time the simulation reports
AGE_S = 1_800  # who has waited so long weighs twice
WAITED_MS_MAX = 21_600_000  # ... and no more than thirteen times: six hours
LEFT_MS = 7_200_000  # what leaving a row waiting counts: longer than any way that is worth it
ALONE_MS = 900_000  # what it counts more to leave someone alone for whom a unit was on its way. Guess

Recommend = Callable[..., Any]


class Row(msgspec.Struct, kw_only=True):
    """One unit that an incident lacks, or has on its way."""

    incident: Incident
    line: int
    order: Order | None = None
    costs: dict[int, int] = {}
    "{row of a unit: ms}"
    ways: dict[int, int] = {}
    "{row of a unit: the way, ms}"


def reoptimise(state: State, recommend: Recommend) -> None:
    """Assign anew, and carry out what is different; `recommend` tells what an incident is sent."""
    rows = _waiting(state) or _on_their_way(state)
    if not rows:
        return
    _ask_all(state, rows)
    sent = _solve(state, rows)
    changed = [(row, unit) for row, unit in zip(rows, sent, strict=True) if unit != _own(state, row)]
    for row, unit in changed:
        if row.order is not None:
            instead = "" if unit is None else f"; {state.unit_ids[unit]} comes instead"
            let_go(state, row.order, f"sent elsewhere{instead}")
    for row, unit in changed:
        if unit is None:
            continue
        unit_id = state.unit_ids[unit]
        if row.order is None and unit_id != row.incident.best:
            recommend(state, row.incident, line=row.line)
        issue(
            state,
            row.incident,
            unit_id,
            eta_s=row.ways[unit] / 1000,
            line=row.line,
            reason="weighed with others" if row.order is None else f"instead of {row.order.unit_id}",
        )
    for row, unit in changed:
        if unit is None:
            assert row.order is not None, "who waits has nobody to lose"
            text = f"{row.order.unit_id} is needed more elsewhere"
            state.warn("unit_diverted", row.incident.incident_id, row.incident.county, text)
            wait_again(state, row.incident)


def _waiting(state: State) -> list[Row]:
    """Return a row for each unit that the most urgent waiting incidents lack, without touching the reserve."""
    room = state.columns.free - state.settings.reserve_units
    rows: list[Row] = []
    for member in state.incidents_waiting.first(state.now_ms, WAITING_MAX):
        incident = state.incidents[IncidentId(member)]
        if exhausted(state, incident):
            continue
        for line, count in enumerate(missing(state, incident)):
            for _ in range(count):
                if len(rows) < WAITING_MAX and (room > 0 or not kept_back(state, incident)):
                    rows.append(Row(incident=incident, line=line))
                    room -= 1
    return rows


def _on_their_way(state: State) -> list[Row]:
    """Return a row for each unit on its way while nobody waits: one that has come free may be nearer than it."""
    if not state.columns.free:
        return []
    moving = [order for order in state.orders.values() if _movable(state, order)]
    return [
        Row(incident=state.incidents[order.incident_id], line=order.want, order=order)
        for order in moving[-WAITING_MAX:]  # the newest have the farthest to go
    ]


def _ask_all(state: State, rows: list[Row]) -> None:
    """Rank the units for each row, and let those on their way that are among them take part, in turn."""
    moving = {
        state.units[order.unit_id].row: order for order in state.orders.values() if _movable(state, order)
    }
    taking_part = {state.units[row.order.unit_id].row for row in rows if row.order is not None}
    for row in rows:  # grows meanwhile
        others = {state.units[order.unit_id].row for order in orders_of(state, row.incident)}
        own = _own(state, row)
        may = {unit: 0 for unit in moving if unit == own or unit not in others}
        ranking = rank_for(state, row.incident, row.line, rows=may, most=CANDIDATES)
        for ranked in ranking.candidates:
            if not ranked.reachable:
                continue
            row.costs[ranked.row], row.ways[ranked.row] = ranked.cost_ms, ranked.travel_ms
            if ranked.diverted and ranked.row not in taking_part and len(rows) < ROWS_MAX:
                taking_part.add(ranked.row)
                order = moving[ranked.row]
                rows.append(Row(incident=state.incidents[order.incident_id], line=order.want, order=order))
    for row in rows:
        row.costs = {
            unit: cost for unit, cost in row.costs.items() if unit not in moving or unit in taking_part
        }
        own = _own(state, row)
        if own is not None and own not in row.costs:
            row.costs = {own: 0}  # nobody knows what it costs where it goes: it goes there
        elif own is not None and row.incident.level == GRAVEST:
            most = row.costs[own] - state.settings.switch_cost_s * 1000
            row.costs = {unit: cost for unit, cost in row.costs.items() if unit == own or cost < most}


def _solve(state: State, rows: list[Row]) -> list[int | None]:
    """Return the unit of each row in the cheapest assignment."""
    units = sorted({unit for row in rows for unit in row.costs})
    number = {unit: n for n, unit in enumerate(units)}
    width = max(1, *(len(row.costs) for row in rows))
    listed = np.full((len(rows), width), NOBODY, np.int64)
    costs = np.zeros((len(rows), width), np.int64)
    waits = np.empty(len(rows), np.int64)
    switch_ms = state.settings.switch_cost_s * 1000
    for n, row in enumerate(rows):
        weight, own = _permille(state, row.incident), _own(state, row)
        for place, (unit, cost_ms) in enumerate(row.costs.items()):
            listed[n, place] = number[unit]
            costs[n, place] = (cost_ms + (switch_ms if own not in (None, unit) else 0)) * weight // 1000
        left_ms = LEFT_MS
        if own is not None:  # however far it is: nobody is left alone unless somebody else gains by it
            left_ms = max(LEFT_MS, row.costs[own]) + switch_ms + ALONE_MS
        waits[n] = left_ms * weight // 1000
        if own is not None and row.incident.level == GRAVEST:
            waits[n] = COST_MAX - 1
    assignment = Assignment(len(rows), len(units), width)
    assignment.add_calls(np.arange(len(rows)), listed, costs, waits)
    assignment.solve()
    given = [assignment.unit_of(n) for n in range(len(rows))]
    return [units[one] if one is not None else None for one in given]


def _permille(state: State, incident: Incident) -> int:
    """Return what a second counts for it, in thousandths."""
    waited_ms = (state.now_ns - incident.opened_ns) // 1_000_000
    waited_ms = max(0, min(WAITED_MS_MAX, waited_ms))  # a clock may be set back between two runs
    return WEIGHTS[incident.level - 1] * (1000 + waited_ms // AGE_S)


def _movable(state: State, order: Order) -> bool:
    """Tell whether the machine may send this unit elsewhere by itself."""
    incident = state.incidents.get(order.incident_id)
    if (
        incident is None
        or order.chosen
        or incident.taken >= TAKEN_MAX
        or order.want < 0
        or not incident.wants_unit
    ):
        return False
    return order_on_the_way(state, state.units[order.unit_id]) is order


def _own(state: State, row: Row) -> int | None:
    """Return the unit on its way for this row."""
    return state.units[row.order.unit_id].row if row.order is not None else None
