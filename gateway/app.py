# SPDX-License-Identifier: Apache-2.0
"""Everything put together: build, start, serve, stop. The routing of effects is the table in `_routes`."""

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from core import snapshot
from core.effects import (
    AnswerCaller,
    ChallengeCaller,
    Effect,
    HangUpCaller,
    IndexUnits,
    LookUpCaller,
    OrderUnit,
    PromptUnit,
    QueueCaller,
    RebuildRoads,
    RingCaller,
    ShowPositions,
)
from core.errors import RosterError
from core.events import CallReceived, RosterLoaded, RosterUnit, ServiceStarted, ZonesLoaded
from core.ids import CountyCode, UnitId
from core.kernels import faults, kernels, warm
from core.zones.zone import COUNTY
from device_adapters.lookup.adapter import LookupAdapter
from device_adapters.mqtt.adapter import MqttAdapter
from device_adapters.pyvoip.adapter import PyvoipAdapter, is_ours
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.errors import UnusableFileError
from device_adapters.voice.adapter import VoiceAdapter
from gateway import __version__
from gateway.at_risk import CallsAtRisk
from gateway.clock import SystemClock
from gateway.commands import Commands
from gateway.config import Config, node_name
from gateway.errors import ConfigError, StartError, ZonesError
from gateway.journal.writer import Journal
from gateway.notify import notify
from gateway.ops import Ops, listen
from gateway.pauses import settle
from gateway.pipeline import Pipeline, Route
from gateway.publish.publisher import RedisPublisher
from gateway.recovery import Recovered, legs, recover
from gateway.roads.keeper import RoadKeeper
from gateway.roads.shelf import Shelf
from gateway.roster import changes, check_change, doubtful, read_roster
from gateway.tracks import parquet
from gateway.tracks.writer import Tracks
from gateway.watch import Watch
from gateway.withheld import WithheldOrders
from gateway.zones import NO_ZONES, ZoneMap, read_zones

EXIT_BROKEN = 70  # EX_SOFTWARE
BROKEN_S = 1.0  # what is in the line of a healthy disk is written in a few ms
PARTS_STOP_S = 5.0  # each part promises to stop within 2 s; after this the process leaves all the same
CALLS_POLL_S = 0.05

log = structlog.get_logger()


