# SPDX-License-Identifier: Apache-2.0
"""The drills of the radio side, with the whole gateway: nothing a broker has acknowledged is lost or done twice."""

import asyncio
import signal
import time
from collections import Counter
from contextlib import ExitStack
from copy import copy
from pathlib import Path

import pytest

from gateway.demo.servers import mosquitto_server
from gateway.journal.reader import entries
from tests.integration.house import (
    SCENARIOS,
    House,
    each_decision_once,
    house,
    run_gateway,
    serve,
    until,
)
from tests.integration.mqtt_crowd import Radios, now_s, radios, roster
from tests.integration.stream_proxy import stream_proxy

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

UNITS = [f"u{n}" for n in range(200)]
CRYING = UNITS[::10]
EVENTS = 10 * len(UNITS)
KINDS = ("unit.status", "unit.event", "order.acked")
BACK_S_MAX = 10.0


def everything(tst: int) -> list[tuple[str, str, dict[str, object]]]:
    """Return 2,000 events of 200 units: eight reports each, an ack and an event; every tenth presses its button."""
    told: list[tuple[str, str, dict[str, object]]] = []
    for turn in range(8):
        status = "available" if turn % 2 else "out_of_service"
        told += [(unit, "status", {"status": status, "tst": tst + turn, "seq": turn + 1}) for unit in UNITS]
    for n, unit in enumerate(UNITS):
        event = "emergency" if unit in CRYING else "text"
        told.append((unit, "event", {"event": event, "tst": tst + 8, "seq": 9, "text": f"drill {n}"}))
        told.append((unit, "acks", {"order_id": f"gone-{n}", "ack": "delivered", "tst": tst + 8, "seq": 10}))
    return told


def say_everything(fleet: Radios, tst: int) -> None:
    for event in everything(tst):
        fleet.say(*event)


def heard(home: House) -> Counter[tuple[object, ...]]:
    """Count every event on record, by what makes it this one."""
    return Counter(
        (kind, fact.get("unit_id"), fact.get("order_id"), fact["seq"])
        for kind in KINDS
        for fact in home.facts(kind)
    )


def count(home: House) -> int:
    """Count them without a look inside."""
    return sum(entry.type in KINDS for entry in entries(home.gateway.data))


def wait_for_all(home: House) -> None:
    """Wait until each of them is on record."""
    until(lambda: count(home) >= EVENTS and len(heard(home)) >= EVENTS, 30)


def everything_is_on_record_and_done_once(home: House, tst: int) -> None:
    """Look at the journal for what was said, and at the stream for what came of it."""
    on_record = heard(home)
    for n, unit in enumerate(UNITS):
        assert on_record["order.acked", unit, f"gone-{n}", 10], f"the ack of {unit} is lost"
        assert on_record["unit.event", unit, None, 9], f"the event of {unit} is lost"
        for seq in range(1, 9):
            assert on_record["unit.status", unit, None, seq], f"report {seq} of {unit} is lost"

    each_decision_once(home)
    opened = [data for data in home.of("incident.updated") if data["category"] == "officer_emergency"]
    assert len({data["incident_id"] for data in opened}) == len(CRYING), "one incident for each press"
    texts = Counter(data["subject"] for data in home.of("warning.raised") if data["kind"] == "officer_text")
    assert set(texts.values()) == {1}, "each text once"
    assert len(texts) == len(UNITS) - len(CRYING)
    last = {data["unit_id"]: data for data in home.of("unit.updated")}
    assert {unit for unit in UNITS if last[unit]["status"] == "emergency"} == set(CRYING)
    assert {last[unit]["status"] for unit in UNITS if unit not in CRYING} == {"available"}


def test_kill_9_with_2000_events_in_flight_loses_none_and_does_none_twice(tmp_path: Path) -> None:
    tst = now_s() - 60
    with house(tmp_path, units=roster(UNITS)) as home, ExitStack() as stack:
        # Not the house's broker: it would write its whole queue down at every change, and it does not die here.
        limits = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000"
        broker = stack.enter_context(mosquitto_server(limits, keep=False))
        fleet = stack.enter_context(radios(broker.port))
        home.gateway.stop()
        home.gateway = stack.enter_context(serve(tmp_path, home.redis_at, broker))
        home.gateway.child.send_signal(signal.SIGSTOP)  # all of it waits between the broker and us
        say_everything(fleet, tst)
        fleet.all_acknowledged()
        home.gateway.child.send_signal(signal.SIGCONT)
        until(lambda: count(home) >= 300)
        home.gateway.kill()
        assert count(home) < EVENTS, "killed in the middle of it"

        home.gateway = stack.enter_context(serve(tmp_path, home.redis_at, broker))

        wait_for_all(home)
        home.gateway.stop()
        everything_is_on_record_and_done_once(home, tst)
        assert run_gateway("replay", "--data", str(home.gateway.data)).returncode == 0


