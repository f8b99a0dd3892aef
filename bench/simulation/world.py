# SPDX-License-Identifier: Apache-2.0
"""The world around the real engine, in virtual time: calls ring, seats answer, cars roll, and facts come of it.

The engine is the one that serves a county; nothing of it is replaced. What it says is done here as the gateway, the
radios and the officers would do it, and what happens then is told to it in facts. Orders are signed when the car
rolls: the records know no moment between.
"""

import heapq
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.simulation.car import Car
from bench.simulation.city import ORDINARY, SIREN, City, Town
from bench.simulation.demand import NS_PER_S, Case
from bench.simulation.outcome import NEVER, Outcome
from bench.simulation.policies import Policy
from core.effects import (
    AnswerCaller,
    CallWaiting,
    DropTimer,
    Effect,
    OrderIssued,
    OrderUnit,
    OrderUpdated,
    SetTimer,
)
from core.engine import Engine
from core.events import (
    Ack,
    CallAnswered,
    CallEnded,
    CallReceived,
    CommandGiven,
    Fact,
    OrderAcked,
    RoadsLoaded,
    RosterLoaded,
    RosterUnit,
    ServiceStarted,
    TimerFired,
    UnitReported,
    UnitsMoved,
)
from core.ids import CallId, CountyCode, IncidentId, Leg, OrderId, UnitId
from core.units.columns import FIX_DTYPE

COUNTY = CountyCode("330302")
ROADS = "the city's"
"The digest the engine knows them by."
BEGIN_NS = 1_760_000_000 * NS_PER_S
"When every run begins."
TICK_NS = 10 * NS_PER_S
"How often each car tells where it is."
THINK_NS = 5 * NS_PER_S
"After which a car that has nothing to do turns home (guess)."
DRAIN_NS = 12 * 3600 * NS_PER_S
"After the last ring nobody is waited for longer; who was not reached by then is counted."


