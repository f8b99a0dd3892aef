# SPDX-License-Identifier: Apache-2.0
"""Requests of ours by joining, and the ACK that confirms a refusal."""

from device_adapters.sip.message import Response

KEPT = ("Via: ", "Max-Forwards: ", "Route: ", "From: ", "Call-ID: ")
"Lines of our INVITE that its ACK repeats (RFC 3261 17.1.1.3)."


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
    first, *lines = asked.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    said = [line for line in lines if line.startswith(KEPT)]
    to = refusal.get("to") or next(line for line in lines if line.startswith("To: "))[4:]
    number = f"CSeq: {cseq_of(asked)} ACK"
    head = [f"ACK {first.partition(' ')[2]}", *said, f"To: {to}", number, "Content-Length: 0"]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")


def cseq_of(asked: bytes) -> int:
    """Return the CSeq of a request of ours."""
    return int(asked.partition(b"\r\nCSeq: ")[2].partition(b" ")[0])
