# SPDX-License-Identifier: Apache-2.0
"""The drills: what the caller notices when a part of the house dies. Nothing lost, nothing doubled."""

import asyncio
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from device_adapters.simulated.callers import Callers, mono_s
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.demand import Demand, Manner, PlannedCall, even
from gateway.demo.child import Gateway, free_udp_port
from gateway.demo.servers import ServerMissingError, mosquitto_server, redis_server
from tests.integration.house import COUNTY, House, each_decision_once, house, run_gateway, serve, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

LUCHENG = (BY_CODE[COUNTY],)
RATE = 20.0


def calls(seconds: float, run: str) -> Iterator[PlannedCall]:
    """Located and unlocated calls, 20 a second, none given up."""
    planned = Demand(7, LUCHENG, Manner(abandon_share=0.0), run).calls(even(RATE))
    return itertools.takewhile(lambda call: call.at_s < seconds, planned)


class Crowd:
    """Callers in the background of a drill."""

    def __init__(self, home: House, seconds: float, run: str = "drill") -> None:
        self.callers = Callers((home.gateway.sip_address,))
        self.seconds = seconds
        self.run = run

    async def call(self) -> None:
        await self.callers.open()
        await self.callers.place(calls(self.seconds, self.run), start=mono_s(), seconds=self.seconds)
        await self.callers.finish(20.0)
        self.callers.close()

    @property
    def rang(self) -> set[str]:
        """Call-IDs that got an 18x or a 200."""
        return {record.sip_call_id for record in self.callers.records if record.heard}

    def waited_ms(self) -> list[float]:
        """How long each caller waited for a sign of life, in order."""
        return sorted(
            1000 * (record.heard - record.origin) for record in self.callers.records if record.heard
        )


async def test_redis_frozen_then_killed_and_empty_costs_no_caller_and_no_decision(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        crowd = Crowd(home, 14.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.call())
            await asyncio.sleep(2.0)
            home.redis_at.pause()
            await asyncio.sleep(10.0)
            await asyncio.to_thread(home.redis_at.kill)
            for left in home.redis_at.folder.glob("appendonlydir/*"):
                left.unlink()
            await asyncio.to_thread(home.redis_at.restart)

        assert {record.outcome for record in crowd.callers.records} == {"answered"}
        assert crowd.waited_ms()[len(crowd.waited_ms()) // 2] < 100, "half the callers heard ringing at once"
        until(lambda: len(home.of("call.ended")) == len(crowd.rang))
        home.gateway.stop()
        each_decision_once(home)
        degraded = [data["name"] for data in home.of("service.degraded")]
        assert degraded.count("redis") >= 1
        assert home.of("service.restored")


async def test_kill_9_under_load_strands_nobody_who_has_rung_and_records_everyone_once(
    tmp_path: Path,
) -> None:
    port = free_udp_port()
    with house(tmp_path) as home, ExitStack() as stack:
        home.gateway.stop()

        def start() -> Gateway:
            return stack.enter_context(serve(tmp_path, home.redis_at, home.broker, sip_port=port))

        home.gateway = start()
        crowd = Crowd(home, 9.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.call())
            for _ in range(2):
                await asyncio.sleep(2.0)
                await asyncio.to_thread(home.gateway.kill)
                home.gateway = await asyncio.to_thread(start)

        failed = [record for record in crowd.callers.records if record.outcome != "answered"]
        assert not [record for record in failed if record.heard or not record.trying]
        assert len(failed) <= 2, "one for each kill between 100 Trying and the disk (docs/decisions/0003)"
        assert len(crowd.rang) == len(crowd.callers.records) - len(failed)
        until(lambda: set(home.call_ids("call.ended")) >= crowd.rang)
        home.gateway.stop()
        recorded = home.call_ids()
        assert set(recorded) >= crowd.rang
        assert set(recorded.values()) == {1}
        each_decision_once(home)
        verified = run_gateway("journal", "verify", "--data", str(home.gateway.data))
        assert verified.returncode == 0, verified.stdout
        assert run_gateway("replay", "--data", str(home.gateway.data)).returncode == 0


async def test_without_redis_and_broker_calls_are_answered_and_told_later(tmp_path: Path) -> None:
    try:
        with redis_server() as redis_at, mosquitto_server() as broker:
            redis_at.end()
            broker.end()
            (tmp_path / "units.csv").write_text("unit_id,county\nu1,330302\n")
            with serve(tmp_path, redis_at, broker) as running:
                home = House(running, redis_at, broker)
                crowd = Crowd(home, 2.0)
                await crowd.call()
                assert {record.outcome for record in crowd.callers.records} == {"answered"}

                redis_at.restart()
                broker.restart()
                until(lambda: len(home.of("call.ended")) == len(crowd.rang))
                until(lambda: {data["name"] for data in home.of("service.restored")} == {"mqtt", "redis"})
                running.stop()
                each_decision_once(home)
    except ServerMissingError as missing:
        pytest.skip(str(missing))


async def test_a_full_disk_lets_calls_ring_and_holds_orders_back(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    small = tmp_path / "small"
    small.mkdir()
    if run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)):
        pytest.skip("this machine may not mount")
    try:
        with house(tmp_path, "--data", str(small / "data")) as home:
            home.gateway.data = small / "data"
            crowd = Crowd(home, 4.0)
            await crowd.call()
            before = len(home.call_ids())
            filler = small / "filler"
            run("dd", "if=/dev/zero", f"of={filler}", "bs=4k")
            crowd2 = Crowd(home, 4.0, "later")
            await crowd2.call()

            assert {record.outcome for record in crowd2.callers.records} == {"answered"}
            assert crowd2.waited_ms()[-1] < 2_000
            filler.unlink()
            until(lambda: set(home.call_ids()) >= crowd2.rang)
            assert before == len(crowd.rang)
            assert set(home.call_ids().values()) == {1}
            until(lambda: {"disk"} <= {data["name"] for data in home.of("service.degraded")})
            until(lambda: {"disk"} <= {data["name"] for data in home.of("service.restored")})
    finally:
        run("umount", "-l", str(small))


def run(*command: str) -> int:
    """Run a command of the machine; return its exit code."""
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode
