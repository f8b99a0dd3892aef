# SPDX-License-Identifier: Apache-2.0
"""What the gateway and the voice worker say to each other comes through whole, in any pieces, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.frames import Frames, Leave, Message, Ping, Pong, WireError, framed
from device_adapters.voice import wire
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voices import Side

LEG = Leg("0123456789abcdef.0")
SIDE = Side(host="192.0.2.9", port=20_000, law="PCMU", number=0, keys=96, hears=False)
ORDERS: list[wire.Order] = [
    wire.Hello(settings=VoiceSettings(on=True, calls_max=7)),
    wire.Talk(leg=LEG, port=30_000, side=SIDE),
    wire.Challenge(leg=LEG),
    wire.Over(leg=LEG),
    Ping(n=9),
    Leave(),
]
REPORTS: list[wire.Report] = [
    wire.Ready(taken=(30_002,), fault="no such file"),
    wire.Silent(leg=LEG),
    wire.Keyed(leg=LEG, key="#"),
    Pong(n=9, counters={"lines": 1}),
]


@given(st.lists(st.integers(1, 40), max_size=40))
def test_messages_come_through_in_any_pieces(cuts: list[int]) -> None:
    stream = b"".join(map(framed, ORDERS))
    frames, read = Frames(), []
    for cut in [*cuts, len(stream)]:
        read += [wire.order(body) for body in frames.feed(stream[:cut])]
        stream = stream[cut:]

    assert read == ORDERS


def test_what_the_worker_says_comes_through() -> None:
    assert [wire.report(body) for body in Frames().feed(b"".join(map(framed, REPORTS)))] == REPORTS


@pytest.mark.parametrize("message", [Leave(), wire.Silent(leg=LEG)])
def test_one_side_does_not_take_what_only_the_other_says(message: Message) -> None:
    (body,) = Frames().feed(framed(message))

    with pytest.raises(WireError):
        (wire.report if isinstance(message, Leave) else wire.order)(body)


@given(st.binary(max_size=200))
def test_no_octets_make_it_raise_anything_else(data: bytes) -> None:
    try:
        for body in Frames().feed(data):
            wire.report(body)
    except WireError:
        pass
