# SPDX-License-Identifier: Apache-2.0
"""Where one message of a stream ends and the next begins (RFC 3261 18.3)."""

import pytest

from device_adapters.sip.framing import HEAD_OCTETS_MAX, Framer, refusal
from device_adapters.sip.message import Request, Response, read_message
from tests.unit.sip.peer import SDP, Peer, endpoint

PEER = Peer(endpoint())
INVITE = PEER.text("INVITE", body=SDP).encode()
BYE = PEER.text("BYE", 2).encode()


def measured(line: str, body: str = "12345") -> bytes:
    """Write a request whose length is given by `line`."""
    return PEER.text("INVITE").replace("Content-Length: 0\r\n", line).encode() + body.encode()


def test_two_messages_in_one_segment_are_two() -> None:
    framer = Framer()

    assert framer.feed(INVITE + BYE) == [INVITE, BYE]
    assert not framer.begun


def test_a_message_is_handed_over_when_its_last_octet_came() -> None:
    framer = Framer()

    assert [framer.feed(INVITE[at : at + 1]) for at in range(len(INVITE) - 1)] == [[]] * (len(INVITE) - 1)
    assert framer.begun
    assert framer.feed(INVITE[-1:]) == [INVITE]


def test_line_ends_before_a_message_are_no_part_of_it() -> None:
    assert Framer().feed(b"\r\n" + INVITE + b"\r\n\n\r" + BYE) == [INVITE, BYE]


@pytest.mark.parametrize(
    ("octets", "pings"),
    [
        (b"\r\n\r\n", 1),
        (b"\r\n", 0),
        (b"\r\n\r\n\r\n", 1),
        (b"\r\n" * 4, 2),
        (b"\n\r\n\r\n", 1),
        (b"\r\n\r\r\n\r\n", 1),
        (INVITE + b"\r\n\r\n" + BYE, 1),
        (INVITE + b"\r\n" + BYE + b"\r\n", 0),
    ],
)
def test_a_double_line_end_between_messages_is_a_keep_alive(octets: bytes, pings: int) -> None:
    at_once, slowly = Framer(), Framer()

    at_once.feed(octets)
    for at in range(len(octets)):
        slowly.feed(octets[at : at + 1])

    assert (at_once.keep_alives, slowly.keep_alives) == (pings, pings)
    assert not at_once.begun


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: 5\r\n",
        "l:5\r\n",
        "CONTENT-LENGTH \t:\r\n  5 \r\n",
        "L: 05\r\n",
        "Content-Length: 5\r\nl: 5\r\n",
        "X-Content-Length: 9\r\nContent-Length: 5\r\n",
        "X: \r\n Content-Length: 9\r\nContent-Length: 5\r\n",
    ],
)
def test_the_length_is_read_however_it_is_written(line: str) -> None:
    whole = measured(line)

    assert Framer().feed(whole + BYE) == [whole, BYE]
    assert "content_length" not in read_message(whole).faults


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Content-Length: -5\r\n", "content_length"),
        ("Content-Length: five\r\n", "content_length"),
        ("Content-Length:\r\n", "content_length"),
        ("Content-Length: 5, 5\r\n", "content_length"),
        ("Content-Length: 0x5\r\n", "content_length"),
        ("Content-Length: ²\r\n", "content_length"),
        ("Content-Length: 1000000000\r\n", "content_length"),
        (f"Content-Length: {' ' * 5000}5\r\n", "content_length"),
        ("Content-Length: 5\r\nl: 6\r\n", "two_content_length"),
        ("Content-Length: 99999\r\n", "body_too_long"),
    ],
)
def test_a_length_nobody_can_believe_ends_the_stream_by_name(line: str, reason: str) -> None:
    framer = Framer()

    assert framer.feed(BYE + measured(line) + BYE) == [BYE]
    assert framer.feed(BYE) == []
    assert framer.error is not None
    assert (framer.error.reason, framer.error.status_hint) == (reason, 400)
    answer = refusal(framer.refused, ("192.0.2.9", 40_000), 400)
    assert answer is not None
    refused = read_message(answer)
    assert isinstance(refused, Response)
    assert (refused.status, refused.call_id) == (400, "call-a")


def test_a_message_without_length_ends_with_its_head_and_is_counted() -> None:
    framer = Framer()
    bare = measured("", "")

    assert framer.feed(bare + BYE) == [bare, BYE]
    assert framer.unmeasured == 1


def test_a_head_without_end_is_given_up_at_its_limit() -> None:
    framer = Framer()
    endless = INVITE[: INVITE.index(b"Content-Length")] + b"X: " + b"x" * HEAD_OCTETS_MAX

    assert framer.feed(endless) == []
    assert framer.error is not None
    assert framer.error.reason == "head_too_long"
    assert len(framer.refused) == HEAD_OCTETS_MAX
    assert refusal(framer.refused, ("192.0.2.9", 5060), 400) is not None


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_is_not_sip_ends_the_stream_without_an_answer(octets: bytes) -> None:
    framer = Framer()

    assert framer.feed(octets + INVITE) == []
    assert framer.error is not None
    assert (framer.error.reason, framer.error.status_hint) == ("not_sip", None)
    assert refusal(framer.refused, ("192.0.2.9", 5060), 400) is None


def test_an_ack_and_a_response_are_never_answered() -> None:
    for text in (
        PEER.text("ACK").replace("Content-Length: 0", "Content-Length: x"),
        PEER.text("BYE").replace("BYE sip:110@example.com SIP/2.0", "SIP/2.0 200 OK"),
    ):
        assert refusal(text.encode(), ("192.0.2.9", 5060), 400) is None


def test_feeding_octet_by_octet_searches_each_octet_once() -> None:
    """A head of 24 kB fed one octet at a time must not be searched from its beginning each time."""
    framer = Framer()
    searched = 0

    class Watched(bytearray):
        def find(self, sub: bytes, start: int = 0, *end: int) -> int:  # type: ignore[override]
            nonlocal searched
            searched += len(self) - start
            return super().find(sub, start)

    framer._held = Watched()
    head = INVITE[: INVITE.index(b"\r\n\r\n")] + b"\r\nX: " + b"x" * 20_000
    for octet in head:
        framer.feed(bytes((octet,)))

    assert framer.begun
    assert searched < 5 * len(head)
    assert isinstance(read_message(INVITE), Request)
