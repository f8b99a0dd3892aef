# SPDX-License-Identifier: Apache-2.0
"""The MQTT adapter against a real mosquitto: what is promised when the broker is well, frozen or dead."""

import json

import pytest

from core.events import Fact, NeighbourBack, NeighbourGone, OrderAcked, UnitCalled, UnitReported, UnitsMoved
from device_adapters.fixes.desk import RECORD
from gateway.demo.servers import Server
from tests.integration.mqtt_house import (
    NOW_S,
    UNIT,
    Clock,
    Disk,
    Protocol,
    adapter_for,
    fix,
    order,
    radio,
    radio5,
    say,
    serving,
    until,
)

pytestmark = pytest.mark.real


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
