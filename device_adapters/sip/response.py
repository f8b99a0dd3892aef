# SPDX-License-Identifier: Apache-2.0
"""Responses by joining: what the request said, echoed octet for octet, and what we add."""

from zlib import crc32

from device_adapters.sip.message import Request

REASON = {
    100: "Trying",
    180: "Ringing",
    182: "Queued",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
}
"RFC 3261 21, and the RFCs that added to it."
SENT = {status: (f"sent_{status}", f"sent_{status // 100}xx") for status in REASON}
"Under which names a response is counted."
SENT_OTHER = ("sent_other", "sent_other")
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO")
"What we understand."
ALLOW = f"Allow: {', '.join(METHODS)}\r\n"
ACCEPT = "Accept: application/sdp, multipart/mixed, application/pidf+xml\r\n"
ACCEPT_ENCODING = "Accept-Encoding: identity\r\n"
SUPPORTED = "Supported: 100rel, timer\r\n"


def stateless_tag(request: Request) -> str:
    """Return the To tag of an answer we forget: a retransmission gets the same (RFC 3261 8.2.7)."""
    seed = f"{request.call_id}|{request.from_tag}|{request.via_text}"
    return f"s{crc32(seed.encode('latin-1', 'replace')):08x}"


def respond(
    request: Request,
    status: int,
    *,
    tag: str = "",
    extra: str = "",
    body: bytes = b"",
    routed: bool = False,
    phrase: str = "",
) -> bytes:
    """Build a response (RFC 3261 8.2.6): `extra` are header lines, `routed` echoes Record-Route (12.1.1)."""
    headers = request.headers
    to = headers["to"][0]
    if tag and not request.to_tag:
        to = f"{to.removesuffix(';tag=')};tag={tag}"
    routes = ""
    if routed and "record-route" in headers:
        routes = "".join([f"Record-Route: {line}\r\n" for line in headers["record-route"]])
    head = (
        f"SIP/2.0 {status} {phrase or REASON.get(status, 'Refused')}\r\n{request.way_back()}{routes}"
        f"From: {headers['from'][0]}\r\nTo: {to}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {headers['cseq'][0]}\r\n"
        f"{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body
