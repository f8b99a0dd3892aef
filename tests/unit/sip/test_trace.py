# SPDX-License-Identifier: Apache-2.0
"""What a leg said and heard last can be read after it is over, and costs what was agreed."""

import msgspec
import pytest

from device_adapters.sip.trace import (
    MESSAGE_OCTETS_MAX,
    PACKED_OCTETS_MAX,
    TRACE_OCTETS_MAX,
    TraceLine,
    Traces,
    UnreadableTraceError,
    read_trace,
)


def test_a_call_is_read_back_in_the_order_it_went_with_the_time_since_it_began() -> None:
    traces = Traces(24)
    traces.begin("leg0", 100.0)
    traces.begin("leg1", 100.5)

    traces.heard("leg0", b"INVITE", 100.0)
    traces.said("leg0", b"100", 100.0004)
    traces.heard("leg1", b"INVITE", 100.5)
    traces.said("leg0", b"180", 100.25)
    traces.heard("leg0", b"CANCEL", 103.0)

    assert read_trace(traces.take("leg0")) == [
        TraceLine(0, True, b"INVITE"),
        TraceLine(0, False, b"100"),
        TraceLine(250, False, b"180"),
        TraceLine(3000, True, b"CANCEL"),
    ]
    assert len(traces) == 1


def test_the_oldest_messages_make_room_and_the_time_still_counts_from_the_first() -> None:
    traces = Traces(2)
    traces.begin("leg", 10.0)
    for number in range(5):
        traces.heard("leg", b"%d" % number, 10.0 + number)

    assert read_trace(traces.take("leg")) == [TraceLine(3000, True, b"3"), TraceLine(4000, True, b"4")]


def test_a_leg_is_forgotten_when_its_trace_is_taken() -> None:
    traces = Traces(24)
    traces.begin("leg", 0.0)
    traces.heard("leg", b"BYE", 0.0)

    assert traces.take("leg")

    assert (traces.take("leg"), len(traces)) == (b"", 0)


def test_what_comes_after_the_end_begins_no_new_trace() -> None:
    traces = Traces(24)
    traces.begin("leg", 0.0)
    traces.said("leg", b"BYE", 0.0)
    traces.take("leg")

    traces.heard("leg", b"200 to the BYE", 0.1)

    assert (traces.take("leg"), len(traces)) == (b"", 0)


def test_an_unknown_leg_has_no_trace() -> None:
    assert Traces(24).take("leg") == b""
    assert read_trace(b"") == []


def test_with_no_messages_wanted_nothing_is_kept() -> None:
    traces = Traces(0)
    traces.begin("leg", 0.0)

    traces.heard("leg", b"INVITE", 0.0)
    traces.said("leg", b"100", 0.0)

    assert (len(traces), traces.take("leg")) == (0, b"")


def test_of_a_long_message_the_beginning_is_kept() -> None:
    traces = Traces(24)
    traces.begin("leg", 0.0)

    traces.heard("leg", b"I" * 65_535, 0.0)

    assert [line.text for line in read_trace(traces.take("leg"))] == [b"I" * MESSAGE_OCTETS_MAX]


def test_of_a_long_trace_the_newest_messages_are_kept() -> None:
    traces = Traces(1000)
    traces.begin("leg", 0.0)
    for number in range(200):
        traces.heard("leg", b"%04d" % number * 1024, float(number))

    kept = read_trace(traces.take("leg"))

    assert sum(len(line.text) for line in kept) <= TRACE_OCTETS_MAX
    assert [line.text[:4] for line in kept] == [b"%04d" % number for number in range(192, 200)]


def test_with_more_legs_than_there_is_room_for_the_first_loses_its_trace() -> None:
    traces = Traces(24, legs_max=3)
    for number in range(5):
        traces.begin(f"leg{number}", 0.0)
        traces.heard(f"leg{number}", b"INVITE", 0.0)

    assert len(traces) == 3
    assert [bool(traces.take(f"leg{number}")) for number in range(5)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "data",
    [
        b"INVITE sip:110@example.com SIP/2.0",
        msgspec.msgpack.encode([0.0, [[1.0, True, "text"]]]),
        msgspec.msgpack.encode([0.0, [[0.0, True, b"x"]]])[:-1],
        msgspec.msgpack.encode([0.0, [[0.0, True, b"x" * PACKED_OCTETS_MAX]]]),
    ],
)
def test_what_is_no_trace_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnreadableTraceError):
        read_trace(data)
