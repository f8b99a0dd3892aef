# SPDX-License-Identifier: Apache-2.0
"""A trunk that is there is not troubled, one that is gone is told of once, and found again soon."""

from itertools import product
from typing import Any

import pytest

from core.ids import CountyCode
from device_adapters.sip.events import Address, TrunkChanged
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.settings import SipSettings, Trunk
from device_adapters.sip.trunks import (
    ANSWER_S_MAX,
    CALLED_S,
    NEXT,
    REFUSED_S,
    Heard,
    Next,
    State,
    Trunks,
    options,
)
from tests.unit.sip.peer import Peer, endpoint

A: Address = ("192.0.2.9", 5060)
B: Address = ("192.0.2.10", 5060)
ALL = frozenset((A, B))


def trunk(name: str = "mobile", *addresses: str, **more: Any) -> Trunk:
    return Trunk(name=name, addresses=addresses or (A[0],), county=CountyCode("330302"), **more)


UDP, TCP, TLS = ("udp", False), ("tcp", False), ("tls", False)


def watched(*trunks: Trunk) -> Trunks:
    return Trunks(SipSettings(trunks=trunks or (trunk(),)))


def let_pass(
    trunks: Trunks, end: float, answering: frozenset[Address] = frozenset()
) -> list[tuple[float, Address]]:
    """Let time pass; return when who was asked. Who answers does so within a tenth of a second."""
    asked: list[tuple[float, Address]] = []
    while (due := trunks.next_due(UDP)) is not None and due <= end:
        for _, address in trunks.to_ask(UDP, due):
            asked.append((due, address))
            if address in answering:
                trunks.answered(address, 200, due + 0.1)
    return asked


def changes(trunks: Trunks) -> list[tuple[object, ...]]:
    told: list[tuple[object, ...]] = [
        (event.trunk, event.up, event.reason, event.at) for event in trunks.events
    ]
    trunks.events.clear()
    return told


def test_every_state_knows_what_each_thing_means() -> None:
    assert set(NEXT) == set(product(State, Heard))


def test_life_leads_up_from_everywhere_and_silence_twice_leads_down() -> None:
    assert {NEXT[state, heard][0] for state in State for heard in (Heard.ANSWERED, Heard.HEARD)} == {State.UP}
    for state, nothing in product(State, (Heard.SILENT, Heard.REFUSED)):
        assert NEXT[NEXT[state, nothing][0], nothing][0] is State.DOWN
        assert NEXT[state, Heard.MUTE][0] is State.UP
        assert NEXT[state, Heard.ASKED][0] is state
    assert {NEXT[state, Heard.REFUSED][1] for state in (State.UNKNOWN, State.UP)} == {Next.SOON}


def test_a_trunk_is_asked_at_once_and_then_every_half_minute() -> None:
    trunks = watched()

    asked = let_pass(trunks, 95.0, ALL)

    assert asked == [(0.0, A), (30.1, A), (60.2, A), (pytest.approx(90.3), A)]
    assert (trunks.standing(), changes(trunks)) == ({"mobile": "up"}, [])


def test_a_trunk_that_calls_need_not_be_asked() -> None:
    trunks = watched()
    for at in range(0, 3600, 20):
        trunks.heard("::ffff:192.0.2.9" if at % 40 else A[0], float(at))

        assert trunks.to_ask(UDP, float(at)) == []

    assert let_pass(trunks, 3611.0) == [(3610.0, A)]


def test_a_trunk_that_does_not_answer_twice_is_down_and_told_of_once() -> None:
    trunks = watched()
    let_pass(trunks, 1.0, ALL)

    asked = let_pass(trunks, 200.0)

    gone_at = 30.1 + 2 * ANSWER_S_MAX
    assert changes(trunks) == [("mobile", False, "unanswered", pytest.approx(gone_at))]
    assert trunks.standing() == {"mobile": "down"}
    waits = [at - gone_at for at, _ in asked[2:]]
    assert waits == [pytest.approx(wait) for wait in (5.0, 25.0, 55.0, 95.0, 135.0)]


def test_one_lost_answer_is_no_news() -> None:
    trunks = watched()
    let_pass(trunks, ANSWER_S_MAX - 1)

    let_pass(trunks, 100.0, ALL)

    assert changes(trunks) == []