def test_kill_9_of_the_broker_loses_no_event_it_has_acknowledged(tmp_path: Path) -> None:
    tst = now_s() - 60
    events = everything(tst)
    with house(tmp_path, units=roster(UNITS)) as home, radios(home.broker.port) as fleet:
        # What mosquitto sends us before it acknowledges is ours. What it must queue beyond 20 in flight it
        # acknowledges before its file has it: that promise is the broker's, so there is no such queue here.
        for first in range(0, 300, 6):
            until(lambda said=fleet.said: count(home) >= said)  # type: ignore[misc]
            for event in events[first : first + 6]:
                fleet.say(*event)
        until(lambda: fleet.acknowledged > 294)
        home.broker.kill()
        for event in events[300:]:
            fleet.say(*event)
        home.broker.restart()
        begun_s = time.monotonic()

        until(lambda: home.of("service.restored"), BACK_S_MAX)
        assert time.monotonic() - begun_s < BACK_S_MAX

        fleet.all_acknowledged()
        wait_for_all(home)
        home.gateway.stop()
        everything_is_on_record_and_done_once(home, tst)


def test_a_frozen_broker_costs_no_event_and_no_order(tmp_path: Path) -> None:
    frozen(tmp_path, seconds=9.0)


@pytest.mark.soak
def test_a_broker_frozen_for_half_a_minute_costs_no_event_and_no_order(tmp_path: Path) -> None:
    frozen(tmp_path, seconds=30.0)


def frozen(folder: Path, seconds: float) -> None:
    tst = now_s() - 60
    with house(folder, units=roster(UNITS)) as home, radios(home.broker.port) as fleet:
        fleet.listen()
        home.put("u1", 28.0010, 120.6600)
        home.broker.pause()
        say_everything(fleet, tst)
        home.sipp("-sf", str(SCENARIOS / "located_call.xml"))
        until(lambda: home.of("order.issued"))
        until(lambda: home.of("service.degraded"))
        time.sleep(max(0.0, seconds - 8.0))
        home.broker.resume()
        begun_s = time.monotonic()

        until(lambda: home.of("service.restored"), BACK_S_MAX)
        assert time.monotonic() - begun_s < BACK_S_MAX

        one_order_in_effect(home, fleet)
        fleet.all_acknowledged()
        wait_for_all(home)
        home.gateway.stop()
        everything_is_on_record_and_done_once(home, tst)


async def test_a_half_open_connection_costs_no_event_and_no_order(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    tst = now_s() - 60
    with (
        house(tmp_path, units=roster(UNITS)) as home,
        radios(home.broker.port) as fleet,
        ExitStack() as stack,
    ):
        home.gateway.stop()
        async with stream_proxy(home.broker.port) as proxy:
            through = copy(home.broker)
            through.url = f"mqtt://127.0.0.1:{proxy.port}"
            home.gateway = await asyncio.to_thread(
                stack.enter_context, serve(tmp_path, home.redis_at, through)
            )
            await asyncio.to_thread(fleet.listen)
            await asyncio.to_thread(home.put, "u1", 28.0010, 120.6600)
            proxy.cut_silently()
            begun_s = loop.time()
            say_everything(fleet, tst)
            await asyncio.to_thread(home.sipp, "-sf", str(SCENARIOS / "located_call.xml"))

            await asyncio.to_thread(until, lambda: home.of("service.restored"), BACK_S_MAX)
            assert loop.time() - begun_s < BACK_S_MAX

            await asyncio.to_thread(one_order_in_effect, home, fleet)
            await asyncio.to_thread(fleet.all_acknowledged)
            await asyncio.to_thread(wait_for_all, home)
            await asyncio.to_thread(home.gateway.stop)
        everything_is_on_record_and_done_once(home, tst)


def one_order_in_effect(home: House, fleet: Radios) -> None:
    """The order of the outage has come, and however often it came it is one."""
    issued = home.of("order.issued")[0]
    until(lambda: any(order["order_id"] == issued["order_id"] for order in fleet.orders), BACK_S_MAX)
    versions = {(order["order_id"], order["version"]) for order in fleet.orders if not order.get("cancelled")}
    assert (issued["order_id"], issued["version"]) in versions
    assert len([data for data in home.of("order.issued") if data["order_id"] == issued["order_id"]]) == 1
