# SPDX-License-Identifier: Apache-2.0
"""Two rounds of asking the roads find the order of all units, with every part of the cost."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.dispatch.costs import Question
from core.dispatch.matcher import Ranking, rank_units
from core.dispatch.reasons import to_candidates
from core.geodesy import distance_m
from core.ids import CountyCode, IncidentId, UnitId
from core.kernels import rank, warm
from core.roads.times import Way
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns

warm()

NOW_S = 1_790_000_000
LAT, LON = 28.0, 120.7
FASTEST_MPS = 40.0
KINDS = ("", "patrol", "traffic", "water")
POLICY: dict[str, Any] = {
    "candidates_max": 3,
    "road_profiles": {"water": "boat", "traffic": "motorcycle"},
    "crew_min": 2,
    "coverage_cost_s": 300,
    "coverage_m": 2_000,
}


@dataclass(frozen=True)
class Unit:
    """One made-up unit; `slower` is how much slower its way is than the fastest there could be."""

    north_m: int
    east_m: int
    slower: float
    way: Way
    kind: int
    county: int
    crew: int
    organ: int
    shift_end_min: int
    age_s: int
    free: bool

    @property
    def place(self) -> tuple[float, float]:
        return LAT + self.north_m / 111_000, LON + self.east_m / 98_000


class Town:
    """Roads that know each unit's time by heart, and count whom they were asked for."""

    digest = "town"
    profiles = ("car", "car_siren", "boat")

    def __init__(self, units: list[Unit]) -> None:
        self.units = units
        self.asked: list[int] = []

    def ways(self, profile: str, lat_e7: int, lon_e7: int, rows: Any, *_: object) -> tuple[Any, Any]:
        self.asked += rows.tolist()
        ms = [time_ms(self.units[row]) for row in rows.tolist()]
        codes = [self.units[row].way.value for row in rows.tolist()]
        return np.array(ms, np.int64), np.array(codes, np.int64)

    def fastest_mps(self, profile: str, settings: Settings) -> float:
        return FASTEST_MPS


def time_ms(unit: Unit) -> int:
    return round(distance_m(LAT, LON, *unit.place) / FASTEST_MPS * unit.slower * 1000)


def city(seed: int, units: int) -> list[Unit]:
    """A town of chance: hypothesis alone would draw one with everybody at the same corner."""
    chance = random.Random(seed)
    return [
        Unit(
            north_m=chance.randint(-15_000, 15_000),
            east_m=chance.randint(-15_000, 15_000),
            slower=chance.uniform(1, 6),
            way=chance.choice([Way.LABELS, Way.LABELS, Way.LIVE, Way.OFF_ROAD, Way.NO_ROAD]),
            kind=chance.randint(1, 3),
            county=chance.randint(0, 1),
            crew=chance.randint(0, 3),
            organ=chance.randint(0, 2),
            shift_end_min=chance.choice([0, 1, 900, 1_440]),
            age_s=chance.choice([0, 20, 60, 110]),
            free=chance.random() < 0.8,
        )
        for _ in range(units)
    ]


UNITS = st.builds(city, st.integers(0, 2**32), st.sampled_from([0, 1, 3, 4, 12, 24]))
ASKED = st.fixed_dictionaries(
    {
        "level": st.integers(1, 4),
        "preferred": st.sampled_from([(), (2,), (1, 3)]),
        "zone": st.sampled_from(["", "airport"]),
        "zone_organ": st.integers(0, 2),
        "zone_type": st.integers(0, 3),
        "county": st.integers(-1, 1),
    }
)


def columns_of(units: list[Unit]) -> UnitColumns:
    columns = UnitColumns()
    columns.police_types = [*KINDS]
    records = []
    for unit in units:
        row = columns.add()
        columns.describe(
            row,
            county=unit.county,
            capabilities=0,
            police_type=unit.kind,
            crew=unit.crew,
            organ=unit.organ,
            shift_end_min=unit.shift_end_min,
        )
        columns.set_barred(row, Barred.FREE if unit.free else Barred.BUSY)
        lat, lon = unit.place
        records.append((row, round(lat * 1e7), round(lon * 1e7), NOW_S - unit.age_s, 0, 0))
    columns.apply_fixes(np.array(records, FIX_DTYPE).tobytes())
    return columns


