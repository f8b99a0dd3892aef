# SPDX-License-Identifier: Apache-2.0
"""Random lives of orders: radios that hear late and twice, acks that are lost, doubled, late and out of order,
restarts in the middle, a broker that goes away, and a desk that changes its mind.

What is sent down waits in line for each radio, as a broker keeps it: nothing is lost, some comes twice. What a radio
says lies in a heap from which anything may be taken at any time, twice, or never.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from core import snapshot
from core.effects import DropTimer, Effect, OrderIssued, OrderUnit, OrderUpdated, SetTimer, WarningRaised
from core.engine import Engine
from core.events import (
    Ack,
    CommandGiven,
    Fact,
    NeighbourBack,
    NeighbourGone,
    OrderAcked,
    RosterLoaded,
    RosterUnit,
    TimerFired,
)
from core.ids import IncidentId, OrderId, UnitId
from core.orders.machine import FINAL
from core.state import State
from tests.play import LUCHENG, NOON_S, answered, at, call, moved, place, reports, starts

NS_PER_S = 1_000_000_000
UNITS = ("p1", "p2", "t1", "t2")
KINDS_OF_POLICE = {"p": "patrol", "t": "traffic"}
STACK_MAX = {"traffic": 2}
WAITS_S = (0, 1, 10, 30, 45, 60, 120, 180)
ACKS: tuple[Ack, ...] = ("delivered", "signed", "signed", "enroute", "on_scene", "clear", "declined")
KINDS = (
    "restart",  # first: what a long failing history shrinks to where nothing matters
    *("call", "call", "wait", "wait", "wait", "near"),
    *("hear",) * 6,
    "hear_twice",
    *("answer", "answer", "answer", "answer", "answer", "drive"),
    *("ack_comes",) * 8,
    *("ack_comes_twice", "ack_comes_late", "ack_is_lost"),
    *("accept", "accept_busy", "accept_busy", "accept_busy", "grave", "grave"),
    *("cancel", "review", "review", "move", "move", "grade", "close"),
    *("gone", "back", "free"),
)
COMMANDS = {
    "accept": "order.accept",
    "accept_busy": "order.accept",
    "cancel": "order.cancel",
    "review": "order.review",
    "move": "incident.locate",
    "grade": "incident.level",
    "grave": "incident.level",
    "close": "incident.close",
}


class Happening(NamedTuple):
    """Something, after a wait: to the n-th there is, in the m-th way."""

    kind: str
    n: int
    m: int


class Life(NamedTuple):
    """A policy, and what happened under it."""

    dispatch: str
    policy: str
    told: list[Happening]


def lives(most: int = 90) -> st.SearchStrategy[Life]:
    """Return lives of orders, under every policy."""
    happening = st.builds(Happening, st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 7))
    return st.builds(
        Life,
        st.sampled_from(("automatic", "confirm")),
        st.sampled_from(("closest", "divert")),
        st.one_of(st.lists(happening, max_size=10), st.lists(happening, min_size=most // 2, max_size=most)),
    )


def some_lives(seed: int, how_many: int, happenings: int = 120) -> Iterator[Life]:
    """Yield lives in which each kind of thing is as likely as in the laws."""
    chance = Random(seed)
    for n in range(how_many):
        told = [
            Happening(chance.choice(KINDS), chance.randrange(8), chance.randrange(8))
            for _ in range(happenings)
        ]
        yield Life(("automatic", "confirm")[n % 2], ("closest", "divert")[n // 2 % 2], told)


class Radio:
    """What a unit's radio knows: the newest version of each order, and what its people have done with it."""

    def __init__(self) -> None:
        self.line: deque[OrderUnit] = deque()
        self.newest: dict[OrderId, OrderUnit] = {}
        self.done: dict[OrderId, int] = {}
        "{order: the version that was cleared or declined}"

    def hear(self, order: OrderUnit) -> None:
        """Take an order in, as docs/integrate.md says: an older version says nothing, the same is shown once."""
        known = self.newest.get(order.order_id)
        if known is None or order.version >= known.version:
            self.newest[order.order_id] = order

    def shown(self) -> dict[OrderId, OrderUnit]:
        """Return what is on its screen."""
        return {
            name: order
            for name, order in self.newest.items()
            if not order.cancelled and self.done.get(name, 0) < order.version
        }


