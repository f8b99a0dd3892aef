# SPDX-License-Identifier: Apache-2.0
"""What each part of a cost is for; that the order is right for all of them is a law in tests/property."""

from typing import Any

import msgspec
import numpy as np
import pytest

from core.dispatch.costs import Question
from core.dispatch.matcher import rank_units
from core.dispatch.reasons import to_candidates
from core.effects import Candidate, Reason
from core.ids import CountyCode, IncidentId, UnitId
from core.kernels import rank, warm
from core.roads.times import Way
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from core.units.roster import minute_of_day

warm()

NOON_UTC_S = 1_790_078_400
"12:00 in Greenwich, 20:00 in Wenzhou."
LAT, LON = 28.0, 120.7
KINDS = ("", "patrol", "traffic", "water")


class Watch:
    """Some units, by default all at the incident, and what a question says of them."""

    def __init__(self, **policy: Any) -> None:
        self.columns = UnitColumns()
        self.columns.police_types = [*KINDS]
        self.settings = Settings(**policy)
        self.ids: list[UnitId] = []
        self.roads: Any = None

    def unit(self, name: str, north_m: float = 0, *, barred: Barred = Barred.FREE, **fields: int) -> int:
        row = self.columns.add()
        self.ids.append(UnitId(name))
        self.columns.describe(row, **{"county": 0, "capabilities": 0, "police_type": 1, **fields})
        self.columns.set_barred(row, barred)
        fix = np.array(
            [(row, round((LAT + north_m / 110_800) * 1e7), round(LON * 1e7), NOON_UTC_S, 500, 0)], FIX_DTYPE
        )
        self.columns.apply_fixes(fix.tobytes())
        return row

    def rank(self, **fields: Any) -> dict[str, Candidate]:
        """Ask, and return the candidates by name, best first."""
        question = Question(**{"lat": LAT, "lon": LON, "now_ms": NOON_UTC_S * 1000, "level": 2, **fields})
        ranking = rank_units(self.columns, self.settings, question, self.roads)
        diverts = dict.fromkeys(question.divertible, IncidentId("i9"))
        found = to_candidates(ranking, self.ids, [CountyCode("330302")], self.settings, diverts)
        return {candidate.unit_id: candidate for candidate in found}


class Known:
    """Roads on which everyone needs so many seconds, and the code of the way."""

    digest = "known"

    def __init__(self, **seconds: int) -> None:
        self.profiles = tuple(seconds)
        self.seconds = seconds
        self.way = Way.LABELS
        self.asked: list[tuple[str, list[int]]] = []

    def ways(self, profile: str, lat_e7: int, lon_e7: int, rows: Any, *_: object) -> tuple[Any, Any]:
        self.asked.append((profile, rows.tolist()))
        ms = np.full(len(rows), self.seconds[profile] * 1000, np.int64)
        return ms, np.full(len(rows), self.way.value, np.int64)

    def fastest_mps(self, profile: str, settings: Settings) -> float:
        return 1000.0


def extra(candidate: Candidate) -> list[Reason]:
    """Return the reasons beside the way."""
    return list(candidate.reasons[1:])


def test_the_codes_of_a_way_are_those_of_the_roads() -> None:
    assert (rank.LABELS, rank.LIVE, rank.OFF_ROAD, rank.NO_ROAD) == tuple(Way)


def test_of_preferred_kinds_nobody_pays_and_every_other_kind_does() -> None:
    watch = Watch()
    watch.unit("patrol")
    watch.unit("traffic", police_type=2)

    found = watch.rank(preferred=(2,))

    assert list(found) == ["traffic", "patrol"]
    assert extra(found["traffic"]) == []
    assert extra(found["patrol"]) == [Reason(kind="police_type", seconds=120.0, police_type="patrol")]


def test_only_the_kind_a_plan_asks_for_may_go() -> None:
    watch = Watch()
    watch.unit("patrol")
    watch.unit("traffic", police_type=2)

    assert list(watch.rank(police_type=2)) == ["traffic"]