class World:
    """One run of one policy."""

    def __init__(self, city: City, town: Town, cases: list[Case], policy: Policy) -> None:
        self._city, self._cases, self._policy = city, cases, policy
        self._siren, self._home = city.ways[SIREN], city.ways[ORDINARY]
        self._cars = [Car(row=row, base=base, node=base) for row, base in enumerate(town.bases.tolist())]
        self._settings = policy.of_engine()
        self.engine = Engine({ROADS: city.networks})
        self._now_ns = BEGIN_NS
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._planned = 0
        self._timers: dict[str, int] = {}
        self._call_ids: dict[int, CallId] = {}
        self._incident_ids: dict[int, IncidentId] = {}
        self._case_of: dict[IncidentId, int] = {}
        self._orders = [0] * len(cases)
        self._etas_s: dict[OrderId, float] = {}
        self._open = len(cases)
        self.outcome = Outcome(
            ready_ns=np.full(len(cases), NEVER, np.int64),
            ordered_ns=np.full(len(cases), NEVER, np.int64),
            reached_ns=np.full(len(cases), NEVER, np.int64),
        )

    def run(self) -> Outcome:
        """Live until everybody has been reached and all cars are free, or the time is up."""
        self._begin()
        last_ns = BEGIN_NS + self._cases[-1].ring_ns + DRAIN_NS
        while self._events and self._open:
            at_ns, _, happen = heapq.heappop(self._events)
            if at_ns > last_ns:
                break
            self._now_ns = at_ns
            happen()
        for car in self._cars:
            if car.order_id:
                car.rest(self._now_ns)
        self.outcome.worked_ns = [
            (begin - BEGIN_NS, end - BEGIN_NS) for car in self._cars for begin, end in car.worked_ns
        ]
        self.outcome.refused = dict(self.engine.state.counts)
        return self.outcome

    # What happens

    def _begin(self) -> None:
        self._feed(
            ServiceStarted(
                at_ns=self._now_ns, version="simulation", node="n", county=COUNTY, settings=self._settings
            )
        )
        if self._policy.roads:
            self._feed(RoadsLoaded(at_ns=self._now_ns, digest=ROADS))
        units = tuple(RosterUnit(unit_id=_unit_id(car.row), county=COUNTY) for car in self._cars)
        self._feed(RosterLoaded(at_ns=self._now_ns, units=units))
        for car in self._cars:
            self._feed(UnitReported(at_ns=self._now_ns, unit_id=_unit_id(car.row), status="available"))
        self._tick()
        for n, case in enumerate(self._cases):
            self._plan(BEGIN_NS + case.ring_ns, partial(self._ring, n))

    def _tick(self) -> None:
        """All cars tell where they are."""
        at_s = self._now_ns // NS_PER_S
        places = [car.place(self._siren, self._now_ns) for car in self._cars]
        fixes = [(row, lat, lon, at_s, speed, course) for row, (lat, lon, speed, course) in enumerate(places)]
        data = np.array(fixes, FIX_DTYPE).tobytes()
        self._feed(UnitsMoved(at_ns=self._now_ns, n=len(fixes), data=data))
        self._plan(self._now_ns + TICK_NS, self._tick)

    def _ring(self, n: int) -> None:
        case = self._cases[n]
        self._feed(
            CallReceived(at_ns=self._now_ns, leg=_leg(n), sip_call_id=str(n), county=COUNTY, caller="")
        )
        self._plan(self._now_ns + case.answer_ns, partial(self._take, n))
        self._plan(self._now_ns + case.sign_off_ns, partial(self._sign_off, n))
        self._plan(self._now_ns + case.hang_up_ns, partial(self._hang_up, n))

    def _take(self, n: int) -> None:
        """A seat picks up."""
        self._feed(
            CommandGiven(at_ns=self._now_ns, command="call.take", county=COUNTY, call_id=self._call_ids[n])
        )

    def _answer(self, leg: Leg) -> None:
        self._feed(CallAnswered(at_ns=self._now_ns, leg=leg, sip_call_id=leg))

    def _sign_off(self, n: int) -> None:
        """The call-taker has understood what it is, and then where."""
        case, graph = self._cases[n], self._city.graph
        classify = CommandGiven(
            at_ns=self._now_ns,
            command="call.classify",
            county=COUNTY,
            call_id=self._call_ids[n],
            level=case.level,
        )
        locate = CommandGiven(
            at_ns=self._now_ns,
            command="incident.locate",
            county=COUNTY,
            incident_id=self._incident_ids[n],
            lat=int(graph.lat_e7[case.node]) / 1e7,
            lon=int(graph.lon_e7[case.node]) / 1e7,
        )
        self._feed(classify)
        self.outcome.ready_ns[n] = self._now_ns - BEGIN_NS
        began_s = time.thread_time()
        effects = self.engine.handle(locate)
        self.outcome.decided_us.append((time.thread_time() - began_s) * 1e6)
        self._hear(effects)

    def _hang_up(self, n: int) -> None:
        self._feed(CallEnded(at_ns=self._now_ns, leg=_leg(n), sip_call_id=str(n)))

    def _roll(self, car: Car, order: OrderUnit) -> None:
        """The car turns out, signs, and drives."""
        if car.order_id != order.order_id:
            return  # called off meanwhile
        case = self._cases[self._case_of[order.incident_id]]
        ways = self._siren if order.level <= self._settings.siren_level_max else self._home
        drive = car.set_out(ways, case.node, self._now_ns)
        self._plan(drive.arrives_ns, partial(self._arrive, car, car.drives, order))
        self._ack(car, order, "enroute")

    def _arrive(self, car: Car, drives: int, order: OrderUnit | None) -> None:
        """The car is where it drove to; it may have another order by now."""
        if car.drives != drives or car.drive is None:
            return
        car.stand(car.drive.end)
        if order is None or car.order_id != order.order_id:
            return
        car.on_scene = True
        if order.order_id in self._etas_s:
            drove_s = (self._now_ns - car.rolled_ns) / NS_PER_S
            self.outcome.eta_off_s.append(drove_s - self._etas_s[order.order_id])
        n = self._case_of[order.incident_id]
        assert self.outcome.reached_ns[n] == NEVER, "one car for one incident"
        self.outcome.reached_ns[n] = self._now_ns - BEGIN_NS
        self._open -= 1
        self._plan(self._now_ns + self._cases[n].scene_ns, partial(self._clear, car, order))
        self._ack(car, order, "on_scene")

    def _clear(self, car: Car, order: OrderUnit) -> None:
        if car.order_id == order.order_id:
            self._rest(car)
            self._ack(car, order, "clear")

    def _turn_home(self, car: Car, drives: int) -> None:
        """Nobody has asked for it: back to where it stands by day; it can be sent from wherever it is then."""
        if car.order_id or car.drives != drives:
            return
        drive = car.set_out(self._home, car.base, self._now_ns)
        self._plan(drive.arrives_ns, partial(self._arrive, car, car.drives, None))

    # What the engine says

    def _told(self, effect: Effect) -> None:
        match effect:
            case SetTimer():
                self._timers[effect.key] = effect.due_ns
                self._plan(max(effect.due_ns, self._now_ns), partial(self._fire, effect.key, effect.due_ns))
            case DropTimer():
                self._timers.pop(effect.key, None)
            case CallWaiting():
                n = int(effect.sip_call_id)
                self._call_ids[n], self._incident_ids[n] = effect.call_id, effect.incident_id
                self._case_of[effect.incident_id] = n
            case AnswerCaller():
                self._plan(self._now_ns, partial(self._answer, effect.leg))
            case OrderIssued():
                if effect.eta_s is not None:
                    self._etas_s[effect.order_id] = effect.eta_s
            case OrderUnit():
                self._radio(effect)
            case OrderUpdated(state="cancelled"):
                self.outcome.called_off += 1
            case OrderUpdated(state="expired"):
                self.outcome.unsigned += 1

    def _radio(self, order: OrderUnit) -> None:
        """An order, or its end, comes to the car."""
        car = self._cars[_row(order.unit_id)]
        if order.cancelled:
            if car.order_id == order.order_id:
                assert not car.on_scene, "nobody is called off a scene"
                self._rest(car)
            return
        if car.order_id == order.order_id:
            return  # told again: it is about to roll, or rolls
        n = self._case_of[order.incident_id]
        if self.outcome.ordered_ns[n] == NEVER:
            self.outcome.ordered_ns[n] = self._now_ns - BEGIN_NS
        turn_outs = self._cases[n].turn_out_ns
        turn_out_ns = turn_outs[self._orders[n] % len(turn_outs)]
        self._orders[n] += 1
        car.work(order.order_id, self._now_ns)
        self._plan(self._now_ns + turn_out_ns, partial(self._roll, car, order))

    def _rest(self, car: Car) -> None:
        car.rest(self._now_ns)
        self._plan(self._now_ns + THINK_NS, partial(self._turn_home, car, car.drives))

    def _fire(self, key: str, due_ns: int) -> None:
        if self._timers.get(key) == due_ns:
            del self._timers[key]
            self._feed(TimerFired(at_ns=self._now_ns, key=key))

    # At the engine's door

    def _ack(self, car: Car, order: OrderUnit, ack: Ack) -> None:
        self._feed(
            OrderAcked(
                at_ns=self._now_ns,
                unit_id=_unit_id(car.row),
                order_id=order.order_id,
                version=order.version,
                ack=ack,
            )
        )

    def _feed(self, fact: Fact) -> None:
        self._hear(self.engine.handle(fact))

    def _hear(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._told(effect)

    def _plan(self, at_ns: int, happen: Callable[[], None]) -> None:
        """Let it happen then; what was planned first happens first."""
        self._planned += 1
        heapq.heappush(self._events, (at_ns, self._planned, happen))


def _unit_id(row: int) -> UnitId:
    return UnitId(f"u{row}")


def _row(unit_id: UnitId) -> int:
    return int(unit_id[1:])


def _leg(n: int) -> Leg:
    return Leg(str(n))
