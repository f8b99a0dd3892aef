# SPDX-License-Identifier: Apache-2.0
"""What the gateway and the voice worker say to each other, over a Unix socket (frames.py).

A new meaning gets a new VERSION, and a worker of another version is refused: both come of one installation.
"""

from typing import Annotated

import msgspec

from core.ids import Leg
from device_adapters.frames import Leave, Message, Ping, Pong, read
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voices import Side

VERSION = 1


# The gateway says


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Begin: the first thing a worker hears."""

    settings: VoiceSettings
    version: int = VERSION


class Talk(Message, frozen=True, kw_only=True, tag="talk"):
    """Speak and listen at this port; for a leg that talks already: its far side has changed."""

    leg: Leg
    port: int
    side: Side


class Challenge(Message, frozen=True, kw_only=True, tag="challenge"):
    """Let the caller hear that a key is asked for."""

    leg: Leg


class Over(Message, frozen=True, kw_only=True, tag="over"):
    """Fall silent."""

    leg: Leg


# The worker says


class Ready(Message, frozen=True, kw_only=True, tag="ready"):
    """The worker has its ports."""

    version: int = VERSION
    taken: tuple[int, ...] = ()
    "Ports of the range that others have."
    fault: str = ""
    "Why the tones are played instead of the files; empty: they are not."


class Silent(Message, frozen=True, kw_only=True, tag="silent"):
    """Nobody was heard on an answered line, or nothing comes any more. Told once of a leg."""

    leg: Leg


class Keyed(Message, frozen=True, kw_only=True, tag="keyed"):
    """The caller pressed a key."""

    leg: Leg
    key: Annotated[str, msgspec.Meta(pattern="^[0-9A-D*#]$")]


Order = Hello | Talk | Challenge | Over | Ping | Leave
Report = Ready | Silent | Keyed | Pong

_ORDERS: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_REPORTS: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def order(body: bytes) -> Order:
    """Read what the gateway says. Raises WireError."""
    return read(_ORDERS, body)


def report(body: bytes) -> Report:
    """Read what the worker says. Raises WireError."""
    return read(_REPORTS, body)
