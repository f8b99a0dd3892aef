# SPDX-License-Identifier: Apache-2.0
"""The machine itself: a start, a neighbour that goes away and comes back, a timer."""

from collections.abc import Callable

from core.callbacks.handlers import due as callback_due
from core.calls.doubt import challenge_due, doubt_due
from core.calls.finding import held_due
from core.calls.handlers import answer_due, limit_due
from core.calls.handlers import resume as resume_calls
from core.calls.line import tell_places
from core.dispatch.dispatcher import replan, step_due
from core.dispatch.lines import plan
from core.effects import ServiceDegraded, ServiceRestored
from core.events import FactPoisoned, LeadTaken, NeighbourBack, NeighbourGone, ServiceStarted, TimerFired
from core.incidents.handlers import unattended_due
from core.orders.alerts import rung_due
from core.orders.handlers import forget_withdrawn, grant_time, sign_due
from core.orders.handlers import resume as resume_orders
from core.roads.handlers import rebuild_due
from core.roads.handlers import resume as resume_roads
from core.state import State
from core.units import checkins
from core.units.roster import tell_index
from core.units.shifts import shift_due

POISONED_MAX = 1_000  # facts we failed on; each is a fault of ours to mend, so one is many

TIMERS: dict[str, Callable[[State, TimerFired], None]] = {
    "answer": answer_due,
    "callback": callback_due,
    "challenge": challenge_due,
    "checkin": checkins.due,
    "doubt": doubt_due,
    "held": held_due,
    "limit": limit_due,
    "line": tell_places,
    "plan": step_due,
    "roads": rebuild_due,
    "rung": rung_due,
    "shift": shift_due,
    "sign": sign_due,
    "unattended": unattended_due,
    "withdrawn": forget_withdrawn,
}
"The part of a timer's key before the colon says whose it is."


def started(state: State, fact: ServiceStarted) -> None:
    """Take over the policy of this run, and promise again what the last run may not have kept."""
    if fact.version != state.version:
        state.poisoned.clear()  # another version may well manage
        state.version = fact.version
    policy = fact.settings
    planned_anew = (policy.plans, policy.needs) != (state.settings.plans, state.settings.needs)
    plans = {name: plan(state, incident) for name, incident in state.incidents.items() if planned_anew}
    state.settings = policy
    state.county = fact.county
    state.resize_queues()
    state.away.clear()
    tell_index(state)
    resume_calls(state)
    resume_orders(state)
    resume_roads(state)
    checkins.resume(state)
    for incident_id, before in plans.items():
        replan(state, state.incidents[incident_id], before)
    for of, error in state.failures:
        state.warn("fact_poisoned", of, state.county, error)
    state.failures.clear()


def lead_taken(state: State, fact: LeadTaken) -> None:
    """Remember the epoch: the next one must be higher, whatever Redis has forgotten."""
    state.epochs[fact.county] = fact.epoch


def poisoned(state: State, fact: FactPoisoned) -> None:
    """Remember what we failed on: the world may send it again. The desk is told by the next start.

    The process that wrote this could say no more; so nothing follows from it here either, or replay would differ.
    """
    state.poisoned[fact.key] = fact.of
    state.failures.append((fact.of, fact.error))
    if len(state.poisoned) > POISONED_MAX:
        del state.poisoned[next(iter(state.poisoned))]


def gone(state: State, fact: NeighbourGone) -> None:
    """Show every desk that a part is away. Told once."""
    if fact.name not in state.away:
        state.away[fact.name] = fact.reason
        state.say(ServiceDegraded(at_us=state.at_us, county=state.county, name=fact.name, reason=fact.reason))


def back(state: State, fact: NeighbourBack) -> None:
    """... and that it is back."""
    if fact.name == "mqtt":
        grant_time(state)  # nobody could sign while the broker was away
        checkins.give_time(state)
    if state.away.pop(fact.name, None) is not None:
        state.say(ServiceRestored(at_us=state.at_us, county=state.county, name=fact.name))


def fired(state: State, fact: TimerFired) -> None:
    """Hand a timer to whoever set it; one that was dropped or moved meanwhile is not theirs any more."""
    due_ns = state.timers.get(fact.key)
    if due_ns is None or fact.at_ns < due_ns:
        state.count("timer_stale")
        return
    del state.timers[fact.key]
    TIMERS[fact.key.partition(":")[0]](state, fact)
