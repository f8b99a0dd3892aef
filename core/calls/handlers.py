# SPDX-License-Identifier: Apache-2.0
"""What follows when a call comes, is answered, is given up, or ends."""

from core.callbacks import handlers as callbacks
from core.calls import doubt, line
from core.calls.call import Call, came_ms, told
from core.calls.finding import REFERENCES_MAX, look_up
from core.calls.live import live
from core.calls.machine import CallHeard, step
from core.calls.number import plain
from core.dispatch.dispatcher import recommend, reconsider, release
from core.effects import (
    AnswerCaller,
    CallAbandonedNow,
    CallAnsweredNow,
    CallEndedNow,
    CallWaiting,
    HangUpCaller,
    RingCaller,
)
from core.errors import OutOfTurnError
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallReceived,
    TimerFired,
)
from core.ids import CallId, IncidentId, Leg
from core.incidents.handlers import await_place, caller_gone, incident_for
from core.state import State

NS_PER_S = 1_000_000_000


def received(state: State, fact: CallReceived) -> None:
    """Ring, open or join an incident, rank the units, and answer if that is the policy."""
    if fact.leg in state.call_of_leg:
        raise OutOfTurnError("a second call.received for one leg")
    call = Call(
        call_id=CallId(state.new_id("c")),
        leg=fact.leg,
        sip_call_id=fact.sip_call_id,
        caller=fact.caller,
        called=fact.called,
        county=fact.county,
        trunk=fact.trunk,
        peer=fact.peer,
        raw=fact.raw,
        level=state.settings.level_default,
        received_ns=fact.at_ns,
        number=plain(fact.caller),
        privacy=fact.privacy,
        diverted_from=fact.diverted_from,
        attestation=fact.attestation,
        calls_in_hour=fact.calls_in_hour,
        access=fact.access,
        locate_at=fact.locate_at,
    )
    insistent = 0 < state.settings.insistent_per_hour <= fact.calls_in_hour
    call.demoted = insistent and bool(call.number)  # `110` or `0` is shown for every telephone without a card
    before = callbacks.restore(state, call)
    if call.demoted:
        before = state.incident_of_caller.get(call.number, IncidentId(""))
    state.calls[call.call_id] = call
    state.call_of_leg[call.leg] = call.call_id
    state.say(RingCaller(leg=call.leg))
    look_up(state, call)
    incident, moved = incident_for(state, call, fact, before)
    call.incident_id = incident.incident_id
    call.level = min(call.level, incident.level)  # who rings beside a trifle is serious until heard
    call.urgency_ms = state.urgency_ms(call.level, came_ms(call, state.settings))
    line.join(state, call)
    state.remember_caller(call)
    state.say(told(call, CallWaiting, at_us=state.at_us))
    callbacks.rang(state, call)
    recommend(state, incident, call)
    if call.locate_at:
        await_place(state, incident, len(call.locate_at[:REFERENCES_MAX]))
    if incident.wants_unit or incident.incident_id in state.incidents_waiting:
        reconsider(state, incident, moved=moved)  # it was open already, and may only now have a place
    state.set_timer(f"limit:{call.call_id}", call.received_ns + state.settings.call_s_max * NS_PER_S)
    _answer_by_policy(state, call)


def answered(state: State, fact: CallAnswered) -> None:
    """The line is open: its incident may be sent a unit now."""
    call = _step(state, fact.leg, "answered")
    call.answered_ns = fact.at_ns
    _leave_queue(state, call)
    state.say(told(call, CallAnsweredNow, at_us=state.at_us))
    callbacks.answered(state, call)
    if call.number:
        state.talking[call.number] = state.talking.get(call.number, 0) + 1
    if call.demoted and doubt.withheld(state, call):
        doubt.ask(state, call)
    else:
        release(state, state.incidents.get(call.incident_id), since_ns=call.received_ns)


def abandoned(state: State, fact: CallAbandoned) -> None:
    """The caller left: nobody spoke to them, so nobody may think it settled."""
    call = _step(state, fact.leg, "abandoned")
    _leave_queue(state, call)
    state.say(told(call, CallAbandonedNow, at_us=state.at_us, ended_at_us=state.at_us, reason=fact.reason))
    callbacks.abandoned(state, call)
    _forget(state, call)


def ended(state: State, fact: CallEnded) -> None:
    """The conversation is over; the incident lives on."""
    call = _step(state, fact.leg, "ended")
    _leave_queue(state, call)
    state.say(told(call, CallEndedNow, at_us=state.at_us, ended_at_us=state.at_us, reason=fact.reason))
    if call.answered_ns:
        if call.callback_id:
            callbacks.hung_up(state, call)
    else:  # we ended it: whoever rang was not spoken to
        callbacks.abandoned(state, call)
    _forget(state, call)


def answer_due(state: State, fact: TimerFired) -> None:
    """`answer = "ring:SECONDS"`: it has rung long enough."""
    call = state.calls.get(CallId(fact.key.partition(":")[2]))
    if call is not None and call.state == "ringing":
        state.say(AnswerCaller(leg=call.leg))


def limit_due(state: State, fact: TimerFired) -> None:
    """The line has been open longer than any call lasts."""
    call = state.calls.get(CallId(fact.key.partition(":")[2]))
    if call is not None:
        state.warn(
            "call_too_long", call.call_id, call.county, "the line is ended; its far side does not speak"
        )
        state.say(HangUpCaller(leg=call.leg))


def resume(state: State) -> None:
    """After a restart: promise again what may not have left before it."""
    for call in state.calls.values():
        if call.state == "ringing":
            state.drop_timer(f"answer:{call.call_id}")  # set under the policy of the last run
            state.say(RingCaller(leg=call.leg))
            _answer_by_policy(state, call)
        doubt.resume(state, call)
        if not call.caller_name:
            look_up(state, call)
        if f"limit:{call.call_id}" not in state.timers:
            state.say(HangUpCaller(leg=call.leg))
    line.resume(state)


def _answer_by_policy(state: State, call: Call) -> None:
    policy, _, seconds = state.settings.answer.partition(":")
    if policy == "immediately":
        state.say(AnswerCaller(leg=call.leg))
    elif policy == "ring":
        state.set_timer(f"answer:{call.call_id}", call.received_ns + int(seconds) * NS_PER_S)


def _leave_queue(state: State, call: Call) -> None:
    state.calls_waiting.remove(call.call_id)
    state.drop_timer(f"answer:{call.call_id}")
    call.urgency_ms = 0


def _step(state: State, leg: Leg, heard: CallHeard) -> Call:
    call = live(state, leg)
    call.state = step(call.state, heard)
    return call


def _forget(state: State, call: Call) -> None:
    state.drop_timer(f"limit:{call.call_id}")
    state.drop_timer(f"challenge:{call.call_id}")
    if call.demoted:
        state.drop_timer(f"doubt:{call.call_id}")
    if call.number and call.answered_ns:
        lines = state.talking.pop(call.number) - 1
        if lines:
            state.talking[call.number] = lines
    state.remember_leg(call)
    del state.calls[call.call_id]
    del state.call_of_leg[call.leg]
    caller_gone(state, call)
