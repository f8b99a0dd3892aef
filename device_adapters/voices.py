# SPDX-License-Identifier: Apache-2.0
"""What who speaks SIP asks of who has the voice: a port for a leg, and where the caller's voice goes."""

from typing import Protocol

import msgspec

from core.ids import Leg
from device_adapters.g711 import Law


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """The far side's end of the media, as its SDP has it."""

    host: str
    "Where our packets go; a name, or empty, leads nowhere until it is heard from."
    port: int
    law: Law
    number: int
    "Payload number of the law."
    keys: int = -1
    "Payload number of its keys (RFC 4733); -1: it presses none in its voice."
    hears: bool = True
    "It wants to hear us: not on hold."
    speaks: bool = True
    "It says something."


class Voices(Protocol):
    """Who has the ports and the voice. Never waits, never raises."""

    def take(self, leg: Leg) -> int:
        """Return the leg's own RTP port, for our SDP; 0 when there is none, and the leg is without a voice."""
        ...

    def talk(self, leg: Leg, sip_call_id: str, side: Side) -> None:
        """Speak and listen to the far side of an answered leg; again when its side has changed."""
        ...

    def release(self, leg: Leg) -> None:
        """Fall silent: the leg is over, however, or was never answered."""
        ...
