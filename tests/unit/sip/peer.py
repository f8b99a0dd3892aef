# SPDX-License-Identifier: Apache-2.0
"""A caller's side, played by hand against an Endpoint: no socket, no clock."""

import re
from itertools import count

import msgspec

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint, Transport
from device_adapters.sip.events import Abandoned, Address, Ended, Invited, SipEvent
from device_adapters.sip.grammar import tag_of
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.settings import SipSettings

HERE: Address = ("192.0.2.110", 5060)
THERE: Address = ("192.0.2.9", 5060)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


def endpoint(settings: SipSettings | None = None, transport: Transport = "UDP") -> Endpoint:
    """Return an endpoint whose legs are leg0, leg1, …"""
    numbers = count()
    return Endpoint(settings or SipSettings(), HERE, lambda: f"leg{next(numbers)}", transport)


def events(sip: Endpoint) -> list[SipEvent]:
    """Take every event of a leg, without traces."""
    told = [event for event in iter(sip.next_event, None) if isinstance(event, SipEvent)]
    return [
        msgspec.structs.replace(event, trace=b"") if isinstance(event, Abandoned | Ended) else event
        for event in told
    ]


class Peer:
    """One caller. Every method says one thing and returns what came back."""

    def __init__(self, sip: Endpoint, name: str = "a", addr: Address = THERE) -> None:
        self.sip = sip
        self.name = name
        self.addr = addr
        self.to_tag = ""
        self.rseq = 0
        self.last: list[Request | Response] = []
        self.branch = f"z9hG4bK-{name}"
        self.uri = "sip:110@example.com"

    def text(
        self,
        method: str,
        cseq: int = 1,
        branch: str = "",
        *,
        extra: str = "",
        body: str = "",
        kind: str = "application/sdp",
    ) -> str:
        """Write a request of this call."""
        to = f"<sip:110@example.com>{';tag=' + self.to_tag if self.to_tag else ''}"
        kind = f"Content-Type: {kind}\r\n" if body else ""
        return (
            f"{method} {self.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.addr[0]}:{self.addr[1]};branch={branch or self.branch}\r\n"
            f'From: "Caller" <sip:13800138000@192.0.2.9>;tag=from-{self.name}\r\nTo: {to}\r\n'
            f"Call-ID: call-{self.name}\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller@192.0.2.9:5060>\r\n"
            f"{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def say(self, text: str | bytes, now: float = 0.0) -> list[int]:
        """Send anything; return the status codes that came back (0 for a request)."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        self.sip.receive_datagram(data, self.addr, now)
        return self.heard(now)

    def heard(self, now: float = 0.0) -> list[int]:
        """Take what is on its way to us."""
        self.last = []
        self.sent = self.sip.datagrams_to_send(now)
        for data, _ in self.sent:
            message = read_message(data)
            self.last.append(message)
            if "rseq" in message.headers:
                self.rseq = int(message.get("rseq"))
            if isinstance(message, Response) and tag_of(message.get("to")) and message.status < 300:
                self.to_tag = tag_of(message.get("to"))
        return [message.status if isinstance(message, Response) else 0 for message in self.last]

    def invite(self, now: float = 0.0, *, extra: str = "", body: str = SDP) -> list[int]:
        """Dial."""
        return self.say(self.text("INVITE", extra=extra, body=body), now)

    def cancel(self, now: float = 0.0) -> list[int]:
        """Hang up before the answer."""
        to_tag, self.to_tag = self.to_tag, ""
        statuses = self.say(self.text("CANCEL"), now)
        self.to_tag = to_tag
        return statuses

    def ack(self, now: float = 0.0, cseq: int = 1) -> list[int]:
        """Confirm a 200."""
        return self.say(self.text("ACK", cseq, f"z9hG4bK-{self.name}-ack{cseq}"), now)

    def ack_refusal(self, now: float = 0.0) -> list[int]:
        """Confirm a refusal: same branch as the INVITE."""
        return self.say(self.text("ACK"), now)

    def bye(self, now: float = 0.0, cseq: int = 2) -> list[int]:
        """Hang up after the answer."""
        return self.say(self.text("BYE", cseq, f"z9hG4bK-{self.name}-bye{cseq}"), now)

    def within(
        self,
        method: str,
        cseq: int,
        now: float = 0.0,
        *,
        extra: str = "",
        body: str = "",
        kind: str = "application/sdp",
    ) -> list[int]:
        """Say anything inside the call, each with its own branch."""
        branch = f"z9hG4bK-{self.name}-{method}-{cseq}"
        return self.say(self.text(method, cseq, branch, extra=extra, body=body, kind=kind), now)

    def prack(self, cseq: int = 2, now: float = 0.0, *, rseq: int | None = None, body: str = "") -> list[int]:
        """Confirm the last reliable response heard, or another."""
        said = self.rseq if rseq is None else rseq
        return self.within("PRACK", cseq, now, extra=f"RAck: {said} 1 INVITE\r\n", body=body)

    def reply(
        self, asked: Request, status: int, now: float = 0.0, *, extra: str = "", body: str = ""
    ) -> list[int]:
        """Answer a request of the endpoint."""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return self.say(
            f"SIP/2.0 {status} Whatever\r\nVia: {asked.get('via')}\r\nFrom: {asked.get('from')}\r\n"
            f"To: {asked.get('to')}\r\nCall-ID: {asked.call_id}\r\nCSeq: {asked.cseq} {asked.method}\r\n"
            f"{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}",
            now,
        )

    def asked(self, now: float) -> Request:
        """Let time pass up to `now`, and return the one request the endpoint then sends."""
        run_to(self.sip, now - 0.001)
        self.sip.handle_timer(now)
        self.heard(now)
        (request,) = (message for message in self.last if isinstance(message, Request))
        return request

    def options(self, now: float = 0.0) -> list[int]:
        """Ask whether anyone is there."""
        text = Peer(self.sip, f"{self.name}-options", self.addr).text("OPTIONS")
        return self.say(text, now)


def ringing(
    sip: Endpoint, name: str = "a", now: float = 0.0, *, extra: str = "", body: str = SDP
) -> tuple[Peer, Leg]:
    """Return a caller who hears the ring, and the leg; its Invited is taken."""
    peer = Peer(sip, name)
    assert peer.invite(now, extra=extra, body=body) == [100]
    invited = sip.next_event()
    assert isinstance(invited, Invited)
    sip.ring(invited.leg, now)
    assert peer.heard(now) == [180]
    return peer, invited.leg


def talking(sip: Endpoint, name: str = "a", now: float = 0.0, *, extra: str = "") -> tuple[Peer, Leg]:
    """Return a caller who was answered and confirmed it; every event is taken."""
    peer, leg = ringing(sip, name, now, extra=extra)
    sip.answer(leg, now)
    assert peer.heard(now) == [200]
    assert peer.ack(now) == []
    events(sip)
    return peer, leg


def run_to(sip: Endpoint, end: float) -> list[tuple[float, str]]:
    """Let time pass up to `end`; return (when, first word or status) of everything sent."""
    sent = []
    while (due := sip.get_timer()) is not None and due <= end:
        sip.handle_timer(due)
        for data, _ in sip.datagrams_to_send(due):
            found = re.match(rb"(?:SIP/2.0 )?(\w+)", data)
            assert found is not None, "we sent something that is not SIP"
            sent.append((due, found[1].decode()))
    return sent
