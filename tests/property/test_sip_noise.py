# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives, the endpoint does not raise, tells each call once, and answers the next OPTIONS."""

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.sip.events import Abandoned, Ended, Invited, SipEvent
from device_adapters.sip.grammar import ELEMENTS_MAX, split_commas
from tests.unit.sip.peer import SDP, Peer, endpoint, events, run_to

INVITE = Peer(endpoint()).text("INVITE", extra="Geolocation: <cid:x>\r\nExpires: 60\r\n", body=SDP).encode()
WORDS = [
    b"\r\n",
    b" ",
    b";",
    b",",
    b"<",
    b'"',
    b":",
    b"=",
    b"\0",
    b"\xff",
    b"INVITE",
    b"SIP/2.0",
    b"Via: ",
    b"%",
]

edits = st.lists(
    st.tuples(
        st.integers(0, len(INVITE)), st.integers(0, 12), st.sampled_from(WORDS) | st.binary(max_size=6)
    ),
    max_size=6,
)
steps = st.lists(
    st.sampled_from(["invite", "cancel", "ack", "ack_refusal", "bye", "ring", "answer", "hang_up", "wait"]),
    max_size=12,
)


@given(st.binary(max_size=400))
def test_any_octets_leave_it_answering(data: bytes) -> None:
    peer = Peer(endpoint())

    peer.say(data)

    assert peer.options() == [200]


def slowly_split(value: str) -> list[str]:
    """Octet by octet: the truth for split_commas."""
    found, start, quoted, angled, escaped = [], 0, False, False, False
    for at, char in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            quoted, escaped = char != '"', char == "\\"
        elif char == '"':
            quoted = True
        elif char in "<>":
            angled = char == "<"
        elif char == "," and not angled:
            found.append(value[start:at])
            start = at + 1
    return [*found, value[start:]]


@given(st.text(alphabet=',,,"<>\\a \n\xff', max_size=60), st.integers(1, ELEMENTS_MAX))
def test_a_list_is_split_where_reading_it_octet_by_octet_would(value: str, most: int) -> None:
    assert split_commas(value, most) == slowly_split(value)[:most]


@given(edits)
def test_a_damaged_invite_leaves_it_answering_and_nothing_behind(
    damage: list[tuple[int, int, bytes]],
) -> None:
    data = INVITE
    for at, cut, put in damage:
        data = data[:at] + put + data[at + cut :]
    peer = Peer(endpoint())

    peer.sip.receive_datagram(data, peer.addr, 0.0)
    for told in events(peer.sip):
        peer.sip.ring(told.leg, 0.0)
        peer.sip.answer(told.leg, 0.0)
    peer.sip.datagrams_to_send(0.0)
    run_to(peer.sip, 1000.0)

    held = peer.sip.statistics()
    assert (held["calls"], held["transactions"], held["timers"]) == (0, 0, 0)
    assert peer.options() == [200]


@given(steps)
def test_in_any_order_a_call_is_told_once_and_ends_at_most_once(play: list[str]) -> None:
    sip = endpoint()
    peer = Peer(sip)
    now = 0.0
    told: list[SipEvent] = []
    for step in play:
        legs = [event.leg for event in told if isinstance(event, Invited)][-1:]
        now += 1.0
        if step == "wait":
            now += 40.0
            run_to(sip, now)
        elif step in ("ring", "answer", "hang_up"):
            for leg in legs:
                getattr(sip, step)(leg, now)
            peer.heard(now)
        else:
            getattr(peer, step)(now)
        told += events(sip)

    for leg in {event.leg for event in told}:
        mine = [event for event in told if event.leg == leg]
        assert isinstance(mine[0], Invited)
        assert sum(isinstance(event, Invited) for event in mine) == 1
        assert sum(isinstance(event, Abandoned | Ended) for event in mine) <= 1
    assert peer.options(now) == [200]
