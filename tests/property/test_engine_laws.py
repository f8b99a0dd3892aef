# SPDX-License-Identifier: Apache-2.0
"""What must hold after any history, however odd: the world may send anything in any order."""

from collections import Counter

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core import snapshot
from core.callbacks.machine import ENDED
from core.calls.number import plain
from core.effects import (
    CallAbandonedNow,
    CallbackUpdated,
    CallEndedNow,
    Decision,
    Effect,
    IncidentUpdated,
    OrderIssued,
    OrderUnit,
    RecommendationMade,
)
from core.engine import Engine
from core.events import (
    AnyFact,
    CallAbandoned,
    CallEnded,
    CallerFound,
    CallReceived,
    CommandGiven,
    Fact,
    OrderAcked,
    RosterLoaded,
    UnitLinked,
)
from core.ids import IncidentId, UnitId
from core.incidents.candidates import KEPT_MAX, Heard
from core.orders.ladder import UNSIGNED
from core.orders.machine import FINAL
from core.state import SENT_KEPT, State
from gateway.journal.record import DECISION_ENCODER
from tests.play import NOON_S, at, moved, reports, town
from tests.property.histories import NS_PER_S, UNITS, History, facts_of, histories, played, run

BYTES = msgspec.msgpack.Encoder()
FACTS: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(AnyFact)


@given(histories())
def test_no_history_ends_the_process(history: History) -> None:
    assert len(facts_of(history)) == 3 + len(history.told)


@given(histories())
def test_the_same_history_gives_the_same_bytes_also_after_a_journal(history: History) -> None:
    first, second = Engine(), Engine()

    for fact in facts_of(history):
        copy = FACTS.decode(BYTES.encode(fact))
        assert _bytes(first, fact) == _bytes(second, copy)


@given(histories(), st.integers(0, 80))
def test_an_engine_restored_from_a_snapshot_decides_alike_ever_after(history: History, until: int) -> None:
    facts = facts_of(history)
    engine = Engine()
    for fact in facts[:until]:
        engine.handle(fact)

    restored = snapshot.restore(snapshot.take(engine))

    assert restored is not None
    for fact in facts[until:]:
        assert _bytes(engine, fact) == _bytes(restored, fact)
    assert snapshot.take(engine) == snapshot.take(restored)


@given(histories())
def test_units_orders_and_incidents_agree_with_each_other(history: History) -> None:
    for engine, _, _ in run(history):
        state = engine.state
        carried = [
            (order_id, unit_id) for unit_id, unit in state.units.items() for order_id in unit.order_ids
        ]
        assert all(len(unit.order_ids) <= 1 for unit in state.units.values())
        assert sorted(carried) == sorted((o.order_id, o.unit_id) for o in state.orders.values())
        assert not [order for order in state.orders.values() if order.state in FINAL]
        ordered = Counter(order.incident_id for order in state.orders.values())
        calling = Counter(one.incident_id for one in state.calls.values())
        for incident_id, incident in state.incidents.items():
            assert incident.active_orders == ordered[incident_id]
            assert (incident.state == "ordered") == (incident.active_orders > 0)
            assert incident.live_calls == calling[incident_id]
        assert set(ordered) <= set(state.incidents), "an order outlives its incident"
        indexed = [name for places in (state.places, state.vague_places) for name, _, _ in places.items()]
        assert sorted(indexed) == sorted(name for name, one in state.incidents.items() if one.located)


@given(histories())
def test_the_columns_say_of_every_unit_what_its_record_says(history: History) -> None:
    for engine, _, _ in run(history):
        columns = engine.state.columns
        assert columns.free == np.count_nonzero(columns.barred == 0)
        assert (((columns.mask & 1) == 1) == (columns.barred == 0)).all()
        for unit in engine.state.units.values():
            idle = unit.status == "available" and unit.link != "offline" and not unit.order_ids
            assert (columns.barred[unit.row] == 0) == (unit.enrolled and idle)


@given(histories("automatic"))
def test_no_incident_has_two_cars_by_itself(history: History) -> None:
    for engine, fact, effects in run(history):
        sent = [effect.incident_id for effect in effects if isinstance(effect, OrderIssued)]
        if isinstance(fact, CommandGiven) and fact.command == "order.accept":
            sent = sent[1:]  # the desk may send a second one
        for incident_id in sent:
            assert engine.state.incidents[incident_id].active_orders == 1


