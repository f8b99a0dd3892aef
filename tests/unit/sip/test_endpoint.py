# SPDX-License-Identifier: Apache-2.0
import pytest

from core.ids import Leg
from device_adapters.sip.events import Abandoned, Answered, Ended, Invited
from device_adapters.sip.message import Request
from tests.unit.sip.peer import SDP, THERE, Peer, endpoint, events, ringing, run_to, talking


def test_a_caller_hears_trying_at_once_and_the_house_is_told_once() -> None:
    sip = endpoint()
    caller = Peer(sip)

    first = caller.invite(now=1.0)
    again = caller.invite(now=1.5)

    assert (first, again) == ([100], [100])
    (told,) = events(sip)
    assert isinstance(told, Invited)
    assert (told.leg, told.sip_call_id, told.at) == ("leg0", "call-a", 1.0)
    assert (told.caller, told.called, told.display_name) == ("13800138000", "110", "Caller")
    assert told.peer == THERE
    assert told.raw == caller.text("INVITE", body=SDP).encode()


def test_an_answered_call_is_confirmed_and_ended_by_the_caller() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)

    sip.answer(leg, 2.0)
    assert caller.heard() == [200]
    assert caller.ack(2.1) == []
    assert caller.bye(9.0) == [200]

    assert events(sip) == [
        Answered(leg=leg, sip_call_id="call-a", at=2.0),
        Ended(leg=leg, sip_call_id="call-a", at=9.0, reason="bye"),
    ]


def test_the_answer_echoes_the_route_and_names_us() -> None:
    sip = endpoint()
    caller = Peer(sip)
    caller.invite(extra="Record-Route: <sip:192.0.2.8;lr>\r\nRecord-Route: <sip:192.0.2.7;lr>\r\n")
    sip.answer(Leg("leg0"), 0.0)

    caller.heard()

    (ok,) = caller.last
    assert ok.headers["record-route"] == ["<sip:192.0.2.8;lr>", "<sip:192.0.2.7;lr>"]
    assert ok.get("contact") == "<sip:110@192.0.2.110:5060>"
    assert ok.get("to").endswith(";tag=leg0")
    assert b"m=audio 40000 RTP/AVP 8 101\r\n" in ok.body


def test_the_answer_is_repeated_until_the_caller_confirms() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()

    sent = run_to(sip, 8.0)
    caller.ack(8.1)

    assert sent == [(0.5, "200"), (1.5, "200"), (3.5, "200"), (7.5, "200")]
    assert run_to(sip, 31.0) == []


def test_an_answer_nobody_confirms_ends_in_our_bye_and_is_told() -> None:
    sip = endpoint()
    _, leg = ringing(sip)
    sip.answer(leg, 0.0)
    events(sip)

    sent = run_to(sip, 32.0)

    assert sent[-1] == (32.0, "BYE")
    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=32.0, reason="no_ack")]


def test_a_caller_who_hangs_up_while_ringing_is_told_of_once() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)

    first = caller.cancel(3.0)
    again = caller.cancel(3.5)

    assert (first, again) == ([200, 487], [200])
    assert events(sip) == [Abandoned(leg=leg, sip_call_id="call-a", at=3.0, reason="cancel")]
    caller.ack_refusal(3.6)
    assert run_to(sip, 100.0) == []


def test_the_refusal_of_a_cancelled_call_is_repeated_until_confirmed() -> None:
    sip = endpoint()
    caller, _ = ringing(sip)
    caller.cancel(0.0)

    sent = run_to(sip, 4.0)

    assert sent == [(0.5, "487"), (1.5, "487"), (3.5, "487")]


def test_a_cancel_that_crosses_the_answer_changes_nothing() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 1.0)
    caller.heard()
    events(sip)

    assert caller.cancel(1.0) == [200]
    assert events(sip) == []
    caller.ack(1.1)
    caller.bye(1.2)

    assert [type(told) for told in events(sip)] == [Ended]


def test_a_cancel_with_another_branch_is_still_a_hang_up() -> None:
    sip = endpoint()
    caller, _ = ringing(sip)
    caller.branch = "z9hG4bK-wrong"

    assert caller.cancel() == [200, 487]
    assert sip.statistics()["anomaly_cancel_branch"] == 1


def test_a_bye_before_the_answer_is_an_abandoned_call() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)

    assert caller.bye(2.0) == [200, 487]

    assert events(sip) == [Abandoned(leg=leg, sip_call_id="call-a", at=2.0, reason="bye")]


def test_an_invite_that_expires_is_an_abandoned_call() -> None:
    sip = endpoint()
    caller = Peer(sip)
    caller.invite(extra="Expires: 30\r\n")
    events(sip)

    sent = run_to(sip, 30.0)

    assert sent == [(30.0, "487")]
    (told,) = events(sip)
    assert isinstance(told, Abandoned)
    assert told.reason == "expired"


def test_ringing_is_said_again_each_minute() -> None:
    sip = endpoint()
    ringing(sip)

    assert run_to(sip, 130.0) == [(60.0, "180"), (120.0, "180")]


