# SPDX-License-Identifier: Apache-2.0
"""The units of one county on their streets: what their radios say, and when. Pure, seeded.

`now` is seconds since the city began. Put an order in with `order`, take what is due with `due`, sleep until
`next_due`. Ways and waits of a duty are divided by `compress`, so that a demo of a minute shows arrivals.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import msgspec
import numpy as np

from core.events import RosterUnit
from device_adapters.simulated.counties import County
from device_adapters.simulated.streets import Fix, Place, Route, Streets, apron, rail_line, sea_lanes, towns

SIGN_MEDIAN_S, SIGN_SIGMA, SIGN_S_MAX = 3.3, 0.35, 20.0
"A hand reaches for the radio: nine of ten sign in 2-6 s (recorded dispatch to first ack: p50 4.6 s)."
TURNOUT_MEDIAN_S, SCENE_MEDIAN_S, DUTY_SIGMA = 25.0, 360.0, 0.5
"Before compression. Guesses."
DECLINE_SHARE = 0.03
PATROL_LEGS = 40
FIX_S_MIN = 0.1
"After a stall a radio says where it is, not where it was."
ABROAD_M = 60_000.0
"Orders farther away than this are driven like orders without a place: a few streets."
KMH = 3.6


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a radio reads of an order."""

    order_id: str
    version: int = 1
    lat: float | None = None
    lon: float | None = None
    cancelled: bool = False


class Report(msgspec.Struct, frozen=True):
    """One message a radio sends."""

    unit_id: str
    kind: Literal["position", "status", "acks", "link"]
    payload: bytes


class Step(Enum):
    """What a unit does next."""

    FIX = "fix"
    SIGN = "sign"
    DECLINE = "decline"
    GO = "go"
    ARRIVE = "arrive"
    CLEAR = "clear"


@dataclass(slots=True)
class Unit:
    """One unit on the move."""

    roster: RosterUnit
    streets: Streets
    corner: int
    route: Route
    began: float
    every_s: float
    pace: float = 1.0
    seq: int = 0
    order: Order | None = None
    duty: int = 0
    "Counts orders begun and dropped, so that a step of a dropped duty is known."
    seen: dict[str, int] = field(default_factory=dict)
    "Newest version of each order this radio has had."


def nets_of(county: County, rng: np.random.Generator) -> dict[str, Streets]:
    """Return where each kind of police of a county moves; `patrol` is on the streets of its towns."""
    nets = {"patrol": towns(county, rng)}
    if county.port:
        nets["maritime"] = sea_lanes(county, rng)
    if county.airport is not None:
        nets["airport"] = apron(county.airport, rng)
    if county.rail:
        nets["rail"] = rail_line(county, rng)
    return nets


