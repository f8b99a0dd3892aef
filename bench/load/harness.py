# SPDX-License-Identifier: Apache-2.0
"""Puts a known load on a running gateway and says what came of it. Open loop: late answers delay no call.

Exit 0, 99 when an expectation is missed, 2 on bad usage.
"""

import argparse
import asyncio
import gc
import math
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from bench.load.expect import Expectation, MisspeltError, judge
from bench.load.result import Result, measure
from bench.load.table import show
from bench.machine import machine
from device_adapters.simulated.city import City, Scenario
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.demand import Manner
from device_adapters.simulated.fleets import FleetError, read_plan
from device_adapters.simulated.report import CityReport, Progress
from device_adapters.simulated.roster import roster, units_csv
from device_adapters.simulated.wire import Address

MISSED = 99
CONNECTIONS_MAX = 10_000
"One process, one address: below the ports the kernel gives out."
FILES_BESIDE = 200
"Open files of the harness besides its connections to the broker: calls, Redis, what Python has open. A guess."
NOISE_M = 2.0
"Error of the receivers: no two fixes are equal then, so that each is known again where it is shown."
NEEDS_GATEWAY = """bench.load needs a running gateway. Start one in another terminal, then call me again:
  python -m bench.load --county 330302 --units 300 --units-csv units.csv
  gateway serve --sip 127.0.0.1:5060 --mqtt mqtt://127.0.0.1 --redis redis://127.0.0.1 \\
                --county 330302 --units units.csv
  python -m bench.load --sip 127.0.0.1:5060 --mqtt mqtt://127.0.0.1 --redis redis://127.0.0.1 \\
                --county 330302 --units 300 --rate 50 --seconds 30"""


class UsageError(Exception):
    """What was asked for cannot be; says what to do."""


def arguments(prog: str = "python -m bench.load") -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(prog=prog, description="Open-loop load on a running gateway.")
    line.add_argument("--sip", action="append", default=[], type=_address, metavar="HOST:PORT")
    line.add_argument("--mqtt", default="", metavar="URL", help="broker; without it there are no units")
    line.add_argument("--redis", default="", metavar="URL", help="without it only answers are measured")
    line.add_argument("--county", default="330302", choices=sorted(BY_CODE), metavar="CODE")
    line.add_argument("--rate", type=_positive, default=5.0, metavar="CALLS/S")
    line.add_argument("--seconds", type=_positive, default=10.0, metavar="N")
    line.add_argument("--units", type=int, default=50, metavar="N")
    line.add_argument("--fixes-per-s", type=_positive, default=0.0, metavar="N", help="default: units / 1.5")
    line.add_argument(
        "--fleet",
        default="",
        metavar="PLAN",
        help="taxi:FILE@SPEED replays a recorded day, 1 to 1000 times as fast; seeded:KIND,… has faults (seeded:all)",
    )
    line.add_argument(
        "--taxi-clock",
        choices=("now", "tape"),
        default="now",
        help="above 1x: fresh positions in a city shrunk by the speed, or true places that end now",
    )
    line.add_argument(
        "--connections",
        type=_count,
        default=1,
        metavar="N",
        help="to the broker; --units of them: one a unit",
    )
    line.add_argument("--mqtt5", action="store_true", help="the radios speak MQTT 5 instead of 3.1.1")
    line.add_argument(
        "--presses-per-h",
        type=_positive,
        default=0.0,
        metavar="N",
        help="emergency buttons of each unit in an hour",
    )
    line.add_argument("--arrivals", choices=("poisson", "even"), default="poisson")
    line.add_argument("--hold", type=_positive, default=1.0, metavar="S", help="every call lasts so long")
    line.add_argument("--abandon", type=float, default=0.0, metavar="SHARE", help="CANCEL at the first 1xx")
    line.add_argument("--seed", type=int, default=110)
    line.add_argument("--json", type=Path, metavar="FILE")
    line.add_argument("--expect", action="append", default=[], metavar="'invite_to_18x.p99<50ms'")
    line.add_argument("--units-csv", type=Path, metavar="FILE", help="write the roster and end")
    return line


