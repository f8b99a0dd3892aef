# SPDX-License-Identifier: Apache-2.0
"""A ring that must be heard, and a caller who must not be lost for it."""

import pytest

from device_adapters.sip.events import Answered
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import SDP, Peer, endpoint, events, ringing, run_to

SUPPORTED = "Supported: timer, 100rel\r\n"
REQUIRED = "Require: 100rel\r\n"


@pytest.mark.parametrize(
    ("setting", "extra", "reliable"),
    [
        ("supported", SUPPORTED, True),
        ("supported", REQUIRED, True),
        ("supported", "", False),
        ("supported", "Supported: 100relish\r\n", False),
        ("required", SUPPORTED, False),
        ("required", REQUIRED, True),
        ("never", REQUIRED, False),
    ],
)
def test_who_wants_a_reliable_ring_gets_it_as_the_settings_say(
    setting: str, extra: str, reliable: bool
) -> None:
    sip = endpoint(SipSettings(reliable_ring=setting))  # type: ignore[arg-type]

    caller, _ = ringing(sip, extra=extra)

    assert ("rseq" in caller.last[0].headers) == reliable
    assert (caller.last[0].get("require") == "100rel") == reliable
    assert (run_to(sip, 1.0) != []) == reliable


def test_a_reliable_ring_is_said_again_until_its_prack() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)

    sent = run_to(sip, 4.0)
    confirmed = caller.prack(now=4.0)

    assert sent == [(0.5, "180"), (1.5, "180"), (3.5, "180")]
    assert confirmed == [200]
    assert run_to(sip, 59.0) == []


def test_a_prack_for_something_else_gets_481_and_confirms_nothing() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)

    assert caller.prack(2, rseq=caller.rseq + 1) == [481]
    assert caller.say(caller.text("PRACK", 3, "z9hG4bK-p", extra=f"RAck: {caller.rseq} 9 INVITE\r\n")) == [
        481
    ]
    assert caller.say(caller.text("PRACK", 4, "z9hG4bK-q")) == [481]
    assert caller.prack(5) == [200]
    assert caller.prack(6) == [481]


def test_a_repeated_prack_gets_the_same_answer() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)

    assert (caller.prack(), caller.prack(now=0.5)) == ([200], [200])


def test_a_prack_that_never_comes_costs_nobody_the_call() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=REQUIRED)

    run_to(sip, 33.0)
    again = run_to(sip, 61.0)
    sip.answer(leg, 62.0)

    assert sip.statistics()["anomaly_no_prack"] == 1
    assert again == [(60.0, "180")]
    assert caller.heard() == [200]
    assert [type(told) for told in events(sip)] == [Answered]


def test_the_answer_does_not_wait_for_the_prack_and_a_late_one_is_still_answered() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=REQUIRED)

    sip.answer(leg, 0.1)
    assert caller.heard() == [200]
    assert b"m=audio" in caller.last[0].body
    assert caller.prack(2, now=0.2) == [200]
    caller.ack(0.3)

    assert run_to(sip, 32.0) == []


def test_the_minute_is_said_with_a_new_number_after_the_prack() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)
    first = caller.rseq
    caller.prack()

    assert run_to(sip, 59.9) == []
    sip.handle_timer(60.0)

    assert caller.heard(60.0) == [180]
    assert caller.rseq == first + 1


def test_while_one_is_unheard_the_next_is_said_plainly_to_who_only_supports_it() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=SUPPORTED)
    first = caller.rseq

    sip.queue(leg, 3, 0.1)

    assert caller.heard() == [182]
    assert "rseq" not in caller.last[0].headers
    assert run_to(sip, 0.6) == [(0.5, "180")]
    assert caller.prack(rseq=first) == [200]


def test_while_one_is_unheard_the_next_waits_for_the_prack_of_who_requires_it() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=REQUIRED)
    first = caller.rseq

    sip.queue(leg, 3, 0.1)
    before = caller.heard()
    sip.queue(leg, 2, 0.2)
    after = caller.prack(now=0.3)

    assert (before, after) == ([], [200, 182])
    assert caller.sent[1][0].startswith(b"SIP/2.0 182 Queued; position 2\r\n")
    assert caller.rseq == first + 1


def test_a_prack_with_an_offer_is_answered() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=SUPPORTED)

    assert caller.prack(body=SDP.replace("sendrecv", "sendonly")) == [200]
    assert b"a=recvonly" in caller.last[0].body
    sip.answer(leg, 1.0)

    assert caller.heard() == [200]
    assert b"m=audio" in caller.last[0].body


def test_a_prack_with_an_offer_nobody_can_take_still_confirms_the_ring() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)

    assert caller.prack(body=SDP.replace("m=audio", "m=video")) == [488]

    assert run_to(sip, 59.0) == []


def test_who_requires_it_and_offers_nothing_is_offered_in_the_ring_and_answers_in_the_prack() -> None:
    """RFC 3262 5: the first reliable response holds the offer; then the 200 holds none."""
    sip = endpoint()
    caller, leg = ringing(sip, extra=REQUIRED, body="")
    assert b"m=audio" in caller.last[0].body

    sip.answer(leg, 0.1)
    before = caller.heard()
    after = caller.prack(body=SDP, now=0.2)

    assert (before, after) == ([], [200, 200])
    assert [message.get("cseq") for message in caller.last] == ["2 PRACK", "1 INVITE"]
    assert caller.last[1].body == b""
    assert [type(told) for told in events(sip)] == [Answered]


def test_who_owes_the_answer_and_never_says_prack_is_answered_all_the_same() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=REQUIRED, body="")
    sip.answer(leg, 0.1)

    sent = run_to(sip, 32.0)
    caller.heard()

    assert sent[-1] == (32.0, "200")
    assert [(type(told), told.at) for told in events(sip)] == [(Answered, 32.0)]
    caller.say(caller.text("ACK", 1, "z9hG4bK-ack", body=SDP), 32.1)
    assert caller.within("UPDATE", 2, 33.0, body=SDP) == [200]


def test_who_supports_it_and_offers_nothing_is_rung_plainly() -> None:
    caller, _ = ringing(endpoint(), extra=SUPPORTED, body="")

    assert "rseq" not in caller.last[0].headers
    assert caller.last[0].body == b""


def test_a_caller_who_leaves_is_not_rung_any_more() -> None:
    sip = endpoint()
    caller, _ = ringing(sip, extra=SUPPORTED)

    assert caller.cancel(0.1) == [200, 487]
    caller.ack_refusal(0.2)

    assert run_to(sip, 100.0) == []
    assert Peer(sip, "b").invite(100.0) == [100]
