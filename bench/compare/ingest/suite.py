# SPDX-License-Identifier: Apache-2.0
"""Suite `ingest`: CPU of the client for each position that comes through a real mosquitto.

5,000 units report in turn. In a steady stream each report leaves the broker by itself, so waking up costs most; in a
burst they pile up, and what is left is the work. Everybody does the same with a report: decode it, look its unit up,
store six fields; so the difference is the client's. "Ours, every check" is the whole adapter instead: both connections,
the roster, every check, order by time, the tick. A contender that did not hear every report, or whose last places
differ, does not count.
"""

import importlib.metadata
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.ingest.clients import CLIENTS, MQTT5
from bench.compare.ingest.reports import last_places, reports
from bench.compare.result import Comparison, Row, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server

PACKAGES = {"gmqtt": "gmqtt", "aiomqtt": "aiomqtt", "paho thread": "paho-mqtt"}
MQTT311 = 4
START_S_MAX = 60.0
ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One load."""

    name: str
    count: int
    count_quick: int
    per_s: int = 0
    "0: as fast as it goes."
    protocol: int = MQTT311


CASES = (
    Case(name="steady 5,000/s", count=50_000, count_quick=10_000, per_s=5_000),
    Case(name="burst", count=40_000, count_quick=10_000),
    Case(name="burst, MQTT 5", count=40_000, count_quick=10_000, protocol=MQTT5),
)


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    if unknown := asked.only - set(CLIENTS):
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(CLIENTS)}")
    versions = {name: _version(package) for name, package in PACKAGES.items()}
    here = [name for name in CLIENTS if asked.wants(name) and versions.get(name, "-")]
    rows = []
    try:
        with mosquitto_server() as broker:
            for case in CASES:
                rows += _case(case, here, broker, asked)
    except ServerMissingError as missing:
        raise CompareError(str(missing)) from None
    return Comparison(
        suite="ingest",
        machine={},
        rows=rows,
        skipped=[
            Skipped(name, "not installed: make setup BENCH=1") for name, said in versions.items() if not said
        ],
        notes=[
            "µs of the client's CPU for one position; the broker's and the sender's are not in it",
            "every check: what the gateway does with a position beyond decoding and storing it",
        ],
        peers={name: said for name, said in versions.items() if said},
    )


def _case(case: Case, here: Sequence[str], broker: Server, asked: Asked) -> list[Row]:
    count = case.count_quick if asked.quick else case.count
    expected = last_places(count)
    samples: dict[str, list[Sample]] = {name: [] for name in here}
    for number in range(1 if asked.quick else ROUNDS):
        for name in here:
            tell(f"{case.name}: round {number + 1}: {name}")
            samples[name].append(_sample(_run(name, case, count, broker), count, expected))
    return confirmed(with_ratios([row(case.name, name, found, "cpu_us") for name, found in samples.items()]))


def _sample(found: dict[str, float], count: int, expected: int) -> Sample:
    wrong = ""
    if found["heard"] != count:
        wrong = f"it heard {found['heard']:,.0f} of {count:,}"
    elif found["checksum"] != expected:
        wrong = "its last places are others"
    return Sample(
        cpu_us=1e6 * found["cpu_s"] / max(1.0, found["heard"]),
        checked=not wrong,
        wrong=wrong,
        extra={
            "core_percent": round(100 * found["cpu_s"] / found["wall_s"], 2),
            "rss_mib": round(found["rss_mib"], 1),
        },
    )


def _run(name: str, case: Case, count: int, broker: Server) -> dict[str, float]:
    """Start a contender, send it everything, return what it found."""
    packets = [_publish(topic.encode(), payload) for topic, payload in reports(count)]
    arguments = (name, broker.url, str(count), str(case.protocol))
    command = (sys.executable, "-m", "bench.compare.ingest.clients", *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None, "a pipe was asked for"
        assert client.stderr is not None, "a pipe was asked for"
        try:
            if client.stdout.readline().strip() != "ready":
                raise CompareError(f"{name} did not start: {client.stderr.read().strip()[-300:]}")
            _send(packets, case.per_s, broker.port)
            said = client.stdout.readline()
            if not said:
                raise CompareError(f"{name} broke down: {client.stderr.read().strip()[-300:]}")
            return dict(json.loads(said))
        finally:
            client.kill()


def _send(packets: Sequence[bytes], per_s: int, port: int) -> None:
    """Write ready-made packets to the broker, one by one at their time or all at once."""
    with socket.create_connection(("127.0.0.1", port), START_S_MAX) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06sender")
        line.recv(4)
        if not per_s:
            line.sendall(b"".join(packets))
        else:
            due = time.monotonic()
            for packet in packets:
                due += 1 / per_s
                time.sleep(max(0.0, due - time.monotonic()))
                line.sendall(packet)
        line.sendall(b"\xe0\x00")


def _publish(topic: bytes, payload: bytes) -> bytes:
    length = 2 + len(topic) + len(payload)
    assert 128 <= length < 16_384, "a report has two octets of length"
    return bytes([0x30, length & 127 | 128, length >> 7]) + struct.pack(">H", len(topic)) + topic + payload


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
