# SPDX-License-Identifier: Apache-2.0
"""What becomes of an order: signed, missed, taken back, sent again; and who waits meanwhile."""

import pytest

from core.effects import OrderIssued, WarningRaised
from core.events import NeighbourBack, NeighbourGone
from core.ids import IncidentId, OrderId, UnitId
from tests.play import (
    Play,
    Shows,
    ack,
    answered,
    at,
    call,
    command,
    ended,
    fires,
    moved,
    reports,
    roster,
    starts,
    town,
)


def test_an_order_nobody_signs_is_withdrawn_and_the_next_unit_goes() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> fires("sign:o5", 184)

    _ = (
        play
        << Shows("warning.raised", kind="order_unsigned", subject="o5")
        << Shows("order.updated", order_id="o5", state="expired", version=2)
        << Shows("order", order_id="o5", unit_id="u1", cancelled=True, version=2)
    )


def test_a_declined_order_goes_to_the_next_unit_and_not_back() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> ack("u1", "o5", 4, "declined", reason="puncture")

    _ = (
        play
        << Shows("order.updated", order_id="o5", state="declined", reason="puncture")
        << Shows("recommendation.made", excluded={"named": 1})
        << Shows("order.issued", unit_id="u2")
    )


def test_a_strangers_ack_or_one_for_another_version_is_no_answer() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)

    play >> ack("u2", "o5", 4, "signed")
    assert play.effects == []
    play >> ack("u1", "o5", 4, "signed", version=7)
    assert play.effects == []
    assert play.engine.state.counts["OutOfTurnError: order.acked"] == 2


def test_the_only_unit_missed_a_signature_and_is_ordered_again_when_nobody_else_is_there() -> None:
    play = Play() >> roster("u1") >> moved(1, (0, 100, 0)) >> call("a", 2) >> answered("a", 3)
    play >> moved(180, (0, 100, 0))

    _ = (
        play
        >> fires("sign:o5", 184)
        << Shows("order.updated", order_id="o5", state="expired")
        << Shows("order.issued", incident_id="i4", unit_id="u1")
    )


def test_a_unit_that_missed_a_signature_is_not_ordered_again_while_there_is_another() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> moved(180, (0, 100, 0), (1, 900, 0))

    _ = play >> fires("sign:o5", 184) << Shows("order.issued", order_id="o7", unit_id="u2")
    play >> moved(360, (0, 100, 0), (1, 900, 0))

    _ = play >> fires("sign:o7", 365) << Shows("order.issued", unit_id="u1")


@pytest.mark.parametrize(("how_many", "ticks"), [(64, 0), (200, 60)])
def test_incidents_out_of_reach_do_not_keep_a_caller_beside_a_free_car_waiting(
    how_many: int, ticks: int
) -> None:
    play = Play() >> roster("u1") >> moved(1, (0, 100, 0)) >> reports("u1", 1, "out_of_service")
    for n in range(how_many):
        play >> call(f"far{n}", 2, spot=(1000 * n, 300_000)) >> answered(f"far{n}", 2)
    play >> call("near", 3) >> answered("near", 3)
    near = next(reversed(play.engine.state.incidents))

    play >> reports("u1", 4, "available")
    told, sent = stuck(play), ordered(play)
    for tick in range(ticks):
        play >> moved(5 + tick, (0, 100, 0))
        told, sent = told + stuck(play), sent + ordered(play)

    assert sent == [near]
    assert len(told) == len(set(told)), "the desk is told once of each"
    assert len(told) >= 64


def test_the_desk_is_told_once_that_nobody_can_go() -> None:
    play = town() >> call("far", 2, spot=(0, 300_000))
    _ = play >> answered("far", 3) << Shows("warning.raised", kind="no_unit_can_go", subject="i4")

    play >> moved(4, (0, 100, 0))

    assert not stuck(play)


