# SPDX-License-Identifier: Apache-2.0
"""Random histories that choose among the living: the n-th call, order, incident, unit or timer there is.

A history is told in small numbers, so that it shrinks well; it becomes facts while an engine runs through it,
because only then is it known who lives. Now and then the one chosen is a stranger.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

import msgspec
from hypothesis import strategies as st

from core.effects import Effect
from core.engine import Engine
from core.events import (
    Ack,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallerFound,
    CallKeyPressed,
    CallSilent,
    CommandGiven,
    Fact,
    FactPoisoned,
    LeadTaken,
    Location,
    NeighbourBack,
    NeighbourGone,
    OrderAcked,
    RosterLoaded,
    RosterUnit,
    ServiceStarted,
    TimerFired,
    UnitCalled,
    UnitLinked,
    UnitReported,
    UnitStatus,
)
from core.ids import CallbackId, CallId, IncidentId, Leg, OrderId, UnitId
from core.settings import CheckIn, Settings
from core.state import State
from tests.play import LUCHENG, NOON_S, OUHAI, at, call, moved, place

T = TypeVar("T")
Event = Literal["emergency", "man_down", "text", "check_in"]
NS_PER_S = 1_000_000_000
UNITS = ("u1", "u2", "u3", "u4", "boat")
ROSTER = tuple(
    RosterUnit(
        unit_id=UnitId(unit),
        county=OUHAI if unit == "u4" else LUCHENG,
        capabilities=("boat", "rope") if unit == "boat" else (),
        police_type="water" if unit == "boat" else "patrol",
        crew=1 if unit == "u2" else 0,
        shift_start="08:00" if unit == "u3" else "",
        shift_end="17:00" if unit == "u3" else "",  # soon: a history begins at 16:53
    )
    for unit in UNITS
)
NEEDS = {"drowning": ("boat",), "flying": ("wings",)}
SPOTS: tuple[tuple[float, float] | None, ...] = (
    (0, 0),
    (150, 0),
    (1500, 900),
    (-2500, 400),
    (5000, 0),
    None,
    (0, 300_000),  # out of everyone's reach
)
STATUSES: tuple[UnitStatus, ...] = (
    *("available", "off_duty", "enroute", "on_scene", "clearing"),
    *("out_of_service", "emergency", "dispatched", "available"),  # `dispatched` is ours: refused
)
ACKS: tuple[Ack, ...] = (
    *("delivered", "signed", "on_scene", "enroute", "on_scene", "clear"),
    *("signed", "declined", "on_scene", "clear", "signed", "enroute"),
)
EVENTS: tuple[Event, ...] = ("emergency", "man_down", "text", "check_in")
CHECK_INS = (
    CheckIn(every_s=60, warn_s=10, escalate_s=20),
    CheckIn(level=1, every_s=90, warn_s=10, escalate_s=30, man_down=True),
)
CATEGORIES = ("", "theft", "drowning", "flying")
WAITS_S = (0, 1, 5, 7, 30, 90, 300)
ANSWERS = ("immediately", "never", "ring:5", "seats")

SOURCES = ("pidf-lo", "cell", "lookup", "held", "", "held")
UNCERTAIN_M = (0, 20, 500, 3000)
CALLERS = ("13800138000", "+8613800138000", "057788001122", "", "13900139000", "")
"One number in two spellings, a fixed line, withheld ones: few, so that they ring again."

KINDS = (
    "lead",  # first: what a long failing history shrinks to where nothing matters
    *("call", "answered", "moved") * 4,
    *("found", "found", "mast", "mast", "held", "held", "silent", "key"),
    *("callback.done", "callback.tried", "incident.unlocate"),
    *("hung_up", "hung_up", "one_moved", "status", "status", "link", "event"),
    *("ack",) * 5,
    *("timer",) * 3,
    *("restart", "roster", "gone", "gone", "back", "poisoned"),
    *("call.take", "call.classify", "incident.level", "incident.close", "unit.set", "coffee.make"),
    *("emergency.end", "unit.checked"),
    *("incident.locate", "order.accept") * 2,
    "order.cancel",
)


class Happening(NamedTuple):
    """Something, `wait` later: to the n-th there is, in the m-th way."""

    kind: str
    wait: int
    n: int
    m: int


class History(NamedTuple):
    """A policy, and what happened under it."""

    dispatch: str
    answer: str
    full: bool
    "True when the tables and queues are so small that they overflow."
    told: list[Happening]

    def settings(self, *, other: int = 0) -> Settings:
        """Return the policy; a restart may bring another one."""
        answer = ANSWERS[(ANSWERS.index(self.answer) + other) % len(ANSWERS)]
        small = {
            "calls_waiting_max": 2,
            "incidents_waiting_max": 2,
            "incidents_open_max": 4,
            "callbacks_max": 1,
        }
        asked = CHECK_INS[: 2 - other] if self.answer != "never" else ()
        policy = {
            "dispatch": self.dispatch,
            "answer": answer,
            "needs": NEEDS,
            "checkins": asked,
            **(small if self.full else {}),
        }
        return msgspec.convert(policy, Settings, from_attributes=True)


def histories(*dispatches: str, most: int = 80) -> st.SearchStrategy[History]:
    """Return histories under these dispatch policies, under both when none is named."""
    happening = st.builds(
        Happening,
        st.sampled_from(KINDS),
        st.integers(0, len(WAITS_S) - 1),
        st.integers(0, 7),
        st.integers(0, 11),
    )
    return st.builds(
        History,
        st.sampled_from(dispatches or ("automatic", "confirm")),
        st.sampled_from(ANSWERS),
        st.booleans(),
        # short ones shrink well; left alone, hypothesis makes no others
        st.one_of(st.lists(happening, max_size=8), st.lists(happening, min_size=most // 2, max_size=most)),
    )


def begin(history: History) -> list[Fact]:
    """Return the first facts: a start, a roster, and three units seen near the square."""
    return [
        started(history, 0),
        RosterLoaded(at_ns=at(0), units=ROSTER),
        moved(1, (0, 100, 0), (1, 900, 0), (4, 3000, 0)),
    ]


def run(history: History) -> Iterator[tuple[Engine, Fact, list[Effect]]]:
    """Tell the history to an engine: after each fact, the engine, the fact, and its effects."""
    engine = Engine()
    for fact in begin(history):
        yield engine, fact, engine.handle(fact)
    for happening in history.told:
        fact = told(engine.state, history, happening)
        yield engine, fact, engine.handle(fact)


def played(history: History) -> Engine:
    """Return the engine at the end of the history."""
    return [engine for engine, _, _ in run(history)][-1]


def facts_of(history: History) -> list[Fact]:
    """Return the history as facts."""
    return [fact for _, fact, _ in run(history)]


def started(history: History, second: float, *, other: int = 0) -> ServiceStarted:
    """Return a start of the service."""
    return ServiceStarted(
        at_ns=at(second), version="test", node="n1", county=LUCHENG, settings=history.settings(other=other)
    )


def told(state: State, history: History, happening: Happening) -> Fact:
    """Return what happened, as a fact about whoever lives."""
    kind, wait, n, m = happening
    second = max(1, state.now_ns // NS_PER_S - NOON_S) + WAITS_S[wait]
    match kind:
        case "call":
            name = f"{state.seq}" if n else "again"
            return _call(name, second, n, m)
        case "found":
            return _found(state, second, n, m)
        case "mast":
            return _at_a_mast(f"{state.seq}", second, n, m)
        case "held":
            return _held(state, second, n, m)
        case "silent" | "key":
            leg = _nth([*state.call_of_leg], n, Leg("leg-nobody"))
            if kind == "silent":
                return CallSilent(at_ns=at(second), leg=leg, sip_call_id="x@trunk")
            return CallKeyPressed(at_ns=at(second), leg=leg, sip_call_id="x@trunk", key="#")
        case "answered" | "hung_up":
            return _heard(state, kind, second, n, m)
        case "moved":
            fixes = [(row, 200 * (row + m - 4), 100 * n) for row in range(len(UNITS))]
            return moved(second, *fixes)
        case "one_moved":  # n from 5: no such index; m > 7: the fix is late
            fix = moved(second - (500 if m > 7 else 0), (n, 500 * m, -300))
            return msgspec.structs.replace(fix, at_ns=at(second))
        case "status" | "link" | "event":
            return _from_unit(state, kind, second, n, m)
        case "ack":
            return _ack(state, second, n, m)
        case "timer":
            return _timer(state, second, n, m)
        case "restart":
            return started(history, second, other=m // 6)
        case "roster":
            listed = tuple(unit for row, unit in enumerate(ROSTER) if row != n or m % 2)
            return RosterLoaded(at_ns=at(second), units=listed)
        case "gone":
            return NeighbourGone(at_ns=at(second), name=("redis", "mqtt")[n % 3 > 0], reason="no answer")
        case "back":
            return NeighbourBack(at_ns=at(second), name=("redis", "mqtt")[n % 2])
        case "lead":
            return LeadTaken(at_ns=at(second), county=LUCHENG, epoch=state.seq)
        case "poisoned":
            return FactPoisoned(at_ns=at(second), key=f"k{n}", of="unit.status", error="assert", data=b"")
        case _:
            return _command(state, kind, second, n, m)


def _call(name: str, second: float, n: int, m: int) -> Fact:
    """A call: from one of few numbers, now and then an insistent one, with a place of some source."""
    fact = call(
        name,
        second,
        SPOTS[(n + m) % len(SPOTS)],
        county=OUHAI if m == 3 else LUCHENG,
        caller=CALLERS[n % len(CALLERS)],
        calls_in_hour=40 if m > 8 else 1,
        privacy=m == 1,
        locate_at=() if m in (3, 4) else ("https://lis/1", "https://lis/2")[: 1 + m // 6],
    )
    if fact.location is None or m % 2:
        return fact
    place = msgspec.structs.replace(fact.location, source=SOURCES[m // 2], uncertainty_m=UNCERTAIN_M[n % 4])
    return msgspec.structs.replace(fact, location=place)


def _at_a_mast(name: str, second: float, n: int, m: int) -> Fact:
    """A call of which only the mast is known, and who knows better."""
    fact = call(name, second, (1000 * m, 900), caller=CALLERS[n % len(CALLERS)], locate_at=("https://lis/1",))
    assert fact.location is not None, "a spot was given"
    return msgspec.structs.replace(fact, location=msgspec.structs.replace(fact.location, source="cell"))


def _found(state: State, second: float, n: int, m: int) -> Fact:
    """An answer about a caller on the line, or about one who is gone; good, vague, old, or not on this earth."""
    legs = [*state.departed] if m in (2, 5, 8) else [*state.call_of_leg]
    lat, lon = place(*(SPOTS[n % len(SPOTS)] or (90, 90)))
    where = Location(
        lat=95.0 if m == 11 else lat,
        lon=lon,
        source=SOURCES[m % len(SOURCES)],
        uncertainty_m=UNCERTAIN_M[(n + m) % len(UNCERTAIN_M)],
        at_ms=int((NOON_S + second - 60 * n) * 1000) if m % 3 else 0,
        datum="gcj02",
    )
    return CallerFound(
        at_ns=at(second),
        leg=_nth(legs, n, Leg("leg-nobody")),
        source=where.source or "lookup",
        name="Li" if m % 4 else "",
        address="5 Renmin Road" if m % 2 else "",
        location=None if m == 10 else where,
    )


def _held(state: State, second: float, n: int, m: int) -> Fact:
    """A location server's answer about a caller whose incident waits for one, or its time is up."""
    awaited = [name for name, incident in state.incidents.items() if incident.awaited]
    if awaited and m % 3 == 0:
        key = f"held:{_nth(awaited, n, IncidentId('i0'))}"
        return TimerFired(at_ns=max(at(second), state.timers.get(key, 0)), key=key)
    legs = [one.leg for one in state.calls.values() if one.incident_id in awaited]
    lat, lon = place(100 * n, 50 * m)
    where = Location(lat=lat, lon=lon, source="held", uncertainty_m=UNCERTAIN_M[m % len(UNCERTAIN_M)])
    leg = _nth(legs or [*state.call_of_leg], n, Leg("leg-nobody"))
    return CallerFound(at_ns=at(second), leg=leg, source="held", location=where)


