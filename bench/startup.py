# SPDX-License-Identifier: Apache-2.0
"""How long a start takes and how much memory it keeps: `python -m bench.startup [--rounds N] [--json FILE]`.

Each row is a real `gateway serve` beside real redis-server and mosquitto, in a fresh data folder. Time counts from
the fork to `ready` on its standard output; memory is the resident set two seconds later, of which numba's
compiler is the larger part. `5,000 units` have a roster entry and a position each.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.table import Table

from gateway.demo.child import Gateway, gateway
from gateway.demo.servers import Server, mosquitto_server, redis_server

SETTLE_S = 2.0
COUNTY = "330302"


class Row(msgspec.Struct):
    """One case; medians over the rounds."""

    case: str
    ready_s: float
    rss_mib: float
    uss_mib: float
    "What would be freed if the process ended: without what it shares with others."


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every case; print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    with redis_server() as redis, mosquitto_server() as broker:
        rows = [
            _case("kernels not in the cache", 1, redis, broker, units=0, cold=True),
            _case("idle, kernels in the cache", args.rounds, redis, broker, units=0),
            _case("5,000 units", args.rounds, redis, broker, units=5_000),
        ]
    table = Table("case", "exec to ready, s", "resident, MiB", "own, MiB")
    for row in rows:
        table.add_row(row.case, f"{row.ready_s:.2f}", f"{row.rss_mib:.0f}", f"{row.uss_mib:.0f}")
    Console().print(table)
    if args.json is not None:
        args.json.write_text(json.dumps(msgspec.to_builtins(rows), indent=2) + "\n")
    return 0


def _case(name: str, rounds: int, redis: Server, broker: Server, *, units: int, cold: bool = False) -> Row:
    found = [_once(redis, broker, units, cold) for _ in range(rounds)]
    ready, rss, uss = (statistics.median(column) for column in zip(*found, strict=True))
    return Row(name, round(ready, 3), round(rss, 1), round(uss, 1))


def _once(redis: Server, broker: Server, units: int, cold: bool) -> tuple[float, float, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway110-bench-")))
        roster = folder / "units.csv"
        roster.write_text("unit_id,county\n" + "".join(f"u{n},{COUNTY}\n" for n in range(units)))
        given = ["--redis", redis.url, "--mqtt", broker.url, "--units", str(roster), "--http", ""]
        place = {"NUMBA_CACHE_DIR": str(folder / "cache")} if cold else {}
        running = stack.enter_context(gateway(folder, *given, environment=place))
        ready_s = running.wait_ready()
        _report_all(broker, units)
        time.sleep(SETTLE_S)
        return ready_s, *_memory_mib(running)


def _report_all(broker: Server, units: int) -> None:
    """Every unit says where it is."""
    if not units:
        return
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    now = int(time.time())  # noqa: TID251  a device has its own clock
    for n in range(units):
        payload = f'{{"lat":{28 + n / 100_000},"lon":{120.6 + n % 100 / 1000},"tst":{now}}}'
        client.publish(f"g110/v1/{COUNTY}/units/u{n}/position", payload).wait_for_publish(5)
    client.loop_stop()
    client.disconnect()


def _memory_mib(running: Gateway) -> tuple[float, float]:
    """Return (resident, own) from the kernel's account of the process."""
    account = dict(
        line.split(":")
        for line in Path(f"/proc/{running.pid}/smaps_rollup").read_text().splitlines()[1:]
        if ":" in line
    )
    kib = {name: int(value.split()[0]) for name, value in account.items()}
    return kib["Rss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024


if __name__ == "__main__":
    sys.exit(main())