def main(argv: Sequence[str] | None = None, prog: str = "python -m bench.load") -> int:
    """Run the harness; return the exit code."""
    parser = arguments(prog)
    given = parser.parse_args(argv)
    if given.units_csv is not None:
        units = roster((BY_CODE[given.county],), given.units, given.seed)
        given.units_csv.write_text(units_csv(units), encoding="utf-8")
        return 0
    if not given.sip:
        print(NEEDS_GATEWAY, file=sys.stderr)
        return 2
    try:
        expected = [Expectation.read(text) for text in given.expect]
        _check(given)
        city = city_of(given)
    except (MisspeltError, FleetError, UsageError) as wrong:
        print(f"{prog}: {wrong}", file=sys.stderr)
        return 2
    result = judge(run(given, city), expected)
    show(result, Console())
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return 0 if all(verdict.met for verdict in result.expectations) else MISSED


def run(given: argparse.Namespace, city: City) -> Result:
    """Put the load on and measure."""
    before = machine()
    used = time.process_time()
    report = uvloop.run(_drive(city))
    used = time.process_time() - used
    result = measure(city, report, cpu_s=used, machine_before=before)
    return msgspec.structs.replace(result, asked=_asked(given))


def city_of(given: argparse.Namespace) -> City:
    """Return the city that makes this load: one county, calls of one length, all from one address."""
    fixes_per_s = given.fixes_per_s or given.units / 1.5
    noise_m = NOISE_M if given.mqtt and given.redis else 0.0
    fleet = read_plan(given.fleet, clock=given.taxi_clock, noise_m=noise_m, presses_per_h=given.presses_per_h)
    every_s = given.units / fixes_per_s
    manner = Manner(talk_s=given.hold, even_talk=True, abandon_share=given.abandon)
    return City(
        given.seed,
        (BY_CODE[given.county],),
        given.units,
        given.rate,
        given.seconds,
        tuple(given.sip),
        given.mqtt,
        given.redis,
        scenario=Scenario(
            manner=manner,
            arrivals=given.arrivals,
            fix_every_s=(every_s, every_s),
            classify_share=0.0,
            trunk_per_county=False,
            mqtt5=given.mqtt5,
            fleet=fleet,
            connections=given.connections,
            watch_positions=True,
        ),
    )


async def _drive(city: City) -> CityReport:
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, city.stop)
    # What is loaded stays; a full collection over it would stop the clock we measure with.
    gc.freeze()
    return await city.run(_tell if sys.stderr.isatty() else None)


def _tell(now: Progress) -> None:
    """Write over one line. No live display: its thread would delay the calls."""
    line = (
        f"\r{now.elapsed_s:5.1f} s  sent {now.placed}  answered {now.answered}  decided {now.decided}  "
        f"failed {now.failed}  fixes {now.fixes} "
    )
    print(line, end="", file=sys.stderr, flush=True)


def _asked(given: argparse.Namespace) -> dict[str, str]:
    """Return what was asked for; where neighbours and files are is nobody's business in a kept result."""
    kept = ("county", "rate", "seconds", "units", "fixes_per_s", "arrivals", "hold", "abandon", "seed")
    more = ("taxi_clock", "connections", "mqtt5", "presses_per_h")
    fleet = given.fleet
    if fleet.startswith("taxi:"):
        fleet = f"taxi:{Path(fleet.removeprefix('taxi:')).name}"
    return {**{name: str(getattr(given, name)) for name in (*kept, *more)}, "fleet": fleet}


def _check(given: argparse.Namespace) -> None:
    """Raise UsageError for what cannot be, before anything is dialled."""
    if not given.mqtt:
        unheard = [name for name, is_said in (("--fleet", given.fleet), ("--mqtt5", given.mqtt5)) if is_said]
        if given.connections > 1:
            unheard.append("--connections")
        if unheard:
            raise UsageError(f"{', '.join(unheard)}: there are no radios without --mqtt URL")
    if given.connections > given.units:
        raise UsageError(f"--connections {given.connections}: {given.units} units need at most one each")
    if given.connections > CONNECTIONS_MAX:
        raise UsageError(f"--connections {given.connections}: one process makes at most {CONNECTIONS_MAX}")
    if given.fleet.startswith("taxi:") and given.fixes_per_s:
        raise UsageError("--fixes-per-s: a recorded day has its own; give the speed, taxi:FILE@SPEED")
    allow_files(given.connections)


def allow_files(connections: int) -> None:
    """Let this process open so many connections. Raises UsageError when the system does not."""
    needed = connections + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(f"{connections} connections need {needed} open files; ulimit -n allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _address(text: str) -> Address:
    host, _, port = text.removeprefix("udp:").rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value
