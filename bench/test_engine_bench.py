# SPDX-License-Identifier: Apache-2.0
"""One call through the engine, and the whole way from INVITE bytes to the outbox, beside what one would build.

The peer is the dispatcher a good engineer writes in an afternoon: heapq with lazy deletion for who waits,
scipy's cKDTree rebuilt for the tick, json for the decision, and for the whole way sipmessage for the INVITE. It
does less (no tables, no reasons, no exclusions counted, no journal record, no responses), and is asked for the
same nearest unit. A tick of positions comes with every call, so the tree is built once a call. Where we lose:
at 300 units the engine costs more than the tree and the heap, because it says why; see the ratio.

    pytest bench/test_engine_bench.py --benchmark-enable
"""

import itertools
import json
import random
from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.peers import LazyHeap, TreeMatcher
from bench.test_sip_bench import THERE, invite
from core.effects import AnswerCaller, Decision, Effect, OrderIssued, RingCaller
from core.engine import Engine
from core.events import (
    CallAnswered,
    CallEnded,
    CallReceived,
    Fact,
    Location,
    OrderAcked,
    RosterLoaded,
    RosterUnit,
    ServiceStarted,
    UnitsMoved,
)
from core.ids import CountyCode, Leg, UnitId
from core.kernels import warm
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Invited
from device_adapters.sip.settings import SipSettings
from gateway.journal.record import DECISION_ENCODER, FACT_ENCODER, Numbered, Record, number, tag_of
from gateway.outbox import Gate

NOW_S = 1_790_000_000
COUNTY = CountyCode("330302")
SIZES = [300, 5_000]
LEGS_MAX = 5_000

Dispatch = Callable[[int], str]
"Take call number n; return the unit that is sent."


def town(units: int) -> list[tuple[int, int, int, int, int, int]]:
    """Return one fix of every unit, in a box of 40 km."""
    city = random.Random(110)
    return [
        (row, round(city.uniform(27.8, 28.2) * 1e7), round(city.uniform(120.4, 120.9) * 1e7), NOW_S, 0, 0)
        for row in range(units)
    ]


def place(call: int) -> tuple[float, float]:
    """Return where call number n comes from; far enough from the one before to be another incident."""
    city = random.Random(call)
    return city.uniform(27.8, 28.2), city.uniform(120.4, 120.9)


class Ours:
    """The engine, and the way there and on."""

    def __init__(self, units: int) -> None:
        warm()
        self.engine = Engine()
        self.at_ns = NOW_S * 1_000_000_000
        policy = Settings(link_m=0, other_county_cost_s=0)
        self.feed(ServiceStarted(at_ns=self.at_ns, version="bench", node="n", county=COUNTY, settings=policy))
        roster = tuple(RosterUnit(unit_id=UnitId(f"u{row}"), county=COUNTY) for row in range(units))
        self.feed(RosterLoaded(at_ns=self.at_ns, units=roster))
        self.fixes = np.array(town(units), FIX_DTYPE).tobytes()
        self.feed(UnitsMoved(at_ns=self.at_ns, n=units, data=self.fixes))
        self.few = np.array(town(units)[:30], FIX_DTYPE).tobytes()
        self.left: list[Numbered] = []
        self.gate = Gate(self._leave, lambda seq: None)
        self.decisions = 0
        self.endpoint = _endpoint()

    def feed(self, fact: Fact) -> list[Effect]:
        """Only the engine, and the bytes of its decisions."""
        effects = self.engine.handle(fact)
        for effect in effects:
            if isinstance(effect, Decision):
                DECISION_ENCODER.encode(effect)
        return effects

    def call(self, n: int) -> str:
        """A call from its first ring until the unit is clear again."""
        leg, call_id = Leg(f"leg{n}"), f"{n}@trunk"
        lat, lon = place(n)
        self.feed(UnitsMoved(at_ns=self.at_ns, n=30, data=self.few))
        location = Location(lat=lat, lon=lon)
        self.feed(
            CallReceived(at_ns=self.at_ns, leg=leg, sip_call_id=call_id, county=COUNTY, location=location)
        )
        effects = self.feed(CallAnswered(at_ns=self.at_ns, leg=leg, sip_call_id=call_id))
        order = next(effect for effect in effects if isinstance(effect, OrderIssued))
        for ack in ("delivered", "signed", "clear"):
            self.feed(OrderAcked(at_ns=self.at_ns, unit_id=order.unit_id, order_id=order.order_id, ack=ack))
        self.feed(CallEnded(at_ns=self.at_ns, leg=leg, sip_call_id=call_id))
        return order.unit_id

    def way(self, n: int) -> str:
        """INVITE octets in; ring, answer and decisions out of the gate, the record ready for the disk."""
        self.endpoint.receive_datagram(invite(n), THERE, 0.0)
        invited = self.endpoint.next_event()
        assert isinstance(invited, Invited), "a new INVITE is a call"
        lat, lon = place(n)
        self._take(
            CallReceived(
                at_ns=self.at_ns,
                leg=invited.leg,
                sip_call_id=invited.sip_call_id,
                caller=invited.caller,
                county=COUNTY,
                location=Location(lat=lat, lon=lon),
                raw=invited.raw,
            )
        )
        self.endpoint.datagrams_to_send(0.0)
        while self.endpoint.next_event() is not None:
            pass
        if n % LEGS_MAX == 0:
            self.endpoint = _endpoint()  # nobody hangs up here: the legs would pile up
        self._take(CallEnded(at_ns=self.at_ns, leg=invited.leg, sip_call_id=invited.sip_call_id))
        return self.left[0].type

    def _take(self, fact: Fact) -> None:
        effects = self.engine.handle(fact)
        seq = self.engine.seq
        made = number([e for e in effects if isinstance(e, Decision)], seq=seq, first=self.decisions + 1)
        self.decisions += len(made)
        Record(seq, fact.at_ns, 0, tag_of(fact), FACT_ENCODER.encode(fact), made)
        self.left.clear()
        for decision in made:
            self.gate.hold(seq, decision)
        for effect in effects:
            match effect:
                case RingCaller(leg=leg):
                    self.endpoint.ring(leg, 0.0)
                case AnswerCaller(leg=leg):
                    self.endpoint.answer(leg, 0.0)
                case _:
                    pass
        self.gate.durable(seq)

    def _leave(self, _: int, held: Effect | Numbered) -> None:
        if isinstance(held, Numbered):
            self.left.append(held)


