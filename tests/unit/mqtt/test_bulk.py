# SPDX-License-Identifier: Apache-2.0
"""Octets become packets, whichever way they were torn on the road."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_adapters.mqtt.bulk import HEAD_BYTES_MAX, MalformedError, Message, Packet, Splitter

PINGRESP = b"\xd0\x00"
PUBACK = b"\x40\x02\x00\x07"
LIMIT = 8_192


def length(n: int) -> bytes:
    """Write a remaining length (MQTT 3.1.1, 2.2.3)."""
    octets = bytearray()
    while True:
        n, octet = divmod(n, 128)
        octets.append(octet | (128 if n else 0))
        if not n:
            return bytes(octets)


def publish(
    topic: bytes,
    payload: bytes,
    *,
    qos: int = 0,
    mid: int = 0,
    properties: bytes | None = None,
    flags: int = 0,
) -> bytes:
    """Write a PUBLISH; with `properties` it is one of MQTT 5."""
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"")
    body += (b"" if properties is None else length(len(properties)) + properties) + payload
    return bytes([0x30 | qos << 1 | flags]) + length(len(body)) + body


def splitter(*, mqtt5: bool = False, qos_max: int = 0) -> Splitter:
    return Splitter(mqtt5=mqtt5, qos_max=1 if qos_max else 0, payload_bytes_max=LIMIT)


def told(reader: Splitter, *pieces: bytes) -> list[Message | Packet]:
    """Feed piece by piece; return all that came out, in order."""
    found: list[Message | Packet] = []
    for piece in pieces:
        reader.feed(piece)
        while True:
            messages, other = reader.take()
            found += messages
            if other is None:
                break
            found.append(other)
    return found


def test_messages_and_other_packets_keep_their_order() -> None:
    stream = publish(b"a", b"1") + PINGRESP + publish(b"b", b"2", flags=0x09) + PUBACK + publish(b"c", b"")

    assert told(splitter(), stream) == [
        (b"a", b"1", 0),
        Packet(0xD0, b""),
        (b"b", b"2", 0),
        Packet(0x40, b"\x00\x07"),
        (b"c", b"", 0),
    ]


def test_a_message_at_qos_1_is_told_with_its_id_where_it_was_asked_for() -> None:
    stream = publish(b"a", b"1", qos=1, mid=513, flags=0x08)

    assert told(splitter(qos_max=1), stream) == [(b"a", b"1", 513)]
    assert told(splitter(qos_max=0), stream) == [Packet(0x3A, stream[2:])]


def test_a_message_at_qos_2_is_left_to_who_knows_it() -> None:
    stream = publish(b"a", b"1", qos=2, mid=5)

    assert told(splitter(qos_max=1), stream) == [Packet(0x34, stream[2:])]


def test_properties_of_mqtt_5_are_passed_over() -> None:
    expiry = b"\x02\x00\x00\x00\x0a"
    long = b"\x26\x00\x01k" + (300).to_bytes(2, "big") + b"v" * 300
    stream = (
        publish(b"a", b"1", properties=b"")
        + publish(b"b", b"2", properties=expiry)
        + publish(b"c", b"3", properties=long, qos=1, mid=9)
    )

    assert told(splitter(mqtt5=True, qos_max=1), stream) == [
        (b"a", b"1", 0),
        (b"b", b"2", 0),
        (b"c", b"3", 9),
    ]


FAULTY = {
    "length": (b"\x30\xff\xff\xff\xff\x01", False),
    "length of another kind": (b"\xd0\x80\x80\x80\x80\x00", False),
    "topic longer than its packet": (b"\x30\x05\x00\x09abc", False),
    "no topic at all": (b"\x30\x01\x00", False),
    "topic alias instead of a topic": (publish(b"", b"1", properties=b"\x23\x00\x01"), True),
    "message id cut off": (b"\x32\x04\x00\x01a\x07", False),
    "properties longer than their packet": (b"\x30\x05\x00\x01a\x7fx", True),
    "properties missing": (b"\x30\x03\x00\x01a", True),
    "length of properties without an end": (b"\x30\x07\x00\x01a\xff\xff\xff\xff", True),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_no_mqtt_is_told_by_name(name: str) -> None:
    stream, mqtt5 = FAULTY[name]

    with pytest.raises(MalformedError) as caught:
        told(splitter(mqtt5=mqtt5, qos_max=1), stream)

    named = {"no": "topic", "message": "message_id"}.get(name.split()[0], name.split()[0])
    assert caught.value.fault == named
    assert str(caught.value) == f"malformed packet: {named}"


@pytest.mark.parametrize("mqtt5", [False, True])
def test_a_message_far_too_large_is_told_cut_short_and_the_next_one_whole(mqtt5: bool) -> None:
    properties = b"" if mqtt5 else None
    huge = publish(b"a", b"x" * 5_000_000, qos=1, mid=3, properties=properties)
    stream = huge + publish(b"b", b"2", properties=properties)
    pieces = [stream[i : i + 65_536] for i in range(0, len(stream), 65_536)]
    reader = splitter(mqtt5=mqtt5, qos_max=1)

    tracemalloc.start()
    found = told(reader, *pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    first, second = found
    assert first[::2] == (b"a", 3)
    assert LIMIT < len(bytes(first[1])) <= LIMIT + HEAD_BYTES_MAX + 65_536
    assert second == (b"b", b"2", 0)
    assert peak < 1_000_000


def test_properties_too_large_to_be_read_leave_the_message_without_a_payload() -> None:
    flood = b"\x26\x00\x01k\xff\xff" + b"v" * 65_535
    stream = publish(b"a", b"{}", properties=flood * 4, qos=1, mid=3) + publish(b"b", b"2", properties=b"")
    pieces = [stream[i : i + 65_536] for i in range(0, len(stream), 65_536)]

    assert told(splitter(mqtt5=True, qos_max=1), *pieces) == [(b"a", b"", 3), (b"b", b"2", 0)]


def test_another_packet_far_too_large_is_refused() -> None:
    reader = splitter()

    with pytest.raises(MalformedError, match="too_large"):
        told(reader, b"\x90" + length(10_000_000), *[b"x" * 65_536] * 4)


packets = st.one_of(
    st.builds(
        lambda topic, payload, qos, flags: publish(topic, payload, qos=qos, mid=77 * qos, flags=flags),
        st.binary(min_size=1, max_size=150),
        st.one_of(st.binary(max_size=200), st.integers(16_000, 20_000).map(lambda n: b"x" * n)),
        st.sampled_from([0, 1]),
        st.sampled_from([0, 1, 8, 9]),
    ),
    st.sampled_from([PINGRESP, PUBACK]),
)


@given(st.lists(packets, max_size=8), st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_however_the_stream_is_torn_the_same_comes_out(stream: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(stream)
    at = 0
    pieces: list[bytes] = []
    while at < len(whole):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(whole[at : at + size])
        at += size

    found = told(splitter(qos_max=1), *pieces)

    assert found == told(splitter(qos_max=1), *stream)
    assert len(found) == len(stream)


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 1))
def test_noise_is_packets_or_a_named_fault(noise: bytes, mqtt5: bool, qos_max: int) -> None:
    reader = splitter(mqtt5=mqtt5, qos_max=qos_max)

    with suppress(MalformedError):
        told(reader, noise)
