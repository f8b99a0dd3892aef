# SPDX-License-Identifier: Apache-2.0
"""Calls nobody hears, and calls of a number that rings all day: asked to press a key, never refused for it.

No unit goes by itself for an insistent caller to where one was ordered for that number within the hour, or while
nobody knows where to; somewhere else, one goes as for anybody. A desk is told at once, and again when no key came.
"""

from core.callbacks import handlers as callbacks
from core.calls import silence
from core.calls.call import Call, came_ms
from core.calls.live import live, tell
from core.dispatch.dispatcher import release
from core.effects import ChallengeCaller
from core.errors import OutOfTurnError
from core.events import CallKeyPressed, CallSilent, TimerFired
from core.ids import CallId
from core.incidents.incident import Incident
from core.state import State

TOLD_S = (
    60  # a number that rings every five seconds must not fill the desk: one warning a minute for its incident
)
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


def withheld(state: State, call: Call) -> bool:
    """Tell whether no unit goes by itself for this call until someone vouches."""
    if not call.in_doubt:
        return False
    incident = state.incidents.get(call.incident_id)
    if incident is None or incident.lat is None or incident.lon is None:
        return True
    unsure = incident.guessed or (incident.coarse and incident.awaited > 0)
    return unsure or state.was_sent(call.number, incident.lat, incident.lon)


def ask(state: State, call: Call) -> None:
    """Ask an insistent caller, now answered, to press a key, and tell a desk that no unit goes."""
    state.say(ChallengeCaller(leg=call.leg, why="insistent"))
    incident = state.incidents.get(call.incident_id)
    if incident is None or incident.released:
        return
    if incident.told_insistent_ns and state.now_ns < incident.told_insistent_ns + TOLD_S * NS_PER_S:
        return
    incident.told_insistent_ns = state.now_ns
    _tell_insistent(state, call, incident, "no unit goes by itself: listen, classify it, or send one")
    if state.settings.challenge_s:
        state.set_timer(f"doubt:{call.call_id}", state.now_ns + state.settings.challenge_s * NS_PER_S)


def doubt_due(state: State, fact: TimerFired) -> None:
    """No key came, perhaps because nobody heard that one was asked for: the desk is told again."""
    call = state.calls.get(CallId(fact.key.partition(":")[2]))
    incident = state.incidents.get(call.incident_id) if call is not None else None
    if call is not None and incident is not None and not incident.released and withheld(state, call):
        _tell_insistent(
            state, call, incident, "no key was pressed, and no unit goes: classify it, or send one"
        )


def lift(state: State, incident: Incident) -> None:
    """It is known where, or better: a unit may go for those of its callers who were only in doubt until then."""
    for call_id in [] if incident.released else incident.call_ids:
        call = state.calls.get(call_id)
        if call is None or call.state != "answered" or not call.in_doubt or withheld(state, call):
            continue
        state.drop_timer(f"doubt:{call_id}")
        release(state, incident, since_ns=call.received_ns)
        return


def key_pressed(state: State, fact: CallKeyPressed) -> None:
    """Someone is there, whether or not they were asked."""
    call = live(state, fact.leg)
    was_in_doubt = call.in_doubt
    if not _hear_silence(call, "key"):
        state.count("key_repeated")
        return
    state.drop_timer(f"challenge:{call.call_id}")
    state.drop_timer(f"doubt:{call.call_id}")
    tell(state, call)
    callbacks.vouched(state, call)
    if was_in_doubt and call.state == "answered":
        release(state, state.incidents.get(call.incident_id), since_ns=call.received_ns)


def vouch(state: State, call: Call) -> None:
    """A desk has classified it: an insistent caller's call is one like any other."""
    was_in_doubt = call.in_doubt
    was_demoted, call.demoted = call.demoted, False
    state.drop_timer(f"doubt:{call.call_id}")
    callbacks.vouched(state, call)
    if call.state == "ringing":
        since_ms = came_ms(call, state.settings)
        call.urgency_ms = state.urgency_ms(call.level, since_ms)
        waits = call.call_id in state.calls_waiting
        if waits:
            state.calls_waiting.reclassify(call.call_id, call.level, since_ms)
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
    elif call.state == "answered" and withheld(state, call):
        state.say(ChallengeCaller(leg=call.leg, why="insistent"))


def _tell_insistent(state: State, call: Call, incident: Incident, text: str) -> None:
    state.warn("insistent_call", call.call_id, call.county, text, incident.lat, incident.lon)


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
