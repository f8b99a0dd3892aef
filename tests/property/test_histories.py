# SPDX-License-Identifier: Apache-2.0
"""Guard: the laws of test_engine_laws.py are told of histories in which something happens."""

from contextlib import suppress
from functools import cache
from random import Random

import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from core.effects import (
    CallAnsweredNow,
    CallbackUpdated,
    CallEndedNow,
    CallWaiting,
    ChallengeCaller,
    Effect,
    IncidentUpdated,
    OrderIssued,
    OrderUpdated,
    PromptUnit,
    QueueCaller,
    SetTimer,
    UnitUpdated,
    WarningRaised,
)
from core.events import (
    CallAnswered,
    CallEnded,
    CallerFound,
    CommandGiven,
    OrderAcked,
    ServiceStarted,
    TimerFired,
    UnitCalled,
    UnitReported,
)
from core.ids import CallId, IncidentId
from tests.property.histories import History, histories, run

REACHED = (
    "an order signed",
    "an order expired",
    "an order cleared",
    "an order declined",
    "an order cancelled by the desk",
    "a restart with an open order",
    "a waiting incident located again",
    "a waiting incident located far away",
    "a unit chosen by the desk",
    "two units at one incident",
    "a cry for help answered",
    "an ack of a withdrawn order",
    "an incident closed by the desk",
    "an incident closed as unattended",
    "an incident nobody can go to",
    "an incident displaced",
    "a queue that overflows",
    "a signature awaited while the broker is away",
    "a line ended as too long",
    "a caller who rings again in their old place",
    "a call-back that goes on after a second hang-up",
    "a call-back settled by the desk",
    "a call-back overdue",
    "a call-back given up",
    "a call-back displaced",
    "a place moved while a unit is on its way",
    "two incidents that may be the same",
    "a caller found after hanging up",
    "a silent call unheard",
    "a silent caller who pressed a key",
    "an insistent caller asked to press a key",
    "a place taken back by the desk",
    "a caller told another place in the line",
    "a better place awaited in vain",
    "a better place that came while it was awaited",
    "a caller whose line we ended is to be rung back",
    "a call-back that outlasts a machine's answer",
    "a desk told of an insistent caller",
    "a desk told again of an insistent caller",
    "an insistent caller sent a unit without a key",
    "a cry for help ended by a desk",
    "an officer in danger left alone",
    "a unit that says its emergency is over",
    "an officer asked on scene",
    "an officer missed",
    "an officer asked who answered",
    "an officer on scene whom nobody can hear",
)
SAFETY = {
    "officer_alone": "an officer in danger left alone",
    "officer_says_over": "a unit that says its emergency is over",
    "check_in_missed": "an officer missed",
    "check_in_unheard": "an officer on scene whom nobody can hear",
}


@pytest.mark.parametrize("what", REACHED)
def test_random_histories_really_reach(what: str) -> None:
    """Guard: the laws above would hold of an engine, or of histories, that do nothing."""
    assert what in _reached_together()


@cache
def _reached_together() -> frozenset[str]:
    """Return what one series of histories comes to: told once for all of REACHED, to its end only if one is missing."""
    plain = settings(max_examples=2000, database=None, phases=[Phase.generate])
    found: set[str] = set()

    def all_reached(history: History) -> bool:
        found.update(_reached(history))
        return found.issuperset(REACHED)

    with suppress(NoSuchExample):
        find(histories(), all_reached, settings=plain, random=Random(110))
    return frozenset(found)