@given(histories("confirm"))
def test_under_confirm_only_the_desk_orders(history: History) -> None:
    for _, fact, effects in run(history):
        if [effect for effect in effects if isinstance(effect, OrderIssued)]:
            assert isinstance(fact, CommandGiven)
            assert fact.command == "order.accept"


@given(histories())
def test_a_unit_in_emergency_or_off_the_roster_is_never_ordered(history: History) -> None:
    listed: set[UnitId] = set()
    for engine, fact, effects in run(history):
        if isinstance(fact, RosterLoaded):
            listed = {entry.unit_id for entry in fact.units}
        crying = {name for name, unit in engine.state.units.items() if unit.status == "emergency"}
        sent = {effect.unit_id for effect in effects if isinstance(effect, OrderIssued)}
        assert sent <= listed - crying


@given(histories())
def test_every_recommendation_adds_up_and_counts_everyone(history: History) -> None:
    for engine, _, effects in run(history):
        for effect in effects:
            if isinstance(effect, RecommendationMade):
                assert effect.considered + sum(effect.excluded.values()) == len(engine.state.units)
                assert len(effect.candidates) == min(effect.considered, 5)
                costs = [candidate.cost_s for candidate in effect.candidates]
                assert costs == sorted(costs)
                for candidate in effect.candidates:
                    assert round(sum(r.seconds for r in candidate.reasons), 3) == candidate.cost_s


@given(histories())
def test_the_queues_hold_whom_they_should(history: History) -> None:
    for engine, _, _ in run(history):
        state = engine.state
        ringing = {name for name, one in state.calls.items() if one.state == "ringing"}
        need_unit = {
            name
            for name, incident in state.incidents.items()
            if incident.wants_unit and not incident.active_orders
        }
        for queue, whom, keys in (
            (state.calls_waiting, ringing, {n: one.urgency_ms for n, one in state.calls.items()}),
            (state.incidents_waiting, need_unit, {n: one.urgency_ms for n, one in state.incidents.items()}),
        ):
            held = {name: queue.urgency_ms(name, state.now_ms) for name, _, _, _ in queue.items()}
            assert set(held) <= whom
            assert held == {name: keys[name] for name in held}  # type: ignore[index]
            if not history.full:
                assert set(held) == whom


@given(histories())
def test_timers_are_set_for_what_lives_and_for_nothing_else(history: History) -> None:
    for engine, _, _ in run(history):
        state = engine.state
        whose: dict[str, set[str]] = {"answer": set(), "limit": set(), "sign": set(), "unattended": set()}
        whose |= {kind: set() for kind in ("withdrawn", "callback", "challenge", "doubt", "held", "line")}
        whose |= {"checkin": set(), "rung": set(), "shift": set()}
        for key in state.timers:
            kind, _, name = key.partition(":")
            whose[kind].add(name)
        assert whose["answer"] <= {name for name, one in state.calls.items() if one.state == "ringing"}
        assert whose["limit"] <= set(state.calls)
        unsigned = {name for name, order in state.orders.items() if order.state in UNSIGNED}
        changed = {name for name, order in state.orders.items() if order.unconfirmed}
        assert unsigned <= whose["sign"] <= unsigned | changed
        assert whose["rung"] <= whose["sign"]
        idle = {name for name, one in state.incidents.items() if one.unattended}
        assert whose["unattended"] == idle
        assert whose["withdrawn"] == set(state.withdrawn)
        to_ring_back = {name for name, task in state.callbacks.items() if task.state == "open"}
        assert whose["callback"] == to_ring_back
        asked = {name for name, one in state.calls.items() if one.silence == "challenged"}
        assert whose["challenge"] == asked
        in_doubt = {name for name, one in state.calls.items() if one.state == "answered" and one.in_doubt}
        assert whose["doubt"] <= in_doubt
        assert whose["checkin"] == set(state.watched)
        assert whose["shift"] <= {name for name, unit in state.units.items() if unit.entry.shift_start}
        assert whose["held"] == {name for name, one in state.incidents.items() if one.awaited}
        if state.calls_waiting and state.settings.answer.startswith("ring"):
            assert "line" in state.timers


