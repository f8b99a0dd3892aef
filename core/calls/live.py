# SPDX-License-Identifier: Apache-2.0
"""A call whose line is open: found by its leg, and said again as it stands."""

from core.calls.call import Call, told
from core.effects import CallAnsweredNow, CallWaiting
from core.errors import UnknownError
from core.ids import Leg
from core.state import State


def live(state: State, leg: Leg) -> Call:
    """Return the live call of a leg, or raise UnknownError."""
    call_id = state.call_of_leg.get(leg)
    if call_id is None:
        raise UnknownError("something of a leg nobody knows")
    return state.calls[call_id]


def tell(state: State, call: Call) -> None:
    """Say again where a live call stands."""
    decision = CallWaiting if call.state == "ringing" else CallAnsweredNow
    if call.call_id in state.calls_waiting:
        call.urgency_ms = state.calls_waiting.urgency_ms(call.call_id, state.now_ms)
    state.say(told(call, decision, at_us=state.at_us))
