# SPDX-License-Identifier: Apache-2.0
"""What the two processes say to each other comes through whole, in any pieces, or is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.pyvoip import wire
from device_adapters.pyvoip.settings import PyvoipSettings

LEG = Leg("pbx-1")
ORDERS: list[wire.Order] = [
    wire.Hello(
        settings=PyvoipSettings(server="pbx:5080", calls_max=7),
        password="秘密",
    ),
    wire.Bury(leg=LEG, raw=b"\xff\r\n", answered=True),
    wire.Ring(leg=LEG),
    wire.Queue(leg=LEG, position=3),
    wire.Answer(leg=LEG),
    wire.HangUp(leg=LEG),
    wire.Challenge(leg=LEG),
    wire.Drain(on=True),
    wire.Ping(n=9),
    wire.Leave(),
]
REPORTS: list[wire.Report] = [
    wire.Ready(guest="1.6.8"),
    wire.Registered(up=False, reason="no"),
    wire.Came(leg=LEG, sip_call_id="c", caller="1", display_name="张三", peer="h:1", raw=bytes(range(256))),
    wire.Answered(leg=LEG),
    wire.Abandoned(leg=LEG, reason="cancel"),
    wire.Ended(leg=LEG, reason="bye"),
    wire.Silent(leg=LEG),
    wire.Keyed(leg=LEG, key="#"),
    wire.Buried(leg=LEG),
    wire.Pong(n=9, counters={"calls": 1}),
]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_messages_come_through_in_any_pieces(cuts: list[int]) -> None:
    stream = b"".join(map(wire.framed, ORDERS))
    frames, read = wire.Frames(), []
    for cut in [*cuts, len(stream)]:
        read += [wire.order(body) for body in frames.feed(stream[:cut])]
        stream = stream[cut:]

    assert read == ORDERS


def test_what_the_worker_says_comes_through() -> None:
    frames = wire.Frames()

    assert [wire.report(b) for b in frames.feed(b"".join(map(wire.framed, REPORTS)))] == REPORTS


@given(st.binary(max_size=200))
def test_no_octets_make_it_raise_anything_else(data: bytes) -> None:
    frames = wire.Frames()
    try:
        for body in frames.feed(data):
            wire.report(body)
    except wire.WireError:
        pass


@pytest.mark.parametrize(
    "body",
    [
        b"\x82\xa1t\xa8answered\xa3leg\xa1\xff",
        b"\x83\xa1t\xa8answered\xa3leg\xa1a\xa1z" + b"\x91" * 100_000,
        b"\x83\xa1t\xa5keyed\xa3leg\xa1a\xa3key\xa2##",
        msgspec.msgpack.encode({"t": "pong", "n": 1, "counters": {f"c{n}": 1 for n in range(257)}}),
    ],
    ids=["no UTF-8", "too deep", "no key", "too many counters"],
)
def test_what_no_worker_of_ours_says_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.report(body)


def test_the_longest_call_a_worker_can_tell_of_can_be_buried() -> None:
    most = wire.FRAME_MAX - 100
    told = wire.framed(wire.Came(leg=LEG, sip_call_id="", peer="", raw=b"x" * most))

    assert len(wire.framed(wire.Bury(leg=LEG, raw=b"x" * most, answered=True))) < len(told)


def test_a_frame_that_is_too_long_is_refused_before_it_is_kept() -> None:
    with pytest.raises(wire.WireError, match="a frame of"):
        list(wire.Frames().feed((wire.FRAME_MAX + 1).to_bytes(4, "big")))


def test_one_side_does_not_take_what_only_the_other_says() -> None:
    (body,) = wire.Frames().feed(wire.framed(wire.Leave()))

    with pytest.raises(wire.WireError):
        wire.report(body)


def test_a_field_of_tomorrow_is_overlooked() -> None:
    body = b"\x83\xa1t\xa4ring\xa3leg\xa5pbx-1\xa5later\x01"

    assert wire.order(body) == wire.Ring(leg=LEG)
