# SPDX-License-Identifier: Apache-2.0
import pytest

from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.message import (
    HEADERS_MAX,
    LINE_OCTETS_MAX,
    MESSAGE_BYTES_MAX,
    Request,
    Response,
    read_message,
)
from device_adapters.sip.response import respond

INVITE = (
    "INVITE sip:110@x SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKa;rport, SIP/2.0/UDP 192.0.2.9\r\n"
    "VIA: SIP/2.0/UDP 192.0.2.10\r\nf: <sip:1@x>;tag=f\r\nTo:\r\n <sip:110@x>\r\ni: c1\r\nCSEQ: 0007\r\n  INVITE\r\n"
)
LONG = "1" * LINE_OCTETS_MAX


def request(text: str) -> Request:
    message = read_message(text.encode("latin-1"))
    assert isinstance(message, Request)
    message.source = ("192.0.2.77", 6000)
    return message


def test_compact_folded_and_listed_headers_are_read() -> None:
    read = request(INVITE + "l: 3\r\n\r\nabcdef")

    read.check()
    assert (read.method, read.uri, read.cseq, read.cseq_method) == ("INVITE", "sip:110@x", 7, "INVITE")
    assert (read.from_tag, read.to_tag, read.call_id) == ("f", "", "c1")
    assert read.body == b"abc"
    assert read.faults == []


def test_a_response_echoes_every_via_in_order_and_stamps_the_first() -> None:
    read = request(INVITE + "\r\n")

    ok = read_message(respond(read, 200, tag="t", body=b"hello"))

    assert ok.headers["via"] == [
        "SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKa;received=192.0.2.77;rport=6000, SIP/2.0/UDP 192.0.2.9",
        "SIP/2.0/UDP 192.0.2.10",
    ]
    assert ok.get("to") == "<sip:110@x>;tag=t"
    assert ok.body == b"hello"
    assert read.reply_to() == ("192.0.2.77", 6000)


def test_octets_come_back_as_they_came() -> None:
    name = "温州".encode("gbk").decode("latin-1")
    read = request(INVITE.replace("f: <", f'f: "{name}" <') + "\r\n")

    assert "温州".encode("gbk") in respond(read, 100)


def test_without_rport_the_answer_goes_to_the_port_of_the_via() -> None:
    read = request(
        INVITE.replace("192.0.2.8;branch=z9hG4bKa;rport", "192.0.2.8:5099;branch=z9hG4bKa") + "\r\n"
    )

    assert read.reply_to() == ("192.0.2.77", 5099)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("INVITE sip:110@x SIP", "INVITE  sip:110@x  SIP"), "request_line"),
        (("sip:110@x SIP", "<sip:110@x> SIP"), "request_line"),
        (("sip:110@x SIP", "sip:110@x; lr SIP"), "request_line"),
        (("sip:110@x SIP", "sip:110@x?Route=%3Csip:y%3E SIP"), "uri_headers"),
        (("0007", "seven"), "cseq"),
        (("0007", "9" * 4000), "cseq"),
        (("CSEQ: 0007\r\n  INVITE\r\n", "CSeq: 7 INVITE"), "no_end_of_headers"),
        (("i: c1", "i: c1\r\nno colon here"), "header_without_colon"),
        (("i: c1", "i: c1\r\nX: a\nb"), "stray_newline"),
        (("i: c1", "i: c1\r\nX: " + "a" * LINE_OCTETS_MAX), "long_header"),
        (("i: c1", "i: c1\r\nX: a" + "\r\n bcd" + " " * LINE_OCTETS_MAX), "long_header"),
    ],
)
def test_a_cosmetic_fault_is_named_and_forgiven(change: tuple[str, str], fault: str) -> None:
    end = "" if fault == "no_end_of_headers" else "\r\n"
    read = request(INVITE.replace(*change) + end)

    read.check()
    assert read.faults == [fault]


@pytest.mark.parametrize(
    ("text", "reason", "status"),
    [
        (INVITE + "Content-Length: 9\r\n\r\nabc", "content_length", 400),
        (INVITE + "Content-Length: -1\r\n\r\nabc", "content_length", 400),
        (INVITE + "Content-Length: 1\r\nl: 2\r\n\r\nabc", "two_content_length", 400),
        (INVITE + "To: <sip:other@x>\r\n\r\n", "two_to", 400),
        (INVITE.replace("i: c1\r\n", "") + "\r\n", "no_call_id", 400),
        (INVITE.replace("192.0.2.9\r\n", "192.0.2.9;;,;,,\r\n") + "\r\n", "via_unreadable", 400),
        (INVITE.replace("SIP/2.0\r\nv", "SIP/7.0\r\nv") + "\r\n", "version", 505),
        (INVITE.replace("110@x SIP", f"{LONG}@x SIP") + "\r\n", "long_request_line", 414),
        (INVITE.replace("branch=z9hG4bKa", f"branch={LONG}") + "\r\n", "long_via", 400),
        (INVITE.replace("sip:1@x", f"sip:{LONG}@x") + "\r\n", "long_from", 400),
        (INVITE.replace("\r\n <sip:110@x>", f"\r\n <sip:{LONG}@x>") + "\r\n", "long_to", 400),
        (INVITE.replace("i: c1", f"i: {LONG}") + "\r\n", "long_call_id", 400),
        (INVITE.replace("0007", LONG) + "\r\n", "long_cseq", 400),
    ],
)
def test_a_request_without_a_meaning_is_refused_by_name(text: str, reason: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as wrong:
        request(text).check()

    assert (wrong.value.reason, wrong.value.status_hint) == (reason, status)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\r\n\r\n", "keep_alive"),
        (b"", "keep_alive"),
        (b"hello", "not_sip"),
        (b"GET / HTTP/1.1\r\n\r\n", "not_sip"),
        (b"SIP/2.0 4294967301 better\r\n\r\n", "status_code"),
        (b"x" * (MESSAGE_BYTES_MAX + 1), "too_long"),
        (b"OPTIONS sip:x SIP/2.0\r\n" + b"a: b\r\n" * HEADERS_MAX + b"\r\n", "too_many_headers"),
        (b"OPTIONS sip:x SIP/2.0\r\na: b" + b"\r\n b" * HEADERS_MAX + b"\r\n\r\n", "too_many_headers"),
    ],
)
def test_what_is_not_sip_is_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as wrong:
        read_message(data)

    assert wrong.value.reason == reason
    assert wrong.value.status_hint is None


def test_a_response_has_its_status() -> None:
    read = read_message(b"SIP/2.0 487 \r\nCSeq: 1 INVITE\r\n\r\n")

    assert isinstance(read, Response)
    assert (read.status, read.cseq_method) == (487, "INVITE")
