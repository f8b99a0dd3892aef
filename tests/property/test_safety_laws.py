# SPDX-License-Identifier: Apache-2.0
"""Officers in danger and officers on scene, in any history: nobody is forgotten, and no machine says it is over."""

import msgspec
from hypothesis import given

from core.effects import PromptUnit, WarningRaised
from core.events import CommandGiven, UnitCalled
from core.ids import IncidentId
from tests.property.histories import History, histories, run

BYTES = msgspec.msgpack.Encoder()
ENDS = {"emergency.end", "unit.set"}


@given(histories())
def test_a_cry_for_help_ends_by_a_desks_word_and_by_nothing_else(history: History) -> None:
    stood: dict[IncidentId, bytes] = {}
    for engine, fact, _ in run(history):
        incidents = engine.state.incidents
        for incident_id, said in stood.items():
            over = incident_id not in incidents or not incidents[incident_id].cry_stands
            if over:
                assert isinstance(fact, CommandGiven)
                assert fact.command in ENDS
            cry = incidents[incident_id].cry if incident_id in incidents else None
            assert cry is None or BYTES.encode(cry.said) == said, "the first word of it is frozen"
        stood = {
            name: BYTES.encode(one.cry.said)
            for name, one in incidents.items()
            if one.cry is not None and one.cry_stands
        }


@given(histories())
def test_a_unit_is_in_an_emergency_as_long_as_its_incident_stands(history: History) -> None:
    for engine, _, _ in run(history):
        state = engine.state
        crying = {name for name, unit in state.units.items() if unit.status == "emergency"}
        standing = {
            one.cry.said.unit_id: one.incident_id
            for one in state.incidents.values()
            if one.cry is not None and one.cry_stands
        }
        assert crying == set(standing)
        assert state.crying == standing
        for unit_id, incident_id in standing.items():
            assert state.units[unit_id].emergency == incident_id


@given(histories())
def test_every_press_not_heard_before_is_told_or_belongs_to_one_just_told(history: History) -> None:
    passed_over = 0
    for engine, fact, effects in run(history):
        counts = engine.state.counts
        before, passed_over = passed_over, counts["event_doubled"] + counts["press_repeated"]
        if not isinstance(fact, UnitCalled) or fact.event not in ("emergency", "man_down"):
            continue
        if fact.unit_id not in engine.state.units:
            continue
        kinds = [
            one.kind for one in effects if isinstance(one, WarningRaised) and one.subject == fact.unit_id
        ]
        if passed_over == before:
            assert f"officer_{fact.event}" in kinds
            assert fact.unit_id in engine.state.crying


@given(histories())
def test_whoever_is_watched_has_a_timer_and_is_on_scene(history: History) -> None:
    for engine, _, effects in run(history):
        state = engine.state
        watched = {name for name, unit in state.units.items() if unit.watch is not None}
        assert watched == set(state.watched)
        for name in watched:
            unit = state.units[name]
            assert unit.status in ("on_scene", "transporting")
            assert unit.watch is not None
            assert unit.watch.order_id in unit.order_ids or unit.watch.incident_id in state.incidents
            assert f"checkin:{name}" in state.timers
        assert {one.unit_id for one in effects if isinstance(one, PromptUnit)} <= watched


@given(histories())
def test_nobody_is_missed_while_the_broker_is_away(history: History) -> None:
    for engine, _, effects in run(history):
        if "mqtt" in engine.state.away:
            kinds = {one.kind for one in effects if isinstance(one, WarningRaised)}
            assert not kinds & {"check_in_missed", "officer_unaccounted"}
            assert not [one for one in effects if isinstance(one, PromptUnit)]
