# SPDX-License-Identifier: Apache-2.0
"""The units of one county on their streets: what their radios say, and when. Pure, seeded.

`now` is seconds since the city began. Put in what comes off the air with `hear`, take what is due with `due`, sleep
until `next_due`. Waits of a duty are divided by `compress`, so that a demo of a minute shows arrivals; so are ways, as
far as `Habits.drive_m_s_max` allows.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

import msgspec
import numpy as np

from core.events import RosterUnit
from device_adapters.simulated import sayings
from device_adapters.simulated.counties import County
from device_adapters.simulated.crew import Habits, Unit, fleet_chance, nets_of
from device_adapters.simulated.faults import Measured, habit
from device_adapters.simulated.handset import Duty, Heard, Order, Stage
from device_adapters.simulated.sayings import Report
from device_adapters.simulated.streets import Fix, Place, Route, Streets, offset

SIGN_MEDIAN_S, SIGN_SIGMA, SIGN_S_MAX = 3.3, 0.35, 20.0
"A hand reaches for the radio: nine of ten sign in 2-6 s (recorded dispatch to first ack: p50 4.6 s)."
TURNOUT_MEDIAN_S, SCENE_MEDIAN_S, DUTY_SIGMA = 25.0, 360.0, 0.5
"Before compression. Guesses."
DECLINE_SHARE = 0.03
PATROL_LEGS = 40
ABROAD_M = 60_000.0
"Orders farther away than this are driven like orders without a place: a few streets."


class Step(Enum):
    """What a unit does next."""

    FIX = "fix"
    SIGN = "sign"
    DECLINE = "decline"
    GO = "go"
    ARRIVE = "arrive"
    CLEAR = "clear"
    ANSWER = "answer"
    PRESS = "press"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a radio reads of a question whether its officers are well."""

    prompt: int


class CountyFleet:
    """The units of one county, whose radios share one gateway."""

    def __init__(
        self,
        county: County,
        units: tuple[RosterUnit, ...],
        *,
        seed: int,
        compress: float,
        epoch_s: float,
        fix_every_s: tuple[float, float] = (1.0, 2.0),
        habits: Habits | None = None,
    ) -> None:
        self.county = county
        self.compress = compress
        self.habits = habits or Habits()
        self.signed = self.declined = self.repeated = self.unreadable = self.checked_in = self.pressed = 0
        self._epoch_s = epoch_s
        self._rng = fleet_chance(county, seed)
        self._mishaps = np.random.default_rng([seed, int(county.code), 3])
        "Faults, noise and buttons draw from here, so that a bad fleet drives where the good one does."
        self._agenda: list[tuple[float, int, Unit, Step, Duty | None, int]] = []
        self._serial = 0
        nets = nets_of(county, self._rng)
        every = [float(self._rng.uniform(*fix_every_s)) for _ in units]
        self._units: dict[str, Unit] = {
            unit.unit_id: self._parked(unit, nets.get(unit.police_type, nets["patrol"]), every_s, row)
            for row, (unit, every_s) in enumerate(zip(units, every, strict=True))
        }
        self._begin()

    @property
    def unit_ids(self) -> tuple[str, ...]:
        """Return the units, in the roster's order."""
        return tuple(self._units)

    @property
    def fixes_per_s(self) -> float:
        """Return how many positions the radios mean to send each second."""
        return sum(1.0 / unit.every_s for unit in self._units.values())

    @property
    def beeps(self) -> int:
        """Return how often a radio was told of an order again, louder."""
        return sum(unit.handset.beeps for unit in self._units.values())

    def start(self, now: float) -> list[Report]:
        """Return what every radio says when it is switched on."""
        return [
            report
            for unit in self._units.values()
            for report in (sayings.link(unit.unit_id, "online"), self._status(unit, "available", now))
        ]

    def end(self) -> list[Report]:
        """Return what every radio says when it is switched off."""
        return [sayings.link(unit_id, "offline") for unit_id in self._units]

    def hear(self, unit_id: str, leaf: str, payload: bytes, now: float) -> list[Report]:
        """Take what comes off the air under a leaf of the unit's topic; return what the machine says at once."""
        return (
            self.prompted(unit_id, payload, now) if leaf == "prompts" else self.order(unit_id, payload, now)
        )

    def order(self, unit_id: str, payload: bytes, now: float) -> list[Report]:
        """Take an order off the air, by whichever channel; return what the machine says at once."""
        unit = self._units.get(unit_id)
        try:
            order = msgspec.json.decode(payload, type=Order)
        except msgspec.DecodeError:
            unit = None
        if unit is None:
            self.unreadable += 1
            return []
        heard, duty = unit.handset.take(order)
        match heard:
            case Heard.NEW | Heard.CHANGED:
                assert duty is not None, "a duty is made for what is new"
                step = Step.SIGN
                if heard is Heard.NEW and self._rng.random() < DECLINE_SHARE:
                    step = Step.DECLINE
                self._plan(now + self._hand_s(), unit, step, duty)
                return [self._ack(unit, order, "delivered", now)]
            case Heard.DROPPED:
                assert duty is not None, "only a duty is dropped"
                return self._done(unit, duty, now)
            case Heard.FULL:
                self.declined += 1
                return [self._ack(unit, order, "declined", now, reason="busy")]
            case _:
                self.repeated += heard is not Heard.BEEP
                return []

    def prompted(self, unit_id: str, payload: bytes, now: float) -> list[Report]:
        """Take a question whether the officers are well; a hand answers it."""
        unit = self._units.get(unit_id)
        try:
            prompt = msgspec.json.decode(payload, type=Prompt)
        except msgspec.DecodeError:
            unit = None
        if unit is None:
            self.unreadable += 1
        elif prompt.prompt > unit.prompt:
            unit.prompt = prompt.prompt
            self._plan(now + self._hand_s(), unit, Step.ANSWER, leg=prompt.prompt)
        return []

    def next_due(self) -> float:
        """Return when something is due next."""
        return self._agenda[0][0] if self._agenda else math.inf

    def due(self, now: float) -> list[Report]:
        """Return everything the radios say up to now."""
        reports: list[Report] = []
        while self._agenda and self._agenda[0][0] <= now:
            due, _, unit, step, duty, leg = heapq.heappop(self._agenda)
            if step is Step.FIX:
                reports += self._positions(unit, self.where(unit.unit_id, now), now)
                self._plan(self._next_turn(due, unit.every_s, now), unit, Step.FIX)
            elif step is Step.PRESS:
                reports += self._press(unit, now)
            elif step is Step.ANSWER:
                reports += self._answer(unit, leg, now)
            elif duty is not None and not duty.over and duty.leg == leg:
                reports += STEPS[step](self, unit, duty, now)
        return reports

    def where(self, unit_id: str, now: float) -> Fix:
        """Return where a unit is and how it moves; a unit on patrol goes on to its next streets."""
        unit = self._units[unit_id]
        if unit.on_patrol and (now - unit.began) > unit.route.seconds:
            self._patrol(unit, unit.corner, now)
        here = unit.route.fix((now - unit.began) * unit.pace)
        return here if unit.pace == 1.0 else replace(here, speed_ms=here.speed_ms * unit.pace)

    # The steps of a duty

    def _sign(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        self.signed += 1
        if duty.stage is Stage.TOLD:
            duty.stage = Stage.SIGNED
        if duty.stage is not Stage.ON_SCENE and unit.handset.duties[0] is duty:
            self._turn_out(unit, duty, now)
        return [self._ack(unit, duty.order, "signed", now)]

    def _decline(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        self.declined += 1
        said = [self._ack(unit, duty.order, "declined", now, reason="vehicle fault")]
        if not unit.on_patrol:
            return [*said, *self._done(unit, duty, now)]
        unit.handset.end(duty)
        self._begin_next(unit, now)
        return said

    def _go(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        duty.stage = Stage.ENROUTE
        here = self.where(unit.unit_id, now)
        unit.route = self._way(unit, (here.lat, here.lon), duty.order)
        fastest_m_s = max(unit.route.fastest_m_s, 0.1)
        unit.on_patrol = False
        unit.began, unit.pace = now, min(self.compress, max(1.0, self.habits.drive_m_s_max / fastest_m_s))
        self._plan(now + unit.route.seconds / unit.pace, unit, Step.ARRIVE, duty)
        return [self._ack(unit, duty.order, "enroute", now), self._status(unit, "enroute", now)]

    def _arrive(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        duty.stage = Stage.ON_SCENE
        self._plan(now + self._lognormal(SCENE_MEDIAN_S, DUTY_SIGMA) / self.compress, unit, Step.CLEAR, duty)
        return [self._ack(unit, duty.order, "on_scene", now), self._status(unit, "on_scene", now)]

    def _clear(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        return [self._ack(unit, duty.order, "clear", now), *self._done(unit, duty, now)]

    def _done(self, unit: Unit, duty: Duty, now: float) -> list[Report]:
        """End a duty; the next one is begun, or the unit goes on patrol."""
        served = unit.handset.duties[0] is duty
        unit.handset.end(duty)
        if not served:
            return []
        if unit.handset.duties:
            self._begin_next(unit, now)
            return []
        here = self.where(unit.unit_id, now)
        self._patrol(unit, unit.streets.nearest(here.lat, here.lon), now, (here.lat, here.lon))
        return [self._status(unit, "available", now)]

    def _begin_next(self, unit: Unit, now: float) -> None:
        """Turn out for the first duty, if it is signed and nobody has yet."""
        following = next(iter(unit.handset.duties), None)
        if following is not None and following.stage is Stage.SIGNED and not following.leg:
            self._turn_out(unit, following, now)

    def _turn_out(self, unit: Unit, duty: Duty, now: float) -> None:
        duty.leg += 1
        self._plan(now + self._lognormal(TURNOUT_MEDIAN_S, DUTY_SIGMA) / self.compress, unit, Step.GO, duty)

    # Buttons

    def _answer(self, unit: Unit, prompt: int, now: float) -> list[Report]:
        if prompt != unit.prompt:
            return []
        self.checked_in += 1
        return [sayings.event(unit.unit_id, "check_in", self._stamp(unit, now), prompt=prompt)]

    def _press(self, unit: Unit, now: float) -> list[Report]:
        self.pressed += 1
        self._plan_press(unit, now)
        here = self.where(unit.unit_id, now)
        place = {"lat": round(here.lat, 7), "lon": round(here.lon, 7)}
        return [sayings.event(unit.unit_id, "emergency", self._stamp(unit, now), **place)]

    def _plan_press(self, unit: Unit, now: float) -> None:
        if self.habits.presses_per_h > 0:
            wait_s = float(self._mishaps.exponential(3_600.0 / self.habits.presses_per_h))
            self._plan(now + wait_s, unit, Step.PRESS)

    # Helpers

    def _begin(self) -> None:
        """Plan the first fix of every unit, and the first cry for help."""
        for unit in self._units.values():
            self._plan(float(self._rng.uniform(0, unit.every_s)), unit, Step.FIX)
            self._plan_press(unit, 0.0)

    @staticmethod
    def _next_turn(due: float, every_s: float, now: float) -> float:
        """Return when a radio speaks next: a stall of ours costs it turns, or all would speak in chorus ever after."""
        return due + every_s * ((now - due) // every_s + 1)

    def _parked(self, unit: RosterUnit, streets: Streets, every_s: float, row: int) -> Unit:
        corner = int(self._rng.integers(len(streets.lat)))
        route, end = streets.stroll(self._rng, corner, PATROL_LEGS)
        began = -float(self._rng.uniform(0, route.seconds))
        kinds = self.habits.kinds
        return Unit(unit, streets, end, route, began, every_s, habit(kinds[row % len(kinds)]))

    def _patrol(self, unit: Unit, corner: int, now: float, start: Place | None = None) -> None:
        unit.route, unit.corner = unit.streets.stroll(self._rng, corner, PATROL_LEGS, start)
        unit.began, unit.pace, unit.on_patrol = now, 1.0, True

    def _way(self, unit: Unit, here: Place, order: Order) -> Route:
        if order.lat is None or order.lon is None:
            return unit.streets.stroll(self._rng, unit.streets.nearest(*here), 3, here)[0]
        if abs(order.lat - here[0]) + abs(order.lon - here[1]) > ABROAD_M / 111_320.0:
            return unit.streets.stroll(self._rng, unit.streets.nearest(*here), PATROL_LEGS, here)[0]
        return unit.streets.drive(here, (order.lat, order.lon))

    def _plan(self, due: float, unit: Unit, step: Step, duty: Duty | None = None, leg: int = 0) -> None:
        self._serial += 1
        leg = duty.leg if duty is not None else leg
        heapq.heappush(self._agenda, (due, self._serial, unit, step, duty, leg))

    def _hand_s(self) -> float:
        return min(SIGN_S_MAX, self._lognormal(SIGN_MEDIAN_S, SIGN_SIGMA))

    def _lognormal(self, median: float, sigma: float) -> float:
        return median * math.exp(float(self._rng.normal(0.0, sigma)))

    def _stamp(self, unit: Unit, now: float) -> dict[str, int]:
        unit.seq += 1
        return {"tst": int(self._epoch_s + now), "seq": unit.seq}

    def _positions(self, unit: Unit, here: Fix, now: float) -> list[Report]:
        """Return what the radio makes of a fix: none, one or several messages."""
        lat, lon = here.lat, here.lon
        if self.habits.noise_m:
            north_m, east_m = self._mishaps.normal(0.0, self.habits.noise_m, 2)
            lat, lon = offset((lat, lon), float(north_m), float(east_m))
        unit.seq += 1
        found = Measured(lat, lon, here.speed_ms, here.course, int(self._epoch_s + now), unit.seq)
        return [sayings.position(unit.unit_id, spoken) for spoken in unit.habit(found, self._mishaps)]

    def _status(self, unit: Unit, word: str, now: float) -> Report:
        return sayings.status(unit.unit_id, word, self._stamp(unit, now))

    def _ack(self, unit: Unit, order: Order, word: str, now: float, reason: str = "") -> Report:
        return sayings.ack(unit.unit_id, order.order_id, order.version, word, self._stamp(unit, now), reason)


STEPS: dict[Step, Callable[[CountyFleet, Unit, Duty, float], list[Report]]] = {
    Step.SIGN: CountyFleet._sign,
    Step.DECLINE: CountyFleet._decline,
    Step.GO: CountyFleet._go,
    Step.ARRIVE: CountyFleet._arrive,
    Step.CLEAR: CountyFleet._clear,
}
"What each step of a duty does; the others belong to no duty."