def _reached(history: History) -> set[str]:
    """Return what of REACHED the history comes to."""
    found: set[str] = set()
    waiting: set[str] = set()
    awaiting: set[IncidentId] = set()
    for engine, fact, effects in run(history):
        state = engine.state
        for effect in effects:
            match effect:
                case OrderUpdated(state="signed" | "expired" | "declined" as became):
                    found.add(f"an order {became}")
                case OrderUpdated(state="clear"):
                    found.add("an order cleared")
                case OrderUpdated(state="cancelled"):
                    found.add("an order cancelled by the desk")
                case IncidentUpdated(outcome="closed_by_desk"):
                    found.add("an incident closed by the desk")
                case IncidentUpdated(outcome="unattended"):
                    found.add("an incident closed as unattended")
                case IncidentUpdated(outcome="displaced"):
                    found.add("an incident displaced")
                case WarningRaised(kind="no_unit_can_go"):
                    found.add("an incident nobody can go to")
                case WarningRaised(kind="incident_queue_full" | "call_queue_full"):
                    found.add("a queue that overflows")
                case CallWaiting(restored_from=before) if before:
                    found.add("a caller who rings again in their old place")
                case CallbackUpdated(state="open", rings=rings) if rings > 1:
                    found.add("a call-back that goes on after a second hang-up")
                case CallbackUpdated(state="reached") if isinstance(fact, CommandGiven):
                    found.add("a call-back settled by the desk")
                case CallbackUpdated(state="displaced"):
                    found.add("a call-back displaced")
                case WarningRaised(kind="insistent_call"):
                    again = " again" if isinstance(fact, TimerFired) else ""
                    found.add(f"a desk told{again} of an insistent caller")
                case WarningRaised(kind="callback_overdue"):
                    found.add("a call-back overdue")
                case WarningRaised(kind="callback_given_up"):
                    found.add("a call-back given up")
                case WarningRaised(kind="place_moved"):
                    found.add("a place moved while a unit is on its way")
                case WarningRaised(kind="may_be_same"):
                    found.add("two incidents that may be the same")
                case WarningRaised(kind=kind) if kind in SAFETY:
                    found.add(SAFETY[kind])
                case IncidentUpdated(ended_by=by) if by:
                    found.add("a cry for help ended by a desk")
                case PromptUnit():
                    found.add("an officer asked on scene")
                case UnitUpdated(check_in="watched") if isinstance(fact, UnitCalled | UnitReported):
                    found.add("an officer asked who answered")
                case WarningRaised(kind="silent_call"):
                    found.add("a silent call unheard")
                case CallAnsweredNow(silence="vouched"):
                    found.add("a silent caller who pressed a key")
                case ChallengeCaller(why="insistent"):
                    found.add("an insistent caller asked to press a key")
                case QueueCaller() if isinstance(fact, TimerFired):
                    found.add("a caller told another place in the line")
                case WarningRaised(kind="call_too_long"):
                    found.add("a line ended as too long")
                case OrderIssued():
                    incident = state.incidents[effect.incident_id]
                    if incident.active_orders > 1:
                        found.add("two units at one incident")
                    if incident.category.startswith("officer_"):
                        found.add("a cry for help answered")
        match fact:
            case CallEnded() if any(isinstance(e, CallEndedNow) and not e.answered_at_us for e in effects):
                found.add("a caller whose line we ended is to be rung back")
            case CallEnded() if _has(effects, CallbackUpdated):
                found.add("a call-back that outlasts a machine's answer")
            case CallAnswered() if _has(effects, OrderIssued) and not _has(effects, ChallengeCaller):
                one = state.calls.get(state.call_of_leg.get(fact.leg, CallId("")))
                if one is not None and one.in_doubt:
                    found.add("an insistent caller sent a unit without a key")
            case ServiceStarted() if state.orders:
                found.add("a restart with an open order")
            case CommandGiven(command="incident.locate") if fact.incident_id in waiting and fact.lat:
                found.add(f"a waiting incident located {'far away' if fact.lat > 29 else 'again'}")
            case CommandGiven(command="order.accept") if _has(effects, OrderIssued):
                found.add("a unit chosen by the desk")
            case CommandGiven(command="incident.unlocate") if _has(effects, IncidentUpdated):
                found.add("a place taken back by the desk")
            case CallerFound() if fact.leg in state.departed and effects:
                found.add("a caller found after hanging up")
            case OrderAcked() if fact.order_id in state.withdrawn:
                found.add("an ack of a withdrawn order")
            case TimerFired() if fact.key.startswith("sign:") and fact.key in state.timers:
                if "mqtt" in state.away and _has(effects, SetTimer):
                    found.add("a signature awaited while the broker is away")
        for name in awaiting & state.incidents.keys():
            if state.incidents[name].wants_unit:
                came = isinstance(fact, CallerFound)
                found.add(f"a better place {'that came while it was awaited' if came else 'awaited in vain'}")
        waiting = set(state.incidents_waiting.first(state.now_ms, 100))
        awaiting = {n for n, one in state.incidents.items() if one.released and one.coarse and one.awaited}
    return found


def _has(effects: list[Effect], kind: type[Effect]) -> bool:
    return any(isinstance(effect, kind) for effect in effects)
