# SPDX-License-Identifier: Apache-2.0
"""Who might be lost between a plan, a policy and a restart: nobody waits unseen, nobody is sent to what is closed."""

from typing import Any

import numpy as np

from core.effects import OrderIssued, WarningRaised
from core.ids import IncidentId, OrderId, UnitId
from core.incidents.incident import Incident
from core.kernels import rank
from core.settings import PlanLine
from tests.play import Play, Shows, ack, answered, call, command, ended, fires, moved, reports, roster, starts

FAR = (3000, 0)
TWO = (PlanLine(category="fire", count=2),)
LATER = (PlanLine(category="fire"), PlanLine(category="fire", step=2, after_s=300))


def street(many: int, first_m: float = 0, **policy: Any) -> Play:
    """So many cars, u1 the first, 100 m apart."""
    play = Play(**policy) >> roster(*(f"u{n + 1}" for n in range(many)))
    return play >> moved(1, *((n, first_m + 100 * n, 0) for n in range(many)))


def told(play: Play, name: str, second: float, spot: tuple[float, float] = (0, 0), **what: Any) -> Incident:
    """A call that is answered once a desk has classified it."""
    play >> call(name, second, spot=spot)
    incident = next(reversed(play.engine.state.incidents.values()))
    play >> command("incident.level", second, incident_id=incident.incident_id, **what)
    play >> answered(name, second)
    return incident


def sent(play: Play) -> list[tuple[str, str]]:
    return [(one.unit_id, one.incident_id) for one in play.effects if isinstance(one, OrderIssued)]


def warned(play: Play) -> list[str]:
    return [one.kind for one in play.effects if isinstance(one, WarningRaised)]


def order_of(play: Play, unit: str) -> OrderId:
    (order_id,) = play.engine.state.units[UnitId(unit)].order_ids
    return order_id


def test_when_all_of_the_plan_have_left_and_the_last_to_come_declines_another_goes() -> None:
    play = street(4, plans=TWO)
    incident = told(play, "a", 2, category="fire")
    play >> command("order.accept", 3, incident_id=incident.incident_id, unit_id=UnitId("u3"))
    play >> ack("u1", order_of(play, "u1"), 10, "clear") >> ack("u2", order_of(play, "u2"), 11, "clear")

    play >> ended("a", 12) >> ack("u3", order_of(play, "u3"), 13, "declined")

    assert sent(play) == [("u1", incident.incident_id)]


def test_what_lost_its_unit_gets_the_free_one_that_was_too_far_for_the_graver_at_once() -> None:
    play = Play(policy="divert", divert_confirm=False) >> roster("u1", "u2")
    play >> moved(1, (0, 100, 0), (1, 20_000, 0)) >> reports("u2", 1, "out_of_service")
    lesser = told(play, "a", 2, FAR)
    play >> reports("u2", 5, "available")

    graver = told(play, "b", 10, level=1)

    assert sent(play) == [("u1", graver.incident_id), ("u2", lesser.incident_id)]


def test_a_reserve_of_none_keeps_nobody_from_being_asked_about() -> None:
    play = street(1, policy="reoptimise")
    told(play, "a", 2, FAR, level=4)

    told(play, "b", 6, level=3)

    assert warned(play) == ["diversion_proposed"]


def test_a_reserve_of_none_keeps_nobody_from_being_weighed() -> None:
    play = street(1, policy="reoptimise", divert_confirm=False, switch_cost_s=0, reserve_level=2)
    lesser = told(play, "a", 2, (60_000, 0), level=4)
    assert sent(play) == [("u1", lesser.incident_id)]

    graver = told(play, "b", 6, level=2)

    assert sent(play) == [("u1", graver.incident_id)]


def test_a_free_unit_that_missed_an_order_is_tried_again_though_a_desk_is_asked_about_another() -> None:
    play = Play(policy="divert") >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 50, 0))
    play >> reports("u1", 1, "out_of_service")
    told(play, "a", 2, FAR)
    play >> reports("u1", 4, "available") >> ack("u2", order_of(play, "u2"), 5, "enroute")
    graver = told(play, "b", 10, level=1)
    assert sent(play) == [("u1", graver.incident_id)]

    play >> moved(189, (0, 100, 0), (1, 60, 0)) >> fires(f"sign:{order_of(play, 'u1')}", 190)

    assert sent(play) == [("u1", graver.incident_id)]