def test_a_restart_gives_the_unit_time_to_sign_and_sends_no_second_car() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)

    _ = (
        play
        >> starts(403)
        << Shows("set_timer", key="sign:o5", due_ns=at(433))
        << Shows("order", order_id="o5", unit_id="u1", version=1, deadline=at(433) // 1_000_000_000)
    )
    play.nothing("order.issued").nothing("order.updated")
    play >> fires("sign:o5", 403)
    assert play.effects == [], "the old time does not count any more"
    _ = play >> ack("u1", "o5", 420, "signed") << Shows("order.updated", order_id="o5", state="signed")


def test_while_the_broker_is_away_nobody_is_withdrawn_and_its_return_grants_time() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> NeighbourGone(at_ns=at(100), name="mqtt")

    _ = play >> fires("sign:o5", 183) << Shows("set_timer", key="sign:o5", due_ns=at(213))
    play.nothing("order.updated").nothing("order.issued").nothing("order")
    back = NeighbourBack(at_ns=at(200), name="mqtt")
    _ = play >> back << Shows("set_timer", key="sign:o5", due_ns=at(230))
    _ = play << Shows("order", order_id="o5", cancelled=False) << Shows("service.restored", name="mqtt")

    _ = play >> fires("sign:o5", 230) << Shows("order.updated", order_id="o5", state="expired")


def test_the_return_of_redis_grants_no_time() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> NeighbourGone(at_ns=at(100), name="redis")

    play >> NeighbourBack(at_ns=at(180), name="redis")

    play.nothing("set_timer")
    _ = play >> fires("sign:o5", 183) << Shows("order.updated", order_id="o5", state="expired")


def test_a_cancelled_order_is_withdrawn_again_after_a_restart_and_whenever_its_unit_acks_it() -> None:
    again = Shows("order", order_id="o5", unit_id="u1", cancelled=True, version=2)
    play = town() >> call("a", 2) >> answered("a", 3)
    _ = play >> command("order.cancel", 4, order_id=OrderId("o5")) << again

    _ = play >> starts(5) << again
    _ = play >> ack("u1", "o5", 6, "signed") << again
    play.nothing("order.updated").nothing("unit.updated")
    _ = play >> ack("u1", "o5", 7, "on_scene") << again

    play >> ack("u2", "o5", 8, "signed")
    assert play.effects == [], "it was never theirs"
    play >> fires("withdrawn:o5", 3604) >> ack("u1", "o5", 3605, "signed")
    assert play.effects == [], "long enough"


def test_an_expired_order_is_withdrawn_again_when_its_unit_signs_too_late() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> fires("sign:o5", 183)

    play >> ack("u1", "o5", 190, "signed")

    _ = play << Shows("order", order_id="o5", unit_id="u1", cancelled=True, version=2)


def test_after_a_cancel_nobody_else_is_sent_until_the_desk_accepts() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)

    play >> command("order.cancel", 4, order_id=OrderId("o5"))
    play.nothing("order.issued")
    play >> reports("u2", 5, "available")
    play.nothing("order.issued")
    play >> moved(6, (0, 100, 0), (1, 900, 0))
    play.nothing("order.issued")
    play >> command("incident.level", 7, incident_id=IncidentId("i4"), level=1)
    play.nothing("order.issued")
    play >> command("incident.locate", 8, incident_id=IncidentId("i4"), lat=28.0, lon=120.66)
    play.nothing("order.issued")

    play >> command("order.accept", 9, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))
    _ = play << Shows("order.issued", incident_id="i4", unit_id="u2")


def test_an_incident_whose_order_was_cancelled_is_closed_as_unattended_when_nobody_comes_back() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> command("order.cancel", 4, order_id=OrderId("o5"))

    _ = play >> ended("a", 10) << Shows("set_timer", key="unattended:i4")

    _ = play >> fires("unattended:i4", 1810) << Shows("incident.updated", outcome="unattended")


def test_when_the_desk_cancels_one_of_two_orders_and_the_other_is_missed_the_next_unit_goes() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)
    play >> command("order.accept", 4, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))
    play >> command("order.cancel", 5, order_id=OrderId("o6")) >> moved(180, (0, 100, 0), (1, 900, 0))

    _ = play >> fires("sign:o5", 183) << Shows("order.issued", incident_id="i4", unit_id="u2")


@pytest.mark.parametrize("caller", ["a", "b"])
def test_an_answer_after_a_cancel_sends_nobody_either(caller: str) -> None:
    play = town() >> call("a", 2) >> call("b", 2)
    play >> command("order.accept", 3, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))

    play >> command("order.cancel", 4, order_id=OrderId("o6")) >> answered(caller, 5)

    play.nothing("order.issued")


def test_the_desk_is_told_again_when_an_incident_was_served_and_is_stuck_once_more() -> None:
    play = town() >> call("a", 2, spot=(0, 300_000)) >> answered("a", 3)
    play >> command("incident.locate", 4, incident_id=IncidentId("i4"), lat=28.0, lon=120.66)
    play >> ack("u1", "o6", 5, "declined")

    play >> ack("u2", "o7", 6, "declined")

    assert stuck(play) == ["i4"]


def test_a_radio_that_confirms_the_withdrawal_itself_is_not_told_again() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> command("order.cancel", 4, order_id=OrderId("o5"))

    play >> ack("u1", "o5", 5, "delivered", version=2)
    play.nothing("order")
    play >> ack("u1", "o5", 6, "delivered", version=1)
    play.nothing("order")


def test_a_caller_who_rings_after_the_cancel_is_sent_a_unit() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> command("order.cancel", 4, order_id=OrderId("o5"))

    _ = play >> call("b", 60) >> answered("b", 61) << Shows("order.issued", incident_id="i4")


def test_time_to_sign_is_not_granted_for_ever() -> None:
    play = town() >> call("a", 2) >> answered("a", 3) >> NeighbourGone(at_ns=at(4), name="mqtt", reason="")
    for second in range(183, 783, 30):
        play >> fires("sign:o5", second)
        play.nothing("warning.raised")

    _ = play >> fires("sign:o5", 783) << Shows("warning.raised", kind="order_unsigned", subject="o5")


def test_after_a_dozen_orders_in_vain_a_person_must_look() -> None:
    play = Play() >> roster("u1") >> moved(1, (0, 0, 0)) >> call("a", 2) >> answered("a", 3)
    second = 3.0
    for _ in range(11):
        second += 180
        play >> moved(second, (0, 0, 0))
        play >> fires(next(key for key in play.engine.state.timers if key.startswith("sign:")), second)

    second += 180
    _ = (
        play
        >> fires(next(key for key in play.engine.state.timers if key.startswith("sign:")), second)
        << Shows("warning.raised", kind="orders_exhausted", subject="i4")
    )
    play.nothing("order.issued")


def stuck(play: Play) -> list[str]:
    """Return the incidents of which the last fact told that nobody can go."""
    return [
        one.subject for one in play.effects if isinstance(one, WarningRaised) and one.kind == "no_unit_can_go"
    ]


def ordered(play: Play) -> list[IncidentId]:
    """Return the incidents to which the last fact sent a unit."""
    return [one.incident_id for one in play.effects if isinstance(one, OrderIssued)]
