# SPDX-License-Identifier: Apache-2.0
"""What is refused, and how it is said."""

import pytest

from device_adapters.sip.events import Invited
from device_adapters.sip.message import LINE_OCTETS_MAX
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import SDP, Peer, endpoint, ringing, talking


def test_options_says_what_we_can() -> None:
    caller = Peer(endpoint())

    assert caller.options() == [200]
    assert "INVITE" in caller.last[0].get("allow")
    assert "application/sdp" in caller.last[0].get("accept")


def test_a_draining_endpoint_takes_no_new_call_and_keeps_the_old() -> None:
    sip = endpoint()
    caller, _ = talking(sip)
    sip.drain(True)

    assert Peer(sip, "b").invite() == [503]
    assert caller.options() == [503]
    assert caller.last[0].get("retry-after") == "5"
    assert caller.bye() == [200]


def test_a_full_house_refuses_noise_first_and_then_calls() -> None:
    sip = endpoint(SipSettings(calls_max=10))
    for number in range(9):
        ringing(sip, f"c{number}")

    assert Peer(sip, "noise").options() == [503]
    assert Peer(sip, "tenth").invite() == [100]
    assert Peer(sip, "eleventh").invite() == [503]
    assert sip.statistics()["calls_refused"] == 1


def test_a_full_memory_still_answers_without_remembering() -> None:
    sip = endpoint(SipSettings(transactions_max=1))
    caller, _ = talking(sip)

    assert Peer(sip, "b").invite() == [503]
    assert caller.bye() == [200]
    assert sip.statistics()["unremembered"] == 1


@pytest.mark.parametrize(
    ("uri", "statuses"),
    [
        ("sip:110@example.com", [100]),
        ("tel:110", [100]),
        ("tel:119", [100]),
        ("urn:service:sos", [100]),
        ("urn:service:sos.police", [100]),
        ("sip:87654321@example.com", [100]),
        ("sip:114@example.com", [404]),
        ("urn:service:sos.fire", [404]),
    ],
)
def test_only_the_numbers_we_are_called_as_are_taken(uri: str, statuses: list[int]) -> None:
    caller = Peer(endpoint(SipSettings(called_as=("tel:119", "87654321"))))
    caller.uri = uri

    assert caller.invite() == statuses


@pytest.mark.parametrize(
    ("change", "statuses"),
    [
        (("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), [505]),
        (("Call-ID: call-a", "Call-ID: call-a\r\nCall-ID: other"), [400]),
        (("Content-Length: 0", "Content-Length: 9"), [400]),
        (("Content-Length: 0", "Require: nonsense"), [420]),
        (("OPTIONS sip:110@", "OPTIONS http:110@"), [416]),
        (("OPTIONS sip", "NOTIFY sip"), [400]),
        (("CSeq: 1 OPTIONS", "CSeq: one"), [400]),
        (("Via: ", "Nowhere: "), []),
        (("Call-ID: ", "Nobody: "), []),
        (("SIP/2.0\r\nVia", "\r\nVia"), []),
    ],
)
def test_a_wrong_request_gets_the_refusal_it_can_be_given(
    change: tuple[str, str], statuses: list[int]
) -> None:
    peer = Peer(endpoint())

    assert peer.say(peer.text("OPTIONS").replace(*change)) == statuses


@pytest.mark.parametrize(
    ("method", "status"), [("REGISTER", 405), ("MESSAGE", 405), ("DANCE", 501), ("BYE", 481)]
)
def test_what_we_do_not_do_is_said(method: str, status: int) -> None:
    peer = Peer(endpoint())

    assert peer.say(peer.text(method)) == [status]


def test_an_invite_requiring_what_nobody_knows_is_told_what() -> None:
    caller = Peer(endpoint())

    assert caller.invite(extra="Require: 100rel, nonsense\r\n") == [420]
    assert caller.last[0].get("unsupported") == "nonsense"


def test_an_answer_to_nothing_is_dropped() -> None:
    peer = Peer(endpoint())

    assert peer.say("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\nCSeq: 1 BYE\r\n\r\n") == []
    assert peer.sip.statistics()["responses_unasked"] == 1


def test_a_header_longer_than_anyone_needs_is_left_out_and_the_call_is_taken() -> None:
    caller = Peer(endpoint())

    assert caller.invite(extra=f"P-Asserted-Identity: <sip:1@x>{' ' * LINE_OCTETS_MAX};\r\n") == [100]

    told = caller.sip.next_event()
    assert isinstance(told, Invited)
    assert (told.caller, len(told.raw) > LINE_OCTETS_MAX) == ("13800138000", True)
    assert caller.sip.statistics()["anomaly_long_header"] == 1


@pytest.mark.parametrize(("line", "statuses"), [("From", [400]), ("To", [400]), ("CSeq", [400]), ("Via", [])])
def test_a_line_no_answer_can_do_without_is_refused_by_name_when_it_is_too_long(
    line: str, statuses: list[int]
) -> None:
    caller = Peer(endpoint())

    text = caller.text("INVITE").replace(f"\r\n{line}: ", f"\r\n{line}: {'x' * LINE_OCTETS_MAX}")

    assert caller.say(text) == statuses
    assert caller.sip.next_event() is None
    assert caller.sip.statistics()[f"anomaly_long_{line.lower()}"] == 1


@pytest.mark.parametrize(
    ("extra", "body", "status", "header"),
    [
        ("Content-Type: application/x-unknown\r\n", "x", 415, "accept"),
        ("Content-Encoding: gzip\r\n", SDP, 415, "accept-encoding"),
        ("Content-Encoding: identity\r\n", SDP, 100, ""),
        ("", SDP.replace("m=audio", "m=video"), 488, "warning"),
        ("", "v=0 " * 13_000, 513, ""),
        ("Accept: text/plain\r\n", SDP, 100, ""),
        ("", "no description", 100, ""),
    ],
)
def test_a_call_is_refused_for_its_body_only_where_nothing_could_be_talked(
    extra: str, body: str, status: int, header: str
) -> None:
    caller = Peer(endpoint())

    assert caller.invite(extra=extra, body=body) == [status]

    assert not header or caller.last[0].get(header)
    assert caller.sip.statistics()["calls"] == (status == 100)
    assert caller.sip.statistics()[f"sent_{status}"] == 1


@pytest.mark.parametrize("method", ["OPTIONS", "BYE", "REGISTER", "DANCE", "CANCEL", "PRACK", "INVITE"])
def test_every_answer_to_a_stranger_has_the_same_shape(method: str) -> None:
    sip = endpoint(SipSettings(called_as=("tel:119",)))
    peer = Peer(sip)
    peer.uri = "sip:nobody@example.com"

    peer.say(peer.text(method))

    (answer,) = peer.last
    assert answer.get("server") == "Gateway110"
    assert len(answer.headers["server"]) == 1
    assert ";tag=s" in answer.get("to")
    assert sip.statistics()["transactions"] == 0