def _endpoint() -> Endpoint:
    return Endpoint(SipSettings(), ("192.0.2.110", 5060), map(str, itertools.count()).__next__)


class Afternoon:
    """heapq with lazy deletion, cKDTree rebuilt per tick, json; sipmessage for the whole way."""

    def __init__(self, units: int) -> None:
        self.columns = UnitColumns()
        for row in range(units):
            self.columns.add()
            self.columns.describe(row, county=0, capabilities=0)
            self.columns.set_barred(row, Barred.FREE)
        self.columns.apply_fixes(np.array(town(units), FIX_DTYPE).tobytes())
        self.few = np.array(town(units)[:30], FIX_DTYPE).tobytes()
        self.tree = TreeMatcher(self.columns, Settings())
        self.queue: LazyHeap[str] = LazyHeap()

    def call(self, n: int) -> str:
        """Queue, match and write one decision."""
        self.columns.apply_fixes(self.few)
        self.queue.push(f"c{n}", n)
        self.tree.tick(1, NOW_S)
        member = self.queue.pop()
        rows = self.tree.nearest(*place(n))
        json.dumps({"call": member, "candidates": [f"u{row}" for row in rows]})
        return f"u{rows[0]}"

    def way(self, n: int) -> str:
        """Read the INVITE, build a 180 and a 200, decide."""
        import sipmessage

        request = sipmessage.Message.parse(invite(n))
        assert isinstance(request, sipmessage.Request), "a new INVITE is a call"
        for code, phrase in ((180, "Ringing"), (200, "OK")):
            response = sipmessage.Response(code=code, phrase=phrase)
            response.via, response.cseq = request.via, request.cseq
            response.from_address, response.to_address = request.from_address, request.to_address
            response.call_id = request.call_id
            bytes(response)
        return self.call(n)


@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize("make", [Ours, Afternoon], ids=["ours", "heapq+ckdtree"])
def test_a_call_from_ring_to_clear(
    benchmark: BenchmarkFixture, make: type[Ours] | type[Afternoon], units: int
) -> None:
    """Ours against heapq and cKDTree, the same unit sent."""
    benchmark.group = f"a call, {units} units"
    n, ours, peer = itertools.count(1), Ours(units), Afternoon(units)
    same = [ours.call(10_000 + i) == peer.call(10_000 + i) for i in range(20)]
    assert all(same), "both send the same unit"
    desk = make(units)

    benchmark(lambda: desk.call(next(n)))


@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize("make", [Ours, Afternoon], ids=["ours", "sipmessage+heapq+ckdtree"])
def test_the_whole_way_from_invite_to_outbox(
    benchmark: BenchmarkFixture, make: type[Ours] | type[Afternoon], units: int
) -> None:
    """Ours against sipmessage, heapq and cKDTree."""
    benchmark.group = f"INVITE to outbox, {units} units"
    if make is Afternoon:
        pytest.importorskip("sipmessage")
    n, desk = itertools.count(1), make(units)

    said = benchmark(lambda: desk.way(next(n)))

    assert said
