# SPDX-License-Identifier: Apache-2.0
"""The city: callers, radios and a desk against one running gateway. Wires, waits, reads the clock."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator

import msgspec

from core.events import RosterUnit
from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.callers import Callers, is_loopback, mono_s
from device_adapters.simulated.counties import COUNTIES, County
from device_adapters.simulated.demand import Demand, Manner, PlannedCall, even
from device_adapters.simulated.desk import Desk
from device_adapters.simulated.faults import Truth
from device_adapters.simulated.fleets import FleetPlan
from device_adapters.simulated.ledger import Ledger
from device_adapters.simulated.radios import Radio
from device_adapters.simulated.record import CallRecord
from device_adapters.simulated.report import (
    CityReport,
    Latencies,
    Progress,
    is_lost,
    latency,
    tally,
    to_18x,
    to_recommendation,
    to_signed,
)
from device_adapters.simulated.roster import roster, units_csv
from device_adapters.simulated.shown import Shown
from device_adapters.simulated.wall import Wall
from device_adapters.simulated.wire import Address

DAY_S = 600.0
"A day of an endless demo; a run with an end is one day long."
FOREVER_S = 1e8
"A city where nobody calls has no last call to end with."
READY_S = 10.0
FINISH_S = 8.0
"Conversations under way may end by themselves for so long, then are hung up, and have as long again."
DECIDE_S = 8.0
"After the last call: for its decisions, and for signatures (nine of ten in 6 s)."
CALM_S = 15.0
"After an officer's cry for help somebody has spoken to them: a guess, much shorter than in life."
PROGRESS_S = 0.5

OnProgress = Callable[[Progress], None]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set besides size, rate and length."""

    manner: Manner = Manner()
    arrivals: str = "day"
    "`day` (Poisson, swelling and ebbing), `poisson` or `even`."
    fix_every_s: tuple[float, float] = (1.0, 2.0)
    classify_share: float = 0.4
    "Answered calls that the desk classifies while they talk."
    trunk_per_county: bool = True
    "Each county calls from an address of its own; on loopback only."
    run_id: str = ""
    "Begins every Call-ID; made from the clock when empty, so that two runs never share one."
    mqtt5: bool = False
    fleet: FleetPlan = FleetPlan()
    "Which fleet drives in every county."
    connections: int = 1
    "MQTT connections of each county; with as many as units, each unit has its own."
    watch_positions: bool = False
    "Compare the positions sent with those shown; needs `redis_url`, and a fleet whose receivers err a little."


