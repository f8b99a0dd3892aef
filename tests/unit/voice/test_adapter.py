# SPDX-License-Identifier: Apache-2.0
"""The gateway's side of the voice with the real worker, and with workers that fail: ports, facts, restarts."""

import asyncio
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from core.effects import AnswerCaller, ChallengeCaller
from core.events import CallKeyPressed, CallSilent, Fact, NeighbourBack, NeighbourGone
from core.ids import Leg
from device_adapters.voice.adapter import WORKER, VoiceAdapter
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voices import Side
from tests.waiting import until

LEG, CALL = Leg("0011223344556677.0"), "call-1"
MUTE = (
    sys.executable,
    "-c",
    "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]))\nwhile s.recv(99): pass",
)
OLD = (
    sys.executable,
    "-c",
    "import sys; from device_adapters.frames import framed; from device_adapters.voice import wire; import os\n"
    "os.write(int(sys.argv[1]), framed(wire.Ready(version=0))); os.read(0, 1); import time; time.sleep(9)",
)


class Clock:
    def wall_ns(self) -> int:
        return 7

    def mono_s(self) -> float:
        return time.monotonic()


class Door:
    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def gone(self) -> list[str]:
        return [fact.reason for fact in self.facts if isinstance(fact, NeighbourGone)]


class Ear:
    """A telephone on loopback."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        port = self.socket.getsockname()[1]
        self.side = Side(host="127.0.0.1", port=port, law="PCMA", number=8, keys=101)

    async def listen(self) -> tuple[bytes, int]:
        """Return the next packet, and the port it came from."""
        loop = asyncio.get_running_loop()
        data, came_from = await loop.sock_recvfrom(self.socket, 2048)
        return data, came_from[1]

    def press(self, to: int) -> None:
        packet = struct.pack(">BBHIIBBH", 0x80, 101, 1, 2, 3, 9, 10, 160)
        self.socket.sendto(packet, ("127.0.0.1", to))


def range_of(ports: int) -> int:
    """Return where so many even ports are free, as far as can be known."""
    for first in range(20_000, 30_000, 2 * ports):
        probes = []
        try:
            for port in range(first, first + 2 * ports, 2):
                probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                probes.append(probe)
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError("no ports are free")


@asynccontextmanager
async def served(
    command: tuple[str, ...] = WORKER, ports: int = 4, *, on: bool = True, **more: object
) -> AsyncIterator[tuple[VoiceAdapter, Door]]:
    first = more.pop("first", None) or range_of(ports)
    assert isinstance(first, int)
    given: dict[str, object] = {
        "host": "127.0.0.1", "port_min": first, "port_max": first + 2 * ports - 1, "calls_max": ports,
        "heartbeat_s": 0.05, "restart_s_min": 0.02, "restart_s_max": 0.1, **more,
    }  # fmt: skip
    adapter, door = VoiceAdapter(VoiceSettings(on=on, **given), Clock(), command), Door()  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(adapter.run(door), name="voice")
        try:
            yield adapter, door
        finally:
            adapter.stop()
            await asyncio.wait((task,), timeout=5)


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    yield made
    made.socket.close()


async def test_a_leg_is_spoken_to_from_its_port_its_keys_are_facts_and_it_falls_silent(ear: Ear) -> None:
    async with served() as (adapter, door):
        port = adapter.take(LEG)
        adapter.talk(LEG, CALL, ear.side)  # before the worker is up: it is told when it is
        data, came_from = await ear.listen()
        ear.press(port)
        await until(lambda: door.facts)
        adapter.release(LEG)
        await until(lambda: adapter.statistics()["lines"] == 0)
        await until(lambda: adapter.statistics().get("keys") == 1)

    assert came_from == port
    assert data[:2] == b"\x80\x88"
    assert door.facts == [CallKeyPressed(at_ns=7, leg=LEG, sip_call_id=CALL, key="9")]
    assert adapter.statistics()["ports"] == 0


async def test_a_silent_line_is_told_of_once_though_its_worker_dies(ear: Ear) -> None:
    async with served(silent_s=1) as (adapter, door):
        adapter.take(LEG)
        adapter.talk(LEG, CALL, ear.side)
        await until(lambda: [fact for fact in door.facts if isinstance(fact, CallSilent)])
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: adapter.statistics().get("reports_late"))  # by the second worker

    assert [type(fact) for fact in door.facts] == [CallSilent, NeighbourGone, NeighbourBack]
    assert door.facts[0] == CallSilent(at_ns=7, leg=LEG, sip_call_id=CALL)


async def test_who_talks_is_told_to_the_next_worker(ear: Ear) -> None:
    async with served() as (adapter, door):
        adapter.take(LEG)
        adapter.talk(LEG, CALL, ear.side)
        first, _ = await ear.listen()
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        data = first
        while data[8:12] == first[8:12]:
            data, _ = await ear.listen()

    assert door.gone() == ["the worker ended (-9)"]
    assert data[8:12] != first[8:12], "another source (RFC 3550 8)"


async def test_a_question_that_comes_too_early_is_asked_when_the_line_is_there(ear: Ear) -> None:
    async with served() as (adapter, _):
        adapter.take(LEG)
        adapter.send(ChallengeCaller(leg=LEG, why="silent"))
        adapter.talk(LEG, CALL, ear.side)
        await until(lambda: adapter.statistics().get("challenges") == 1 or adapter.statistics()["up"])
        adapter.send(ChallengeCaller(leg=LEG, why="silent"))
        await until(lambda: adapter.statistics().get("challenges"))
        adapter.send(AnswerCaller(leg=LEG))  # not for us
        adapter.send(ChallengeCaller(leg=Leg("another"), why="silent"))

    assert adapter.statistics()["challenges_unheard"] == 1


async def test_ports_of_other_programs_are_given_to_nobody(ear: Ear) -> None:
    first = range_of(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first))
        async with served(ports=2, first=first) as (adapter, _):
            await until(lambda: adapter.statistics()["up"])

            assert [adapter.take(LEG), adapter.take(Leg("another"))] == [first + 2, 0]
    assert adapter.statistics()["ports_none"] == 1


async def test_when_no_port_can_be_bound_every_desk_is_told() -> None:
    first = range_of(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first))
        async with served(ports=1, first=first) as (_, door):
            await until(door.gone)

    assert door.gone() == ["no port of voice.port_min to port_max can be bound"]


async def test_a_file_that_cannot_be_played_is_a_tone(ear: Ear) -> None:
    async with served(announcement="nowhere.wav") as (adapter, door):
        adapter.take(LEG)
        adapter.talk(LEG, CALL, ear.side)
        data, _ = await ear.listen()

    assert len(data) == 172
    assert door.facts == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (MUTE, "the worker does not answer"),
        (OLD, "the worker speaks nonsense: version 0"),
        (("/nowhere/worker",), "the worker cannot be started"),
    ],
)
async def test_a_worker_that_cannot_serve_is_a_neighbour_gone_once(
    command: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_adapters.supervisor.START_S_MAX", 0.2)
    async with served(command) as (adapter, door):
        await until(
            lambda: door.gone() and (adapter.supervisor.starts >= 2 or command[0] == "/nowhere/worker")
        )

    assert len(door.facts) == 1
    assert door.gone()[0].startswith(why)


async def test_off_nothing_is_started_and_a_question_is_counted() -> None:
    async with served(on=False) as (adapter, door):
        await asyncio.sleep(0)
        adapter.send(ChallengeCaller(leg=LEG, why="silent"))
        adapter.release(LEG)

    assert door.facts == []
    assert (adapter.supervisor.starts, adapter.statistics()["challenges_unheard"]) == (0, 1)
