# SPDX-License-Identifier: Apache-2.0
"""What an old position costs, what is said of it, and what journals of before are decided by."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.dispatch.costs import Question
from core.dispatch.matcher import Ranking, rank_units
from core.dispatch.reasons import to_candidates
from core.effects import Candidate, Reason
from core.ids import CountyCode, UnitId
from core.kernels import warm
from core.settings import SINCE, Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from gateway.config import Config, load

warm()

NOON_S = 1_790_078_400
LAT, LON = 28.0, 120.7
TODAY: Settings = Config().dispatch


class Car:
    """One car, told of once: so many metres north of the incident, heading there."""

    def __init__(
        self, north_m: float = 500, speed_cms: int = 1_000, course: int = 180, **policy: Any
    ) -> None:
        self.settings = msgspec.structs.replace(TODAY, **policy)
        self.columns = UnitColumns()
        self.columns.set_barred(self.columns.add(), Barred.FREE)
        lat_e7 = round((LAT + north_m / 110_800) * 1e7)
        fix = np.array([(0, lat_e7, round(LON * 1e7), NOON_S, speed_cms, course * 100)], FIX_DTYPE)
        self.columns.apply_fixes(fix.tobytes())

    def ranking(self, age_s: float) -> Ranking:
        question = Question(lat=LAT, lon=LON, now_ms=round((NOON_S + age_s) * 1000), level=3)
        return rank_units(self.columns, self.settings, question)

    def after(self, age_s: float) -> Candidate:
        (candidate,) = to_candidates(
            self.ranking(age_s), [UnitId("u1")], [CountyCode("330302")], self.settings
        )
        return candidate


@pytest.mark.parametrize(
    ("age_s", "costs_s"), [(0, 0), (30, 0), (31, 1), (120, 90), (121, 92), (600, 90 + 480 + 480)]
)
def test_a_position_costs_more_the_older_it_is(age_s: float, costs_s: float) -> None:
    found = Car(speed_cms=0).after(age_s)

    assert [reason.seconds for reason in found.reasons[1:]] == ([costs_s] if costs_s else [])


def test_a_lost_unit_is_counted_not_dropped() -> None:
    lost = Car().ranking(600.001)

    assert (lost.considered, lost.excluded, lost.candidates) == (0, {"position_lost": 1}, ())


def test_who_could_go_is_decided_by_the_last_fix() -> None:
    on_its_way_out = Car(north_m=990, speed_cms=2_000, course=0, reach_m=1_000)
    on_its_way_in = Car(north_m=1_010, speed_cms=2_000, course=180, reach_m=1_000)

    assert on_its_way_out.ranking(10).considered == 1
    assert on_its_way_in.ranking(10).excluded == {"out_of_reach": 1}


def test_the_way_says_how_far_the_unit_is_assumed_to_have_come() -> None:
    now, later = Car().after(0).reasons[0], Car().after(10).reasons[0]

    assert (now.reckoned_m, later.reckoned_m) == (None, 100.0)
    assert now.distance_m is not None
    assert later.distance_m == pytest.approx(now.distance_m - 100, abs=0.01)
    assert later.seconds < now.seconds


def test_a_unit_heading_here_goes_before_one_that_stands_as_near() -> None:
    standing, coming = (Car(speed_cms=speed).after(12).cost_s for speed in (0, 1_500))

    assert coming < standing


def test_what_is_told_of_the_uncertainty_has_a_limit() -> None:
    near, far = (
        next(reason for reason in Car(speed_cms=speed).after(100).reasons if reason.kind == "position_age")
        for speed in (1_000, 9_000)
    )

    assert near == Reason(kind="position_age", seconds=70.0, age_s=100.0, uncertainty_m=1_000.0)
    assert far.uncertainty_m == 5_000.0


def test_a_journal_of_before_is_replayed_as_it_was_decided() -> None:
    written = msgspec.to_builtins(Settings())
    for name in ("silent_s", "silent_cost_per_s", "uncertainty_m_max", "reckon_s_max"):
        del written[name]

    then = msgspec.convert(written, Settings)

    assert (then.reckon_s_max, then.uncertainty_m_max, then.silent_cost_per_s, then.lost_s) == (0, 0, 0, 120)
    old = Car(**{name: getattr(then, name) for name in SINCE})
    assert old.after(10) == msgspec.structs.replace(old.after(0), position_age_s=10.0)
    assert old.ranking(121).excluded == {"position_lost": 1}


def test_a_configuration_that_is_silent_means_what_holds_today(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("[dispatch]\nlost_s = 120\n", "utf-8")

    silent, said = load(None, {}).dispatch, load(path, {}).dispatch

    assert {name: getattr(silent, name) for name in SINCE} == dict(SINCE)
    assert (said.lost_s, said.reckon_s_max) == (120, 15)
