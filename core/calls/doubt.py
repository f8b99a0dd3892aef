# SPDX-License-Identifier: Apache-2.0
"""Calls nobody hears, and calls of a number that rings all day: asked to press a key, never refused for it."""

from core.calls import silence
from core.calls.call import Call, urgency
from core.calls.live import live, tell
from core.dispatch.dispatcher import release
from core.effects import ChallengeCaller
from core.errors import OutOfTurnError
from core.events import CallKeyPressed, CallSilent, TimerFired
from core.ids import CallId
from core.state import State

NS_PER_S = 1_000_000_000


def silent(state: State, fact: CallSilent) -> None:
    """Nobody is heard on an answered line: ask them to press a key, and never hang up for it."""
    call = live(state, fact.leg)
    if call.state != "answered":
        raise OutOfTurnError("a call is silent before it is answered")
    if not _hear_silence(call, "silent"):
        state.count("silence_repeated")
        return
    if not state.settings.challenge_s:
        _unheard(state, call)
        return
    _hear_silence(call, "asked")
    state.say(ChallengeCaller(leg=call.leg, why="silent"))
    state.set_timer(f"challenge:{call.call_id}", state.now_ns + state.settings.challenge_s * NS_PER_S)
    tell(state, call)


def challenge_due(state: State, fact: TimerFired) -> None:
    """No key came: a desk must listen, for it may be someone who cannot speak."""
    call = state.calls.get(CallId(fact.key.partition(":")[2]))
    if call is not None:
        _unheard(state, call)


def key_pressed(state: State, fact: CallKeyPressed) -> None:
    """Someone is there, whether or not they were asked."""
    call = live(state, fact.leg)
    was_in_doubt = call.in_doubt
    if not _hear_silence(call, "key"):
        state.count("key_repeated")
        return
    state.drop_timer(f"challenge:{call.call_id}")
    tell(state, call)
    if was_in_doubt and call.state == "answered":
        release(state, state.incidents.get(call.incident_id), since_ns=call.received_ns)


def vouch(state: State, call: Call) -> None:
    """A desk has classified it: an insistent caller's call is one like any other."""
    was_in_doubt = call.in_doubt
    was_demoted, call.demoted = call.demoted, False
    if call.state == "ringing":
        call.urgency_ms = urgency(call, state.settings)
        waits = call.call_id in state.calls_waiting
        if waits:
            state.calls_waiting.raise_to(call.call_id, call.urgency_ms)
        if waits or was_demoted:
            tell(state, call)
    elif was_demoted:
        tell(state, call)
    if was_in_doubt and call.state == "answered":
        release(state, state.incidents.get(call.incident_id), since_ns=call.received_ns)


def resume(state: State, call: Call) -> None:
    """After a restart: ask again who may not have been asked."""
    if call.silence == "challenged":
        state.say(ChallengeCaller(leg=call.leg, why="silent"))
    elif call.in_doubt and call.state == "answered":
        state.say(ChallengeCaller(leg=call.leg, why="insistent"))


def _hear_silence(call: Call, heard: silence.SilenceHeard) -> bool:
    before, call.silence = call.silence, silence.step(call.silence, heard)
    return call.silence != before


def _unheard(state: State, call: Call) -> None:
    if not _hear_silence(call, "due"):
        return
    incident = state.incidents.get(call.incident_id)
    lat, lon = (incident.lat, incident.lon) if incident is not None else (None, None)
    state.warn(
        "silent_call", call.call_id, call.county, "listen on: it may be someone who cannot speak", lat, lon
    )
    tell(state, call)
