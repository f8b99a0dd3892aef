# SPDX-License-Identifier: Apache-2.0
"""The long drill of `make soak`: half an hour of calls, a kill every half minute, Redis frozen in between."""

import asyncio
import itertools
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from device_adapters.simulated.callers import Callers, mono_s
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.demand import Demand, Manner, even
from gateway.demo.child import Gateway, free_udp_port
from tests.integration.house import COUNTY, each_decision_once, house, run_gateway, serve, until

pytestmark = [pytest.mark.real, pytest.mark.soak]

RATE = 20.0
MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
RSS_GROWTH_MIB_MAX = 64


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def test_hours_of_calls_and_kills_lose_nobody_and_double_nothing(tmp_path: Path) -> None:
    port, seconds = free_udp_port(), MINUTES * 60
    with house(tmp_path) as home, ExitStack() as stack:
        home.gateway.stop()

        def start() -> Gateway:
            return stack.enter_context(serve(tmp_path, home.redis_at, home.broker, sip_port=port))

        home.gateway = start()
        callers = Callers((home.gateway.sip_address,))
        await callers.open()
        planned = Demand(3, (BY_CODE[COUNTY],), Manner(abandon_share=0.0), "soak").calls(even(RATE))
        due = itertools.takewhile(lambda call: call.at_s < seconds, planned)
        async with asyncio.TaskGroup() as tasks:
            placing = tasks.create_task(callers.place(due, start=mono_s(), seconds=seconds))
            while not placing.done():
                await asyncio.wait([placing], timeout=25)
                await asyncio.to_thread(home.gateway.kill)
                home.gateway = await asyncio.to_thread(start)
                home.redis_at.pause()
                await asyncio.wait([placing], timeout=3)
                home.redis_at.resume()
        await callers.finish(20.0)
        callers.close()

        rang = {record.sip_call_id for record in callers.records if record.heard}
        assert [record.reason for record in callers.records if record.outcome != "answered"] == []
        until(lambda: len(home.call_ids("call.ended")) == len(rang), 60)
        home.gateway.stop()
        recorded = home.call_ids()
        assert set(recorded) == rang
        assert set(recorded.values()) == {1}
        each_decision_once(home)
        assert run_gateway("replay", "--data", str(home.gateway.data), timeout=600).returncode == 0


async def test_memory_is_flat_after_the_first_minute(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        callers = Callers((home.gateway.sip_address,))
        await callers.open()
        manner = Manner(abandon_share=0.0, talk_s=1.0, even_talk=True)
        planned = Demand(3, (BY_CODE[COUNTY],), manner, "flat").calls(even(50.0))
        seconds = MINUTES * 30
        due = itertools.takewhile(lambda call: call.at_s < seconds, planned)
        async with asyncio.TaskGroup() as tasks:
            placing = tasks.create_task(callers.place(due, start=mono_s(), seconds=seconds))
            await asyncio.wait([placing], timeout=60)
            early = rss_mib(home.gateway.pid)
            await asyncio.wait([placing])
        await callers.finish(20.0)
        callers.close()

        grown = rss_mib(home.gateway.pid) - early
        assert grown < RSS_GROWTH_MIB_MAX, f"{grown:.0f} MiB more after {len(callers.records)} calls"
