# SPDX-License-Identifier: Apache-2.0
"""Who may take a unit from whom, who must ask first, and what is kept in reserve."""

from typing import Any

import numpy as np
import pytest

from core.effects import Candidate, OrderIssued, WarningRaised
from core.ids import IncidentId, OrderId, UnitId
from core.incidents.incident import Incident
from core.kernels import rank
from tests.play import Play, Shows, ack, answered, call, command, moved, reports, roster, town

FAR = (3000, 0)


def busy(**policy: Any) -> Play:
    """u1 (at 100 m) is on its way to i5, three kilometres off; u2 (at 900 m) is out of service."""
    play = town(**policy) >> reports("u2", 1, "out_of_service")
    return play >> call("a", 2, spot=FAR) >> answered("a", 3) >> ack("u1", "o6", 4, "enroute")


def grave(play: Play, name: str = "b", second: float = 10, spot: tuple[float, float] = (0, 0)) -> Incident:
    """A call of level 1, answered."""
    play >> call(name, second, spot=spot)
    incident = next(reversed(play.engine.state.incidents.values()))
    play >> command("incident.level", second, incident_id=incident.incident_id, level=1)
    play >> answered(name, second)
    return incident


def candidates(play: Play, incident: Incident, second: float) -> tuple[Candidate, ...]:
    """Return whom it is recommended now."""
    play >> command("incident.level", second, incident_id=incident.incident_id, level=incident.level)
    found: tuple[Candidate, ...] = play.last("recommendation.made").candidates
    return found


def sent(play: Play) -> list[tuple[str, str]]:
    """Return (unit, incident) of what the last fact ordered."""
    return [(one.unit_id, one.incident_id) for one in play.effects if isinstance(one, OrderIssued)]


def test_by_default_nobody_on_the_way_is_taken_and_a_desk_cannot_either() -> None:
    play = busy()

    incident = grave(play)
    play.nothing("order.issued").nothing("warning.raised")
    assert candidates(play, incident, 11) == ()
    play >> command("order.accept", 12, incident_id=incident.incident_id, unit_id=UnitId("u1"))

    _ = play << Shows("warning.raised", kind="command_refused", text="u1 cannot be ordered: busy")


@pytest.mark.parametrize("policy", ["divert", "reoptimise"])
def test_level_1_is_offered_the_unit_on_its_way_to_something_lesser_and_a_desk_is_asked(policy: str) -> None:
    play = busy(policy=policy)

    incident = grave(play)

    _ = play << Shows("warning.raised", kind="diversion_proposed", subject=incident.incident_id)
    play.nothing("order.issued")
    (best,) = candidates(play, incident, 11)
    assert (best.unit_id, best.diverts) == ("u1", "i5")
    (switching,) = [reason for reason in best.reasons if reason.kind == "switching"]
    assert (switching.seconds, switching.incident_id) == (120, "i5")
    assert sum(reason.seconds for reason in best.reasons) == pytest.approx(best.cost_s)


def test_a_desk_is_asked_once_for_each_unit() -> None:
    play = busy(policy="divert")
    grave(play)

    play >> moved(11, (0, 110, 0)) >> moved(12, (0, 120, 0))

    play.nothing("warning.raised").nothing("order.issued")


def test_a_desk_accepts_and_both_sides_are_told_in_the_order_a_radio_needs() -> None:
    play = busy(policy="divert")
    incident = grave(play)

    play >> command("order.accept", 12, incident_id=incident.incident_id, unit_id=UnitId("u1"))

    why = f"diverted to {incident.incident_id}"
    _ = (
        play
        << Shows("order.updated", order_id="o6", state="cancelled", reason=why)
        << Shows("order", order_id="o6", unit_id="u1", cancelled=True)
        << Shows("warning.raised", kind="unit_diverted", subject="i5")
        << Shows("order.issued", unit_id="u1", incident_id=incident.incident_id)
        << Shows("order", unit_id="u1", cancelled=False)
        << Shows("incident.updated", incident_id="i5", state="located")
        << Shows("unit.updated", unit_id="u1", status="dispatched")
    )


def test_what_lost_its_unit_waits_as_old_as_it_is_and_gets_the_next_one() -> None:
    play = busy(policy="divert")
    incident = grave(play)
    play >> command("order.accept", 12, incident_id=incident.incident_id, unit_id=UnitId("u1"))
    play >> call("c", 13, spot=(0, 3000)) >> answered("c", 14)

    play >> reports("u2", 15, "available")

    assert sent(play) == [("u2", "i5")], "it is older than the third"