def test_in_a_special_zone_its_organ_and_its_kind_go_first() -> None:
    watch = Watch()
    watch.unit("city")
    watch.unit("organ", organ=7)
    watch.unit("kind", police_type=3)

    found = watch.rank(zone="harbour", zone_organ=7, zone_type=3)

    assert list(found) == ["organ", "kind", "city"]
    assert extra(found["city"]) == [Reason(kind="zone", seconds=180.0, zone="harbour")]


def test_a_zone_that_is_nobodys_costs_nobody() -> None:
    watch = Watch()
    watch.unit("city")

    assert extra(watch.rank(zone="park")["city"]) == []


def test_a_lone_officer_costs_more_and_a_silent_roster_nothing() -> None:
    watch = Watch()
    watch.unit("alone", crew=1)
    watch.unit("unsaid")
    watch.unit("two", crew=2)

    found = watch.rank()

    assert list(found) == ["unsaid", "two", "alone"]
    assert extra(found["alone"]) == [Reason(kind="crew", seconds=60.0, crew=1)]


@pytest.mark.parametrize(
    ("clock", "pays"), [("20:00", True), ("20:30", True), ("19:30", True), ("20:31", False), ("08:00", False)]
)
def test_a_unit_near_the_end_of_its_shift_is_spared(clock: str, pays: bool) -> None:
    watch = Watch()
    watch.unit("u", shift_end_min=minute_of_day(clock))

    told = extra(watch.rank()["u"])

    assert told == ([Reason(kind="shift_end", seconds=120.0, shift_end=clock)] if pays else [])


def test_a_shift_that_ends_at_midnight_is_near_on_both_sides_of_it() -> None:
    watch = Watch(utc_offset_s=12 * 3600 + 600)  # 00:10 local
    watch.unit("u", shift_end_min=minute_of_day("00:00"))
    watch.unit("v", shift_end_min=minute_of_day("23:45"))

    found = watch.rank()

    assert [reason.shift_end for name in found for reason in extra(found[name])] == ["00:00", "23:45"]


def test_who_leaves_a_place_uncovered_costs_more_than_who_has_neighbours() -> None:
    watch = Watch(coverage_cost_s=600, coverage_m=1_000)
    watch.unit("alone", 2_000)
    for name in ("a", "b", "c"):
        watch.unit(name, -3_000)
    watch.unit("other kind", 2_100, police_type=2)
    watch.unit("busy", 2_200, barred=Barred.BUSY)

    found = watch.rank(police_type=1)

    assert list(found) == ["a", "b", "c", "alone"]
    assert extra(found["a"]) == [Reason(kind="coverage", seconds=200.0, units=2)]
    assert extra(found["alone"]) == [Reason(kind="coverage", seconds=600.0, units=0)]


def test_level_1_never_pays_for_what_it_leaves_behind() -> None:
    watch = Watch(coverage_cost_s=600)
    watch.unit("alone", 2_000)

    assert extra(watch.rank(level=1)["alone"]) == []


def test_a_place_that_enough_others_cover_costs_nothing() -> None:
    watch = Watch(coverage_cost_s=600)
    for number in range(1 + rank.COVERED_MAX):
        watch.unit(f"u{number}")

    assert all(extra(candidate) == [] for candidate in watch.rank().values())


def test_a_unit_under_way_may_be_diverted_at_its_cost_and_others_that_are_busy_not() -> None:
    watch = Watch(coverage_cost_s=600)
    taken = watch.unit("taken", barred=Barred.BUSY)
    watch.unit("busy", barred=Barred.BUSY)

    found = watch.rank(divertible={taken: 90_000})

    assert list(found) == ["taken"]
    assert found["taken"].diverts == "i9"
    assert extra(found["taken"]) == [Reason(kind="switching", seconds=90.0, incident_id=IncidentId("i9"))]


