# SPDX-License-Identifier: Apache-2.0
"""A process that died comes back; the caller must not notice."""

from core.ids import Leg
from device_adapters.sip.events import Abandoned, Answered, Ended
from tests.unit.sip.peer import SDP, THERE, Peer, endpoint, events, run_to

LEG = Leg("leg-of-before")


def raw_invite() -> bytes:
    return Peer(endpoint()).text("INVITE", body=SDP).encode()


def test_an_adopted_ringing_call_rings_on_and_can_be_answered() -> None:
    sip = endpoint()
    caller = Peer(sip)

    assert sip.adopt(raw_invite(), THERE, LEG, "ringing", 0.0)
    assert caller.heard() == [180]
    assert caller.to_tag == LEG
    assert caller.say(raw_invite(), 1.0) == [180]
    sip.answer(LEG, 2.0)
    assert caller.heard() == [200]
    assert caller.ack(2.1) == []

    assert events(sip) == [Answered(leg=LEG, sip_call_id="call-a", at=2.0)]


def test_an_adopted_ringing_call_can_be_abandoned() -> None:
    sip = endpoint()
    caller = Peer(sip)
    sip.adopt(raw_invite(), THERE, LEG, "ringing", 0.0)
    caller.heard()

    assert caller.cancel(3.0) == [200, 487]

    assert events(sip) == [Abandoned(leg=LEG, sip_call_id="call-a", at=3.0, reason="cancel")]


def test_an_adopted_answered_call_is_silent_until_asked_and_ends_with_a_bye() -> None:
    sip = endpoint()
    caller = Peer(sip)
    sip.adopt(raw_invite(), THERE, LEG, "answered", 0.0)

    assert caller.heard() == []
    assert caller.say(raw_invite(), 1.0) == [200]
    assert caller.bye(5.0) == [200]

    assert events(sip) == [Ended(leg=LEG, sip_call_id="call-a", at=5.0, reason="bye")]


def test_an_adopted_answered_call_is_never_given_up_for_want_of_an_old_ack() -> None:
    sip = endpoint()
    sip.adopt(raw_invite(), THERE, LEG, "answered", 0.0)

    assert run_to(sip, 64.0) == []

    assert events(sip) == []
    assert sip.statistics()["calls"] == 1


def test_an_adopted_call_can_be_hung_up() -> None:
    sip = endpoint()
    caller = Peer(sip)
    sip.adopt(raw_invite(), THERE, LEG, "answered", 0.0)

    sip.hang_up(LEG, 4.0)

    assert caller.heard() == [0]
    assert events(sip) == [Ended(leg=LEG, sip_call_id="call-a", at=4.0, reason="hung_up")]


def test_what_cannot_be_adopted_is_refused() -> None:
    sip = endpoint()

    assert not sip.adopt(b"no invite", THERE, LEG, "ringing", 0.0)
    assert not sip.adopt(b"SIP/2.0 200 OK\r\n\r\n", THERE, LEG, "ringing", 0.0)
    assert sip.adopt(raw_invite(), THERE, LEG, "ringing", 0.0)
    assert not sip.adopt(raw_invite(), THERE, LEG, "ringing", 0.0)


def test_who_hangs_up_a_call_the_old_process_may_have_answered_was_answered() -> None:
    """The 200 left, the crash came before the journal knew: the caller's BYE tells."""
    sip = endpoint()
    caller = Peer(sip)
    sip.adopt(raw_invite(), THERE, LEG, "ringing", 0.0)
    caller.heard()

    assert 200 in caller.bye(1.0)

    assert [type(event) for event in events(sip)] == [Answered, Ended]
