# SPDX-License-Identifier: Apache-2.0
"""However a stream is cut into pieces, the messages and the end of it are the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.framing import Framer
from device_adapters.sip.message import read_message
from tests.unit.sip.peer import SDP, Peer, endpoint

HEAD_MAX, BODY_MAX = 900, 400
PEER = Peer(endpoint())
WHOLE = [PEER.text("INVITE", body=SDP).encode(), PEER.text("ACK").encode(), PEER.text("BYE", 2).encode()]
WORDS = [
    *WHOLE,
    b"SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc",
    b"BYE sip:a SIP/2.0\r\n\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b"\x0b",
    b" ",
    b"Content-Length: 2\r\n",
    b"l : 7\r\n",
    b"Content-Length:\r\n 1\r\n",
    b"Content-Length: -1\r\n",
    b"content-length: 401\r\n",
    b"INVITE sip:110@x SIP/2.0\r\n",
    b"x" * 300,
]
streams = st.lists(st.sampled_from(WORDS) | st.binary(max_size=5), max_size=12).map(b"".join)
Outcome = tuple[list[bytes], str | None, bytes, int, int]


def heard(pieces: list[bytes]) -> Outcome:
    framer = Framer(HEAD_MAX, BODY_MAX)
    found = [message for piece in pieces for message in framer.feed(piece)]
    reason = framer.error.reason if framer.error is not None else None
    return found, reason, framer.refused, framer.keep_alives, framer.unmeasured


@given(streams, st.lists(st.integers(0, 3000), max_size=8))
def test_any_cut_gives_the_same_messages_and_the_same_end(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    octets = [stream[at : at + 1] for at in range(len(stream))]

    whole = heard([stream])

    assert heard(pieces) == whole
    assert heard(octets) == whole


@given(streams)
def test_nothing_is_lost_before_the_end_and_what_is_held_has_a_limit(stream: bytes) -> None:
    framer = Framer(HEAD_MAX, BODY_MAX)

    found = framer.feed(stream)

    assert len(framer._held) < HEAD_MAX + BODY_MAX
    at = 0
    for message in found:
        start = stream.index(message, at)
        assert stream[at:start].strip(b"\r\n") == b""
        at = start + len(message)
    if framer.error is None:
        assert stream[at:].lstrip(b"\r\n") == bytes(framer._held).lstrip(b"\r\n")


@given(streams)
def test_the_reader_agrees_with_the_framer_about_every_length(stream: bytes) -> None:
    for message in Framer(HEAD_MAX, BODY_MAX).feed(stream):
        try:
            read = read_message(message)
        except RemoteProtocolError:
            continue
        head = message.index(b"\r\n\r\n") + 4
        assert "content_length" not in read.faults
        assert read.body == message[head:]
