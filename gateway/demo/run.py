# SPDX-License-Identifier: Apache-2.0
"""`gateway demo`: a city calls for help on a machine with nothing set up.

Private Redis and MQTT broker, a real `gateway serve`, and in this process the city: callers over SIP, units
over MQTT, a desk that reads the decisions. At the end the books are compared: what the callers saw, what the
journal holds, what Redis shows.
"""

import asyncio
import math
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import msgspec
import redis
import uvloop
from rich.console import Console
from rich.live import Live

from core.effects import RecommendationMade
from core.events import CallReceived
from core.ids import CountyCode
from device_adapters.simulated.city import City, Scenario
from device_adapters.simulated.counties import COUNTIES
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.fleets import FleetPlan
from device_adapters.simulated.report import CityReport, Progress
from gateway.demo import screen
from gateway.demo.child import Gateway, GatewayFailedError, free_udp_port, gateway
from gateway.demo.roads import roads_laid
from gateway.demo.servers import Server, ServerFailedError, ServerMissingError, choose_mqtt, choose_redis
from gateway.errors import GatewayError
from gateway.journal.reader import entries
from gateway.publish.keys import key

EXAMPLES_MAX = 300  # newest entries of each county looked through for an example to show
PLAIN_EVERY_S = 5.0  # without a terminal, one line of progress this often


class DemoError(GatewayError):
    """The demo cannot run here; the message says what is missing."""


def demo(
    *,
    seconds: int | None,
    seed: int,
    calls_per_s: float,
    units: int,
    json: Path | None,
    presses_per_h: float = 0.0,
) -> int:
    """Run it; return 0 only if every call was answered or given up, recorded and decided, and none was lost."""
    console = Console()
    console.print(screen.title(seed, units, calls_per_s))
    try:
        report = _run(console, seconds, seed, calls_per_s, units, presses_per_h)
    except (ServerMissingError, ServerFailedError, GatewayFailedError) as error:
        raise DemoError(f"the demo cannot run: {error}") from None
    faults = wrong(report)
    console.print(screen.final(report, faults))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return 1 if faults else 0


def wrong(report: CityReport) -> list[str]:
    """Return what does not add up; empty when nothing was lost and nothing was doubled."""
    claims = {
        "no call was placed": report.placed > 0,
        "placed = answered + abandoned": report.placed == report.answered + report.abandoned,
        "placed = recorded": report.placed == report.recorded,
        "every answered call is decided": report.decided == report.answered,
        "nothing is lost": report.lost == 0,
        "nothing is doubled": report.duplicated == 0,
    }
    return [claim for claim, holds in claims.items() if not holds]


def _run(
    console: Console, seconds: int | None, seed: int, calls_per_s: float, units: int, presses_per_h: float
) -> CityReport:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway110-demo-")))
        store, _ = _server(stack, console, choose_redis())
        mqtt, is_real = _server(stack, console, choose_mqtt())
        port = free_udp_port()
        length_s = math.inf if seconds is None else seconds
        city = City(
            seed,
            COUNTIES,
            units,
            calls_per_s,
            length_s,
            (("127.0.0.1", port),),
            mqtt.url,
            store.url,
            scenario=Scenario(fleet=FleetPlan(Habits(presses_per_h=presses_per_h))),
        )
        config = _configure(folder, city, store, mqtt, "5" if is_real else "3.1.1")
        running = stack.enter_context(gateway(folder, "--config", str(config), sip_port=port))
        console.print(screen.ready(store.url, mqtt.url, running.sip_address, running.wait_ready()))
        with roads_laid(city, running, config, lambda said: console.print(screen.remark(said))):
            report = uvloop.run(_live(console, city))
        if city.first_decision is not None:
            console.print(screen.first(city.first_decision - _born_s()))
        found = _best_example(store)
        if found is not None:
            console.print(screen.decision(*found))
        if running.stop() != 0:
            raise GatewayFailedError(running.log.read_text("utf-8", "replace")[-2000:])
        return _recorded(running, report)


def _server(
    stack: ExitStack, console: Console, chosen: tuple[AbstractContextManager[Server], str]
) -> tuple[Server, bool]:
    """Start it; return it and whether it is the real one."""
    server, banner = chosen
    if banner:
        console.print(screen.banner(banner))
    return stack.enter_context(server), not banner


def _configure(folder: Path, city: City, store: Server, mqtt: Server, protocol: str) -> Path:
    """Write what an operator would: a roster, and a trunk for each county's exchange."""
    (folder / "units.csv").write_text(city.units_csv, "utf-8")
    lines = [
        f'units = "{folder / "units.csv"}"',
        f'redis = {{ url = "{store.url}" }}',
        f'mqtt = {{ url = "{mqtt.url}", protocol = "{protocol}" }}',
        'http = { listen = "" }',
        *(
            f'[[sip.trunks]]\nname = "{county}"\naddresses = ["{source}"]\ncounty = "{county}"'
            for county, source in city.sources.items()
        ),
    ]
    path = folder / "gateway.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


async def _live(console: Console, city: City) -> CityReport:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, city.stop)
    if not console.is_terminal:
        return await city.run(_plainly(console))
    with Live(screen.live(city.progress()), console=console, refresh_per_second=4) as live:
        return await city.run(lambda progress: live.update(screen.live(progress)))


def _plainly(console: Console) -> Callable[[Progress], None]:
    """Without a terminal: a line now and then."""
    told = -math.inf

    def tell(progress: Progress) -> None:
        nonlocal told
        if progress.elapsed_s - told >= PLAIN_EVERY_S:
            told = progress.elapsed_s
            console.print(screen.line(progress))

    return tell


def _best_example(at: Server) -> tuple[str, RecommendationMade] | None:
    """Return a county's name and the recommendation with the most to say: several units, several reasons."""
    best: tuple[int, str, RecommendationMade] | None = None
    with redis.Redis.from_url(at.url) as connection:
        for county in COUNTIES:
            entries_found: Any = connection.xrevrange(
                key(CountyCode(county.code), "decisions"), count=EXAMPLES_MAX
            )
            for _, fields in entries_found:
                if fields[b"type"] == b"recommendation.made":
                    made = msgspec.json.decode(fields[b"data"], type=RecommendationMade)
                    said = made.located * (
                        len(made.candidates[:3]) + sum(len(c.reasons) for c in made.candidates[:3])
                    )
                    if best is None or said > best[0]:
                        best = (said, f"{county.name_en} · {county.name_zh}", made)
    return best[1:] if best is not None else None


def _born_s() -> float:
    """Return when this process was started, s of the monotonic clock."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    since_boot_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.monotonic() - (since_boot_s - ticks / os.sysconf("SC_CLK_TCK"))


def _recorded(running: Gateway, report: CityReport) -> CityReport:
    """Compare with the journal: each call exactly once."""
    placed = set(report.placed_calls)
    recorded = Counter(
        fact.sip_call_id
        for entry in entries(running.data)
        if entry.type == "call.received" and isinstance(fact := entry.fact(), CallReceived)
    )
    doubled = sum(times - 1 for times in recorded.values())
    return msgspec.structs.replace(
        report,
        recorded=len(placed & recorded.keys()),
        lost=report.lost + len(placed - recorded.keys()),
        duplicated=report.duplicated + doubled,
    )
