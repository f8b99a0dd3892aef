# SPDX-License-Identifier: Apache-2.0
"""An open-loop caller that notes when the first response comes; sipp's own clock has steps of milliseconds.

One socket, one thread, no spinning: on two cores a spinning caller would take the server's turn. A call is answered
right when a provisional response, a 200 with a To tag and a session, and the 200 to the BYE have come.
"""

import secrets
import select
import socket
import time
from dataclasses import dataclass, field

RECEIVE_BYTES = 65_535
BUFFER_BYTES = 1 << 20
SDP = (
    "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 46000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
)
REQUEST = (
    "{method} sip:110@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{run}{number}{method};rport\r\n"
    'From: "13800138000" <sip:13800138000@{here};user=phone>;tag={run}{number}\r\n'
    "To: <sip:110@127.0.0.1:{port}>{to_tag}\r\nCall-ID: {run}-{number}-bench\r\nCSeq: {cseq} {method}\r\n"
    "Max-Forwards: 70\r\nContact: <sip:13800138000@{here}>\r\n{type}Content-Length: {length}\r\n\r\n{body}"
)


@dataclass(slots=True)
class _Call:
    sent_s: float
    first_s: float | None = None
    "Until the first response of any kind."
    rung: bool = False
    answered: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of the calls."""

    calls: int
    right: int
    first_us: list[float] = field(default_factory=list)
    "Sorted; of each call that heard anything."

    @property
    def failed(self) -> int:
        """Return the calls that were not answered right."""
        return self.calls - self.right

    def quantile(self, share: float) -> float | None:
        """Return the value below which this share of the calls lies."""
        if not self.first_us:
            return None
        return round(self.first_us[min(len(self.first_us) - 1, int(len(self.first_us) * share))], 1)


class Probe:
    """Calls one server, at a set rate, whatever comes back."""

    def __init__(self, port: int, caller_port: int = 0) -> None:
        self._port = port
        self._run = secrets.token_hex(4)
        self._calls: dict[int, _Call] = {}
        self._open = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._socket.bind(("127.0.0.1", caller_port))
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._here = "{}:{}".format(*self._socket.getsockname())

    def call(self, calls: int, calls_per_s: float, over_s_max: float) -> Probed:
        """Place the calls and hang each up when it is answered; wait no longer than `over_s_max` after the last."""
        due_s = began_s = time.perf_counter()
        until_s = began_s + calls / calls_per_s + over_s_max
        with self._socket:
            while len(self._calls) < calls or (self._open and time.perf_counter() < until_s):
                if len(self._calls) < calls and time.perf_counter() >= due_s:
                    self._invite(len(self._calls))
                    due_s = began_s + len(self._calls) / calls_per_s
                wake_s = due_s if len(self._calls) < calls else until_s
                self._listen(max(0.0, wake_s - time.perf_counter()))
        made = self._calls.values()
        return Probed(
            calls,
            sum(call.rung and call.answered and call.ended for call in made),
            sorted(1e6 * call.first_s for call in made if call.first_s is not None),
        )

    def _listen(self, wait_s: float) -> None:
        if not select.select([self._socket], [], [], wait_s)[0]:
            return
        while True:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except ConnectionRefusedError:  # ICMP: the server is away
                continue
            self._heard(data, time.perf_counter())

    def _heard(self, data: bytes, now_s: float) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])
        }
        run, _, rest = fields.get("call-id", "").partition("-")
        number = rest.partition("-")[0]
        if run != self._run or not number.isdecimal() or int(number) not in self._calls:
            return
        call, status = self._calls[int(number)], lines[0][8:11]
        if call.first_s is None:
            call.first_s = now_s - call.sent_s
        if fields.get("cseq", "").endswith("BYE"):
            self._open -= not call.ended
            call.ended = call.ended or status == "200"
        elif status in ("180", "183"):
            call.rung = True
        elif status == "200":
            self._hang_up(int(number), fields.get("to", ""), b"m=audio" in body)

    def _invite(self, number: int) -> None:
        self._calls[number] = _Call(time.perf_counter())
        self._open += 1
        self._send("INVITE", number, 1, body=SDP)

    def _hang_up(self, number: int, to: str, session: bool) -> None:
        _, found, tag = to.partition(";tag=")
        call = self._calls[number]
        self._send("ACK", number, 1, f";tag={tag}")
        if not call.answered:
            call.answered = bool(found) and session
            self._send("BYE", number, 2, f";tag={tag}")

    def _send(self, method: str, number: int, cseq: int, to_tag: str = "", body: str = "") -> None:
        request = REQUEST.format(
            method=method,
            port=self._port,
            here=self._here,
            run=self._run,
            number=number,
            to_tag=to_tag,
            cseq=cseq,
            type="Content-Type: application/sdp\r\n" if body else "",
            length=len(body),
            body=body,
        )
        try:
            self._socket.send(request.encode())
        except OSError:  # the kernel's queue is full, or the server is away: a call that failed
            return
