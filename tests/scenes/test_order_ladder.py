# SPDX-License-Identifier: Apache-2.0
"""The ladder: what is done about an order nobody signs, before it is given to another unit."""

from core import snapshot
from core.effects import Decision, OrderUnit, OrderUpdated, WarningRaised
from core.events import NeighbourBack, NeighbourGone
from core.ids import IncidentId, OrderId, UnitId
from core.settings import Rung
from tests.play import Play, Shows, ack, answered, at, call, command, fires, moved, roster, starts, town

AGAIN = Rung(after_s=30, do="re_alert")


def test_who_does_not_sign_is_alerted_again_and_the_desk_sees_it() -> None:
    play = ordered()

    _ = (
        play
        >> fires("rung:o5", 33)
        << Shows("order", order_id="o5", unit_id="u1", version=1, alert=1, second=False)
        << Shows(
            "order.updated",
            order_id="o5",
            state="issued",
            version=1,
            alert=1,
            reason="not signed after 30 s: alerted again",
        )
        << Shows("set_timer", key="rung:o5", due_ns=at(63))
    )
    play.nothing("order.issued").nothing("warning.raised")


def test_who_shows_an_order_by_the_second_channel_hears_of_its_end_there() -> None:
    play = ordered() >> fires("rung:o5", 33) >> fires("rung:o5", 63)

    play >> command("order.cancel", 70, order_id=OrderId("o5"))

    _ = play << Shows("order", order_id="o5", version=2, cancelled=True, second=False)
    _ = play << Shows("order", order_id="o5", version=2, cancelled=True, second=True)


def test_then_by_the_second_channel_then_the_duty_chief_hears_and_who_could_go_is_ranked() -> None:
    play = ordered() >> fires("rung:o5", 33)

    _ = play >> fires("rung:o5", 63) << Shows("order", order_id="o5", alert=2, second=True)
    _ = play << Shows("order.updated", alert=2, reason="not signed after 60 s: alerted on the second channel")
    play >> moved(120, (0, 100, 0), (1, 900, 0))
    _ = (
        play
        >> fires("rung:o5", 123)
        << Shows(
            "warning.raised", kind="order_unsigned_chief", subject="o5", text="u1 has not signed for 120 s"
        )
    )
    _ = play << Shows("recommendation.made", incident_id="i4", excluded={"busy": 1})
    _ = play << Shows("order.updated", alert=4, reason="not signed after 120 s: u2 could go instead")
    play.nothing("order").nothing("order.issued")
    _ = play >> fires("sign:o5", 183) << Shows("order.issued", unit_id="u2")


def test_the_machine_of_the_radio_does_not_stop_the_ladder_and_a_person_does() -> None:
    play = ordered() >> ack("u1", "o5", 4, "delivered")

    play.nothing("drop_timer")
    _ = play >> fires("rung:o5", 33) << Shows("order", alert=1)
    _ = play >> ack("u1", "o5", 40, "signed") << Shows("drop_timer", key="rung:o5")
    play >> fires("rung:o5", 63)
    assert play.effects == []


def test_an_order_says_when_it_was_issued_delivered_and_signed() -> None:
    play = ordered() >> ack("u1", "o5", 5, "delivered") >> ack("u1", "o5", 9, "signed")

    _ = play << Shows(
        "order.updated",
        issued_at_us=at(3) // 1000,
        delivered_at_us=at(5) // 1000,
        signed_at_us=at(9) // 1000,
    )


