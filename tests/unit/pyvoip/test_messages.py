# SPDX-License-Identifier: Apache-2.0
"""Messages pyVoIP would drop are read; offers it would stumble over are answered; what we say can be routed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.pyvoip import legible, media, replies

INVITE = (
    "INVITE sip:110@192.0.2.9:5070 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;x=y\r\nVia: SIP/2.0/TCP 192.0.2.7:6000;branch=z9hG4bK0\r\n"
    "Record-Route: <sip:192.0.2.1;lr>\r\nRecord-Route: <sip:192.0.2.2;lr>\r\n"
    'From: "Zhang San" <sip:13800138000@192.0.2.1>;tag=f1\r\nTo: <sip:110@192.0.2.1>\r\n'
    "Call-ID: c1@192.0.2.7\r\nCSeq: 5 INVITE\r\nContact: <sip:x@192.0.2.7:6000;transport=tcp>\r\n"
    "Content-Type: application/sdp\r\n\r\n"
)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def read(text: str = INVITE) -> legible.Legible:
    return legible.read(text.encode())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("Call-ID:", "i:"),
        ("From:", "f :"),
        ("CSeq: 5 INVITE", "cseq:5  INVITE"),
        ("To: <sip", "To:\r\n <sip"),
        ("\r\n", "\n"),
        ("Content-Type", "a line without a colon\r\nContent-Type"),
    ],
)
def test_an_odd_spelling_is_read_as_the_usual_one(was: str, becomes: str) -> None:
    odd = read(INVITE.replace(was, becomes))

    assert (odd.call_id, odd.number, odd.from_tag, odd.to_tag) == ("c1@192.0.2.7", 5, "f1", "")
    assert (odd.branch, legible.caller(odd)) == ("z9hG4bK1", ("13800138000", "Zhang San"))


@pytest.mark.parametrize(
    ("value", "number", "name"),
    [
        ("<tel:+8613800138000;phone-context=+86>;tag=f1", "+8613800138000", ""),
        ("tel:110;tag=f1", "110", ""),
        ("<sips:%31%32@h>;tag=f1", "12", ""),
        ("<sip:h>;tag=f1", "", ""),
        ('"a <b> \\"c\\"" <sip:1@h>;tag=f1', "1", 'a <b> "c"'),
        ('"a <sip:2@h> <sip:1@h>;tag=f1', "2", '"a'),
        ("Anonymous <sip:anonymous@anonymous.invalid>;tag=f1", "anonymous", "Anonymous"),
    ],
)
def test_who_calls_is_read_from_any_uri(value: str, number: str, name: str) -> None:
    message = read(INVITE.replace('"Zhang San" <sip:13800138000@192.0.2.1>;tag=f1', value))

    assert message.from_tag == "f1"
    assert legible.caller(message) == (number, name)


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_a_chinese_name_is_read_and_goes_back_octet_for_octet(charset: str) -> None:
    raw = INVITE.replace("Zhang San", "温州市民张三").encode(charset)

    message = legible.read(raw)

    assert legible.caller(message)[1] == "温州市民张三"
    assert "温州市民张三".encode(charset) in replies.response(message, 180, "pbx-1")


def test_the_network_s_word_goes_before_the_caller_s() -> None:
    message = read(INVITE.replace("From:", "P-Asserted-Identity: <tel:057788888888>\r\nPrivacy: id\r\nFrom:"))

    assert legible.caller(message)[0] == "057788888888"
    assert legible.is_private(message)
    assert not legible.is_private(read())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "header_missing"),
        (INVITE.replace("Call-ID", "X-Call-ID"), "header_missing"),
        (INVITE.replace("5 INVITE", "INVITE"), "cseq"),
        (INVITE.replace("5 INVITE", "5 BYE"), "start_line"),
        (INVITE.replace("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia", 1), "start_line"),
        ("A: b\r\n" * 300, "too_many_lines"),
    ],
)
def test_what_nobody_could_answer_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(legible.UnreadableError, match=why):
        legible.read(text.encode())


@given(st.binary(max_size=400), st.integers(0, len(INVITE)))
def test_no_octets_make_the_reader_raise_anything_else(noise: bytes, at: int) -> None:
    raw = INVITE.encode()[:at] + noise + INVITE.encode()[at:] + SDP.encode()
    try:
        message = legible.read(raw)
        legible.caller(message), message.plain(), replies.response(message, 200, "pbx-1")
        replies.bye(message, Leg("pbx-1"), 1, "SIP/2.0/UDP h")
        media.voice(legible.session(message))
    except (legible.UnreadableError, media.NothingInCommonError):
        pass


def test_the_offer_is_found_among_other_parts() -> None:
    parts = (
        "--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<x/>\r\n\r\n"
        f"--b1\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b1--\r\n"
    )
    message = read(INVITE.replace("application/sdp", 'multipart/mixed; boundary="b1"') + parts)

    assert media.voice(legible.session(message)).port == 4000


def test_a_response_can_find_its_way_back() -> None:
    said = replies.response(read(), 200, "pbx-1", lines=["Contact: <sip:110@h>"], body=b"v=0").decode()

    assert said.startswith(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;x=y\r\n"
        "Via: SIP/2.0/TCP 192.0.2.7:6000;branch=z9hG4bK0\r\n"
    )
    assert "\r\nTo: <sip:110@192.0.2.1>;tag=pbx-1\r\n" in said
    assert said.index("<sip:192.0.2.1;lr>") < said.index("<sip:192.0.2.2;lr>")
    assert said.endswith("Content-Length: 3\r\n\r\nv=0")


def test_our_bye_goes_along_the_recorded_route_under_our_own_via() -> None:
    said = replies.bye(read(), Leg("pbx-1"), 1, "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKb").decode()

    assert said.split("\r\n")[:7] == [
        "BYE sip:x@192.0.2.7:6000;transport=tcp SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKb",
        "Route: <sip:192.0.2.1;lr>",
        "Route: <sip:192.0.2.2;lr>",
        "From: <sip:110@192.0.2.1>;tag=pbx-1",
        'To: "Zhang San" <sip:13800138000@192.0.2.1>;tag=f1',
        "Call-ID: c1@192.0.2.7",
    ]


@pytest.mark.parametrize(
    ("sdp", "port", "formats", "direction"),
    [
        (SDP, 4000, [8, 0, 101], "sendrecv"),
        (SDP.replace("8 0 101", "18 0"), 4000, [0], "sendrecv"),
        (
            SDP.replace("m=audio", "a=sendonly\r\nm=video 9 RTP/AVP 96\r\nm=audio"),
            4000,
            [8, 0, 101],
            "sendonly",
        ),
        (SDP + "c=IN IP4 192.0.2.8\r\na=inactive\r\n", 4000, [8, 0, 101], "inactive"),
        (SDP + "m=audio 4002 RTP/SAVP 8\r\n", 4000, [8, 0, 101], "sendrecv"),
    ],
)
def test_the_voice_in_an_offer_is_found(sdp: str, port: int, formats: list[int], direction: str) -> None:
    found = media.voice(sdp.encode())

    assert (found.port, list(found.formats), found.direction) == (port, formats, direction)


@pytest.mark.parametrize(
    "sdp",
    [
        SDP.replace("RTP/AVP 8 0", "RTP/AVP 18"),
        SDP.replace("RTP/AVP", "RTP/SAVP"),
        SDP.replace("4000", "0"),
        SDP.replace("IP4 192.0.2.7\r\nt", "IP6 ::1\r\nt"),
        SDP.replace("audio 4000", "audio x"),
        "hello",
    ],
)
def test_an_offer_that_cannot_be_talked_is_refused(sdp: str) -> None:
    with pytest.raises(media.NothingInCommonError):
        media.voice(sdp.encode())


def test_each_part_of_an_offer_is_answered_in_its_place() -> None:
    offer = SDP.replace("m=audio", "m=video 9 RTP/AVP 96\r\nm=audio") + "m=image 4004 udptl t38\r\n"

    said = media.answer(media.voice(offer.encode()), "192.0.2.9", 41_000, 7).decode().split("\r\n")

    assert [line for line in said if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96",
        "m=audio 41000 RTP/AVP 8 101",
        "m=image 0 udptl t38",
    ]
    assert "a=sendrecv" in said


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"Signal=5\r\nDuration=160", "5"),
        (b"Signal= #\r\n", "#"),
        (b"*", "*"),
        (b"d", "D"),
        (b"55", ""),
        (b"", ""),
    ],
)
def test_a_key_in_an_info_is_read(body: bytes, key: str) -> None:
    assert legible.key_in(body) == key
