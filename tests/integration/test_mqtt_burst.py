# SPDX-License-Identifier: Apache-2.0
"""The limits of docs/run/mosquitto.conf: a burst costs time, never a message."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from core.events import UnitReported
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server
from tests.integration.mqtt_house import (
    NOW_S,
    UNIT,
    Disk,
    Protocol,
    adapter_for,
    example_configuration,
    fix,
    serving,
    until,
    write_passwords,
)

pytestmark = pytest.mark.real

POSITIONS, EVENTS = 40_000, 20_000
BROKER_MIB_MAX = 64
"Above what it had before; both bursts together, queued whole, would be 20."


@pytest.fixture
def example() -> Iterator[Server]:
    kept = "persistence true\npersistence_location {folder}/\n"
    try:
        server = mosquitto_server(kept + example_configuration(), prepare=write_passwords, keep=False)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_burst_of_positions_and_events_arrives_whole(example: Server, protocol: Protocol) -> None:
    disk = Disk()
    adapter = adapter_for(example.url, None, protocol, username="gateway", password="gateway")
    before_mib = rss_mib(example.pid)
    async with serving(adapter, disk):
        await asyncio.gather(
            asyncio.to_thread(blast_positions, example.port), asyncio.to_thread(blast_events, example.port)
        )
        await until(lambda: adapter.statistics().get("received_position") == POSITIONS)
        await until(lambda: len(disk.of(UnitReported)) == EVENTS)

        assert [fact.seq for fact in disk.of(UnitReported)] == list(range(1, EVENTS + 1))  # type: ignore[attr-defined]
        assert adapter.statistics()["broker_dropped"] == 0
        assert adapter.statistics()["losses"] == 0
        assert rss_mib(example.pid) - before_mib < BROKER_MIB_MAX


def blast_positions(port: int) -> None:
    """Write 40,000 positions at QoS 0 as fast as the broker takes them."""
    topic = f"{UNIT}/position".encode()
    packets = bytearray()
    for n in range(POSITIONS):
        body = len(topic).to_bytes(2, "big") + topic + json.dumps(fix(NOW_S - POSITIONS + n)).encode()
        packets += bytes([0x30, len(body)]) + body
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        line.sendall(b"\x10\x19\x00\x04MQTT\x04\xc2\x00\x3c\x00\x05blast\x00\x02u1\x00\x02u1")
        assert line.recv(4) == b"\x20\x02\x00\x00", "the broker lets u1 in"
        line.sendall(packets)
        line.sendall(b"\xe0\x00")
        assert line.recv(1) == b"", "the broker has read all of it"


def blast_events(port: int) -> None:
    """Publish 20,000 reports at QoS 1; return when the broker has all."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="burst", protocol=paho.MQTTv311)
    client.username_pw_set("u1", "u1")
    client.max_inflight_messages_set(1_000)
    client.max_queued_messages_set(0)
    done, acknowledged = threading.Event(), 0

    def published(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == EVENTS:
            done.set()

    client.on_publish = published
    client.connect("127.0.0.1", port)
    client.loop_start()
    for seq in range(1, EVENTS + 1):
        status = "available" if seq % 2 else "out_of_service"
        client.publish(f"{UNIT}/status", json.dumps({"status": status, "tst": NOW_S, "seq": seq}), qos=1)
    assert done.wait(40), "the broker did not acknowledge"
    client.disconnect()
    client.loop_stop()


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