def test_who_signs_without_the_machines_word_has_had_it_delivered() -> None:
    play = ordered() >> ack("u1", "o5", 9, "enroute")

    _ = play << Shows("order.updated", delivered_at_us=at(9) // 1000, signed_at_us=at(9) // 1000)


def test_a_restart_goes_on_with_the_ladder_and_gives_time_before_the_next_rung() -> None:
    play = ordered() >> fires("rung:o5", 33)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    _ = play >> starts(50) << Shows("set_timer", key="rung:o5", due_ns=at(80))
    play >> fires("rung:o5", 63)
    assert not orders(play), "the old time does not count any more"
    assert orders(play >> fires("rung:o5", 80)) == [("o5", 2)]
    _ = play << Shows("set_timer", key="rung:o5", due_ns=at(140))


def test_while_the_broker_is_away_nobody_is_alerted_and_the_ladder_stands_still() -> None:
    play = ordered() >> NeighbourGone(at_ns=at(20), name="mqtt")

    _ = play >> fires("rung:o5", 33) << Shows("set_timer", key="rung:o5", due_ns=at(63))
    play.nothing("order").nothing("order.updated").nothing("warning.raised")
    _ = play >> NeighbourBack(at_ns=at(40), name="mqtt") << Shows("set_timer", key="rung:o5", due_ns=at(70))
    assert orders(play >> fires("rung:o5", 70)) == [("o5", 1)]


def test_each_level_may_have_a_ladder_of_its_own() -> None:
    rungs = (AGAIN, Rung(after_s=10, do="duty_chief", level=1))
    play = town(ladder=rungs, level_default=1) >> call("a", 2) >> answered("a", 3)
    assert play.engine.state.timers["rung:o5"] == at(13)

    assert warned(play >> fires("rung:o5", 13)) == ["order_unsigned_chief"]
    assert "rung:o5" not in play.engine.state.timers
    lesser = town(ladder=rungs, level_default=2) >> call("a", 2) >> answered("a", 3)
    assert lesser.engine.state.timers["rung:o5"] == at(33)


def test_a_rung_that_comes_after_the_end_is_never_reached() -> None:
    play = town(sign_s=30) >> call("a", 2) >> answered("a", 3)

    assert sorted(key for key in play.engine.state.timers if "o5" in key) == ["sign:o5"]


def test_no_ladder_is_a_ladder_too() -> None:
    play = town(ladder=()) >> call("a", 2) >> answered("a", 3)

    assert sorted(key for key in play.engine.state.timers if "o5" in key) == ["sign:o5"]


def test_an_order_that_is_over_leaves_no_rung_behind() -> None:
    play = ordered() >> command("order.cancel", 9, order_id=OrderId("o5"))

    assert not [key for key in play.engine.state.timers if key.startswith(("rung:", "sign:"))]


def test_where_a_desk_orders_it_is_shown_who_could_go_next() -> None:
    play = town(dispatch="confirm") >> call("a", 2)
    play >> command("order.accept", 3, incident_id=IncidentId("i4"), unit_id=UnitId("u1"))
    play >> moved(180, (0, 100, 0), (1, 900, 0))

    play >> fires("sign:o5", 183)

    assert [one.unit_id for one in play.last("recommendation.made").candidates] == ["u2"]
    play.nothing("order.issued")


def test_a_snapshot_of_a_version_without_a_ladder_goes_on_with_one() -> None:
    play = ordered()
    order = play.engine.state.orders[OrderId("o5")]
    order.asked_ns = order.ladder_ns = 0
    del play.engine.state.timers["rung:o5"]

    play >> starts(50)

    assert orders(play >> fires("rung:o5", 80)) == [("o5", 1)]


def test_a_journal_without_rungs_is_decided_alike_with_any_ladder() -> None:
    days = []
    for policy in ({}, {"ladder": ()}):
        play, told = town(**policy), list[object]()
        for fact in (
            *(
                call("a", 2),
                answered("a", 3),
                NeighbourGone(at_ns=at(20), name="mqtt"),
                fires("sign:o5", 183),
            ),
            *(NeighbourBack(at_ns=at(200), name="mqtt"), starts(210, **policy)),
            *(moved(239, (0, 100, 0), (1, 900, 0)), fires("sign:o5", 240)),
            *(ack("u2", "o11", 250, "signed"), ack("u2", "o11", 900, "clear")),
        ):
            play >> fact
            told += [one for one in play.effects if isinstance(one, Decision | OrderUnit)]
        days.append(told)

    assert days[0] == days[1]
    assert any(isinstance(one, OrderUpdated) and one.state == "clear" for one in days[0])


def ordered() -> Play:
    """Order o5 to u1 at 3 s; u2 is free."""
    return town() >> call("a", 2) >> answered("a", 3)


def orders(play: Play) -> list[tuple[str, int]]:
    """Return the orders that the last fact put on the air, each with its alert."""
    return [(one.order_id, one.alert) for one in play.effects if isinstance(one, OrderUnit)]


def warned(play: Play) -> list[str]:
    return [one.kind for one in play.effects if isinstance(one, WarningRaised)]


def test_two_orders_climb_each_its_own_ladder() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0))
    play >> call("a", 2) >> answered("a", 3) >> call("b", 12, spot=(9000, 0)) >> answered("b", 13)

    assert orders(play >> fires("rung:o5", 33)) == [("o5", 1)]
    play >> ack("u1", "o5", 34, "signed")
    assert orders(play >> fires("rung:o7", 43)) == [("o7", 1)]
    assert not [one for one in play.effects if isinstance(one, OrderUpdated) and one.order_id == "o5"]
