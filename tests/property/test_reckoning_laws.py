# SPDX-License-Identifier: Apache-2.0
"""Who drives is ranked from where it should be by now, exactly, and the order stays proven."""

import math
import random
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import geodesy
from core.dispatch import costs
from core.dispatch.matcher import Question, Ranking, rank_units
from core.kernels import rank, reckon, snap, twins, warm
from core.kernels.layout import I64
from core.roads.atlas import Atlas
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from tests.river import river_town

warm()

NOW_S = 1_790_000_000
LAT, LON = 28.0, 120.66
RECKONED = Settings(reckon_s_max=15, candidates_max=5, reach_m=60_000)
STILL = msgspec.structs.replace(RECKONED, reckon_s_max=0)
MS_PER_M = RECKONED.detour_percent * 36 / RECKONED.speed_kmh
NETWORKS = river_town()


@dataclass(frozen=True)
class Unit:
    """One made-up unit, metres north and east of the incident when its fix was taken."""

    north_m: float
    east_m: float
    speed_cms: int
    course_cdeg: int
    age_s: int
    kind: int = 1

    @property
    def place(self) -> tuple[float, float]:
        return on(LAT, LON, self.north_m, self.east_m)

    def driven_m(self, now_ms: int) -> float:
        """The rule in words: it drives, its course is known, it is a car; for its age, 15 s at most."""
        if not 278 < self.speed_cms <= 10_000 or self.course_cdeg >= 36_000:
            return 0.0
        age_s = (now_ms - (NOW_S - self.age_s) * 1000) / 1000
        return self.speed_cms / 100 * min(max(age_s, 0.0), 15.0)


def on(lat: float, lon: float, north_m: float, east_m: float) -> tuple[float, float]:
    """Return the place so many metres on."""
    phi = math.radians(lat)
    return (
        lat + math.degrees(north_m / geodesy.meridian_radius_m(phi)),
        lon + math.degrees(east_m / (geodesy.normal_radius_m(phi) * math.cos(phi))),
    )


def fleet_of(seed: int, n: int, reach_m: int) -> list[Unit]:
    chance = random.Random(seed)
    return [
        Unit(
            north_m=chance.uniform(-reach_m, reach_m),
            east_m=chance.uniform(-reach_m, reach_m),
            speed_cms=chance.choice([0, 278, 279, 900, 1_400, 2_500, 10_000, 10_001, 65_535]),
            course_cdeg=chance.choice([chance.randrange(36_000), 9_000, 27_000, 36_000, 65_535]),
            age_s=chance.choice([-3, 0, 1, 7, 15, 16, 60, 119]),
            kind=chance.randint(1, 2),
        )
        for _ in range(n)
    ]


SEEDS = st.integers(0, 2**32)
PART_MS = st.integers(0, 999)


def columns_of(units: list[Unit], *, parked: bool = False) -> UnitColumns:
    columns = UnitColumns()
    columns.police_types += ["patrol", "water"]
    records = []
    for unit in units:
        row = columns.add()
        columns.describe(row, county=0, capabilities=0, police_type=unit.kind)
        columns.set_barred(row, Barred.FREE)
        lat, lon = unit.place
        speed, course = (0, 0) if parked else (unit.speed_cms, unit.course_cdeg)
        records.append((row, round(lat * 1e7), round(lon * 1e7), NOW_S - unit.age_s, speed, course))
    columns.apply_fixes(np.array(records, FIX_DTYPE).tobytes())
    return columns


def ask(columns: UnitColumns, policy: Settings, now_ms: int, roads: Atlas | None = None) -> Ranking:
    question = Question(lat=LAT, lon=LON, now_ms=now_ms, level=3)
    return rank_units(columns, policy, question, roads)


