# SPDX-License-Identifier: Apache-2.0
"""A contender in a process of its own: `python -m bench.compare.ingest.clients NAME URL COUNT PROTOCOL`.

Says `ready` when it is subscribed, and one JSON line when it has heard COUNT reports or nothing more comes. CPU is the
process's own, all threads, from the first report to the last. All but paho's thread run on uvloop.
"""

import asyncio
import json
import resource
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import uvloop

from bench.compare.ingest.reports import COUNTY, FILTER, UNITS, Table
from bench.compare.result import OURS
from core.events import Fact, UnitsMoved
from core.ids import CountyCode, UnitId
from device_adapters.mqtt.adapter import READ_BYTES, READ_REST_S, MqttAdapter
from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.bulk import Splitter
from device_adapters.mqtt.client import LineSpec
from device_adapters.mqtt.receipts import Receipt
from device_adapters.mqtt.session import Ears, Line
from device_adapters.mqtt.settings import MqttSettings
from gateway.clock import SystemClock

SILENCE_S_MAX = 5.0
"So long without a report means that the rest is lost."
FIRST_S_MAX = 30.0
"Until the first one: the sender makes its packets meanwhile (guess)."
LOOK_S = 0.05
MQTT5 = 5
RECORD = np.dtype(
    [
        ("row", "<u4"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("tst", "<u4"),
        ("speed", "<u2"),
        ("course", "<u2"),
    ]
)
"Of core.events.UnitsMoved."


class Asked:
    """What one run is about."""

    def __init__(self, url: str, count: int, protocol: int) -> None:
        self.url = url
        self.port = urlsplit(url).port or 1883
        self.protocol = protocol
        self.table = Table(count, self._complete)
        self.complete = False

    def ready(self) -> None:
        """Tell whoever sends."""
        print("ready", flush=True)

    async def all_heard(self) -> None:
        """Return when all came, or nothing more does."""
        heard, since_s = -1, time.monotonic()
        while not self.complete:
            await asyncio.sleep(LOOK_S)
            if self.table.heard != heard:
                heard, since_s = self.table.heard, time.monotonic()
            elif time.monotonic() - since_s > (SILENCE_S_MAX if heard else FIRST_S_MAX):
                self.table.end()

    def _complete(self) -> None:
        self.complete = True


class House:
    """The door behind our adapter: the columns of the units, here the table."""

    def __init__(self, asked: Asked, heard: Callable[[], int]) -> None:
        self._table = asked.table
        self._heard = heard
        self._newest = np.zeros(UNITS, RECORD)
        self._newest["row"] = np.arange(UNITS)

    def feed(self, fact: Fact) -> int:
        """Write a tick down."""
        if isinstance(fact, UnitsMoved):
            moved = np.frombuffer(fact.data, RECORD)
            self._newest[moved["row"]] = moved
            self._table.heard = self._heard()
            if self._table.heard >= self._table.count:
                self._table.end()
        return 0

    def write_down(self) -> None:
        """Hand the columns over for comparison."""
        for row, lat_e7, lon_e7, tst, _, _ in self._newest.tolist():
            self._table.put(row, lat_e7 / 1e7, lon_e7 / 1e7, tst)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """There is no disk."""
        then()


async def ours_whole(asked: Asked) -> None:
    """Run the adapter as the gateway does: both connections, the roster, every check, the tick."""
    roster = {UnitId(f"u{row}"): (row, CountyCode(COUNTY)) for row in range(UNITS)}
    settings = MqttSettings(url=asked.url, protocol="5" if asked.protocol == MQTT5 else "3.1.1")
    adapter = MqttAdapter(settings, SystemClock(), CountyCode(COUNTY), "bench", lambda: roster)
    house = House(asked, lambda: adapter.statistics().get("received_position", 0))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(adapter.run(house))
        while not adapter.statistics()["connected"]:
            await asyncio.sleep(LOOK_S)
        asked.table.begin()
        asked.ready()
        await asked.all_heard()
        adapter.stop()
        await running
    house.write_down()


async def ours_line(asked: Asked) -> None:
    """Run the connection alone, with the handler of the others."""
    spec = LineSpec(
        client_id="bench-line",
        filters=(FILTER,),
        qos=0,
        mqtt5=asked.protocol == MQTT5,
        lasting=False,
        read_bytes=READ_BYTES,
        rest_s=READ_REST_S,
    )
    on = asked.table.on

    def heard(topic: str, payload: bytes, _: Receipt) -> None:
        on(topic, payload)

    ears = Ears(
        heard=heard,
        up=asked.ready,
        down=lambda reason: None,
        answered=lambda mid, refused: None,
        busy=lambda: False,
    )
    line = Line(spec, MqttSettings(url=asked.url), ears, Backoff(0.1, 1.0, lambda: 0.5))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(line.run())
        await asked.all_heard()
        line.stop()
        await running


async def plain_aiomqtt(asked: Asked) -> None:
    """Do as its documentation does."""
    import aiomqtt

    version = aiomqtt.ProtocolVersion.V5 if asked.protocol == MQTT5 else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client("127.0.0.1", asked.port, protocol=version) as client:
        await client.subscribe(FILTER)

        async def hear() -> None:
            async for message in client.messages:
                assert isinstance(message.payload, bytes), "paho gives octets"
                asked.table.on(message.topic.value, message.payload)

        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(hear())
            asked.ready()
            await asked.all_heard()
            hearing.cancel()


async def plain_gmqtt(asked: Asked) -> None:
    """Do as its documentation does."""
    import gmqtt

    client = gmqtt.Client("bench-gmqtt")
    on = asked.table.on
    subscribed = asyncio.Event()

    def heard(_client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        on(topic, payload)
        return 0

    client.on_message = heard
    client.on_subscribe = lambda *_: subscribed.set()
    await client.connect("127.0.0.1", asked.port, version=asked.protocol)
    client.subscribe(FILTER, qos=0)
    await subscribed.wait()
    asked.ready()
    await asked.all_heard()
    await client.disconnect()


async def paho_thread(asked: Asked) -> None:
    """Let paho's own thread read and call, as its documentation does."""
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    version = paho.MQTTv5 if asked.protocol == MQTT5 else paho.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
    on = asked.table.on
    subscribed = threading.Event()
    client.on_message = lambda _client, _data, message: on(message.topic, bytes(message.payload))
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", asked.port)
    client.loop_start()
    client.subscribe(FILTER)
    await asyncio.to_thread(subscribed.wait)
    asked.ready()
    await asked.all_heard()
    client.disconnect()
    client.loop_stop()


class _Bare(asyncio.Protocol):
    """No session, no keepalive, no way back: a splitter on a socket."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._on = asked.table.on_octets
        mqtt5 = asked.protocol == MQTT5
        self._splitter = Splitter(mqtt5=mqtt5, qos_max=0, payload_bytes_max=8_192)
        none = b"\x00" if mqtt5 else b""
        name = b"bench-bare"
        connect = b"\x00\x04MQTT" + bytes([asked.protocol, 2, 0, 0]) + none + _text(name)
        subscribe = b"\x00\x01" + none + _text(FILTER.encode()) + b"\x00"
        self._opening = bytes([0x10, len(connect)]) + connect + bytes([0x82, len(subscribe)]) + subscribe

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect and subscribe in one go."""
        cast("asyncio.WriteTransport", transport).write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Tell every message."""
        self._splitter.feed(data)
        other = True
        while other:
            messages, packet = self._splitter.take()
            for topic, payload, _ in messages:
                self._on(topic, payload)
            other = packet is not None
            if packet is not None and packet.head == 0x90:  # SUBACK
                self._asked.ready()


async def bare_splitter(asked: Asked) -> None:
    """Show what cannot be undercut in Python."""
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: _Bare(asked), "127.0.0.1", asked.port
    )
    await asked.all_heard()
    transport.close()


CLIENTS: dict[str, Callable[[Asked], Awaitable[None]]] = {
    OURS: ours_line,
    "ours, every check": ours_whole,
    "splitter alone": bare_splitter,
    "gmqtt": plain_gmqtt,
    "paho thread": paho_thread,
    "aiomqtt": plain_aiomqtt,
}
"{name: what it runs}"


def _text(said: bytes) -> bytes:
    return struct.pack(">H", len(said)) + said


def main() -> None:
    """Run one contender; print what it took."""
    name, url, count, protocol = sys.argv[1:]
    asked = Asked(url, int(count), int(protocol))

    async def run() -> None:
        await CLIENTS[name](asked)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    table = asked.table
    found = {
        "heard": table.heard,
        "cpu_s": table.ended_cpu_s - table.began_cpu_s,
        "wall_s": table.ended_s - table.began_s,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "checksum": table.checksum(),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
