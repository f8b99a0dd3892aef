# SPDX-License-Identifier: Apache-2.0
"""The SIP text a caller's side writes and reads (RFC 3261), on purpose not the gateway's own codec. Pure.

It writes what a trunk sends for an emergency call: P-Asserted-Identity (RFC 3325), and the place by value in
a multipart body (RFC 6442, 5491).
"""

from dataclasses import dataclass, field

from core.events import Location
from device_adapters.simulated.demand import PlannedCall

Address = tuple[str, int]
BOUNDARY = "city-parts"
COMPACT = {"i": "call-id", "f": "from", "t": "to", "v": "via", "m": "contact"}
LISTS = ("via", "record-route")


class UnreadableError(ValueError):
    """A datagram that is no SIP message a caller could use."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as far as a caller needs it."""

    status: int
    "0 for a request."
    method: str
    "Of the request, or of the request answered."
    cseq: int
    call_id: str
    headers: dict[str, str]
    lists: dict[str, list[str]] = field(default_factory=dict)


def parse(data: bytes) -> Message:
    """Read a datagram; UnreadableError when it names no call."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n ", " ")
    first, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    lists: dict[str, list[str]] = {name: [] for name in LISTS}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        name = COMPACT.get(name, name)
        if name in lists:
            lists[name].append(value)
        else:
            headers[name] = value
    try:
        number, method = headers["cseq"].split()
        status = int(first.split()[1]) if first.startswith("SIP/2.0 ") else 0
        return Message(status, method, int(number), headers["call-id"], headers, lists)
    except (KeyError, ValueError, IndexError):
        raise UnreadableError(first[:60]) from None


def uri_of(contact: str) -> str:
    """Return the address inside a Contact."""
    if "<" in contact:
        return contact.partition("<")[2].partition(">")[0]
    return contact.partition(";")[0].strip()


@dataclass(frozen=True, slots=True)
class Line:
    """One caller's end of one call: everything its requests have in common."""

    call: PlannedCall
    local: Address
    target: Address

    @property
    def host(self) -> str:
        """Return our side as Via and Contact name it."""
        return f"{self.local[0]}:{self.local[1]}"

    @property
    def service(self) -> str:
        """Return whom we dial."""
        return f"sip:110@{self.target[0]}:{self.target[1]}"

    def invite(self) -> bytes:
        """Return the INVITE."""
        call = self.call
        number = "anonymous" if call.withheld else call.caller
        lines = [f"Contact: <sip:{number}@{self.host}>", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"]
        if not call.withheld:
            lines.append(f"P-Asserted-Identity: <tel:{call.caller}>")
        sdp = _sdp(self.local[0])
        if call.location is None:
            return self._request(
                "INVITE", self.service, 1, "", [*lines, "Content-Type: application/sdp"], sdp
            )
        part = f"place-{call.sip_call_id}"
        lines += [
            f"Geolocation: <cid:{part}>",
            "Geolocation-Routing: no",
            f"Content-Type: multipart/mixed;boundary={BOUNDARY}",
        ]
        body = (
            f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n"
            f"--{BOUNDARY}\r\nContent-Type: application/pidf+xml\r\nContent-ID: <{part}>\r\n\r\n"
            f"{_pidf(call.location, number)}\r\n--{BOUNDARY}--\r\n"
        )
        return self._request("INVITE", self.service, 1, "", lines, body)

    def cancel(self) -> bytes:
        """Return the CANCEL: the INVITE's own branch, URI and CSeq number (9.1)."""
        return self._request("CANCEL", self.service, 1, "", [], "", branch="INVITE1")

    def refused_ack(self, final: Message) -> bytes:
        """Return the ACK of a final answer that is no 2xx: part of the INVITE's transaction (17.1.1.3)."""
        return self._request("ACK", self.service, 1, final.headers.get("to", ""), [], "", branch="INVITE1")

    def in_dialog(self, method: str, cseq: int, answer: Message) -> bytes:
        """Return an ACK or BYE in the dialog that this 200 began (12.2.1.1)."""
        target = uri_of(answer.headers.get("contact", "")) or self.service
        route = [f"Route: {hop}" for hop in reversed(answer.lists["record-route"])]
        return self._request(method, target, cseq, answer.headers.get("to", ""), route, "")

    def response(self, request: Message, status: str) -> bytes:
        """Return our answer to a request of the other side."""
        via = [f"Via: {value}" for value in request.lists["via"]]
        same = [
            f"{name}: {request.headers.get(name.lower(), '')}" for name in ("From", "To", "Call-ID", "CSeq")
        ]
        return "\r\n".join([f"SIP/2.0 {status}", *via, *same, "Content-Length: 0", "", ""]).encode()

    def _request(
        self, method: str, uri: str, cseq: int, to: str, more: list[str], body: str, branch: str = ""
    ) -> bytes:
        own = self.call.sip_call_id.partition("@")[0]
        number = "anonymous" if self.call.withheld else self.call.caller
        raw = body.encode()
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host};branch=z9hG4bK{own}-{branch or f'{method}{cseq}'};rport",
            "Max-Forwards: 70",
            f"From: <sip:{number}@{self.local[0]}>;tag=t-{own}",
            f"To: {to or f'<{self.service}>'}",
            f"Call-ID: {self.call.sip_call_id}",
            f"CSeq: {cseq} {method}",
            *more,
            f"Content-Length: {len(raw)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + raw


def _sdp(host: str) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )


def _pidf(place: Location, number: str) -> str:
    srs, pos = 'srsName="urn:ogc:def:crs:EPSG::4326"', f"<gml:pos>{place.lat} {place.lon}</gml:pos>"
    shape = f"<gml:Point {srs}>{pos}</gml:Point>"
    if place.uncertainty_m:
        radius = f'<gs:radius uom="urn:ogc:def:uom:EPSG::9001">{place.uncertainty_m:g}</gs:radius>'
        shape = f"<gs:Circle {srs}>{pos}{radius}</gs:Circle>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml" '
        f'xmlns:gs="http://www.opengis.net/pidflo/1.0" entity="sip:{number}@city.invalid">'
        f'<dm:device id="d"><gp:geopriv><gp:location-info>{shape}</gp:location-info>'
        "<gp:usage-rules/><gp:method>Cell</gp:method></gp:geopriv></dm:device></presence>"
    )