@given(SEEDS, st.sampled_from([1, 5, 40]), PART_MS)
@settings(deadline=None)
def test_the_ranking_of_who_drives_is_that_of_brute_force(seed: int, n: int, part_ms: int) -> None:
    units, now_ms = fleet_of(seed, n, 20_000), NOW_S * 1000 + part_ms
    most = msgspec.structs.replace(RECKONED, candidates_max=64)

    ranking = ask(columns_of(units), most, now_ms)

    assert ranking.considered == len(units) == len(ranking.candidates)
    for ranked in ranking.candidates:
        unit = units[ranked.row]
        driven_m, course = unit.driven_m(now_ms), math.radians(unit.course_cdeg / 100)
        there = on(*unit.place, driven_m * math.cos(course), driven_m * math.sin(course))
        metres = geodesy.distance_m(LAT, LON, *there)
        slack_m = 0.05 + 0.0005 * driven_m + 2 * math.sin(math.radians(0.25)) * driven_m
        assert ranked.distance_m is not None
        assert abs(ranked.distance_m - metres) <= slack_m
        assert abs(ranked.driven_m - driven_m) <= 0.001
        assert abs(ranked.travel_ms - ranked.distance_m * MS_PER_M) <= 1
    order = [(ranked.cost_ms, ranked.row) for ranked in ranking.candidates]
    assert order == sorted(order)
    fewer = ask(columns_of(units), RECKONED, now_ms).candidates
    assert fewer == ranking.candidates[: RECKONED.candidates_max]


