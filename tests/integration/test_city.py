# SPDX-License-Identifier: Apache-2.0
"""The simulated city against real sockets: a tiny callee, a real broker, a real Redis."""

import asyncio
import contextlib
import itertools
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import aiomqtt
import msgspec
import pytest
import redis.asyncio as redis

from device_adapters.simulated.callers import Callers, mono_s
from device_adapters.simulated.city import City, Scenario
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.demand import Demand, Manner, even
from device_adapters.simulated.desk import Desk
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.radios import Radio
from device_adapters.simulated.report import Progress
from device_adapters.simulated.roster import roster
from device_adapters.simulated.wire import Address
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server, redis_server

LUCHENG, LONGWAN = BY_CODE["330302"], BY_CODE["330303"]


class Callee(asyncio.DatagramProtocol):
    """The least that answers: 100, 180, 200; every `deaf_to`-th INVITE is not heard the first time."""

    def __init__(self, deaf_to: int = 0, answers: bool = True) -> None:
        self.deaf_to, self.answers = deaf_to, answers
        self.invited: dict[str, Address] = {}
        self.first: list[str] = []
        self.acks = self.byes = self.cancels = 0
        self.on_call: Callable[[str], None] = lambda call_id: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address: Address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        head = data.partition(b"\r\n\r\n")[0].decode()
        method = head.split(" ")[0]
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        if method == "ACK":
            self.acks += 1
        elif method == "INVITE":
            self._invite(fields, addr)
        elif method == "CANCEL":
            self.cancels += 1
            self._answer(fields, addr, "200 OK")
            self._answer({**fields, "CSeq": "1 INVITE"}, addr, "487 Request Terminated")
        elif method == "BYE":
            self.byes += 1
            self._answer(fields, addr, "200 OK")

    def _invite(self, fields: dict[str, str], addr: Address) -> None:
        call_id = fields["Call-ID"]
        new = call_id not in self.first
        if new:
            self.first.append(call_id)
            if self.deaf_to and len(self.first) % self.deaf_to == 0:
                return
        if call_id in self.invited:
            return
        self.invited[call_id] = addr
        self._answer(fields, addr, "100 Trying")
        self._answer(fields, addr, "180 Ringing")
        if self.answers:
            self._answer(fields, addr, "200 OK")
            self.on_call(call_id)

    def _answer(self, fields: dict[str, str], addr: Address, status: str) -> None:
        host, port = self.address
        lines = [f"{name}: {fields[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
        to = fields["To"] if "tag=" in fields["To"] else f"{fields['To']};tag=callee"
        text = [f"SIP/2.0 {status}", *lines, f"To: {to}", f"Contact: <sip:110@{host}:{port}>", "", ""]
        self.transport.sendto("\r\n".join(text).encode(), addr)


@contextlib.asynccontextmanager
async def callee(deaf_to: int = 0, answers: bool = True) -> AsyncIterator[Callee]:
    loop = asyncio.get_running_loop()
    transport, answering = await loop.create_datagram_endpoint(
        lambda: Callee(deaf_to, answers), local_addr=("127.0.0.1", 0)
    )
    try:
        yield answering
    finally:
        transport.close()


@pytest.fixture
def broker_server() -> Iterator[Server]:
    try:
        with mosquitto_server(keep=False) as server:
            yield server
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def redis_url() -> Iterator[str]:
    try:
        with redis_server() as server:
            yield server.url
    except ServerMissingError as missing:
        pytest.skip(str(missing))


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for a condition, bounded."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.005)


MANNER = Manner(talk_s=0.05, even_talk=True, abandon_share=0.0)


async def place(answering: Callee, n: int, manner: Manner = MANNER, rate: float = 400.0) -> Callers:
    callers = Callers((answering.address,), {"330302": "127.0.1.1", "330303": "127.0.1.2"})
    await callers.open()
    demand = Demand(1, (LUCHENG, LONGWAN), manner, "test")
    calls = itertools.islice(demand.calls(even(rate)), n)
    await callers.place(calls, start=mono_s())
    await callers.finish(10.0)
    callers.close()
    return callers


async def test_two_hundred_calls_are_answered_and_ended() -> None:
    async with callee() as answering:
        callers = await place(answering, 200)

        assert (callers.placed, callers.answered, callers.busy) == (200, 200, 0)
        assert set(answering.first) == {record.sip_call_id for record in callers.records}
        assert (answering.byes, answering.acks) == (200, 200)


async def test_each_county_calls_from_an_address_of_its_own() -> None:
    async with callee() as answering:
        callers = await place(answering, 100)

        county = {record.sip_call_id: record.county for record in callers.records}
        seen = {(county[call_id], addr[0]) for call_id, addr in answering.invited.items()}
        assert seen == {("330302", "127.0.1.1"), ("330303", "127.0.1.2")}


async def test_a_lost_invite_is_repeated_and_no_call_is_lost() -> None:
    async with callee(deaf_to=10) as answering:
        callers = await place(answering, 100)

        assert callers.answered == 100
        assert sum(record.retransmissions for record in callers.records) >= 10


async def test_who_hangs_up_at_the_first_ring_has_abandoned_the_call() -> None:
    async with callee(answers=False) as answering:
        callers = await place(answering, 50, Manner(abandon_share=1.0))

        assert (callers.abandoned, answering.cancels) == (50, 50)


async def test_a_dead_port_is_told_apart_from_a_slow_one() -> None:
    async with callee() as answering:
        address = answering.address
    callers = Callers((address,))
    await callers.open()

    place_all = Demand(1, (LUCHENG,), MANNER, "test").calls(even(100.0))
    await callers.place(itertools.islice(place_all, 3), start=mono_s())
    await callers.finish(0.05)
    callers.close()

    assert (callers.placed, callers.answered, callers.busy) == (3, 0, 3)


AT_ONCE = Habits(drive_m_s_max=math.inf)
"Who is ordered is there."


def radio_of(mqtt_url: str, units: int) -> Radio:
    began = mono_s()
    fleet = CountyFleet(
        LUCHENG,
        roster((LUCHENG,), units, 5),
        seed=5,
        compress=2000.0,
        epoch_s=time.time_ns() / 1e9,
        habits=AT_ONCE,
    )
    return Radio(fleet, mqtt_url, lambda: mono_s() - began)


@pytest.mark.real
async def test_radios_report_take_orders_once_and_stop_within_two_seconds(broker_server: Server) -> None:
    radio, port = radio_of(broker_server.url, 6), broker_server.port
    heard: dict[str, list[bytes]] = {}
    body = {"order_id": "o1", "incident_id": "i1", "version": 1, "level": 2, "lat": 28.01, "lon": 120.66}

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            heard.setdefault(message.topic.value, []).append(bytes(message.payload))

    def acks() -> list[str]:
        said = heard.get("g110/v1/330302/units/LC-P-001/acks", [])
        return [msgspec.json.decode(ack)["ack"] for ack in said]

    async with asyncio.TaskGroup() as tasks, aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("g110/v1/330302/units/+/+", qos=1)
        listening = tasks.create_task(listen(client))
        running = tasks.create_task(radio.run())
        await until(radio.ready.is_set)
        for _ in range(2):
            await client.publish("g110/v1/330302/units/LC-P-001/orders", msgspec.json.encode(body), qos=1)
        await until(lambda: "clear" in acks(), within_s=30)
        await until(lambda: sum("/position" in topic for topic in heard) == 6)
        stopped = time.monotonic()
        radio.stop()
        await asyncio.wait([running], timeout=5)
        took = time.monotonic() - stopped
        await until(lambda: heard["g110/v1/330302/units/LC-P-001/link"][-1] == b"offline")
        listening.cancel()

    assert acks() == ["delivered", "signed", "enroute", "on_scene", "clear"]
    assert radio.fleet.repeated == 1
    assert took < 2


@pytest.mark.real
async def test_radios_wait_for_a_broker_that_is_not_there_and_still_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    radio = radio_of(f"mqtt://127.0.0.1:{port}", 3)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(radio.run())
        await until(lambda: radio.reconnects > 0)
        radio.stop()
        done, _ = await asyncio.wait([running], timeout=2)

    assert done


@pytest.mark.real
async def test_radios_stop_within_two_seconds_though_the_broker_is_frozen(broker_server: Server) -> None:
    radio = radio_of(broker_server.url, 6)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(radio.run())
        await until(radio.ready.is_set)
        broker_server.pause()
        radio.fleet.order("LC-P-001", b'{"order_id": "o1"}', 0.0)
        await until(lambda: radio.fleet.signed > 0)
        stopped = time.monotonic()
        radio.stop()
        await asyncio.wait([running], timeout=5)
        took = time.monotonic() - stopped
        broker_server.resume()

    assert took < 2


@pytest.mark.real
async def test_radios_come_back_when_the_broker_does(broker_server: Server) -> None:
    radio = radio_of(broker_server.url, 6)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(radio.run())
        await until(radio.ready.is_set)
        broker_server.restart()
        before = radio.fixes
        await until(lambda: radio.reconnects > 0 and radio.fixes > before + 6)
        radio.stop()


@pytest.mark.real
async def test_the_desk_reads_what_comes_after_it_sat_down_and_classifies(redis_url: str) -> None:
    desk = Desk(redis_url, ("330302", "330303"), mono_s, classify=lambda call: (0.01, 1, "robbery"))

    async with redis.Redis.from_url(redis_url) as store, asyncio.TaskGroup() as tasks:
        await tell(store, 1, "recommendation.made", incident_id="i0", revision=1, sip_call_id="before")
        running = tasks.create_task(desk.run())
        await until(desk.ready.is_set)
        await tell(store, 2, "call.answered", call_id="c1", sip_call_id="s1", incident_id="i1")
        await tell(store, 3, "recommendation.made", incident_id="i1", revision=1, sip_call_id="s1")
        await until(lambda: desk.commands == 1 and "s1" in desk.ledger.recommended)
        ((_, command),) = cast(Any, await store.xrange("g110:{330302}:commands"))
        desk.stop()
        done, _ = await asyncio.wait([running], timeout=2)

    assert done
    assert set(desk.ledger.recommended) == {"s1"}
    assert (command[b"type"], command[b"by"]) == (b"call.classify", b"simulated-desk")
    assert msgspec.json.decode(command[b"data"]) == {"call_id": "c1", "level": 1, "category": "robbery"}


@pytest.mark.real
async def test_the_desk_speaks_to_an_officer_who_pressed_the_button_and_ends_the_emergency(
    redis_url: str,
) -> None:
    desk = Desk(redis_url, ("330302",), mono_s, calm_after_s=0.01)

    async with redis.Redis.from_url(redis_url) as store, asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.run())
        await until(desk.ready.is_set)
        await tell(store, 1, "warning.raised", kind="order_unsigned", subject="o1")
        await tell(store, 2, "warning.raised", kind="officer_emergency", subject="LC-P-001")
        await until(lambda: desk.commands == 1)
        ((_, command),) = cast(Any, await store.xrange("g110:{330302}:commands"))
        desk.stop()

    assert (command[b"type"], command[b"by"]) == (b"emergency.end", b"simulated-desk")
    assert msgspec.json.decode(command[b"data"]) == {"unit_id": "LC-P-001", "text": "spoken to, all well"}


