# SPDX-License-Identifier: Apache-2.0
"""Whatever callers and the gateway do, a leg's port for voice is its own, and comes back however the leg ends."""

import re

from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Abandoned, Ended, Talking
from device_adapters.sip.settings import SipSettings
from device_adapters.voice.pool import PortPool, even
from device_adapters.voices import Side
from tests.property.test_sip_legs import LEGS, Table, steps
from tests.unit.sip.peer import HERE, Peer

WITHOUT = SipSettings().media_port
SAID = re.compile(rb"\r\nm=audio (\d+) ")
TAG = re.compile(rb"\r\n(?:To|From):[^\r]*;tag=(leg[^;\r]*)")


class Book:
    """Who has the voice, and remembers what it was asked."""

    def __init__(self, legs_max: int) -> None:
        self.pool = PortPool(even(30_000, 30_006), legs_max)
        self.over: set[Leg] = set()

    def take(self, leg: Leg) -> int:
        assert leg not in self.over, "a port for a leg that is over"
        port = self.pool.take(leg)
        assert sorted(self.pool._legs.values()) == sorted(set(self.pool._legs.values()))
        return port

    def talk(self, leg: Leg, sip_call_id: str, side: Side) -> None:
        """Not called by an endpoint: its owner does."""

    def release(self, leg: Leg) -> None:
        assert leg not in self.over, "released twice"
        self.over.add(leg)
        self.pool.release(leg)


class VoicedTable(Table):
    """The same callers at an endpoint with a voice; nothing is said of a port that is another leg's."""

    def __init__(self, transport: str, settings: SipSettings, legs_max: int) -> None:
        super().__init__(transport, settings)
        numbers = iter(range(10_000))
        self.book = Book(legs_max)
        self.sip = Endpoint(
            settings, HERE, lambda: f"leg{next(numbers)}", transport, voices=self.book  # type: ignore[arg-type]
        )  # fmt: skip
        self.peers = [Peer(self.sip, f"p{number}") for number in range(LEGS)]

    def take(self) -> None:
        layer = self.sip._layer
        for data, _ in layer.outgoing:
            port, tag = SAID.search(data), TAG.search(data)
            if port is None or tag is None:
                continue
            leg = Leg(tag[1].decode())
            if leg not in self.book.over:
                assert int(port[1]) in (self.book.pool.of(leg) or WITHOUT, 0)
        super().take()


@given(
    st.sampled_from(["UDP", "TCP"]),
    st.sampled_from(["supported", "required", "never"]),
    st.sampled_from([1, 4]),
    steps,
)
def test_a_port_is_one_legs_and_comes_back_however_the_leg_ends(
    transport: str, reliable: str, legs_max: int, play: list[tuple[object, ...]]
) -> None:
    settings = SipSettings(reliable_ring=reliable)  # type: ignore[arg-type]
    table = VoicedTable(transport, settings, legs_max)
    for step in play:
        table.play(step)

    table.end()

    assert len(table.book.pool) == 0
    assert table.book.over == {event.leg for event in table.told if isinstance(event, Abandoned | Ended)}
    ended: set[Leg] = set()
    for event in table.told:
        assert not (isinstance(event, Talking) and event.leg in ended), "a voice for a leg that is over"
        if isinstance(event, Abandoned | Ended):
            ended.add(event.leg)
