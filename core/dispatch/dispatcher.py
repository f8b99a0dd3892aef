# SPDX-License-Identifier: Apache-2.0
"""Recommending units and, where the policy says so, ordering the best one. Most urgent first, always."""

from core.calls.call import Call
from core.dispatch import joint
from core.dispatch.asking import SEARCHED, rank_for
from core.dispatch.filling import fill
from core.dispatch.lines import Plan, missing, still_open
from core.dispatch.matcher import Ranked, Ranking
from core.dispatch.ordering import divert, exhausted, follow_plan, issue, seek_unit, watch_plan
from core.dispatch.policy import from_where, kept_back, may_divert, takeable
from core.dispatch.reasons import to_candidates
from core.effects import RecommendationMade
from core.events import TimerFired
from core.ids import CallId, IncidentId, UnitId
from core.incidents.handlers import watch_unattended
from core.incidents.incident import Incident
from core.incidents.machine import step
from core.state import State

HEADS_MAX = 64  # incidents tried when a unit comes free: 64 scans of 5,000 units stay under 10 ms


def recommend(state: State, incident: Incident, call: Call | None = None, line: int | None = None) -> Ranking:
    """Rank the units for it and say so, with reasons and with who was left out.

    For this line of its plan, or the first that lacks someone.
    """
    if line is None:
        line = next(iter(still_open(state, incident)), 0)
    settings = state.settings
    most = max(settings.candidates_max, settings.emergency_units) if incident.cry_stands else 0
    ranking = rank_for(state, incident, line, most=most)
    filling = fill(state, incident, line, ranking)
    diverted = {ranked.row: 0 for ranked in ranking.candidates if ranked.diverted}
    candidates = to_candidates(
        ranking, state.unit_ids, state.counties, state.settings, from_where(state, diverted)
    )
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
            proven=ranking.proven,
            wants=filling.wants,
            shortfall=filling.shortfall,
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


def reinforce(state: State, incident: Incident) -> None:
    """Take the next step of its plan: more units are wanted from now on."""
    state.drop_timer(f"plan:{incident.incident_id}")  # it was set for this step, not for the one after
    incident.step += 1
    state.touch_incident(incident)
    watch_plan(state, incident)
    recommend(state, incident)
    seek_unit(state, incident)
    serve_waiting(state)


def step_due(state: State, fact: TimerFired) -> None:
    """The next step of its plan goes by itself."""
    incident = state.incidents.get(IncidentId(fact.key.partition(":")[2]))
    if incident is not None:
        reinforce(state, incident)


def replan(state: State, incident: Incident, before: Plan) -> bool:
    """Its plan was `before`: let it wait for whom it lacks now, or no longer; True when it came to wait."""
    follow_plan(state, incident, before)
    if not any(missing(state, incident)):
        state.incidents_waiting.remove(incident.incident_id)
        return False
    return seek_unit(state, incident)


def serve_waiting(state: State, heads: int = HEADS_MAX, *, together: bool = True) -> None:
    """Order units for waiting incidents while there is anyone to send.

    The `heads` most urgent are tried, and as many of those behind them in turn: an incident that nobody can
    serve (out of reach, no such capability) does not hold up the others, whoever waits is tried again soon.
    Where the policy weighs all of them against each other that goes first, unless the moment is no new one.
    """
    settings = state.settings
    if settings.dispatch != "automatic":
        return
    if together and settings.policy == "reoptimise" and not settings.divert_confirm:
        joint.reoptimise(state, recommend)
    while _serve_once(state, heads):
        pass  # whoever lost a unit is tried, too. An incident loses no more than TAKEN_MAX


def _serve_once(state: State, heads: int) -> bool:
    """Try who waits, once; True when a unit was taken from elsewhere."""
    if not state.columns.free and state.settings.policy == "closest":
        return False
    waiting = state.incidents_waiting.first(state.now_ms, len(state.incidents_waiting))
    behind = waiting[heads:]
    start = state.turn % len(behind) if behind else 0
    state.turn = start + heads
    taken = False
    for member in (*waiting[:heads], *(behind[start:] + behind[:start])[:heads]):
        if not state.columns.free and state.settings.policy == "closest":
            break
        taken |= _serve(state, state.incidents[IncidentId(member)])
    return taken


