# SPDX-License-Identifier: Apache-2.0
"""A call that comes by one listener may be hung up by another; what is said back goes out where it was asked."""

from itertools import count

import pytest

from core.ids import CountyCode, Leg
from device_adapters.sip.endpoint import Endpoint, Transport
from device_adapters.sip.events import Abandoned, Address, Elsewhere, Ended, Invited
from device_adapters.sip.house import House, listener_of
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.settings import SipSettings, Trunk
from tests.unit.sip.peer import HERE, SDP, Peer, events, run_to

CONNECTION: Address = ("192.0.2.9", 40_001)
TRUNK = Trunk(name="t", addresses=("198.51.100.1",), county=CountyCode("330302"), keep_alive_s=0)


def two(settings: SipSettings | None = None) -> tuple[Endpoint, Endpoint]:
    """Return the endpoints of a UDP and a TCP listener."""
    settings = settings or SipSettings()
    house = House(settings)
    return listener(settings, house, 0, "UDP"), listener(settings, house, 1, "TCP")


def listener(settings: SipSettings, house: House, number: int, transport: Transport) -> Endpoint:
    numbers = count()
    return Endpoint(settings, HERE, lambda: f"leg{next(numbers)}.{number}", transport, house=house)


def called(sip: Endpoint, *, answered: bool) -> tuple[Peer, Leg]:
    """Return a caller by one listener, and the leg."""
    caller = Peer(sip)
    caller.invite()
    (told,) = events(sip)
    assert isinstance(told, Invited)
    if answered:
        sip.answer(told.leg, 0.0)
        caller.heard()
        caller.ack()
        events(sip)
    return caller, told.leg


def by_other(caller: Peer, other: Endpoint, text: str, now: float = 1.0) -> list[tuple[int, Elsewhere]]:
    """Say something by the other listener; return what the call's own then gives out, and by which way."""
    other.receive_datagram(text.encode(), CONNECTION, now)
    assert other.datagrams_to_send(now) == []
    said = []
    for status, (_, to) in zip(caller.heard(now), caller.sent, strict=True):
        assert isinstance(to, Elsewhere)
        said.append((status, to))
    return said


@pytest.mark.parametrize("came_by", [0, 1])
def test_a_call_is_hung_up_by_another_listener_and_the_200_goes_out_there(came_by: int) -> None:
    pair = two()
    own, other = pair[came_by], pair[1 - came_by]
    caller, leg = called(own, answered=True)
    bye = caller.text("BYE", 2, "z9hG4bK-bye")

    said = by_other(caller, other, bye)

    to = CONNECTION if came_by == 0 else ("192.0.2.9", 5060)  # over UDP, to the port of the Via
    assert said == [(200, to)]
    assert said[0][1].by == 1 - came_by
    assert events(own) == [Ended(leg=leg, sip_call_id="call-a", at=1.0, reason="bye")]
    assert own.statistics()["calls"] == 0
    assert other.statistics()["passed_on"] == 1


def test_a_bye_said_again_by_the_other_listener_gets_its_200_again() -> None:
    own, other = two()
    caller, _ = called(own, answered=True)
    bye = caller.text("BYE", 2, "z9hG4bK-bye")

    assert [status for status, _ in by_other(caller, other, bye) + by_other(caller, other, bye)] == [200, 200]
    assert len(events(own)) == 1


@pytest.mark.parametrize("branch", ["", "z9hG4bK-another"])
def test_a_caller_who_gives_up_by_another_listener_is_heard(branch: str) -> None:
    own, other = two()
    caller, leg = called(own, answered=False)

    other.receive_datagram(caller.text("CANCEL", 1, branch).encode(), CONNECTION, 1.0)
    statuses = caller.heard(1.0)

    assert (statuses, [isinstance(to, Elsewhere) for _, to in caller.sent]) == ([200, 487], [True, False])
    assert events(own) == [Abandoned(leg=leg, sip_call_id="call-a", at=1.0, reason="cancel")]


def test_the_ack_and_a_reinvite_with_its_ack_may_come_by_another_listener() -> None:
    own, other = two()
    caller, _ = called(own, answered=False)
    own.answer(Leg("leg0.0"), 0.0)
    caller.heard()
    caller.to_tag = "leg0.0"

    assert by_other(caller, other, caller.text("ACK", 1, "z9hG4bK-ack")) == []
    reinvite = caller.text("INVITE", 2, "z9hG4bK-re", body=SDP)
    assert [status for status, _ in by_other(caller, other, reinvite)] == [200]
    assert by_other(caller, other, caller.text("ACK", 2, "z9hG4bK-re-ack"), 1.1) == []

    assert run_to(own, 60.0) == []
    own.hang_up(Leg("leg0.0"), 60.0)
    ((bye, to),) = own.datagrams_to_send(60.0)
    assert isinstance(read_message(bye), Request)
    assert to == ("192.0.2.9", 5060)
    assert not isinstance(to, Elsewhere)


def test_a_leg_whose_caller_spoke_by_another_listener_is_still_asked_its_own_way() -> None:
    other, own = two()
    caller, leg = called(own, answered=True)
    assert [status for status, _ in by_other(caller, other, caller.text("INFO", 2, "z9hG4bK-i"))] == [200]

    own.hang_up(leg, 2.0)

    ((_, to),) = own.datagrams_to_send(2.0)
    assert (to, isinstance(to, Elsewhere)) == (caller.addr, False)
    assert own.sources() == {caller.addr}


@pytest.mark.parametrize("tag", ["leg0.1", "leg7.0", "leg0.2", "leg0.0000", "leg0", "leg0.-1", "."])
def test_what_is_nobodys_gets_481_where_it_came(tag: str) -> None:
    own, other = two()
    caller, _ = called(own, answered=True)
    caller.to_tag = tag

    other.receive_datagram(caller.text("BYE", 2, "z9hG4bK-bye").encode(), CONNECTION, 1.0)

    ((data, to),) = other.datagrams_to_send(1.0)
    assert data.startswith(b"SIP/2.0 481")
    assert not isinstance(to, Elsewhere)
    assert own.datagrams_to_send(1.0) == []


def test_a_stranger_who_knows_only_the_tag_ends_nothing() -> None:
    own, other = two()
    called(own, answered=True)
    stranger = Peer(other, "b")
    stranger.to_tag = "leg0.0"

    assert stranger.bye(1.0) == [481]
    assert own.statistics()["calls"] == 1


def test_transactions_of_all_listeners_are_remembered_in_one_room() -> None:
    own, other = two(SipSettings(trunks=(TRUNK,), transactions_max=20, strangers_percent=50))
    for number in range(10):
        assert Peer(own, f"u{number}", (f"203.0.113.{number}", 5060)).invite() == [100]

    assert Peer(other, "s", ("203.0.113.99", 5060)).invite() == [503]
    listed = [Peer(other, f"t{number}", ("198.51.100.1", 5060)).invite() for number in range(11)]
    assert listed == [[100]] * 10 + [[503]]
    for sip in (own, other):
        for leg in [told.leg for told in events(sip)]:
            sip.hang_up(leg, 1.0)
        run_to(sip, 100.0)

    assert Peer(other, "again", ("203.0.113.99", 5060)).invite(100.0) == [100]


def test_the_number_of_a_listener_is_the_end_of_the_tag() -> None:
    assert [listener_of(tag) for tag in ("a.0", "a.b.12", "a", "a.", "a.\u0663", "a.1000")] == [
        0,
        12,
        None,
        None,
        None,
        None,
    ]
