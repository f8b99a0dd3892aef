# SPDX-License-Identifier: Apache-2.0
"""Whoever is not listed leaves room for those who are."""

import pytest

from core.ids import CountyCode, Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Invited
from device_adapters.sip.settings import SipSettings, Trunk
from tests.unit.sip.peer import Peer, endpoint

TRUNK = Trunk(name="mobile", addresses=("192.0.2.9",), county=CountyCode("330302"))
TRUNKS = (TRUNK,)
LISTED = ("192.0.2.9", 5060)


def stranger(number: int) -> tuple[str, int]:
    return (f"198.51.100.{number}", 5060)


def house(**settings: object) -> Endpoint:
    return endpoint(SipSettings(trunks=TRUNKS, calls_max=20, **settings))  # type: ignore[arg-type]


def test_strangers_hold_a_share_and_the_trunk_the_whole_rest() -> None:
    sip = house()

    strangers = [Peer(sip, f"s{n}", stranger(n)).invite() for n in range(6)]
    refused = Peer(sip, "s5", stranger(5))
    refused.invite()
    trunk = [Peer(sip, f"t{n}", LISTED).invite() for n in range(17)]

    assert strangers == [[100]] * 4 + [[503]] * 2
    assert refused.last[0].get("retry-after") == "5"
    assert trunk == [[100]] * 16 + [[503]]
    assert (sip.statistics()["strangers_shed"], sip.statistics()["calls_refused"]) == (3, 1)


def test_one_stranger_holds_half_of_the_strangers_share() -> None:
    sip = house()

    assert [Peer(sip, f"a{n}", stranger(1)).invite() for n in range(3)] == [[100], [100], [503]]
    assert Peer(sip, "b", stranger(2)).invite() == [100]


def test_a_listed_trunk_may_take_the_whole_house() -> None:
    sip = house(strangers_percent=0)

    assert all(Peer(sip, f"t{n}", LISTED).invite() == [100] for n in range(20))


def test_a_stranger_who_leaves_makes_room_for_the_next() -> None:
    sip = house(strangers_percent=5)
    first = Peer(sip, "a", stranger(1))
    assert first.invite() == [100]
    assert Peer(sip, "b", stranger(2)).invite() == [503]

    assert first.cancel() == [200, 487]

    assert Peer(sip, "c", stranger(3)).invite() == [100]
    assert sip.statistics()["strangers_shed"] == 1


def test_a_stranger_without_room_still_finishes_the_call_it_has() -> None:
    sip = house(strangers_percent=5)
    caller = Peer(sip, "a", stranger(1))
    caller.invite()
    told = sip.next_event()
    assert isinstance(told, Invited)
    sip.answer(told.leg, 0.0)
    assert caller.heard() == [200]

    assert (caller.invite(0.1), caller.ack(), caller.bye()) == ([200], [], [200])


def test_a_strangers_call_of_the_process_before_is_counted_and_never_refused() -> None:
    sip = house(strangers_percent=0)
    raw = Peer(sip, "a", stranger(1)).text("INVITE").encode()

    assert sip.adopt(raw, stranger(1), Leg("before"), "ringing", 0.0)

    sip.hang_up(Leg("before"), 1.0)
    assert sip.statistics()["calls"] == 0


def test_without_listed_trunks_nobody_is_a_stranger() -> None:
    sip = endpoint(SipSettings(calls_max=20, strangers_percent=0))

    assert all(Peer(sip, f"s{n}", stranger(1)).invite() == [100] for n in range(20))


@pytest.mark.parametrize("host", ["192.0.2.9", "::ffff:192.0.2.9"])
def test_only_trunks_hears_listed_trunks_and_drops_the_rest_unread(host: str) -> None:
    sip = house(only_trunks=True)

    assert Peer(sip, "s", stranger(1)).invite() == []
    assert Peer(sip, "noise", stranger(1)).say(b"not SIP at all") == []
    trunk = Peer(sip, "t", LISTED)
    sip.receive_datagram(trunk.text("INVITE").encode(), (host, 5060), 0.0)
    assert trunk.heard() == [100]

    held = sip.statistics()
    assert held["unknown_source"] == 2
    assert "anomaly_not_sip" not in held
    assert held["requests_invite"] == 1


def test_a_flood_of_strangers_is_not_even_read_and_a_trunk_is() -> None:
    sip = house(strangers_datagrams_per_s=100)
    noise = Peer(sip, "noise", stranger(1))

    for _ in range(300):
        noise.options(0.0)
    trunk = Peer(sip, "t", LISTED)

    assert sip.statistics()["requests_options"] == 100
    assert sip.statistics()["strangers_unread"] == 200
    assert trunk.invite() == [100]
    assert noise.options(0.01) == [200]


def test_a_long_datagram_of_a_stranger_counts_for_as_many_as_it_costs() -> None:
    sip = house(strangers_datagrams_per_s=100)
    noise = Peer(sip, "noise", stranger(1))

    for _ in range(20):
        noise.say(b"x" * 50_000)

    assert (sip.statistics()["anomaly_not_sip"], sip.statistics()["strangers_unread"]) == (5, 15)
    assert noise.options(0.04) == [], "what it cost beyond is owed"
    assert noise.options(0.07) == [200]


def test_over_a_connection_nothing_is_lost_unread() -> None:
    sip = endpoint(SipSettings(trunks=TRUNKS, strangers_datagrams_per_s=1), "TCP")

    assert [Peer(sip, f"s{n}", stranger(1)).options() for n in range(9)] == [[200]] * 9
