# SPDX-License-Identifier: Apache-2.0
"""What a caller saw of one call, and when. Pure."""

from typing import Literal

import msgspec

from core.ids import CountyCode

Outcome = Literal["", "answered", "abandoned", "failed"]


class CallRecord(msgspec.Struct, kw_only=True):
    """What happened to one call, in seconds of the monotonic clock; 0 for what has not happened."""

    sip_call_id: str
    county: CountyCode
    intended: float
    sent: float = 0.0
    trying: float = 0.0
    "First 1xx."
    ringing: float = 0.0
    "First 18x."
    answered: float = 0.0
    ended: float = 0.0
    outcome: Outcome = ""
    reason: str = ""
    retransmissions: int = 0
    out_of_turn: int = 0

    @property
    def origin(self) -> float:
        """Return what latency counts from: an early timer must not flatter, a late one neither."""
        return min(self.intended, self.sent)

    @property
    def heard(self) -> float:
        """Return when the caller first heard 18x or an answer; 0 when never."""
        return min((at for at in (self.ringing, self.answered) if at), default=0.0)