def slow_costs(units: list[Unit], policy: Settings, asked: Question, straight: set[int]) -> list[list[int]]:
    """The truth: [cost, row] of everyone who could go, one rule after the other."""
    minute = (NOW_S + policy.utc_offset_s) // 60 % 1_440
    found = []
    for row, unit in enumerate(units):
        if not unit.free and row not in asked.divertible:
            continue
        metres = distance_m(LAT, LON, *unit.place)
        cost = time_ms(unit)
        if row in straight:
            cost = round(metres * policy.detour_percent * 36 / policy.speed_kmh)
        elif unit.way is Way.NO_ROAD:
            cost += policy.no_road_cost_s * 1000
        cost += max(0, unit.age_s - policy.stale_s) * policy.stale_cost_per_s * 1000
        cost += policy.other_county_cost_s * 1000 * (asked.county not in (-1, unit.county))
        cost += policy.prefer_cost_s * 1000 * bool(asked.preferred and unit.kind not in asked.preferred)
        if asked.zone and (asked.zone_organ or asked.zone_type):
            ours = unit.organ == asked.zone_organ != 0 or unit.kind == asked.zone_type
            cost += 0 if ours else policy.zone_cost_s * 1000
        cost += policy.crew_cost_s * 1000 * (0 < unit.crew < policy.crew_min)
        apart = (unit.shift_end_min - minute) % 1_440
        if unit.shift_end_min and min(apart, 1_440 - apart) * 60 <= policy.shift_end_s:
            cost += policy.shift_cost_s * 1000
        if not unit.free:
            cost += asked.divertible[row]
        elif asked.level != 1:
            others = sum(
                other.free
                and other.kind == unit.kind
                and distance_m(*unit.place, *other.place) <= policy.coverage_m
                for other in units
                if other is not unit
            )
            cost += policy.coverage_cost_s * 1000 // (1 + others) if others < rank.COVERED_MAX else 0
        found.append([cost, row])
    return sorted(found)


def ask(
    units: list[Unit], fields: dict[str, Any], divertible: dict[int, int], **policy: Any
) -> tuple[Ranking, list[list[int]], Town]:
    """Rank by us and by the truth."""
    town, rules = Town(units), Settings(**{**POLICY, **policy})
    taken = {row: ms for row, ms in divertible.items() if row < len(units) and not units[row].free}
    question = Question(lat=LAT, lon=LON, now_ms=NOW_S * 1000, divertible=taken, **fields)
    ranking = rank_units(columns_of(units), rules, question, town)
    straight = {
        row for row, unit in enumerate(units) if KINDS[unit.kind] == "traffic"
    }  # no such profile here
    return ranking, slow_costs(units, rules, question, straight), town


def on_the_rim(units: list[Unit]) -> bool:
    """Tell whether a pair of units is so nearly `coverage_m` apart that two formulas may differ."""
    rim = POLICY["coverage_m"]
    return any(abs(distance_m(*a.place, *b.place) - rim) < 20 for a in units for b in units)


@given(UNITS, ASKED, st.dictionaries(st.integers(0, 29), st.integers(0, 400_000), max_size=4))
@settings(deadline=None, max_examples=150)
def test_the_best_of_all_units_are_found_though_few_ways_are_asked_for_first(
    units: list[Unit], fields: dict[str, Any], divertible: dict[int, int]
) -> None:
    assume(not on_the_rim(units))

    ranking, truth, town = ask(units, fields, divertible, road_candidates=2)

    assert ranking.proven
    assert (ranking.considered, len(town.asked)) == (len(truth), len(set(town.asked)))
    for ranked, (cost_ms, row) in zip(ranking.candidates, truth, strict=False):
        assert abs(ranked.cost_ms - cost_ms) <= 2, (ranked.row, row)  # 2 ms: the distance's last centimetre
    assert len(ranking.candidates) == min(3, len(truth))


@given(UNITS, ASKED, st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_a_ranking_with_too_few_ways_says_that_it_is_not_proven(
    units: list[Unit], fields: dict[str, Any], most: int
) -> None:
    assume(not on_the_rim(units))
    fields = {**fields, "preferred": ()}

    ranking, truth, town = ask(units, fields, {}, road_candidates=1, road_candidates_max=most)

    assert len(town.asked) <= max(3, most)
    if ranking.proven:
        for ranked, (cost_ms, _) in zip(ranking.candidates, truth, strict=False):
            assert abs(ranked.cost_ms - cost_ms) <= 2
    else:
        assert len(truth) > len(town.asked)


@given(UNITS, ASKED, st.dictionaries(st.integers(0, 29), st.integers(1, 400_000), max_size=4))
@settings(deadline=None, max_examples=40)
def test_every_second_of_every_candidate_has_a_reason(
    units: list[Unit], fields: dict[str, Any], divertible: dict[int, int]
) -> None:
    ids = [UnitId(f"u{row}") for row in range(len(units))]
    counties = [CountyCode("330302"), CountyCode("330304")]
    ranking, _, _ = ask(units, fields, divertible)
    diverts = dict.fromkeys(divertible, IncidentId("i1"))

    for candidate in to_candidates(ranking, ids, counties, Settings(**POLICY), diverts):
        told_ms = sum(round(reason.seconds * 1000) for reason in candidate.reasons)
        assert told_ms == round(candidate.cost_s * 1000)
        kinds = [reason.kind for reason in candidate.reasons]
        assert len(set(kinds)) == len(kinds)
        assert (candidate.eta_s is None) == ("no_road" in kinds) == (not candidate.reachable)
