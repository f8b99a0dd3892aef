# SPDX-License-Identifier: Apache-2.0
"""Incidents that want several units: line by line of the plan, one after the other as they come free."""

from typing import Any

from core.effects import OrderIssued
from core.events import RosterLoaded, RosterUnit
from core.ids import IncidentId, OrderId, UnitId
from core.settings import PlanLine
from tests.play import LUCHENG, Play, Shows, ack, answered, at, call, command, fires, moved, reports, town

FIRE = (
    PlanLine(category="fire", count=2),
    PlanLine(category="fire", police_type="water", capabilities=("pump",)),
    PlanLine(category="fire", step=2, count=1, after_s=300),
    PlanLine(category="fire", step=3, count=1),
)


def quay(**policy: Any) -> Play:
    """Three cars at 100, 900 and 1,700 m, and a boat with a pump at 2,500 m."""
    kinds = {"u1": "patrol", "u2": "patrol", "u3": "patrol", "boat": "water"}
    units = tuple(
        RosterUnit(
            unit_id=UnitId(name),
            police_type=kind,
            capabilities=("pump",) if kind == "water" else (),
            county=LUCHENG,
        )
        for name, kind in kinds.items()
    )
    play = Play(plans=FIRE, **policy) >> RosterLoaded(at_ns=at(0), units=units)
    return play >> moved(1, *((n, 100 + 800 * n, 0) for n in range(4)))


def fire(play: Play, second: float = 2) -> IncidentId:
    """A caller tells of a fire and is answered."""
    play >> call("a", second)
    incident_id = next(reversed(play.engine.state.incidents))
    play >> command("incident.level", second, incident_id=incident_id, category="fire")
    play >> answered("a", second)
    return incident_id


def sent(play: Play) -> list[str]:
    return [one.unit_id for one in play.effects if isinstance(one, OrderIssued)]


def order_of(play: Play, unit: str) -> OrderId:
    (order_id,) = play.engine.state.units[UnitId(unit)].order_ids
    return order_id


def test_every_line_of_the_first_step_is_ordered_and_the_queue_is_left_when_all_are() -> None:
    play = quay()

    fire(play)

    assert sent(play) == ["boat", "u1", "u2"]
    assert not play.engine.state.incidents_waiting


def test_the_boat_is_not_spent_where_any_car_would_do() -> None:
    play = quay() >> moved(2, (3, 0, 0))

    fire(play, 3)

    assert sorted(sent(play)) == ["boat", "u1", "u2"]


def test_it_waits_for_who_is_missing_and_gets_them_when_they_come_free() -> None:
    play = quay() >> reports("boat", 1, "out_of_service") >> reports("u2", 1, "out_of_service")
    play >> reports("u3", 1, "out_of_service")

    incident_id = fire(play)
    assert sent(play) == ["u1"]
    assert incident_id in play.engine.state.incidents_waiting

    play >> reports("u3", 5, "available")
    assert sent(play) == ["u3"]
    play >> reports("u2", 6, "available")
    assert sent(play) == [], "two cars are enough, and no car is a boat"
    _ = play << Shows("warning.raised", kind="no_unit_can_go", subject=incident_id)
    play >> reports("boat", 7, "available")
    assert sent(play) == ["boat"]


def test_a_unit_that_declines_is_replaced_in_its_own_line() -> None:
    play = quay()
    fire(play)

    play >> ack("u2", order_of(play, "u2"), 3, "declined")

    assert sent(play) == ["u3"]


def test_a_unit_that_has_done_its_part_is_not_replaced_while_others_work() -> None:
    play = quay()
    incident_id = fire(play)

    play >> ack("u1", order_of(play, "u1"), 60, "clear")
    assert sent(play) == []
    assert incident_id not in play.engine.state.incidents_waiting
    play >> ack("u2", order_of(play, "u2"), 61, "clear")
    play >> ack("boat", order_of(play, "boat"), 62, "clear")

    _ = play << Shows("incident.updated", incident_id=incident_id, state="closed", outcome="handled")


def test_an_order_a_desk_takes_back_is_not_given_to_the_next() -> None:
    play = quay()
    fire(play)

    play >> command("order.cancel", 3, order_id=order_of(play, "u1"))

    assert sent(play) == []
    play >> moved(4, (2, 100, 0))
    assert sent(play) == []


def test_a_unit_a_desk_names_fills_the_line_it_fits() -> None:
    play = quay(dispatch="confirm")
    incident_id = fire(play)
    play >> command("order.accept", 3, incident_id=incident_id, unit_id=UnitId("boat"))

    assert [one.want for one in play.engine.state.orders.values()] == [1]

    play >> command("order.accept", 4, incident_id=incident_id, unit_id=UnitId("u3"))
    assert [one.want for one in play.engine.state.orders.values()] == [1, 0]


def test_after_a_desks_choice_the_rest_of_the_plan_goes_by_itself() -> None:
    play = quay()
    play >> call("a", 2)
    incident_id = next(reversed(play.engine.state.incidents))
    play >> command("incident.level", 2, incident_id=incident_id, category="fire")

    play >> command("order.accept", 3, incident_id=incident_id, unit_id=UnitId("u3"))

    assert sent(play) == ["u3", "boat", "u1"]


def test_the_second_step_goes_by_itself_and_the_third_at_a_desks_word() -> None:
    play = quay()
    incident_id = fire(play)
    assert play.engine.state.timers[f"plan:{incident_id}"] == at(302)

    play >> moved(301, (2, 1700, 0)) >> fires(f"plan:{incident_id}", 302)
    assert sent(play) == ["u3"]
    _ = play << Shows("incident.updated", incident_id=incident_id, step=2)
    assert f"plan:{incident_id}" not in play.engine.state.timers, "the third waits for a word"

    play >> command("plan.step", 303, incident_id=incident_id)
    assert sent(play) == []
    _ = play << Shows("incident.updated", incident_id=incident_id, step=3)
    assert incident_id in play.engine.state.incidents_waiting
    play >> command("plan.step", 304, incident_id=incident_id)
    _ = play << Shows("warning.raised", kind="command_refused", text="its plan has no further step")


def test_a_closed_incident_calls_no_reinforcement() -> None:
    play = quay()
    incident_id = fire(play)

    play >> command("incident.close", 3, incident_id=incident_id)

    assert f"plan:{incident_id}" not in play.engine.state.timers


def test_another_category_wants_more_than_is_on_the_way() -> None:
    play = quay() >> call("a", 2) >> answered("a", 3)
    assert sent(play) == ["u1"]
    (incident_id,) = play.engine.state.incidents

    play >> command("incident.level", 4, incident_id=incident_id, category="fire")

    assert sent(play) == ["boat", "u2"]


def test_another_category_wants_less_and_nobody_else_is_sent() -> None:
    play = quay() >> reports("boat", 1, "out_of_service")
    incident_id = fire(play)
    assert incident_id in play.engine.state.incidents_waiting

    play >> command("incident.level", 4, incident_id=incident_id, category="theft")

    assert incident_id not in play.engine.state.incidents_waiting
    play >> reports("boat", 5, "available")
    assert sent(play) == []


def test_a_plan_without_lines_for_it_is_one_unit() -> None:
    play = quay() >> call("a", 2) >> answered("a", 3)

    assert sent(play) == ["u1"]
    play.nothing("warning.raised")


def test_plan_step_of_an_incident_without_a_plan_is_refused() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)

    play >> command("plan.step", 4, incident_id=IncidentId("i4"))

    _ = play << Shows("warning.raised", kind="command_refused", text="its plan has no further step")
