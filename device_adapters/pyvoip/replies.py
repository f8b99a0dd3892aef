# SPDX-License-Identifier: Apache-2.0
"""What we say to the PBX in and about a call. Pure.

pyVoIP builds a response's Via anew (always UDP, parameters lost), repeats no Record-Route, gives the caller's own
Contact back, and sends a BYE under the PBX's Via: what a PBX must be able to route is written here instead.
"""

from collections.abc import Sequence

from device_adapters.pyvoip.legible import Legible, target

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO"
REASONS = {
    100: "Trying", 180: "Ringing", 182: "Queued", 200: "OK", 405: "Method Not Allowed",
    480: "Temporarily Unavailable", 481: "Call Does Not Exist", 482: "Loop Detected", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 500: "Server Internal Error",
}  # fmt: skip


def response(
    request: Legible,
    status: int,
    to_tag: str,
    *,
    lines: Sequence[str] = (),
    body: bytes = b"",
    reason: str = "",
) -> bytes:
    """Return a response: Via, From, To, Call-ID, CSeq and Record-Route as they came (RFC 3261 8.2.6, 12.1.1)."""
    to = request.first("to")
    if to_tag and not request.to_tag and status > 100:
        to += f";tag={to_tag}"
    head = [
        f"SIP/2.0 {status} {reason or REASONS[status]}",
        *(f"Via: {value}" for value in request.headers["via"]),
        f"From: {request.first('from')}",
        f"To: {to}",
        f"Call-ID: {request.call_id}",
        f"CSeq: {request.number} {request.method}",
        *(f"Record-Route: {value}" for value in request.headers.get("record-route", []) if status > 100),
        f"Allow: {ALLOW}",
        *lines,
    ]
    return _whole(head, body)


def bye(invite: Legible, leg: str, number: int, via: str) -> bytes:
    """Return our BYE in the dialog this INVITE began (RFC 3261 12.2.1.1); `via` is ours, with a new branch."""
    ours = invite.first("to")
    head = [
        f"BYE {target(invite.first('contact')) or target(invite.first('from'))} SIP/2.0",
        f"Via: {via}",
        *(f"Route: {value}" for value in invite.headers.get("record-route", [])),
        f"From: {ours if invite.to_tag else f'{ours};tag={leg}'}",
        f"To: {invite.first('from')}",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {number} BYE",
        "Max-Forwards: 70",
    ]
    return _whole(head, b"")


def _whole(head: list[str], body: bytes) -> bytes:
    if body:
        head.append("Content-Type: application/sdp")
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body
