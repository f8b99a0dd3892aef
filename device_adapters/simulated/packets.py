# SPDX-License-Identifier: Apache-2.0
"""The few MQTT packets a radio needs, 3.1.1 and 5, as bytes. Pure; section numbers are those of MQTT 5.

Small on purpose: no QoS 2, no retained state of our own, no topic aliases. What a broker may send beyond that is
refused by name.
"""

from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14
PACKET_BYTES_MAX = 65_536  # an order has 500 bytes; a broker that sends more is not ours, a guess
LENGTH_BYTES_MAX = 4  # 1.5.5
REFUSED_MIN = 0x80
PING = bytes((PINGREQ << 4, 0))
_WILL, _WILL_RETAIN, _CLEAN, _USERNAME, _PASSWORD = 0x04, 0x20, 0x02, 0x80, 0x40
_WILL_QOS1 = 0x08
_RETAIN, _QOS1 = 0x01, 0x02
RECEIVE_MAXIMUM, SERVER_KEEP_ALIVE = 0x21, 0x13
_SIZES: dict[int, int] = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((SERVER_KEEP_ALIVE, RECEIVE_MAXIMUM, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
"Octets of each property that has a fixed number (2.2.2.2). The others begin with their length, or are in `_TEXTS`."
_TEXTS = (0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F)
_PAIR, _VARIABLE = 0x26, 0x0B


class PacketError(Exception):
    """The broker sent what we do not understand; the connection cannot go on."""


class Packet(NamedTuple):
    """One packet: its type, the low half of its first octet, and all behind the length."""

    kind: int
    flags: int
    body: bytes


class Publication(NamedTuple):
    """A PUBLISH read: `mid` is 0 at QoS 0."""

    topic: str
    payload: bytes
    mid: int


class Will(NamedTuple):
    """What the broker says for us when we are gone: QoS 1, retained."""

    topic: str
    payload: bytes


def packet(kind: int, flags: int, *parts: bytes) -> bytes:
    """Return a whole packet."""
    return b"".join((bytes((kind << 4 | flags,)), _length(sum(map(len, parts))), *parts))


def text(value: str) -> bytes:
    """Return a string as it stands on the wire (1.5.4)."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def connect(
    client_id: str,
    *,
    mqtt5: bool,
    keepalive_s: int,
    username: str = "",
    password: str = "",
    will: Will | None = None,
) -> bytes:
    """Return a CONNECT of a clean session (3.1)."""
    flags, none = _CLEAN, b"\0" if mqtt5 else b""
    parts = [text(client_id)]
    if will is not None:
        flags |= _WILL | _WILL_QOS1 | _WILL_RETAIN
        parts += [none, text(will.topic), len(will.payload).to_bytes(2, "big"), will.payload]
    if username:
        flags |= _USERNAME
        parts.append(text(username))
    if password:
        flags |= _PASSWORD
        parts.append(text(password))
    head = bytes((5 if mqtt5 else 4, flags)) + keepalive_s.to_bytes(2, "big") + none
    return packet(CONNECT, 0, text("MQTT"), head, *parts)


def topic_field(topic: str, *, mqtt5: bool) -> tuple[bytes, bytes]:
    """Return what stands before and behind the packet id of a PUBLISH; made once, used for every message."""
    return text(topic), b"\0" if mqtt5 else b""


def publish(topic: tuple[bytes, bytes], payload: bytes) -> bytes:
    """Return a PUBLISH of QoS 0 (3.3)."""
    name, properties = topic
    return packet(PUBLISH, 0, name, properties, payload)


def publish_surely(topic: tuple[bytes, bytes], payload: bytes, mid: int, *, retain: bool) -> bytes:
    """Return a PUBLISH of QoS 1."""
    name, properties = topic
    flags = _QOS1 | (_RETAIN if retain else 0)
    return packet(PUBLISH, flags, name, mid.to_bytes(2, "big"), properties, payload)


def puback(mid: int) -> bytes:
    """Return a PUBACK; with nothing to add it is the same in both versions (3.4)."""
    return packet(PUBACK, 0, mid.to_bytes(2, "big"))


def subscribe(mid: int, filters: tuple[str, ...], *, mqtt5: bool) -> bytes:
    """Return a SUBSCRIBE at QoS 1 (3.8)."""
    head = mid.to_bytes(2, "big") + (b"\0" if mqtt5 else b"")
    return packet(SUBSCRIBE, 2, head, *(text(each) + b"\1" for each in filters))


def disconnect() -> bytes:
    """Return the normal end; the will is dropped (3.14)."""
    return packet(DISCONNECT, 0)


def read_publish(flags: int, body: bytes, *, mqtt5: bool) -> Publication:
    """Read a PUBLISH of QoS 0 or 1."""
    qos = flags >> 1 & 3
    if qos > 1:
        raise PacketError("a PUBLISH of QoS 2: only 1 was asked for")
    try:
        end = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:end].decode()
        mid = int.from_bytes(body[end : end + 2], "big") if qos else 0
        at = end + 2 * qos
        if mqtt5:
            at = _skip(body, at)
    except (IndexError, UnicodeDecodeError):
        raise PacketError("a PUBLISH that cannot be read") from None
    if at > len(body) or (qos and not mid):
        raise PacketError("a PUBLISH that cannot be read")
    return Publication(topic, body[at:], mid)


def read_connack(body: bytes, *, mqtt5: bool) -> tuple[int, dict[int, int]]:
    """Return the reason code and, of MQTT 5, the properties that are numbers (3.2)."""
    if len(body) < 2:
        raise PacketError("a CONNACK that cannot be read")
    return body[1], _numbers(body, 2) if mqtt5 and len(body) > 2 else {}


def read_receipt(body: bytes) -> tuple[int, int]:
    """Return packet id and reason code of a PUBACK; 3.1.1 and success may leave the code out."""
    if len(body) < 2:
        raise PacketError("a PUBACK that cannot be read")
    return int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0


def read_suback(body: bytes, *, mqtt5: bool) -> tuple[int, ...]:
    """Return what was granted, one code for each filter (3.9)."""
    try:
        return tuple(body[_skip(body, 2) if mqtt5 else 2 :])
    except IndexError:
        raise PacketError("a SUBACK that cannot be read") from None


class Splitter:
    """Cuts the stream into packets; keeps what has not come whole, at most one packet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Packet]:
        """Return every packet that is whole now."""
        data = self._rest + data if self._rest else data
        found, at, end = [], 0, len(data)
        while at + 1 < end:
            length, start = _read_length(data, at + 1)
            if start < 0 or start + length > end:
                break
            found.append(Packet(data[at] >> 4, data[at] & 15, data[start : start + length]))
            at = start + length
        self._rest = data[at:]
        return found


def _length(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    assert value <= PACKET_BYTES_MAX, "a packet larger than any radio sends"
    if value < 16_384:
        return bytes((value & 127 | 128, value >> 7))
    return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length and where it ends; -1 when it has not come whole."""
    value = 0
    for k in range(LENGTH_BYTES_MAX):
        if at + k >= len(data):
            return 0, -1
        value |= (data[at + k] & 127) << 7 * k
        if data[at + k] < 128:
            if value > PACKET_BYTES_MAX:
                raise PacketError(f"a packet of {value} octets")
            return value, at + k + 1
    raise PacketError("a length of more than four octets")


def _skip(body: bytes, at: int) -> int:
    """Return where the properties that begin there end."""
    length, start = _read_length(body, at)
    if start < 0:
        raise IndexError
    return start + length


def _numbers(body: bytes, at: int) -> dict[int, int]:
    length, at = _read_length(body, at)
    end, found = at + length, {}
    while 0 <= at < end:
        name = body[at]
        at += 1
        if name in _SIZES:
            found[name] = int.from_bytes(body[at : at + _SIZES[name]], "big")
            at += _SIZES[name]
        elif name in _TEXTS or name == _PAIR:
            for _ in range(2 if name == _PAIR else 1):
                at += 2 + int.from_bytes(body[at : at + 2], "big")
        elif name == _VARIABLE:
            at = _read_length(body, at)[1]
        else:
            raise PacketError(f"property {name:#x} is not in MQTT 5")
    return found
