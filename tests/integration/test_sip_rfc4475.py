# SPDX-License-Identifier: Apache-2.0
"""The 49 torture messages of RFC 4475 over a real socket, byte for byte, judged by their manifest.

After each one the gateway must still answer an OPTIONS and a caller.
"""

import re
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from core.events import CallReceived
from device_adapters.sip.settings import SipSettings
from tests.integration.house import until
from tests.integration.sip_exchange import Exchange, exchange

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "rfc4475"
TORTURER = "127.0.0.75"
"A loopback address of its own: answers go to its port 5060 or wherever the topmost Via says (RFC 3261 18.2.2)."
ANSWER_S_MAX = 5.0
serial = count()


class Torture(msgspec.Struct):
    id: str
    kind: str
    expect: list[str]
    also_ok: list[str]
    never: list[str]
    reply: str
    emergency_accept: bool
    via_port: int
    bytes: int


class Manifest(msgspec.Struct):
    messages: list[Torture]


def corpus() -> list[Torture]:
    manifest = CORPUS / "manifest.json"
    return msgspec.json.decode(manifest.read_bytes(), type=Manifest).messages if manifest.exists() else []


pytestmark = pytest.mark.skipif(not corpus(), reason="../shared/data/rfc4475 is not here")


class Line:
    """A socket at the torturer's address and one port."""

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((TORTURER, port))
        except OSError as taken:
            self._socket.close()
            pytest.skip(f"{TORTURER}:{port} cannot be bound: {taken}")
        self._socket.settimeout(ANSWER_S_MAX)
        self._target = target
        self.address: tuple[str, int] = self._socket.getsockname()

    def say(self, data: bytes) -> None:
        self._socket.sendto(data, self._target)

    def heard(self) -> bytes:
        """Return the next datagram, b"" when none comes."""
        try:
            return self._socket.recv(65_536)
        except TimeoutError:
            return b""

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[Exchange]:
    with exchange(SipSettings(listen=("udp:127.0.0.1:0",))) as running:
        yield running


@pytest.fixture
def probe(gateway: Exchange) -> Iterator[Line]:
    line = Line(0, gateway.address)
    yield line
    line.close()


def text(method: str, line: Line, call: str, cseq: int = 1, to: str = "") -> bytes:
    host = f"{line.address[0]}:{line.address[1]}"
    return (
        f"{method} sip:110@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{call}{method}\r\n"
        f"From: <sip:13800138000@{host}>;tag={call}\r\nTo: <sip:110@127.0.0.1>{to}\r\nCall-ID: {call}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:x@{host}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def status(datagram: bytes) -> int:
    """Return the code of a response, 0 for anything else."""
    found = re.match(rb"SIP/2.0 (\d{3}) ", datagram)
    return int(found[1]) if found else 0


def is_alive(line: Line) -> bool:
    """Tell whether an OPTIONS gets 200 and a caller is answered; both are settled before this returns."""
    call = f"alive-{next(serial)}"
    line.say(text("OPTIONS", line, f"{call}o"))
    options = line.heard()
    line.say(text("INVITE", line, call))
    answer = line.heard()
    while 100 <= status(answer) < 200:
        answer = line.heard()
    tag = re.search(rb"\r\nTo:[^\r]*(;tag=[^;\r]+)", answer)
    to = tag[1].decode() if tag else ""
    line.say(text("ACK", line, call, to=to))
    line.say(text("BYE", line, call, 2, to))
    ended = line.heard()
    while b"BYE" not in ended and ended:
        ended = line.heard()
    return [status(options), status(answer), status(ended)] == [200, 200, 200]


def fits(found: int, patterns: list[str]) -> bool:
    return any(pattern in (str(found), f"{found // 100}xx") for pattern in patterns)


@pytest.mark.parametrize("torture", corpus(), ids=lambda torture: str(torture.id))
def test_a_torture_message_gets_what_the_manifest_wants_and_nobody_is_hurt(
    torture: Torture, gateway: Exchange, probe: Line
) -> None:
    data = (CORPUS / f"{torture.id}.dat").read_bytes()
    assert len(data) == torture.bytes
    told = len([fact for fact in gateway.desk.facts if isinstance(fact, CallReceived)])
    before = gateway.statistics()
    line = Line(torture.via_port, gateway.address)
    try:
        line.say(data)
        until(lambda: heard_of(gateway, before), ANSWER_S_MAX)
        sent = answered_with(gateway, before)
        statuses = [status(line.heard()) for _ in range(sent)]
    finally:
        line.close()

    assert 0 not in statuses, "an answer went astray"
    if torture.kind == "response":
        assert statuses == []
    elif statuses:
        assert fits(statuses[-1], torture.expect + torture.also_ok), statuses
        assert not any(fits(found, torture.never) for found in statuses), statuses
    else:
        assert torture.reply == "may"
    received = [fact for fact in gateway.desk.facts if isinstance(fact, CallReceived)][told:]
    assert received or not torture.emergency_accept
    assert gateway.broke() is None
    assert is_alive(probe)


def heard_of(gateway: Exchange, before: dict[str, int]) -> bool:
    """Tell whether the datagram was read: every datagram is counted, as a request, a response or an anomaly."""
    counted = ("requests_", "responses_", "anomaly_")
    return any(
        number > before.get(name, 0)
        for name, number in gateway.statistics().items()
        if name.startswith(counted)
    )


def answered_with(gateway: Exchange, before: dict[str, int]) -> int:
    """Return how many responses left since then; repeats of a 200 are not among them."""
    return sum(
        number - before.get(name, 0)
        for name, number in gateway.statistics().items()
        if re.fullmatch(r"sent_\dxx", name)
    )


def test_the_corpus_is_whole() -> None:
    assert len(corpus()) == 49
