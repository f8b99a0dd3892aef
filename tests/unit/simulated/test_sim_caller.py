# SPDX-License-Identifier: Apache-2.0
"""A caller's side of a call, scene by scene. Times are written; the callee is these tests."""

import math

import msgspec
import pytest

from core.events import Location
from core.ids import CountyCode
from device_adapters.simulated.caller import NEXT, Caller, Heard, Stage
from device_adapters.simulated.demand import PlannedCall
from device_adapters.simulated.wire import UnreadableError, parse, uri_of

CALL = PlannedCall(
    at_s=0.0,
    sip_call_id="run-000001-00ff00ff@city.invalid",
    caller="+8657701234567",
    withheld=False,
    county=CountyCode("330302"),
    kind="fight",
    level=2,
    place=(28.0, 120.6),
    location=Location(lat=28.001, lon=120.601, uncertainty_m=50.0, source="pidf-lo"),
    abandon_after_s=None,
    talk_s=3.0,
)


def dial(at: float = 10.0, abandon_after_s: float | None = None) -> Caller:
    call = msgspec.structs.replace(CALL, abandon_after_s=abandon_after_s)
    caller = Caller(call, intended=at - 0.25, local=("127.0.1.1", 40000), target=("127.0.0.1", 5060))
    caller.start(at)
    return caller


def sent(caller: Caller) -> list[str]:
    """What left, by method or status."""
    return [datagram.split(b" ")[0].decode() for datagram in caller.datagrams_to_send()]


def hear(caller: Caller, status: int, now: float, cseq: str = "1 INVITE", more: str = "") -> None:
    text = (
        f"SIP/2.0 {status} Whatever\r\nv: SIP/2.0/UDP 127.0.1.1:40000;branch=z9hG4bKx\r\n"
        f"f: <sip:a@b>;tag=1\r\nTo: <sip:110@127.0.0.1>;tag=callee\r\ni: {CALL.sip_call_id}\r\n"
        f"CSeq: {cseq}\r\nm: <sip:gw@127.0.0.1:5062>\r\n{more}Content-Length: 0\r\n\r\n"
    )
    caller.receive(parse(text.encode()), now)


def wait(caller: Caller, until: float) -> list[tuple[float, str]]:
    """Let time pass; return what was sent and when."""
    heard = []
    while caller.get_timer() <= until:
        now = caller.get_timer()
        caller.handle_timer(now)
        heard += [(now, what) for what in sent(caller)]
    return heard


def test_a_call_is_heard_answered_and_ended() -> None:
    caller = dial(at=10.0)
    assert sent(caller) == ["INVITE"]

    hear(caller, 100, 10.01)
    hear(caller, 180, 10.02)
    hear(caller, 200, 10.5)
    assert sent(caller) == ["ACK"]
    assert wait(caller, 13.5) == [(13.5, "BYE")]
    hear(caller, 200, 13.6, cseq="2 BYE")

    record = caller.record
    assert (record.outcome, record.reason, record.retransmissions) == ("answered", "", 0)
    assert (record.intended, record.sent, record.trying) == (9.75, 10.0, 10.01)
    assert (record.ringing, record.answered, record.ended) == (10.02, 10.5, 13.6)
    assert (record.origin, record.heard) == (9.75, 10.02)


def test_an_invite_is_repeated_until_something_is_heard() -> None:
    caller = dial(at=0.0)
    sent(caller)

    assert wait(caller, 8.0) == [(0.5, "INVITE"), (1.5, "INVITE"), (3.5, "INVITE"), (7.5, "INVITE")]
    hear(caller, 100, 8.0)

    assert wait(caller, 100.0) == []
    assert caller.record.retransmissions == 4


def test_nobody_there_is_a_failed_call_after_32_seconds() -> None:
    caller = dial(at=0.0)

    wait(caller, 40.0)

    assert (caller.record.outcome, caller.record.reason, caller.record.ended) == ("failed", "timeout", 32.0)
    wait(caller, 100.0)
    assert caller.gone


def test_each_copy_of_the_200_is_confirmed() -> None:
    caller = dial(at=0.0)
    hear(caller, 200, 0.1)
    sent(caller)

    hear(caller, 200, 0.6)
    hear(caller, 200, 1.6)

    assert sent(caller) == ["ACK", "ACK"]
    assert caller.record.answered == 0.1


