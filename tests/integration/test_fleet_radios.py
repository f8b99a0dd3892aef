# SPDX-License-Identifier: Apache-2.0
"""Radios on many connections of a real broker, in both versions of MQTT and on the loop that serves."""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiomqtt
import msgspec
import pytest
import uvloop

from device_adapters.simulated.callers import mono_s
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.radios import Radio
from device_adapters.simulated.roster import roster
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server
from tests.integration.mqtt_house import write_passwords
from tests.waiting import until

pytestmark = pytest.mark.real

LUCHENG = BY_CODE["330302"]
UNITS = "g110/v1/330302/units"


@pytest.fixture
def lively() -> Iterator[Server]:
    try:
        server = mosquitto_server(keep=False)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


def radio(url: str, units: int, connections: int, *, mqtt5: bool = False, every_s: float = 0.5) -> Radio:
    began = mono_s()
    fleet = CountyFleet(
        LUCHENG,
        roster((LUCHENG,), units, 5),
        seed=5,
        compress=2000.0,
        epoch_s=time.time_ns() / 1e9,
        habits=Habits(drive_m_s_max=math.inf),
        fix_every_s=(every_s, every_s),
    )
    return Radio(fleet, url, lambda: mono_s() - began, name="many", mqtt5=mqtt5, connections=connections)


@asynccontextmanager
async def on_air(one: Radio, *, ready: bool = True) -> AsyncIterator["asyncio.Task[None]"]:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(one.run())
        try:
            if ready:
                await until(one.ready.is_set, 20)
            yield running
        finally:
            one.stop()
            begun = time.monotonic()
            await asyncio.wait([running], timeout=5)
            assert time.monotonic() - begun < 2.5


class Ear:
    """Hears everything the units say."""

    def __init__(self, server: Server) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.client = aiomqtt.Client("127.0.0.1", server.port)

    async def listen(self) -> None:
        async for message in self.client.messages:
            self.heard.setdefault(message.topic.value.removeprefix(f"{UNITS}/"), []).append(
                bytes(message.payload)
            )

    def units(self, leaf: str) -> set[str]:
        return {topic.split("/")[0] for topic in self.heard if topic.endswith(f"/{leaf}")}


@asynccontextmanager
async def ear(server: Server) -> AsyncIterator[Ear]:
    one = Ear(server)
    async with asyncio.TaskGroup() as tasks, one.client:
        await one.client.subscribe(f"{UNITS}/+/+", qos=1)
        listening = tasks.create_task(one.listen())
        yield one
        listening.cancel()


@pytest.mark.parametrize(("mqtt5", "connections"), [*itertools.product([False, True], [1, 7, 40])])
def test_every_unit_is_heard_and_takes_its_orders_over_one_line_several_or_its_own(
    lively: Server, mqtt5: bool, connections: int
) -> None:
    async def scene() -> None:
        one = radio(lively.url, 40, connections, mqtt5=mqtt5)
        async with ear(lively) as listener, on_air(one):
            assert (one.connections, one.connected) == (connections, connections)
            await until(lambda: len(listener.units("position")) == 40)
            for unit in one.fleet.unit_ids[:3]:
                order = {"order_id": f"for-{unit}", "version": 1}
                for _ in range(2):
                    await listener.client.publish(f"{UNITS}/{unit}/orders", msgspec.json.encode(order), qos=1)
            await until(lambda: len(listener.units("acks")) == 3 and one.orders == 6)
            acked = [
                msgspec.json.decode(listener.heard[f"{unit}/acks"][0]) for unit in one.fleet.unit_ids[:3]
            ]

        assert listener.units("link") == listener.units("status") == set(one.fleet.unit_ids)
        assert [(ack["order_id"], ack["ack"]) for ack in acked] == [
            (f"for-{unit}", "delivered") for unit in one.fleet.unit_ids[:3]
        ]
        assert one.fleet.repeated == 3
        assert (one.reconnects, one.refused, one.dropped, one.unsaid) == (0, 0, 0, 0)

    uvloop.run(scene())


def test_a_radio_that_dies_is_said_to_be_away_and_takes_it_back(lively: Server) -> None:
    async def scene() -> None:
        one = radio(lively.url, 5, 5)
        unit = one.fleet.unit_ids[2]
        others = [f"{other}/link" for other in one.fleet.unit_ids if other != unit]
        async with ear(lively) as listener:
            async with on_air(one):
                one._lines[2].abort()
                await until(lambda: listener.heard[f"{unit}/link"][-2:] == [b"offline", b"online"])

                assert one.reconnects == 1
            await until(lambda: all(listener.heard[other][-1:] == [b"offline"] for other in others))
        assert [listener.heard[other] for other in others] == [[b"online", b"offline"]] * 4

    uvloop.run(scene())


def test_all_lines_come_back_when_the_broker_does(lively: Server) -> None:
    async def scene() -> None:
        one = radio(lively.url, 60, 20)
        async with on_air(one):
            await asyncio.to_thread(lively.restart)
            before = one.fixes
            await until(lambda: one.connected == 20 and one.fixes > before + 120, 20)
            assert one.reconnects >= 20
            assert one.trouble

    uvloop.run(scene())


def test_a_broker_that_does_not_know_us_is_told_by_name() -> None:
    try:
        server = mosquitto_server(
            "allow_anonymous false\npassword_file {folder}/passwd", prepare=write_passwords, keep=False
        )
    except ServerMissingError as missing:
        pytest.skip(str(missing))

    async def scene(url: str, *, reason: str) -> None:
        one = radio(url, 3, 1)
        async with on_air(one, ready=not reason):
            if reason:
                await until(lambda: one.reconnects > 0)
                assert reason in one.trouble

    with server as running:
        uvloop.run(scene(running.url, reason="refuses us: reason 0x5"))
        uvloop.run(scene(running.url.replace("mqtt://", "mqtt://u1:u1@"), reason=""))


def test_five_hundred_radios_each_on_a_line_of_its_own(lively: Server) -> None:
    async def scene() -> None:
        one = radio(lively.url, 500, 500, every_s=1.0)
        async with on_air(one):
            before = one.fixes
            await until(lambda: one.fixes > before + 1_000, 20)
            assert (one.connected, one.reconnects, one.unsaid) == (500, 0, 0)

    uvloop.run(scene())