@given(histories())
def test_a_unit_hears_of_every_order_and_of_its_end(history: History) -> None:
    for _, _, effects in run(history):
        told = [(e.order_id, e.cancelled) for e in effects if isinstance(e, OrderUnit)]
        issued = [e.order_id for e in effects if isinstance(e, OrderIssued)]
        back = [e for e in effects if getattr(e, "state", "") in {"expired", "cancelled"}]
        assert {(name, False) for name in issued} <= set(told)
        assert {(e.order_id, True) for e in back} <= set(told)  # type: ignore[attr-defined]


@given(histories())
def test_nothing_of_a_call_is_left_when_all_have_hung_up(history: History) -> None:
    engine = played(history)
    state = engine.state

    for one in list(state.calls.values()):
        kind = CallAbandoned if one.state == "ringing" else CallEnded
        engine.handle(kind(at_ns=state.now_ns, leg=one.leg, sip_call_id=one.sip_call_id))

    assert not state.calls
    assert not state.call_of_leg
    assert not len(state.calls_waiting)
    assert not [key for key in state.timers if key.startswith(("answer:", "limit:", "challenge:", "doubt:"))]
    assert not state.talking
    assert all(incident.live_calls == 0 for incident in state.incidents.values())


@given(histories("automatic"))
def test_whoever_waits_for_a_unit_gets_one_when_all_come_free(history: History) -> None:
    engine = played(history)
    state = engine.state

    for _ in range(30):
        _all_come_free(engine)
        if not state.incidents_waiting and not state.orders:
            break

    for member in state.incidents_waiting.first(state.now_ms, 100):
        incident = state.incidents[member]  # type: ignore[index]
        near = incident.lat is not None and incident.lat < 29
        able = {"drowning": {"boat"}, "flying": set[str]()}.get(incident.category, set(UNITS))
        listed = {str(name) for name, unit in state.units.items() if unit.enrolled}
        assert not near or not able & listed - set(map(str, incident.passed_over))


@given(histories())
def test_each_abandoned_call_belongs_to_exactly_one_call_back(history: History) -> None:
    for engine, _, effects in run(history):
        state = engine.state
        tasks = [effect for effect in effects if isinstance(effect, CallbackUpdated)]
        for unanswered in (e for e in effects if isinstance(e, CallAbandonedNow | CallEndedNow)):
            mine = {task.callback_id for task in tasks if unanswered.call_id in task.call_ids}
            speaks = plain(unanswered.caller) in state.talking
            if not unanswered.answered_at_us:
                assert len(mine) == 1 or (speaks and not mine)
        numbers = [task.number for task in state.callbacks.values() if task.number]
        assert len(numbers) == len(set(numbers)), "one task for one number"
        assert state.callback_of == {
            task.number: name for name, task in state.callbacks.items() if task.number
        }
        assert len(state.callbacks) <= state.settings.callbacks_max
        assert list(state.callbacks_withheld) == [n for n, task in state.callbacks.items() if not task.number]
        answered = Counter(
            one.number for one in state.calls.values() if one.state == "answered" and one.number
        )
        assert state.talking == answered


@given(histories())
def test_a_call_back_is_open_while_no_line_of_its_caller_is_there_and_ends_once(history: History) -> None:
    ended: set[str] = set()
    for engine, _, effects in run(history):
        state = engine.state
        for effect in effects:
            if isinstance(effect, CallbackUpdated):
                assert effect.callback_id not in ended
                assert effect.since_us <= effect.left_at_us <= effect.at_us
                if effect.state in ENDED:
                    ended.add(effect.callback_id)
        there = Counter(one.callback_id for one in state.calls.values())
        for name, task in state.callbacks.items():
            assert task.lines == there[name]
            assert task.state == ("returned" if task.lines else "open")


@given(histories())
def test_no_word_about_a_place_stands_before_the_one_that_is_believed(history: History) -> None:
    for engine, _, effects in run(history):
        for incident in engine.state.incidents.values():
            _is_the_best(incident.locations, incident.lat, incident.lon)
        for effect in effects:
            if isinstance(effect, IncidentUpdated) and effect.locations:
                (believed,) = [one for one in effect.locations if one.chosen]
                assert (believed.lat, believed.lon) == (effect.lat, effect.lon)
                assert (believed.source, believed.uncertainty_m) == (
                    effect.location_source,
                    effect.uncertainty_m,
                )


