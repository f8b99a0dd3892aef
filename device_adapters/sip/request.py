# SPDX-License-Identifier: Apache-2.0
"""Requests of ours by joining, and the ACK that confirms a refusal."""

from device_adapters.sip.message import Request, Response, read_message


def request(
    method: str, uri: str, via: str, routes: list[str], ends: tuple[str, str, str], cseq: int, rest: str = "",
    body: bytes = b"",
) -> bytes:  # fmt: skip
    """Build a request (RFC 3261 8.1.1): `ends` are From, To and Call-ID, `rest` are header lines."""
    routed = "".join([f"Route: {route}\r\n" for route in routes])
    sender, to, call_id = ends
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n{routed}"
        f"From: {sender}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        f"{rest}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1", "replace") + body


def ack_of_refusal(asked: bytes, refusal: Response) -> bytes:
    """Return the ACK of a response of 300 and above to our INVITE (RFC 3261 17.1.1.3)."""
    invite = read_message(asked)
    assert isinstance(invite, Request), "we asked something that is no request"
    ends = (invite.get("from"), refusal.get("to") or invite.get("to"), invite.call_id)
    return request("ACK", invite.uri, invite.via_text, invite.headers.get("route", []), ends, invite.cseq)
