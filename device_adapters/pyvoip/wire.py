# SPDX-License-Identifier: Apache-2.0
"""What the gateway and the worker say to each other, over a Unix socket (frames.py).

A new meaning gets a new VERSION, and a worker of another version is refused, for both ends are started from one
installation.
"""

from typing import Annotated

import msgspec

from core.ids import Leg
from device_adapters.frames import FRAME_MAX as FRAME_MAX
from device_adapters.frames import Frames as Frames
from device_adapters.frames import Leave as Leave
from device_adapters.frames import Message as Message
from device_adapters.frames import Ping as Ping
from device_adapters.frames import Pong as Pong
from device_adapters.frames import WireError as WireError
from device_adapters.frames import framed as framed
from device_adapters.frames import read
from device_adapters.pyvoip.settings import PyvoipSettings

VERSION = 2


# The gateway says


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Begin: the first thing a worker hears."""

    settings: PyvoipSettings
    password: str = ""
    version: int = VERSION


class Bury(Message, frozen=True, kw_only=True, tag="bury"):
    """A leg of a worker that died; its far side still waits. It gets BYE when answered, 480 when ringing.

    One message for each leg: shorter than the `Came` that told of it, so it always fits its frame.
    """

    leg: Leg
    raw: bytes
    "The INVITE as the dead worker told it."
    answered: bool


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
    "The INVITE, kept by the gateway's side for `Bury`, never journalled."


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
    key: Annotated[str, msgspec.Meta(pattern="^[0-9A-D*#]$")]


class Buried(Message, frozen=True, kw_only=True, tag="buried"):
    """The far side of a dead worker's leg was told, or cannot be."""

    leg: Leg


Order = Hello | Bury | Ring | Queue | Answer | HangUp | Challenge | Drain | Ping | Leave
Report = Ready | Registered | Came | Answered | Abandoned | Ended | Silent | Keyed | Buried | Pong

_ORDERS: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_REPORTS: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def order(body: bytes) -> Order:
    """Read what the gateway says. Raises WireError."""
    return read(_ORDERS, body)


def report(body: bytes) -> Report:
    """Read what the worker says. Raises WireError."""
    return read(_REPORTS, body)