def test_a_desk_is_asked_once_though_two_units_are_the_better_one_by_turns() -> None:
    play = Play(policy="divert") >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 200, 0))
    told(play, "a", 2, FAR)
    told(play, "b", 4, (3000, 2000))
    told(play, "g", 10, level=1)
    asked = 0

    for second in range(11, 31):
        near = second % 2 * 500
        play >> moved(second, (0, 100 + near, 0), (1, 600 - near, 0))
        asked += warned(play).count("diversion_proposed")

    assert asked == 1, "of the two the one that was not asked about yet"


def test_who_declines_by_turns_comes_before_a_desk_under_every_policy() -> None:
    play = street(20, policy="reoptimise", divert_confirm=False)
    incident = told(play, "a", 2)

    for second in range(3, 15):
        unit = play.engine.state.orders[incident.order_ids[-1]].unit_id
        play >> ack(unit, incident.order_ids[-1], second, "declined")

    assert len(incident.order_ids) == 12
    _ = play << Shows("warning.raised", kind="orders_exhausted", subject=incident.incident_id)


def test_a_unit_very_far_off_is_not_called_back_for_nobody() -> None:
    play = street(1, 90_000, policy="reoptimise", divert_confirm=False)
    told(play, "a", 2)
    assert len(play.engine.state.orders) == 1

    told(play, "b", 4, (0, 5000))

    play.nothing("order.updated").nothing("order.issued")


def test_a_clock_set_back_between_two_runs_stops_nobody() -> None:
    play = street(2, policy="reoptimise", divert_confirm=False) >> call("a", 9000)

    play >> answered("a", 1)

    assert [unit for unit, _ in sent(play)] == ["u1"]


def test_a_unit_is_not_taken_from_where_none_would_be_sent_instead() -> None:
    play = street(20, 3000, policy="divert", divert_confirm=False, plans=TWO)
    incident = told(play, "a", 2, FAR, category="fire")
    state = play.engine.state
    for second in range(3, 15):
        play >> ack(state.orders[incident.order_ids[-1]].unit_id, incident.order_ids[-1], second, "declined")
    assert (incident.active_orders, incident.held_ns > 0) == (1, True), "a person must look"
    for unit_id in state.unit_ids[1:]:
        play >> reports(unit_id, 50, "out_of_service")

    told(play, "b", 60, (3000, 800), level=1)

    assert incident.active_orders == 1


def test_what_a_desk_closes_is_sent_nobody_more() -> None:
    play = Play(policy="reoptimise", divert_confirm=False, plans=TWO, switch_cost_s=0) >> roster("u1", "u2")
    play >> moved(1, (0, 0, 0), (1, 6000, 0))
    closed = told(play, "a", 2, (2900, 0), category="fire")
    waits = told(play, "b", 4, (6500, 0))

    play >> command("incident.close", 6, incident_id=closed.incident_id)

    assert {where for _, where in sent(play)} == {waits.incident_id}
    assert {order.incident_id for order in play.engine.state.orders.values()} == {waits.incident_id}


def test_a_fire_that_is_known_as_one_after_the_first_order_gets_its_second_step() -> None:
    play = street(3, plans=LATER)
    incident = told(play, "a", 2)

    play >> command("incident.level", 4, incident_id=incident.incident_id, category="fire")

    play >> moved(303, (1, 100, 0)) >> fires(f"plan:{incident.incident_id}", 304)
    assert sent(play) == [("u2", incident.incident_id)]


def test_what_is_no_fire_after_all_gets_no_second_step() -> None:
    play = street(3, plans=LATER)
    incident = told(play, "a", 2, category="fire")

    play >> command("incident.level", 4, incident_id=incident.incident_id, category="theft")

    assert f"plan:{incident.incident_id}" not in play.engine.state.timers


def test_a_step_a_desk_took_does_not_bring_the_one_after_it() -> None:
    play = street(4, plans=(*LATER, PlanLine(category="fire", step=3)))
    incident = told(play, "a", 2, category="fire")

    play >> command("plan.step", 10, incident_id=incident.incident_id)

    assert sent(play) == [("u2", incident.incident_id)]
    assert f"plan:{incident.incident_id}" not in play.engine.state.timers, "the third waits for a word"


