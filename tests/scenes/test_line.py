# SPDX-License-Identifier: Apache-2.0
"""The line of those who wait for an answer: what each is told of their place in it."""

import pytest

from core.calls.line import TOLD_MAX
from core.dispatch.urgency import Curve
from core.effects import QueueCaller
from core.events import NeighbourBack, NeighbourGone
from core.ids import CallId, IncidentId, Leg
from tests.play import OUHAI, Play, Shows, abandoned, answered, at, call, command, fires, starts


def places(play: Play) -> list[tuple[str, int]]:
    """(leg, place) of everyone the last fact told."""
    return [(effect.leg, effect.position) for effect in play.effects if isinstance(effect, QueueCaller)]


def three(**policy: object) -> Play:
    """Three callers in the line: at 2, 3 and 4 s."""
    play = Play(**{"answer": "seats", **policy})
    for n in range(3):
        play >> call(f"n{n}", 2 + n, spot=(5000 * n, 0))
    return play


def test_who_has_others_before_them_is_told_how_many_after_the_ring() -> None:
    play = Play(answer="seats") >> call("a", 2)
    assert places(play) == [], "nobody is before the first one"

    play >> call("b", 3, spot=(5000, 0))
    _ = play << Shows("ring", leg="leg-b") << QueueCaller(leg=Leg("leg-b"), position=2)


def test_those_whose_place_has_changed_are_told_again() -> None:
    play = three()
    play >> fires("line", 22)
    assert places(play) == []

    play >> answered("n0", 23)
    assert places(play) == []
    play >> fires("line", 42)
    assert places(play) == [("leg-n1", 1), ("leg-n2", 2)]
    play >> fires("line", 62)
    assert places(play) == []


def test_a_graver_call_moves_the_others_back_and_they_are_told() -> None:
    play = three() >> command("call.classify", 5, call_id=CallId("c4"), level=1)

    play >> fires("line", 22)

    assert places(play) == [("leg-n2", 1), ("leg-n0", 2), ("leg-n1", 3)]


def test_who_tells_of_a_grave_incident_waits_as_gravely_as_it_is() -> None:
    play = Play(answer="seats") >> call("a", 1)
    play >> command("call.classify", 2, call_id=CallId("c2"), level=1) >> call("b", 3, spot=(9000, 0))

    play >> call("c", 10)

    _ = play << QueueCaller(leg=Leg("leg-c"), position=2) << Shows("call.waiting", call_id="c5", level=1)
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 9) == ["c2", "c5", "c4"]


def test_who_rings_beside_a_trifle_is_serious_until_heard() -> None:
    play = Play(answer="seats") >> call("a", 1)
    play >> command("call.classify", 2, call_id=CallId("c2"), level=4)

    play >> call("b", 3)

    _ = play << Shows("call.waiting", call_id="c4", incident_id="i2", level=2)
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 9) == ["c4", "c2"]


def test_the_clock_runs_while_anyone_waits_and_no_longer() -> None:
    play = three()
    assert play.engine.state.timers["line"] == at(22)

    _ = play >> fires("line", 22) << Shows("set_timer", key="line", due_ns=at(42))
    play >> answered("n0", 23) >> abandoned("n1", 24) >> answered("n2", 25) >> fires("line", 42)

    assert play.effects == []
    assert "line" not in play.engine.state.timers


@pytest.mark.parametrize("policy", ["immediately", "never"])
def test_nobody_is_told_a_place_where_nobody_waits_in_our_line(policy: str) -> None:
    play = three(answer=policy)

    assert places(play) == []
    assert "line" not in play.engine.state.timers


def test_callers_who_ring_for_a_while_are_told_too() -> None:
    assert places(three(answer="ring:30")) == [("leg-n2", 3)]


def test_telling_again_can_be_turned_off() -> None:
    play = three(queue_tell_s=0)

    assert places(play) == [("leg-n2", 3)]
    assert "line" not in play.engine.state.timers