@pytest.mark.parametrize("how", ["answered", "heard"])
def test_a_trunk_that_comes_back_is_told_of_once(how: str) -> None:
    trunks = watched()
    let_pass(trunks, 300.0)
    assert changes(trunks) == [("mobile", False, "unanswered", 20.0)]

    for _ in range(3):
        if how == "answered":
            trunks.answered(A, 200, 300.5)
        else:
            trunks.heard(A[0], 300.5)

    assert changes(trunks) == [("mobile", True, how, 300.5)]
    assert let_pass(trunks, 330.4, ALL) == []
    assert let_pass(trunks, 330.5, ALL) == [(330.5, A)]


def test_a_trunk_that_was_down_before_is_asked_soon_when_it_is_down_again() -> None:
    trunks = watched()
    let_pass(trunks, 300.0)
    trunks.answered(A, 200, 300.0)

    asked = let_pass(trunks, 360.0)

    assert [at for at, _ in asked] == [330.0, 340.0, 355.0]


def test_a_trunk_is_down_only_when_all_its_addresses_are() -> None:
    trunks = watched(trunk("mobile", A[0], B[0]))

    let_pass(trunks, 200.0, frozenset((B,)))
    assert (changes(trunks), trunks.standing()) == ([], {"mobile": "up"})

    let_pass(trunks, 300.0)
    assert [told[:2] for told in changes(trunks)] == [("mobile", False)]

    trunks.heard(A[0], 301.0)
    trunks.heard(B[0], 302.0)
    assert changes(trunks) == [("mobile", True, "heard", 301.0)]


@pytest.mark.parametrize("status", [200, 404, 405, 408, 483, 500, 501, 603])
def test_whatever_is_answered_someone_is_there(status: int) -> None:
    trunks = watched()
    trunks.to_ask(UDP, 0.0)

    trunks.answered(A, status, 0.2)

    assert trunks.standing() == {"mobile": "up"}


def test_a_trunk_that_says_503_is_up_and_draining() -> None:
    trunks = watched(trunk("mobile", A[0], B[0]))
    trunks.to_ask(UDP, 0.0)

    trunks.answered(A, 503, 0.1)
    assert trunks.standing() == {"mobile": "up"}

    trunks.answered(B, 503, 0.1)
    assert (trunks.standing(), changes(trunks)) == ({"mobile": "draining"}, [])

    trunks.answered(A, 200, 30.2)
    assert trunks.standing() == {"mobile": "up"}


def test_a_provisional_answer_is_not_yet_one() -> None:
    trunks = watched()
    trunks.to_ask(UDP, 0.0)

    trunks.answered(A, 100, 0.1)

    assert trunks.next_due(UDP) == ANSWER_S_MAX


def test_what_cannot_be_sent_is_tried_again_after_a_pause_before_it_proves_anything() -> None:
    trunks = watched()

    assert trunks.to_ask(UDP, 0.0) == [(trunk(), A)]
    for _ in range(2):
        trunks.silent(A, 0.05, refused=True)
    assert (trunks.to_ask(UDP, REFUSED_S), changes(trunks)) == ([], [])
    assert trunks.to_ask(UDP, 0.05 + REFUSED_S) == [(trunk(), A)]
    trunks.silent(A, 5.1, refused=True)

    assert changes(trunks) == [("mobile", False, "unanswered", 5.1)]


@pytest.mark.parametrize("refused", [False, True])
def test_a_trunk_that_calls_and_never_answers_is_not_down_until_it_stops_calling(refused: bool) -> None:
    trunks = watched()
    for at in range(10, 3600, 120):
        trunks.heard(A[0], float(at))
        for due in range(at, at + 120, 5):
            if trunks.to_ask(UDP, float(due)) and refused:
                trunks.silent(A, float(due), refused=True)

    assert (changes(trunks), trunks.standing()) == ([], {"mobile": "up"})
    let_pass(trunks, 3480.0 + CALLED_S)
    assert changes(trunks) == []
    let_pass(trunks, 3700.0 + CALLED_S)
    assert [told[:3] for told in changes(trunks)] == [("mobile", False, "unanswered")]