def test_after_a_restart_with_longer_plans_it_gets_who_is_missing() -> None:
    play = street(3)
    incident = told(play, "a", 2, category="fire")

    play >> starts(5, plans=TWO) >> moved(6, (1, 100, 0))

    assert sent(play) == [("u2", incident.incident_id)]


def test_after_a_restart_with_other_plans_orders_fill_the_lines_they_fit() -> None:
    boat = PlanLine(category="fire", police_type="water")
    cars = PlanLine(category="fire", count=2)
    play = street(3, plans=(cars, boat))
    incident = told(play, "a", 2, category="fire")

    play >> starts(5, plans=(boat, cars))

    orders = play.engine.state.orders.values()
    assert [(one.unit_id, one.want) for one in orders] == [("u1", 1), ("u2", 1)]
    assert incident.incident_id in play.engine.state.incidents_waiting, "for the boat"


def test_after_a_restart_without_plans_all_are_weighed_as_before() -> None:
    policy: dict[str, Any] = {"policy": "reoptimise", "divert_confirm": False}
    play = street(4, plans=(PlanLine(category="fire"), PlanLine(category="fire", count=2)), **policy)
    told(play, "a", 2, category="fire")

    play >> starts(5, **policy) >> reports("u4", 5, "out_of_service")

    waits = told(play, "b", 6, (0, 900))
    assert waits.incident_id in play.engine.state.incidents_waiting


class FarShore:
    """Roads as the recommender asks them: rows 0 to 5 have no way to anywhere, the others a long one."""

    profiles = ("car",)

    def ways(self, *asked: Any) -> tuple[Any, Any]:
        """Return a minute for the first six, two and a half hours for the others."""
        near = asked[3] < 6
        return np.where(near, 60_000, 9_000_000), np.where(near, rank.NO_ROAD, rank.LABELS)

    def fastest_mps(self, *_: Any) -> float:
        return 40.0


def test_who_goes_is_named_though_all_the_first_candidates_have_no_way_by_road() -> None:
    play = Play() >> roster(*(f"u{n}" for n in range(8)))
    play >> moved(1, *((n, 10 * n, 0) for n in range(6)), (6, 90_000, 0), (7, 95_000, 0))
    play.engine.state.roads = FarShore()  # type: ignore[assignment]

    play >> call("a", 2)
    (want,) = play.last("recommendation.made").wants
    shortfall = play.last("recommendation.made").shortfall
    play >> answered("a", 3)

    assert sent(play) == [("u6", IncidentId("i4"))]
    assert (want.units, want.missing, shortfall) == (("u6",), 0, ())


class Islets(FarShore):
    """The same, and the first unit has a way of a minute, too."""

    def ways(self, *asked: Any) -> tuple[Any, Any]:
        """Return who is on the islets, rows 1 to 6, and who is not."""
        ms, codes = super().ways(*asked)
        rows = asked[3]
        ms[rows == 0], codes[(rows == 0) | (rows == 6)] = 60_000, rank.LABELS
        codes[rows == 6] = rank.NO_ROAD
        return ms, codes


def test_a_free_unit_goes_though_a_desk_is_asked_and_nearer_free_ones_have_no_way_by_road() -> None:
    play = street(8, policy="divert")
    for n in range(2, 9):
        play >> reports(f"u{n}", 1, "out_of_service")
    told(play, "a", 2, FAR)
    for n in range(2, 9):
        play >> reports(f"u{n}", 3, "available")
    play.engine.state.roads = Islets()  # type: ignore[assignment]

    graver = told(play, "b", 5, level=1)

    assert (sent(play), warned(play)) == ([("u8", graver.incident_id)], ["diversion_proposed"])


def test_who_goes_only_at_a_desks_word_fills_no_line_of_the_plan() -> None:
    play = street(1, policy="divert")
    told(play, "a", 2, FAR)
    graver = told(play, "b", 5, level=1)

    play >> command("incident.level", 6, incident_id=graver.incident_id, level=1)

    recommended = play.last("recommendation.made")
    assert [one.unit_id for one in recommended.candidates] == ["u1"]
    assert recommended.wants[0].units == ()
    assert [(short.missing, short.why) for short in recommended.shortfall] == [(1, "busy")]
