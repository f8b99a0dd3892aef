# SPDX-License-Identifier: Apache-2.0
"""From a ringing trunk to a signed order, as it is told."""

from core.effects import AnswerCaller, HangUpCaller, RingCaller
from core.events import (
    CommandGiven,
    NeighbourBack,
    NeighbourGone,
    ServiceStarted,
    TimerFired,
)
from core.ids import IncidentId, Leg
from core.settings import Settings
from tests.play import (
    LUCHENG,
    Play,
    Shows,
    abandoned,
    ack,
    answered,
    at,
    call,
    ended,
    moved,
    place,
    reports,
    roster,
    starts,
    town,
)


def test_the_nearest_unit_is_ordered_when_the_call_is_answered() -> None:
    lat, lon = place(0, 0)

    play = town() >> call("a", 2, caller="13800138000")
    _ = (
        play
        << RingCaller(leg=Leg("leg-a"))
        << Shows(
            "call.waiting", state="ringing", sip_call_id="a@trunk", caller="13800138000", incident_id="i4"
        )
        << Shows("recommendation.made", incident_id="i4", call_id="c4", sip_call_id="a@trunk", considered=2)
        << AnswerCaller(leg=Leg("leg-a"))
        << Shows("incident.updated", state="ranked", lat=lat, lon=lon, call_ids=("c4",))
    )
    play.nothing("order.issued")
    _ = (
        play
        >> answered("a", 3)
        << Shows("call.answered", state="answered", answered_at_us=at(3) // 1000)
        << Shows("order.issued", order_id="o5", unit_id="u1", state="issued", deadline=1_760_000_183)
        << Shows("order", unit_id="u1", order_id="o5", county=LUCHENG, cancelled=False)
        << Shows("set_timer", key="sign:o5")
        << Shows("incident.updated", state="ordered", order_ids=("o5",))
        << Shows("unit.updated", unit_id="u1", status="dispatched", order_ids=("o5",))
        >> ack("u1", "o5", 4, "delivered")
        << Shows("order.updated", state="delivered")
        >> ack("u1", "o5", 7, "signed")
        << Shows("drop_timer", key="sign:o5")
        << Shows("order.updated", state="signed", signed_at_us=at(7) // 1000)
        << Shows("unit.updated", status="acknowledged")
        >> ack("u1", "o5", 60, "on_scene")
        << Shows("order.updated", state="on_scene")
        << Shows("unit.updated", status="on_scene")
        >> ended("a", 90)
        << Shows("call.ended", state="ended", reason="bye")
        >> ack("u1", "o5", 900, "clear")
        << Shows("order.updated", state="clear")
        << Shows("incident.updated", state="closed", outcome="handled")
        << Shows("unit.updated", status="available", order_ids=())
    )
    assert not play.engine.state.calls
    assert not play.engine.state.incidents
    assert not play.engine.state.orders
    assert not play.engine.state.timers


def test_a_caller_who_hangs_up_before_the_answer_is_told_once_and_nobody_is_sent() -> None:
    play = town() >> call("a", 2) >> abandoned("a", 5)
    _ = play << Shows("call.abandoned", state="abandoned", reason="cancel", ended_at_us=at(5) // 1000)

    play >> abandoned("a", 6)

    assert play.effects == []
    assert play.engine.state.counts["UnknownError: call.abandoned"] == 1
    play.nothing("order.issued")


def test_a_second_caller_about_the_same_thing_sends_no_second_car() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)
    play >> call("b", 60, spot=(150, 0))
    _ = play << Shows("call.waiting", sip_call_id="b@trunk", incident_id="i4")
    _ = play << Shows("recommendation.made", incident_id="i4", revision=2, sip_call_id="b@trunk")

    play >> answered("b", 61)

    play.nothing("order.issued")
    assert play.engine.state.incidents[IncidentId("i4")].call_ids == ["c4", "c6"]


def test_a_call_ten_minutes_later_or_a_kilometre_away_is_another_incident() -> None:
    play = town() >> call("a", 2)

    _ = play >> call("later", 603) << Shows("call.waiting", incident_id="i5")
    _ = play >> call("away", 604, spot=(1000, 0)) << Shows("call.waiting", incident_id="i6")


def test_a_call_waits_until_someone_is_free_and_the_graver_one_goes_first() -> None:
    play = Play(level_default=3) >> roster("u1") >> moved(1, (0, 0, 0)) >> reports("u1", 1, "out_of_service")
    play >> call("first", 2) >> answered("first", 3)
    play.nothing("order.issued")
    play >> call("grave", 4, spot=(2000, 0)) >> answered("grave", 5)
    grave = play.engine.state.incidents[IncidentId("i7")]
    play >> CommandGiven(
        at_ns=at(6), command="incident.level", county=LUCHENG, incident_id=grave.incident_id, level=1
    )

    _ = (
        play
        >> reports("u1", 10, "available")
        << Shows("order.issued", incident_id="i7", unit_id="u1", level=1)
    )


def test_without_a_place_units_are_ranked_all_the_same_and_the_reason_says_so() -> None:
    play = town() >> call("a", 2, spot=None)

    made = play.last("recommendation.made")

    assert not made.located
    assert [candidate.unit_id for candidate in made.candidates] == ["u1", "u2"]
    assert all(candidate.eta_s is None for candidate in made.candidates)
    assert all(candidate.reasons[0].kind == "no_location" for candidate in made.candidates)
    play >> answered("a", 3)
    play.nothing("order.issued")


def test_the_reasons_add_up_and_everyone_is_counted() -> None:
    play = Play() >> roster("u1", "u2", "u3", "u4") >> moved(1, (0, 100, 0), (1, 900, 0), (2, 50, 50))
    play >> reports("u3", 1, "off_duty") >> call("a", 50)

    made = play.last("recommendation.made")

    for candidate in made.candidates:
        assert round(sum(reason.seconds for reason in candidate.reasons), 3) == candidate.cost_s
    assert made.excluded == {"off_duty": 2}, "u3 said so, u4 was never heard"
    assert made.considered + sum(made.excluded.values()) == 4


def test_when_the_table_is_full_the_oldest_unattended_incident_is_closed_aloud() -> None:
    play = Play(incidents_open_max=2) >> call("a", 1, spot=None) >> answered("a", 1) >> ended("a", 2)
    play >> call("b", 3, spot=None) >> call("c", 4, spot=None)

    _ = (
        play
        << Shows("warning.raised", kind="incidents_full", subject="i2")
        << Shows("incident.updated", incident_id="i2", state="closed", outcome="displaced")
    )


def test_an_incident_nobody_came_back_to_is_closed_with_a_warning() -> None:
    play = Play() >> call("a", 1, spot=None) >> answered("a", 2)
    _ = play >> ended("a", 3) << Shows("set_timer", key="unattended:i2")

    _ = (
        play
        >> TimerFired(at_ns=at(1803), key="unattended:i2")
        << Shows("warning.raised", kind="incident_unattended", subject="i2")
        << Shows("incident.updated", state="closed", outcome="unattended")
    )


def test_a_caller_who_rings_again_about_it_stops_that_clock() -> None:
    play = Play(dispatch="confirm") >> call("a", 1) >> abandoned("a", 2)
    _ = play << Shows("set_timer", key="unattended:i2")

    _ = play >> call("b", 60) << Shows("drop_timer", key="unattended:i2")

    play >> TimerFired(at_ns=at(1803), key="unattended:i2")
    play.nothing("incident.updated")


def test_a_line_that_is_open_for_hours_is_ended_aloud() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)

    _ = (
        play
        >> TimerFired(at_ns=at(2 + 14_400), key="limit:c4")
        << Shows("warning.raised", kind="call_too_long", subject="c4")
        << HangUpCaller(leg=Leg("leg-a"))
    )


def test_a_restart_ends_again_a_line_that_was_open_too_long() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> TimerFired(at_ns=at(14_402), key="limit:c4")

    _ = play >> starts(14_403) << HangUpCaller(leg=Leg("leg-a"))


def test_a_restart_that_never_answers_forgets_the_clock_of_the_old_policy() -> None:
    play = Play(answer="ring:5") >> call("a", 2) >> starts(3, answer="never")

    play >> TimerFired(at_ns=at(7), key="answer:c2")

    play.nothing("answer")


def test_a_restart_rings_answers_and_orders_again_what_may_not_have_left() -> None:
    play = town() >> call("a", 2) >> call("b", 2, spot=(5000, 0)) >> answered("b", 3)

    play >> ServiceStarted(at_ns=at(4), version="test", node="n1", county=LUCHENG, settings=Settings())

    _ = (
        play
        << RingCaller(leg=Leg("leg-a"))
        << AnswerCaller(leg=Leg("leg-a"))
        << Shows("order", order_id="o6", unit_id="u2", version=1)
    )


def test_a_neighbour_is_told_gone_once_and_back_once() -> None:
    play = Play() >> NeighbourGone(at_ns=at(1), name="redis", reason="no answer")
    _ = play << Shows("service.degraded", name="redis", reason="no answer")

    play >> NeighbourGone(at_ns=at(2), name="redis", reason="still")
    assert play.effects == []
    _ = play >> NeighbourBack(at_ns=at(3), name="redis") << Shows("service.restored", name="redis")
    play >> NeighbourBack(at_ns=at(4), name="redis")
    assert play.effects == []
