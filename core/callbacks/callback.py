# SPDX-License-Identifier: Apache-2.0
"""One call-back, from the first hang-up until someone has spoken to the caller or nobody will."""

import msgspec

from core.effects import CallbackState, CallbackUpdated
from core.ids import CallbackId, CallId, CountyCode, IncidentId

CALLS_FIRST = 1  # of `call_ids`
CALLS_SHOWN_MAX = (
    16  # a number that rings and hangs up all day has one task; each decision names no more than these
)


class Callback(msgspec.Struct, kw_only=True):
    """What is known of someone who hung up before the answer."""

    callback_id: CallbackId
    county: CountyCode
    caller: str
    number: str
    "The caller as core/calls/number.py spells it: one task for one number. Empty when withheld."
    privacy: bool
    incident_id: IncidentId
    since_ns: int
    opened_ns: int
    "The first hang-up: overdue and given up are counted from here."
    left_ns: int
    state: CallbackState = "open"
    call_ids: list[CallId] = []
    rings: int = 0
    tries: int = 0
    lines: int = 0
    "Calls of theirs that ring now, or that a machine answered."
    told_overdue: bool = False

    def count_call(self, call_id: CallId) -> None:
        """Add a call that was given up."""
        self.call_ids.append(call_id)
        if len(self.call_ids) > CALLS_SHOWN_MAX:
            del self.call_ids[CALLS_FIRST]


def told(task: Callback, *, at_us: int, due_ns: int, reason: str = "", by: str = "") -> CallbackUpdated:
    """Return the decision that says where the call-back stands."""
    return CallbackUpdated(
        at_us=at_us,
        county=task.county,
        callback_id=task.callback_id,
        state=task.state,
        caller=task.caller,
        privacy=task.privacy,
        call_ids=tuple(task.call_ids),
        incident_id=task.incident_id,
        since_us=task.since_ns // 1000,
        left_at_us=task.left_ns // 1000,
        due_us=due_ns // 1000,
        rings=task.rings,
        tries=task.tries,
        reason=reason,
        by=by,
    )