@given(histories())
def test_a_worse_word_about_a_place_moves_nothing(history: History) -> None:
    places: dict[str, tuple[float | None, float | None]] = {}
    for engine, fact, effects in run(history):
        state = engine.state
        if isinstance(fact, CallerFound | CallReceived):
            for name, before in places.items():
                incident = state.incidents.get(IncidentId(name))
                if incident is None or (incident.lat, incident.lon) == before:
                    continue
                (now,) = [one.candidate for one in incident.locations if one.candidate.chosen]
                came = now.heard_at_us == fact.at_ns // 1000
                assert came or _fell(incident.locations, before), (
                    "to what was just heard, or from what fell by it"
                )
                assert [e for e in effects if isinstance(e, RecommendationMade) and e.incident_id == name]
        places = {name: (one.lat, one.lon) for name, one in state.incidents.items()}


@given(histories())
def test_no_unit_goes_by_itself_for_a_guess_or_for_a_caller_in_doubt(history: History) -> None:
    for engine, fact, effects in run(history):
        if isinstance(fact, CommandGiven):
            continue
        for effect in effects:
            if isinstance(effect, OrderIssued):
                incident = engine.state.incidents[effect.incident_id]
                assert not incident.guessed
                assert not (incident.coarse and incident.awaited)
                assert incident.released


@given(histories())
def test_an_order_carries_an_address_only_with_the_place_it_belongs_to(history: History) -> None:
    told: set[tuple[float, float, str]] = set()
    for engine, _, effects in run(history):
        for incident in engine.state.incidents.values():
            told |= {
                (one.candidate.lat, one.candidate.lon, one.candidate.address) for one in incident.locations
            }
        for effect in effects:
            if isinstance(effect, OrderIssued) and effect.address and effect.lat is not None:
                assert (effect.lat, effect.lon, effect.address) in told


@given(histories())
def test_what_is_remembered_of_callers_has_a_limit(history: History) -> None:
    for engine, _, _ in run(history):
        assert all(len(places) <= SENT_KEPT for places in engine.state.sent_for.values())
        for incident in engine.state.incidents.values():
            assert len(incident.locations) <= KEPT_MAX
            assert incident.calls >= len(incident.call_ids)


def test_a_snapshot_of_another_format_is_not_taken_for_one() -> None:
    assert snapshot.restore(b"") is None
    assert snapshot.restore(snapshot.take(town().engine)[:-1]) is None


def _all_come_free(engine: Engine) -> None:
    """Every order ends well, and every unit on the roster is free and seen near the square."""
    state: State = engine.state
    second = state.now_ns / NS_PER_S - NOON_S + 10
    for order in list(state.orders.values()):
        engine.handle(
            OrderAcked(
                at_ns=at(second),
                unit_id=order.unit_id,
                order_id=order.order_id,
                version=order.version,
                ack="clear",
            )
        )
    engine.handle(moved(second, *((row, 10 * row, 0) for row in range(len(UNITS)))))
    for unit_id in state.unit_ids:
        engine.handle(UnitLinked(at_ns=at(second), unit_id=unit_id, link="online"))
        engine.handle(reports(unit_id, second, "available"))


def _fell(locations: list[Heard], before: tuple[float | None, float | None]) -> bool:
    """Tell whether no word about that place counts as it did: outdated, a guess now, or left out."""
    those = [one.candidate for one in locations if (one.candidate.lat, one.candidate.lon) == before]
    return all(one.outdated or one.standing == 2 for one in those)


def _is_the_best(locations: list[Heard], lat: float | None, lon: float | None) -> None:
    """Say again, without the rule's code, what the rule is."""
    if not locations:
        assert lat is None
        return
    those = [one.candidate for one in locations]
    (believed,) = [one for one in those if one.chosen]
    assert not believed.outdated
    assert (believed.lat, believed.lon) == (lat, lon)
    for one in those:
        if not one.outdated:
            assert (believed.standing, believed.doubt_m) <= (one.standing, one.doubt_m)
        if one.standing == 0 and one.source == "desk" and not one.outdated:
            assert believed.standing == 0


def _bytes(engine: Engine, fact: Fact) -> list[bytes]:
    effects: list[Effect] = engine.handle(fact)
    return [DECISION_ENCODER.encode(effect) for effect in effects if isinstance(effect, Decision)]