def test_a_caller_outside_a_full_queue_is_told_no_place() -> None:
    assert places(three(calls_waiting_max=2)) == []


def test_who_loses_a_place_in_a_full_queue_is_told_to_the_desk_of_their_own_county() -> None:
    play = Play(answer="seats", calls_waiting_max=1)
    play >> call("a", 2, county=OUHAI, caller="13800000000", calls_in_hour=40)

    play >> call("b", 3, spot=None)

    _ = play << Shows("warning.raised", kind="call_queue_full", subject="c2", county=OUHAI)


def test_an_incident_that_loses_its_place_is_told_to_the_desk_of_its_own_county() -> None:
    play = Play(incidents_waiting_max=1) >> call("a", 2, county=OUHAI) >> answered("a", 3)
    play >> call("b", 4, spot=(9000, 0))
    play >> command("incident.level", 5, incident_id=IncidentId("i4"), level=1)

    play >> answered("b", 6)

    _ = play << Shows("warning.raised", kind="incident_queue_full", subject="i2", county=OUHAI)


def test_one_tick_tells_no_more_than_those_near_the_front() -> None:
    play = Play(answer="seats")
    for n in range(TOLD_MAX + 20):
        play >> call(f"n{n}", 2, spot=None)
    play >> answered("n0", 3)

    play >> fires("line", 22)

    assert len(places(play)) == TOLD_MAX
    assert places(play)[-1] == (f"leg-n{TOLD_MAX}", TOLD_MAX)


def test_a_restart_under_another_policy_ends_the_line_or_begins_it() -> None:
    play = three() >> starts(10, answer="never")
    _ = play << Shows("drop_timer", key="line")
    assert "line" not in play.engine.state.timers

    _ = play >> starts(11, answer="seats") << Shows("set_timer", key="line", due_ns=at(31))


def test_a_trunk_that_is_down_is_told_and_touches_no_call() -> None:
    play = three()
    before = dict(play.engine.state.timers)

    play >> NeighbourGone(at_ns=at(5), name="trunk:telecom-1", reason="OPTIONS unanswered")
    assert [effect.__struct_config__.tag for effect in play.effects] == ["service.degraded"]
    _ = play << Shows("service.degraded", name="trunk:telecom-1", reason="OPTIONS unanswered")
    play >> NeighbourGone(at_ns=at(6), name="mqtt", reason="no answer")
    play >> NeighbourBack(at_ns=at(7), name="trunk:telecom-1")

    assert [effect.__struct_config__.tag for effect in play.effects] == ["service.restored"]
    assert play.engine.state.away == {"mqtt": "no answer"}
    assert play.engine.state.timers == before
    assert len(play.engine.state.calls_waiting) == 3


def test_a_promise_that_falls_due_moves_a_caller_to_the_front_of_the_line() -> None:
    """Level 3 counts for an hour once it has waited ten minutes: curves, not head starts alone."""
    promised = Curve(points=((0, 0), (600, 600), (600, 3600)))
    play = Play(answer="seats", urgency={"3": promised}, queue_tell_s=590)
    play >> call("a", 2) >> command("call.classify", 2, call_id=CallId("c2"), level=3)
    play >> call("b", 5, spot=(5000, 0))

    play >> fires("line", 592)
    assert places(play) == [("leg-a", 2)]

    _ = play >> command("call.classify", 602, call_id=CallId("c2"), level=3)
    _ = play << Shows("call.waiting", call_id="c2", urgency_ms=at(602) // 1_000_000 - 3_600_000)
    play >> fires("line", 1182)
    assert places(play) == [("leg-a", 1), ("leg-b", 2)]


def test_a_start_with_other_curves_keeps_everybody_in_the_line() -> None:
    play = three()
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 3) == ["c2", "c3", "c4"]
    play >> command("call.classify", 5, call_id=CallId("c2"), level=4)

    lazy = Curve(points=((0, 900),), then_percent=100)
    play >> starts(6, answer="seats", urgency={"4": lazy})

    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 3) == ["c2", "c3", "c4"]
