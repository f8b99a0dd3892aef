# SPDX-License-Identifier: Apache-2.0
"""What the gateway and the worker say to each other, over a Unix socket: four octets of length, then msgpack.

Tags outlive class names. A new field gets a default; a new meaning gets a new VERSION, and a worker of another
version is refused, for both ends are started from one installation.
"""

from collections.abc import Iterator

import msgspec

from core.ids import Leg
from device_adapters.pyvoip.settings import PyvoipSettings

VERSION = 1
FRAME_MAX = 256 * 1024  # the longest is an INVITE, and a datagram has 64 KiB
LENGTH_OCTETS = 4


class WireError(Exception):
    """The other end speaks no language of ours."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    """Something said over the socket."""


# The gateway says


class Buried(msgspec.Struct, frozen=True, kw_only=True):
    """A leg of a worker that died; its far side still waits. It gets BYE when answered, 480 when ringing."""

    leg: Leg
    raw: bytes
    "The INVITE as the dead worker told it."
    answered: bool


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Begin: the first thing a worker hears."""

    settings: PyvoipSettings
    password: str = ""
    buried: tuple[Buried, ...] = ()
    version: int = VERSION


class Ring(Message, frozen=True, kw_only=True, tag="ring"):
    """Say 180."""

    leg: Leg


class Queue(Message, frozen=True, kw_only=True, tag="queue"):
    """Say 182."""

    leg: Leg
    position: int


class Answer(Message, frozen=True, kw_only=True, tag="answer"):
    """Say 200, and be heard."""

    leg: Leg


class HangUp(Message, frozen=True, kw_only=True, tag="hang_up"):
    """BYE when answered, 486 when ringing."""

    leg: Leg


class Challenge(Message, frozen=True, kw_only=True, tag="challenge"):
    """Let the caller hear that a key is asked for."""

    leg: Leg


class Drain(Message, frozen=True, kw_only=True, tag="drain"):
    """Refuse new calls with 480, or take them again."""

    on: bool


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Do you live?"""

    n: int


class Leave(Message, frozen=True, kw_only=True, tag="leave"):
    """Hang up on all, take our name from the PBX, end."""


# The worker says


class Ready(Message, frozen=True, kw_only=True, tag="ready"):
    """The worker hears its socket."""

    version: int = VERSION
    guest: str
    "pyVoIP's version."


class Registered(Message, frozen=True, kw_only=True, tag="registered"):
    """The PBX knows us, or does not any more. Told once for each change."""

    up: bool
    reason: str = ""


class Came(Message, frozen=True, kw_only=True, tag="came"):
    """The PBX offers us a caller; 100 has left."""

    leg: Leg
    sip_call_id: str
    caller: str = ""
    called: str = ""
    display_name: str = ""
    privacy: bool = False
    diverted_from: str = ""
    peer: str
    "host:port the INVITE came from."
    raw: bytes
    "The INVITE, kept by the gateway's side for `Buried`, never journalled."


class Answered(Message, frozen=True, kw_only=True, tag="answered"):
    """Our 200 left."""

    leg: Leg


class Abandoned(Message, frozen=True, kw_only=True, tag="abandoned"):
    """The caller left before the answer."""

    leg: Leg
    reason: str


class Ended(Message, frozen=True, kw_only=True, tag="ended"):
    """The leg is over."""

    leg: Leg
    reason: str


class Silent(Message, frozen=True, kw_only=True, tag="silent"):
    """Nobody was heard on an answered line."""

    leg: Leg


class Keyed(Message, frozen=True, kw_only=True, tag="keyed"):
    """The caller pressed a key."""

    leg: Leg
    key: str


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """I live; and what I have counted so far."""

    n: int
    counters: dict[str, int]


Order = Hello | Ring | Queue | Answer | HangUp | Challenge | Drain | Ping | Leave
Report = Ready | Registered | Came | Answered | Abandoned | Ended | Silent | Keyed | Pong

_ENCODER = msgspec.msgpack.Encoder()
_ORDERS: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_REPORTS: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def framed(message: Message) -> bytes:
    """Return the message as it goes over the socket."""
    body = _ENCODER.encode(message)
    assert len(body) <= FRAME_MAX, "a message is longer than the other end will read"
    return len(body).to_bytes(LENGTH_OCTETS, "big") + body


class Frames:
    """Cut a stream into bodies. Raises WireError when it cannot be one of ours."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take octets; return the bodies they complete."""
        self._rest += data
        while len(self._rest) >= LENGTH_OCTETS:
            length = int.from_bytes(self._rest[:LENGTH_OCTETS], "big")
            if length > FRAME_MAX:
                raise WireError(f"a frame of {length} octets")
            if len(self._rest) < LENGTH_OCTETS + length:
                return
            body = bytes(self._rest[LENGTH_OCTETS : LENGTH_OCTETS + length])
            del self._rest[: LENGTH_OCTETS + length]
            yield body


def order(body: bytes) -> Order:
    """Read what the gateway says. Raises WireError."""
    try:
        return _ORDERS.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(str(error)) from None


def report(body: bytes) -> Report:
    """Read what the worker says. Raises WireError."""
    try:
        return _REPORTS.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(str(error)) from None
