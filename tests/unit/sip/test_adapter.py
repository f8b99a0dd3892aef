# SPDX-License-Identifier: Apache-2.0
"""The adapter over a real socket on loopback; time is the test's own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.effects import AnswerCaller, ChallengeCaller, DropTimer, HangUpCaller, RingCaller
from core.events import CallAbandoned, CallAnswered, CallEnded, CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.adapter import Adapter
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.errors import ListenError, PortTakenError, UnusableFileError
from device_adapters.sip.ports import Opener, Port
from device_adapters.sip.settings import SipSettings, Trunk
from device_adapters.sip.udp import UNSENT_OCTETS_MAX, UdpSocket, reachable_host
from tests.unit.sip.peer import Peer, endpoint

COUNTY = CountyCode("330302")


class HandClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def wall_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def mono_s(self) -> float:
        return self.now_s


class ListeningDoor:
    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.when_fed: Callable[[Fact], None] = lambda fact: None

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        self.when_fed(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()


class Phone(asyncio.DatagramProtocol):
    """A caller's socket."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait(data)

    async def status(self) -> bytes:
        async with asyncio.timeout(5):
            return (await self.heard.get()).split(b" ")[1]


@asynccontextmanager
async def served(settings: SipSettings) -> AsyncIterator[tuple[SipAdapter, ListeningDoor, HandClock]]:
    clock, door = HandClock(), ListeningDoor()
    adapter = SipAdapter(settings, clock, COUNTY)
    await adapter.open()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(adapter.run(door), name="sip")
        await asyncio.sleep(0)
        yield adapter, door, clock
        adapter.stop()


@asynccontextmanager
async def phone(adapter: SipAdapter) -> AsyncIterator[tuple[Phone, asyncio.DatagramTransport, Peer]]:
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Phone, remote_addr=adapter.addresses()[0])
    host, port = transport.get_extra_info("sockname")
    yield heard, transport, Peer(endpoint(), addr=(host, port))
    transport.close()


ONE = SipSettings(listen=("udp:127.0.0.1:0",))


async def test_a_call_becomes_facts_at_the_door() -> None:
    trunk = Trunk(name="mobile", addresses=("127.0.0.1",), county=CountyCode("330303"))
    settings = SipSettings(listen=("udp:127.0.0.1:0",), trunks=(trunk,), trace_messages=0)
    async with served(settings) as (adapter, door, _), phone(adapter) as (heard, line, peer):
        invite = peer.text("INVITE").encode()
        line.sendto(invite)
        assert await heard.status() == b"100"
        received = door.facts[0]
        assert isinstance(received, CallReceived)
        leg = received.leg
        adapter.send(RingCaller(leg=leg))
        adapter.send(AnswerCaller(leg=leg))
        assert [await heard.status(), await heard.status()] == [b"180", b"200"]
        peer.to_tag = leg
        line.sendto(peer.text("ACK", 1, "z9hG4bK-ack").encode())
        line.sendto(peer.text("BYE", 2, "z9hG4bK-bye").encode())
        assert await heard.status() == b"200"

    assert (received.trunk, received.county) == ("mobile", "330303")
    assert received.peer == f"127.0.0.1:{peer.addr[1]}"
    assert received.raw == invite
    at_ns = 1_700_000_000_000_000_000
    assert door.facts[1:] == [
        CallAnswered(at_ns=at_ns, leg=leg, sip_call_id="call-a"),
        CallEnded(at_ns=at_ns, leg=leg, sip_call_id="call-a", reason="bye"),
    ]


async def test_trying_leaves_before_the_door_is_asked_and_facts_never_nest() -> None:
    async with served(ONE) as (adapter, door, _), phone(adapter) as (heard, line, peer):
        depth, deepest = 0, 0

        def answer_at_once(fact: Fact) -> None:
            nonlocal depth, deepest
            depth += 1
            deepest = max(deepest, depth)
            if isinstance(fact, CallReceived):
                assert adapter.statistics()["sent_1xx"] == 1
                adapter.send(AnswerCaller(leg=fact.leg))
            depth -= 1

        door.when_fed = answer_at_once
        line.sendto(peer.text("INVITE").encode())

        assert [await heard.status(), await heard.status()] == [b"100", b"200"]
    assert deepest == 1
    assert [type(fact) for fact in door.facts] == [CallReceived, CallAnswered]


