# SPDX-License-Identifier: Apache-2.0
"""A caller played by hand over a real socket: what it says is written out, what it hears is kept."""

import re
import socket
from itertools import count
from types import TracebackType

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)
HEARD_S_MAX = 10.0
_serial = count()


def status(datagram: bytes) -> int:
    """Return the code of a response, 0 for anything else."""
    found = re.match(rb"SIP/2.0 (\d{3}) ", datagram)
    return int(found[1]) if found else 0


class Hand:
    """One caller and one call, told apart by its Call-ID."""

    def __init__(self, target: tuple[str, int], name: str = "hand", host: str = "127.0.0.1") -> None:
        self.call_id = f"{name}-{next(_serial)}"
        self.heard: list[bytes] = []
        self._target = target
        self._to = ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(HEARD_S_MAX)
        own, port = self._socket.getsockname()
        self.own = f"{own}:{port}"

    def __enter__(self) -> "Hand":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def say(self, method: str, cseq: int, *lines: str, body: str = "", kind: str = "", uri: str = "sip:110@gateway",
            sender: str = "<sip:13800138000@trunk.example>") -> None:  # fmt: skip
        """Send a request of this call; ACK of a refusal and CANCEL carry the INVITE's branch."""
        branch = f"z9hG4bK{self.call_id}{'' if method in ('INVITE', 'CANCEL') else method}{cseq}"
        typed = (f"Content-Type: {kind}",) if body else ()
        head = [
            f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.own};branch={branch}", "Max-Forwards: 70",
            f"From: {sender};tag=hand", f"To: <sip:110@gateway>{self._to if method != 'CANCEL' else ''}",
            f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}", f"Contact: <sip:hand@{self.own}>",
            *lines, *typed, f"Content-Length: {len(body.encode())}", "", "",
        ]  # fmt: skip
        self._socket.sendto("\r\n".join(head).encode() + body.encode(), self._target)

    def answer(self) -> bytes:
        """Return the next final response, whichever it is."""
        while status(datagram := self._socket.recv(65_536)) < 200:
            self.heard.append(datagram)
        return datagram

    def wait(self, code: int, method: str = "INVITE") -> bytes:
        """Return the next response of this code to this method; keep all that came before it."""
        while True:
            datagram = self._socket.recv(65_536)
            self.heard.append(datagram)
            tag = re.search(rb"\r\nTo:[^\r]*(;tag=[^;\r]+)", datagram)
            if tag is not None and status(datagram):
                self._to = tag[1].decode()
            if status(datagram) == code and re.search(rb"\r\nCSeq: \d+ " + method.encode(), datagram):
                return datagram
            assert status(datagram) < 300, datagram

    def asked(self, method: str) -> bytes:
        """Return the next request of this method; nobody answers it."""
        while not (datagram := self._socket.recv(65_536)).startswith(method.encode() + b" "):
            self.heard.append(datagram)
        return datagram

    def last(self, code: int) -> bytes:
        """Return the newest response of this code heard so far; wait for one when there is none."""
        return next((heard for heard in reversed(self.heard) if status(heard) == code), b"") or self.wait(
            code
        )

    def call(self, *lines: str, body: str = SDP, kind: str = "application/sdp", **more: str) -> str:
        """Dial, be answered, hang up; return the Call-ID."""
        self.say("INVITE", 1, *lines, body=body, kind=kind, **more)
        self.wait(200)
        self.say("ACK", 1)
        self.say("BYE", 2)
        self.wait(200, "BYE")
        return self.call_id

    def ring(self, *lines: str) -> None:
        """Dial and hear that it rings, or that there is a line."""
        self.say("INVITE", 1, *lines, body=SDP, kind="application/sdp")
        while not self.heard or status(self.heard[-1]) not in (180, 182):
            self.heard.append(self._socket.recv(65_536))

    def give_up(self) -> str:
        """Hang up while it rings; return the Call-ID."""
        self.say("CANCEL", 1)
        while status(self.heard[-1]) != 487:
            self.heard.append(self._socket.recv(65_536))
        self.say("ACK", 1)
        return self.call_id
