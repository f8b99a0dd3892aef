# SPDX-License-Identifier: Apache-2.0
"""Who calls, and from where: asked after the ring, and taken whenever an answer comes."""

import msgspec

from core.calls import doubt
from core.calls.call import Call
from core.calls.live import tell
from core.calls.number import is_mobile
from core.dispatch.dispatcher import placed, reconsider
from core.effects import LookUpCaller
from core.errors import OutOfTurnError, UnknownError
from core.events import CallerFound, TimerFired
from core.ids import CallId, IncidentId
from core.incidents.handlers import hear, place_came
from core.incidents.incident import Incident
from core.state import State

HELD = "held"
REFERENCES_MAX = 2  # of a call that are asked (device_adapters/lookup/held.py)


def look_up(state: State, call: Call) -> None:
    """Ask who it is and where, if there is anything to ask by. No caller waits for the answer."""
    if call.caller or call.access or call.locate_at:
        state.say(
            LookUpCaller(leg=call.leg, caller=call.caller, access=call.access, locate_at=call.locate_at)
        )


def found(state: State, fact: CallerFound) -> None:
    """One of those who were asked has answered: help must find the caller, also one whose line is gone."""
    call = state.calls.get(state.call_of_leg.get(fact.leg, CallId("")))
    if call is not None:
        if fact.name and fact.name != call.caller_name:
            call.caller_name = fact.name
            tell(state, call)
        incident = state.incidents.get(call.incident_id)
        if incident is not None:
            _found_at(state, incident, fact, whose=call.whose, call_id=call.call_id, number=call.number)
        return
    gone = state.departed.get(fact.leg)
    if gone is None:
        raise UnknownError("an answer about a caller nobody knows")
    incident = state.incidents.get(gone.incident_id)
    if incident is None:
        raise OutOfTurnError("an answer about a caller whose incident is closed")
    state.count("caller_found_late")
    _found_at(state, incident, fact, whose=gone.whose, call_id=gone.call_id, number=gone.number)


def _found_at(
    state: State, incident: Incident, fact: CallerFound, *, whose: str, call_id: CallId, number: str
) -> None:
    address = fact.address or (fact.location.address if fact.location is not None else "")
    if (
        address and not incident.address and not incident.located
    ):  # else it belongs to another place than the chosen
        incident.address = address
        state.touch_incident(incident)
    if fact.source == HELD:
        place_came(state, incident)
    moved = False
    if fact.location is not None:
        source = fact.location.source or fact.source
        place = msgspec.structs.replace(fact.location, source=source, address=address)
        moved = hear(state, incident, place, whose=whose, call_id=call_id, mobile=is_mobile(number))
    if moved:
        placed(state, incident)
    else:
        reconsider(state, incident, moved=False)
    doubt.lift(state, incident)


def held_due(state: State, fact: TimerFired) -> None:
    """No better word came in time: a unit goes to where the caller is thought to be."""
    incident = state.incidents.get(IncidentId(fact.key.partition(":")[2]))
    if incident is not None:
        incident.awaited = 0
        reconsider(state, incident, moved=False)
        doubt.lift(state, incident)
