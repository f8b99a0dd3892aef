# SPDX-License-Identifier: Apache-2.0
"""What the worker's loop wants of the library that speaks for it; worker.py gives it pyVoIP."""

import socket
from typing import Protocol

from device_adapters.g711 import Law
from device_adapters.pyvoip.legible import Legible
from device_adapters.pyvoip.media import Voice

FAULTS = (LookupError, ValueError, TypeError, AttributeError)
"What a guest raises on what it does not understand."


class GuestFaultError(ValueError):
    """The guest did not understand a message."""


class NoPortError(OSError):
    """Every port for voice is taken."""


class GuestCall(Protocol):
    """One call's voice."""

    loud_frames: int
    "Frames heard above the line's own noise."
    ears: socket.socket
    "Once it is open."

    @property
    def port(self) -> int:
        """Ours; what `open` bound."""
        ...

    @property
    def law(self) -> Law:
        """What is talked."""
        ...

    def open(self) -> socket.socket:
        """Bind and return the socket to listen on. Raises NoPortError."""
        ...

    def send_to(self, address: str, port: int) -> None:
        """Say where the other side listens; port 0: nowhere."""
        ...

    def hear(self, packet: bytes) -> str:
        """Take one packet; return the key it tells of for the first time, or ""."""
        ...

    def say(self, frame: bytes) -> None:
        """Send 20 ms of voice."""
        ...

    def skip(self) -> None:
        """Let 20 ms pass unsaid."""
        ...

    def close(self) -> None:
        """It is over; the port may be another call's."""
        ...


class GuestPhone(Protocol):
    """Our place at the PBX."""

    version: str

    def call(self, invite: Legible, voice: Voice) -> GuestCall:
        """Make a call. Raises GuestFaultError, NoPortError."""
        ...

    def register(self, *, leave: bool) -> tuple[int, bytes]:
        """Return CSeq and text of a REGISTER, or of one that takes our name back."""
        ...

    def register_with_digest(self, challenge: Legible, *, leave: bool) -> tuple[int, bytes]:
        """Return the REGISTER that answers a 401 or 407. Raises GuestFaultError."""
        ...
