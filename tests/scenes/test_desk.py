# SPDX-License-Identifier: Apache-2.0
"""What a person at a desk commands, and what is refused."""

from core.effects import AnswerCaller, OrderIssued
from core.ids import CallId, IncidentId, Leg, UnitId
from tests.play import (
    Play,
    Shows,
    answered,
    at,
    call,
    command,
    ended,
    fires,
    moved,
    place,
    reports,
    roster,
    town,
)


def test_the_desk_may_choose_another_unit_and_no_second_one_goes_by_itself() -> None:
    play = town() >> call("a", 2)

    play >> command(
        "order.accept",
        3,
        incident_id=IncidentId("i4"),
        unit_id=UnitId("u2"),
    )

    assert [order.unit_id for order in play.decisions if isinstance(order, OrderIssued)] == ["u2"]
    play >> answered("a", 4)
    play.nothing("order.issued")


def test_a_unit_that_cannot_go_is_refused_to_the_desk_by_name() -> None:
    play = town() >> reports("u2", 2, "off_duty") >> call("a", 2)

    play >> command(
        "order.accept",
        3,
        command_id="x1",
        incident_id=IncidentId("i5"),
        unit_id=UnitId("u2"),
    )

    _ = play << Shows(
        "warning.raised", kind="command_refused", subject="x1", text="u2 cannot be ordered: off_duty"
    )


def test_a_desk_relocates_an_incident_that_already_waits_for_a_unit() -> None:
    play = town() >> reports("u1", 1, "out_of_service") >> reports("u2", 1, "out_of_service")
    play >> call("a", 2, spot=(50, 0)) >> answered("a", 3)
    lat, lon = place(950, 0)

    for second in (4, 5):
        play >> command("incident.locate", second, incident_id=IncidentId("i6"), lat=lat, lon=lon)
        _ = play << Shows("recommendation.made", incident_id="i6", located=True)
        _ = play << Shows("incident.updated", incident_id="i6", lat=lat, lon=lon)
    assert len(play.engine.state.incidents_waiting) == 1

    play >> reports("u2", 6, "available")
    _ = play << Shows("order.issued", incident_id="i6", unit_id="u2", lat=lat, lon=lon)


def test_an_incident_the_desk_located_is_not_closed_as_unattended_while_it_waits_for_a_unit() -> None:
    play = Play() >> roster("u1") >> call("a", 2, spot=None) >> answered("a", 3) >> ended("a", 4)
    _ = play << Shows("set_timer", key="unattended:i3")
    lat, lon = place(0, 0)

    play >> command("incident.locate", 5, incident_id=IncidentId("i3"), lat=lat, lon=lon)
    _ = play << Shows("drop_timer", key="unattended:i3")
    play >> fires("unattended:i3", 1804)
    assert play.effects == []

    _ = play >> moved(2000, (0, 100, 0)) << Shows("order.issued", incident_id="i3", unit_id="u1")


def test_closing_an_incident_withdraws_its_orders() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0)) >> call("a", 2)
    play >> answered("a", 3)
    play >> command("order.accept", 4, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))

    _ = (
        play
        >> command("incident.close", 5, incident_id=IncidentId("i4"), text="a false alarm")
        << Shows("order.updated", order_id="o5", state="cancelled", reason="a false alarm")
        << Shows("order", order_id="o5", unit_id="u1", cancelled=True)
        << Shows("order.updated", order_id="o6", state="cancelled")
        << Shows("order", order_id="o6", unit_id="u2", cancelled=True)
        << Shows("incident.updated", incident_id="i4", state="closed", outcome="closed_by_desk")
        << Shows("unit.updated", unit_id="u1", status="available", order_ids=())
        << Shows("unit.updated", unit_id="u2", status="available", order_ids=())
    )
    play.nothing("order.issued")
    assert not play.engine.state.incidents
    assert not play.engine.state.orders
    assert not [key for key in play.engine.state.timers if key.startswith(("sign:", "unattended:"))]


def test_whom_a_closed_incident_held_goes_to_whoever_waits() -> None:
    play = Play() >> roster("u1") >> moved(1, (0, 100, 0)) >> call("a", 2) >> answered("a", 3)
    play >> call("b", 4, spot=(5000, 0)) >> answered("b", 5)
    play.nothing("order.issued")

    play >> command("incident.close", 6, incident_id=IncidentId("i4"))

    _ = play << Shows("order.issued", incident_id="i6", unit_id="u1")


def test_a_caller_goes_on_talking_when_the_desk_has_closed_their_incident() -> None:
    play = town() >> call("a", 2) >> command("incident.close", 3, incident_id=IncidentId("i4"))

    _ = play >> answered("a", 4) << Shows("call.answered", incident_id="i4")
    play.nothing("order.issued")
    _ = play >> ended("a", 5) << Shows("call.ended", call_id="c4")


def test_classifying_a_ringing_call_moves_it_in_the_queue() -> None:
    play = Play(answer="seats") >> call("a", 2) >> call("b", 3, spot=(5000, 0))
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c2", "c3"]

    play >> command("call.classify", 4, call_id=CallId("c3"), level=1)

    urgency_ms = at(3) // 1_000_000 - 3_600_000
    _ = play << Shows("call.waiting", call_id="c3", level=1, urgency_ms=urgency_ms)
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c3", "c2"]
    _ = play >> command("call.take", 5, call_id=CallId("c3")) << AnswerCaller(leg=Leg("leg-b"))


def test_a_refused_command_changes_nothing() -> None:
    play = town() >> call("a", 2) >> command("incident.close", 3, incident_id=IncidentId("i4"))
    level = play.engine.state.calls[CallId("c4")].level

    play >> command("call.classify", 4, command_id="x1", call_id=CallId("c4"), level=1, category="theft")

    assert [effect.__struct_config__.tag for effect in play.effects] == ["warning.raised"]
    _ = play << Shows("warning.raised", kind="command_refused", subject="x1", text="no open incident 'i4'")
    assert play.engine.state.calls[CallId("c4")].level == level


def test_a_command_nobody_knows_is_told_to_the_desk() -> None:
    _ = (
        Play()
        >> command("coffee.make", 1, command_id="x1")
        << Shows("warning.raised", kind="command_refused", subject="x1", text="no command 'coffee.make'")
    )
