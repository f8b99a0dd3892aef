# SPDX-License-Identifier: Apache-2.0
"""Turns a leg takes that nobody plans: crossings, refusals and rubbish in the middle of a call."""

import pytest

from core.ids import CountyCode
from device_adapters.sip.events import Ended, Invited
from device_adapters.sip.message import Request
from device_adapters.sip.settings import SipSettings, Trunk
from device_adapters.sip.station import REMEMBERED_OCTETS_MAX
from tests.unit.sip.peer import SDP, Peer, endpoint, events, ringing, run_to, talking

REFRESH = "Supported: timer\r\nSession-Expires: 180;refresher=uas\r\n"
BRANCH = "z9hG4bK-again"


def test_a_refused_invite_within_a_leg_takes_its_ack_and_is_said_until_then() -> None:
    sip = endpoint()
    caller, _ = ringing(sip)

    assert caller.say(caller.text("INVITE", 0, BRANCH, body=SDP)) == [500]
    assert caller.say(caller.text("ACK", 0, BRANCH)) == []

    assert "500" not in [what for _, what in run_to(sip, 32.0)]


def test_a_refresh_that_crosses_our_bye_is_refused_and_its_ack_harms_nobody() -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    sip.hang_up(leg, 0.0)
    assert caller.heard() == [0]

    assert caller.say(caller.text("INVITE", 2, BRANCH, body=SDP)) == [481]
    assert caller.say(caller.text("ACK", 2, BRANCH)) == []

    run_to(sip, 100.0)
    assert sip.statistics()["transactions"] == 0


@pytest.mark.parametrize("contact", ["<>", "<sip:a b@x>", "", "<sip:\x80@x>"])
def test_a_contact_nobody_can_call_does_not_stop_our_refresh(contact: str) -> None:
    sip = endpoint()
    caller = Peer(sip)
    invite = caller.text("INVITE", extra=REFRESH, body=SDP).replace(
        "Contact: <sip:caller@192.0.2.9:5060>", f"Contact: {contact}"
    )
    caller.say(invite)
    leg = next(event.leg for event in events(sip))
    sip.answer(leg, 0.0)
    caller.heard()
    caller.ack()

    asked = caller.asked(90.0)

    assert (asked.method, asked.uri) == ("INVITE", "sip:13800138000@192.0.2.9")
    assert caller.reply(asked, 403, 90.1) == [0]
    assert caller.last[0].cseq_method == "ACK"


def test_a_way_of_a_thousand_proxies_is_followed_as_far_as_a_request_may_go() -> None:
    sip = endpoint()
    caller = Peer(sip)
    routes = "Record-Route: " + ", ".join(["<sip:p;lr>"] * 256) + "\r\n"
    caller.invite(extra=REFRESH + routes)
    leg = next(event.leg for event in events(sip))
    sip.answer(leg, 0.0)
    caller.heard()
    caller.ack()

    asked = caller.asked(90.0)

    assert len(asked.listed("route")) == 70
    caller.reply(asked, 403, 90.1)
    assert len(caller.last[0].listed("route")) == 70


def test_the_ack_of_a_refusal_repeats_our_invite_and_names_whom_they_answered_as() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=REFRESH)
    asked = caller.asked(90.0)

    caller.reply(asked, 486, 90.1)

    ack = caller.last[0]
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.via_text) == ("ACK", asked.uri, asked.via_text)
    assert (ack.cseq, ack.get("from"), ack.get("to")) == (asked.cseq, asked.get("from"), asked.get("to"))


def test_a_leg_we_want_to_end_ends_whatever_is_invited_meanwhile() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()
    sip.hang_up(leg, 1.0)

    for turn in range(1, 30):
        run_to(sip, 20.0 * turn)
        caller.say(caller.text("INVITE", 1 + turn, f"z9hG4bK-r{turn}", body=SDP), 20.0 * turn)
    run_to(sip, 700.0)

    ends = [event for event in events(sip) if isinstance(event, Ended)]
    assert [(end.reason, end.at <= 64.0) for end in ends] == [("no_ack", True)]


def test_a_prack_of_something_else_does_not_free_the_answer_that_waits() -> None:
    sip = endpoint()
    caller = Peer(sip)
    caller.invite(extra="Require: 100rel\r\n", body="")
    leg = next(event.leg for event in events(sip))
    sip.ring(leg, 0.0)
    caller.heard()
    sip.answer(leg, 0.0)
    assert caller.heard() == []

    said = caller.say(caller.text("PRACK", 2, BRANCH, extra="RAck: 77 1 INVITE\r\n"))

    assert said == [481]