class World:
    """An engine, its radios, what is on the way between them, and everything that was decided."""

    def __init__(self, life: Life, look: Callable[["World"], None]) -> None:
        """`look` sees the world after each fact."""
        self.policy = {"dispatch": life.dispatch, "policy": life.policy, "stack_max": STACK_MAX}
        self.engine = Engine()
        self.radios = {UnitId(unit): Radio() for unit in UNITS}
        self.said: list[OrderAcked] = []
        self.heard_once: list[OrderAcked] = []
        self.timers: dict[str, int] = {}
        "As the gateway's alarms know them."
        self.last: dict[OrderId, OrderIssued | OrderUpdated] = {}
        self.on_air: dict[tuple[OrderId, int, bool], tuple[object, ...]] = {}
        self.rungs: defaultdict[tuple[OrderId, int], list[str]] = defaultdict(list)
        self.warned: defaultdict[str, list[str]] = defaultdict(list)
        self.effects: list[Effect] = []
        self.fact: Fact | None = None
        self._look = look
        entries = [
            RosterUnit(unit_id=UnitId(unit), county=LUCHENG, police_type=KINDS_OF_POLICE[unit[0]])
            for unit in UNITS
        ]
        for fact in (
            starts(0, **self.policy),
            RosterLoaded(at_ns=at(0), units=tuple(entries)),
            *(reports(unit, 1, "available") for unit in UNITS),
            self._near(),
        ):
            self.feed(fact)

    @property
    def state(self) -> State:
        return self.engine.state

    @property
    def second(self) -> float:
        return max(1.0, self.state.now_ns / NS_PER_S - NOON_S)

    def feed(self, fact: Fact) -> None:
        """Let the engine take a fact in, and do what it says."""
        self.fact = fact
        if isinstance(fact, TimerFired):
            self.timers.pop(fact.key, None)
        self.effects = self.engine.handle(fact)
        for effect in self.effects:
            match effect:
                case SetTimer():
                    self.timers[effect.key] = effect.due_ns
                case DropTimer():
                    self.timers.pop(effect.key, None)
                case OrderUnit():
                    self.radios[effect.unit_id].line.append(effect)
                case OrderIssued() | OrderUpdated():
                    self.last[effect.order_id] = effect
                    if effect.reason.startswith("not signed after"):
                        self.rungs[effect.order_id, effect.version].append(effect.reason)
                case WarningRaised():
                    self.warned[effect.subject].append(effect.kind)
                case _:
                    pass
        self._look(self)

    def ring(self, until_ns: int) -> bool:
        """Let the alarm that is due first ring, if one is due until then."""
        due_ns, key = min(((due_ns, key) for key, due_ns in self.timers.items()), default=(until_ns + 1, ""))
        if due_ns > until_ns:
            return False
        self.feed(TimerFired(at_ns=max(due_ns, self.state.now_ns), key=key))
        return True

    def happen(self, happening: Happening) -> None:
        """Let it happen, if there is anybody for it to happen to."""
        fact = self._fact(*happening)
        if fact is not None:
            self.feed(fact)

    def _fact(self, kind: str, n: int, m: int) -> Fact | None:
        now = self.second
        match kind:
            case "call":
                ringing = call(f"{self.state.seq}", now, (700 * n, 400 * m), caller=f"1380013800{n}")
                self.feed(ringing)
                return answered(f"{self.state.seq - 1}", now)
            case "wait":
                while self.ring(at(now + WAITS_S[n])):
                    pass
                return self._near(now + WAITS_S[n])
            case "near":
                return self._near()
            case "hear" | "hear_twice":
                self._hear(n, twice=kind == "hear_twice")
            case "answer" | "drive":
                self._answer(n, "enroute" if kind == "drive" else ACKS[m % len(ACKS)])
            case "ack_comes" | "ack_comes_twice" | "ack_comes_late" | "ack_is_lost":
                return self._ack(kind, n)
            case "gone":
                return NeighbourGone(at_ns=at(now), name="mqtt", reason="no answer")
            case "back":
                return NeighbourBack(at_ns=at(now), name="mqtt")
            case "free":
                return reports(UNITS[n % len(UNITS)], now, "available")
            case "restart":
                return self._restart(m)
            case _:
                return self._command(kind, n, m)
        return None

    def _near(self, second: float = 0) -> Fact:
        """Return a tick in which every unit is seen."""
        return moved(second or self.second, *((row, 300 * row, 0) for row in range(len(UNITS))))

    def _hear(self, n: int, *, twice: bool) -> None:
        """A radio takes in the next word that waits for it; the broker may deliver it again."""
        waiting = [radio for radio in self.radios.values() if radio.line]
        if not waiting:
            return
        radio = waiting[n % len(waiting)]
        order = radio.line[0] if twice else radio.line.popleft()
        radio.hear(order)

    def _answer(self, n: int, ack: Ack) -> None:
        """Someone does something about an order on the screen, and the radio says so."""
        shown = [(unit, order) for unit, radio in self.radios.items() for order in radio.shown().values()]
        if not shown:
            return
        unit, order = shown[n % len(shown)]
        if ack in ("clear", "declined"):
            self.radios[unit].done[order.order_id] = order.version
        self.said.append(
            OrderAcked(
                at_ns=0, unit_id=unit, order_id=order.order_id, version=order.version, ack=ack, tst=NOON_S
            )
        )

    def _ack(self, kind: str, n: int) -> Fact | None:
        """One of the acks under way comes, whichever; or one comes again; or never."""
        heap = self.heard_once if kind == "ack_comes_late" else self.said
        if not heap:
            return None
        said = heap[n % len(heap)]
        if kind in ("ack_comes", "ack_is_lost"):
            heap.remove(said)
        if kind == "ack_is_lost":
            return None
        self.heard_once.append(said)
        return msgspec.structs.replace(said, at_ns=at(self.second))

    def _restart(self, m: int) -> Fact:
        """The process dies and comes back: from a snapshot, with the timers that stand in it."""
        restored = snapshot.restore(snapshot.take(self.engine))
        assert restored is not None
        self.engine = restored
        self.timers = dict(restored.state.timers)
        return starts(self.second + m, **self.policy)

    def _command(self, kind: str, n: int, m: int) -> Fact | None:
        """A desk's word: `accept_busy` and `grave` are about those who wait, the others about anybody."""
        state = self.state
        alone = [name for name, one in state.incidents.items() if not one.active_orders]
        incidents = alone if kind in ("accept_busy", "grave") else [*state.incidents]
        orders = [*(state.declined if kind == "review" else state.orders)]
        order_id = orders[n % len(orders)] if orders else OrderId("o0")
        busy = kind == "accept_busy" and orders
        lat, lon = place(150 * m, 900 * (m % 2))
        return CommandGiven(
            at_ns=at(self.second),
            command=COMMANDS[kind],
            county=LUCHENG,
            by="desk",
            incident_id=incidents[m % len(incidents)] if incidents else IncidentId("i0"),
            order_id=order_id,
            unit_id=state.orders[order_id].unit_id if busy else UnitId(UNITS[n % len(UNITS)]),
            status=("accepted", "rejected", "rejected")[m % 3],
            level=1 if kind == "grave" else 1 + m % 4,
            lat=lat,
            lon=lon,
        )

    def over(self, order_id: OrderId) -> bool:
        """Tell whether the last that was said of an order is that it is over."""
        return self.last[order_id].state in FINAL
