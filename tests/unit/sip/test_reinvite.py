# SPDX-License-Identifier: Apache-2.0
"""What a peer may change in a call, and when it may not."""

import pytest

from core.ids import Leg
from device_adapters.sip.events import Ended
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import SDP, Peer, endpoint, events, ringing, run_to, talking

VIDEO = SDP.replace("m=audio", "m=video")


def version(body: bytes) -> int:
    return int(body.split(b"o=- ")[1].split()[1])


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")]
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_of_direction_is_mirrored_and_its_version_grows(method: str, theirs: str, ours: str) -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()
    first = version(caller.last[0].body)
    caller.ack()

    assert caller.within(method, 2, body=SDP.replace("sendrecv", theirs)) == [200]

    assert f"a={ours}".encode() in caller.last[0].body
    assert version(caller.last[0].body) == first + 1


def test_a_reinvite_that_changes_nothing_gets_the_same_description() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()
    said = caller.last[0].body
    caller.ack()

    caller.within("INVITE", 2, body=SDP)

    assert caller.last[0].body == said


def test_a_reinvite_without_an_offer_is_offered_everything_and_its_ack_answers() -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.within("INVITE", 2) == [200]
    assert b"m=audio 40000 RTP/AVP 8 0 101" in caller.last[0].body
    crossed = caller.within("UPDATE", 3, body=SDP)
    caller.say(caller.text("ACK", 2, "z9hG4bK-late", body=SDP))
    after = caller.within("UPDATE", 4, body=SDP)

    assert (crossed, after) == ([491], [200])
    assert "anomaly_no_answer" not in sip.statistics()


def test_an_ack_without_the_answer_it_owes_is_counted_and_the_call_goes_on() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, body="")
    sip.answer(leg, 0.0)
    assert caller.heard() == [200]

    caller.ack()

    assert sip.statistics()["anomaly_no_answer"] == 1
    assert caller.within("UPDATE", 2, body=SDP) == [200]


def test_an_invite_without_an_offer_is_offered_one_in_the_answer() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, body="")

    sip.answer(leg, 0.0)

    caller.heard()
    assert b"m=audio 40000 RTP/AVP 8 0 101" in caller.last[0].body
    assert caller.within("INVITE", 2, body=SDP) == [491]
    caller.say(caller.text("ACK", 1, "z9hG4bK-late", body=SDP))
    assert caller.within("INVITE", 3, body=SDP) == [200]


@pytest.mark.parametrize("body", ["", SDP])
def test_a_reinvite_before_the_answer_must_wait(body: str) -> None:
    sip = endpoint()
    caller, _ = ringing(sip)

    assert caller.within("INVITE", 2, body=body) == [500]

    assert 0 <= int(caller.last[0].get("retry-after")) <= 10
    assert run_to(sip, 0.5) == [(0.5, "500")]
    assert events(sip) == []


def test_an_early_update_with_an_offer_must_wait_and_one_without_moves_the_target() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)

    with_offer = caller.within("UPDATE", 2, body=SDP)
    without = caller.say(
        caller.text("UPDATE", 3, "z9hG4bK-up").replace("caller@192.0.2.9:5060", "new@192.0.2.9:5070")
    )
    sip.answer(leg, 1.0)
    caller.heard()
    caller.ack()
    sip.hang_up(leg, 2.0)

    assert (with_offer, without) == ([500], [200])
    caller.heard()
    assert (caller.last[0].uri, caller.sent[0][1]) == ("sip:new@192.0.2.9:5070", ("192.0.2.9", 5070))  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_refused_change_moves_nothing(method: str) -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    text = caller.text(method, 2, "z9hG4bK-no", body=VIDEO).replace(
        "caller@192.0.2.9:5060", "new@192.0.2.9:1"
    )

    assert caller.say(text) == [488]
    assert caller.last[0].get("warning").startswith("305 ")
    caller.say(caller.text("ACK", 2, "z9hG4bK-no"))
    sip.hang_up(leg, 1.0)

    caller.heard()
    assert caller.last[0].uri == "sip:caller@192.0.2.9:5060"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("extra", "body", "kind", "status", "header"),
    [
        ("Require: nonsense\r\n", SDP, "application/sdp", 420, "unsupported"),
        ("", "x", "application/x-unknown", 415, "accept"),
        ("Content-Encoding: gzip\r\n", "x", "application/sdp", 415, "accept-encoding"),
        ("Accept: text/plain\r\n", SDP, "application/sdp", 406, "accept"),
        ("Supported: timer\r\nSession-Expires: 60\r\n", SDP, "application/sdp", 422, "min-se"),
    ],
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_nobody_can_take_is_refused_by_name_and_the_call_stands(
    method: str, extra: str, body: str, kind: str, status: int, header: str
) -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.within(method, 2, extra=extra, body=body, kind=kind) == [status]

    assert caller.last[0].get(header)
    assert sip.statistics()["calls"] == 1


