# SPDX-License-Identifier: Apache-2.0
"""Messages a little or a lot wrong, by seed: the samples below and, where it is at hand, RFC 4475's corpus."""

import random
from pathlib import Path

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "rfc4475"
DAMAGES_MAX = 6
WORDS = (
    b"\r\n", b"\r\n ", b"\r\n\r\n", b"\n", b" ", b"\t", b";", b",", b"<", b">", b'"', b":", b"=", b"@", b"\0", b"\xff",
    b"%00", b"%", b"SIP/2.0", b"z9hG4bK", b"-1", b"0", b"4294967296", b"99999999999999999999", b"a" * 5000, b"," * 300,
    b"INVITE", b"ACK", b"CANCEL", b"BYE", b"PRACK", b"UPDATE", b"INFO", b"OPTIONS", b"RESPONSE",
    b"Content-Length: 99999\r\n", b"Require: 100rel\r\n", b"RSeq: 1\r\n", b"RAck: 1 1 INVITE\r\n", b"Min-SE: 1\r\n",
    b"Session-Expires: 1\r\n", b"Supported: timer, 100rel\r\n", b"Expires: 0\r\n", b"Record-Route: <sip:a;lr>\r\n",
    b"Content-Type: multipart/mixed;boundary=b\r\n", b"Geolocation: <cid:x>\r\n", b"P-Asserted-Identity: <tel:1>\r\n",
    b"m=audio 0 RTP/AVP 8\r\n", b"m=audio 9 RTP/AVP\r\n", b"a=rtpmap:8\r\n", b"c=IN IP4 0.0.0.0\r\n",
)  # fmt: skip
"What goes in: separators, limits, and headers that wake machinery."
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK", "INFO", "REGISTER")


def request(method: str, number: int, tag: str = "", cseq: int = 1) -> bytes:
    """Return a request of call `number`; with our tag, one within it."""
    body = SDP if method in ("INVITE", "UPDATE") else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    rack = "RAck: 1 1 INVITE\r\n" if method == "PRACK" else ""
    to = f"<sip:110@example.com>{';tag=' + tag if tag else ''}"
    branch = f"z9hG4bKm{number}{'' if method in ('ACK', 'CANCEL') else method}{cseq}"
    return (
        f"{method} sip:110@example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.9:5060;branch={branch}\r\n"
        f"From: <sip:13800138000@192.0.2.9>;tag=m{number}\r\nTo: {to}\r\nCall-ID: mutated-{number}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:caller@192.0.2.9:5060>\r\nSupported: timer, 100rel\r\n"
        f"Session-Expires: 1800\r\n{rack}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def response(number: int, tag: str) -> bytes:
    """Return a caller's answer to a request of ours within the call."""
    return (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.110:5060;branch=z9hG4bK{tag}.1\r\nCSeq: 1 BYE\r\n"
        f"From: <sip:110@example.com>;tag={tag}\r\nTo: <sip:13800138000@192.0.2.9>;tag=m{number}\r\n"
        f"Call-ID: mutated-{number}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Mutator:
    """Damages messages; the same seed damages alike."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._corpus = [path.read_bytes() for path in sorted(CORPUS.glob("*.dat"))]

    def sample(self, number: int, tag: str) -> bytes:
        """Return a message to damage: of this call, of nobody, or of the corpus."""
        chance = self.chance
        if self._corpus and chance.random() < 0.3:
            return chance.choice(self._corpus)
        if chance.random() < 0.1:
            return response(number, tag)
        cseq = chance.choice((1, 1, 2, 3, chance.randrange(1 << 31)))
        return request(chance.choice(METHODS), number, chance.choice((tag, "", "nobody")), cseq)

    def damaged(self, data: bytes) -> bytes:
        """Return it with one to six faults, or, one time in ten, as it is."""
        if self.chance.random() < 0.1:
            return data
        for _ in range(self.chance.randint(1, DAMAGES_MAX)):
            data = self.chance.choice(DAMAGES)(self, data)
        return data

    def _cut(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + data[at + self.chance.randrange(1, 40) :]

    def _put(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self.chance.choice(WORDS) + data[at:]

    def _put_line(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        lines.insert(self.chance.randrange(len(lines) + 1), self.chance.choice(WORDS).strip(b"\r\n"))
        return b"\r\n".join(lines)

    def _flip(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + bytes([self.chance.randrange(256)]) + data[at + 1 :]

    def _end_early(self, data: bytes) -> bytes:
        return data[: self._at(data)]

    def _say_twice(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        at = self.chance.randrange(len(lines))
        return b"\r\n".join([*lines[:at], lines[at], *lines[at:]])

    def _swap(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        one, other = self.chance.randrange(len(lines)), self.chance.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        return b"\r\n".join(lines)

    def _splice(self, data: bytes) -> bytes:
        other = self.chance.choice(self._corpus) if self._corpus else request("INVITE", 0)
        return data[: self._at(data)] + other[self._at(other) :]

    def _at(self, data: bytes) -> int:
        return self.chance.randrange(len(data) + 1)


DAMAGES = (
    Mutator._cut, Mutator._put, Mutator._put_line, Mutator._flip, Mutator._end_early, Mutator._say_twice,
    Mutator._swap, Mutator._splice,
)  # fmt: skip