def _heard(state: State, kind: str, second: float, n: int, m: int) -> Fact:
    """An answer or a hang-up: of a living leg, mostly in turn."""
    leg = _nth([*state.call_of_leg], n, Leg("leg-nobody"))
    call_id = state.call_of_leg.get(leg)
    ringing = call_id is None or state.calls[call_id].state == "ringing"
    if kind == "answered":
        return CallAnswered(at_ns=at(second), leg=leg, sip_call_id="x@trunk")
    what = CallAbandoned if ringing == (m != 5) else CallEnded
    return what(at_ns=at(second), leg=leg, sip_call_id="x@trunk")


def _from_unit(state: State, kind: str, second: float, n: int, m: int) -> Fact:
    """A status with a rising, equal, older or no device time; a link; a cry for help, or the same again."""
    unit_id = _nth(state.unit_ids, n, UnitId("stranger"))
    unit = state.units.get(unit_id)
    tst = int(NOON_S + second)
    if kind == "link":
        return UnitLinked(at_ns=at(second), unit_id=unit_id, link="offline" if m % 3 == 2 else "online")
    if kind == "event":  # without a device time nothing is doubled; with the same one it is
        lat, lon = place(700, 700) if m % 2 else (None, None)
        when = (tst, NOON_S + 1, 0)[m // 4]
        event = EVENTS[m % len(EVENTS)]
        return UnitCalled(at_ns=at(second), unit_id=unit_id, event=event, tst=when, lat=lat, lon=lon)
    last = unit.status_tst if unit is not None else 0
    when = (tst, tst, tst, last, max(0, last - 10), 0)[m % 6]
    status = STATUSES[(n // len(UNITS) + m) % len(STATUSES)]
    return UnitReported(at_ns=at(second), unit_id=unit_id, status=status, tst=when)


def _ack(state: State, second: float, n: int, m: int) -> OrderAcked:
    """An ack of an open order, or of one taken back: from its unit or not, for its version or not."""
    orders = [*(state.withdrawn if n > 4 or not state.orders else state.orders).values()]
    if not orders or n == 7:
        return OrderAcked(at_ns=at(second), unit_id=UnitId("u1"), order_id=OrderId("o0"), ack="signed")
    order = orders[n % len(orders)]
    return OrderAcked(
        at_ns=at(second),
        unit_id=UnitId("u2") if m == 10 else order.unit_id,
        order_id=order.order_id,
        version=order.version + (m == 11),
        ack=ACKS[m],
    )


def _timer(state: State, second: float, n: int, m: int) -> TimerFired:
    """One of the timers the engine set, the soonest first: when it is due or later, sometimes too early."""
    soonest = sorted(state.timers.items(), key=lambda timer: (timer[1], timer[0]))
    if not soonest:
        return TimerFired(at_ns=at(second), key="sign:o0")
    if m % 4:  # each order has two: its rungs would crowd out the rest
        soonest = [timer for timer in soonest if not timer[0].startswith("rung:")] or soonest
    if m in (6, 7):  # an insistent caller is seldom on the line for long
        soonest = [timer for timer in soonest if timer[0].startswith("doubt:")] or soonest
    if m in (4, 5) or m > 7:  # nothing heard between two of them: else nobody would be missed
        soonest = [timer for timer in soonest if timer[0].startswith("checkin:")] or soonest
    key, due_ns = soonest[n // 3 % len(soonest)]
    now_ns = at(second)
    if m < 10:
        now_ns = max(now_ns, due_ns) + (m > 7) * 60 * NS_PER_S
    return TimerFired(at_ns=now_ns, key=key)


def _command(state: State, name: str, second: float, n: int, m: int) -> CommandGiven:
    """A command: about a waiting incident every second time."""
    lat, lon = place(*(SPOTS[(n + m) % len(SPOTS)] or (0, 0)))
    waiting = [IncidentId(member) for member in state.incidents_waiting.first(state.now_ms, 8)]
    incidents = [*waiting, *state.incidents] if m % 2 else [*state.incidents]
    units = [*state.unit_ids, UnitId("")] if name == "order.accept" else state.unit_ids
    said = (*STATUSES, "asleep")[(n + m) % 10]
    return CommandGiven(
        at_ns=at(second),
        command=name,
        command_id=f"x{state.seq}",
        stream_id=f"{state.seq}-0",
        county=LUCHENG,
        call_id=_nth([*state.calls], n, CallId("c0")),
        incident_id=_nth(incidents, n, IncidentId("i0")),
        order_id=_nth([*state.orders], n, OrderId("o0")),
        unit_id=_nth(units, m, UnitId("stranger")),
        level=m % 5,
        category=CATEGORIES[n % len(CATEGORIES)] if m % 2 else "",
        lat=None if m == 11 else lat,
        lon=lon,
        status=("reached", "unreached", "")[m % 3] if name == "callback.done" else said,
        callback_id=_nth([*state.callbacks], n, CallbackId("b0")),
        by="desk-1" if m % 5 else "",
        text="spoken to" if n % 4 else "",
    )


def _nth(those: Sequence[T], n: int, stranger: T) -> T:
    """Return the n-th of those there are; a stranger when there is none, and for the greatest n."""
    return stranger if n in (7, 11) or not those else those[n % len(those)]