def test_a_unit_that_declined_is_not_diverted_to_it_either() -> None:
    watch = Watch()
    taken = watch.unit("taken", barred=Barred.BUSY)

    assert watch.rank(divertible={taken: 0}, excluded_rows=[taken]) == {}


def test_the_road_is_driven_with_siren_up_to_the_level_that_allows_it() -> None:
    watch = Watch()
    watch.unit("u", 700)
    watch.roads = Known(car=100, car_siren=60)

    grave, minor = watch.rank(level=2)["u"], watch.rank(level=3)["u"]

    assert (grave.eta_s, grave.reasons[0].profile) == (60.0, "car_siren")
    assert (minor.eta_s, minor.reasons[0].profile) == (100.0, "car")
    assert grave.reasons[0] == Reason(
        kind="road", seconds=60.0, distance_m=grave.distance_m, profile="car_siren", live=False
    )


def test_each_kind_of_police_takes_its_own_road_and_one_without_a_road_the_straight_line() -> None:
    watch = Watch(road_profiles={"water": "boat", "traffic": "motorcycle"})
    boat, patrol = watch.unit("boat", police_type=3), watch.unit("patrol")
    watch.unit("traffic", police_type=2)
    watch.roads = Known(car=50, boat=90)

    found = watch.rank()

    assert sorted(watch.roads.asked) == [("boat", [boat]), ("car", [patrol])]
    assert [(name, one.reasons[0].kind, one.cost_s) for name, one in found.items()] == [
        ("traffic", "travel", 0.0),
        ("patrol", "road", 50.0),
        ("boat", "road", 90.0),
    ]


def test_a_unit_with_no_way_by_road_stands_last_and_says_why() -> None:
    watch = Watch()
    watch.unit("island", 700)
    watch.roads = Known(car=55)
    watch.roads.way = Way.NO_ROAD

    island = watch.rank(level=3)["island"]

    assert (island.reachable, island.eta_s, island.cost_s) == (False, None, 3655.0)
    assert [reason.kind for reason in island.reasons] == ["travel", "no_road"]


def test_a_way_across_the_fields_and_one_around_a_closure_say_so() -> None:
    watch = Watch()
    watch.unit("u", 700)
    watch.roads = Known(car=55)

    watch.roads.way = Way.OFF_ROAD
    assert watch.rank(level=3)["u"].reasons[0].kind == "off_road"
    watch.roads.way = Way.LIVE
    assert watch.rank(level=3)["u"].reasons[0].live is True


def test_without_a_place_no_road_is_asked() -> None:
    watch = Watch(coverage_cost_s=600)
    watch.unit("u", 700)
    watch.roads = Known(car=55)

    found = watch.rank(lat=None, lon=None)

    assert watch.roads.asked == []
    assert [reason.kind for reason in found["u"].reasons] == ["no_location"]


def test_an_old_position_says_how_far_the_unit_may_be_from_it() -> None:
    watch = Watch()
    watch.unit("u")

    (told,) = extra(watch.rank(now_ms=(NOON_UTC_S + 70) * 1000)["u"])

    assert told == Reason(kind="position_age", seconds=40.0, age_s=70.0, uncertainty_m=350.0)


def test_no_part_of_a_cost_is_lost_in_the_telling() -> None:
    watch = Watch(coverage_cost_s=600, road_profiles={"patrol": "car"})
    watch.unit("u", 700, crew=1, shift_end_min=minute_of_day("20:10"), organ=2)
    watch.roads = Known(car=55)
    watch.roads.way = Way.NO_ROAD

    found = watch.rank(
        level=3, preferred=(2,), zone="rail", zone_organ=1, county=4, now_ms=(NOON_UTC_S + 60) * 1000
    )

    told = [reason.kind for reason in found["u"].reasons]
    assert told == [
        "travel",
        "no_road",
        "position_age",
        "other_county",
        "police_type",
        "zone",
        "crew",
        "shift_end",
        "coverage",
    ]
    assert sum(reason.seconds for reason in found["u"].reasons) == found["u"].cost_s
    assert msgspec.json.encode(found["u"])
