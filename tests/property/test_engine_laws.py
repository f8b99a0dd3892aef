# SPDX-License-Identifier: Apache-2.0
"""What must hold after any history, however odd: the world may send anything in any order."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core import snapshot
from core.effects import Decision, OrderIssued, RecommendationMade
from core.engine import Engine
from core.events import (
    AnyFact,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CommandGiven,
    Fact,
    OrderAcked,
    TimerFired,
    UnitCalled,
    UnitLinked,
    UnitReported,
)
from core.ids import IncidentId, OrderId, UnitId
from core.orders.machine import FINAL
from gateway.journal.record import DECISION_ENCODER
from tests.play import LUCHENG, Play, abandoned, answered, at, call, ended, moved, roster

UNITS = ("u1", "u2", "u3", "u4")
NAMES = ("a", "b", "c", "d", "e", "f")
STATUSES = ("available", "off_duty", "enroute", "on_scene", "clearing", "out_of_service", "dispatched")

spots = st.one_of(st.none(), st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)))
names = st.sampled_from(NAMES)
units = st.sampled_from((*UNITS, "stranger"))
order_ids = st.integers(1, 40).map(lambda n: OrderId(f"o{n}"))

happenings = st.one_of(
    st.tuples(st.just("call"), names, spots),
    st.tuples(st.just("answered"), names),
    st.tuples(st.just("abandoned"), names),
    st.tuples(st.just("ended"), names),
    st.tuples(st.just("moved"), st.integers(0, 5), st.integers(-3000, 3000), st.integers(-3000, 3000)),
    st.tuples(st.just("status"), units, st.sampled_from(STATUSES)),
    st.tuples(st.just("link"), units, st.sampled_from(("online", "offline"))),
    st.tuples(st.just("emergency"), units),
    st.tuples(
        st.just("ack"),
        units,
        order_ids,
        st.sampled_from(("delivered", "signed", "declined", "enroute", "on_scene", "clear")),
    ),
    st.tuples(st.just("timer"), order_ids),
    st.tuples(st.just("level"), st.integers(1, 40), st.integers(0, 5)),
    st.tuples(st.just("locate"), st.integers(1, 40), st.floats(-100, 100)),
    st.tuples(st.just("cancel"), order_ids),
)


def history(told: list[tuple[object, ...]]) -> list[Fact]:
    return [_fact(i + 1, *happening) for i, happening in enumerate(told)]


def _fact(i: int, kind: object, *rest: object) -> Fact:
    s = i * 7.0
    match kind, *rest:
        case "call", str(name), spot:
            return call(f"{name}", s, spot)  # type: ignore[arg-type]
        case "answered", str(name):
            return answered(name, s)
        case "abandoned", str(name):
            return abandoned(name, s)
        case "ended", str(name):
            return ended(name, s)
        case "moved", int(index), int(east), int(north):
            return moved(s, (index, east, north))
        case "status", str(unit), status:
            return UnitReported(at_ns=at(s), unit_id=UnitId(unit), status=status, tst=i)  # type: ignore[arg-type]
        case "link", str(unit), link:
            return UnitLinked(at_ns=at(s), unit_id=UnitId(unit), link=link)  # type: ignore[arg-type]
        case "emergency", str(unit):
            return UnitCalled(at_ns=at(s), unit_id=UnitId(unit), event="emergency", tst=i)
        case "ack", str(unit), str(order), ack:
            return OrderAcked(at_ns=at(s), unit_id=UnitId(unit), order_id=OrderId(order), ack=ack)  # type: ignore[arg-type]
        case "timer", str(order):
            return TimerFired(at_ns=at(s), key=f"sign:{order}")
        case "level", int(n), int(level):
            return _command(s, "incident.level", incident_id=IncidentId(f"i{n}"), level=level)
        case "locate", int(n), float(lat):
            return _command(s, "incident.locate", incident_id=IncidentId(f"i{n}"), lat=lat, lon=120.0)
        case "cancel", str(order):
            return _command(s, "order.cancel", order_id=OrderId(order))
        case _:
            raise AssertionError(kind)


def _command(s: float, name: str, **fields: object) -> CommandGiven:
    return CommandGiven(at_ns=at(s), command=name, county=LUCHENG, **fields)  # type: ignore[arg-type]


def start() -> Play:
    return Play(sign_s=30) >> roster(*UNITS) >> moved(1, (0, 100, 0), (1, 900, 0))


@given(st.lists(happenings, max_size=60))
def test_the_same_history_gives_the_same_bytes_also_after_a_journal(told: list[tuple[object, ...]]) -> None:
    facts = history(told)
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(AnyFact)

    first, second = start().engine, start().engine

    for fact in facts:
        copy = decoder.decode(encoder.encode(fact))
        assert _bytes(first, fact) == _bytes(second, copy)


@given(st.lists(happenings, max_size=60))
def test_no_unit_ever_has_two_orders_and_no_incident_two_cars_by_itself(
    told: list[tuple[object, ...]],
) -> None:
    engine = start().engine

    for fact in history(told):
        engine.handle(fact)
        state = engine.state
        assert all(len(unit.order_ids) <= 1 for unit in state.units.values())
        assert all(incident.active_orders <= 1 for incident in state.incidents.values())
        carried = {order_id for unit in state.units.values() for order_id in unit.order_ids}
        assert carried == set(state.orders)
        assert not [order for order in state.orders.values() if order.state in FINAL]
        assert state.columns.free == sum(1 for bar in state.columns.barred if not bar)


@given(st.lists(happenings, max_size=60))
def test_every_recommendation_adds_up_and_counts_everyone(told: list[tuple[object, ...]]) -> None:
    engine = start().engine

    for fact in history(told):
        for effect in engine.handle(fact):
            if isinstance(effect, RecommendationMade):
                assert effect.considered + sum(effect.excluded.values()) == len(UNITS)
                costs = [candidate.cost_s for candidate in effect.candidates]
                assert costs == sorted(costs)
                for candidate in effect.candidates:
                    assert round(sum(r.seconds for r in candidate.reasons), 3) == candidate.cost_s


@given(st.lists(happenings, max_size=60))
def test_whoever_waits_for_a_unit_gets_one_when_all_come_free(told: list[tuple[object, ...]]) -> None:
    engine = start().engine
    for fact in history(told):
        engine.handle(fact)
    last_s = 10_000.0

    for turn in range(200):
        s = last_s + turn * 10
        for order in list(engine.state.orders.values()):
            engine.handle(
                OrderAcked(
                    at_ns=at(s),
                    unit_id=order.unit_id,
                    order_id=order.order_id,
                    version=order.version,
                    ack="clear",
                )
            )
        for row, unit in enumerate(UNITS):
            engine.handle(UnitLinked(at_ns=at(s), unit_id=UnitId(unit), link="online"))
            engine.handle(
                UnitReported(at_ns=at(s), unit_id=UnitId(unit), status="available", tst=10_000 + turn)
            )
            engine.handle(moved(s, (row, 10 * row, 0)))
        if not engine.state.incidents_waiting and not engine.state.orders:
            break

    everyone_refused = [
        incident
        for incident in engine.state.incidents.values()
        if incident.incident_id in engine.state.incidents_waiting
        and {str(unit) for unit in incident.passed_over} < set(UNITS)
    ]
    assert not everyone_refused


@given(st.lists(happenings, max_size=60))
def test_nothing_of_a_call_is_left_when_all_have_hung_up(told: list[tuple[object, ...]]) -> None:
    engine = start().engine
    facts = history(told)
    for fact in facts:
        engine.handle(fact)

    for name in NAMES:
        for kind in (CallAbandoned, CallAnswered, CallEnded):
            leg = call(name, 0).leg
            engine.handle(kind(at_ns=at(9_000), leg=leg, sip_call_id=f"{name}@trunk"))

    assert not engine.state.calls
    assert not engine.state.call_of_leg
    assert not len(engine.state.calls_waiting)
    assert all(incident.live_calls == 0 for incident in engine.state.incidents.values())


def test_a_random_history_really_orders_units() -> None:
    """Guard: the laws above would hold of an engine that does nothing."""
    engine = start().engine
    made = [e for fact in (call("a", 2), answered("a", 3)) for e in engine.handle(fact)]

    assert any(isinstance(effect, OrderIssued) for effect in made)


def _bytes(engine: Engine, fact: Fact) -> list[bytes]:
    return [DECISION_ENCODER.encode(e) for e in engine.handle(fact) if isinstance(e, Decision)]


@given(st.lists(happenings, max_size=60), st.integers(0, 60))
def test_an_engine_restored_from_a_snapshot_decides_alike_ever_after(
    told: list[tuple[object, ...]], until: int
) -> None:
    engine = start().engine
    facts = history(told)
    for fact in facts[:until]:
        engine.handle(fact)

    restored = snapshot.restore(snapshot.take(engine))

    assert restored is not None
    for fact in facts[until:]:
        assert _bytes(engine, fact) == _bytes(restored, fact)
    assert snapshot.take(engine) == snapshot.take(restored)


def test_a_snapshot_of_another_format_is_not_taken_for_one() -> None:
    assert snapshot.restore(b"") is None
    assert snapshot.restore(snapshot.take(start().engine)[:-1]) is None