def _serve(state: State, incident: Incident) -> bool:
    """Order the best units for one waiting incident, line by line of its plan, as far as any can go.

    True when one of them was on its way elsewhere.
    """
    if exhausted(state, incident):
        incident.held_ns = state.now_ns
        state.incidents_waiting.remove(incident.incident_id)
        state.warn("orders_exhausted", incident.incident_id, incident.county, "order a unit by hand")
        watch_unattended(state, incident)
        return False
    left, taken = missing(state, incident), False
    for line in still_open(state, incident):
        while left[line] and (sent := _send(state, incident, line)) is not None:
            left[line] -= 1
            taken |= sent.diverted
    return taken


def _send(state: State, incident: Incident, line: int) -> Ranked | None:
    """Order the best unit for a line of its plan and return it; None when none can go now."""
    if not state.columns.free and not may_divert(state.settings, incident):
        return None
    if kept_back(state, incident):
        _stuck(state, incident, "kept_in_reserve", "the free units left are kept for graver ones")
        return None
    ranking = rank_for(state, incident, line)
    best, sent = _choose(state, incident, line, ranking)
    if sent is None and incident.unsigned:
        incident.unsigned.clear()  # nobody else may go: a unit that missed one order may hear the next
        ranking = rank_for(state, incident, line)
        best, sent = _choose(state, incident, line, ranking)
    if best is not None and best is not sent:
        _propose(state, incident, line, best, sent)
    if sent is None:
        if best is None and ranking.candidates:
            _stuck(state, incident, "no_road", "no free unit of use has a way by road")
        elif best is None and state.columns.free:
            _stuck(state, incident, "no_unit_can_go", "there are free units, none of use")
        return None
    unit_id = state.unit_ids[sent.row]
    if state.unit_ids[ranking.candidates[0].row] != incident.best:
        recommend(state, incident, line=line)
    reason = ""
    if sent.diverted:
        order = takeable(state, incident, state.units[unit_id])
        assert order is not None, "only who may be taken is ranked as such"
        reason = divert(state, order, incident)
    issue(state, incident, unit_id, eta_s=sent.travel_ms / 1000, line=line, reason=reason)
    return sent


def _choose(
    state: State, incident: Incident, line: int, ranking: Ranking
) -> tuple[Ranked | None, Ranked | None]:
    """Return who would be best, and who may be sent without asking anyone: the same, or the best free unit, or nobody.

    Of equal costs the free unit is the better one: taking another must save something.
    """
    more = ranking.considered > len(ranking.candidates)
    able = [ranked for ranked in ranking.candidates if ranked.reachable]
    if not able and more:
        farther = rank_for(state, incident, line, most=SEARCHED).candidates
        able = [ranked for ranked in farther if ranked.reachable]
    best = min(able, key=lambda ranked: (ranked.cost_ms, ranked.diverted, ranked.row), default=None)
    if best is None or not (best.diverted and state.settings.divert_confirm):
        return best, best
    free = [ranked for ranked in able if not ranked.diverted]
    if not free and more:
        farther = rank_for(state, incident, line, rows={}, most=SEARCHED).candidates
        free = [ranked for ranked in farther if ranked.reachable]
    return best, free[0] if free else None


def _propose(state: State, incident: Incident, line: int, best: Ranked, free: Ranked | None) -> None:
    """Ask a desk for a unit that is on its way elsewhere; once for each unit."""
    unit_id = state.unit_ids[best.row]
    if unit_id in incident.proposed:
        return
    incident.proposed.append(unit_id)
    if incident.best != unit_id:
        recommend(state, incident, line=line)
    saved = "" if free is None else f" and saves {(free.cost_ms - best.cost_ms) // 1000} s"
    state.warn(
        "diversion_proposed",
        incident.incident_id,
        incident.county,
        f"{unit_id} is on its way elsewhere{saved}: order.accept sends it here",
    )


def _stuck(state: State, incident: Incident, kind: str, text: str) -> None:
    """Tell once that it waits though there are units."""
    if not incident.told_stuck:
        incident.told_stuck = True
        state.warn(kind, incident.incident_id, incident.county, text)
