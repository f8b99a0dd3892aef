# SPDX-License-Identifier: Apache-2.0
"""How dear a call is: reading one INVITE, and a whole call through the endpoint (no socket)."""

import importlib.util
from itertools import count

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.response import respond
from device_adapters.sip.settings import SipSettings

SDP = (
    b"v=0\r\no=- 1234567890 1234567890 IN IP4 192.0.2.7\r\ns=SBC call\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 8 0 96 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:96 AMR/8000\r\na=fmtp:96 mode-set=7; octet-align=1\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    b"INVITE sip:110@192.0.2.110:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK%d;rport\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK99887766;received=192.0.2.7\r\n"
    b"Record-Route: <sip:192.0.2.9;lr;ftag=1234>\r\n"
    b'From: "13800138000" <sip:+8613800138000@zj.ims.mnc000.mcc460.3gppnetwork.org;user=phone>;tag=8a7b\r\n'
    b"To: <sip:110@zj.ims.mnc000.mcc460.3gppnetwork.org;user=phone>%s\r\nCall-ID: call-%d@192.0.2.7\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:192.0.2.7:5060;transport=udp>\r\nMax-Forwards: 68\r\n"
    b"P-Asserted-Identity: <tel:+86138%08d>\r\n"
    b"P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=4600057701A2B3C4\r\n"
    b"P-Charging-Vector: icid-value=abcdef0123456789;orig-ioi=zj.ims\r\n"
    b"Supported: 100rel, timer, replaces, precondition\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
    b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY\r\nUser-Agent: SBC\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
)
SHORT = (
    b"%s sip:110@192.0.2.110:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK%s%d\r\n"
    b'From: "13800138000" <sip:+8613800138000@zj.ims.mnc000.mcc460.3gppnetwork.org;user=phone>;tag=8a7b\r\n'
    b"To: <sip:110@zj.ims.mnc000.mcc460.3gppnetwork.org;user=phone>;tag=leg%d\r\nCall-ID: call-%d@192.0.2.7\r\n"
    b"CSeq: %d %s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
THERE = ("192.0.2.9", 5060)


def invite(number: int) -> bytes:
    """Return the INVITE of an IMS trunk, 1.2 kB."""
    return INVITE % (number, b"", number, number, len(SDP), SDP)  # a number of its own: nobody insists


def short(method: bytes, cseq: int, number: int) -> bytes:
    """Return a request inside a call."""
    return SHORT % (method, method, number, number, number, cseq, method)


def test_read_an_invite(benchmark: BenchmarkFixture) -> None:
    """Octets to a Request with branch, tags, Call-ID and CSeq."""
    data = invite(0)

    read = benchmark(read_message, data)

    assert read.call_id == "call-0@192.0.2.7"


@pytest.mark.skipif(not importlib.util.find_spec("sipmessage"), reason="sipmessage is not installed")
def test_neighbour_sipmessage_reads_an_invite(benchmark: BenchmarkFixture) -> None:
    """The same octets, without the typed fields."""
    sipmessage = pytest.importorskip("sipmessage")
    data = invite(0)

    benchmark(sipmessage.Message.parse, data)


def test_build_an_ok(benchmark: BenchmarkFixture) -> None:
    """A 200 with SDP, every Via and the route echoed."""
    read = read_message(invite(0))
    assert isinstance(read, Request)
    read.source = THERE

    benchmark(respond, read, 200, tag="leg0", body=SDP, routed=True)


def test_a_whole_call_through_the_endpoint(benchmark: BenchmarkFixture) -> None:
    """INVITE, 100, 180, 200, ACK, BYE, 200, both events; timers run out on the way."""
    tags, numbers, clock = count(), count(), count(0, 0.001)
    sip = Endpoint(SipSettings(), ("192.0.2.110", 5060), lambda: f"leg{next(tags)}")

    def call() -> None:
        number, now = next(numbers), next(clock)
        leg = Leg(f"leg{number}")
        sip.handle_timer(now)
        sip.receive_datagram(invite(number), THERE, now)
        sip.datagrams_to_send(now)
        sip.next_event()
        sip.ring(leg, now)
        sip.answer(leg, now)
        sip.datagrams_to_send(now)
        sip.next_event()
        sip.receive_datagram(short(b"ACK", 1, number), THERE, now)
        sip.receive_datagram(short(b"BYE", 2, number), THERE, now)
        sip.datagrams_to_send(now)
        assert sip.next_event() is not None

    benchmark(call)

    assert sip.statistics()["calls"] == 0