def fleet_chance(county: County, seed: int) -> np.random.Generator:
    """Return the chance of a county's fleet; its streets are the first that is drawn from it."""
    return np.random.default_rng([seed, int(county.code), 2])


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
    ) -> None:
        self.county = county
        self.compress = compress
        self.signed = self.declined = self.repeated = self.unreadable = 0
        self._epoch_s = epoch_s
        self._rng = fleet_chance(county, seed)
        self._agenda: list[tuple[float, int, Unit, Step, int]] = []
        self._serial = 0
        nets = nets_of(county, self._rng)
        every = [float(self._rng.uniform(*fix_every_s)) for _ in units]
        self._units: dict[str, Unit] = {
            unit.unit_id: self._parked(unit, nets.get(unit.police_type, nets["patrol"]), every_s)
            for unit, every_s in zip(units, every, strict=True)
        }
        for mover in self._units.values():
            self._plan(float(self._rng.uniform(0, mover.every_s)), mover, Step.FIX)

    @property
    def fixes_per_s(self) -> float:
        """Return how many positions the radios mean to send each second."""
        return sum(1.0 / unit.every_s for unit in self._units.values())

    def start(self, now: float) -> list[Report]:
        """Return what every radio says when it is switched on."""
        return [
            report
            for unit in self._units.values()
            for report in (
                Report(unit.roster.unit_id, "link", b"online"),
                self._status(unit, "available", now),
            )
        ]

    def end(self) -> list[Report]:
        """Return what every radio says when it is switched off."""
        return [Report(unit_id, "link", b"offline") for unit_id in self._units]

    def order(self, unit_id: str, payload: bytes, now: float) -> list[Report]:
        """Take an order off the air; return what the machine says at once."""
        unit = self._units.get(unit_id)
        try:
            order = msgspec.json.decode(payload, type=Order)
        except msgspec.DecodeError:
            unit = None
        if unit is None:
            self.unreadable += 1
            return []
        if unit.seen.get(order.order_id, 0) >= order.version and not order.cancelled:
            self.repeated += 1
            return []
        unit.seen[order.order_id] = order.version
        if order.cancelled:
            return self._drop(unit, order, now)
        if unit.order is not None and unit.order.order_id != order.order_id:
            self.declined += 1
            return [self._ack(unit, order, "declined", now, reason="busy")]
        unit.order = order
        unit.duty += 1
        step = Step.DECLINE if self._rng.random() < DECLINE_SHARE else Step.SIGN
        self._plan(now + min(SIGN_S_MAX, self._lognormal(SIGN_MEDIAN_S, SIGN_SIGMA)), unit, step)
        return [self._ack(unit, order, "delivered", now)]

    def next_due(self) -> float:
        """Return when something is due next."""
        return self._agenda[0][0] if self._agenda else math.inf

    def due(self, now: float) -> list[Report]:
        """Return everything the radios say up to now."""
        reports: list[Report] = []
        while self._agenda and self._agenda[0][0] <= now:
            due, _, unit, step, duty = heapq.heappop(self._agenda)
            if step is Step.FIX:
                reports.append(self._position(unit, now))
                self._plan(max(due + unit.every_s, now + FIX_S_MIN), unit, Step.FIX)
            elif duty == unit.duty and unit.order is not None:
                reports += STEPS[step](self, unit, unit.order, now)
        return reports

    def where(self, unit_id: str, now: float) -> Fix:
        """Return where a unit is and how it moves; a unit on patrol goes on to its next streets."""
        unit = self._units[unit_id]
        if unit.order is None and (now - unit.began) > unit.route.seconds:
            self._patrol(unit, unit.corner, now)
        return unit.route.fix((now - unit.began) * unit.pace)

    # The steps of a duty

    def _sign(self, unit: Unit, order: Order, now: float) -> list[Report]:
        self.signed += 1
        self._plan(now + self._lognormal(TURNOUT_MEDIAN_S, DUTY_SIGMA) / self.compress, unit, Step.GO)
        return [self._ack(unit, order, "signed", now)]

    def _decline(self, unit: Unit, order: Order, now: float) -> list[Report]:
        self.declined += 1
        unit.order = None
        return [self._ack(unit, order, "declined", now, reason="vehicle fault")]

    def _go(self, unit: Unit, order: Order, now: float) -> list[Report]:
        here = self.where(unit.roster.unit_id, now)
        unit.route = self._way(unit, (here.lat, here.lon), order)
        unit.began, unit.pace = now, self.compress
        self._plan(now + unit.route.seconds / self.compress, unit, Step.ARRIVE)
        return [self._ack(unit, order, "enroute", now), self._status(unit, "enroute", now)]

    def _arrive(self, unit: Unit, order: Order, now: float) -> list[Report]:
        self._plan(now + self._lognormal(SCENE_MEDIAN_S, DUTY_SIGMA) / self.compress, unit, Step.CLEAR)
        return [self._ack(unit, order, "on_scene", now), self._status(unit, "on_scene", now)]

    def _clear(self, unit: Unit, order: Order, now: float) -> list[Report]:
        self._release(unit, now)
        return [self._ack(unit, order, "clear", now), self._status(unit, "available", now)]

    def _drop(self, unit: Unit, order: Order, now: float) -> list[Report]:
        if unit.order is None or unit.order.order_id != order.order_id:
            return []
        self._release(unit, now)
        return [self._status(unit, "available", now)]

    def _release(self, unit: Unit, now: float) -> None:
        here = self.where(unit.roster.unit_id, now)
        unit.order = None
        unit.duty += 1
        self._patrol(unit, unit.streets.nearest(here.lat, here.lon), now)

    # Helpers

    def _parked(self, unit: RosterUnit, streets: Streets, every_s: float) -> Unit:
        corner = int(self._rng.integers(len(streets.lat)))
        route, end = streets.stroll(self._rng, corner, PATROL_LEGS)
        return Unit(unit, streets, end, route, -float(self._rng.uniform(0, route.seconds)), every_s)

    def _patrol(self, unit: Unit, corner: int, now: float) -> None:
        unit.route, unit.corner = unit.streets.stroll(self._rng, corner, PATROL_LEGS)
        unit.began, unit.pace = now, 1.0

    def _way(self, unit: Unit, here: Place, order: Order) -> Route:
        if order.lat is None or order.lon is None:
            return unit.streets.stroll(self._rng, unit.streets.nearest(*here), 3)[0]
        if abs(order.lat - here[0]) + abs(order.lon - here[1]) > ABROAD_M / 111_320.0:
            return unit.streets.stroll(self._rng, unit.streets.nearest(*here), PATROL_LEGS)[0]
        return unit.streets.drive(here, (order.lat, order.lon))

    def _plan(self, due: float, unit: Unit, step: Step) -> None:
        self._serial += 1
        heapq.heappush(self._agenda, (due, self._serial, unit, step, unit.duty))

    def _lognormal(self, median: float, sigma: float) -> float:
        return median * math.exp(float(self._rng.normal(0.0, sigma)))

    def _stamp(self, unit: Unit, now: float) -> dict[str, int]:
        unit.seq += 1
        return {"tst": int(self._epoch_s + now), "seq": unit.seq}

    def _position(self, unit: Unit, now: float) -> Report:
        fix = self.where(unit.roster.unit_id, now)
        body = {
            "lat": round(fix.lat, 7),
            "lon": round(fix.lon, 7),
            "vel": round(fix.speed_ms * KMH, 1),
            "cog": round(fix.course, 1),
            "acc": 5,
            **self._stamp(unit, now),
        }
        return Report(unit.roster.unit_id, "position", msgspec.json.encode(body))

    def _status(self, unit: Unit, status: str, now: float) -> Report:
        body = {"status": status, **self._stamp(unit, now)}
        return Report(unit.roster.unit_id, "status", msgspec.json.encode(body))

    def _ack(self, unit: Unit, order: Order, ack: str, now: float, reason: str = "") -> Report:
        body = {"order_id": order.order_id, "version": order.version, "ack": ack, **self._stamp(unit, now)}
        if reason:
            body["reason"] = reason
        return Report(unit.roster.unit_id, "acks", msgspec.json.encode(body))


STEPS: dict[Step, Callable[[CountyFleet, Unit, Order, float], list[Report]]] = {
    Step.SIGN: CountyFleet._sign,
    Step.DECLINE: CountyFleet._decline,
    Step.GO: CountyFleet._go,
    Step.ARRIVE: CountyFleet._arrive,
    Step.CLEAR: CountyFleet._clear,
}
"What each step of a duty does; FIX belongs to no duty."
