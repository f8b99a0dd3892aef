# SPDX-License-Identifier: Apache-2.0
"""What a fleet's positions cost the calls: one gateway, one run, calls all the time, positions in the middle third.

`python -m bench.load.ingest_run --json FILE`: a real mosquitto with the limits of docs/run/mosquitto.conf, a real
redis-server, the gateway as a process of its own, the radios and a map on the wall as another (fleet_side.py); in this
process callers and a desk. First all units report for a few seconds, so that they have a place; then calls are placed
without positions, with them, and without again. The radios are on and make their positions all the time: their side
costs nearly the same in each part.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from bench.load.fleet_side import Ended, FleetSide, FleetSideError, fleet_side
from bench.load.harness import UsageError, allow_files
from bench.load.ingest_plan import COUNTY, PARTS, Plan, callers, fleet
from bench.load.result import LATE_MS, Radios, Spread, spread
from bench.machine import OTHERS_SHARE, Others, cpu_s, machine
from device_adapters.simulated.city import City
from device_adapters.simulated.record import CallRecord
from device_adapters.simulated.report import CityReport, to_18x
from device_adapters.simulated.shown import ShownReport
from gateway.demo.child import GatewayFailedError, free_udp_port, gateway
from gateway.demo.servers import ServerFailedError, ServerMissingError, mosquitto_server, redis_server

CONF = Path(__file__).parents[2] / "docs" / "run" / "mosquitto.conf"
OURS = ("listener", "allow_anonymous", "password_file", "acl_file", "log_type", "connection_messages")
"Lines of the shipped configuration that a private broker has its own of."


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process during one part."""

    cpu_share: float
    "Of one core."
    rss_mib: float
    "At the end of the part."


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One third of the run."""

    calls: int
    fixes: int
    invite_to_18x: Spread
    placed_late: Spread
    "What of it is ours: this process was not there when the call was due."
    processes: dict[str, Process]
    "`gateway`, `mosquitto`, `redis`, `load` (this process: the callers), `radios` (and the map)."


class IngestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    suite: str = "ingest_run"
    machine: dict[str, str]
    asked: dict[str, float | str]
    others_share: float
    "What other programs took of all cores meanwhile."
    parts: dict[str, Part]
    p50_change: float | None
    "INVITE to 18x with positions, against the mean of before and after: 0.2 is 20 % longer."
    p99_change: float | None
    gateway_rss_mib: dict[str, float]
    "`start`: as the first position came; `end`: as the last call had ended."
    positions: ShownReport
    "Of the part with positions."
    radios: Radios
    placed: int
    answered: int
    failed: dict[str, int]
    lost: int
    duplicated: int
    notes: tuple[str, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; return 0, or 1 when a real part is missing or fails."""
    line = argparse.ArgumentParser(
        prog="python -m bench.load.ingest_run", description="Calls beside positions."
    )
    defaults = Plan()
    line.add_argument("--units", type=int, default=defaults.units, metavar="N")
    line.add_argument("--fixes-per-s", type=float, default=defaults.fixes_per_s, metavar="N")
    line.add_argument("--rate", type=float, default=defaults.rate, metavar="CALLS/S")
    line.add_argument(
        "--seconds", type=float, default=defaults.part_s, metavar="N", help="of each of three parts"
    )
    line.add_argument("--connections", type=int, default=defaults.connections, metavar="N")
    line.add_argument("--mqtt5", action="store_true")
    line.add_argument("--json", type=Path, metavar="FILE")
    given = line.parse_args(argv)
    plan = Plan(
        units=given.units,
        fixes_per_s=given.fixes_per_s,
        rate=given.rate,
        part_s=given.seconds,
        connections=min(given.connections, given.units),
        mqtt5=given.mqtt5,
    )
    try:
        allow_files(plan.connections)
        with tempfile.TemporaryDirectory(prefix="gateway110-ingest-") as folder:
            result = run(plan, Path(folder))
    except (UsageError, ServerMissingError, ServerFailedError, GatewayFailedError, FleetSideError) as error:
        print(f"ingest_run: {error}", file=sys.stderr)
        return 1
    text = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    sys.stdout.write(text.decode())
    if given.json is not None:
        given.json.write_bytes(text)
    return 0


def run(plan: Plan, folder: Path) -> IngestResult:
    """Start everything, measure, end everything."""
    with ExitStack() as stack:
        store = stack.enter_context(redis_server())
        broker = stack.enter_context(mosquitto_server(broker_settings(), keep=False))
        port = free_udp_port()
        city = callers(plan, port, store.url)
        (folder / "units.csv").write_text(city.units_csv, "utf-8")
        given = ["--redis", store.url, "--mqtt", broker.url, "--county", COUNTY, "--http", ""]
        running = stack.enter_context(
            gateway(
                folder, *given, "--units", str(folder / "units.csv"), "--answer", "immediately", sip_port=port
            )
        )
        running.wait_ready()
        running.wait_log("kernels_ready")
        radios = stack.enter_context(fleet_side(fleet(plan, port, broker.url, store.url)))
        pids = {"gateway": running.pid, "mosquitto": broker.pid, "redis": store.pid, "radios": radios.pid}
        watch = _Watch({**pids, "load": os.getpid()})
        facts, others = machine(), Others(pids.values())
        report, ended = _lived(city, plan, watch, radios)
        return _result(plan, city, report, ended, watch, facts, others.share())


