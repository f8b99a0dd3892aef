# SPDX-License-Identifier: Apache-2.0
"""The real worker at a PBX that the test plays itself, message by message: each of pyVoIP's known faults is fenced."""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from core.effects import AnswerCaller, HangUpCaller, QueueCaller, RingCaller
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallKeyPressed,
    CallReceived,
    NeighbourBack,
    NeighbourGone,
)
from core.ids import Leg
from device_adapters.pyvoip import wire
from device_adapters.pyvoip.adapter import PyvoipAdapter, is_installed
from device_adapters.pyvoip.settings import PyvoipSettings
from tests.integration import voice
from tests.integration.pbx import Desk, extension, free_port, free_ports
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not is_installed(), reason="pyVoIP is not installed (pip install 'gateway110[pyvoip]')"
    ),
]


class Switch(asyncio.DatagramProtocol):
    """A PBX that lets everybody in, and says and hears what the test wants."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.challenges: list[str] = []
        "What REGISTERs are answered with before 200."
        self.answers = True
        self.extension: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("latin-1")
        self.heard.append(text)
        self.extension = addr
        if text.startswith(("REGISTER", "BYE")) and self.answers:
            status = "200 OK"
            if text.startswith("REGISTER") and self.challenges:
                status = self.challenges.pop(0)
            back = [
                line
                for line in text.split("\r\n")
                if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
            ]
            self.say("\r\n".join([f"SIP/2.0 {status}", *back, "", ""]).encode())

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def say(self, data: bytes | str) -> None:
        assert self._transport is not None
        self._transport.sendto(data if isinstance(data, bytes) else data.encode(), self.extension)

    def request(
        self, method: str, call: str = "c1", number: int = 1, *, to_tag: str = "", body: str = "", **more: str
    ) -> str:
        """Return a request of call `call`; `more` replaces or adds header lines, by name with _ for -."""
        lines = {
            "Via": f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{call}-{number}-{method}",
            "From": "<sip:13800138000@127.0.0.1>;tag=f1",
            "To": f"<sip:110@127.0.0.1>{to_tag and ';tag='}{to_tag}",
            "Call-ID": call,
            "CSeq": f"{number} {method}",
            "Contact": f"<sip:x@127.0.0.1:{self.port}>",
            **({"Content-Type": "application/sdp"} if body else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        head = "\r\n".join(f"{name}: {value}" for name, value in lines.items())
        return f"{method} sip:110@127.0.0.1 SIP/2.0\r\n{head}\r\n\r\n{body}"

    async def hears(self, start: str, count: int = 1) -> str:
        """Wait for so many messages that begin so; return the last."""
        await until(lambda: len(self.all(start)) >= count)
        return self.all(start)[count - 1]

    def all(self, start: str) -> list[str]:
        """Return the messages that begin so, or whose CSeq ends so (`200 INVITE`)."""
        status, _, method = start.partition(" ")
        if status.isdigit():
            return [
                m
                for m in self.heard
                if m.startswith(f"SIP/2.0 {status} ") and re.search(rf"CSeq: \d+ {method}", m)
            ]
        return [m for m in self.heard if m.startswith(start)]


def sdp(port: int, formats: str = "8 101", direction: str = "sendrecv") -> str:
    return (
        "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )


def to_tag(message: str) -> str:
    found = re.search(r"\r\nTo: [^\r]*;tag=([^\r;]+)", message)
    assert found
    return found[1]


@asynccontextmanager
async def a_switch() -> AsyncIterator[Switch]:
    loop = asyncio.get_running_loop()
    transport, switch = await loop.create_datagram_endpoint(Switch, local_addr=("127.0.0.1", 0))
    try:
        yield switch
    finally:
        transport.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn


@asynccontextmanager
async def at_a_switch(
    folder: Path, *, answers: bool = True, **given: float
) -> AsyncIterator[tuple[Switch, PyvoipAdapter, Desk]]:
    async with a_switch() as switch, extension(folder, switch, given, answers=answers) as (adapter, desk):
        yield switch, adapter, desk


async def test_a_keep_alive_is_answered(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path) as (switch, _, desk):
        switch.say(switch.request("OPTIONS"))
        said = await switch.hears("200 OPTIONS")

    assert "\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO\r\n" in said
    assert desk.facts == []


async def test_a_cancel_ends_the_ringing_at_once_and_is_confirmed_until_heard(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path, answers=False) as (switch, adapter, desk):
        switch.say(switch.request("INVITE", body=sdp(4000)))
        ringing = await switch.hears("180 INVITE")
        for _ in range(2):
            switch.say(switch.request("CANCEL"))
        cancelled, ended = await switch.hears("200 CANCEL", 2), await switch.hears("487 INVITE", 2)
        switch.say(switch.request("ACK"))
        switch.say(switch.request("INVITE", body=sdp(4000)))  # late, out of turn: the call is over
        await switch.hears("487 INVITE", 3)
        adapter.send(AnswerCaller(leg=Leg(to_tag(ringing))))

    assert to_tag(ringing) == to_tag(cancelled) == to_tag(ended)
    assert desk.told() == {"CallReceived": 1, "CallAbandoned": 1}
    assert [fact.reason for fact in desk.of(CallAbandoned)] == ["cancel"]  # type: ignore[attr-defined]


async def test_an_invite_that_comes_again_is_one_call(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path) as (switch, _, desk):
        for _ in range(3):
            switch.say(switch.request("INVITE", body=sdp(4000)))
        answered = await switch.hears("200 INVITE", 3)
        switch.say(
            switch.request(
                "INVITE", Via=f"SIP/2.0/UDP 127.0.0.1:{switch.port};branch=z9hG4bKother", body=sdp(4000)
            )
        )
        await switch.hears("482 INVITE")
        switch.say(switch.request("BYE", number=2, to_tag="another"))
        await switch.hears("481 BYE")
        switch.say(switch.request("BYE", number=3, to_tag=to_tag(answered)))
        await switch.hears("200 BYE")
        await until(lambda: desk.of(CallEnded))

    assert len({to_tag(message) for message in switch.all("200 INVITE")}) == 1
    assert desk.told() == {"CallReceived": 1, "CallAnswered": 1, "CallEnded": 1}


async def test_a_200_is_said_again_until_its_ack(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path) as (switch, _, _):
        switch.say(switch.request("INVITE", body=sdp(4000)))
        answered = await switch.hears("200 INVITE", 3)
        switch.say(switch.request("ACK", to_tag=to_tag(answered)))
        switch.say(switch.request("OPTIONS", call="o1"))
        await switch.hears("200 OPTIONS")
        so_far = len(switch.all("200 INVITE"))
        for n in range(5):  # half a second and more of other talk
            switch.say(switch.request("OPTIONS", call=f"o{n + 2}"))
            await switch.hears("200 OPTIONS", n + 2)
            await asyncio.sleep(0.15)

    assert len(switch.all("200 INVITE")) == so_far


async def test_callers_pyvoip_would_drop_are_told_of(tmp_path: Path) -> None:
    name = "温州张三"
    parts = f"--b\r\nContent-Type: application/sdp\r\n\r\n{sdp(4000)}\r\n--b\r\n\r\nhelp\r\n\r\n--b--\r\n"
    async with at_a_switch(tmp_path, answers=False) as (switch, _, desk):
        switch.say(switch.request("INVITE", "tel", From="<tel:+8613800138000>;tag=f", body=sdp(4000)))
        switch.say(
            switch.request("INVITE", "gbk", From=f'"{name}" <sip:1@h>;tag=f', body=sdp(4000)).encode("gbk")
        )
        switch.say(
            switch.request("INVITE", "short", body=sdp(4000))
            .replace("From: ", "f:")
            .replace("Call-ID: ", "i:")
        )
        switch.say(switch.request("INVITE", "parts", body=parts, Content_Type="multipart/mixed;boundary=b"))
        await until(lambda: desk.told()["CallReceived"] == 4)
        await switch.hears("180 INVITE", 4)

    told = {fact.sip_call_id: fact for fact in desk.of(CallReceived) if isinstance(fact, CallReceived)}
    assert set(told) == {"tel", "gbk", "short", "parts"}
    assert told["tel"].caller == "+8613800138000"
    assert told["gbk"].display_name == name
    assert name.encode("gbk").decode("latin-1") in next(
        m for m in switch.all("180 INVITE") if "Call-ID: gbk" in m
    )


async def test_an_invite_without_an_offer_is_talked_after_its_ack(tmp_path: Path) -> None:
    async with voice.ear() as ear, at_a_switch(tmp_path) as (switch, _, _):
        switch.say(switch.request("INVITE"))
        answered = await switch.hears("200 INVITE")
        switch.say(switch.request("ACK", to_tag=to_tag(answered), body=sdp(ear.port)))
        await until(lambda: len(ear.packets) > 5)

    assert "RTP/AVP 8 101\r\n" in answered
    assert {packet[0] for packet in ear.packets} == {voice.ALAW}


async def test_a_hold_stops_our_voice_and_its_end_brings_it_back(tmp_path: Path) -> None:
    async with voice.ear() as ear, at_a_switch(tmp_path) as (switch, adapter, _):
        switch.say(switch.request("INVITE", body=sdp(ear.port)))
        tag = to_tag(await switch.hears("200 INVITE"))
        switch.say(switch.request("ACK", to_tag=tag))
        await until(lambda: ear.packets)
        switch.say(switch.request("INVITE", number=2, to_tag=tag, body=sdp(ear.port, direction="sendonly")))
        await until(lambda: "a=recvonly" in switch.all("200 INVITE")[-1])
        switch.say(switch.request("ACK", number=2, to_tag=tag))
        sent = await _steady(adapter)
        switch.say(switch.request("INVITE", number=3, to_tag=tag, body=sdp(ear.port)))
        await until(lambda: adapter.statistics()["rtp_sent"] > sent)

    assert "a=sendrecv" in switch.all("200 INVITE")[-1]
    ports = {re.search(r"m=audio (\d+)", message)[1] for message in switch.all("200 INVITE")}  # type: ignore[index]
    assert len(ports) == 1


async def test_what_cannot_be_talked_or_done_is_refused_and_the_worker_lives(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path) as (switch, adapter, desk):
        switch.say(switch.request("INVITE", "g729", body=sdp(4000, formats="18")))
        switch.say(switch.request("SUBSCRIBE", "s"))
        switch.say(switch.request("CANCEL", "nobody"))
        switch.say(b"\xff\xfe rubbish \r\n\r\n")
        switch.say("INVITE sip:110@h SIP/2.0\r\n\r\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            assert switch.extension is not None
            stranger.sendto(switch.request("INVITE", "stranger", body=sdp(4000)).encode(), switch.extension)
        for expected in ("488 INVITE", "405 SUBSCRIBE", "481 CANCEL"):
            await switch.hears(expected)
        await until(lambda: adapter.statistics().get("unknown_source"))
        counted = adapter.statistics()

    assert desk.facts == []
    assert counted["refused_media"] == 1
    assert counted["unreadable_header_missing"] == 2
    assert "guest_faults" not in counted


async def test_ports_come_back_however_a_call_ends(tmp_path: Path) -> None:
    first = free_ports(6)
    async with at_a_switch(tmp_path, calls_max=2, rtp_port_min=first, rtp_port_max=first + 1) as (
        switch,
        adapter,
        desk,
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", first))  # another program's
            for n in range(8):
                switch.say(switch.request("INVITE", f"c{n}", body=sdp(4000)))
                answered = await switch.hears("200 INVITE", n + 1)
                assert f"m=audio {first + 1} " in answered
                switch.say(switch.request("BYE", f"c{n}", number=2, to_tag=to_tag(answered)))
                await switch.hears("200 BYE", n + 1)
        threads = re.search(r"Threads:\s+(\d+)", _status(adapter.supervisor.pid))
        await until(lambda: desk.told()["CallEnded"] == 8)

    assert threads
    assert threads[1] == "1"


async def test_each_call_can_be_rung_queued_keyed_and_refused(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path, answers=False) as (switch, adapter, desk):
        switch.say(switch.request("INVITE", "a", body=sdp(4000)))
        switch.say(switch.request("INVITE", "b", body=sdp(4000)))
        await switch.hears("180 INVITE", 2)
        one, two = (fact.leg for fact in desk.of(CallReceived) if isinstance(fact, CallReceived))
        adapter.send(QueueCaller(leg=one, position=2))
        queued = await switch.hears("182 INVITE")
        adapter.send(AnswerCaller(leg=one))
        await switch.hears("200 INVITE")
        switch.say(
            switch.request(
                "INFO", "a", number=2, to_tag=one, body="Signal=7\r\n", Content_Type="application/dtmf-relay"
            )
        )
        adapter.send(HangUpCaller(leg=two))
        await switch.hears("486 INVITE")
        adapter.drain(True)
        adapter.send(RingCaller(leg=two))
        await until(lambda: desk.of(CallKeyPressed) and desk.of(CallEnded))
        switch.say(switch.request("INVITE", "c", body=sdp(4000)))
        await switch.hears("480 INVITE")

    assert queued.startswith("SIP/2.0 182 Queued; position 2\r\n")
    assert [(fact.leg, fact.key) for fact in desk.of(CallKeyPressed)] == [(one, "7")]  # type: ignore[attr-defined]
    assert desk.told()["CallReceived"] == 2


async def test_who_still_rings_at_a_stop_is_told_of_as_ended_once(tmp_path: Path) -> None:
    async with at_a_switch(tmp_path, answers=False) as (switch, adapter, desk):
        switch.say(switch.request("INVITE", "a", body=sdp(4000)))
        switch.say(switch.request("INVITE", "b", body=sdp(4000)))
        await switch.hears("180 INVITE", 2)
        one, two = (fact.leg for fact in desk.of(CallReceived) if isinstance(fact, CallReceived))
        adapter.send(AnswerCaller(leg=one))
        await switch.hears("200 INVITE")
        await until(lambda: desk.of(CallAnswered))

        adapter.stop()
        refused, left = await switch.hears("480 INVITE"), await switch.hears("BYE")
        await until(lambda: len(desk.of(CallEnded)) == 2)

    assert (to_tag(refused), f"tag={one}" in left) == (two, True)
    ends = {fact.leg: fact.reason for fact in desk.of(CallEnded) if isinstance(fact, CallEnded)}
    assert ends == {one: "hung_up", two: "refused"}
    assert desk.told() == {"CallReceived": 2, "CallAnswered": 1, "CallEnded": 2}


async def test_an_answer_for_which_no_port_is_free_ends_the_ringing(tmp_path: Path) -> None:
    first = free_ports(6)
    async with at_a_switch(tmp_path, answers=False, calls_max=1, rtp_port_min=first, rtp_port_max=first) as (
        switch,
        adapter,
        desk,
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", first))  # another program's
            switch.say(switch.request("INVITE", "a", body=sdp(4000)))
            leg = Leg(to_tag(await switch.hears("180 INVITE")))
            adapter.send(AnswerCaller(leg=leg))
            refused = await switch.hears("500 INVITE")
            await until(lambda: desk.of(CallEnded))
        switch.say(switch.request("ACK", "a"))
        switch.say(switch.request("INVITE", "b", body=sdp(4000)))
        adapter.send(AnswerCaller(leg=Leg(to_tag(await switch.hears("180 INVITE", 2)))))
        answered = await switch.hears("200 INVITE")

    assert (to_tag(refused), f"m=audio {first} " in answered) == (leg, True)
    assert next((fact.leg, fact.reason) for fact in desk.of(CallEnded)) == (leg, "refused")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("challenge", "header"),
    [
        ('401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n1", algorithm=SHA-256\r\n'
         'WWW-Authenticate: Digest realm="r", nonce="n2", algorithm=MD5', "\r\nAuthorization: Digest"),
        ('407 Proxy\r\nProxy-Authenticate: Digest realm="r",nonce="n2"', "\r\nProxy-Authorization: Digest"),
    ],
)  # fmt: skip
async def test_our_name_is_kept_at_the_pbx_and_taken_back(
    tmp_path: Path, challenge: str, header: str
) -> None:
    async with a_switch() as switch:
        switch.challenges = ["503 Not Yet", challenge]
        async with extension(tmp_path, switch) as (_, desk):
            named = switch.all("REGISTER")
        await until(lambda: "Expires: 0" in switch.all("REGISTER")[-1])

    assert header in named[-1]
    assert 'nonce="n2"' in named[-1]
    numbers = [int(re.search(r"CSeq: (\d+)", text)[1]) for text in named]  # type: ignore[index]
    assert numbers == sorted(set(numbers))
    assert len({re.search(r"Call-ID: (\S+)", text)[1] for text in named}) == 1  # type: ignore[index]
    assert [type(fact) for fact in desk.facts] == [NeighbourGone, NeighbourBack]


async def test_a_gateway_that_dies_leaves_no_caller_on_the_line() -> None:
    first = free_ports(100)
    ours, theirs = socket.socketpair()
    async with a_switch() as switch:
        settings = PyvoipSettings(
            server=f"127.0.0.1:{switch.port}", port=free_port(), rtp_port_min=first, rtp_port_max=first + 99
        )
        command = [sys.executable, "-m", "device_adapters.pyvoip.worker", str(theirs.fileno())]
        worker = await asyncio.create_subprocess_exec(*command, pass_fds=(theirs.fileno(),))
        theirs.close()
        try:
            ours.sendall(wire.framed(wire.Hello(settings=settings)))
            await switch.hears("REGISTER")
            switch.say(switch.request("INVITE", "a", body=sdp(4000)))
            switch.say(switch.request("INVITE", "b", body=sdp(4000)))
            await switch.hears("100 INVITE", 2)
            said = map(wire.report, wire.Frames().feed(ours.recv(65_536)))
            answered, ringing = (report.leg for report in said if isinstance(report, wire.Came))
            ours.sendall(wire.framed(wire.Answer(leg=answered)))
            await switch.hears("200 INVITE")

            ours.close()

            assert to_tag(await switch.hears("480 INVITE")) == ringing
            assert f"tag={answered}" in await switch.hears("BYE")
            code = await worker.wait()
        finally:
            ours.close()  # which ends the worker

    assert code == 0


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


async def _steady(adapter: PyvoipAdapter) -> int:
    """Wait until no more voice is sent for three heartbeats; return how much was."""
    sent, same = -1, 0
    while same < 3:
        now = adapter.statistics().get("rtp_sent", 0)
        same = same + 1 if now == sent else 0
        sent = now
        await asyncio.sleep(0.15)
    return sent