def test_a_bye_that_is_lost_is_repeated() -> None:
    caller = dial(at=0.0)
    hear(caller, 200, 0.0)
    sent(caller)

    assert wait(caller, 12.0) == [
        (3.0, "BYE"), (3.5, "BYE"), (4.5, "BYE"), (6.5, "BYE"), (10.5, "BYE"),
    ]  # fmt: skip
    hear(caller, 200, 12.0, cseq="2 BYE")
    assert caller.done


def test_a_bye_nobody_answers_is_still_an_answered_call() -> None:
    caller = dial(at=0.0)
    hear(caller, 200, 0.0)

    wait(caller, 50.0)

    assert (caller.record.outcome, caller.record.reason) == ("answered", "bye_unanswered")


def test_who_gives_up_while_it_rings_cancels() -> None:
    caller = dial(at=0.0, abandon_after_s=4.0)
    sent(caller)
    hear(caller, 180, 0.1)

    assert wait(caller, 4.2) == [(4.0, "CANCEL")]
    hear(caller, 200, 4.3, cseq="1 CANCEL")
    hear(caller, 487, 4.4)

    assert sent(caller) == ["ACK"]
    assert (caller.record.outcome, caller.record.ended) == ("abandoned", 4.4)


def test_a_cancel_waits_for_the_first_sign_of_life() -> None:
    caller = dial(at=0.0, abandon_after_s=0.0)
    sent(caller)

    assert wait(caller, 0.4) == []
    hear(caller, 100, 0.41)

    assert sent(caller) == ["CANCEL"]


def test_a_cancel_that_is_lost_is_repeated() -> None:
    caller = dial(at=0.0, abandon_after_s=0.0)
    hear(caller, 100, 0.0)
    wait(caller, 0.0)
    sent(caller)

    assert wait(caller, 2.0) == [(0.5, "CANCEL"), (1.5, "CANCEL")]


def test_a_repeated_487_is_confirmed_again() -> None:
    caller = dial(at=0.0, abandon_after_s=0.0)
    hear(caller, 100, 0.0)
    wait(caller, 0.0)
    hear(caller, 487, 0.1)
    sent(caller)

    hear(caller, 487, 0.6)

    assert sent(caller) == ["ACK"]


def test_when_cancel_and_200_cross_the_answer_wins_and_the_call_ends_at_once() -> None:
    caller = dial(at=0.0, abandon_after_s=1.0)
    hear(caller, 180, 0.1)
    wait(caller, 1.0)
    sent(caller)

    hear(caller, 200, 1.05)
    assert sent(caller) == ["ACK"]
    assert wait(caller, 1.1) == [(1.05, "BYE")]
    hear(caller, 200, 1.2, cseq="1 CANCEL")
    hear(caller, 200, 1.3, cseq="2 BYE")

    assert (caller.record.outcome, caller.record.answered) == ("answered", 1.05)
    assert caller.done


def test_a_refusal_is_confirmed_and_told_by_its_number() -> None:
    caller = dial(at=0.0)
    sent(caller)

    hear(caller, 503, 0.2)

    assert sent(caller) == ["ACK"]
    assert (caller.record.outcome, caller.record.reason) == ("failed", "503")


def test_three_minutes_of_ringing_are_enough() -> None:
    caller = dial(at=0.0)
    hear(caller, 180, 1.0)
    sent(caller)

    assert wait(caller, 181.0) == [(181.0, "CANCEL")]
    hear(caller, 487, 181.1)

    assert (caller.record.outcome, caller.record.reason) == ("failed", "no_answer")


def test_the_callee_may_hang_up_first() -> None:
    caller = dial(at=0.0)
    hear(caller, 200, 0.1)
    sent(caller)
    bye = (
        "BYE sip:x@127.0.1.1:40000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKq\r\n"
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp\r\nFrom: <sip:110@b>;tag=callee\r\nTo: <sip:a@b>;tag=1\r\n"
        f"Call-ID: {CALL.sip_call_id}\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n"
    )

    caller.receive(parse(bye.encode()), 1.0)

    (answer,) = caller.datagrams_to_send()
    assert answer.startswith(b"SIP/2.0 200 OK\r\n")
    assert answer.count(b"Via: ") == 2
    assert (caller.record.outcome, caller.record.reason) == ("answered", "hung_up")


