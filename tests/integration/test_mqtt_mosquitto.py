# SPDX-License-Identifier: Apache-2.0
"""The MQTT adapter against a real mosquitto: what is promised when the broker is well, frozen or dead."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest

from core.effects import OrderUnit
from core.events import Fact, NeighbourBack, NeighbourGone, OrderAcked, UnitCalled, UnitReported, UnitsMoved
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.mqtt.adapter import MqttAdapter
from device_adapters.mqtt.fixes import RECORD
from device_adapters.mqtt.settings import MqttSettings
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server

pytestmark = pytest.mark.real

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


@pytest.fixture
def broker() -> Iterator[Server]:
    try:
        server = mosquitto_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


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


async def test_positions_arrive_as_one_batch_a_tick(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    async with serving(adapter, disk):
        await say(broker, "position", fix(NOW_S), fix(NOW_S + 1), qos=0)

        def newest() -> int:
            rows = [row for moved in disk.of(UnitsMoved) for row in RECORD.iter_unpack(moved.data)]  # type: ignore[attr-defined]
            return int(max((row[3] for row in rows), default=0))

        await until(lambda: newest() == NOW_S + 1)
    assert adapter.statistics()["received_position"] == 2


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_an_event_is_acknowledged_only_when_it_is_on_the_disk(
    broker: Server, protocol: Protocol
) -> None:
    disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol)
    disk.slow = True
    async with serving(adapter, disk):
        await say(broker, "event", {"event": "emergency", "tst": NOW_S, "seq": 1})
        await until(lambda: len(disk.of(UnitCalled)) == 1)

    # The first process ends without the disk's word: the broker must bring the event to the next one.
    disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol)
    disk.slow = True
    async with serving(adapter, disk):
        await until(lambda: len(disk.of(UnitCalled)) == 1)
        disk.written()
        await say(broker, "event", {"event": "text", "tst": NOW_S, "seq": 2})
        await until(lambda: len(disk.of(UnitCalled)) == 2)

    # Now it is written, and the third one does not hear of either again.
    disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol)
    async with serving(adapter, disk):
        await say(broker, "event", {"event": "man_down", "tst": NOW_S, "seq": 3})
        await until(lambda: disk.of(UnitCalled))
    assert [fact.seq for fact in disk.of(UnitCalled)] == [3]  # type: ignore[attr-defined]


async def test_a_receipt_of_an_older_connection_is_not_sent_on_the_new_one(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    disk.slow = True
    async with serving(adapter, disk):
        await say(broker, "event", {"event": "emergency", "tst": NOW_S, "seq": 1})
        await until(lambda: len(disk.of(UnitCalled)) == 1)
        adapter._events.cut("drill")
        await until(lambda: len(disk.of(UnitCalled)) == 2)  # redelivered
        disk.written()  # both receipts; the first is of the dead connection
        await say(broker, "status", {"status": "available", "seq": 2})
        await until(lambda: disk.of(UnitReported))
    assert [type(fact) for fact in disk.facts if isinstance(fact, NeighbourGone | NeighbourBack)] == [
        NeighbourGone,
        NeighbourBack,
    ]


async def test_an_event_that_came_while_we_were_away_is_kept_for_us(broker: Server) -> None:
    async with serving(adapter_for(broker.url), Disk()):
        pass
    await say(broker, "acks", {"order_id": "o1", "ack": "signed", "tst": NOW_S})

    disk = Disk()
    async with serving(adapter_for(broker.url), disk):
        await until(lambda: disk.of(OrderAcked))


async def test_a_rejected_event_does_not_come_again(broker: Server) -> None:
    adapter = adapter_for(broker.url)
    async with serving(adapter, Disk()):
        await say(broker, "event", {"event": "no such"})
        await until(lambda: adapter.statistics().get("rejected_unreadable"))

    disk, adapter = Disk(), adapter_for(broker.url)
    async with serving(adapter, disk):
        await say(broker, "event", {"event": "text", "tst": NOW_S})
        await until(lambda: disk.of(UnitCalled))
    assert "rejected_unreadable" not in adapter.statistics()


async def test_an_order_carries_its_deadline_its_answer_topic_and_its_id(broker: Server) -> None:
    adapter = adapter_for(broker.url)
    async with serving(adapter, Disk()), radio5(broker) as unit:
        await unit.subscribe(f"{UNIT}/orders", qos=1)

        adapter.send(order("o1"))

        message = await anext(aiter(unit.messages))
        extras = message.properties
        assert extras is not None
        assert json.loads(bytes(message.payload))["order_id"] == "o1"
        assert extras.ResponseTopic == f"{UNIT}/acks"  # type: ignore[attr-defined]
        assert extras.CorrelationData == b"o1"  # type: ignore[attr-defined]
        assert 0 < extras.MessageExpiryInterval <= 60  # type: ignore[attr-defined]
        await until(lambda: adapter.statistics()["orders_pending"] == 0)
    assert adapter.statistics()["orders_confirmed"] == 1


async def test_a_hundred_orders_arrive_in_order(broker: Server) -> None:
    adapter = adapter_for(broker.url, protocol="3.1.1")
    async with serving(adapter, Disk()), radio(broker) as unit:
        await unit.subscribe(f"{UNIT}/orders", qos=1)

        for i in range(100):
            adapter.send(order(f"o{i}"))

        messages = aiter(unit.messages)
        told = [json.loads(bytes((await anext(messages)).payload))["order_id"] for _ in range(100)]
    assert told == [f"o{i}" for i in range(100)]


async def test_after_a_broker_died_everything_goes_on_and_orders_of_the_outage_arrive(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    async with serving(adapter, disk):
        await a_radio_the_broker_remembers(broker)
        broker.kill()
        await until(lambda: disk.of(NeighbourGone))
        adapter.send(order("o1"))
        assert adapter.statistics()["orders_pending"] == 1

        broker.restart()

        async with radio(broker, clean_session=False) as unit:
            message = await anext(aiter(unit.messages))
            assert json.loads(bytes(message.payload))["order_id"] == "o1"
        await until(lambda: disk.of(NeighbourBack))
        await say(broker, "event", {"event": "emergency", "tst": NOW_S})
        await until(lambda: disk.of(UnitCalled))
        await say(broker, "position", fix(NOW_S), qos=0)
        await until(lambda: disk.of(UnitsMoved))
    assert len(disk.of(NeighbourGone)) == len(disk.of(NeighbourBack)) == 1
    assert adapter.statistics()["reconnects"] == 2


async def a_radio_the_broker_remembers(broker: Server) -> None:
    """Subscribe to orders in a session that outlives the broker: it is in its file before we go on."""
    async with radio(broker, clean_session=False) as unit:
        await unit.subscribe(f"{UNIT}/orders", qos=1)
    kept = broker.folder / "mosquitto.db"
    await until(lambda: kept.exists() and f"{UNIT}/orders".encode() in kept.read_bytes())


async def test_without_a_broker_at_the_start_it_waits_and_says_so_once(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    broker.kill()
    async with serving(adapter, disk, connected=False):
        await until(lambda: disk.of(NeighbourGone))
        broker.restart()
        await until(lambda: disk.of(NeighbourBack))
    assert [type(fact) for fact in disk.facts] == [NeighbourGone, NeighbourBack]


async def test_a_frozen_broker_cannot_hold_up_a_stop(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    try:
        async with serving(adapter, disk):
            broker.pause()
            adapter.send(order("o1"))
    finally:
        broker.resume()
    assert adapter.statistics()["orders_pending"] == 1


async def test_a_broker_frozen_before_it_answered_cannot_hold_up_a_stop(broker: Server) -> None:
    adapter = adapter_for(broker.url)
    broker.pause()
    try:
        async with serving(adapter, Disk(), connected=False):
            await until(
                lambda: adapter._events._client is not None and adapter._events._client._client.socket()
            )
    finally:
        broker.resume()


async def test_a_broker_that_fell_silent_is_given_up_after_the_keepalive(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url, keepalive_s=2)
    async with serving(adapter, disk):
        broker.pause()
        await until(lambda: disk.of(NeighbourGone))
        broker.resume()
        await until(lambda: disk.of(NeighbourBack))


async def test_an_order_the_broker_does_not_confirm_goes_again_on_a_new_connection(broker: Server) -> None:
    clock, disk = Clock(), Disk()
    adapter = adapter_for(broker.url, clock)
    async with serving(adapter, disk):
        broker.pause()
        adapter.send(order("o1"))
        clock.mono = 5.1
        await until(lambda: disk.of(NeighbourGone))
        broker.resume()
        await until(lambda: adapter.statistics()["orders_confirmed"])
    assert adapter.statistics()["orders_sent"] == 2


async def test_others_see_whether_we_are_there(broker: Server) -> None:
    async with radio(broker, "watch") as watch:
        await watch.subscribe("g110/v1/330302/sys/n1", qos=1)
        messages = aiter(watch.messages)
        async with serving(adapter_for(broker.url), Disk()):
            assert (await anext(messages)).payload == b"online"
        assert (await anext(messages)).payload == b"offline"


async def test_a_fault_behind_the_door_ends_the_run_and_is_not_lost_in_the_library(broker: Server) -> None:
    class Broken(Disk):
        def feed(self, fact: Fact) -> int:
            if isinstance(fact, UnitCalled):
                raise AssertionError("we are wrong")
            return super().feed(fact)

    adapter = adapter_for(broker.url)

    async def drill() -> None:
        async with serving(adapter, Broken()):
            await say(broker, "event", {"event": "emergency", "tst": NOW_S})
            await until(lambda: adapter._events._fault)

    with pytest.raises(BaseExceptionGroup) as caught:
        await drill()
    assert caught.group_contains(AssertionError, match="we are wrong")


@pytest.fixture
def guarded() -> Iterator[Server]:
    """Serve a broker with the ACL of docs/run/mosquitto.acl; each user's password is the name."""
    try:
        server = mosquitto_server(
            f"allow_anonymous false\npassword_file {{folder}}/passwd\nacl_file {DOCS_RUN / 'mosquitto.acl'}",
            prepare=write_passwords,
        )
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