@given(SEEDS, st.sampled_from([3, 25]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_where_nobody_is_reckoned_on_a_car_is_where_its_fix_says(seed: int, n: int, by_road: bool) -> None:
    units, now_ms = fleet_of(seed, n, 2_000), NOW_S * 1000
    roads = Atlas("t", NETWORKS, STILL) if by_road else None

    ranking = ask(columns_of(units), STILL, now_ms, roads)

    for ranked in ranking.candidates:
        metres = geodesy.distance_m(LAT, LON, *units[ranked.row].place)
        assert ranked.distance_m is not None
        assert (ranked.driven_m, abs(ranked.distance_m - metres) < 0.05) == (0.0, True)
    if not by_road:
        parked = ask(columns_of(units, parked=True), STILL, now_ms)
        assert [(one.row, one.cost_ms) for one in ranking.candidates] == [
            (one.row, one.cost_ms) for one in parked.candidates
        ]


@given(SEEDS, st.integers(1, 24), PART_MS)
@settings(deadline=None, max_examples=60)
def test_by_road_the_best_are_the_best_though_few_ways_are_asked_for_first(
    seed: int, n: int, part_ms: int
) -> None:
    units, now_ms = fleet_of(seed, n, 2_500), NOW_S * 1000 + part_ms
    boats = {"road_profiles": {"water": "boat"}}  # no such roads here: those go in a straight line
    few = Settings(**{**msgspec.structs.asdict(RECKONED), **boats, "road_candidates": 1})
    all_ways = msgspec.structs.replace(few, road_candidates=100)

    proven, truth = (
        ask(columns_of(units), policy, now_ms, Atlas("t", NETWORKS, policy)) for policy in (few, all_ways)
    )

    assert proven.proven
    assert proven == truth


@given(SEEDS, st.integers(1, 24), PART_MS)
@settings(deadline=None, max_examples=60)
def test_no_way_is_shorter_than_its_bound(seed: int, n: int, part_ms: int) -> None:
    units, now_ms = fleet_of(seed, n, 2_500), NOW_S * 1000 + part_ms
    columns, roads = columns_of(units), Atlas("t", NETWORKS, RECKONED)
    question = Question(lat=LAT, lon=LON, now_ms=now_ms, level=3)
    kinds = costs.profiles(columns.police_types, question, RECKONED, roads)
    asked = costs.asked(n, len(kinds), question, RECKONED, by_road=True)
    shape = costs.shaped(question, RECKONED, kinds, roads)
    bounds = np.zeros(n, np.int64)

    rank.bound(
        columns.narrow,
        columns.wide,
        asked,
        shape,
        costs.apart(question),
        bounds,
        np.zeros((2, n), np.int64),
        np.zeros(rank.COUNTED, np.int64),
    )
    most = msgspec.structs.replace(RECKONED, candidates_max=64)
    for ranked in ask(columns, most, now_ms, roads).candidates:
        assert bounds[ranked.row] <= ranked.cost_ms, units[ranked.row]


@given(st.floats(-80, 80), st.integers(0, 35_999), st.integers(279, 3_000), st.integers(0, 15_000), PART_MS)
@settings(deadline=None)
def test_who_keeps_course_and_speed_is_assumed_within_a_few_metres_of_where_it_is(
    lat: float, course_cdeg: int, speed_cms: int, age_ms: int, part_ms: int
) -> None:
    columns = UnitColumns()
    columns.set_barred(columns.add(), Barred.FREE)
    fix = (0, round(lat * 1e7), round(LON * 1e7), NOW_S, speed_cms, course_cdeg)
    columns.apply_fixes(np.array([fix], FIX_DTYPE).tobytes())
    driven_m, course = speed_cms * age_ms / 1e5, math.radians(course_cdeg / 100)
    there = on(lat, LON, driven_m * math.cos(course), driven_m * math.sin(course))

    question = Question(lat=there[0], lon=there[1], now_ms=NOW_S * 1000 + age_ms)
    (ranked,) = rank_units(columns, RECKONED, question).candidates

    assert ranked.distance_m is not None
    assert ranked.distance_m <= 0.1 + 0.01 * driven_m  # 4.6 m of 450


def outcome(units: list[Unit], by_road: bool, kernels: dict[str, Any]) -> tuple[bytes, ...]:
    """All that the kernels leave behind."""
    columns, n, now_ms = columns_of(units), len(units), NOW_S * 1000 + 345
    question = Question(lat=LAT, lon=LON, now_ms=now_ms, level=3)
    asked = costs.asked(n, 3, question, RECKONED, by_road=by_road)
    shape, rows = costs.shaped(question, RECKONED, [""] * 3, None), np.arange(n)
    made: list[I64] = [np.zeros(n, np.int64), np.zeros((2, 4), np.int64), np.zeros(rank.COUNTED, np.int64)]
    kernels["rank.bound"](columns.narrow, columns.wide, asked, shape, costs.apart(question), *made)
    chosen = np.array([rows, rows * 1000, rows % 5, np.full(n, rank.NOT_DIVERTED)], np.int64)
    best, ms = np.zeros((3, rank.KEPT), np.int64), np.zeros(n, np.int64)
    kernels["rank.weigh"](columns.narrow, columns.wide, asked, shape, chosen, best, 0)
    kernels["rank.straight"](columns.narrow, columns.wide, rows, now_ms, 15_000, shape, ms)
    chance = np.random.default_rng(n)
    seats = chance.integers(-1, 5, (snap.SEATED, n))
    seats[snap.AT_HEADING] = chance.integers(0, snap.HEADINGS + 1, n)
    seats[snap.ALONG_PPM] = chance.integers(-1_000_000, 1_000_001, n)
    seats[snap.FRACTION] = chance.integers(0, snap.WHOLE + 1, n)
    ahead, lanes = np.zeros((snap.SEATED, n), np.int64), np.array([0, 1, 9_999, 80_000, 3_000_000])
    kernels["reckon.advance"](columns.narrow, columns.wide, seats, rows, lanes, now_ms, 15_000, ahead)
    assert (ahead[snap.FRACTION] >= seats[snap.FRACTION]).all()
    assert (ahead[snap.FRACTION] <= snap.WHOLE).all()
    return tuple(array.tobytes() for array in (*made, best, ms, ahead))


@given(SEEDS, st.integers(1, 40), st.booleans())
@settings(deadline=None)
def test_the_kernels_and_their_twins_agree_to_the_last_bit(seed: int, n: int, by_road: bool) -> None:
    units = fleet_of(seed, n, 30_000)
    ours = {
        "rank.bound": rank.bound,
        "rank.weigh": rank.weigh,
        "rank.straight": rank.straight,
        "reckon.advance": reckon.advance,
    }

    assert outcome(units, by_road, ours) == outcome(units, by_road, twins())