def test_a_trunk_that_has_answered_once_is_down_when_it_no_longer_does_though_it_called() -> None:
    trunks = watched()
    let_pass(trunks, 1.0, ALL)
    trunks.heard(A[0], 20.0)

    let_pass(trunks, 100.0)

    assert [told[:3] for told in changes(trunks)] == [("mobile", False, "unanswered")]


def test_who_called_while_we_asked_was_not_silent() -> None:
    trunks = watched()
    trunks.to_ask(UDP, 0.0)
    trunks.heard(A[0], 5.0)

    assert trunks.to_ask(UDP, 10.0) == []
    assert (trunks.next_due(UDP), changes(trunks)) == (35.0, [])


def test_strangers_are_nothing_to_us() -> None:
    trunks = watched()
    before = trunks.next_due(UDP)

    trunks.heard("198.51.100.1", 0.0)
    trunks.answered(("198.51.100.1", 5060), 200, 0.0)
    trunks.silent(("198.51.100.1", 5060), 0.0)

    assert (trunks.next_due(UDP), trunks.standing()) == (before, {"mobile": "unknown"})


def test_each_trunk_is_asked_by_the_first_listener_of_its_transport_and_family() -> None:
    udp, tcp, six, quiet = (
        trunk(),
        trunk("tcp", B[0], transport="tcp", port=5070),
        trunk("six", "2001:DB8::9"),
        trunk("quiet", "192.0.2.11", keep_alive_s=0),
    )
    listen = ("udp:127.0.0.1:5060", "udp:127.0.0.1:5061", "tcp:127.0.0.1:5060", "udp:[::1]:5060")
    trunks = Trunks(SipSettings(trunks=(udp, tcp, six, quiet), listen=listen))

    assert [trunks.claim(way) for way in (UDP, UDP, TCP, ("udp", True), TLS)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert trunks.to_ask(UDP, 0.0) == [(udp, A)]
    assert trunks.to_ask(TCP, 0.0) == [(tcp, (B[0], 5070))]
    assert trunks.to_ask(("udp", True), 0.0) == [(six, ("2001:db8::9", 5060))]
    assert trunks.next_due(TLS) is None
    assert trunks.standing(TCP) == {"tcp": "unknown"}


def test_an_address_no_listener_reaches_does_not_keep_its_trunk_up() -> None:
    trunks = watched(trunk("mobile", A[0], "2001:db8::9"))

    let_pass(trunks, 30.0)

    assert [told[:2] for told in changes(trunks)] == [("mobile", False)]


def test_a_short_interval_is_kept() -> None:
    trunks = watched(trunk(keep_alive_s=2))

    assert [at for at, _ in let_pass(trunks, 7.0, ALL)] == [0.0, 2.1, pytest.approx(4.2), pytest.approx(6.3)]


@pytest.mark.parametrize(
    ("peer", "transport", "line", "via"),
    [
        (A, "UDP", "sip:192.0.2.9:5060", "SIP/2.0/UDP"),
        (A, "TCP", "sip:192.0.2.9:5060;transport=tcp", "SIP/2.0/TCP"),
        (("2001:db8::9", 5061), "TLS", "sips:[2001:db8::9]:5061", "SIP/2.0/TLS"),
    ],
)
def test_what_we_ask_with_is_a_request_anyone_would_answer(
    peer: Address, transport: str, line: str, via: str
) -> None:
    data = options(
        peer, "192.0.2.110:5060", transport, branch="z9hG4bKk1", call_id="k1", tag="k1", server="Gateway110"
    )

    read = read_message(data)
    assert isinstance(read, Request)
    read.check()
    assert (read.method, read.uri, read.faults, read.to_tag) == ("OPTIONS", line, [], "")
    assert read.via_text.startswith(via)
    assert (read.get("max-forwards"), read.get("accept")) == ("70", "application/sdp")
    assert Peer(endpoint()).say(data) == [200]


def test_a_change_says_which_trunk_and_when() -> None:
    trunks = watched()
    let_pass(trunks, 25.0)

    assert list(trunks.events) == [TrunkChanged(trunk="mobile", up=False, reason="unanswered", at=20.0)]