def test_an_answer_after_we_gave_up_is_confirmed_and_ended() -> None:
    caller = dial(at=0.0)
    wait(caller, 33.0)

    hear(caller, 200, 34.0)

    assert sent(caller) == ["ACK", "BYE"]
    assert caller.record.outcome == "failed"


def test_what_is_not_in_the_table_is_counted_and_not_answered() -> None:
    caller = dial(at=0.0)
    hear(caller, 200, 0.1)
    sent(caller)

    hear(caller, 486, 0.2)

    assert (sent(caller), caller.record.out_of_turn) == ([], 1)


def test_every_stage_of_a_living_call_has_a_way_out() -> None:
    assert {stage for stage, _ in NEXT} == set(Stage) - {Stage.IDLE}
    assert all((stage, Heard.ANSWER) in NEXT for stage in set(Stage) - {Stage.IDLE})


def test_the_ack_of_a_200_goes_to_the_contact_over_the_recorded_route() -> None:
    caller = dial(at=0.0)
    caller.datagrams_to_send()

    hear(caller, 200, 0.1, more="Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n")

    (ack,) = caller.datagrams_to_send()
    lines = ack.decode().split("\r\n")
    assert lines[0] == "ACK sip:gw@127.0.0.1:5062 SIP/2.0"
    assert lines.index("Route: <sip:p2;lr>") < lines.index("Route: <sip:p1;lr>")
    assert "To: <sip:110@127.0.0.1>;tag=callee" in lines
    assert "CSeq: 1 ACK" in lines


def test_a_cancel_is_of_the_invite_s_own_transaction_and_an_ack_of_a_200_is_not() -> None:
    def branch(datagram: bytes) -> str:
        return datagram.decode().partition("branch=")[2].partition(";")[0]

    caller = dial(at=0.0, abandon_after_s=0.0)
    (invite,) = caller.datagrams_to_send()
    hear(caller, 100, 0.0)
    caller.handle_timer(0.0)
    (cancel,) = caller.datagrams_to_send()
    hear(caller, 200, 0.1)
    (ack,) = caller.datagrams_to_send()

    assert branch(invite) == branch(cancel) != branch(ack)


def test_an_invite_carries_number_and_place() -> None:
    (datagram,) = dial().datagrams_to_send()
    head, _, body = datagram.partition(b"\r\n\r\n")

    assert b"P-Asserted-Identity: <tel:+8657701234567>" in head
    assert f"Geolocation: <cid:place-{CALL.sip_call_id}>".encode() in head
    assert f"Content-ID: <place-{CALL.sip_call_id}>".encode() in body
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"<gml:pos>28.001 120.601</gml:pos>" in body
    assert b'<gs:radius uom="urn:ogc:def:uom:EPSG::9001">50</gs:radius>' in body
    assert body.endswith(b"\r\n--city-parts--\r\n")


def test_a_withheld_number_is_nowhere() -> None:
    call = msgspec.structs.replace(CALL, withheld=True, location=None)
    caller = Caller(call, intended=0.0, local=("127.0.1.1", 1), target=("127.0.0.1", 5060))
    caller.start(0.0)

    (datagram,) = caller.datagrams_to_send()
    assert b"1234567" not in datagram
    assert b"Content-Type: application/sdp" in datagram


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01", b"SIP/2.0 200 OK\r\nCSeq: x\r\n\r\n", b"SIP/2.0 abc\r\n\r\n"]
)
def test_noise_is_no_message(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse(data)


def test_a_contact_is_read_with_and_without_brackets() -> None:
    assert uri_of('"Desk" <sip:a@b:5060;transport=udp>;expires=5') == "sip:a@b:5060;transport=udp"
    assert uri_of("sip:a@b;expires=5") == "sip:a@b"


def test_a_call_at_rest_needs_no_waking() -> None:
    caller = dial(at=0.0)
    hear(caller, 503, 0.1)

    wait(caller, 33.0)

    assert (caller.get_timer(), caller.gone) == (math.inf, True)