async def tell(store: redis.Redis, number: int, said: str, **data: object) -> None:
    body = msgspec.json.encode({"type": said, "at_us": 1, "county": "330302", **data})
    await store.xadd("g110:{330302}:decisions", {"type": said, "data": body}, id=f"1-{number}")


class Office:
    """A gateway of fifty lines: answers, names units, orders one, and tells of signatures."""

    def __init__(
        self, store: redis.Redis, broker: aiomqtt.Client, answering: Callee, unit_ids: list[str]
    ) -> None:
        self.store, self.broker, self.unit_ids = store, broker, unit_ids
        self.calls: asyncio.Queue[str] = asyncio.Queue()
        answering.on_call = self.calls.put_nowait
        self.number = 0
        self.turn = asyncio.Lock()
        self.served = 0

    async def decide(self, kind: str, **data: object) -> None:
        async with self.turn:
            self.number += 1
            await tell(self.store, self.number, kind, **data)

    async def serve(self) -> None:
        while True:
            call, n = await self.calls.get(), self.served
            self.served += 1
            names = {"call_id": f"c{n}", "sip_call_id": call, "incident_id": f"i{n}"}
            await self.decide("call.answered", state="answered", **names)
            await self.decide("recommendation.made", revision=1, **names)
            if n >= len(self.unit_ids):
                continue
            order = {"order_id": f"o{n}", "version": 1, "incident_id": f"i{n}", "level": 2}
            await self.decide("order.issued", state="issued", **order)
            body = msgspec.json.encode({**order, "lat": 28.01, "lon": 120.66})
            await self.broker.publish(f"g110/v1/330302/units/{self.unit_ids[n]}/orders", body, qos=1)

    async def hear(self) -> None:
        async for message in self.broker.messages:
            ack = msgspec.json.decode(message.payload)
            await self.decide("order.updated", order_id=ack["order_id"], version=1, state=ack["ack"])


