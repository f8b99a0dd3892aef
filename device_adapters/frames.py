# SPDX-License-Identifier: Apache-2.0
"""What the gateway and a worker of its own (supervisor.py) say to each other: four octets of length, then msgpack.

Each worker's `wire.py` adds its words. Tags outlive class names; a new field gets a default.
"""

from collections.abc import Iterator
from typing import Annotated, TypeVar

import msgspec

FRAME_MAX = 256 * 1024  # the longest is an INVITE, and a datagram has 64 KiB
LENGTH_OCTETS = 4
COUNTERS_MAX = 256  # a worker has some forty; each becomes a metric

Word = TypeVar("Word")


class WireError(Exception):
    """The other end speaks no language of ours."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    """Something said over the socket."""


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Do you live?"""

    n: int


class Leave(Message, frozen=True, kw_only=True, tag="leave"):
    """Let go of everything, and end."""


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """I live; and what I have counted so far."""

    n: int
    counters: Annotated[dict[str, int], msgspec.Meta(max_length=COUNTERS_MAX)]


_ENCODER = msgspec.msgpack.Encoder()


def framed(message: Message) -> bytes:
    """Return the message as it goes over the socket."""
    body = _ENCODER.encode(message)
    assert len(body) <= FRAME_MAX, "a message is longer than the other end will read"
    return len(body).to_bytes(LENGTH_OCTETS, "big") + body


def read(decoder: msgspec.msgpack.Decoder[Word], body: bytes) -> Word:
    """Read what the other end says. Raises WireError, whatever the octets are."""
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(str(error)) from None
    except (UnicodeDecodeError, RecursionError) as error:  # its text may be a caller's
        raise WireError(type(error).__name__) from None


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
