# SPDX-License-Identifier: Apache-2.0
"""One call, as long as its line is open."""

from typing import TypeVar

import msgspec

from core.effects import CallDecision, CallState
from core.ids import CallId, CountyCode, IncidentId, Leg

D = TypeVar("D", bound=CallDecision)


class Call(msgspec.Struct, kw_only=True):
    """What is known of a live call. Forgotten when it ends; Redis and the journal remember."""

    call_id: CallId
    leg: Leg
    sip_call_id: str
    caller: str
    called: str
    county: CountyCode
    trunk: str
    peer: str
    raw: bytes
    "The INVITE: a restarted process goes on with the dialog from it."
    level: int
    received_ns: int
    state: CallState = "ringing"
    incident_id: IncidentId = IncidentId("")
    answered_ns: int = 0
    urgency_ms: int = 0


def told(call: Call, decision: type[D], *, at_us: int, ended_at_us: int = 0, reason: str = "") -> D:
    """Return the decision of this type that says where the call stands."""
    return decision(
        at_us=at_us,
        county=call.county,
        call_id=call.call_id,
        sip_call_id=call.sip_call_id,
        state=call.state,
        caller=call.caller,
        called=call.called,
        trunk=call.trunk,
        incident_id=call.incident_id,
        level=call.level,
        received_at_us=call.received_ns // 1000,
        answered_at_us=call.answered_ns // 1000,
        ended_at_us=ended_at_us,
        reason=reason,
        urgency_ms=call.urgency_ms,
    )
