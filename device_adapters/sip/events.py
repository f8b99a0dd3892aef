# SPDX-License-Identifier: Apache-2.0
"""What the endpoint tells its owner. Each is told once per leg, however often the peer repeats itself."""

from typing import Self

import msgspec

from core.events import Location
from core.ids import Leg
from device_adapters.voices import Side

Address = tuple[str, int]
"IP address and port."


class Elsewhere(tuple[str, int]):
    """Where an answer goes by another listener than the leg's: the one its question came by (RFC 3261 18.2.2)."""

    by: int
    "That listener's number."

    def __new__(cls, to: Address, by: int) -> Self:
        """Return the address `to`, and by which listener it is reached."""
        made = super().__new__(cls, to)
        made.by = by
        return made


class SipEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a peer did, or we did to it, that the gateway should know."""

    leg: Leg
    "Our To tag."
    sip_call_id: str
    at: float
    "The `now` of the input that caused it."


class Invited(SipEvent, frozen=True, kw_only=True):
    """A trunk offers us a caller. 100 Trying is on its way; nothing else has been promised."""

    caller: str = ""
    "Number or user part from P-Asserted-Identity, else From; empty when withheld."
    called: str = ""
    display_name: str = ""
    peer: Address
    "Where the INVITE came from."
    location: Location | None = None
    address: str = ""
    "Civic address without coordinates."
    raw: bytes
    "The INVITE as it came."
    privacy: bool = False
    diverted_from: str = ""
    attestation: str = ""
    access: str = ""
    locate_at: tuple[str, ...] = ()
    calls_in_hour: int = 0
    "These six as in core.events.CallReceived."


class Answered(SipEvent, frozen=True, kw_only=True):
    """Our 200 left for the first time."""


class Abandoned(SipEvent, frozen=True, kw_only=True):
    """The caller left before we answered."""

    reason: str
    "`cancel`, `bye` (early) or `expired` (the INVITE's own Expires)."
    trace: bytes = b""
    "The last messages of the leg (trace.py)."


class Ended(SipEvent, frozen=True, kw_only=True):
    """The leg is over."""

    reason: str
    "As in core.events.CallEnded."
    trace: bytes = b""


class Keyed(SipEvent, frozen=True, kw_only=True):
    """The caller pressed a key (INFO with application/dtmf-relay or application/dtmf)."""

    key: str
    "`0` to `9`, `*`, `#`, `A` to `D`."


class Talking(SipEvent, frozen=True, kw_only=True):
    """An answered leg's voice goes there, for the first time or from now on. For who has the voice: no fact."""

    side: Side


class TrunkChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A listed trunk stopped answering, or answers again."""

    trunk: str
    up: bool
    reason: str
    at: float


Event = SipEvent | TrunkChanged
"What `Endpoint.next_event` hands over."