def write_passwords(folder: Path) -> None:
    book = folder / "passwd"
    book.touch()
    for name in ("gateway", "u1", "u2"):
        subprocess.run(["mosquitto_passwd", "-b", str(book), name, name], check=True)


async def forge(server: Server, name: str, leaf: str) -> None:
    """Write where it is not allowed. mosquitto 2.0.11 of Debian drops the message and hangs up."""
    async with radio(server, f"forger-{name}", username=name, password=name) as forger:
        await forger.publish(f"{UNIT}/{leaf}", json.dumps({"event": "emergency", "tst": NOW_S}))
        await asyncio.wait((forger._disconnected,), timeout=WAIT_S_MAX)


async def test_a_radio_speaks_for_itself_only_and_hears_its_own_orders_only(guarded: Server) -> None:
    disk = Disk()
    adapter = adapter_for(guarded.url, username="gateway", password="gateway")
    u1 = radio(guarded, "u1", username="u1", password="u1")
    u2 = radio(guarded, "u2", username="u2", password="u2")
    async with serving(adapter, disk), u1, u2:
        for unit in (u1, u2):
            await unit.subscribe(f"{UNIT}/orders", qos=1)

        await forge(guarded, "u2", "event")
        await forge(guarded, "u2", "orders")
        await forge(guarded, "u1", "orders")
        await u2.publish("g110/v1/330302/units/u2/status", json.dumps({"status": "available"}), qos=1)
        await until(lambda: disk.of(UnitReported))
        adapter.send(order("o1"))
        first = await anext(aiter(u1.messages))

        assert json.loads(bytes(first.payload))["order_id"] == "o1"
        await until(lambda: adapter.statistics()["orders_confirmed"])
        assert len(u2.messages) == 0
    assert [fact.unit_id for fact in disk.of(UnitReported)] == [U2]  # type: ignore[attr-defined]
    assert disk.of(UnitCalled) == []


def test_the_example_configuration_is_one_the_broker_takes() -> None:
    text = (DOCS_RUN / "mosquitto.conf").read_text("utf-8").replace("listener 1883 127.0.0.1", "")
    for folder in ("/etc/mosquitto", "/var/lib/mosquitto"):
        text = text.replace(folder, "{folder}")
    text = text.replace("{folder}/gateway110.acl", str(DOCS_RUN / "mosquitto.acl"))
    text = text.replace("{folder}/gateway110.passwd", "{folder}/passwd").replace("log_dest syslog", "")

    try:
        example = mosquitto_server(text, prepare=write_passwords, keep=False)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with example as server:
        assert server.pid
