# SPDX-License-Identifier: Apache-2.0
"""A stream of octets cut into MQTT packets, many at once (MQTT 3.1.1 and 5, sections 2 and 3.3). Pure.

A PUBLISH is understood here, up to the QoS that was subscribed to; every other packet is handed on as it is, in its
place between the messages. What has not come whole waits for the rest of it, within a bound.
"""

from typing import Literal, NamedTuple

Message = tuple[bytes, bytes, int]
"(topic, payload, message id; 0: QoS 0)."
Fault = Literal["length", "topic", "properties", "message_id", "too_large"]

HEAD_BYTES_MAX = 131_072
"Before the payload: a topic has up to 65,535 octets, and as many are left for properties (a guess)."

_PUBLISH = 0x30
_KIND = 0xF0
_QOS = 0x06
_LENGTH_OCTETS_MAX = 4


class MalformedError(Exception):
    """The broker sent what is no MQTT; `fault` names what of it. The connection must be closed (MQTT 5, 4.13)."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"malformed packet: {fault}")
        self.fault: Fault = fault


class Packet(NamedTuple):
    """Any other packet: its first octet, and what follows its length."""

    head: int
    body: bytes


class Splitter:
    """One connection's packets, in order.

    A PUBLISH longer than `payload_bytes_max` and its head is told with its payload cut short, above that limit:
    who reads it refuses it by its size, and can acknowledge it; the rest is thrown away as it comes.
    """

    def __init__(self, *, mqtt5: bool, qos_max: Literal[0, 1], payload_bytes_max: int) -> None:
        self._mqtt5 = mqtt5
        self._foreign_qos = _QOS & ~(qos_max << 1)
        self._kept_bytes_max = payload_bytes_max + HEAD_BYTES_MAX
        self._buffer = b""
        self._at = 0
        self._skip = 0
        "Octets still to come of a packet that was told already."

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        rest = self._buffer[self._at :]
        self._buffer = rest + data if rest else data
        self._at = 0

    def take(self) -> tuple[list[Message], Packet | None]:
        """Return the messages up to the next packet of another kind, and that packet; ([], None) when all is told.

        Raises MalformedError.
        """
        buffer, at, end, mqtt5 = self._buffer, self._at, len(self._buffer), self._mqtt5
        messages: list[Message] = []
        other: Packet | None = None
        cut = False
        while end - at >= 2:
            head, length, body = buffer[at], buffer[at + 1], at + 2
            if length > 127:  # a report with its topic has 130 to 300 octets: two of length
                if body == end:
                    break
                length += (buffer[body] << 7) - 128
                body += 1
                if buffer[body - 1] > 127:
                    length, body = _long_length(buffer, at + 1, end)
                    if not body:
                        break
            after = body + length
            if after > end:
                if end - at < self._kept_bytes_max:
                    break
                if head & _KIND != _PUBLISH:
                    raise MalformedError("too_large")
                self._skip = after - end
                after, cut = end, True
            if head & _KIND != _PUBLISH or head & self._foreign_qos:
                other = Packet(head, buffer[body:after])
                at = after
                break
            if length < 3:
                raise MalformedError("topic")
            begin = body + 2
            ends = begin + (buffer[body] << 8 | buffer[body + 1])
            payload, mid = ends, 0
            if head & _QOS:
                payload += 2
                if payload > after:
                    raise MalformedError("message_id")
                mid = buffer[ends] << 8 | buffer[ends + 1]
            if (
                ends == begin or payload > after
            ):  # empty: a topic alias, and we announced none (MQTT 5, 3.3.2.3.4)
                raise MalformedError("topic")
            if mqtt5:
                payload = _past_properties(buffer, payload, after, cut=cut)
            messages.append((buffer[begin:ends], buffer[payload:after], mid))
            at = after
        self._at = at
        return messages, other


def _long_length(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a length of any number of octets and where it ends; (0, 0) when it has not come whole."""
    value = 0
    for i in range(_LENGTH_OCTETS_MAX):
        if at + i >= end:
            return 0, 0
        value |= (buffer[at + i] & 127) << 7 * i
        if buffer[at + i] < 128:
            return value, at + i + 1
    raise MalformedError("length")


def _past_properties(buffer: bytes, at: int, after: int, *, cut: bool) -> int:
    """Return where the properties of a PUBLISH end; nothing in them is ours."""
    if at < after and not buffer[at]:  # nearly always: none
        return at + 1
    length, body = _long_length(buffer, at, after)
    ends = body + length
    if cut and (not body or ends > after):
        return after
    if not body or ends > after:
        raise MalformedError("properties")
    return ends