def test_an_update_without_an_answerable_offer_is_refused_for_no_ack_could_answer_ours() -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.within("UPDATE", 2, body="no description") == [488]
    assert caller.within("INVITE", 3, body="no description") == [200]


def test_two_reinvites_in_a_row_are_both_answered_though_the_first_ack_was_lost() -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    first = caller.within("INVITE", 2, 1.0, body=SDP)
    second = caller.within("INVITE", 3, 1.1, body=SDP)
    caller.ack(1.2, cseq=2)
    repeated = run_to(sip, 1.7)
    caller.ack(1.7, cseq=3)

    assert (first, second) == ([200], [200])
    assert repeated == [(1.6, "200")]
    assert run_to(sip, 40.0) == []


def test_a_reinvite_nobody_confirms_ends_the_call() -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    caller.within("INVITE", 2, 1.0, body=SDP)

    sent = run_to(sip, 33.0)

    assert sent[-1] == (33.0, "BYE")
    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=33.0, reason="no_ack")]


def test_once_our_bye_is_out_nothing_else_is_taken() -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    sip.hang_up(leg, 1.0)
    caller.heard()

    said = [caller.within(method, 2 + n) for n, method in enumerate(("INFO", "UPDATE", "INVITE", "OPTIONS"))]

    assert said == [[481]] * 4


def test_requests_go_where_the_caller_was_heard_from_last() -> None:
    sip = endpoint(SipSettings())
    caller, leg = talking(sip, extra="Record-Route: <sip:proxy.example.com;lr>\r\n")
    caller.addr = ("192.0.2.9", 6000)
    caller.within("INFO", 2)

    sip.hang_up(leg, 1.0)

    caller.heard()
    assert caller.sent[0][1] == ("192.0.2.9", 6000)
    assert caller.last[0].get("route") == "<sip:proxy.example.com;lr>"


def test_a_bye_out_of_order_is_still_a_hang_up() -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    caller.within("INFO", 9)

    assert caller.bye(1.0, cseq=3) == [200]

    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=1.0, reason="bye")]
    assert sip.statistics()["anomaly_cseq_order"] == 1


def test_a_bye_before_the_ack_ends_an_answered_call() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 0.0)
    caller.heard()
    events(sip)

    assert caller.bye(0.1) == [200]

    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=0.1, reason="bye")]
    assert run_to(sip, 31.0) == []


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "INVITE", "PRACK", "BYE"])
def test_a_stranger_learns_nothing_of_a_leg_it_guessed(method: str) -> None:
    """Same status, same headers, for a tag that exists and for one that does not."""
    sip = endpoint()
    talking(sip)
    answers = []
    for tag in ("leg0", "leg9"):
        stranger = Peer(sip, "s")
        stranger.to_tag = tag
        assert stranger.within(method, 7) == [481]
        answers.append(stranger.sent[0][0].replace(tag.encode(), b"?"))

    assert answers[0] == answers[1]
    assert b"Server: Gateway110\r\n" in answers[0]


def test_an_adopted_leg_answers_a_hold() -> None:
    sip = endpoint()
    caller = Peer(sip)
    sip.adopt(caller.text("INVITE", body=SDP).encode(), caller.addr, Leg("before"), "answered", 5000.0)
    caller.to_tag = "before"

    assert caller.within("INVITE", 2, 5001.0, body=SDP.replace("sendrecv", "sendonly")) == [200]
    assert b"a=recvonly" in caller.last[0].body