async def test_an_unlisted_peer_is_named_by_its_address() -> None:
    async with served(ONE) as (adapter, door, _), phone(adapter) as (heard, line, peer):
        line.sendto(peer.text("INVITE").encode())
        await heard.status()
        line.sendto(peer.text("CANCEL").encode())
        assert [await heard.status(), await heard.status()] == [b"200", b"487"]

    received, abandoned = door.facts
    assert isinstance(received, CallReceived)
    assert (received.trunk, received.county) == ("127.0.0.1", COUNTY)
    assert isinstance(abandoned, CallAbandoned)
    assert abandoned.reason == "cancel"


async def test_a_call_of_the_process_before_goes_on_at_its_own_door() -> None:
    two = SipSettings(listen=("udp:127.0.0.1:0", "udp:127.0.0.1:0"))
    async with served(two) as (adapter, door, _), phone(adapter) as (heard, _, peer):
        leg = Leg("0123456789abcdef.0")
        raw = peer.text("INVITE").encode()

        assert adapter.adopt(raw, f"127.0.0.1:{peer.addr[1]}", leg, "ringing")
        assert await heard.status() == b"180"
        adapter.send(HangUpCaller(leg=leg))
        assert await heard.status() == b"480"
        assert not adapter.adopt(raw, "nowhere", leg, "ringing")

    assert [type(fact) for fact in door.facts] == [CallEnded]


async def test_the_timer_wakes_the_endpoint() -> None:
    async with served(SipSettings(listen=("udp:127.0.0.1:0",), t1_ms=1)) as (adapter, door, clock):
        async with phone(adapter) as (heard, line, peer):
            line.sendto(peer.text("INVITE").encode())
            await heard.status()
            received = door.facts[0]
            assert isinstance(received, CallReceived)
            adapter.send(AnswerCaller(leg=received.leg))
            assert await heard.status() == b"200"
            clock.now_s += 0.001
            assert await heard.status() == b"200"


async def test_draining_refuses_new_calls_only() -> None:
    async with served(ONE) as (adapter, _, _), phone(adapter) as (heard, line, peer):
        adapter.drain(True)
        line.sendto(peer.text("INVITE").encode())
        assert await heard.status() == b"503"
        adapter.drain(False)
        line.sendto(peer.text("INVITE").encode())
        assert await heard.status() == b"100"


async def test_what_is_not_for_sip_and_legs_unknown_do_no_harm() -> None:
    async with served(ONE) as (adapter, _, _):
        sip: Adapter = adapter
        sip.send(DropTimer(key="x"))
        sip.send(AnswerCaller(leg=Leg("unknown")))

        assert sip.statistics()["commands_late"] == 1
        assert {"kernel_drops", "socket_errors", "receive_buffer_missing_bytes"} <= set(sip.statistics())


async def test_a_datagram_that_comes_before_the_port_is_open_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = SipAdapter(ONE, HandClock(), COUNTY)
    open_port = Opener.open

    async def impatient(opener: Opener, listen: str) -> Port:
        port = await open_port(opener, listen)
        adapter._received(0, b"OPTIONS sip:110@127.0.0.1 SIP/2.0\r\n\r\n", ("127.0.0.1", 5060))
        return port

    monkeypatch.setattr(Opener, "open", impatient)

    await adapter.open()

    assert adapter.statistics()["came_while_opening"] == 1
    adapter.close()


async def test_a_taken_port_is_told_in_a_sentence() -> None:
    async with served(ONE) as (adapter, _, _):
        host, port = adapter.addresses()[0]
        second = SipAdapter(
            SipSettings(listen=("udp:127.0.0.1:0", f"udp:{host}:{port}")), HandClock(), COUNTY
        )

        with pytest.raises(PortTakenError, match=f"udp:{host}:{port}: another program has the port"):
            await second.open()


@pytest.mark.parametrize("listen", ["udp:no.such.invalid:0", "udp:a..b:0", "udp:192.0.2.1:0"])
async def test_an_address_we_cannot_listen_on_is_told_by_name(listen: str) -> None:
    adapter = SipAdapter(SipSettings(listen=(listen,)), HandClock(), COUNTY)

    with pytest.raises(ListenError, match="SIP cannot listen on"):
        await adapter.open()


