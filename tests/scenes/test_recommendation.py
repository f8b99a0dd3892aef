# SPDX-License-Identifier: Apache-2.0
"""What a recommendation says beside the candidates: the plan, who would fill it, and why it cannot be filled."""

from typing import Any

import msgspec
import numpy as np
import pytest

from core import snapshot
from core.effects import Shortfall
from core.events import RosterLoaded, RosterUnit
from core.ids import UnitId
from core.kernels import layout
from core.settings import PlanLine
from tests.play import LUCHENG, OUHAI, Play, ack, answered, at, call, command, moved, reports

ROBBERY = (
    PlanLine(category="robbery", count=2),
    PlanLine(category="robbery", police_type="criminal"),
)


def station(*units: RosterUnit, **policy: Any) -> Play:
    """Units in a row, 500 m apart, all free."""
    play = Play(**policy) >> RosterLoaded(at_ns=at(0), units=units)
    return play >> moved(1, *((n, 500 * n, 0) for n in range(len(units))))


def unit(name: str, **fields: Any) -> RosterUnit:
    return RosterUnit(unit_id=UnitId(name), **{"county": LUCHENG, **fields})


def robbed(play: Play, second: float = 2) -> Any:
    """Return the recommendation for a robbery at the square."""
    play >> call("a", second)
    incident_id = next(reversed(play.engine.state.incidents))
    play >> command("incident.level", second, incident_id=incident_id, category="robbery")
    return play.last("recommendation.made")


def filled(recommendation: Any) -> list[tuple[tuple[str, ...], int]]:
    return [(want.units, want.missing) for want in recommendation.wants]


def test_without_a_plan_one_unit_is_wanted_and_the_best_is_named() -> None:
    play = station(unit("near"), unit("far")) >> call("a", 2)

    told = play.last("recommendation.made")

    assert filled(told) == [(("near",), 0)]
    assert told.shortfall == ()


def test_each_line_of_the_plan_names_its_own_units() -> None:
    play = station(
        unit("u1"), unit("detective", police_type="criminal"), unit("u2"), unit("u3"), plans=ROBBERY
    )

    told = robbed(play)

    assert filled(told) == [(("u1", "u2"), 0), (("detective",), 0)]
    assert [want.count for want in told.wants] == [2, 1]
    assert told.shortfall == ()


def test_those_who_are_on_their_way_are_named_with_their_line() -> None:
    play = station(unit("u1"), unit("u2"), unit("detective", police_type="criminal"), plans=ROBBERY)
    incident_id = robbed(play).incident_id
    play >> answered("a", 3)
    (order_id,) = play.engine.state.units[UnitId("u1")].order_ids
    play >> ack("u1", order_id, 4, "declined")

    play >> command("incident.locate", 5, incident_id=incident_id, lat=28.001, lon=120.66)

    told = play.last("recommendation.made")
    assert filled(told) == [(("u2",), 1), (("detective",), 0)]
    assert told.shortfall == (Shortfall(want=0, missing=1, why="named"),)


def test_a_kind_nobody_on_the_roster_is_and_one_that_is_busy_are_told_apart() -> None:
    nobody = robbed(station(unit("u1"), unit("u2"), plans=ROBBERY))
    busy = station(unit("u1"), unit("u2"), unit("detective", police_type="criminal"), plans=ROBBERY)
    busy >> reports("detective", 2, "on_scene")

    assert nobody.shortfall == (Shortfall(want=1, missing=1, why="nobody"),)
    assert robbed(busy, 3).shortfall == (Shortfall(want=1, missing=1, why="busy"),)


@pytest.mark.parametrize(
    ("second", "reach_m", "why"), [(2, 400, "out_of_reach"), (200, 200_000, "no_position")]
)
def test_units_too_far_and_units_lost_are_told_apart(second: float, reach_m: int, why: str) -> None:
    play = station(unit("u1"), unit("u2"), unit("u3"), plans=ROBBERY[:1], reach_m=reach_m)

    (short,) = robbed(play, second).shortfall

    assert short.why == why


def test_what_the_roster_says_of_crew_and_shift_and_kind_counts() -> None:
    play = station(
        unit("alone", crew=1),
        unit("tired", shift_end="17:00"),
        unit("traffic", police_type="traffic"),
        unit("u"),
        prefer={"robbery": ("patrol",)},
    )
    assert (1_760_000_000 + 8 * 3600) // 60 % 1_440 == 16 * 60 + 53, "the scene is at 16:53"

    told = robbed(play)

    beside = {one.unit_id: [reason.kind for reason in one.reasons[1:]] for one in told.candidates}
    assert beside == {"alone": ["crew"], "tired": ["shift_end"], "traffic": ["police_type"], "u": []}


def test_a_roster_read_again_changes_what_counts() -> None:
    play = station(unit("u1", crew=1), unit("u2"))
    play >> RosterLoaded(at_ns=at(2), units=(unit("u1", crew=2, police_type="swat"), unit("u2")))

    play >> call("a", 3)

    told = play.last("recommendation.made")
    assert [len(one.reasons) for one in told.candidates] == [1, 1]
    state = play.engine.state
    assert state.columns.police_types[state.columns.police_type[0]] == "swat"


def test_a_snapshot_keeps_what_the_roster_said() -> None:
    play = station(unit("u1", crew=1, organ="Wuma", shift_end="17:00"), unit("u2", county=OUHAI))

    restored = snapshot.restore(snapshot.take(play.engine))

    assert restored is not None
    before, after = play.engine.state, restored.state
    assert after.columns.narrow[:, :2].tolist() == before.columns.narrow[:, :2].tolist()
    assert (after.columns.police_types, after.organs) == (before.columns.police_types, before.organs)


def test_a_snapshot_of_narrower_columns_is_filled_up_from_the_roster() -> None:
    play = station(unit("u1", crew=1, organ="Wuma", shift_end="17:00"), unit("u2", county=OUHAI))
    saved = msgspec.msgpack.decode(snapshot.take(play.engine))
    kept = np.frombuffer(saved["narrow"], np.int32).reshape(layout.NARROW, -1)[:6].copy()
    kept[layout.POLICE_TYPE] = 0
    del saved["police_types"], saved["organs"]

    restored = snapshot.restore(msgspec.msgpack.encode({**saved, "narrow": kept.tobytes()}))

    assert restored is not None
    assert restored.state.columns.narrow[:, :2].tolist() == play.engine.state.columns.narrow[:, :2].tolist()
