# SPDX-License-Identifier: Apache-2.0
"""Trunks are asked whether they are there, may be asked who they are, and keep their room."""

import pytest

from core.ids import CountyCode, Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Invited, TrunkChanged
from device_adapters.sip.house import House
from device_adapters.sip.message import Request
from device_adapters.sip.settings import SipSettings, Trunk
from tests.unit.sip.peer import HERE, SDP, THERE, Peer, endpoint, run_to

TRUNK = Trunk(name="mobile", addresses=("192.0.2.9",), county=CountyCode("330302"))
QUIET = Trunk(name="mobile", addresses=("192.0.2.9",), county=CountyCode("330302"), keep_alive_s=0)


def asked(sip: Endpoint, now: float) -> Request:
    peer = Peer(sip)
    sip.handle_timer(now)
    assert peer.heard(now) == [0]
    (options,) = peer.last
    assert isinstance(options, Request)
    assert peer.sent[0][1] == THERE
    return options


def changes(sip: Endpoint) -> list[tuple[str, bool]]:
    told = list(iter(sip.next_event, None))
    return [(event.trunk, event.up) for event in told if isinstance(event, TrunkChanged)]


def test_a_trunk_that_answers_stays_up_and_leaves_nothing() -> None:
    sip = endpoint(SipSettings(trunks=(TRUNK,)))

    options = asked(sip, 0.0)
    Peer(sip).reply(options, 200, 0.1)
    sent = run_to(sip, 29.0)

    assert options.method == "OPTIONS"
    assert sent == []
    assert changes(sip) == []
    assert sip.statistics()["transactions"] == 0
    assert asked(sip, 31.0).method == "OPTIONS"


def test_a_trunk_that_is_silent_is_told_down_and_up_again_when_it_calls() -> None:
    sip = endpoint(SipSettings(trunks=(TRUNK,)))

    run_to(sip, 25.0)
    down = changes(sip)
    Peer(sip).options(26.0)

    assert down == [("mobile", False)]
    assert changes(sip) == [("mobile", True)]


def test_a_trunk_whose_connection_does_not_open_is_silent() -> None:
    sip = endpoint(SipSettings(trunks=(TRUNK,)))
    for now in (0.0, 5.0):
        assert changes(sip) == []
        options = asked(sip, now)
        sip.unreachable([(options.raw, THERE)], now)

    assert changes(sip) == [("mobile", False)]


def test_a_trunk_that_calls_at_another_listener_is_there_and_not_asked() -> None:
    settings = SipSettings(trunks=(TRUNK,), listen=("udp:192.0.2.110:5060", "tcp:192.0.2.110:5060"))
    house = House(settings)
    first = Endpoint(settings, HERE, lambda: "a.0", house=house)
    second = Endpoint(settings, HERE, lambda: "b.1", "TCP", house=house)

    for at in range(0, 600, 10):
        Peer(second, f"c{at}").options(float(at))
        first.handle_timer(float(at))
        second.handle_timer(float(at))

    assert first.datagrams_to_send(600.0) == []
    assert changes(first) == changes(second) == []
    assert (first.statistics()["trunks_up"], "trunks_up" in second.statistics()) == (1, False)


def test_a_trunk_that_calls_every_two_minutes_and_drops_our_options_does_not_flap() -> None:
    sip = endpoint(SipSettings(trunks=(TRUNK,)))
    told = []
    for at in range(0, 3600, 120):
        run_to(sip, float(at))
        Peer(sip, f"c{at}").options(float(at))
        told += changes(sip)

    assert told == []


def test_a_trunk_with_a_password_is_asked_for_it_and_no_leg_is_held_meanwhile() -> None:
    trunk = Trunk(
        name="mobile",
        addresses=("192.0.2.9",),
        county=CountyCode("330302"),
        digest="SHA-256",
        username="u",
        password_file="unread",
        keep_alive_s=0,
    )
    tags = iter(range(1000))
    sip = Endpoint(SipSettings(trunks=(trunk,)), HERE, lambda: f"t{next(tags)}", secrets={"mobile": "p"})
    caller = Peer(sip)

    assert caller.invite() == [401]

    assert caller.last[0].get("www-authenticate").startswith("Digest ")
    assert sip.statistics()["calls"] == sip.statistics()["transactions"] == 0


def test_a_trunk_that_asked_is_told_how_full_we_are() -> None:
    sip = endpoint(SipSettings(trunks=(QUIET,), calls_max=10))
    for number in range(10):
        Peer(sip, f"c{number}").invite()
    caller = Peer(sip, "asks")

    text = caller.text("INVITE").replace(";branch", ";oc;branch")

    assert caller.say(text) == [503]
    assert ";oc=100;" in caller.last[0].get("via")


def test_strangers_who_come_and_go_leave_the_trunks_room_to_be_remembered() -> None:
    sip = endpoint(SipSettings(trunks=(QUIET,), transactions_max=20, strangers_percent=50))
    for number in range(30):
        stranger = Peer(sip, f"s{number}", (f"198.51.100.{number % 4}", 5060))
        stranger.invite()
        stranger.cancel()

    held = sip.statistics()["transactions"]
    trunk = [Peer(sip, f"t{number}").invite() for number in range(10)]

    assert held <= 11
    assert trunk[:9] == [[100]] * 9
    assert sip.statistics()["strangers_shed"] > 0


def test_room_that_strangers_took_comes_back() -> None:
    sip = endpoint(SipSettings(trunks=(QUIET,), transactions_max=20, strangers_percent=50))
    for number in range(30):
        stranger = Peer(sip, f"s{number}", ("198.51.100.1", 5060))
        stranger.invite()
        stranger.cancel()
        stranger.ack_refusal()

    run_to(sip, 100.0)

    assert sip._layer.remembered.strangers == 0
    assert Peer(sip, "again", ("198.51.100.1", 5060)).invite(100.0) == [100]


@pytest.mark.parametrize(("uri", "status"), [("tel:12345", 404), ("tel:96110", 100), ("http:x", 416)])
def test_a_trunk_has_names_of_its_own_for_the_emergency(uri: str, status: int) -> None:
    named = Trunk(name="m", addresses=("192.0.2.9",), county=CountyCode("330302"), called_as=("tel:96110",))
    sip = endpoint(SipSettings(trunks=(named,), called_as=("tel:119",)))
    caller = Peer(sip)
    caller.uri = uri

    assert caller.invite() == [status]
    stranger = Peer(sip, "s", ("198.51.100.1", 5060))
    stranger.uri = "tel:96110"
    assert stranger.invite() == [404]


def test_a_number_that_calls_again_is_counted() -> None:
    sip = endpoint()
    for number in range(3):
        Peer(sip, f"c{number}").invite(float(number), body=SDP)

    told = [event.calls_in_hour for event in iter(sip.next_event, None) if isinstance(event, Invited)]

    assert told == [1, 2, 3]
    assert sip.statistics()["sent_100"] == 3
    assert Leg("leg2") in sip._calls