class City:
    """A seeded city. `mqtt_url` or `redis_url` empty: no radios, no desk; `calls_per_s` 0: nobody calls."""

    def __init__(
        self,
        seed: int = 110,
        counties: tuple[County, ...] = COUNTIES,
        units: int = 300,
        calls_per_s: float = 2.0,
        seconds: float = math.inf,
        sip_addresses: tuple[Address, ...] = (),
        mqtt_url: str = "",
        redis_url: str = "",
        *,
        scenario: Scenario | None = None,
        units_listed: tuple[RosterUnit, ...] | None = None,
    ) -> None:
        self.seed, self.counties, self.calls_per_s, self.seconds = seed, counties, calls_per_s, seconds
        self.scenario = scenario or Scenario()
        self.roster = units_listed if units_listed is not None else roster(counties, units, seed)
        self.run_id = self.scenario.run_id or f"{time.time_ns() // 1_000_000:x}"
        self.sources = self._trunks(sip_addresses)
        "Source address of each county's calls; empty when all come from one."
        self.callers = Callers(sip_addresses, self.sources)
        self.radios: list[Radio] = []
        self.desk: Desk | None = None
        self.shown: Shown | None = None
        self._wall: Wall | None = None
        self._mqtt_url, self._redis_url = mqtt_url, redis_url
        self._plans: dict[str, PlannedCall] = {}
        self._epoch = 0.0
        self._alarm, self._bell = Alarm(), Alarm()
        self._done = False
        self.connected = 0
        "How many of the radios' connections stood at the end."
        self.placing_s = self.lived_s = 0.0
        "How long calls were placed, and how long radios reported; known at the end."

    @property
    def units_csv(self) -> str:
        """Return the roster as the gateway loads it."""
        return units_csv(self.roster)

    def stop(self) -> None:
        """Place no more calls; `run` then ends as it would by itself."""
        self.callers.stop()

    async def run(self, on_progress: OnProgress | None = None) -> CityReport:
        """Live until the time is over or `stop()`; return what came of it."""
        self._build()
        await self.callers.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                for radio in self.radios:
                    tasks.create_task(radio.run(), name=f"radio-{radio.fleet.county.code}")
                if self.desk is not None:
                    tasks.create_task(self.desk.run(), name="desk")
                if self._wall is not None:
                    tasks.create_task(self._wall.run(), name="wall")
                tasks.create_task(self._tell(on_progress), name="city-progress")
                try:
                    await self._day()
                finally:
                    self._end()
        finally:
            self.callers.close()
        return self._report()

    @property
    def first_decision(self) -> float | None:
        """When the first recommendation was readable, s of the monotonic clock; None before it is."""
        told = self.desk.ledger.recommended if self.desk is not None else {}
        return min(told.values(), default=None)

    @property
    def ready(self) -> bool:
        """Return whether desk and wall read and the radios have spoken: what they missed would look lost."""
        there = [radio.ready for radio in self.radios]
        there += [one.ready for one in (self.desk, self._wall) if one is not None]
        return self._epoch > 0 and all(event.is_set() for event in there)

    def progress(self) -> Progress:
        """Return how the run stands."""
        ledger = self.desk.ledger if self.desk is not None else None
        return Progress(
            elapsed_s=self._now() if self._epoch else 0.0,
            placed=self.callers.placed,
            answered=self.callers.answered,
            abandoned=self.callers.abandoned,
            failed=self.callers.failed,
            decided=len(ledger.recommended) if ledger is not None else 0,
            fixes=sum(radio.fixes for radio in self.radios),
            events=sum(radio.events for radio in self.radios),
            orders=sum(radio.orders for radio in self.radios),
            signed=sum(radio.fleet.signed for radio in self.radios),
        )

    def _build(self) -> None:
        self._epoch = mono_s()
        epoch_s = time.time_ns() / 1e9
        scenario = self.scenario
        codes = tuple(county.code for county in self.counties)
        if scenario.watch_positions and self._redis_url and self._mqtt_url:
            self.shown = Shown()
            self._wall = Wall(self._redis_url, codes, self.shown, _wall_ms)
        if self._mqtt_url:
            self.radios = [
                Radio(
                    scenario.fleet.fleet(
                        county,
                        tuple(unit for unit in self.roster if unit.county == county.code),
                        seed=self.seed,
                        compress=scenario.manner.compress,
                        epoch_s=epoch_s,
                        fix_every_s=scenario.fix_every_s,
                    ),
                    self._mqtt_url,
                    self._now,
                    name=f"city-{self.run_id}-{county.code}",
                    mqtt5=scenario.mqtt5,
                    connections=scenario.connections,
                    on_sent=self._note_sent if self.shown is not None else None,
                )
                for county in self.counties
            ]
        if self._redis_url:
            classify = self._classify if scenario.classify_share else None
            calm_after_s = CALM_S if scenario.fleet.habits.presses_per_h else None
            self.desk = Desk(self._redis_url, codes, mono_s, classify=classify, calm_after_s=calm_after_s)

    async def _day(self) -> None:
        await self._until(lambda: self.ready, READY_S)
        calls = self._remembered(self._calls())
        start = mono_s()
        seconds = self.seconds if self.calls_per_s else min(self.seconds, FOREVER_S)
        await self.callers.place(calls, start=start, seconds=seconds)
        self.placing_s = mono_s() - start
        await self.callers.finish(FINISH_S)
        if self.desk is not None:
            await self._until(lambda: not self._undecided(), DECIDE_S)

    async def _until(self, holds: Callable[[], bool], within_s: float) -> None:
        until = mono_s() + within_s
        while not holds() and mono_s() < until:
            await self._alarm.sleep(0.05)

    async def _tell(self, on_progress: OnProgress | None) -> None:
        while on_progress is not None and not self._done:
            on_progress(self.progress())
            await self._bell.sleep(PROGRESS_S)

    def _end(self) -> None:
        self._done = True
        self.connected = sum(radio.connected for radio in self.radios)
        self.lived_s = self._now()
        self._bell.ring()
        for radio in self.radios:
            radio.stop()
        if self.desk is not None:
            self.desk.stop()
        if self._wall is not None:
            self._wall.stop()

    def _undecided(self) -> bool:
        assert self.desk is not None, "decisions are read by the desk"
        ledger = self.desk.ledger
        return ledger.orders_open > 0 or any(is_lost(record, ledger) for record in self._ended())

    def _ended(self) -> Iterator[CallRecord]:
        return (record for record in self.callers.records if record.outcome != "failed")

    def _now(self) -> float:
        return mono_s() - self._epoch

    def _note_sent(self, truth: Truth) -> None:
        assert self.shown is not None, "only who watches notes"
        self.shown.sent(truth, _wall_ms())

    def _trunks(self, addresses: tuple[Address, ...]) -> dict[str, str]:
        if not (self.scenario.trunk_per_county and addresses and is_loopback(addresses[0][0])):
            return {}
        rows = {county.code: row for row, county in enumerate(COUNTIES, start=1)}
        return {county.code: f"127.0.1.{rows[county.code]}" for county in self.counties}

    def _calls(self) -> Iterator[PlannedCall]:
        scenario = self.scenario
        if not self.calls_per_s:
            return iter(())
        demand = Demand(self.seed, self.counties, scenario.manner, self.run_id)
        if scenario.arrivals == "even":
            return demand.calls(even(self.calls_per_s))
        day_s = 0.0 if scenario.arrivals == "poisson" else min(self.seconds, DAY_S)
        return demand.poisson(self.calls_per_s, day_s, at_once=day_s > 0)

    def _remembered(self, calls: Iterator[PlannedCall]) -> Iterator[PlannedCall]:
        for call in calls:
            self._plans[call.sip_call_id] = call
            yield call

    def _classify(self, sip_call_id: str) -> tuple[float, int, str] | None:
        call = self._plans.get(sip_call_id)
        return None if call is None else classification(call, self.scenario.classify_share)

    def _report(self) -> CityReport:
        records, ledger = self.callers.records, self.desk.ledger if self.desk is not None else Ledger()
        lost = tuple(record.sip_call_id for record in records if is_lost(record, ledger)) if self.desk else ()
        answered = tuple(record.sip_call_id for record in records if record.outcome == "answered")
        so_far = self.progress()
        return CityReport(
            seconds=round(self.placing_s),
            placed=len(records),
            answered=len(answered),
            abandoned=so_far.abandoned,
            decided=sum(1 for call in answered if ledger.told(call) == "decided"),
            lost=len(lost) if self.desk else sum(1 for record in records if record.outcome in ("", "failed")),
            duplicated=len(ledger.duplicates),
            fixes=so_far.fixes,
            events=so_far.events,
            orders=len(ledger.orders),
            signed=sum(1 for order in ledger.orders.values() if order.signed),
            latency_ms=Latencies(
                invite_to_18x=latency(to_18x(records)),
                invite_to_recommendation=latency(to_recommendation(records, ledger)),
                order_to_signed=latency(to_signed(ledger)),
            ),
            run_id=self.run_id,
            retransmissions=sum(record.retransmissions for record in records),
            failed=tally(
                record.reason or "unfinished" for record in records if record.outcome in ("", "failed")
            ),
            declined=sum(radio.fleet.declined for radio in self.radios),
            reconnects=sum(radio.reconnects for radio in self.radios),
            duplicates=tuple(ledger.duplicates),
            lost_calls=lost,
            placed_calls=tuple(record.sip_call_id for record in records),
            answered_calls=answered,
            abandoned_calls=tuple(record.sip_call_id for record in records if record.outcome == "abandoned"),
            decisions=ledger.by_type,
        )


def _wall_ms() -> float:
    return time.time_ns() / 1e6


def classification(call: PlannedCall, share: float) -> tuple[float, int, str] | None:
    """Return seconds after the answer, level and category, or None; which calls hangs on the call alone.

    Somebody listens for a third of the talk and has classified before its end; who gave up is not heard.
    """
    draw = int(call.sip_call_id.partition("@")[0][-8:], 16) / 2**32
    if draw >= share or call.abandon_after_s is not None:
        return None
    return call.talk_s * (0.3 + 0.4 * draw / share), call.level, call.kind