class App:
    """One gateway process."""

    def __init__(
        self, config: Config, *, on_ready: Callable[[], None], read_again: Callable[[], Config]
    ) -> None:
        """`on_ready` is called when calls can be taken; `read_again` reads the configuration anew (SIGHUP)."""
        self.config = config
        self._clock = SystemClock()
        self._read_again = read_again
        self.watch = Watch(self._clock.offset_s)
        self._on_ready = on_ready
        self._county = CountyCode(config.county)
        self._folder = Path(config.data)
        self.at_risk = CallsAtRisk(Path(config.journal.second or config.data), self._clock)
        self._stopping = asyncio.Event()
        self._journal = Journal(self._folder)
        self.voice = VoiceAdapter(config.voice, self._clock)
        voices = self.voice if config.voice.on else None
        self.sip = SipAdapter(config.sip, self._clock, self._county, voices)
        self.pbx = PyvoipAdapter(config.pyvoip, self._clock, self._county)
        self._shelf = Shelf(self._folder, config.roads.file)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises GatewayError, RosterError or ListenError when it cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.set_exception_handler(self._broken)
        roster = read_roster(Path(self.config.units)) if self.config.units else ()
        zones = read_zones(Path(self.config.zones.file)) if self.config.zones.file else NO_ZONES
        if self.config.tracks.folder:
            parquet.need()
        self._journal.lock()
        recovered = recover(self._folder, self._shelf)
        await self.sip.open()
        http = self._open_http()
        self._build(recovered)
        try:
            self._begin(recovered, roster, zones)
            await self._serve(http)
        except (Exception, BaseExceptionGroup) as error:  # we are wrong: the same end as in a callback
            self._broken(loop, {"message": "a part failed", "exception": error})

    async def _serve(self, http: socket.socket | None) -> None:
        async with asyncio.TaskGroup() as tasks:
            served = [
                tasks.create_task(self.sip.run(self.pipeline), name="sip"),
                tasks.create_task(self.voice.run(self.pipeline), name="voice"),
                tasks.create_task(self.pbx.run(self.pipeline), name="pbx"),
                tasks.create_task(self.mqtt.run(self.pipeline), name="mqtt"),
                tasks.create_task(self.lookup.run(self.pipeline), name="lookup"),
                tasks.create_task(self.commands.run(self.pipeline), name="commands"),
            ]
            last = tasks.create_task(self.publisher.run(self.pipeline), name="redis")
            ops = Ops(self.watch, http) if http is not None else None
            page = tasks.create_task(ops.run(), name="http") if ops is not None else None
            await self._warm()
            served.append(tasks.create_task(self.roads.run(self.pipeline), name="roads"))
            settle()
            self.watch.ready("start")
            notify("READY=1")
            log.info("ready", sip=list(self.sip.listening()))
            self._on_ready()
            await self._stopping.wait()
            await self._drain()
            if ops is not None and page is not None:
                ops.stop()
                served.append(page)
            await self._end(served, last)

    def stop(self) -> None:
        """Drain and return."""
        self._stopping.set()

    def _broken(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """We are wrong (docs/decisions/0007): memory can no longer be trusted. End, be restarted, replay."""
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        log.critical("broken", reason=context.get("message", ""), error=repr(error), trace=trace)
        self._journal.close(BROKEN_S)
        os._exit(EXIT_BROKEN)

    # Building

    def _build(self, recovered: Recovered) -> None:
        config, node = self.config, node_name(self.config)
        self._node = node
        self.engine = recovered.engine
        self._units: dict[UnitId, tuple[int, CountyCode]] = {}
        self._journal_id = recovered.journal_id or os.urandom(8).hex()
        self.publisher = RedisPublisher(
            config.redis,
            self._clock,
            node=node,
            journal_id=self._journal_id,
            folder=self._folder,
            epochs=recovered.engine.state.epochs,
            on_verdict=lambda: self.orders.release(),
        )
        self.publisher.resume(recovered.newest)
        self._look_up_units()
        self.mqtt = MqttAdapter(config.mqtt, self._clock, self._county, node, lambda: self._units)
        self._limit_speeds()
        self.tracks = Tracks(config.tracks, self._clock, node, lambda: self.engine.state.unit_ids)
        if config.tracks.folder:
            self.mqtt.keep_track(self.tracks.take)
            self.tracks.start()
            self.watch.add(self.tracks.name, self.tracks.statistics)
        self.lookup = LookupAdapter(config.lookup, self._clock)
        self.roads = RoadKeeper(
            config.roads.file,
            self._shelf,
            self._clock,
            lambda: self.engine.state.roads,
        )
        self.orders = WithheldOrders(self.mqtt.send, lambda: self.publisher.refused, self._stands)
        self.commands = Commands(
            config.redis, self._clock, self._counties, recovered.engine.state.commands_read
        )
        self.pipeline = Pipeline(
            self.engine,
            self._journal,
            self._clock,
            routes=self._routes(),
            publish=self.publisher.publish,
            rescue=self.at_risk.write_down,
        )
        self.pipeline.resume(max(recovered.newest.values(), default=0))
        for part in (
            self.sip,
            self.voice,
            self.pbx,
            self.mqtt,
            self.lookup,
            self.roads,
            self.publisher,
            self.commands,
            self.pipeline,
        ):
            self.watch.add(getattr(part, "name", "pipeline"), part.statistics)
        self.watch.add("engine", self._engine_statistics)
        self.watch.degraded(lambda: self.engine.state.away)

    def _routes(self) -> dict[type[Effect], Route]:
        """Return who does what. Adding an output is one line here."""
        return {
            RingCaller: self._to_caller,  # type: ignore[dict-item]
            AnswerCaller: self._to_caller,  # type: ignore[dict-item]
            HangUpCaller: self._to_caller,  # type: ignore[dict-item]
            QueueCaller: self._to_caller,  # type: ignore[dict-item]
            ChallengeCaller: self._to_caller,  # type: ignore[dict-item]
            LookUpCaller: lambda _, effect: self.lookup.send(effect),
            RebuildRoads: lambda _, effect: self.roads.send(effect),
            OrderUnit: lambda _, effect: self.orders.take(effect),  # type: ignore[arg-type]
            PromptUnit: self._ask,
            ShowPositions: self.publisher.show,  # type: ignore[dict-item]
            IndexUnits: self.publisher.index,  # type: ignore[dict-item]
        }

    def _to_caller(
        self, _: int, effect: RingCaller | AnswerCaller | HangUpCaller | QueueCaller | ChallengeCaller
    ) -> None:
        """Send it to the adapter whose leg it is; a challenge to who has the leg's voice."""
        if is_ours(effect.leg):
            self.pbx.send(effect)
        elif self.config.voice.on and isinstance(effect, ChallengeCaller):
            self.voice.send(effect)
        else:
            self.sip.send(effect)

    def _ask(self, _: int, effect: Effect) -> None:
        """Ask an officer, unless another gateway leads: then that one asks."""
        if not self.publisher.refused:
            self.mqtt.send(effect)

    def _stands(self, order: OrderUnit) -> bool:
        """Whether an order that was kept back is still meant: open in this version, or a withdrawal."""
        known = self.engine.state.orders.get(order.order_id)
        return order.cancelled or (known is not None and known.version == order.version)

    def _begin(self, recovered: Recovered, roster: tuple[RosterUnit, ...], zones: ZoneMap) -> None:
        """Go on where the journal ends: take up live calls, tell the engine of the start and the roster."""
        self._journal.start(self._journal_id, recovered.seq, recovered.chain, self.pipeline)
        live = [call for call in self.engine.state.calls.values() if call.state in ("ringing", "answered")]
        lost = [(call.leg, call.sip_call_id, call.state == "answered") for call in live if is_ours(call.leg)]
        for call in live:
            if not is_ours(call.leg):
                self.sip.adopt(call.raw, call.peer, call.leg, call.state)  # type: ignore[arg-type]
        for caller in recovered.poisoned_calls:  # the engine fails on them; they are answered all the same
            if self._adopt(caller):
                self.sip.send(AnswerCaller(leg=caller.leg))
        self.pipeline.feed(
            ServiceStarted(
                at_ns=self._clock.wall_ns(),
                version=__version__,
                node=self._node,
                county=self._county,
                settings=self.config.dispatch,
            )
        )
        self.pbx.end_lost(self.pipeline, lost)
        if roster:
            self._enrol(roster)
        self._lay_out(zones)
        self.at_risk.take_in(self.pipeline, self._adopt, lambda: legs(self._folder))
        self.watch.start()

    def _adopt(self, call: CallReceived) -> bool:
        return not is_ours(call.leg) and self.sip.adopt(call.raw, call.peer, call.leg, "ringing")

    def _open_http(self) -> socket.socket | None:
        address = self.config.http.listen
        if not address:
            return None
        try:
            return listen(address)
        except StartError as error:  # a page for operators stops no telephone
            log.warning("http_not_served", reason=str(error))
            return None

    async def _warm(self) -> None:
        """Make the kernels machine code beside the loop: calls ring meanwhile, ranked by the plain twins."""
        await asyncio.to_thread(warm)
        for fault in faults():
            log.warning("kernel_fault", reason=fault)
        log.info("kernels_ready")
        self.watch.add("kernels", lambda: {f"{name}_{how}": 1 for name, how in kernels().items()})

    # At work

    def _enrol(self, roster: tuple[RosterUnit, ...]) -> None:
        """Feed a roster that differs from the one in force."""
        enrolled = self._enrolled()
        if roster != tuple(enrolled.values()):
            self.pipeline.feed(RosterLoaded(at_ns=self._clock.wall_ns(), units=roster))
            self._look_up_units()
            self._limit_speeds()
            log.info("roster_loaded", **changes(enrolled, roster))
        zones = self.engine.state.zones.zones
        for doubt in doubtful(roster, {zone.county for zone in zones if zone.kind == COUNTY}):
            log.warning("roster_doubtful", reason=doubt)

    def _enrolled(self) -> dict[UnitId, RosterUnit]:
        """Return the roster in force."""
        units = self.engine.state.units
        return {unit_id: unit.entry for unit_id, unit in units.items() if unit.enrolled}

    def _lay_out(self, zones: ZoneMap) -> None:
        """Feed a map of zones that differs from the one in force."""
        for doubt in zones.doubts:
            log.warning("zone_doubtful", reason=doubt)
        if zones.zones != self.engine.state.zones.zones:
            self.pipeline.feed(ZonesLoaded(at_ns=self._clock.wall_ns(), zones=zones.zones))
            log.info("zones_loaded", zones=len(zones.zones))

    def _look_up_units(self) -> None:
        """Renew what adapters may know of the roster: each unit's index and county."""
        self._units = {
            unit_id: (unit.row, unit.entry.county)
            for unit_id, unit in self.engine.state.units.items()
            if unit.enrolled
        }

    def _limit_speeds(self) -> None:
        """Tell who reads fixes which kind of police each unit is: a helicopter is no jump."""
        units = self.engine.state.units.values()
        self.mqtt.limit_speeds({unit.row: unit.entry.police_type for unit in units})

    def _counties(self) -> set[CountyCode]:
        return {
            self._county,
            *(trunk.county for trunk in self.config.sip.trunks),
            *([CountyCode(self.config.pyvoip.county)] if self.config.pyvoip.county else []),
            *self.engine.state.counties,
        }

    def _engine_statistics(self) -> dict[str, int]:
        state = self.engine.state
        return {
            "calls": len(state.calls),
            "incidents": len(state.incidents),
            "orders": len(state.orders),
            "units": len(state.units),
            "units_free": state.columns.free,
            "calls_waiting": len(state.calls_waiting),
            "incidents_waiting": len(state.incidents_waiting),
            **state.counts,
        }

    def _reload(self) -> None:
        """SIGHUP: take over roster, certificates, passwords; say what needs a restart. A bad file changes nothing."""
        try:
            config = self._read_again()
            roster = read_roster(Path(config.units)) if config.units else ()
            if roster:
                check_change(self._enrolled(), roster, config.units_left_out_percent_max)
            sip_later = self.sip.reload(config.sip)
        except (RosterError, ConfigError, UnusableFileError) as error:
            log.error("reload_refused", reason=str(error))
            return
        live = ("units", "units_left_out_percent_max", "sip", "mqtt", "zones", "roads")
        fields = [name for name in config.__struct_fields__ if name not in live]
        later = [name for name in fields if getattr(config, name) != getattr(self.config, name)]
        later += ["mqtt"] if self.mqtt.reload(config.mqtt) else []
        if later or sip_later:
            tables = ["sip", *later] if sip_later else later
            log.warning("reload_needs_restart", tables=tables, **({"sip": sip_later} if sip_later else {}))
        if roster:
            self._enrol(roster)
        self._reload_zones(config.zones.file)
        self.lookup.reload()
        self.roads.reload(config.roads.file)
        log.info("reloaded", units=len(roster))

    def _reload_zones(self, file: str) -> None:
        """Read the map beside the loop: half a million corners take seconds."""

        def take_over(read: asyncio.Future[ZoneMap]) -> None:
            error = read.exception()
            if error is None:
                self._lay_out(read.result())
            elif isinstance(error, ZonesError):
                log.error("reload_refused", reason=str(error))
            else:
                raise error

        if file:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, read_zones, Path(file)).add_done_callback(take_over)
        else:
            self._lay_out(NO_ZONES)

    # Stopping

    async def _drain(self) -> None:
        """No new calls; those in progress are kept for a while."""
        notify("STOPPING=1")
        self.watch.unready("stop", "draining")
        self.sip.drain(True)
        self.pbx.drain(True)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.config.drain_s
        while self.engine.state.calls and loop.time() < until:
            await asyncio.sleep(CALLS_POLL_S)

    async def _end(self, served: list[asyncio.Task[None]], last: asyncio.Task[None]) -> None:
        """Stop in reverse: the doors first, then the disk, then Redis, which waits for the disk."""
        for part in (self.mqtt, self.lookup, self.roads, self.commands, self.pbx, self.sip, self.voice):
            part.stop()
        await asyncio.wait(served, timeout=PARTS_STOP_S)
        self.pipeline.stop()
        self.watch.stop()
        self._journal.keep_snapshot(self.engine.seq, snapshot.take(self.engine))
        written = await asyncio.to_thread(self._journal.close, self.config.journal.close_s)
        if not written:
            log.error("journal_not_written", backlog=self._journal.backlog)
        if not await asyncio.to_thread(self.tracks.close):
            log.error("tracks_not_written", reason="the disk did not take the last rows in time")
        await asyncio.sleep(0)
        self.publisher.stop()
        await asyncio.wait([last], timeout=PARTS_STOP_S)