def test_we_hang_up_and_repeat_ourselves_until_heard() -> None:
    sip = endpoint()
    caller, leg = talking(sip)

    sip.hang_up(leg, 10.0)
    assert caller.heard(10.0) == [0]
    (bye,) = caller.last
    assert isinstance(bye, Request)
    assert (bye.method, bye.uri, bye.to_tag, bye.from_tag) == (
        "BYE",
        "sip:caller@192.0.2.9:5060",
        "from-a",
        "leg0",
    )
    assert run_to(sip, 12.0) == [(10.5, "BYE"), (11.5, "BYE")]
    ok = f"SIP/2.0 200 OK\r\nVia: {bye.get('via')}\r\nCall-ID: call-a\r\nCSeq: 1 BYE\r\n\r\n"
    caller.say(ok, 12.0)

    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=10.0, reason="hung_up")]
    assert sip.statistics()["calls"] == 0


def test_we_do_not_hang_up_before_the_caller_confirmed_the_answer() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()

    sip.hang_up(leg, 0.1)
    before = caller.heard(0.1)
    after = caller.ack(0.2)

    assert (before, after) == ([], [0])
    assert [type(told) for told in events(sip)] == [Answered, Ended]


def test_hanging_up_a_ringing_leg_refuses_it() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)

    sip.hang_up(leg, 5.0)

    assert caller.heard() == [480]
    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=5.0, reason="refused")]


def test_a_command_for_a_leg_that_is_gone_is_counted_and_ignored() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    caller.cancel()

    sip.answer(leg, 1.0)
    sip.ring(Leg("never"), 1.0)

    assert caller.heard() == []
    assert sip.statistics()["commands_late"] == 2


def test_two_byes_that_cross_end_the_call_once() -> None:
    sip = endpoint()
    caller, leg = talking(sip)

    sip.hang_up(leg, 1.0)
    caller.heard()
    answered = caller.bye(1.0)

    assert answered == [200]
    assert [told.reason for told in events(sip) if isinstance(told, Ended)] == ["hung_up"]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_a_stranger_in_our_dialog_is_refused(method: str) -> None:
    sip = endpoint()
    talking(sip)
    stranger = Peer(sip, "b")
    stranger.to_tag = "leg0"

    assert stranger.say(stranger.text(method, 7)) == [481]
    assert sip.statistics()["calls"] == 1


def test_a_hold_is_answered_as_a_hold() -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    held = caller.say(caller.text("INVITE", 2, "z9hG4bK-re", body=SDP.replace("sendrecv", "sendonly")), 5.0)

    assert held == [200]
    assert b"a=recvonly" in caller.last[0].body
    assert run_to(sip, 6.0) == [(5.5, "200")]
    caller.ack(6.0, cseq=2)
    assert run_to(sip, 31.0) == []
    assert events(sip) == []


def test_an_update_with_an_offer_gets_an_answer() -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.say(caller.text("UPDATE", 2, "z9hG4bK-up", body=SDP)) == [200]
    assert b"m=audio" in caller.last[0].body


def test_an_older_request_in_a_dialog_is_out_of_order() -> None:
    sip = endpoint()
    caller, _ = talking(sip)
    caller.say(caller.text("INFO", 9, "z9hG4bK-9"))

    assert caller.say(caller.text("INFO", 8, "z9hG4bK-8")) == [500]


def test_the_same_invite_by_two_ways_is_one_call() -> None:
    sip = endpoint()
    caller, _ = ringing(sip)
    caller.to_tag, caller.branch = "", "z9hG4bK-other-way"

    assert caller.invite() == [482]
    assert events(sip) == []


def test_an_old_peer_without_branch_is_matched_by_the_old_rule() -> None:
    sip = endpoint()
    caller = Peer(sip)
    old = caller.text("INVITE", body=SDP).replace(";branch=z9hG4bK-a", "")

    assert caller.say(old) == [100]
    assert caller.say(old) == [100]
    assert len(events(sip)) == 1
    assert caller.say(caller.text("CANCEL").replace(";branch=z9hG4bK-a", "")) == [200, 487]


def test_after_its_timers_a_call_leaves_nothing_behind() -> None:
    sip = endpoint()
    talked, _ = talking(sip, "talked")
    talked.bye()
    events(sip)
    left, _ = ringing(sip, "left")
    left.cancel()
    events(sip)
    _, unheard = ringing(sip, "unheard")
    sip.answer(unheard, 0.0)
    Peer(sip, "noise").options()

    run_to(sip, 1000.0)

    held = sip.statistics()
    assert (held["calls"], held["transactions"], held["timers"]) == (0, 0, 0)
    assert sip.get_timer() is None


def test_our_bye_goes_to_the_port_of_a_contact_of_ipv6_however_it_is_spelt() -> None:
    sip = endpoint()
    caller = Peer(sip, addr=("2001:db8::9", 49_152))
    text = caller.text("INVITE", body=SDP).replace("caller@192.0.2.9:5060", "caller@[2001:DB8:0::9]:5062")
    caller.say(text.replace("UDP 2001:db8::9:", "UDP [2001:db8::9]:"))
    leg = caller.sip.next_event().leg  # type: ignore[union-attr]
    sip.answer(leg, 0.0)
    caller.heard()
    caller.say(caller.text("ACK", 1, "z9hG4bK-k").replace("UDP 2001:db8::9:", "UDP [2001:db8::9]:"))

    sip.hang_up(leg, 1.0)

    assert [to for _, to in sip.datagrams_to_send(1.0)] == [("2001:db8::9", 5062)]
