# SPDX-License-Identifier: Apache-2.0
"""One call, as long as its line is open."""

from typing import TypeVar

import msgspec

from core.effects import CallDecision, CallState, Silence
from core.ids import CallbackId, CallId, CountyCode, IncidentId, Leg
from core.settings import Settings

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
    number: str = ""
    "The caller as core/calls/number.py spells it; empty when withheld."
    privacy: bool = False
    diverted_from: str = ""
    attestation: str = ""
    calls_in_hour: int = 0
    access: str = ""
    locate_at: tuple[str, ...] = ()
    caller_name: str = ""
    silence: Silence = ""
    demoted: bool = False
    "An insistent number, until a desk classifies the call."
    since_ns: int = 0
    "The first ring of the call restored; 0 when there was none."
    restored_from: CallId = CallId("")
    callback_id: CallbackId = CallbackId("")
    "The call-back that waited for this caller when it rang."
    taken: bool = False
    "True once a desk has taken it: its answer is a person's, not the machine's."
    position: int = 0
    "The place in the line the caller was last told; 0 when none."

    @property
    def waiting_ns(self) -> int:
        """Since when the caller has been trying."""
        return self.since_ns or self.received_ns

    @property
    def whose(self) -> str:
        """Whose word it is where they are: the same for every call of one number."""
        return self.number or self.call_id

    @property
    def in_doubt(self) -> bool:
        """True while nobody has shown that an insistent call is one (core/calls/doubt.py: withheld)."""
        return self.demoted and self.silence != "vouched"


def came_ms(call: Call, settings: Settings) -> int:
    """Return since when it waits, ms; a demoted one counts as having come later."""
    return call.waiting_ns // 1_000_000 + (settings.demote_s * 1000 if call.demoted else 0)


class Departed(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a call whose line is gone: an answer about its caller may still come."""

    call_id: CallId
    incident_id: IncidentId
    whose: str
    number: str


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
        privacy=call.privacy,
        diverted_from=call.diverted_from,
        attestation=call.attestation,
        calls_in_hour=call.calls_in_hour,
        caller_name=call.caller_name,
        silence=call.silence,
        demoted=call.demoted,
        restored_from=call.restored_from,
        waiting_since_us=call.waiting_ns // 1000,
    )
