# SPDX-License-Identifier: Apache-2.0
"""Foreign sources at a real mosquitto: fixes in, cries for help kept until they are on the disk, orders out."""

import json

import msgspec
import pytest

from core.events import UnitCalled, UnitsMoved
from device_adapters.mqtt.sources import Source
from gateway.demo.servers import Server
from tests.integration.mqtt_house import NOW_S, Disk, Protocol, adapter_for, order, radio, serving, until

pytestmark = pytest.mark.real

CARS = Source(
    name="cars",
    filter="jt808/+/up",
    codec="jt808",
    crs="gcj02",
    units={"013900000001": "u1"},
    orders="jt808/{id}/dn",
)
PHONES = Source(name="phones", filter="owntracks/#", codec="owntracks")
REPORT = {"status": 3, "latitude": 28_000_000, "longitude": 120_700_000, "time": "231115061320"}
"2023-11-15 06:13:20 in Beijing is NOW_S."


def report(alarm: int, count: int = 7) -> str:
    header = {"msg_id": 512, "phone": "013900000001", "msg_sn": count}
    return json.dumps({"header": header, "body": {**REPORT, "alarm": alarm}})


async def test_a_phone_and_a_terminal_are_heard_each_on_its_line(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url, sources=(CARS, PHONES))
    location = json.dumps({"_type": "location", "lat": 28.0, "lon": 120.7, "tst": NOW_S})
    async with serving(adapter, disk), radio(broker) as sender:
        await sender.publish("owntracks/u2/phone", location, qos=1)
        await sender.publish("jt808/013900000001/up", report(0), qos=1)

        await until(lambda: sum(moved.n for moved in disk.of(UnitsMoved)) == 2)  # type: ignore[attr-defined]

    figures = adapter.statistics()
    assert (figures["source_phones_fixes"], figures["source_cars_fixes"]) == (1, 1)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_terminals_button_is_brought_again_until_it_is_on_the_disk(
    broker: Server, protocol: Protocol
) -> None:
    disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol, sources=(CARS,))
    disk.slow = True
    async with serving(adapter, disk), radio(broker) as sender:
        await sender.publish("jt808/013900000001/up", report(1), qos=1)
        await until(lambda: len(disk.of(UnitCalled)) == 1)

    # The first process ends without the disk's word: the next one hears of the press, and again just once.
    disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol, sources=(CARS,))
    async with serving(adapter, disk), radio(broker) as sender:
        await until(lambda: len(disk.of(UnitCalled)) == 1)
        for count, alarm in ((8, 1), (9, 1), (10, 0)):
            await sender.publish("jt808/013900000001/up", report(alarm, count), qos=1)
        await until(lambda: adapter.statistics()["source_cars_received"] == 4)

    (call,) = disk.of(UnitCalled)
    assert isinstance(call, UnitCalled)
    assert (call.unit_id, call.event, call.tst) == ("u1", "emergency", NOW_S)


async def test_an_order_reaches_a_terminal_as_a_text_and_a_radio_by_the_contract(broker: Server) -> None:
    adapter = adapter_for(broker.url, sources=(CARS,))
    async with serving(adapter, Disk()), radio(broker) as terminal:
        await terminal.subscribe([("jt808/013900000001/dn", 1), ("g110/v1/330302/units/u2/orders", 1)])

        adapter.send(order("o1"))
        adapter.send(order("o2", unit_id="u2"))

        heard = {}
        async for message in terminal.messages:
            heard[str(message.topic)] = json.loads(bytes(message.payload))
            if len(heard) == 2:
                break
    text = heard["jt808/013900000001/dn"]
    assert text["header"] == {"msg_id": 33_536}
    assert text["body"]["text"].startswith("【指令】o1 1级 fight")
    assert heard["g110/v1/330302/units/u2/orders"]["order_id"] == "o2"


async def test_ids_are_taken_over_at_a_reload_and_new_filters_need_a_restart(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url, sources=(CARS,))
    settings = adapter._settings
    moved = msgspec.structs.replace(CARS, units={"013900000001": "u2"})
    async with serving(adapter, disk), radio(broker) as sender:
        now = msgspec.structs.replace(settings, sources=(moved,))
        later = msgspec.structs.replace(settings, sources=(moved, PHONES))

        assert adapter.reload(now) is False
        await sender.publish("jt808/013900000001/up", report(1), qos=1)
        await until(lambda: disk.of(UnitCalled))
        assert adapter.reload(later) is True
        assert adapter.reload(now) is False

    assert [fact.unit_id for fact in disk.of(UnitCalled)] == ["u2"]  # type: ignore[attr-defined]
