# SPDX-License-Identifier: Apache-2.0
"""Scenes of the matcher; its laws stand in tests/property/test_matcher_laws.py."""

from collections.abc import Collection

import numpy as np
import pytest

from core.dispatch.matcher import EXCLUDED, Question, Ranking, rank_units
from core.dispatch.reasons import to_candidates
from core.effects import Reason
from core.geodesy import distance_m
from core.ids import CountyCode, UnitId
from core.kernels import warm
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns

warm()

NOW_S = 1_790_000_000
LAT, LON = 28.0, 120.7
HOME, ABROAD = 0, 1


class City:
    """A fleet put together unit by unit."""

    def __init__(self) -> None:
        self.columns = UnitColumns()
        self.settings = Settings()

    def unit(
        self,
        lat: float | None = LAT,
        lon: float = LON,
        *,
        age_s: int = 0,
        county: int = HOME,
        capabilities: int = 0,
        barred: Barred = Barred.FREE,
    ) -> int:
        row = self.columns.add()
        self.columns.describe(row, county=county, capabilities=capabilities)
        self.columns.set_barred(row, barred)
        if lat is not None:
            fix = np.array([(row, round(lat * 1e7), round(lon * 1e7), NOW_S - age_s, 0, 0)], FIX_DTYPE)
            self.columns.apply_fixes(fix.tobytes())
        return row

    def rank(
        self,
        lat: float | None = LAT,
        lon: float | None = LON,
        *,
        need: int = 0,
        named: Collection[int] = (),
        county: int = HOME,
        police_type: int = 0,
    ) -> Ranking:
        return rank_units(
            self.columns,
            self.settings,
            Question(
                lat=lat,
                lon=lon,
                county=county,
                need_mask=need,
                now_ms=NOW_S * 1000,
                excluded_rows=named,
                police_type=police_type,
            ),
        )


def rows(ranking: Ranking) -> list[int]:
    return [ranked.row for ranked in ranking.candidates]


def test_the_nearest_unit_comes_first_and_its_way_is_the_detour_at_the_speed() -> None:
    city = City()
    far, near = city.unit(28.05), city.unit(28.01)

    ranking = city.rank()

    metres = distance_m(LAT, LON, 28.01, LON)
    assert rows(ranking) == [near, far]
    assert ranking.candidates[0].distance_m == pytest.approx(metres, abs=0.01)
    assert ranking.candidates[0].travel_ms == pytest.approx(metres * 1.4 / (40 / 3.6) * 1000, abs=2)


def test_every_unit_that_cannot_go_is_counted_for_its_reason() -> None:
    city = City()
    for barred in Barred:
        city.unit(barred=barred, capabilities=2)
    city.unit(capabilities=4)
    city.unit(None, capabilities=2)
    city.unit(age_s=121, capabilities=2)
    city.unit(31.0, capabilities=2)
    declined = city.unit(capabilities=2)

    city.columns.police_types += ["patrol", "traffic"]
    city.columns.police_type[:] = 2
    other = city.unit(capabilities=2)

    ranking = city.rank(need=2, named=[declined, declined, other], police_type=2)

    assert ranking.considered == 1
    assert ranking.excluded == dict.fromkeys(EXCLUDED.values(), 1)


def test_of_several_reasons_the_most_lasting_is_counted() -> None:
    city = City()
    row = city.unit(None, barred=Barred.OFF_DUTY)

    assert city.rank(need=2, named=[row]).excluded == {"off_duty": 1}

    city.columns.set_barred(row, Barred.FREE)
    assert city.rank(need=2, named=[row]).excluded == {"capability": 1}
    assert city.rank(named=[row]).excluded == {"named": 1}
    assert city.rank().excluded == {"no_position": 1}


def test_a_tie_goes_to_the_lower_row_down_to_the_last_place() -> None:
    city = City()
    city.settings = Settings(candidates_max=2)
    far = city.unit(28.2)
    twins = [city.unit(28.1) for _ in range(4)]

    assert rows(city.rank()) == twins[:2]
    assert rows(city.rank(named=twins[1:])) == [twins[0], far]