def broker_settings() -> str:
    """Return the shipped broker's limits, for a private broker without passwords."""
    kept = [
        text
        for text in CONF.read_text("utf-8").splitlines()
        if text and not text.startswith("#") and text.split()[0] not in OURS
    ]
    return "\n".join([*kept, "persistence true", "persistence_location {folder}/", "allow_anonymous true"])


class _Watch:
    """Looks at the processes between the parts."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self.start_rss_mib = 0.0
        self.bounds_s: list[float] = []
        "When each part began, and when the last one ended; s of the monotonic clock."
        self.parts: list[dict[str, Process]] = []
        self.fixes: list[int] = []
        self._cpu_s: dict[str, float] = {}

    def look(self, fixes: int) -> None:
        """Note what has been used since the last look, if this is not the first, and the fixes sent until now."""
        now, before_s = time.monotonic(), self.bounds_s[-1] if self.bounds_s else 0.0
        used = {name: cpu_s(pid) for name, pid in self._pids.items()}
        if self._cpu_s:
            self.parts.append(
                {
                    name: Process(
                        cpu_share=round((used[name] - self._cpu_s[name]) / (now - before_s), 4),
                        rss_mib=round(rss_mib(pid), 1),
                    )
                    for name, pid in self._pids.items()
                }
            )
        self._cpu_s = used
        self.bounds_s.append(now)
        self.fixes.append(fixes)

    @property
    def gateway_rss_mib(self) -> float:
        """Return what the gateway holds now."""
        return round(rss_mib(self._pids["gateway"]), 1)


def _lived(city: City, plan: Plan, watch: _Watch, radios: FleetSide) -> tuple[CityReport, Ended]:
    """Return what came of it. Raises FleetSideError by itself, not in the group of a task."""
    lost: FleetSideError
    try:
        return uvloop.run(_live(city, plan, watch, radios))
    except* FleetSideError as group:
        lost = FleetSideError(_first(group))
    raise lost


def _first(group: BaseExceptionGroup[FleetSideError]) -> str:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)


async def _live(city: City, plan: Plan, watch: _Watch, radios: FleetSide) -> tuple[CityReport, Ended]:
    gc.freeze()
    await radios.say("ready")
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(city.run(), name="city")
        await _until(lambda: city.callers.placed > 0, living)
        watch.start_rss_mib = watch.gateway_rss_mib
        await asyncio.wait((living,), timeout=plan.warm_s)
        for part in PARTS:
            watch.look(await radios.say("speak" if part == "with" else "mute"))
            await asyncio.wait((living,), timeout=plan.part_s)
        watch.look(await radios.say("fixes"))
    return living.result(), await radios.say("end")


async def _until(holds: Callable[[], bool], living: "asyncio.Task[CityReport]") -> None:
    while not holds() and not living.done():
        await asyncio.wait((living,), timeout=0.01)


def _result(
    plan: Plan,
    city: City,
    report: CityReport,
    ended: Ended,
    watch: _Watch,
    facts: dict[str, str],
    others: float,
) -> IngestResult:
    parts = {
        name: _part(city.callers.records, watch, row) for row, name in enumerate(PARTS[: len(watch.parts)])
    }
    return IngestResult(
        machine=facts,
        asked=msgspec.to_builtins(plan),
        others_share=round(others, 3),
        parts=parts,
        p50_change=_change(parts, "p50"),
        p99_change=_change(parts, "p99"),
        gateway_rss_mib={
            "start": watch.start_rss_mib,
            **{name: part.processes["gateway"].rss_mib for name, part in parts.items()},
        },
        positions=ended.positions,
        radios=ended.radios,
        placed=report.placed,
        answered=report.answered,
        failed=report.failed,
        lost=report.lost,
        duplicated=report.duplicated,
        notes=tuple(notes(parts, others)),
    )


def notes(parts: dict[str, Part], others_share: float) -> Iterable[str]:
    """Say what makes these figures the machine's, or this tool's own."""
    if others_share > OTHERS_SHARE:
        yield f"other programs took {others_share:.0%} of all cores"
    for name, part in parts.items():
        late = part.placed_late.p99
        if late is not None and late > LATE_MS:
            yield f"{name}: this tool itself was late, p99 {late} ms; waits of calls hold it"


def _part(records: Iterable[CallRecord], watch: _Watch, row: int) -> Part:
    begin_s, end_s = watch.bounds_s[row], watch.bounds_s[row + 1]
    mine = [record for record in records if begin_s <= record.intended < end_s]
    return Part(
        calls=len(mine),
        fixes=watch.fixes[row + 1] - watch.fixes[row],
        invite_to_18x=spread(to_18x(mine)),
        placed_late=spread(max(0.0, record.sent - record.intended) for record in mine if record.sent),
        processes=watch.parts[row],
    )


def _change(parts: dict[str, Part], share: str) -> float | None:
    figures: list[float | None] = [
        getattr(parts[name].invite_to_18x, share) if name in parts else None for name in PARTS
    ]
    before, loaded, after = figures
    if before is None or loaded is None or after is None:
        return None
    return round(2 * loaded / (before + after) - 1, 3)


def rss_mib(pid: int) -> float:
    """Return what a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