def test_an_answer_that_echoes_a_flood_is_not_kept() -> None:
    sip = endpoint()
    caller, _ = talking(sip)
    before = sip.statistics()["transactions"]
    text = caller.text("OPTIONS", 2, BRANCH).replace(
        "\r\nFrom", "\r\nVia: SIP/2.0/UDP x;a=" + "x" * 4000 + "\r\nFrom"
    )

    assert caller.say(text) == [200]

    assert len(caller.sent[0][0]) > REMEMBERED_OCTETS_MAX
    assert sip.statistics()["transactions"] == before


def test_a_held_leg_does_not_hold_its_invite_twice() -> None:
    sip = endpoint()
    _, leg = ringing(sip)

    dialog = sip._calls.by_leg(leg)

    assert dialog is not None
    assert (dialog.invite.raw, dialog.invite.body) == (b"", b"")


def test_the_time_a_caller_stamped_comes_back_with_the_100() -> None:
    caller = Peer(endpoint())

    caller.invite(extra="Timestamp: 54.25\r\n")

    assert caller.last[0].get("timestamp") == "54.25"


def test_an_empty_tag_is_replaced_by_ours() -> None:
    sip = endpoint()
    caller = Peer(sip)
    caller.say(
        caller.text("INVITE", body=SDP).replace("To: <sip:110@example.com>", "To: <sip:110@example.com>;tag=")
    )
    leg = next(event.leg for event in events(sip))

    sip.ring(leg, 0.0)

    caller.heard()
    assert caller.last[0].get("to") == f"<sip:110@example.com>;tag={leg}"


@pytest.mark.parametrize("handling", ["handling=optional", 'handling = "Optional"'])
def test_a_body_that_may_be_left_out_is_left_out_however_that_is_spelt(handling: str) -> None:
    caller = Peer(endpoint())
    text = caller.text("INVITE", extra=f"Content-Disposition: render; {handling}\r\n", body="x")

    assert caller.say(text.replace("application/sdp", "application/x-unknown")) == [100]


def test_a_trunk_that_asks_whether_we_are_there_is_told_yes_until_we_are_full() -> None:
    trunk = Trunk(name="t", addresses=("192.0.2.9",), county=CountyCode("330302"))
    sip = endpoint(SipSettings(calls_max=10, trunks=(trunk,), session_expires_s=90))
    for number in range(9):
        Peer(sip, f"c{number}").invite()
    asks = Peer(sip, "asks")

    assert asks.options() == [200]
    Peer(sip, "last").invite()
    assert asks.options() == [503]


def test_a_number_that_insists_waits_on_100_behind_the_others_and_nobody_is_refused() -> None:
    sip = endpoint(SipSettings(insistent_per_hour=3, insistent_per_s=5))
    assert [Peer(sip, f"mad{number}").invite() for number in range(9)] == [[100]] * 9
    calm = Peer(sip, "calm")
    calm.say(calm.text("INVITE", body=SDP).replace("13800138000", "13900139000"))

    at_once = [event.sip_call_id for event in events(sip)]
    run_to(sip, 1.0)
    in_turn = [event.sip_call_id for event in events(sip)]
    run_to(sip, 2.0)

    assert at_once == ["call-mad0", "call-mad1", "call-mad2", "call-calm"]
    assert in_turn == [f"call-mad{number}" for number in range(3, 8)]
    assert [event.sip_call_id for event in events(sip)] == ["call-mad8"]


def test_who_hangs_up_while_waiting_behind_others_is_told_of_before_the_hang_up() -> None:
    sip = endpoint(SipSettings(insistent_per_hour=1, insistent_per_s=1))
    peers = [Peer(sip, f"mad{number}") for number in range(3)]
    for peer in peers:
        peer.invite()
    assert len(events(sip)) == 1

    assert peers[1].cancel() == [200, 487]

    assert [type(event).__name__ for event in events(sip)] == ["Invited", "Abandoned"]
    run_to(sip, 1.0)
    assert [event.sip_call_id for event in events(sip)] == ["call-mad2"]


def test_a_stranger_cannot_give_a_number_a_bad_name() -> None:
    trunk = Trunk(name="t", addresses=("192.0.2.9",), county=CountyCode("330302"))
    sip = endpoint(SipSettings(trunks=(trunk,), strangers_per_s=1000))
    for number in range(20):
        Peer(sip, f"s{number}", ("198.51.100.1", 5060)).invite()

    events(sip)
    Peer(sip, "honest").invite()

    told = sip.next_event()
    assert isinstance(told, Invited)
    assert told.calls_in_hour == 1
