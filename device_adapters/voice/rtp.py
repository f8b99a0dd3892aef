# SPDX-License-Identifier: Apache-2.0
"""RTP (RFC 3550) and the keys in it (RFC 4733). Pure; nothing a caller sends makes it raise."""

import struct
from typing import NamedTuple

from device_adapters.g711 import FRAME

HEADER_OCTETS = 12
VERSION = 2
SEQUENCE_MASK, TIMESTAMP_MASK = 0xFFFF, 0xFFFF_FFFF
KEYS = "0123456789*#ABCD"
"RFC 4733 3.2, by event number."
SEGMENT = 0xFFFF
"RFC 4733 2.5.1.3: a key held for longer than this goes on under a later timestamp."
_HEADER = struct.Struct(">BBHII")


class Packet(NamedTuple):
    """One packet, without what its header adds."""

    kind: int
    "Payload number."
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def read(data: bytes) -> Packet | None:
    """Return the packet; None for what is none (RFC 3550 5.1)."""
    if len(data) < HEADER_OCTETS:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != VERSION:
        return None
    begin, end = HEADER_OCTETS, len(data)
    if first & 0x3F:  # padding, extension, sources: rare
        begin += 4 * (first & 0x0F)
        if first & 0x10:
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        if first & 0x20:
            end -= data[-1] or end  # none at all is no padding (5.1: it counts itself)
        if begin > end:
            return None
    return Packet(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[begin:end])


class Stream:
    """What we send: numbers that turn over, and a mark at each beginning (RFC 3551 4.1)."""

    __slots__ = ("_begins", "_sequence", "_ssrc", "_timestamp")

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """Take numbers drawn by chance (RFC 3550 5.1)."""
        self._ssrc = ssrc
        self._sequence = sequence & SEQUENCE_MASK
        self._timestamp = timestamp & TIMESTAMP_MASK
        self._begins = True

    def say(self, number: int, frame: bytes) -> bytes:
        """Return 20 ms as they go out."""
        kind = number | 0x80 if self._begins else number
        head = _HEADER.pack(VERSION << 6, kind, self._sequence, self._timestamp, self._ssrc)
        self._begins = False
        self._sequence = self._sequence + 1 & SEQUENCE_MASK
        self._timestamp = self._timestamp + FRAME & TIMESTAMP_MASK
        return head + frame

    def skip(self) -> None:
        """Let 20 ms pass unsaid: the timestamp goes on, the sequence does not."""
        self._timestamp = self._timestamp + FRAME & TIMESTAMP_MASK
        self._begins = True


class Keys:
    """Tells each key once: its packets share a timestamp, and any of them may be lost (RFC 4733 2.5)."""

    __slots__ = ("_event", "_ssrc", "_timestamp")

    def __init__(self) -> None:
        self._ssrc = -1
        self._timestamp = 0
        self._event = -1

    def hear(self, packet: Packet) -> str:
        """Return a key that was not told yet, else an empty string."""
        if len(packet.payload) < 4 or packet.payload[0] >= len(KEYS):
            return ""
        event = packet.payload[0]
        if packet.ssrc == self._ssrc:
            later = packet.timestamp - self._timestamp & TIMESTAMP_MASK
            if later == 0 or later > TIMESTAMP_MASK >> 1:  # the same, or an older one that comes late
                return ""
            if later == SEGMENT and event == self._event and not packet.marker:
                self._timestamp = packet.timestamp
                return ""
        self._ssrc, self._timestamp, self._event = packet.ssrc, packet.timestamp, event
        return KEYS[event]