@pytest.mark.parametrize(("lon", "other"), [(179.99, -179.99), (-179.99, 179.99)])
def test_a_unit_across_the_date_line_is_near(lon: float, other: float) -> None:
    city = City()
    city.unit(-17.0, other)

    (ranked,) = city.rank(-17.0, lon).candidates

    assert ranked.distance_m == pytest.approx(distance_m(-17.0, lon, -17.0, other), abs=0.01)


def test_a_unit_is_offered_up_to_the_last_second_and_the_last_metre() -> None:
    city = City()
    lost, kept = city.unit(age_s=121), city.unit(age_s=120)
    reach = round(distance_m(LAT, LON, 28.5, LON))
    city.unit(28.5)

    city.settings = Settings(reach_m=reach + 1)
    assert city.rank().excluded == {"position_lost": 1}
    city.settings = Settings(reach_m=reach - 1)
    assert city.rank().excluded == {"position_lost": 1, "out_of_reach": 1}
    assert kept in rows(city.rank())
    assert lost not in rows(city.rank())


def test_the_reasons_say_what_each_second_is_for() -> None:
    city = City()
    city.unit(28.01, age_s=50, county=ABROAD)
    ranking = city.rank()

    (candidate,) = to_candidates(
        ranking, [UnitId("u7")], [CountyCode("330302"), CountyCode("330303")], city.settings
    )

    travel_s = ranking.candidates[0].travel_ms / 1000
    assert candidate.unit_id == "u7"
    assert (candidate.eta_s, candidate.position_age_s) == (travel_s, 50)
    assert candidate.reasons == (
        Reason(kind="travel", seconds=travel_s, distance_m=candidate.distance_m, speed_kmh=40.0, detour=1.4),
        Reason(kind="position_age", seconds=20.0, age_s=50.0, uncertainty_m=0.0),
        Reason(kind="other_county", seconds=120.0, county="330303"),
    )
    assert candidate.cost_s == round(travel_s + 140, 3)


def test_a_unit_on_the_spot_still_names_its_way() -> None:
    city = City()
    city.unit()

    (candidate,) = to_candidates(city.rank(), [UnitId("u1")], [CountyCode("330302")], city.settings)

    assert [(reason.kind, reason.seconds) for reason in candidate.reasons] == [("travel", 0.0)]


def test_without_a_place_every_free_unit_is_considered_and_only_the_county_tells() -> None:
    city = City()
    abroad = city.unit(county=ABROAD)
    unseen, lost = city.unit(None), city.unit(28.3, age_s=4000)

    ranking = city.rank(None, None)

    assert (rows(ranking), ranking.excluded) == ([unseen, lost, abroad], {})
    assert [ranked.cost_ms for ranked in ranking.candidates] == [900_000, 900_000, 1_020_000]
    candidates = to_candidates(
        ranking, [UnitId(name) for name in "abc"], [CountyCode("1"), CountyCode("2")], city.settings
    )
    assert [reason.kind for reason in candidates[2].reasons] == ["no_location", "other_county"]
    assert [(candidate.eta_s, candidate.distance_m) for candidate in candidates] == [(None, None)] * 3
    assert [candidate.position_age_s for candidate in candidates] == [None, 4000.0, 0.0]


def test_a_device_clock_ahead_is_a_fresh_position() -> None:
    city = City()
    city.unit(age_s=-40)

    (ranked,) = city.rank().candidates

    assert (ranked.age_s, ranked.stale_ms) == (0, 0)


def test_nobody_pays_for_a_county_when_the_incidents_own_is_unknown() -> None:
    city = City()
    city.unit(county=ABROAD)

    assert city.rank(county=-1).candidates[0].county_ms == 0


def test_an_empty_fleet_is_ranked_too() -> None:
    assert City().rank() == Ranking(located=True, candidates=(), excluded={}, considered=0)