@pytest.mark.real
async def test_a_city_of_one_county_loses_nothing(broker_server: Server, redis_url: str) -> None:
    scenario = Scenario(manner=MANNER, run_id="whole", fix_every_s=(0.2, 0.4), arrivals="even")
    seen: list[Progress] = []
    async with (
        callee() as answering,
        redis.Redis.from_url(redis_url) as store,
        aiomqtt.Client("127.0.0.1", broker_server.port) as broker,
    ):
        city = City(
            7,
            (LUCHENG,),
            12,
            20.0,
            2.0,
            (answering.address,),
            broker_server.url,
            redis_url,
            scenario=scenario,
        )
        office = Office(store, broker, answering, [unit.unit_id for unit in city.roster])
        await broker.subscribe("g110/v1/330302/units/+/acks", qos=1)
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(office.serve()), tasks.create_task(office.hear())]
            report = await city.run(seen.append)
            for task in working:
                task.cancel()

    assert report.placed == report.answered == report.decided >= 40
    assert (report.lost, report.duplicated, report.failed, report.abandoned) == (0, 0, {}, 0)
    assert report.orders == 12
    assert report.signed + report.declined == 12
    assert report.fixes >= 12 * 5
    assert report.latency_ms.invite_to_recommendation.n == report.placed
    assert 0 < report.latency_ms.invite_to_18x.p50 < 1000
    assert report.latency_ms.order_to_signed.p50 > 500
    assert list(report.placed_calls) == answering.first
    assert seen[-1].placed == report.placed


async def test_a_city_without_neighbours_still_calls_and_can_be_stopped() -> None:
    async with callee() as answering:
        city = City(
            7, (LUCHENG,), 3, 50.0, sip_addresses=(answering.address,), scenario=Scenario(manner=MANNER)
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(city.run())
            await until(lambda: city.callers.placed >= 5)
            city.stop()
        report = running.result()

    assert report.placed == report.answered
    assert report.lost == 0
