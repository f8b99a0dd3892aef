# SPDX-License-Identifier: Apache-2.0
"""The gateway's side of the PBX with a worker that is a real process but no pyVoIP: facts, ends, restarts."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.effects import AnswerCaller, HangUpCaller, RingCaller, ShowPositions
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallKeyPressed,
    CallReceived,
    CallSilent,
    Fact,
    NeighbourBack,
    NeighbourGone,
)
from core.ids import CountyCode, Leg
from device_adapters.pyvoip import adapter as adapters
from device_adapters.pyvoip.adapter import PyvoipAdapter, is_ours
from device_adapters.pyvoip.settings import PyvoipSettings
from tests.waiting import until

COUNTY = CountyCode("330302")
FAKE = (sys.executable, str(Path(__file__).parent / "fake_worker.py"))


class Clock:
    def wall_ns(self) -> int:
        return 7

    def mono_s(self) -> float:
        return time.monotonic()


class Moved(Clock):
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def mono_s(self) -> float:
        return self.now


class Door:
    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def told(self) -> Counter[str]:
        return Counter(type(fact).__name__ for fact in self.facts)

    def legs(self) -> list[Leg]:
        return [fact.leg for fact in self.facts if isinstance(fact, CallReceived)]

    def gone(self) -> list[str]:
        return [fact.reason for fact in self.facts if isinstance(fact, NeighbourGone)]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "is_installed", lambda: True)


@asynccontextmanager
async def served(
    behaviour: str,
    *,
    heartbeat_s_max: float = 5.0,
    restart_s_max: float = 0.1,
    password_file: str = "",
    command: tuple[str, ...] = FAKE,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[PyvoipAdapter, Door]]:
    settings = PyvoipSettings(
        server="192.0.2.1",
        username=behaviour,
        password_file=password_file,
        heartbeat_s=0.05,
        heartbeat_s_max=heartbeat_s_max,
        restart_s_min=0.02,
        restart_s_max=restart_s_max,
    )
    adapter, door = PyvoipAdapter(settings, clock or Clock(), COUNTY, command), Door()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(adapter.run(door), name="pyvoip")
        try:
            yield adapter, door
        finally:
            adapter.stop()
            await asyncio.wait((task,), timeout=5)


async def test_a_call_of_the_pbx_becomes_facts_at_the_door(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    async with served("talks", password_file=str(tmp_path / "secret")) as (adapter, door):
        await until(lambda: len(door.legs()) == 2)
        leg, other = door.legs()
        adapter.send(RingCaller(leg=leg))
        adapter.send(AnswerCaller(leg=leg))
        adapter.send(ShowPositions(county=COUNTY, at_ms=1, n=0, data=b""))  # not for us
        await until(lambda: door.told()["CallEnded"])
        adapter.send(HangUpCaller(leg=other))
        await until(lambda: door.told()["CallEnded"] == 2)
        await until(lambda: adapter.statistics().get("pings"))

    call = f"call-{leg}"
    assert door.facts[0] == CallReceived(
        at_ns=7, leg=leg, sip_call_id=call, caller="s3cret", county=COUNTY, trunk="pbx", peer="192.0.2.1:5060"
    )
    assert door.facts[2:] == [
        CallAnswered(at_ns=7, leg=leg, sip_call_id=call),
        CallSilent(at_ns=7, leg=leg, sip_call_id=call),
        CallKeyPressed(at_ns=7, leg=leg, sip_call_id=call, key="5"),
        CallEnded(at_ns=7, leg=leg, sip_call_id=call, reason="bye"),
        CallEnded(at_ns=7, leg=other, sip_call_id=f"call-{other}", reason="refused"),
    ]
    assert adapter.statistics()["reports_late"] == 1, "the second end of one leg"


async def test_a_worker_that_dies_ends_each_leg_once_and_the_next_one_buries_them() -> None:
    async with served("dies") as (adapter, door):
        await until(lambda: len(door.legs()) == 2)
        answered, ringing = door.legs()
        adapter.send(AnswerCaller(leg=answered))
        await until(lambda: Leg("pbx-buried2") in door.legs() and door.told()["NeighbourBack"])
        adapter.send(AnswerCaller(leg=answered))
        adapter.send(HangUpCaller(leg=ringing))

    ends = [fact for fact in door.facts if isinstance(fact, CallEnded | CallAbandoned)]
    assert [(type(fact), fact.leg, fact.reason) for fact in ends[:2]] == [
        (CallEnded, answered, "gone"),
        (CallAbandoned, ringing, "gone"),
    ]
    assert Counter(fact.leg for fact in ends).most_common(1)[0][1] == 1
    assert door.gone() == ["the worker ended (3)"]
    assert door.told()["NeighbourBack"] == 1
    assert adapter.statistics()["orders_late"] == 2


async def test_a_hundred_long_calls_of_a_dead_worker_are_all_buried() -> None:
    async with served("bursts") as (adapter, door):
        await until(lambda: adapter.is_registered)
        adapter.drain(True)
        await until(lambda: len(door.legs()) == 100)
        adapter.drain(False)
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: Leg("pbx-buried100") in door.legs())

    assert door.told()["CallAbandoned"] == 100
    assert adapter.supervisor.starts == 2
    assert "unburied" not in adapter.statistics()


async def test_an_invite_that_workers_die_of_is_left_after_the_third() -> None:
    clock = Moved()
    async with served("chokes", clock=clock) as (adapter, door):
        await until(lambda: adapter.is_registered)
        adapter.drain(True)
        await until(door.legs)
        adapter.drain(False)
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: adapter.statistics().get("unburied"))
        clock.now += 1.0
        await until(lambda: door.told()["NeighbourBack"])

    assert adapter.supervisor.starts == 5, (
        "one that took the call, three that died of it, one that was spared"
    )
    assert door.gone() == ["the worker ended (-9)"]


async def test_a_worker_that_is_killed_is_started_again() -> None:
    async with served("quiet") as (adapter, door):
        await until(lambda: adapter.is_registered)
        first = adapter.supervisor.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: adapter.supervisor.starts == 2 and door.told()["NeighbourBack"])
        assert adapter.supervisor.pid not in (0, first)

    assert door.gone() == ["the worker ended (-9)"]
    assert [type(fact) for fact in door.facts] == [NeighbourGone, NeighbourBack]


async def test_a_worker_that_does_not_answer_is_killed_and_told_of_once() -> None:
    async with served("mute", heartbeat_s_max=0.2) as (adapter, door):
        await until(lambda: adapter.supervisor.starts >= 3)

    assert door.gone()[0] == "the worker does not answer"
    assert abs(door.told()["NeighbourGone"] - door.told()["NeighbourBack"]) <= 1


async def test_workers_that_register_and_die_are_started_ever_later_and_told_of_once() -> None:
    clock = Moved()
    async with served("begins", restart_s_max=5.0, clock=clock) as (adapter, door):
        await until(lambda: adapter.supervisor.starts >= 4)
        pause_s = adapter.supervisor.pause_s

    assert pause_s == pytest.approx(0.02 * 2 ** (adapter.supervisor.starts - 1))
    assert door.told() == {"NeighbourGone": 1}


async def test_a_worker_is_back_once_it_has_lived_for_the_longest_pause() -> None:
    clock = Moved()
    async with served("quiet", restart_s_max=60.0, clock=clock) as (adapter, door):
        await until(lambda: adapter.is_registered)
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: adapter.supervisor.starts == 2 and adapter.statistics().get("pings", 0) > 2)
        before = door.told()["NeighbourBack"], adapter.supervisor.pause_s
        clock.now += 60.0
        await until(lambda: door.told()["NeighbourBack"])
        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: adapter.supervisor.starts == 3)
        after = adapter.supervisor.pause_s

    assert before == (0, 0.04)
    assert after == 0.04, "the first pause once more, doubled"


async def test_a_gateway_that_stood_still_does_not_kill_a_worker_that_lives() -> None:
    clock = Moved()
    async with served("talks", heartbeat_s_max=5.0, clock=clock) as (adapter, door):
        await until(lambda: len(door.legs()) == 2)
        for _ in range(3):
            clock.now += 600.0  # a machine that was paused, or a loop that was held up: nobody listened
            pings = adapter.statistics().get("pings", 0)
            await until(lambda pings=pings: adapter.statistics().get("pings", 0) > pings + 1)  # type: ignore[misc]

        assert adapter.supervisor.starts == 1
        assert door.told() == {"CallReceived": 2}


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("raves", "the worker speaks nonsense: UnicodeDecodeError"),
        ("refuses", "port taken"),
        ("nonsense", "the worker speaks nonsense"),
        ("old", "the worker speaks nonsense: version 1"),
    ],
)
async def test_a_worker_that_cannot_serve_is_a_neighbour_gone_once(behaviour: str, why: str) -> None:
    async with served(behaviour) as (adapter, door):
        await until(lambda: adapter.supervisor.starts >= 3)

    assert len(door.facts) == 1
    assert door.gone()[0].startswith(why)


async def test_a_worker_with_more_legs_than_it_may_hold_is_ended() -> None:
    async with served("overflows") as (adapter, door):
        await until(lambda: adapter.is_registered)
        adapter.drain(True)
        await until(door.gone)
        adapter.drain(False)

    assert door.gone() == ["the worker speaks nonsense: more legs than calls_max"]
    assert door.told()["CallReceived"] - door.told()["CallEnded"] == door.told()["CallAbandoned"]


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"geheim\xff\xfe", "is not UTF-8 text"),
        (b"geheim\ngeheim", "is not one line of up to 256 characters"),
        (b"geheim" * 1_000_000, "is not one line of up to 256 characters"),
    ],
    ids=["no text", "two lines", "another file"],
)
async def test_a_password_nobody_can_use_starts_no_worker_and_is_never_told(
    tmp_path: Path, octets: bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_bytes(octets)
    async with served("quiet", password_file=str(file)) as (adapter, door):
        await until(door.gone)
        nobody = adapter.supervisor.starts
        file.write_text("a word\n")
        await until(lambda: door.told()["NeighbourBack"])

    assert nobody == 0
    assert door.gone() == [f"the worker cannot be started: pyvoip.password_file '{file}' {why}"[:200]]
    said = capsys.readouterr().out
    assert said.count("neighbour_gone") == 1
    assert "geheim" not in said + str(door.facts)


@pytest.mark.parametrize("command", [("/nowhere/worker",), FAKE])
async def test_what_keeps_a_worker_from_starting_is_told(command: tuple[str, ...], tmp_path: Path) -> None:
    secret = str(tmp_path / "nowhere") if command == FAKE else ""
    async with served("quiet", command=command, password_file=secret) as (_, door):
        await until(door.gone)

    assert door.gone()[0].startswith("the worker cannot be started: ")
    assert "nowhere" in door.gone()[0]


async def test_a_stop_ends_what_is_live_and_is_no_loss_of_a_neighbour() -> None:
    async with served("talks") as (_, door):
        await until(lambda: len(door.legs()) == 2)

    assert door.told() == {"CallReceived": 2, "CallAbandoned": 2}


async def test_without_a_server_nothing_is_started_and_orders_are_counted() -> None:
    adapter, door = PyvoipAdapter(PyvoipSettings(), Clock(), COUNTY, FAKE), Door()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(adapter.run(door), name="pyvoip")
        await asyncio.sleep(0)
        adapter.send(AnswerCaller(leg=Leg("pbx-of-yesterday")))
        adapter.stop()

    assert door.facts == []
    assert adapter.statistics() == {"orders_late": 1, "calls": 0, "starts": 0, "registered": 0}


async def test_without_the_extra_trunks_are_served_and_every_desk_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapters, "is_installed", lambda: False)
    async with served("quiet") as (adapter, door):
        await until(lambda: door.facts)

    assert adapter.supervisor.starts == 0
    assert door.gone() == [adapters.NOT_INSTALLED]
    assert "pip install 'gateway110[pyvoip]'" in adapters.NOT_INSTALLED


def test_legs_of_the_process_before_us_are_ended_as_they_stood() -> None:
    adapter, door = PyvoipAdapter(PyvoipSettings(), Clock(), COUNTY), Door()

    adapter.end_lost(door, [(Leg("pbx-1"), "a", True), (Leg("pbx-2"), "b", False)])

    assert door.facts == [
        CallEnded(at_ns=7, leg=Leg("pbx-1"), sip_call_id="a", reason="gone"),
        CallAbandoned(at_ns=7, leg=Leg("pbx-2"), sip_call_id="b", reason="gone"),
    ]


def test_a_leg_of_the_pbx_is_known_by_its_name() -> None:
    assert is_ours(Leg("pbx-0123"))
    assert not is_ours(Leg("0123456789abcdef.0"))
