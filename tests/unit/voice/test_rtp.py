# SPDX-License-Identifier: Apache-2.0
"""RTP as RFC 3550 has it, keys as RFC 4733."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_adapters.g711 import FRAME
from device_adapters.voice.rtp import KEYS, SEGMENT, Keys, Packet, Stream, read

FRAME_OF = b"\xd5" * FRAME


@given(st.binary(max_size=64))
def test_no_octets_make_it_raise(data: bytes) -> None:
    packet = read(data)

    assert packet is None or len(packet.payload) <= len(data) - 12


WORDS = st.integers(0, 2**32 - 1)


@given(WORDS, st.integers(0, 2**16 - 1), WORDS, st.lists(st.booleans(), max_size=40))
def test_what_we_send_turns_over_and_counts_on(
    ssrc: int, sequence: int, timestamp: int, said: list[bool]
) -> None:
    stream, heard, at = Stream(ssrc, sequence, timestamp), [], timestamp
    for is_said in said:
        if is_said:
            packet = read(stream.say(8, FRAME_OF))
            assert packet is not None
            assert packet.timestamp == at
            heard.append(packet)
        else:
            stream.skip()
        at = (at + FRAME) % 2**32

    assert [packet.sequence for packet in heard] == [(sequence + n) % 2**16 for n in range(len(heard))]
    assert {(packet.kind, packet.ssrc, packet.payload) for packet in heard} <= {(8, ssrc, FRAME_OF)}


def test_a_beginning_is_marked_and_so_is_each_after_a_pause() -> None:
    stream, marks = Stream(1, 2, 3), []
    for is_said in (True, True, False, True, True):
        if is_said:
            marks.append(stream.say(0, FRAME_OF)[1] >> 7)
        else:
            stream.skip()

    assert marks == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (0x81, b"\x00\x00\x00\x07" + b"voice"),  # one contributing source
        (0x90, b"\xbe\xde\x00\x01\x00\x00\x00\x00" + b"voice"),  # an extension of one word
        (0xA0, b"voice" + b"\x00\x00\x03"),  # three octets of padding
    ],
)
def test_what_a_header_may_add_is_not_taken_for_voice(head: int, rest: bytes) -> None:
    packet = read(struct.pack(">BBHII", head, 8, 1, 2, 3) + rest)

    assert packet is not None
    assert packet.payload == b"voice"


@pytest.mark.parametrize(
    "data", [b"", b"\x80" * 11, b"\x00" * 200, b"\xbf\x08" + b"\xff" * 10, b"\xa0" + b"\0" * 20]
)
def test_what_is_no_packet_is_none(data: bytes) -> None:
    assert read(data) is None


def pressed(event: int, timestamp: int, *, marker: bool = False, ssrc: int = 1) -> Packet:
    return Packet(101, marker, 0, timestamp, ssrc, bytes([event, 10, 0, 160]))


def test_each_key_is_told_once_whichever_of_its_packets_come() -> None:
    keys = Keys()
    heard = [(1, 100), (1, 100), (1, 900), (2, 4000), (1, 900), (2, 4000), (11, 5000)]

    assert [keys.hear(pressed(*one)) for one in heard] == ["1", "", "1", "2", "", "", "#"]


def test_timestamps_turn_over() -> None:
    keys = Keys()

    assert [keys.hear(pressed(5, at)) for at in (2**32 - 100, 60, 2**32 - 100)] == ["5", "5", ""]


def test_a_key_held_for_long_is_one_key() -> None:
    keys = Keys()
    first, second = pressed(5, 100, marker=True), pressed(5, 100 + SEGMENT)

    assert [keys.hear(first), keys.hear(second)] == ["5", ""]


def test_another_source_presses_its_own_keys() -> None:
    keys = Keys()

    assert [keys.hear(pressed(5, 100)), keys.hear(pressed(5, 90, ssrc=2))] == ["5", "5"]


@pytest.mark.parametrize("payload", [b"", b"\x05", bytes([len(KEYS), 0, 0, 0])])
def test_what_is_no_key_is_none(payload: bytes) -> None:
    assert Keys().hear(Packet(101, False, 0, 1, 1, payload)) == ""
