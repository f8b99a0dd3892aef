# SPDX-License-Identifier: Apache-2.0
"""Several orders of one unit: one at a time, the others wait their turn."""

from typing import Any

import pytest

from core import snapshot
from core.events import Fact, RosterLoaded, RosterUnit, UnitStatus
from core.ids import OrderId, UnitId
from tests.play import LUCHENG, Play, Shows, ack, answered, at, call, command, fires, moved, reports, starts

T1 = UnitId("t1")


def test_a_desk_gives_a_busy_unit_of_the_kind_a_second_order_that_waits() -> None:
    play = street()

    play >> accept(play, "b", 10)

    _ = play << Shows("order.issued", unit_id="t1", incident_id="i8", stacked=True)
    _ = play << Shows("order", unit_id="t1", incident_id="i8", stacked=True)
    _ = play << Shows("unit.updated", unit_id="t1", status="enroute", order_ids=("o6", "o10"))


def test_a_unit_at_its_cap_is_refused_and_so_is_one_of_another_kind() -> None:
    play = stacked() >> call("c", 11, spot=(0, 5000))

    _ = (
        play
        >> accept(play, "c", 12)
        << Shows("warning.raised", kind="command_refused", text="t1 cannot be ordered: busy")
    )
    none = street(stack_max={})
    _ = none >> accept(none, "b", 10) << Shows("warning.raised", kind="command_refused")


def test_nobody_is_twice_on_one_incident() -> None:
    play = street()

    _ = play >> accept(play, "a", 10) << Shows("warning.raised", kind="command_refused")


def test_what_is_said_of_the_order_that_waits_does_not_change_what_the_unit_does() -> None:
    play = stacked()

    _ = play >> ack("t1", "o10", 11, "signed") << Shows("order.updated", order_id="o10", state="signed")
    play.nothing("unit.updated")
    assert play.engine.state.units[T1].status == "enroute"


def test_clear_of_the_first_makes_the_second_current() -> None:
    play = stacked() >> ack("t1", "o10", 11, "signed")

    _ = (
        play
        >> ack("t1", "o6", 600, "clear")
        << Shows("order.updated", order_id="o6", state="clear")
        << Shows("order.updated", order_id="o10", state="signed", stacked=False, reason="its turn")
        << Shows("order", order_id="o10", stacked=False)
        << Shows("unit.updated", unit_id="t1", status="acknowledged", order_ids=("o10",), out_of_turn=False)
    )


def test_whose_turn_comes_unsigned_has_time_to_sign() -> None:
    play = stacked() >> ack("t1", "o6", 185, "clear")

    assert play.engine.state.timers["sign:o10"] == at(215), "its end was at 190"
    assert play.engine.state.units[T1].status == "dispatched"


def test_an_order_that_waits_climbs_its_ladder_and_goes_to_the_next_unit_like_any_other() -> None:
    play = stacked()

    _ = play >> fires("rung:o10", 40) << Shows("order", order_id="o10", alert=1, stacked=True)
    _ = play >> fires("sign:o10", 190) << Shows("order.updated", order_id="o10", state="expired")
    assert play.engine.state.units[T1].order_ids == ["o6"]
    assert play.engine.state.units[T1].status == "enroute"


def test_where_the_unit_drives_to_is_what_it_works_on() -> None:
    play = stacked()

    _ = (
        play
        >> ack("t1", "o10", 20, "on_scene")
        << Shows("order.updated", order_id="o10", state="on_scene", stacked=False)
        << Shows("order.updated", order_id="o6", state="enroute", stacked=True, reason="o10 goes first")
        << Shows("unit.updated", unit_id="t1", status="on_scene", order_ids=("o10", "o6"))
    )
    _ = play >> ack("t1", "o10", 300, "clear") << Shows("order.updated", order_id="o6", reason="its turn")
    assert play.engine.state.units[T1].status == "enroute"


@pytest.mark.parametrize("farther", ["transporting", "at_destination"])
def test_a_turn_that_comes_takes_nobody_back_from_what_it_has_come_to(farther: UnitStatus) -> None:
    play = stacked() >> reports("t1", 20, farther)

    _ = play >> ack("t1", "o6", 30, "clear") << Shows("order.updated", order_id="o10", reason="its turn")
    assert play.engine.state.units[T1].status == farther

    play >> ack("t1", "o10", 40, "enroute")
    assert play.engine.state.units[T1].status == "enroute"


def test_both_withdrawals_of_a_unit_with_two_orders_are_remembered() -> None:
    play = stacked() >> command("order.cancel", 20, order_id=OrderId("o6"))
    play >> command("order.cancel", 21, order_id=OrderId("o10"))

    assert list(play.engine.state.withdrawn) == ["o6", "o10"]
    _ = play >> ack("t1", "o6", 22, "on_scene") << Shows("order", order_id="o6", cancelled=True)


def test_a_stack_survives_a_restart() -> None:
    play = stacked()
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> starts(20, stack_max={"traffic": 2})

    _ = play >> ack("t1", "o6", 600, "clear") << Shows("order.updated", order_id="o10", reason="its turn")


def street(**policy: Any) -> Play:
    """t1, a traffic unit, is on its way to a's incident i5 with order o6; b's incident i8 waits."""
    entry = RosterUnit(unit_id=T1, county=LUCHENG, police_type="traffic")
    play = Play(**({"stack_max": {"traffic": 2}} | policy)) >> RosterLoaded(at_ns=at(0), units=(entry,))
    play >> moved(1, (0, 100, 0)) >> reports("t1", 1, "available") >> call("a", 2) >> answered("a", 3)
    return play >> ack("t1", "o6", 4, "enroute") >> call("b", 5, spot=(5000, 0)) >> answered("b", 6)


def stacked() -> Play:
    """... and b's incident is stacked on t1 as o10."""
    play = street()
    return play >> accept(play, "b", 10)


def accept(play: Play, caller: str, second: float) -> Fact:
    incident = next(
        call.incident_id for call in play.engine.state.calls.values() if call.sip_call_id == f"{caller}@trunk"
    )
    return command("order.accept", second, incident_id=incident, unit_id=T1)
