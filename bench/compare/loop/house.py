# SPDX-License-Identifier: Apache-2.0
"""A process with a loop that takes in positions, asks who is nearest, and hears a probe.

Positions come as they come from the broker: payload by payload through the adapter's intake, in ticks into the columns.
Each leaves a small record behind, as a console's history or the backlog of a slow neighbour would: a process whose
memory only breathes gives the collector nothing to do, one whose memory grows does. 300,000 records are there at the
start.

The first line on stdout tells the port. Each datagram carries the sender's monotonic ns; how long it was under way is
all that is measured. The last line is the result, as JSON.
"""

import argparse
import asyncio
import gc
import json
import threading
import time
from typing import Any

import msgspec
import numpy as np
import uvloop

from bench.compare.eta.cities import made_up
from bench.compare.loop.wire import HEARD
from core.ids import CountyCode, UnitId
from core.kernels import warm
from core.kernels.layout import FREE
from core.roads.labels import build
from core.units.columns import Barred, UnitColumns
from core.units.index import around
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings
from gateway.pauses import settle

UNITS = 10_000
COUNTY = CountyCode("330302")
CHUNK_S = 0.002
"How often messages come out of the socket."
CHUNKS_PER_TICK = 5
QUERIES_PER_CHUNK = 2
REBUILD_PAUSE_S = 0.2
WARM_UP_S = 0.5
"Of probing before it counts."


class House:
    """The load, and what the probe finds."""

    def __init__(self, records: int, per_s: int, seconds: float) -> None:
        self.per_chunk = round(per_s * CHUNK_S)
        self.seconds = seconds
        self.roster = {UnitId(f"u{row}"): (row, COUNTY) for row in range(UNITS)}
        self.topics = [f"g110/v1/{COUNTY}/units/u{row}/position" for row in range(UNITS)]
        self.payloads = _payloads(round(per_s * (seconds + 3)))
        self.intake = Intake(MqttSettings(), lambda: self.roster)
        self.columns = _fleet()
        self.records: list[dict[str, Any]] = [_record(n) for n in range(records)]
        self.delays_ns: list[int] = []
        self.taken = 0
        self.city = made_up()
        self.rebuilt_s: list[float] = []
        self.stopped = False

    async def work(self) -> None:
        """Take in the next chunk every 2 ms, late or not, until there is no more."""
        loop = asyncio.get_running_loop()
        due, chunk = loop.time(), 0
        while not self.stopped and self.taken + self.per_chunk <= len(self.payloads):
            due += CHUNK_S
            chunk += 1
            self._take_in(chunk)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _take_in(self, chunk: int) -> None:
        now_ns = time.time_ns()
        trail = []
        for n in range(self.taken, self.taken + self.per_chunk):
            payload = self.payloads[n]
            self.intake.read(self.topics[n % UNITS], payload, now_ns)
            trail.append({"unit": n % UNITS, "said": [payload]})
        self.taken += self.per_chunk
        self.records[chunk % len(self.records)]["trail"] = trail
        if chunk % CHUNKS_PER_TICK == 0 and (moved := self.intake.tick(now_ns)) is not None:
            self.columns.apply_fixes(moved.data)
        for n in range(QUERIES_PER_CHUNK):
            place = around(28.0 + 0.01 * (n % 7), 120.6 + 0.001 * (chunk % 300))
            self.columns.index.nearest(
                place, need=FREE, k=10, reach_m=30_000, now_ms=now_ns // 1_000_000, lost_ms=10**9
            )

    def rebuild(self) -> None:
        """Build the labels of a city once."""
        began = time.perf_counter()
        build(self.city, self.city.base_ms)
        self.rebuilt_s.append(time.perf_counter() - began)

    def rebuild_beside(self) -> None:
        """... again and again, in a thread."""
        while not self.stopped:
            self.rebuild()
            time.sleep(REBUILD_PAUSE_S)

    async def rebuild_within(self) -> None:
        """... again and again, on the loop."""
        while not self.stopped:
            self.rebuild()
            await asyncio.sleep(REBUILD_PAUSE_S)


class Probe(asyncio.DatagramProtocol):
    """Hears how long each datagram was under way."""

    def __init__(self, delays_ns: list[int]) -> None:
        self.delays_ns = delays_ns

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        """Take the time."""
        self.delays_ns.append(time.monotonic_ns() - HEARD.unpack(data)[0])


async def serve(house: House, *, settled: bool, rebuild: str) -> None:
    """Work for a while; print the port first and what was found last."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Probe(house.delays_ns), local_addr=("127.0.0.1", 0)
    )
    if settled:
        settle()
    else:
        gc.collect()
    print(transport.get_extra_info("sockname")[1], flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(house.work())
        if rebuild == "beside":
            threading.Thread(target=house.rebuild_beside, daemon=True).start()
        elif rebuild == "within":
            tasks.create_task(house.rebuild_within())
        await asyncio.sleep(WARM_UP_S)
        house.delays_ns.clear()
        began, taken = loop.time(), house.taken
        await asyncio.sleep(house.seconds)
        took_s, taken = loop.time() - began, house.taken - taken
        house.stopped = True
    transport.close()
    print(json.dumps(_found(house, taken / took_s)), flush=True)


def _found(house: House, per_s: float) -> dict[str, float]:
    delays_us = np.array(house.delays_ns) / 1000
    p50, p99, p999 = np.percentile(delays_us, (50, 99, 99.9)).tolist()
    return {
        "probes": len(delays_us),
        "p50_us": p50,
        "p99_us": p99,
        "p999_us": p999,
        "max_us": float(delays_us.max()),
        "messages_per_s": per_s,
        "rebuild_s": float(np.median(house.rebuilt_s)) if house.rebuilt_s else 0.0,
    }


def _payloads(count: int) -> list[bytes]:
    """Return positions of all units in turn, each a second later than the one before."""
    chance = np.random.default_rng(110)
    lat = (28.0 + chance.uniform(-0.5, 0.5, UNITS)).tolist()
    lon = (120.6 + chance.uniform(-0.5, 0.5, UNITS)).tolist()
    begin_s = int(time.time()) - count // UNITS - 1  # noqa: TID251
    encode = msgspec.json.Encoder().encode
    return [
        encode(
            {
                "lat": lat[n % UNITS] + 1e-5 * (n // UNITS),
                "lon": lon[n % UNITS],
                "tst": begin_s + n // UNITS,
                "vel": 30,
                "cog": 90,
            }
        )
        for n in range(count)
    ]


def _fleet() -> UnitColumns:
    columns = UnitColumns()
    for row in range(UNITS):
        columns.add()
        columns.describe(row, county=0, capabilities=0)
        columns.set_barred(row, Barred.FREE)
    return columns


def _record(n: int) -> dict[str, Any]:
    return {"id": n, "place": [28.0, 120.6], "history": [(n, n + 1)], "tags": {"level": n % 4}}


def main() -> None:
    """Read what to do, warm up, serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settled", action="store_true")
    parser.add_argument("--rebuild", choices=["no", "beside", "within"], default="no")
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--per-s", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    warm()
    gc.disable()  # while what is there from the start is laid out
    house = House(given.records, given.per_s, given.seconds)
    gc.enable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(house, settled=given.settled, rebuild=given.rebuild))


if __name__ == "__main__":
    main()
