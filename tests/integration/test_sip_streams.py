# SPDX-License-Identifier: Apache-2.0
"""TCP and IPv6 on loopback: real sipp, and callers who cut, close, crawl and do not listen."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from core.effects import AnswerCaller, HangUpCaller, RingCaller
from core.events import CallEnded, CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.sip.connection import LATE_S
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.settings import SipSettings, Trunk
from device_adapters.sip.sockets import KEEP_ALIVE
from device_adapters.sip.tcp import StreamListener
from tests.integration.sip_streams import Gateway, Line, called, gateway, has_ipv6, line, on_uvloop
from tests.unit.sip.peer import Peer, endpoint
from tests.waiting import until

SIPP = shutil.which("sipp") or ""
TCP = SipSettings(listen=("tcp:127.0.0.1:0",))
real = pytest.mark.real
needs_sipp = pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)")
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on loopback")


def answer_all(house: Gateway) -> None:
    """Ring and answer each call before the door returns."""

    def answer(fact: Fact) -> None:
        if isinstance(fact, CallReceived):
            house.adapter.send(RingCaller(leg=fact.leg))
            house.adapter.send(AnswerCaller(leg=fact.leg))

    house.door.when_fed = answer


async def sipp(house: Gateway, folder: Path, *arguments: str) -> tuple[int, str]:
    host, port = house.adapter.addresses()[0]
    there, here = (f"[{host}]:{port}", "[::1]") if ":" in host else (f"{host}:{port}", host)
    process = await asyncio.create_subprocess_exec(
        SIPP, there, "-i", here, "-timeout", "90", "-timeout_error", "-nostdin", "-max_socket", "500",
        "-sn", "uac", "-m", "100", "-r", "50", "-d", "100", *arguments,
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode("utf-8", "replace")[-4000:]


@real
@needs_sipp
@pytest.mark.parametrize(("mode", "at_most"), [("t1", 2), ("tn", 100)])
def test_sipp_places_a_hundred_calls_over_tcp_and_none_fails(tmp_path: Path, mode: str, at_most: int) -> None:
    @on_uvloop
    async def scene(folder: Path) -> None:
        async with gateway(TCP) as house:
            answer_all(house)
            code, output = await sipp(house, folder, "-t", mode)

            assert code == 0, output
            assert 1 <= house.counted("connections_accepted") <= at_most
            assert house.counted("calls") == 0
            told = Counter(type(fact).__name__ for fact in house.door.facts)
        assert told == {"CallReceived": 100, "CallAnswered": 100, "CallEnded": 100}

    scene(tmp_path)


@real
@needs_sipp
@needs_ipv6
@pytest.mark.parametrize(("listen", "mode"), [("udp:[::1]:0", "u1"), ("tcp:[::1]:0", "t1")])
def test_sipp_places_a_hundred_calls_over_ipv6_and_none_fails(tmp_path: Path, listen: str, mode: str) -> None:
    @on_uvloop
    async def scene(folder: Path) -> None:
        async with gateway(SipSettings(listen=(listen,))) as house:
            answer_all(house)
            code, output = await sipp(house, folder, "-t", mode)

            assert code == 0, output
            told = Counter(type(fact).__name__ for fact in house.door.facts)
        assert told == {"CallReceived": 100, "CallAnswered": 100, "CallEnded": 100}

    scene(tmp_path)


@needs_ipv6
@on_uvloop
async def test_a_peer_on_ipv6_is_written_with_brackets(tmp_path: Path) -> None:
    async with gateway(SipSettings(listen=("tcp:[::1]:0",))) as house, line(house) as caller:
        caller.say(caller.text("INVITE"))

        assert await caller.status() == 100
        received = house.door.facts[0]
        assert isinstance(received, CallReceived)
        assert (received.peer, received.trunk) == (f"[::1]:{caller.here[1]}", "::1")


@on_uvloop
async def test_a_call_cut_into_single_octets_is_one_call(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        for octet in caller.text("INVITE"):
            caller.say(bytes((octet,)))
            await caller.writer.drain()

        assert await caller.status() == 100
        assert len(house.door.facts) == 1


@on_uvloop
async def test_an_invite_and_its_cancel_in_one_segment_are_both_heard(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        caller.say(caller.text("INVITE") + caller.text("CANCEL"))

        assert [await caller.status(), await caller.status(), await caller.status()] == [100, 200, 487]
        assert [type(fact).__name__ for fact in house.door.facts] == ["CallReceived", "CallAbandoned"]


@on_uvloop
async def test_we_hang_up_over_the_connection_the_caller_opened(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        answer_all(house)
        caller.say(caller.text("INVITE"))
        assert [await caller.status() for _ in range(3)] == [100, 180, 200]
        leg = house.door.leg()
        caller.peer.to_tag = leg
        caller.say(caller.text("ACK", 1, "z9hG4bK-ack"))
        await until(lambda: house.counted("requests_ack"))

        house.adapter.send(HangUpCaller(leg=leg))

        bye = await caller.hear()
        assert isinstance(bye, Request)
        assert bye.method == "BYE"
        assert house.counted("connections_opened") == 0


@on_uvloop
async def test_a_keep_alive_is_answered(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        caller.say(b"\r\n\r\n")

        async with asyncio.timeout(5):
            assert await caller.reader.readexactly(2) == b"\r\n"


@on_uvloop
async def test_the_answer_finds_its_way_when_the_connection_was_closed_and_the_call_goes_on_there(
    tmp_path: Path,
) -> None:
    async with gateway(TCP) as house, called() as (port, came):
        async with line(house) as caller:
            caller.say(caller.text("INVITE", via_port=port))
            assert await caller.status() == 100
        await until(lambda: house.counted("connections") == 0)

        leg = house.door.leg()
        house.adapter.send(AnswerCaller(leg=leg))

        async with asyncio.timeout(5):
            back = await came.get()
        assert await back.status() == 200
        back.peer.to_tag = leg
        back.say(back.text("ACK", 1, "z9hG4bK-ack") + back.text("BYE", 2, "z9hG4bK-bye"))
        assert await back.status() == 200
        assert isinstance(house.door.facts[-1], CallEnded)
        assert (house.counted("connections"), house.counted("connections_opened")) == (1, 1)
        await back.close()


@on_uvloop
async def test_messages_for_a_peer_that_is_away_are_given_up_and_counted(tmp_path: Path) -> None:
    async with called() as (port, _):
        pass
    async with gateway(TCP) as house:
        async with line(house) as caller:
            caller.say(caller.text("INVITE", via_port=port))
            assert await caller.status() == 100
        await until(lambda: house.counted("connections") == 0)

        house.adapter.send(RingCaller(leg=house.door.leg()))

        await until(lambda: house.counted("connect_failed") == 1)
        assert house.counted("undelivered") == 1
        assert house.counted("connections_dialling") == 0


@on_uvloop
async def test_a_leg_whose_bye_nobody_can_take_is_let_go_at_once(tmp_path: Path) -> None:
    async with called() as (port, _):
        pass
    async with gateway(TCP) as house:
        answer_all(house)
        async with line(house) as caller:
            contact = f"<sip:caller@{caller.here[0]}:{port}>".encode()
            caller.say(caller.text("INVITE").replace(b"<sip:caller@192.0.2.9:5060>", contact))
            assert [await caller.status() for _ in range(3)] == [100, 180, 200]
            caller.peer.to_tag = house.door.leg()
            caller.say(caller.text("ACK", 1, "z9hG4bK-ack"))
            await until(lambda: house.counted("requests_ack"))
        await until(lambda: house.counted("connections") == 0)

        house.adapter.send(HangUpCaller(leg=house.door.leg()))

        await until(lambda: house.counted("undelivered") == 1)
        await until(lambda: house.counted("calls") == 0)


@on_uvloop
async def test_what_has_no_way_at_all_is_told_within_the_same_flow(tmp_path: Path) -> None:
    async with gateway(TCP) as house:
        answer_all(house)
        async with line(house) as caller:
            caller.say(caller.text("INVITE"))
            assert [await caller.status() for _ in range(3)] == [100, 180, 200]
            caller.peer.to_tag = house.door.leg()
            caller.say(caller.text("ACK", 1, "z9hG4bK-ack"))
            await until(lambda: house.counted("requests_ack"))
        await until(lambda: house.counted("connections") == 0)
        link = house.adapter._ports[0].link
        assert isinstance(link, StreamListener)
        link._dialler.stop()

        house.adapter.send(HangUpCaller(leg=house.door.leg()))

        assert (house.counted("undelivered"), house.counted("calls")) == (1, 0)


@on_uvloop
async def test_a_call_that_came_by_udp_is_hung_up_by_tcp_and_one_by_tcp_by_udp(tmp_path: Path) -> None:
    both = SipSettings(listen=("udp:127.0.0.1:0", "tcp:127.0.0.1:0"))
    async with gateway(both) as house, line(house, at=1) as stream:
        answer_all(house)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setblocking(False)
            phone.connect(house.adapter.addresses()[0])
            caller = Peer(endpoint(), "udp", phone.getsockname())
            phone.send(caller.text("INVITE").encode())
            await until(lambda: house.counted("sent_200"))
            caller.to_tag = house.door.leg()
            phone.send(caller.text("ACK", 1, "z9hG4bK-ack").encode())
            await until(lambda: house.counted("requests_ack"))

            stream.say(caller.text("BYE", 2, "z9hG4bK-bye").encode())

            assert await stream.status() == 200
            assert isinstance(house.door.facts[-1], CallEnded)
            stream.say(stream.text("INVITE"))
            assert [await stream.status() for _ in range(3)] == [100, 180, 200]
            stream.peer.to_tag = house.door.leg()
            stream.say(stream.text("ACK", 1, "z9hG4bK-ack2"))
            await until(lambda: house.counted("requests_ack") == 2)
            heard = [phone.recv(9_999).split(b" ")[1] for _ in range(3)]

            phone.send(caller.text("OPTIONS", 9, "z9hG4bK-o").replace(f";tag={caller.to_tag}", "").encode())
            bye = stream.text("BYE", 2, "z9hG4bK-bye2").replace(b"TCP", b"UDP")
            phone.send(bye.replace(b":%d;" % stream.here[1], b":%d;" % phone.getsockname()[1]))

            await until(lambda: house.counted("calls") == 0)
            heard += [phone.recv(9_999).split(b" ")[1] for _ in range(2)]
        assert heard == [b"100", b"180", b"200", b"200", b"200"]
        assert house.counted("passed_on") == 2
        assert [type(fact).__name__ for fact in house.door.facts].count("CallEnded") == 2


@on_uvloop
async def test_a_connection_a_leg_moved_to_may_be_silent_and_the_one_it_left_may_not(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as first, line(house) as second:
        answer_all(house)
        first.say(first.text("INVITE"))
        assert [await first.status() for _ in range(3)] == [100, 180, 200]
        first.peer.to_tag = house.door.leg()
        first.say(first.text("ACK", 1, "z9hG4bK-ack"))
        await until(lambda: house.counted("requests_ack"))
        second.say(first.text("OPTIONS", 2, "z9hG4bK-o"))
        assert await second.status() == 200
        link = house.adapter._ports[0].link
        assert isinstance(link, StreamListener)

        link.sweep(house.clock.mono_s() + 901.0)

        assert await first.hung_up_on()
        assert house.counted("connections") == 1
        second.say(first.text("BYE", 3, "z9hG4bK-bye"))
        assert await second.status() == 200


@needs_ipv6
@on_uvloop
async def test_the_wildcard_of_ipv6_leaves_ipv4_to_a_listener_of_its_own(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    pair = SipSettings(listen=(f"udp:[::]:{port}", f"udp:0.0.0.0:{port}"))
    async with gateway(pair) as house:
        for number, here in enumerate(("::1", "127.0.0.1")):
            family = socket.AF_INET6 if number == 0 else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as phone:
                phone.setblocking(False)
                phone.connect((here, port))
                caller = Peer(endpoint(), f"c{number}", phone.getsockname()[:2])
                via = f"[{here}]" if number == 0 else here
                phone.send(caller.text("INVITE").replace(f"UDP {here}:", f"UDP {via}:").encode())
                await until(lambda: house.counted("sent_100") == number + 1)  # noqa: B023 - awaited here
                phone.recv(9_999)
                house.adapter.send(AnswerCaller(leg=house.door.leg()))
                answer = read_message(phone.recv(9_999))
            assert (":" in answer.get("contact").removeprefix("<sip:110@").rpartition(":")[0]) is (
                number == 0
            )
            assert (b"IN IP6" in answer.raw) is (number == 0)
            received = house.door.facts[-2]
            assert isinstance(received, CallReceived)
            assert received.trunk == here


@on_uvloop
async def test_a_stop_waits_for_nobody_who_does_not_pick_up(tmp_path: Path) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # its queue holds one: the next knocks in vain
            async with gateway(TCP) as house:
                async with line(house) as caller:
                    caller.say(caller.text("INVITE", via_port=full.getsockname()[1]))
                    assert await caller.status() == 100
                await until(lambda: house.counted("connections") == 0)
                house.adapter.send(RingCaller(leg=house.door.leg()))
                await until(lambda: house.counted("connections_dialling"))

            assert house.counted("connections_dialling") == 0
            assert house.counted("connect_failed") == 0, "it was waited for"


@on_uvloop
async def test_a_peer_that_vanishes_without_a_word_is_noticed_by_the_kernel(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        caller.say(caller.text("OPTIONS"))
        assert await caller.status() == 200
        link = house.adapter._ports[0].link
        assert isinstance(link, StreamListener)
        (connection,) = link._connections
        assert connection._transport is not None
        accepted = connection._transport.get_extra_info("socket")

        for level, option, value in KEEP_ALIVE:
            assert accepted.getsockopt(level, option) == value


@on_uvloop
async def test_a_call_of_the_process_before_is_taken_up_over_a_new_connection(tmp_path: Path) -> None:
    async with called() as (port, came):
        async with gateway(TCP) as house, line(house) as caller:
            raw = caller.text("INVITE", via_port=port)
        later = Gateway(TCP)
        await later.adapter.open()
        assert later.adapter.adopt(raw, f"127.0.0.1:{caller.here[1]}", Leg("0123456789abcdef.0"), "ringing")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later.adapter.run(later.door), name="sip")
            async with asyncio.timeout(5):
                back = await came.get()
            assert await back.status() == 180
            await back.close()
            later.adapter.stop()


@on_uvloop
async def test_a_peer_that_stops_reading_is_dropped_and_others_are_served(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house, "deaf") as deaf, line(house) as caller:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        asked = b"".join(deaf.text("OPTIONS", number, f"z9hG4bK-{number}") for number in range(100))
        while not house.counted("slow_readers"):
            deaf.say(asked)
            if deaf.writer.transport.is_closing():
                break
            await asyncio.sleep(0)

        caller.say(caller.text("OPTIONS"))
        assert await caller.status() == 200
        assert house.counted("slow_readers") == 1
        await until(lambda: house.counted("connections") == 1)


@on_uvloop
async def test_a_stranger_who_crawls_is_hung_up_on(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        caller.say(caller.text("INVITE")[:-1])
        await until(lambda: house.counted("connections"))
        house.clock.ahead_s = LATE_S

        assert await caller.hung_up_on()
        assert house.counted("connections_late") == 1
        assert house.door.facts == []


@on_uvloop
async def test_one_stranger_takes_so_many_connections_and_no_more(tmp_path: Path) -> None:
    few = SipSettings(listen=("tcp:127.0.0.1:0",), connections_per_peer_max=1)
    async with gateway(few) as house, line(house) as first:
        first.say(first.text("OPTIONS"))
        assert await first.status() == 200
        async with line(house) as second:
            assert await second.hung_up_on()

        assert house.counted("connections_refused_peer") == 1


@on_uvloop
async def test_a_lost_frame_is_refused_aloud_before_it_is_hung_up_on(tmp_path: Path) -> None:
    async with gateway(TCP) as house, line(house) as caller:
        caller.say(
            caller.text("INVITE").replace(b"Content-Length: 0", b"Content-Length: 99999") + b"x" * 90_000
        )

        refused = await caller.hear()
        assert isinstance(refused, Response)
        assert refused.status == 400
        assert await caller.hung_up_on()
        assert house.counted("anomaly_body_too_long") == 1


@on_uvloop
async def test_listeners_of_all_kinds_are_one_house_and_each_leg_knows_its_own(tmp_path: Path) -> None:
    trunk = Trunk(name="t", addresses=("127.0.0.1",), county=CountyCode("330303"), keep_alive_s=0)
    both = SipSettings(listen=("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "tcp:127.0.0.1:0"), trunks=(trunk,))
    async with gateway(both) as house:
        addresses = house.adapter.addresses()
        for number, (host, port) in enumerate(addresses[1:], 1):
            reader, writer = await asyncio.open_connection(host, port)
            caller = Line(reader, writer, f"caller{number}")
            caller.say(caller.text("INVITE"))
            assert await caller.status() == 100
            leg = house.door.leg()
            assert leg.endswith(f".{number}")
            house.adapter.send(RingCaller(leg=leg))
            assert await caller.status() == 180
            await caller.close()
        received = house.door.facts[0]
        assert isinstance(received, CallReceived)
        assert (received.trunk, received.county) == ("t", "330303")
        assert house.adapter.listening() == tuple(
            f"{kind}:127.0.0.1:{port}"
            for kind, (_, port) in zip(("udp", "tcp", "tcp"), addresses, strict=True)
        )