def test_without_confirmation_the_machine_takes_it_by_itself() -> None:
    play = busy(policy="divert", divert_confirm=False)

    incident = grave(play)

    assert sent(play) == [("u1", incident.incident_id)]
    _ = play << Shows("warning.raised", kind="unit_diverted", subject="i5")


def test_a_free_unit_nearly_as_near_is_sent_instead() -> None:
    play = busy(policy="divert", divert_confirm=False) >> reports("u2", 5, "available")

    incident = grave(play)

    assert sent(play) == [("u2", incident.incident_id)], "100 s farther: less than a change must save"


def test_a_free_unit_goes_at_once_while_a_desk_is_asked_about_a_nearer_one() -> None:
    play = Play(policy="divert") >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 9000, 0))
    play >> reports("u2", 1, "out_of_service") >> call("a", 2, spot=FAR) >> answered("a", 3)
    play >> reports("u2", 5, "available")

    incident = grave(play)

    assert sent(play) == [("u2", incident.incident_id)]
    (asked,) = [one for one in play.effects if isinstance(one, WarningRaised)]
    assert (asked.kind, asked.subject) == ("diversion_proposed", incident.incident_id)
    assert "u1 is on its way elsewhere and saves 10" in asked.text


def test_a_free_unit_far_behind_many_that_could_be_taken_goes_all_the_same() -> None:
    names = [f"u{n}" for n in range(8)]
    play = Play(policy="divert") >> roster(*names)
    (
        play
        >> moved(1, *((n, 10 * n, 0) for n in range(7)), (7, 20_000, 0))
        >> reports("u7", 1, "out_of_service")
    )
    for n in range(7):
        play >> call(f"a{n}", 2, spot=(3000, 400 * n)) >> answered(f"a{n}", 2)
    play >> reports("u7", 3, "available")

    incident = grave(play)

    assert sent(play) == [("u7", incident.incident_id)]


@pytest.mark.parametrize("status", ["on_scene", "emergency"])
def test_a_unit_that_has_arrived_or_cries_for_help_is_never_taken(status: str) -> None:
    play = busy(policy="divert", divert_confirm=False)
    play >> (ack("u1", "o6", 5, "on_scene") if status == "on_scene" else reports("u1", 5, status))

    grave(play)

    assert sent(play) == []


def test_nobody_takes_a_unit_from_level_1_not_even_a_desk() -> None:
    play = busy(policy="divert", divert_confirm=False)
    play >> command("incident.level", 5, incident_id=IncidentId("i5"), level=1)

    incident = grave(play)
    assert sent(play) == []
    play >> command("order.accept", 12, incident_id=incident.incident_id, unit_id=UnitId("u1"))

    _ = play << Shows("warning.raised", kind="command_refused", text="u1 cannot be ordered: busy")


def test_a_machine_does_not_take_what_a_desk_chose() -> None:
    play = town(policy="divert", divert_confirm=False) >> reports("u2", 1, "out_of_service")
    play >> call("a", 2, spot=FAR)
    play >> command("order.accept", 3, incident_id=IncidentId("i5"), unit_id=UnitId("u1"))

    incident = grave(play)
    assert sent(play) == []
    play >> command("order.accept", 12, incident_id=incident.incident_id, unit_id=UnitId("u1"))

    assert sent(play) == [("u1", incident.incident_id)], "but a desk may choose again"


def test_an_incident_that_lost_three_units_keeps_the_fourth() -> None:
    play = busy(policy="divert", divert_confirm=False)
    for n in range(3):
        second = 10 + 100 * n
        play >> moved(second, (0, 100, 0))
        incident = grave(play, f"g{n}", second, spot=(0, 1000 * n))
        ((unit, where),) = sent(play)
        assert (unit, where) == ("u1", incident.incident_id)
        play >> command("order.cancel", second + 1, order_id=_order_of(play, incident), text="nothing there")
        assert sent(play) == [("u1", "i5")]

    play >> moved(400, (0, 100, 0))
    grave(play, "g4", 401, spot=(0, 5000))

    assert sent(play) == []


def test_two_crossing_ways_are_put_right_when_a_unit_comes_free() -> None:
    play = Play(policy="reoptimise", divert_confirm=False) >> roster("u1", "u2", "u3")
    play >> moved(1, (0, 0, 0), (1, 20_000, 0), (2, 6000, 0)) >> reports("u2", 1, "out_of_service")
    play >> reports("u3", 1, "out_of_service") >> call("a", 2, spot=(5900, 0)) >> answered("a", 3)
    assert sent(play) == [("u1", "i6")], "nobody else is there"
    play >> call("b", 4, spot=(300, 0)) >> answered("b", 5)
    assert sent(play) == [], "taking u1 would leave the other alone"

    play >> reports("u3", 6, "available")

    assert sent(play) == [("u1", "i8"), ("u3", "i6")]
    _ = play << Shows(
        "order.updated", unit_id="u1", state="cancelled", reason="sent elsewhere; u3 comes instead"
    )


