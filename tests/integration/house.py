# SPDX-License-Identifier: Apache-2.0
"""A whole house for a test: real Redis, real broker, a real `gateway serve`, and the ways to look at them."""

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from gateway.demo.child import Gateway, gateway
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server, redis_server
from gateway.journal.reader import decisions, entries

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / ".venv" / "bin" / "gateway"
SCENARIOS = Path(__file__).parent / "scenarios"
COUNTY = "330302"
DECISIONS = "g110:{330302}:decisions"
WAIT_S_MAX = 20.0
UNITS_CSV = """unit_id,call_sign,police_type,capabilities,county,organ
near,Car 1,patrol,armed,330302,Lucheng
far,Car 2,patrol,,330302,Lucheng
"""


class House:
    """One running gateway between real neighbours."""

    def __init__(self, running: Gateway, redis_at: Server, broker: Server) -> None:
        self.gateway = running
        self.redis_at = redis_at
        self.broker = broker

    @property
    def sip(self) -> str:
        return f"{self.gateway.sip_address[0]}:{self.gateway.sip_address[1]}"

    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.redis_at.url, decode_responses=True)

    def stream(self, county: str = COUNTY) -> list[tuple[str, str, dict[str, Any]]]:
        """Return every decision of the county as (id, type, data)."""
        with self.redis() as connection:
            found: Any = connection.xrange(f"g110:{{{county}}}:decisions")
        return [(entry_id, fields["type"], json.loads(fields["data"])) for entry_id, fields in found]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for _, found, data in self.stream() if found == kind]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of every fact of this type in the journal."""
        return [
            msgspec.to_builtins(entry.fact()) for entry in entries(self.gateway.data) if entry.type == kind
        ]

    def call_ids(self, kind: str = "call.received") -> Counter[str]:
        return Counter(fact["sip_call_id"] for fact in self.facts(kind))

    def publish(self, unit: str, leaf: str, payload: dict[str, Any] | str, qos: int = 1) -> None:
        """Say something as a unit's radio, with the stock client."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        subprocess.run(
            [
                "mosquitto_pub",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.broker.port),
                "-q",
                str(qos),
                "-t",
                f"g110/v1/{COUNTY}/units/{unit}/{leaf}",
                "-m",
                text,
            ],
            check=True,
            timeout=10,
        )

    def put(self, unit: str, lat: float, lon: float) -> None:
        """Report a position and wait until the gateway has it."""
        tst = int(time.time())  # noqa: TID251  a device has its own clock
        self.publish(unit, "position", {"lat": lat, "lon": lon, "tst": tst}, qos=0)
        until(lambda: any(d["unit_id"] == unit and d["position"] for d in self.of("unit.updated")))

    def sipp(self, *arguments: str, rate: int = 50, calls: int = 1, seconds: float = 120) -> None:
        """Run stock sipp against the gateway; fail with what it said."""
        done = subprocess.run(
            [
                "sipp",
                self.sip,
                "-i",
                "127.0.0.1",
                "-r",
                str(rate),
                "-m",
                str(calls),
                "-timeout",
                "90",
                "-timeout_error",
                "-nostdin",
                "-trace_err",
                "-error_file",
                "/dev/stderr",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]


@contextmanager
def house(folder: Path, *arguments: str, units: str = UNITS_CSV) -> Iterator[House]:
    """Run everything; skip where a real part is missing."""
    for binary in ("sipp", "mosquitto_pub"):
        if shutil.which(binary) is None:
            pytest.skip(f"{binary} is not on this machine")
    (folder / "units.csv").write_text(units)
    try:
        with redis_server() as redis_at, mosquitto_server() as broker:
            with serve(folder, redis_at, broker, *arguments) as running:
                yield House(running, redis_at, broker)
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@contextmanager
def serve(
    folder: Path, redis_at: Server, broker: Server, *arguments: str, sip_port: int = 0
) -> Iterator[Gateway]:
    """Run one ready gateway on a data folder."""
    given = ["--redis", redis_at.url, "--mqtt", broker.url, "--county", COUNTY, "--http", ""]
    with gateway(
        folder, *given, "--units", str(folder / "units.csv"), *arguments, sip_port=sip_port
    ) as running:
        running.wait_ready()
        yield running


def until(condition: Callable[[], object], seconds: float = WAIT_S_MAX) -> None:
    """Wait until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def each_decision_once(house_: House) -> None:
    """Compare journal and Redis: every decision is in its stream, once, in order, byte for byte."""
    recorded = [(made.n, made.type, made.data) for made in decisions(house_.gateway.data)]
    with redis.Redis.from_url(house_.redis_at.url) as connection:
        found: Any = connection.xrange(DECISIONS)
    shown = [(int(i.split(b"-")[1]), fields[b"type"].decode(), fields[b"data"]) for i, fields in found]
    assert shown == recorded


def run_gateway(*arguments: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run the command line as an operator would."""
    return subprocess.run(
        [GATEWAY, *arguments], capture_output=True, text=True, timeout=timeout, check=False, cwd="/"
    )
