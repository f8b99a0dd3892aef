# SPDX-License-Identifier: Apache-2.0
"""The matcher is brute force that is faster, and it accounts for every unit."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dispatch import costs
from core.dispatch.matcher import Question, Ranking, rank_units
from core.dispatch.reasons import to_candidates
from core.geodesy import distance_m, radii_near
from core.ids import CountyCode, UnitId
from core.kernels import fixes, rank, twins, warm
from core.settings import Settings
from core.units.columns import AHEAD_S_MAX, FIX_DTYPE, Barred, UnitColumns

warm()

NOW_S = 1_790_000_000
POLICY = Settings(reach_m=60_000, candidates_max=4)
MS_PER_M = POLICY.detour_percent * 36 / POLICY.speed_kmh


@dataclass(frozen=True)
class Unit:
    """One made-up unit; `age_s` None when it never sent a position."""

    barred: Barred
    capabilities: int
    county: int
    lat_e7: int
    lon_e7: int
    age_s: int | None


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Unit], float, float]:
    """Up to forty units within a degree of an incident, somewhere on earth but at the poles."""
    lat, lon = draw(st.floats(-75, 75)), draw(st.one_of(st.floats(-180, 180), st.floats(179.8, 180)))
    spread = st.integers(-(10**7), 10**7)

    def turned(lon_e7: int) -> int:
        return (lon_e7 + 180 * 10**7) % (360 * 10**7) - 180 * 10**7

    unit = st.builds(
        lambda barred, capabilities, county, north, east, age_s: Unit(
            barred, capabilities, county, int(lat * 1e7) + north, turned(int(lon * 1e7) + east), age_s
        ),
        st.sampled_from([Barred.FREE, Barred.FREE, Barred.FREE, *Barred]),
        st.sampled_from([0, 2, 4, 6]),
        st.integers(0, 2),
        st.one_of(spread, st.just(0)),
        st.one_of(spread, st.just(0)),
        st.one_of(st.none(), st.integers(-5, 150)),
    )
    return draw(st.lists(unit, max_size=40)), lat, lon


def columns_of(units: list[Unit]) -> UnitColumns:
    columns = UnitColumns()
    records = []
    for unit in units:
        row = columns.add()
        columns.describe(row, county=unit.county, capabilities=unit.capabilities)
        columns.set_barred(row, unit.barred)
        if unit.age_s is not None:
            records.append((row, unit.lat_e7, unit.lon_e7, NOW_S - unit.age_s, 0, 0))
    columns.apply_fixes(np.array(records, FIX_DTYPE).tobytes())
    return columns


def slow_rank(
    units: list[Unit], lat: float, lon: float, need: int, named: set[int]
) -> tuple[list[tuple[float, int]], dict[str, int]]:
    """The truth: the rules one after the other, on `core.geodesy`."""
    able, excluded = [], dict[str, int]()
    for row, unit in enumerate(units):
        metres = distance_m(lat, lon, unit.lat_e7 / 1e7, unit.lon_e7 / 1e7)
        why = (
            unit.barred.name.lower()
            if unit.barred is not Barred.FREE
            else "capability"
            if need & ~unit.capabilities
            else "named"
            if row in named
            else "no_position"
            if unit.age_s is None
            else "position_lost"
            if unit.age_s > POLICY.lost_s
            else "out_of_reach"
            if metres > POLICY.reach_m
            else ""
        )
        if why:
            excluded[why] = excluded.get(why, 0) + 1
            continue
        stale_s = max(0, (unit.age_s or 0) - POLICY.stale_s) * POLICY.stale_cost_per_s
        abroad_s = POLICY.other_county_cost_s if unit.county != 1 else 0
        able.append((metres * MS_PER_M + (stale_s + abroad_s) * 1000, row))
    return sorted(able), excluded


def ask(units: list[Unit], lat: float | None, lon: float | None, need: int, named: set[int]) -> Ranking:
    return rank_units(
        columns_of(units),
        POLICY,
        Question(lat=lat, lon=lon, county=1, need_mask=need, now_ms=NOW_S * 1000, excluded_rows=named),
    )


@given(fleets(), st.sampled_from([0, 2, 4]), st.sets(st.integers(0, 50), max_size=8))
@settings(deadline=None, max_examples=200)
def test_the_ranking_is_that_of_brute_force(
    fleet: tuple[list[Unit], float, float], need: int, named: set[int]
) -> None:
    units, lat, lon = fleet
    truth, excluded = slow_rank(units, lat, lon, need, named)

    ranking = ask(units, lat, lon, need, named)

    rim = sum(abs(distance_m(lat, lon, u.lat_e7 / 1e7, u.lon_e7 / 1e7) - POLICY.reach_m) < 1 for u in units)
    if not rim:
        assert (ranking.excluded, ranking.considered) == (excluded, len(truth))
        costs = [ranked.cost_ms for ranked in ranking.candidates]
        assert len(costs) == min(POLICY.candidates_max, len(truth))
        assert all(abs(cost - true) < 3 for cost, (true, _) in zip(costs, truth, strict=False))  # 3 ms: 2 cm


@given(fleets(), st.booleans(), st.sampled_from([0, 2, 4]), st.sets(st.integers(0, 50), max_size=8))
@settings(deadline=None)
def test_every_unit_is_considered_or_counted_once(
    fleet: tuple[list[Unit], float, float], located: bool, need: int, named: set[int]
) -> None:
    units, lat, lon = fleet

    ranking = ask(units, lat if located else None, lon if located else None, need, named)

    assert sum(ranking.excluded.values()) + ranking.considered == len(units)
    assert all(count > 0 for count in ranking.excluded.values())


@given(fleets(), st.booleans())
@settings(deadline=None)
def test_the_reasons_add_up_and_ties_go_to_the_lower_row(
    fleet: tuple[list[Unit], float, float], located: bool
) -> None:
    units, lat, lon = fleet
    ids = [UnitId(f"u{row}") for row in range(len(units))]
    counties = [CountyCode(name) for name in ("330301", "330302", "330303")]

    ranking = ask(units, lat if located else None, lon if located else None, 0, set())

    order = [(ranked.cost_ms, ranked.row) for ranked in ranking.candidates]
    assert order == sorted(order)
    for candidate in to_candidates(ranking, ids, counties, POLICY):
        assert sum(round(reason.seconds * 1000) for reason in candidate.reasons) == round(
            candidate.cost_s * 1000
        )
        assert candidate.reasons[0].kind == ("travel" if located else "no_location")
        assert all(reason.seconds > 0 for reason in candidate.reasons[1:])
        assert (candidate.eta_s is None) == (candidate.distance_m is None) == (not located)


@given(fleets(), st.booleans(), st.sets(st.integers(0, 50), max_size=8))
@settings(deadline=None)
def test_the_rank_kernel_and_its_twin_agree_to_the_last_bit(
    fleet: tuple[list[Unit], float, float], located: bool, named: set[int]
) -> None:
    units, lat, lon = fleet
    columns = columns_of(units)
    question = Question(
        lat=lat if located else None, lon=lon, now_ms=NOW_S * 1000, county=1, excluded_rows=named
    )
    policy = msgspec.structs.replace(POLICY, coverage_cost_s=60)
    asked = costs.asked(len(units), 1, question, policy)
    shape = costs.shaped(question, policy, [""], None)

    def outcome(bound: Any, within: Any, weigh: Any) -> tuple[Any, ...]:
        bounds, counts = np.zeros(len(units), np.int64), np.zeros(rank.COUNTED, np.int64)
        first, best = np.zeros((2, 4), np.int64), np.zeros((3, rank.KEPT), np.int64)
        able = int(
            bound(columns.narrow, columns.wide, asked, shape, costs.apart(question), bounds, first, counts)
        )
        rows = np.zeros(len(units), np.int64)
        found = int(within(bounds, 900_000, 0, -1, rows))
        chosen = np.array([rows[:found], rows[:found], rows[:found] % 5, rows[:found] % 3 - 1], np.int64)
        kept = int(weigh(columns.narrow, columns.wide, asked, shape, chosen, best, 0))
        return able, kept, *(made.tobytes() for made in (bounds, counts, first, rows, best))

    twin = twins()
    ours = outcome(rank.bound, rank.within, rank.weigh)
    assert ours == outcome(twin["rank.bound"], twin["rank.within"], twin["rank.weigh"])


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
@settings(deadline=None, max_examples=300)
def test_distance_without_trigonometry_is_good_to_a_metre_at_100_km(
    lat: float, lon: float, north: float, east: float
) -> None:
    there = lat + north, lon + east / math.cos(math.radians(lat))
    shape = np.array([lat * 1e7, lon * 1e7, *radii_near(lat), 1.0], np.float64)

    short = rank._distance(there[0] * 1e7, there[1] * 1e7, shape)

    assert abs(short - distance_m(lat, lon, *there)) < 0.05


FIXES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1)),
        st.integers(-900_000_000, 900_000_000),
        st.integers(-1_800_000_000, 1_800_000_000),
        st.one_of(
            st.integers(NOW_S - 10, NOW_S + 2 * AHEAD_S_MAX), st.sampled_from([0, 1, 2**31, 2**32 - 1])
        ),
        st.integers(0, 65535),
        st.integers(0, 65535),
    ),
    max_size=40,
)


@given(st.lists(FIXES, max_size=4), st.one_of(st.none(), st.just(NOW_S)))
@settings(deadline=None)
def test_fixes_in_any_order_leave_the_newest_of_each_unit(
    batches: list[list[tuple[int, ...]]], now_s: int | None
) -> None:
    columns = UnitColumns()
    for _ in range(5):
        columns.add()
    last: dict[int, tuple[int, ...]] = {}

    for batch in batches:
        taken, first = [], []
        for fix in batch:
            unit, time_s = fix[0], fix[3]
            if (
                unit < 5
                and 0 < time_s <= (now_s + AHEAD_S_MAX if now_s else 2**32)
                and time_s >= last.get(unit, (0,) * 4)[3]
            ):
                first += [unit] if unit not in last else []
                last[unit] = fix
                taken.append(fix)

        applied = columns.apply_fixes(np.array(batch, FIX_DTYPE).tobytes(), now_s=now_s)

        assert applied.accepted == np.array(taken, FIX_DTYPE).tobytes()
        assert applied.first == tuple(first)
        refused = applied.late + applied.unknown + applied.timeless + applied.ahead
        assert refused + len(taken) == len(batch)

    for row in range(5):
        columns_row = (columns.lat_e7, columns.lon_e7, columns.fix_s, columns.speed_cms, columns.course_cdeg)
        assert tuple(int(column[row]) for column in columns_row) == last.get(row, (0,) * 6)[1:]


@given(FIXES, st.integers(0, 8))
@settings(deadline=None)
def test_the_fixes_kernel_and_its_twin_leave_the_same_columns(
    batch: list[tuple[int, ...]], rows: int
) -> None:
    table = np.array(batch, np.int64).reshape(-1, 6).T.copy()

    def outcome(apply: Any) -> tuple[int, bytes, bytes, bytes]:
        columns, verdicts = UnitColumns(), np.zeros(len(batch), np.int64)
        taken = apply(columns.narrow, columns.wide, table, rows, NOW_S, verdicts)
        return int(taken), columns.narrow.tobytes(), columns.wide.tobytes(), verdicts.tobytes()

    assert outcome(fixes.apply) == outcome(twins()["fixes.apply"])