async def test_a_port_there_is_not_is_told_in_a_sentence() -> None:
    with pytest.raises(ListenError, match="SIP cannot listen on"):
        await UdpSocket(lambda data, addr: None).open("127.0.0.1", 99_999, 65_536)


async def test_a_send_nobody_can_deliver_is_counted() -> None:
    udp = UdpSocket(lambda data, addr: None)
    await udp.open("127.0.0.1", 0, 65_536)

    udp.send(b"x", ("127.0.0.1", 0))
    udp.close()
    udp.send(b"x", ("127.0.0.1", 9))

    assert udp.errors >= 1
    assert udp.drops() == 0


async def test_what_the_network_does_not_take_is_kept_up_to_a_limit_and_then_dropped_and_counted() -> None:
    class Stuck:
        size = UNSENT_OCTETS_MAX + 1
        sent = 0

        def get_write_buffer_size(self) -> int:
            return self.size

        def is_closing(self) -> bool:
            return False

        def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
            self.sent += 1

    udp, stuck = UdpSocket(lambda data, addr: None), Stuck()
    udp.connection_made(stuck)  # type: ignore[arg-type]

    udp.send(b"x", ("127.0.0.1", 9))
    stuck.size -= 1
    udp.send(b"x", ("127.0.0.1", 9))

    assert (stuck.sent, udp.dropped, udp.statistics()["undelivered"]) == (1, 1, 1)


def test_a_wildcard_is_shown_to_peers_as_an_address() -> None:
    assert reachable_host("127.0.0.1") == "127.0.0.1"
    assert socket.inet_aton(reachable_host("0.0.0.0")) != bytes(4)


def asked(folder: Path, password: str) -> Trunk:
    """Return a trunk that is asked for a digest."""
    (folder / "password").write_text(password)
    return Trunk(
        name="mobile",
        addresses=("127.0.0.1",),
        county=COUNTY,
        digest="SHA-256",
        username="mobile",
        password_file=str(folder / "password"),
    )


async def test_a_reload_says_what_needs_a_restart() -> None:
    async with served(ONE) as (adapter, _, _):
        assert adapter.reload(ONE) == []
        assert adapter.reload(SipSettings(listen=("udp:127.0.0.1:0", "tcp:127.0.0.1:0"), calls_max=9)) == [
            "listen",
            "calls_max",
        ]


async def test_passwords_are_read_at_start_and_again_and_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    settings = SipSettings(listen=("udp:127.0.0.1:0",), trunks=(asked(tmp_path, "first\n"),))
    async with served(settings) as (adapter, _, _):
        assert adapter._passwords == {"mobile": "first"}

        (tmp_path / "password").write_text("")
        with pytest.raises(UnusableFileError, match=r"password_file of 'mobile', .*password, is empty"):
            adapter.reload(settings)
        assert adapter._passwords == {"mobile": "first"}
        (tmp_path / "password").write_text("second")
        assert adapter.reload(settings) == []
        assert adapter._passwords == {"mobile": "second"}
        assert adapter.reload(ONE) == ["trunks"]
        assert adapter._passwords == {"mobile": "second"}, "the running trunk is still asked"


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read"), (b"\xff", "is not UTF-8")])
async def test_a_password_nobody_can_read_is_told_at_start(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    trunk = asked(tmp_path, "x")
    (tmp_path / "password").unlink()
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    adapter = SipAdapter(SipSettings(trunks=(trunk,)), HandClock(), COUNTY)

    with pytest.raises(ListenError, match=f"password_file of 'mobile', .*{sentence}"):
        await adapter.open()


async def test_a_challenge_nobody_could_hear_is_counted() -> None:
    async with served(ONE) as (adapter, _, _):
        adapter.send(ChallengeCaller(leg=Leg("x.0"), why="silent"))

        assert adapter.statistics()["challenges_without_media"] == 1


def test_an_address_of_the_other_family_is_not_shown_to_peers() -> None:
    settings = SipSettings(host="192.0.2.110", listen=("udp:127.0.0.1:0",))
    opener = Opener(
        settings, lambda number, data, addr: None, lambda number, addr: None, lambda: 0.0, None, {}
    )

    assert opener.shown("127.0.0.1") == "192.0.2.110"
    assert opener.shown("::1") == "::1"
