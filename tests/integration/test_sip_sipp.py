# SPDX-License-Identifier: Apache-2.0
"""Real sipp against the adapter in this process: a gateway that answers every call at once."""

import asyncio
import functools
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from core.effects import AnswerCaller, RingCaller
from core.events import CallReceived, Fact
from core.ids import CountyCode
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.settings import SipSettings

SIPP = shutil.which("sipp") or ""
SCENARIOS = Path(__file__).parent.parent / "unit" / "sip" / "scenarios"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)"),
]


def on_uvloop(scene: Callable[[Path], Coroutine[None, None, None]]) -> Callable[[Path], None]:
    """Play the scene on the loop the gateway serves on."""

    @functools.wraps(scene)
    def play(tmp_path: Path) -> None:
        uvloop.run(scene(tmp_path))

    return play


class WallClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_s(self) -> float:
        return time.monotonic()


class AnsweringDoor:
    """Rings and, if it may, answers each call before `feed` returns."""

    def __init__(self, adapter: SipAdapter, *, answers: bool) -> None:
        self.told: Counter[str] = Counter()
        self.call_ids: Counter[str] = Counter()
        self._adapter = adapter
        self._answers = answers

    def feed(self, fact: Fact) -> int:
        self.told[type(fact).__name__] += 1
        if isinstance(fact, CallReceived):
            self.call_ids[fact.sip_call_id] += 1
            self._adapter.send(RingCaller(leg=fact.leg))
            if self._answers:
                self._adapter.send(AnswerCaller(leg=fact.leg))
        return sum(self.told.values())

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()


@asynccontextmanager
async def gateway(*, answers: bool = True) -> AsyncIterator[tuple[SipAdapter, AnsweringDoor]]:
    adapter = SipAdapter(SipSettings(listen=("udp:127.0.0.1:0",)), WallClock(), CountyCode("330302"))
    await adapter.open()
    door = AnsweringDoor(adapter, answers=answers)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(adapter.run(door), name="sip")
        yield adapter, door
        adapter.stop()


async def sipp(adapter: SipAdapter, folder: Path, *arguments: str) -> tuple[int, str]:
    host, port = adapter.addresses()[0]
    process = await asyncio.create_subprocess_exec(
        SIPP, f"{host}:{port}", "-i", "127.0.0.1", "-timeout", "90", "-timeout_error", "-nostdin", *arguments,
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode("utf-8", "replace")[-4000:]


@on_uvloop
async def test_sipp_places_two_hundred_calls_and_none_fails(tmp_path: Path) -> None:
    async with gateway() as (adapter, door):
        code, output = await sipp(adapter, tmp_path, "-sn", "uac", "-m", "200", "-r", "50", "-d", "100")

        assert code == 0, output
    assert door.told == {"CallReceived": 200, "CallAnswered": 200, "CallEnded": 200}
    assert adapter.statistics()["calls"] == 0


@on_uvloop
async def test_no_call_is_lost_or_doubled_when_one_datagram_in_twenty_is(tmp_path: Path) -> None:
    async with gateway() as (adapter, door):
        code, output = await sipp(
            adapter, tmp_path, "-sn", "uac", "-m", "100", "-r", "50", "-d", "100", "-lost", "5"
        )

        assert code == 0, output
    assert len(door.call_ids) == 100
    assert set(door.call_ids.values()) == {1}
    assert door.told["CallAnswered"] == 100


@on_uvloop
async def test_every_caller_who_hangs_up_while_ringing_is_told_of_once(tmp_path: Path) -> None:
    async with gateway(answers=False) as (adapter, door):
        code, output = await sipp(
            adapter, tmp_path, "-sf", str(SCENARIOS / "cancel.xml"), "-m", "50", "-r", "50"
        )

        assert code == 0, output
    assert door.told == {"CallReceived": 50, "CallAbandoned": 50}
    assert "anomaly_cancel_branch" not in adapter.statistics()
    assert adapter.statistics()["calls"] == 0