def test_a_unit_that_comes_free_takes_over_from_one_with_far_to_go_though_nobody_waits() -> None:
    play = Play(policy="reoptimise", divert_confirm=False) >> roster("u1", "u2")
    play >> moved(1, (0, 0, 0), (1, 8900, 0)) >> reports("u2", 1, "out_of_service")
    play >> call("a", 2, spot=(9000, 0)) >> answered("a", 3)
    assert sent(play) == [("u1", "i5")]

    play >> reports("u2", 6, "available")

    assert sent(play) == [("u2", "i5")]
    _ = play << Shows(
        "order.updated", unit_id="u1", state="cancelled", reason="sent elsewhere; u2 comes instead"
    )


def test_a_gain_below_the_switching_cost_changes_nothing() -> None:
    play = Play(policy="reoptimise", divert_confirm=False, switch_cost_s=3600) >> roster("u1", "u2", "u3")
    play >> moved(1, (0, 0, 0), (1, 20_000, 0), (2, 6000, 0)) >> reports("u2", 1, "out_of_service")
    play >> reports("u3", 1, "out_of_service") >> call("a", 2, spot=(5900, 0)) >> answered("a", 3)
    play >> call("b", 4, spot=(300, 0)) >> answered("b", 5)

    play >> reports("u3", 6, "available")

    assert sent(play) == [("u3", "i8")]


def test_level_1_changes_its_unit_for_a_much_faster_one_only() -> None:
    play = Play(policy="reoptimise", divert_confirm=False) >> roster("u1", "u2")
    play >> moved(1, (0, 0, 0), (1, 8900, 0)) >> reports("u2", 1, "out_of_service")
    incident = grave(play, "a", 2, spot=(9000, 0))
    assert sent(play) == [("u1", incident.incident_id)]
    play >> call("b", 4, spot=(300, 0)) >> answered("b", 5)

    play >> reports("u2", 6, "available")

    assert sorted(sent(play)) == [("u1", "i8"), ("u2", incident.incident_id)]


def test_the_last_units_are_kept_for_graver_ones_until_somebody_has_waited_too_long() -> None:
    play = town(reserve_units=1, reserve_level=2, reserve_s_max=600) >> call("a", 2) >> answered("a", 3)
    assert sent(play) == [("u1", "i4")]

    play >> call("b", 4, spot=FAR) >> answered("b", 5)
    _ = play << Shows("warning.raised", kind="kept_in_reserve", subject="i6")
    assert sent(play) == []
    play >> moved(603, (1, 900, 0))
    assert sent(play) == []
    play >> moved(604, (1, 900, 0))

    assert sent(play) == [("u2", "i6")]


def test_level_1_has_the_reserve_at_once() -> None:
    play = town(reserve_units=2, reserve_level=2)

    incident = grave(play)

    assert sent(play) == [("u1", incident.incident_id)]


def _order_of(play: Play, incident: Incident) -> OrderId:
    (order,) = [one for one in play.engine.state.orders.values() if one.incident_id == incident.incident_id]
    return order.order_id


class Islands:
    """Roads as the recommender asks them: rows 0 and 1 have no way to anywhere."""

    profiles = ("car",)

    def ways(self, *asked: Any) -> tuple[Any, Any]:
        """Return a minute for each, and who has no way."""
        rows = asked[3]
        return np.full(rows.shape[0], 60_000), np.where(rows < 2, rank.NO_ROAD, rank.LABELS)

    def fastest_mps(self, *_: Any) -> float:
        return 40.0


def test_a_unit_without_a_way_by_road_is_not_ordered_by_itself_but_a_desk_may() -> None:
    play = town()
    play.engine.state.roads = Islands()  # type: ignore[assignment]

    play >> call("a", 2) >> answered("a", 3)

    assert sent(play) == []
    _ = play << Shows("warning.raised", kind="no_road", subject="i4")
    play >> command("order.accept", 4, incident_id=IncidentId("i4"), unit_id=UnitId("u1"))
    assert sent(play) == [("u1", "i4")]


def test_whoever_has_a_way_goes_though_he_is_farther_than_all_that_have_none() -> None:
    play = Play(candidates_max=2) >> roster("u1", "u2", "u3")
    play >> moved(1, (0, 0, 0), (1, 10, 0), (2, 9000, 0))
    play.engine.state.roads = Islands()  # type: ignore[assignment]

    play >> call("a", 2) >> answered("a", 3)

    assert sent(play) == [("u3", "i4")]
