# SPDX-License-Identifier: Apache-2.0
"""Recommending units and, where the policy says so, ordering the best one. Most urgent first, always."""

from core.calls.call import Call
from core.dispatch.matcher import Ranking, rank_units, to_candidates
from core.effects import OrderIssued, RecommendationMade
from core.ids import CallId, IncidentId, OrderId, UnitId
from core.incidents.handlers import watch_unattended
from core.incidents.incident import Incident
from core.incidents.machine import step
from core.orders.order import Order, on_the_air, told
from core.state import State
from core.units.status import take_order

HEADS_MAX = 64  # incidents tried when a unit comes free: 64 scans of 5,000 units stay under 10 ms
ORDERS_MAX = 12  # ordered by itself for one incident; then something is wrong that only a person can see
NS_PER_S = 1_000_000_000


def recommend(state: State, incident: Incident, call: Call | None = None) -> Ranking:
    """Rank the units for it and say so, with reasons and with who was left out."""
    ranking = _rank(state, incident)
    candidates = to_candidates(ranking, state.unit_ids, state.counties, state.settings)
    incident.revision += 1
    incident.best = candidates[0].unit_id if candidates else UnitId("")
    incident.state = step(incident.state, "ranked")
    state.touch_incident(incident)
    state.say(
        RecommendationMade(
            at_us=state.at_us,
            county=incident.county,
            incident_id=incident.incident_id,
            revision=incident.revision,
            call_id=call.call_id if call is not None else CallId(""),
            sip_call_id=call.sip_call_id if call is not None else "",
            level=incident.level,
            waited_s=(state.now_ns - incident.opened_ns) // 1_000_000 / 1000,
            located=incident.located,
            candidates=candidates,
            excluded=ranking.excluded,
            considered=ranking.considered,
        )
    )
    return ranking


def release(state: State, incident: Incident | None, *, since_ns: int) -> None:
    """Someone has spoken to a caller who rang at `since_ns`: from now on a unit may be ordered."""
    if incident is None:
        return
    if incident.held_ns and since_ns > incident.held_ns:
        incident.held_ns = 0  # someone new says that it is not settled
    incident.released = True
    if seek_unit(state, incident):
        serve_waiting(state)


def seek_unit(state: State, incident: Incident) -> bool:
    """Put it in the queue for a unit, if it needs one and there is a place to send it to; True when it is new there."""
    if not incident.wants_unit or incident.active_orders:
        return False
    state.drop_timer(f"unattended:{incident.incident_id}")
    if incident.incident_id in state.incidents_waiting:
        return False
    pushed = state.incidents_waiting.push(incident.incident_id, incident.urgency_ms)
    if pushed.left_out is not None:
        state.warn("incident_queue_full", pushed.left_out, incident.county, "order a unit by hand")
    return True


def placed(state: State, incident: Incident) -> None:
    """It has another place: rank the units again, and let it wait for one, or no longer."""
    recommend(state, incident)
    reconsider(state, incident, moved=True)


def reconsider(state: State, incident: Incident, *, moved: bool) -> None:
    """Let it wait for a unit, or no longer; those who wait are tried when it came to wait, or waits elsewhere.

    Otherwise nothing has changed for anybody, and a call that only joins it must not cost a round of the queue.
    """
    if incident.wants_unit:
        if seek_unit(state, incident) or (moved and incident.incident_id in state.incidents_waiting):
            serve_waiting(state)
    elif state.incidents_waiting.remove(incident.incident_id) or moved:
        if f"unattended:{incident.incident_id}" not in state.timers:
            watch_unattended(state, incident)


def serve_waiting(state: State, heads: int = HEADS_MAX) -> None:
    """Order units for waiting incidents while there is anyone to send.

    The `heads` most urgent are tried, and as many of those behind them in turn: an incident that nobody can
    serve (out of reach, no such capability) does not hold up the others, whoever waits is tried again soon.
    """
    if state.settings.dispatch != "automatic" or not state.columns.free:
        return
    waiting = state.incidents_waiting.first(len(state.incidents_waiting))
    behind = waiting[heads:]
    start = state.turn % len(behind) if behind else 0
    state.turn = start + heads
    for member in (*waiting[:heads], *(behind[start:] + behind[:start])[:heads]):
        if not state.columns.free:
            return
        _serve(state, state.incidents[IncidentId(member)])


def _serve(state: State, incident: Incident) -> None:
    """Order the best unit for one waiting incident, if any can go."""
    ranking = _rank(state, incident)
    if len(incident.order_ids) >= ORDERS_MAX:
        incident.held_ns = state.now_ns
        state.incidents_waiting.remove(incident.incident_id)
        state.warn("orders_exhausted", incident.incident_id, incident.county, "order a unit by hand")
        watch_unattended(state, incident)
        return
    if not ranking.candidates and incident.unsigned:
        incident.unsigned.clear()  # nobody else: a unit that missed one order may hear the next
        ranking = _rank(state, incident)
    if not ranking.candidates:
        if not incident.told_stuck:
            incident.told_stuck = True
            state.warn(
                "no_unit_can_go", incident.incident_id, incident.county, "there are free units, none of use"
            )
        return
    best = state.unit_ids[ranking.candidates[0].row]
    if best != incident.best:
        ranking = recommend(state, incident)
    issue(state, incident, best, eta_s=ranking.candidates[0].travel_ms / 1000)


def issue(state: State, incident: Incident, unit_id: UnitId, *, eta_s: float | None) -> None:
    """Order this unit to this incident."""
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
        deadline_ns=state.now_ns + state.settings.sign_s * NS_PER_S,
        eta_s=eta_s,
    )
    state.orders[order.order_id] = order
    if incident.lat is not None and incident.lon is not None and incident.whose in state.incident_of_caller:
        state.remember_sent(incident.whose, incident.lat, incident.lon)
    incident.state = step(incident.state, "ordered")
    incident.order_ids.append(order.order_id)
    incident.active_orders += 1
    incident.told_stuck = False
    state.incidents_waiting.remove(incident.incident_id)
    state.drop_timer(f"unattended:{incident.incident_id}")
    state.touch_incident(incident)
    state.say(told(order, OrderIssued, at_us=state.at_us))
    state.say(on_the_air(order))
    state.set_timer(f"sign:{order.order_id}", order.deadline_ns)
    take_order(state, unit, order.order_id)


def _rank(state: State, incident: Incident) -> Ranking:
    return rank_units(
        state.columns,
        state.settings,
        lat=incident.lat,
        lon=incident.lon,
        county_index=state.county_index(incident.county),
        need_mask=state.need_mask(incident.category),
        now_ms=state.now_ns // 1_000_000,
        excluded_rows=[state.units[unit_id].row for unit_id in (*incident.passed_over, *incident.unsigned)],
    )
