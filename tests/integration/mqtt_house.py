# SPDX-License-Identifier: Apache-2.0
"""What the scenes with a real broker share: a clock, a disk, radios, and the adapter between them."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiomqtt

from core.effects import OrderUnit
from core.events import Fact
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.mqtt.adapter import MqttAdapter
from device_adapters.mqtt.settings import MqttSettings
from gateway.demo.servers import Server

NOW_S = 1_700_000_000
WENZHOU = CountyCode("330302")
U1, U2 = UnitId("u1"), UnitId("u2")
UNIT = "g110/v1/330302/units/u1"
WAIT_S_MAX = 20.0
DOCS_RUN = Path(__file__).parents[2] / "docs" / "run"
Protocol = Literal["5", "3.1.1"]


class Clock:
    """Both times, moved by the test."""

    def __init__(self) -> None:
        self.wall = NOW_S * 1_000_000_000
        self.mono = 0.0

    def wall_ns(self) -> int:
        return self.wall

    def mono_s(self) -> float:
        return self.mono


class Disk:
    """A door whose disk is quick or, while `slow`, has not answered yet."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.slow = False
        self._waiting: list[Callable[[], None]] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        if self.slow:
            self._waiting.append(then)
        else:
            then()

    def written(self) -> None:
        self.slow = False
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


async def until(condition: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + WAIT_S_MAX
    while not condition():
        assert loop.time() < end_s, "waited in vain"
        await asyncio.sleep(0.005)


def adapter_for(
    url: str, clock: Clock | None = None, protocol: Protocol = "5", **more: object
) -> MqttAdapter:
    settings = MqttSettings(
        url=url,
        protocol=protocol,
        tick_ms=10,
        reconnect_s_min=0.02,
        reconnect_s_max=0.2,
        **more,  # type: ignore[arg-type]
    )
    roster = {U1: (0, WENZHOU), U2: (1, WENZHOU)}
    return MqttAdapter(settings, clock or Clock(), WENZHOU, "n1", lambda: roster, lambda: 0.5)


@asynccontextmanager
async def serving(adapter: MqttAdapter, disk: Disk, *, connected: bool = True) -> AsyncIterator[None]:
    """Run the adapter; at the end it must return within 2 s."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(adapter.run(disk))
        try:
            if connected:
                await until(lambda: adapter.statistics()["connected"] or running.done())
            yield
        finally:
            adapter.stop()
            begun_s = loop.time()
            done, _ = await asyncio.wait((running,), timeout=WAIT_S_MAX)
            assert done, "run() did not return"
            assert loop.time() - begun_s < 2.0


def radio(server: Server, name: str = "u1", **more: object) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", server.port, identifier=f"radio-{name}", **more)  # type: ignore[arg-type]


def radio5(server: Server) -> aiomqtt.Client:
    return radio(server, protocol=aiomqtt.ProtocolVersion.V5)


async def say(server: Server, leaf: str, *sayings: dict[str, object], qos: int = 1) -> None:
    async with radio(server) as unit:
        for saying in sayings:
            await unit.publish(f"{UNIT}/{leaf}", json.dumps(saying), qos=qos)


def write_passwords(folder: Path) -> None:
    """Write the broker's password file; each user's password is the name."""
    book = folder / "passwd"
    book.touch()
    for name in ("gateway", "u1", "u2"):
        subprocess.run(["mosquitto_passwd", "-b", str(book), name, name], check=True)


def example_configuration() -> str:
    """Return docs/run/mosquitto.conf for a broker in a folder of its own; it must not write where others live."""
    text = (DOCS_RUN / "mosquitto.conf").read_text("utf-8").replace("listener 1883 127.0.0.1", "")
    for folder in ("/etc/mosquitto", "/var/lib/mosquitto"):
        text = text.replace(folder, "{folder}")
    text = text.replace("{folder}/gateway110.acl", str(DOCS_RUN / "mosquitto.acl"))
    return text.replace("{folder}/gateway110.passwd", "{folder}/passwd").replace("log_dest syslog", "")


def fix(tst: int) -> dict[str, object]:
    return {"lat": 28.0, "lon": 120.7, "tst": tst}


def order(name: str, **more: object) -> OrderUnit:
    whole: dict[str, object] = {
        "county": WENZHOU,
        "unit_id": U1,
        "order_id": OrderId(name),
        "incident_id": IncidentId("i1"),
        "version": 1,
        "level": 1,
        "category": "fight",
        "lat": 28.0,
        "lon": 120.7,
        "address": "",
        "text": "",
        "deadline": NOW_S + 60,
    }
    return OrderUnit(**(whole | more))  # type: ignore[arg-type]
